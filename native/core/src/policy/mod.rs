//! Keylime runtime policies.

mod python_json;
mod runtime;

pub use runtime::{PolicySettings, RuntimePolicy};
