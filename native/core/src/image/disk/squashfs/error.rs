//! Why a squashfs filesystem cannot be read.

use crate::error::{Explain, Place};

/// Why a squashfs filesystem cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SquashfsError {
    /// A version or a compression that is not read.
    #[error("squashfs: {what} is not read")]
    Unsupported {
        /// Which.
        what: String,
    },
    /// It contradicts itself, or a block does not unpack.
    #[error("squashfs, at byte {at}: {problem}")]
    Corrupt {
        /// Where, in the filesystem.
        at: u64,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Explain for SquashfsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "SQUASHFS_UNSUPPORTED",
            Self::Corrupt { .. } => "SQUASHFS_CORRUPT",
        }
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unsupported { .. } => "mount the image read-only and give the directory",
            Self::Corrupt { .. } => {
                "the image is damaged; copy it again, and compare its checksum with the original's"
            }
        })
    }
}
