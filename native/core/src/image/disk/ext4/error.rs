//! Why an ext2, ext3 or ext4 filesystem cannot be read.

use crate::error::{Explain, Place};

/// Why an ext2, ext3 or ext4 filesystem cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ext4Error {
    /// The superblock contradicts itself.
    #[error("ext4 superblock: {problem}")]
    Superblock {
        /// What is wrong.
        problem: &'static str,
    },
    /// It has an incompatible feature that is not known here.
    #[error("the ext4 filesystem has the incompatible feature {feature}")]
    FeatureUnsupported {
        /// Its name, or its bit.
        feature: String,
    },
    /// It was not unmounted, and its journal cannot be replayed here.
    #[error(
        "the ext4 filesystem was not unmounted, and its journal has {feature}, which cannot be replayed here"
    )]
    JournalUnsupported {
        /// What it has.
        feature: String,
    },
    /// It was not unmounted, and its journal contradicts itself.
    #[error("ext4 journal, block {block}: {problem}")]
    Journal {
        /// The block of the journal, or of the filesystem.
        block: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A checksum is wrong.
    #[error("ext4: the checksum of {what} {number} is wrong")]
    Checksum {
        /// Of what.
        what: &'static str,
        /// Which one.
        number: u64,
    },
    /// An inode, or what belongs to it, contradicts itself.
    #[error("ext4 inode {inode}: {problem}")]
    Corrupt {
        /// Its number.
        inode: u32,
        /// What is wrong.
        problem: &'static str,
    },
    /// A file or directory is encrypted.
    #[error("ext4 inode {inode} is encrypted")]
    Encrypted {
        /// Its number.
        inode: u32,
    },
}

impl Explain for Ext4Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Superblock { .. } | Self::Corrupt { .. } | Self::Journal { .. } => "EXT4_CORRUPT",
            Self::FeatureUnsupported { .. } => "EXT4_UNSUPPORTED",
            Self::JournalUnsupported { .. } => "EXT4_JOURNAL_DIRTY",
            Self::Checksum { .. } => "EXT4_CHECKSUM_WRONG",
            Self::Encrypted { .. } => "EXT4_ENCRYPTED",
        }
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Superblock { .. } | Self::Corrupt { .. } | Self::Checksum { .. } | Self::Journal { .. } => {
                "check a copy of the image with `e2fsck -f`, or build it again"
            }
            Self::FeatureUnsupported { .. } => "mount the image read-only and give the directory",
            Self::JournalUnsupported { .. } => {
                "replay it in a copy of the image: `e2fsck -fy` on the partition, or mount it once"
            }
            Self::Encrypted { .. } => "leave it out with --skip: no key could make it readable here",
        })
    }
}
