//! Lists of real kernels.
