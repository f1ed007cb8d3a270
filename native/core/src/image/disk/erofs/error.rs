//! Why an EROFS filesystem cannot be read.

use crate::error::{Explain, Place};

/// Why an EROFS filesystem cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErofsError {
    /// Something that is not read.
    #[error("erofs: {what} is not read")]
    Unsupported {
        /// What it is.
        what: String,
    },
    /// The checksum of the superblock, the only one that there is.
    #[error("erofs: the superblock is damaged: its checksum is wrong")]
    Checksum,
    /// It contradicts itself, or a cluster does not unpack.
    #[error("erofs, at byte {at}: {problem}")]
    Corrupt {
        /// Where, in the filesystem.
        at: u64,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Explain for ErofsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "EROFS_UNSUPPORTED",
            Self::Checksum => "EROFS_CHECKSUM_WRONG",
            Self::Corrupt { .. } => "EROFS_CORRUPT",
        }
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unsupported { .. } => "mount the image read-only and give the directory",
            Self::Checksum | Self::Corrupt { .. } => {
                "the image is damaged; check it with `fsck.erofs`, and copy it again"
            }
        })
    }
}
