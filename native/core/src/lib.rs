//! Images, measurement lists and policies, read without Node and without unsafe code.
#![forbid(unsafe_code)]

pub mod allowlist;
pub mod error;
pub mod image;
pub mod path;
pub mod policy;
