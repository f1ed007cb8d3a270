//! Why a btrfs filesystem cannot be read.

use crate::error::{Explain, Place};
use crate::path::Escaped;

/// Why a btrfs filesystem cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BtrfsError {
    /// The superblock contradicts itself.
    #[error("btrfs superblock: {problem}")]
    Superblock {
        /// What is wrong.
        problem: &'static str,
    },
    /// It has something that is not known here.
    #[error("the btrfs filesystem has {feature}, which is not read")]
    Unsupported {
        /// Its name, or its bit.
        feature: String,
    },
    /// Parts of it are on devices that are not in the image.
    #[error("the btrfs filesystem has {devices} devices, and the image has one of them")]
    DeviceMissing {
        /// How many there are.
        devices: u64,
    },
    /// Files were synced, and what was synced is in a log alone.
    #[error("the btrfs filesystem was not unmounted: its log tree has to be replayed first")]
    LogDirty,
    /// Every copy of a block has a wrong checksum, or is one of another place, time or filesystem.
    #[error("btrfs: the {what} at logical byte {logical} is damaged: its {mark} is wrong")]
    Damaged {
        /// Of what.
        what: &'static str,
        /// Its logical address in bytes.
        logical: u64,
        /// Checksum, address, id, …
        mark: &'static str,
    },
    /// What several files or none belong to contradicts itself.
    #[error("btrfs, logical byte {logical}: {problem}")]
    Corrupt {
        /// The logical address in bytes of what is wrong.
        logical: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// An inode, or what belongs to it, contradicts itself.
    #[error("btrfs inode {inode} of subvolume {subvolume}: {problem}")]
    Inode {
        /// The number of its subvolume.
        subvolume: u64,
        /// Its number.
        inode: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// The bytes of a file or a name are encrypted.
    #[error("btrfs inode {inode} of subvolume {subvolume} is encrypted")]
    Encrypted {
        /// The number of its subvolume.
        subvolume: u64,
        /// Its number.
        inode: u64,
    },
    /// A subvolume that is the default, or that `fstab` mounts.
    #[error("the btrfs filesystem has no subvolume {}", Escaped(name.as_bytes()))]
    SubvolumeMissing {
        /// Its path, or its number.
        name: String,
    },
}

impl Explain for BtrfsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Superblock { .. } | Self::Corrupt { .. } | Self::Inode { .. } => "BTRFS_CORRUPT",
            Self::Unsupported { .. } => "BTRFS_UNSUPPORTED",
            Self::DeviceMissing { .. } => "BTRFS_DEVICE_MISSING",
            Self::LogDirty => "BTRFS_LOG_DIRTY",
            Self::Damaged { .. } => "BTRFS_CHECKSUM_WRONG",
            Self::Encrypted { .. } => "BTRFS_ENCRYPTED",
            Self::SubvolumeMissing { .. } => "BTRFS_SUBVOLUME_MISSING",
        }
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Superblock { .. } | Self::Corrupt { .. } | Self::Inode { .. } | Self::Damaged { .. } => {
                "check a copy of the image with `btrfs check --readonly`, or build it again"
            }
            Self::Unsupported { .. } => "mount the image read-only and give the directory",
            Self::DeviceMissing { .. } => "mount it with all of its devices and give the directory",
            Self::LogDirty => {
                "mount a copy of the image and unmount it, which replays the log; `btrfs rescue zero-log` would throw \
                 it away"
            }
            Self::Encrypted { .. } => {
                "leave it out with --skip, or unlock it, mount it and give the directory"
            }
            Self::SubvolumeMissing { .. } => {
                "`btrfs subvolume list` shows those of a mounted filesystem; leave the mount out with --skip and its path"
            }
        })
    }
}
