//! Lists that others made, with what a right verifier finds in them.
