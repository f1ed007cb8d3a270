//! Why an ISO 9660 filesystem cannot be read.

use crate::error::{Explain, Place};

/// Why an ISO 9660 filesystem cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Iso9660Error {
    /// Something that is not read.
    #[error("iso9660: {what} is not read")]
    Unsupported {
        /// What it is.
        what: &'static str,
    },
    /// It contradicts itself.
    #[error("iso9660, at byte {at}: {problem}")]
    Corrupt {
        /// Where, in the filesystem.
        at: u64,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Explain for Iso9660Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "ISO9660_UNSUPPORTED",
            Self::Corrupt { .. } => "ISO9660_CORRUPT",
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
