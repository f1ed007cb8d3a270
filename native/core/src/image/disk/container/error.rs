//! Why the container of a disk cannot be read: of every format but qcow2, which has errors of its own.

use std::fmt;

use super::super::DiskError;
use crate::error::{Explain, Place};
use crate::path::Escaped;

/// A format, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format(pub(in crate::image::disk) &'static str);

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Format {
    /// A number that cannot be, where it is in the file.
    pub(in crate::image::disk) fn malformed(self, offset: u64, problem: &'static str) -> DiskError {
        ContainerError::Malformed {
            format: self,
            offset,
            problem,
        }
        .into()
    }

    /// A form that is not read.
    pub(in crate::image::disk) fn unsupported(self, what: &'static str) -> DiskError {
        ContainerError::Unsupported { format: self, what }.into()
    }

    /// A form that has a name.
    pub(in crate::image::disk) fn type_unsupported(self, name: &[u8]) -> DiskError {
        ContainerError::TypeUnsupported {
            format: self,
            name: name.to_vec(),
        }
        .into()
    }

    /// A feature that is not known, by its bit.
    pub(in crate::image::disk) fn feature_unknown(self, bit: u32) -> DiskError {
        ContainerError::FeatureUnknown { format: self, bit }.into()
    }

    /// A checksum that does not fit what is at `offset` of the file.
    pub(in crate::image::disk) fn checksum_wrong(self, offset: u64) -> DiskError {
        ContainerError::ChecksumWrong { format: self, offset }.into()
    }

    /// A compressed piece at `offset` of the file that does not unpack.
    pub(in crate::image::disk) fn piece_corrupt(self, offset: u64) -> DiskError {
        ContainerError::PieceCorrupt { format: self, offset }.into()
    }

    /// A parent that is not the one of the image.
    pub(in crate::image::disk) fn parent_changed(self, name: &[u8]) -> DiskError {
        ContainerError::ParentChanged {
            format: self,
            name: name.to_vec(),
        }
        .into()
    }
}

/// Why the container of a disk cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// A form of it that is not read.
    #[error("{format}: {what}, which is not read")]
    Unsupported {
        /// Which.
        format: Format,
        /// What it is.
        what: &'static str,
    },
    /// A form of it that has a name.
    #[error("{format} of the type {}, which is not read", Escaped(name))]
    TypeUnsupported {
        /// Which.
        format: Format,
        /// As the image names it.
        name: Vec<u8>,
    },
    /// It needs a feature that is not known.
    #[error("{format} with the feature {bit}, which is not known")]
    FeatureUnknown {
        /// Which.
        format: Format,
        /// Its bit.
        bit: u32,
    },
    /// One of several files, and not the one that names the others.
    #[error("the VMDK has no descriptor: it is one of the files that a disk is made of")]
    DescriptorMissing,
    /// A number that cannot be.
    #[error("{format}, byte {offset}: {problem}")]
    Malformed {
        /// Which.
        format: Format,
        /// Where it is in the file.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A checksum does not fit.
    #[error("{format}, byte {offset}: the checksum is wrong")]
    ChecksumWrong {
        /// Which.
        format: Format,
        /// Where what it is of is in the file.
        offset: u64,
    },
    /// A log has to be replayed.
    #[error("the {format} was not closed: its log has to be replayed")]
    LogDirty {
        /// Which.
        format: Format,
    },
    /// A compressed piece does not unpack to a whole one, or is another one.
    #[error("the compressed piece at byte {offset} of the {format} is corrupt")]
    PieceCorrupt {
        /// Which.
        format: Format,
        /// Where it is in the file.
        offset: u64,
    },
    /// The image below was changed, or is another one.
    #[error(
        "{} is not the parent that the {format} was made over, or was changed since",
        Escaped(name)
    )]
    ParentChanged {
        /// Which.
        format: Format,
        /// As the image names it.
        name: Vec<u8>,
    },
}

impl Explain for ContainerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } | Self::TypeUnsupported { .. } | Self::FeatureUnknown { .. } => {
                "DISK_FORMAT_UNSUPPORTED"
            }
            Self::DescriptorMissing => "DISK_DESCRIPTOR_MISSING",
            Self::Malformed { .. } => "DISK_MALFORMED",
            Self::ChecksumWrong { .. } => "DISK_CHECKSUM_WRONG",
            Self::LogDirty { .. } => "DISK_LOG_DIRTY",
            Self::PieceCorrupt { .. } => "DISK_PIECE_CORRUPT",
            Self::ParentChanged { .. } => "DISK_PARENT_CHANGED",
        }
    }

    fn place(&self) -> Place {
        let offset_bytes = match self {
            Self::Malformed { offset, .. }
            | Self::ChecksumWrong { offset, .. }
            | Self::PieceCorrupt { offset, .. } => Some(*offset),
            _ => None,
        };
        Place {
            offset_bytes,
            ..Place::default()
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unsupported { .. } | Self::TypeUnsupported { .. } | Self::FeatureUnknown { .. } => {
                "convert it: `qemu-img convert -O raw IMAGE disk.raw`, or with the program that made it"
            }
            Self::DescriptorMissing => "give the .vmdk file whose text names this one",
            Self::LogDirty { .. } => {
                "replay it on a copy: `qemu-img check -r all COPY`, or attach the copy once where it came from"
            }
            Self::Malformed { .. } | Self::ChecksumWrong { .. } | Self::PieceCorrupt { .. } => {
                "copy it again, and compare its digest with the original's"
            }
            Self::ParentChanged { .. } => "put the parent that it was made over in its place",
        })
    }
}
