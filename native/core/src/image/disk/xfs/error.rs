//! Why an XFS filesystem cannot be read.

use crate::error::{Explain, Place};

/// Why an XFS filesystem cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XfsError {
    /// The superblock contradicts itself.
    #[error("xfs superblock: {problem}")]
    Superblock {
        /// What is wrong.
        problem: &'static str,
    },
    /// It has an incompatible feature that is not known here.
    #[error("the xfs filesystem has the incompatible feature {feature}")]
    FeatureUnsupported {
        /// Its name, or its bit.
        feature: String,
    },
    /// Its log is on another device, so that nobody knows what is still to be written.
    #[error("the xfs filesystem has its log on another device")]
    LogExternal,
    /// A repair was begun, or an administrator asked for one.
    #[error("the xfs filesystem is marked as in need of repair")]
    NeedsRepair,
    /// It was not unmounted: what the log holds is not where it belongs yet.
    #[error("the xfs filesystem was not unmounted: its log has to be replayed first")]
    LogDirty,
    /// A checksum is wrong, or a block is one of another place, file or filesystem.
    #[error("xfs: the {what} at block {block} is damaged: its {mark} is wrong")]
    BlockDamaged {
        /// Of what.
        what: &'static str,
        /// Where it is, in blocks of the filesystem.
        block: u64,
        /// Checksum, number, owner or id.
        mark: &'static str,
    },
    /// The bytes of a file are on a realtime device.
    #[error("xfs inode {inode}: the file is on the realtime device")]
    Realtime {
        /// Its number.
        inode: u64,
    },
    /// An inode, or what belongs to it, contradicts itself.
    #[error("xfs inode {inode}: {problem}")]
    Corrupt {
        /// Its number.
        inode: u64,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Explain for XfsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Superblock { .. } | Self::Corrupt { .. } => "XFS_CORRUPT",
            Self::FeatureUnsupported { .. } | Self::LogExternal | Self::Realtime { .. } => "XFS_UNSUPPORTED",
            Self::NeedsRepair => "XFS_NEEDS_REPAIR",
            Self::LogDirty => "XFS_LOG_DIRTY",
            Self::BlockDamaged { .. } => "XFS_CHECKSUM_WRONG",
        }
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Superblock { .. } | Self::Corrupt { .. } | Self::BlockDamaged { .. } => {
                "check a copy of the image with `xfs_repair -n`, or build it again"
            }
            Self::FeatureUnsupported { .. } => "mount the image read-only and give the directory",
            Self::LogExternal => "mount it with its log (`-o ro,logdev=DEVICE`) and give the directory",
            Self::Realtime { .. } => "leave it out with --skip, or mount the image and give the directory",
            Self::NeedsRepair => "repair a copy of the image: `xfs_repair` on the partition",
            Self::LogDirty => {
                "mount a copy of the image and unmount it, which replays the log; `xfs_repair -L` would throw it away"
            }
        })
    }
}
