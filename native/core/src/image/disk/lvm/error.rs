//! Why volumes of LVM cannot be read.

use crate::error::{Explain, Place};
use crate::path::Escaped;

/// Why volumes of LVM cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LvmError {
    /// The label, a header or the metadata contradicts itself.
    #[error("lvm physical volume, byte {offset}: {problem}")]
    Corrupt {
        /// Where, from the start of the physical volume.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// The metadata is whole and describes what cannot be.
    #[error("lvm volume {}: {problem}", Escaped(volume.as_bytes()))]
    Impossible {
        /// Its name, `group/volume`.
        volume: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A volume is more than pieces of physical volumes.
    #[error("lvm volume {} is of type {}, which cannot be read", Escaped(volume.as_bytes()), Escaped(kind.as_bytes()))]
    TypeUnsupported {
        /// Its name, `group/volume`.
        volume: String,
        /// `thin`, `raid1`, …
        kind: String,
    },
    /// A part of a volume is on a disk that is not in the image.
    #[error("lvm volume {} has a part on the physical volume {}, which is not in the image",
        Escaped(volume.as_bytes()), Escaped(missing.as_bytes()))]
    PhysicalVolumeMissing {
        /// Its name, `group/volume`.
        volume: String,
        /// The id of the physical volume.
        missing: String,
    },
}

impl Explain for LvmError {
    fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } | Self::Impossible { .. } => "LVM_CORRUPT",
            Self::TypeUnsupported { .. } => "LVM_UNSUPPORTED",
            Self::PhysicalVolumeMissing { .. } => "LVM_INCOMPLETE",
        }
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Corrupt { .. } | Self::Impossible { .. } => {
                "look at the physical volume with `pvck --dump metadata`, or build the image again"
            }
            Self::TypeUnsupported { .. } => {
                "activate and mount the volume and give its directory, or leave it out with --skip"
            }
            Self::PhysicalVolumeMissing { .. } => {
                "give an image that has all disks of the volume group, or leave it out with --skip"
            }
        })
    }
}
