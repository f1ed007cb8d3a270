//! The four checksums that a filesystem can have, of metadata and of data alike.
//!
//! Source: Linux, `fs/btrfs/fs.c` (`btrfs_csum`).

use blake2::Blake2b256;
use sha2::{Digest as _, Sha256};

/// Room for the longest.
pub(super) const CHECKSUM_BYTES: usize = 32;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checksum {
    Crc32c,
    XxHash64,
    Sha256,
    Blake2b,
}

impl Checksum {
    /// The one with this number.
    pub(super) fn of_number(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Crc32c),
            1 => Some(Self::XxHash64),
            2 => Some(Self::Sha256),
            3 => Some(Self::Blake2b),
            _ => None,
        }
    }

    pub(super) fn len(self) -> usize {
        match self {
            Self::Crc32c => 4,
            Self::XxHash64 => 8,
            Self::Sha256 | Self::Blake2b => CHECKSUM_BYTES,
        }
    }

    /// Whether `stated` begins with the checksum of `bytes`.
    pub(super) fn is_right(self, bytes: &[u8], stated: &[u8]) -> bool {
        match self {
            Self::Crc32c => stated.starts_with(&crc32c::crc32c(bytes).to_le_bytes()),
            Self::XxHash64 => stated.starts_with(&twox_hash::XxHash64::oneshot(0, bytes).to_le_bytes()),
            Self::Sha256 => stated.starts_with(&Sha256::digest(bytes)),
            Self::Blake2b => stated.starts_with(&Blake2b256::digest(bytes)),
        }
    }
}
