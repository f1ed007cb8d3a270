//! Why a qcow2 file cannot be read.

use crate::error::{Explain, Place};
use crate::path::Escaped;

/// Why a qcow2 file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Qcow2Error {
    /// A version that is not 2 or 3.
    #[error("qcow2 of version {version}; 2 and 3 are known")]
    Version {
        /// The version.
        version: u32,
    },
    /// A number that cannot be.
    #[error("qcow2, byte {offset}: {problem}")]
    Malformed {
        /// Where it is in the file.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// Part of it is in another file, which is none of those that may be read for it.
    #[error("the qcow2 file is not whole without {}, {why}", Escaped(name))]
    OtherFile {
        /// As the image names it.
        name: Vec<u8>,
        /// Why that is not read.
        why: &'static str,
    },
    /// Another file that it needs cannot be opened.
    #[error("the qcow2 file is not whole without {}: {error}", Escaped(name))]
    OtherFileUnreadable {
        /// As the image names it.
        name: Vec<u8>,
        /// What the operating system says.
        error: String,
    },
    /// It is encrypted.
    #[error("the qcow2 file is encrypted")]
    Encrypted,
    /// Its writer has marked it as corrupt.
    #[error("the qcow2 file is marked as corrupt")]
    MarkedCorrupt,
    /// It needs a feature that is not known.
    #[error("the qcow2 file needs the incompatible feature {bit}, which is not known")]
    FeatureUnknown {
        /// Its bit.
        bit: u32,
    },
    /// A compressed cluster does not unpack to a whole one.
    #[error("the compressed cluster at byte {offset} of the qcow2 file is corrupt")]
    ClusterCorrupt {
        /// Where it is in the file.
        offset: u64,
    },
}

impl Explain for Qcow2Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Version { .. } | Self::FeatureUnknown { .. } => "QCOW2_UNSUPPORTED",
            Self::Malformed { .. } | Self::MarkedCorrupt => "QCOW2_MALFORMED",
            Self::OtherFile { .. } | Self::OtherFileUnreadable { .. } => "QCOW2_OTHER_FILE",
            Self::Encrypted => "QCOW2_ENCRYPTED",
            Self::ClusterCorrupt { .. } => "QCOW2_CLUSTER_CORRUPT",
        }
    }

    fn place(&self) -> Place {
        let offset_bytes = match self {
            Self::Malformed { offset, .. } | Self::ClusterCorrupt { offset } => Some(*offset),
            _ => None,
        };
        Place {
            offset_bytes,
            ..Place::default()
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::OtherFile { .. } | Self::OtherFileUnreadable { .. } => {
                "name the directory it lies in with --allow-backing, or make one file of both: `qemu-img convert -O qcow2 IMAGE WHOLE`"
            }
            Self::Encrypted => "decrypt it: `qemu-img convert` with the key as a secret",
            Self::Malformed { .. } | Self::MarkedCorrupt | Self::ClusterCorrupt { .. } => {
                "look at it with `qemu-img check`, and copy it again"
            }
            Self::Version { .. } | Self::FeatureUnknown { .. } => {
                "convert it with a newer QEMU: `qemu-img convert -O raw IMAGE disk.raw`"
            }
        })
    }
}
