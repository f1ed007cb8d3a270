//! Why a disk image cannot be read.

use std::io;
use std::sync::Arc;

use super::btrfs::BtrfsError;
use super::container::{ContainerError, OtherFileError};
use super::erofs::ErofsError;
use super::ext4::Ext4Error;
use super::iso9660::Iso9660Error;
use super::lvm::LvmError;
use super::qcow2::Qcow2Error;
use super::squashfs::SquashfsError;
use super::xfs::XfsError;
use crate::error::{Explain, Place};
use crate::path::Escaped;

/// Why a disk image cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The operating system said no.
    #[error("{0}")]
    Io(#[source] Arc<io::Error>),
    /// Something lies beyond the end of what should hold it.
    #[error("byte {offset} is needed, and there are only {size}")]
    BeyondEnd {
        /// What is needed.
        offset: u64,
        /// Bytes that there are.
        size: u64,
    },
    /// The container.
    #[error(transparent)]
    Qcow2(#[from] Qcow2Error),
    /// Another kind of container.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A file that a container names.
    #[error(transparent)]
    OtherFile(#[from] OtherFileError),
    /// The partition table.
    #[error("partition table, byte {offset}: {problem}")]
    Table {
        /// Where it is on the disk.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// Volumes over partitions.
    #[error(transparent)]
    Lvm(#[from] LvmError),
    /// A filesystem.
    #[error(transparent)]
    Ext4(#[from] Ext4Error),
    /// Another one.
    #[error(transparent)]
    Xfs(#[from] XfsError),
    /// And another.
    #[error(transparent)]
    Squashfs(#[from] SquashfsError),
    /// One of its kind.
    #[error(transparent)]
    Erofs(#[from] ErofsError),
    /// Of a CD.
    #[error(transparent)]
    Iso9660(#[from] Iso9660Error),
    /// And a third.
    #[error(transparent)]
    Btrfs(#[from] BtrfsError),
    /// A FAT filesystem.
    #[error("vfat: {problem}")]
    Vfat {
        /// What is wrong.
        problem: &'static str,
    },
    /// A filesystem that is wanted and not understood.
    #[error("{volume} is {kind}, which cannot be read")]
    FilesystemUnsupported {
        /// Which part of the disk.
        volume: String,
        /// What it is.
        kind: &'static str,
    },
    /// A device that is mounted and not in the image, or in a part of it that cannot be read.
    #[error("fstab mounts {} here, which is not found in the image", Escaped(device.as_bytes()))]
    MountMissing {
        /// As `fstab` names it.
        device: String,
    },
    /// The partition that was asked for.
    #[error("there is no partition {}; parts of the image: {known}", Escaped(name.as_bytes()))]
    PartitionMissing {
        /// Its number, or the name of a logical volume.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// No filesystem looks like the root of a system.
    #[error("no root filesystem found; parts of the image: {known}")]
    RootMissing {
        /// The parts of the disk and what they are.
        known: String,
    },
    /// Its files are larger than what was allowed.
    #[error("the files of the image have more than {limit} bytes together")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The directories of a filesystem have more bytes than it has.
    #[error("the directories up to here are larger than the filesystem: they share blocks")]
    DirectoriesOverlap,
    /// A directory has a name twice, so that nobody knows which file it is.
    #[error("the directory has a name twice")]
    NameTwice,
    /// Its paths are longer than what was allowed.
    #[error("the paths of the image have more than {limit} bytes together")]
    TooMuchText {
        /// The limit.
        limit: u64,
    },
    /// Several do.
    #[error("several filesystems may be the root: {candidates}")]
    RootAmbiguous {
        /// Which.
        candidates: String,
    },
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl Explain for DiskError {
    fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "IMAGE_UNREADABLE",
            Self::BeyondEnd { .. } => "DISK_TRUNCATED",
            Self::Qcow2(error) => error.code(),
            Self::Container(error) => error.code(),
            Self::OtherFile(error) => error.code(),
            Self::Table { .. } => "PARTITION_TABLE_MALFORMED",
            Self::Lvm(error) => error.code(),
            Self::Ext4(error) => error.code(),
            Self::Xfs(error) => error.code(),
            Self::Squashfs(error) => error.code(),
            Self::Erofs(error) => error.code(),
            Self::Iso9660(error) => error.code(),
            Self::Btrfs(error) => error.code(),
            Self::Vfat { .. } => "VFAT_CORRUPT",
            Self::FilesystemUnsupported { .. } => "FILESYSTEM_UNSUPPORTED",
            Self::MountMissing { .. } => "MOUNT_MISSING",
            Self::PartitionMissing { .. } => "PARTITION_MISSING",
            Self::RootMissing { .. } => "ROOT_MISSING",
            Self::RootAmbiguous { .. } => "ROOT_AMBIGUOUS",
            Self::TooLarge { .. } => "DISK_TOO_LARGE",
            Self::TooMuchText { .. } => "DISK_TOO_MUCH_TEXT",
            Self::DirectoriesOverlap => "DIRECTORIES_OVERLAP",
            Self::NameTwice => "DIRECTORY_NAME_TWICE",
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::BeyondEnd { offset, .. } | Self::Table { offset, .. } => Place {
                offset_bytes: Some(*offset),
                ..Place::default()
            },
            Self::Qcow2(error) => error.place(),
            Self::Container(error) => error.place(),
            Self::OtherFile(error) => error.place(),
            Self::Lvm(error) => error.place(),
            Self::Ext4(error) => error.place(),
            Self::Xfs(error) => error.place(),
            Self::Squashfs(error) => error.place(),
            Self::Erofs(error) => error.place(),
            Self::Iso9660(error) => error.place(),
            Self::Btrfs(error) => error.place(),
            _ => Place::default(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io(_) => Some("check that the file may be read"),
            Self::BeyondEnd { .. } => {
                Some("the image is cut; copy it again and compare its size with the original's")
            }
            Self::Qcow2(error) => error.hint(),
            Self::Container(error) => error.hint(),
            Self::OtherFile(error) => error.hint(),
            Self::Table { .. } => Some("look at it with `sgdisk --verify`, and copy the image again"),
            Self::Lvm(error) => error.hint(),
            Self::Ext4(error) => error.hint(),
            Self::Xfs(error) => error.hint(),
            Self::Squashfs(error) => error.hint(),
            Self::Erofs(error) => error.hint(),
            Self::Iso9660(error) => error.hint(),
            Self::Btrfs(error) => error.hint(),
            Self::Vfat { .. } => {
                Some("check a copy of the image with `fsck.vfat -n`, or leave it out with --skip")
            }
            Self::FilesystemUnsupported { .. } => Some(
                "leave it out with --skip and the path it is mounted on, or mount it and give its directory",
            ),
            Self::MountMissing { .. } => {
                Some("leave it out with --skip and the path, or list all else with --keep-going")
            }
            Self::PartitionMissing { .. } => Some("`ima-assay inspect` shows the partitions"),
            Self::RootMissing { .. } => Some(
                "`ima-assay inspect --keep-going` shows what there is; name the root with --partition, or mount it and give its directory",
            ),
            Self::RootAmbiguous { .. } => {
                Some("name the one with --partition; `ima-assay inspect --keep-going` shows them")
            }
            Self::TooLarge { .. } => Some("if the image is meant to be so, raise --limit max-unpacked-bytes"),
            Self::DirectoriesOverlap | Self::NameTwice => Some("check a copy of the image with `fsck -n`"),
            Self::TooMuchText { .. } => Some("if the image is meant to be so, raise --limit max-text-bytes"),
        }
    }
}
