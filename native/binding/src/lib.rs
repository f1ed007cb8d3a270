//! The N-API skin: converts arguments and results, catches panics, maps errors. No logic.

pub mod allowlist;
pub mod control;
mod error;
pub mod extract;
pub mod list;
pub mod loaded_policy;
pub mod locate;
pub mod owners;
pub mod policy;
pub mod policy_file;
pub mod repository;
pub mod verify;

use napi_derive::napi;

/// Version of the native core; the loader refuses one that is not the package's.
#[napi]
pub fn core_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Every hash algorithm, by the kernel's name, with its digest length in bytes.
#[napi]
pub fn algorithms() -> Vec<AlgorithmInfo> {
    ima_assay_digest::Algorithm::ALL
        .iter()
        .map(|algorithm| AlgorithmInfo {
            name: algorithm.name(),
            aliases: algorithm.aliases().to_vec(),
            digest_bytes: u32::try_from(algorithm.len()).unwrap_or(u32::MAX),
        })
        .collect()
}

/// A hash algorithm.
#[napi(object, object_from_js = false)]
pub struct AlgorithmInfo {
    /// The kernel's name.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: Vec<&'static str>,
    /// Length of a digest.
    pub digest_bytes: u32,
}
