//! Images, measurement lists and policies, read without Node and without unsafe code.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        reason = "a test that overflows fails, as it should"
    )
)]

pub mod allowlist;
pub mod error;
pub mod evidence;
pub mod image;
pub mod input;
pub mod measurement;
pub mod path;
pub mod pcr;
pub mod policy;
pub mod policy_files;
pub mod public_key;
pub mod quote;
pub mod signature;
#[cfg(test)]
mod testing;
pub mod tpm;
pub mod verify;
