//! The N-API skin: converts arguments and results, catches panics, maps errors. No logic.
