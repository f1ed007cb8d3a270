//! Keylime runtime policies.

pub mod exclude;
mod python_json;
mod runtime;

pub use runtime::{PolicySettings, RuntimePolicy};
