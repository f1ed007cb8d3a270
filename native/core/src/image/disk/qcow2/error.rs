//! Why a qcow2 file cannot be read.

use crate::error::{Explain, Place};

/// Why a qcow2 file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Qcow2Error {
    /// The format before it, in which clusters are kept in another way.
    #[error("the file is of the old format qcow (version 1), which is not read")]
    Qcow1,
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
            Self::Qcow1 | Self::Version { .. } | Self::FeatureUnknown { .. } => "QCOW2_UNSUPPORTED",
            Self::Malformed { .. } | Self::MarkedCorrupt => "QCOW2_MALFORMED",
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
            Self::Encrypted => "decrypt it: `qemu-img convert` with the key as a secret",
            Self::Malformed { .. } | Self::MarkedCorrupt | Self::ClusterCorrupt { .. } => {
                "look at it with `qemu-img check`, and copy it again"
            }
            Self::Qcow1 => "convert it: `qemu-img convert -O qcow2 IMAGE disk.qcow2`",
            Self::Version { .. } | Self::FeatureUnknown { .. } => {
                "convert it with a newer QEMU: `qemu-img convert -O raw IMAGE disk.raw`"
            }
        })
    }
}
