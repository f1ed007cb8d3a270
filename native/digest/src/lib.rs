//! The hashing core: every hash algorithm IMA can name.
//!
//! ```
//! use ima_assay_digest::{Algorithm, hash};
//!
//! let algorithm: Algorithm = "sha256".parse()?;
//! assert_eq!(
//!     hash(algorithm, b"hello\n").to_string(),
//!     "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
//! );
//! # Ok::<(), ima_assay_digest::UnknownAlgorithm>(())
//! ```

#![deny(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        reason = "the numbers of the tests are small"
    )
)]

mod algorithm;
mod control;
mod hasher;
mod lanes;
mod many;
mod pool;
mod short;
#[cfg(test)]
mod tests;
mod value;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use control::{Control, Progress};
pub use hasher::{Hasher, hash};
pub use many::hash_many;
pub use pool::{Content, Hashed, Outcome, PoolOptions, Stopped, Submit, hash_all};
pub use short::ShortHasher;
pub use value::{Digest, DigestError, MAX_LEN, decode_hex, decode_hex_into, encode_hex, hex};
