//! What all filesystems have in common.

use std::sync::Arc;

use super::DiskError;
use super::btrfs::{self, Btrfs, Subvolume};
use super::erofs::{self, Erofs};
use super::ext4::{self, Ext4};
use super::iso9660::{self, Iso9660};
use super::read_at::ReadAt;
use super::squashfs::{self, Squashfs};
use super::vfat::{self, Vfat};
use super::xfs::{self, Xfs};
use crate::allowlist::Signatures;

/// A filesystem that can be read.
pub(super) enum Filesystem {
    Btrfs(Box<Btrfs>),
    Erofs(Box<Erofs>),
    Ext4(Ext4),
    Iso9660(Box<Iso9660>),
    Squashfs(Squashfs),
    Vfat(Vfat),
    Xfs(Xfs),
}

/// What kind of file something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    Directory,
    Symlink,
    /// A device, FIFO or socket.
    Special,
}

impl Kind {
    /// The kind that a file's mode says; none if it says none that there is.
    pub(super) fn of_mode(mode: u16) -> Option<Self> {
        match mode & 0xf000 {
            0x8000 => Some(Self::Regular),
            0x4000 => Some(Self::Directory),
            0xa000 => Some(Self::Symlink),
            // FIFOs, character devices, block devices, sockets.
            0x1000 | 0x2000 | 0x6000 | 0xc000 => Some(Self::Special),
            _ => None,
        }
    }
}

/// A file, directory or something else.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Btrfs(btrfs::Node),
    Erofs(erofs::Node),
    Ext4(ext4::Node),
    Iso9660(iso9660::Node),
    Squashfs(squashfs::Node),
    Vfat(vfat::Node),
    Xfs(xfs::Node),
}

/// A name's meaning, which in some filesystems still has to be read.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Btrfs(btrfs::Place),
    Inode(u64),
    Record(iso9660::Record),
    Whole(vfat::Node),
}

/// What a file is known by: in btrfs the number of its subvolume, elsewhere 0; and its own.
pub(super) type Identity = (u64, u64);

/// What is said of a file beside its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size_bytes: u64,
    /// What it is known by, if it may have several names.
    pub(super) linked: Option<Identity>,
    /// A number to sort by: files in this order are read without going back.
    pub(super) first_block: u64,
}

/// A file of vfat as Linux mounts it.
const VFAT_MODE: u32 = 0o100_755;

impl Filesystem {
    pub(super) fn open_btrfs(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        Btrfs::open(volume).map(Box::new).map(Self::Btrfs)
    }

    pub(super) fn open_erofs(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        Erofs::open(volume).map(Box::new).map(Self::Erofs)
    }

    pub(super) fn open_ext4(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        Ext4::open(volume).map(Self::Ext4)
    }

    pub(super) fn open_iso9660(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        Iso9660::open(volume).map(Box::new).map(Self::Iso9660)
    }

    pub(super) fn open_vfat(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        Vfat::open(volume).map(Self::Vfat)
    }

    pub(super) fn open_xfs(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        Xfs::open(volume).map(Self::Xfs)
    }

    pub(super) fn open_squashfs(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        Squashfs::open(volume).map(Self::Squashfs)
    }

    /// Bytes of the filesystem.
    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Self::Btrfs(btrfs) => btrfs.size_bytes(),
            Self::Erofs(erofs) => erofs.size_bytes(),
            Self::Ext4(ext4) => ext4.size_bytes(),
            Self::Iso9660(iso) => iso.size_bytes(),
            Self::Vfat(vfat) => vfat.size_bytes(),
            Self::Xfs(xfs) => xfs.size_bytes(),
            Self::Squashfs(squashfs) => squashfs.size_bytes(),
        }
    }

    /// Whether it was not unmounted and is read as its journal makes it.
    pub(super) fn is_replayed(&self) -> bool {
        matches!(self, Self::Ext4(ext4) if ext4.is_replayed())
    }

    /// Bytes of a directory.
    pub(super) fn directory_bytes(&self, directory: &Node) -> Result<u64, DiskError> {
        match (self, directory) {
            (Self::Vfat(vfat), Node::Vfat(node)) => vfat.directory_size(node),
            (Self::Xfs(xfs), Node::Xfs(node)) => xfs.directory_size(node),
            (_, Node::Squashfs(node)) => Ok(Squashfs::directory_bytes(node)),
            (_, Node::Erofs(node)) => Ok(node.size_bytes),
            (_, Node::Iso9660(node)) => Ok(node.size_bytes),
            (_, Node::Ext4(node)) => Ok(node.size_bytes()),
            (_, Node::Btrfs(node)) => Ok(node.size_bytes()),
            _ => Ok(0),
        }
    }

    /// The directory that has a system, if any has.
    pub(super) fn root(&self) -> Result<Node, DiskError> {
        self.top(&Subvolume::System)
    }

    /// The directory that it begins with once a subvolume is mounted, where it has those.
    pub(super) fn top(&self, subvolume: &Subvolume) -> Result<Node, DiskError> {
        match self {
            Self::Btrfs(btrfs) => btrfs.top(subvolume).map(Node::Btrfs),
            Self::Erofs(erofs) => erofs.root().map(Node::Erofs),
            Self::Ext4(ext4) => ext4.root().map(Node::Ext4),
            Self::Iso9660(iso) => iso.root().map(Node::Iso9660),
            Self::Vfat(vfat) => Ok(Node::Vfat(vfat.root())),
            Self::Xfs(xfs) => xfs.root().map(Node::Xfs),
            Self::Squashfs(squashfs) => squashfs.root().map(Node::Squashfs),
        }
    }

    /// Names of what is in a directory; nothing if it is none.
    pub(super) fn list(&self, directory: &Node) -> Result<Vec<(Vec<u8>, Entry)>, DiskError> {
        match (self, directory) {
            (Self::Ext4(ext4), Node::Ext4(node)) => {
                let names = ext4.list(node)?.into_iter();
                Ok(names
                    .map(|(name, number)| (name, Entry::Inode(number.into())))
                    .collect())
            }
            (Self::Btrfs(btrfs), Node::Btrfs(node)) => {
                let names = btrfs.list(node)?.into_iter();
                Ok(names.map(|(name, place)| (name, Entry::Btrfs(place))).collect())
            }
            (Self::Xfs(xfs), Node::Xfs(node)) => {
                let names = xfs.list(node)?.into_iter();
                Ok(names.map(|(name, number)| (name, Entry::Inode(number))).collect())
            }
            (Self::Squashfs(squashfs), Node::Squashfs(node)) => {
                let names = squashfs.list(node)?.into_iter();
                Ok(names.map(|(name, number)| (name, Entry::Inode(number))).collect())
            }
            (Self::Erofs(erofs), Node::Erofs(node)) => {
                let names = erofs.list(node)?.into_iter();
                Ok(names.map(|(name, number)| (name, Entry::Inode(number))).collect())
            }
            (Self::Iso9660(iso), Node::Iso9660(node)) => {
                let names = iso.list(node)?.into_iter();
                Ok(names
                    .map(|(name, record)| (name, Entry::Record(record)))
                    .collect())
            }
            (Self::Vfat(vfat), Node::Vfat(node)) => {
                let names = vfat.list(node)?.into_iter();
                Ok(names.map(|(name, node)| (name, Entry::Whole(node))).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What a name stands for.
    pub(super) fn node(&self, entry: Entry) -> Result<Option<Node>, DiskError> {
        match (self, entry) {
            (Self::Btrfs(btrfs), Entry::Btrfs(place)) => btrfs.node(place).map(Node::Btrfs).map(Some),
            (Self::Ext4(ext4), Entry::Inode(number)) => ext4.node(number).map(Node::Ext4).map(Some),
            (Self::Xfs(xfs), Entry::Inode(number)) => xfs.node(number).map(Node::Xfs).map(Some),
            (Self::Squashfs(squashfs), Entry::Inode(number)) => {
                squashfs.node(number).map(Node::Squashfs).map(Some)
            }
            (Self::Erofs(erofs), Entry::Inode(number)) => erofs.node(number).map(Node::Erofs).map(Some),
            (Self::Iso9660(iso), Entry::Record(record)) => iso.node(record).map(Node::Iso9660).map(Some),
            (Self::Vfat(_), Entry::Whole(node)) => Ok(Some(Node::Vfat(node))),
            _ => Ok(None),
        }
    }

    pub(super) fn facts(&self, file: &Node) -> Facts {
        match file {
            Node::Erofs(node) => Facts {
                mode: node.mode,
                uid: node.uid,
                gid: node.gid,
                size_bytes: node.size_bytes,
                linked: Some((0, node.number)).filter(|_| node.links > 1),
                first_block: match self {
                    Self::Erofs(erofs) => erofs.first_block(node),
                    _ => 0,
                },
            },
            Node::Btrfs(node) => Facts {
                mode: node.mode(),
                uid: node.uid(),
                gid: node.gid(),
                size_bytes: node.size_bytes(),
                linked: Some(node.identity()).filter(|_| node.links() > 1),
                first_block: node.first_address(),
            },
            Node::Ext4(node) => Facts {
                mode: node.mode(),
                uid: node.uid(),
                gid: node.gid(),
                size_bytes: node.size_bytes(),
                linked: Some((0, node.number().into())).filter(|_| node.links() > 1),
                first_block: node.first_block(),
            },
            Node::Xfs(node) => Facts {
                mode: node.mode(),
                uid: node.uid(),
                gid: node.gid(),
                size_bytes: node.size_bytes(),
                linked: Some((0, node.number())).filter(|_| node.links() > 1),
                first_block: node.first_block(),
            },
            Node::Squashfs(node) => Facts {
                mode: node.mode,
                uid: node.uid,
                gid: node.gid,
                size_bytes: node.size_bytes,
                linked: Some((0, node.reference)).filter(|_| node.links > 1),
                first_block: node.first_block(),
            },
            Node::Iso9660(node) => Facts {
                mode: node.mode,
                uid: node.uid,
                gid: node.gid,
                size_bytes: node.size_bytes,
                // Linux knows each name by itself.
                linked: None,
                first_block: node.first_block(),
            },
            Node::Vfat(node) => Facts {
                mode: VFAT_MODE,
                uid: 0,
                gid: 0,
                size_bytes: node.size_bytes,
                linked: None,
                first_block: node.first_cluster().into(),
            },
        }
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, file: &Node) -> Option<Bytes<'_>> {
        match (self, file) {
            (Self::Btrfs(btrfs), Node::Btrfs(node)) => Some(Bytes::Btrfs(Box::new(btrfs.bytes(node)))),
            (Self::Erofs(erofs), Node::Erofs(node)) => Some(Bytes::Erofs(Box::new(erofs.bytes(node)))),
            (Self::Ext4(ext4), Node::Ext4(node)) => Some(Bytes::Ext4(ext4.bytes(node))),
            (Self::Iso9660(iso), Node::Iso9660(node)) => Some(Bytes::Iso9660(Box::new(iso.bytes(node)))),
            (Self::Vfat(vfat), Node::Vfat(node)) => Some(Bytes::Vfat(vfat.bytes(node))),
            (Self::Xfs(xfs), Node::Xfs(node)) => Some(Bytes::Xfs(xfs.bytes(node))),
            (Self::Squashfs(squashfs), Node::Squashfs(node)) => squashfs.bytes(node).map(Bytes::Squashfs),
            _ => None,
        }
    }

    /// The attributes of a file that signatures are kept in. vfat and ISO 9660 have none.
    pub(super) fn attributes(&self, file: &Node) -> Result<Signatures, DiskError> {
        match (self, file) {
            (Self::Btrfs(btrfs), Node::Btrfs(node)) => btrfs.attributes(node),
            (Self::Erofs(erofs), Node::Erofs(node)) => erofs.attributes(node),
            (Self::Ext4(ext4), Node::Ext4(node)) => ext4.attributes(node),
            (Self::Squashfs(squashfs), Node::Squashfs(node)) => squashfs.attributes(node),
            (Self::Xfs(xfs), Node::Xfs(node)) => xfs.attributes(node),
            _ => Ok(Signatures::default()),
        }
    }

    /// The whole of a small file; none if it is larger.
    pub(super) fn small_file(&self, file: &Node, max_bytes: u64) -> Result<Option<Vec<u8>>, DiskError> {
        let size_bytes = self.facts(file).size_bytes;
        let Some(mut reader) = self.bytes(file).filter(|_| size_bytes <= max_bytes) else {
            return Ok(None);
        };
        let mut bytes = vec![0; super::number::index(size_bytes)];
        reader.read(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// The target of a symbolic link.
    pub(super) fn target(&self, link: &Node) -> Result<Option<Vec<u8>>, DiskError> {
        match (self, link) {
            (Self::Btrfs(btrfs), Node::Btrfs(node)) => btrfs.target(node).map(Some),
            (Self::Erofs(erofs), Node::Erofs(node)) => erofs.target(node),
            (Self::Ext4(ext4), Node::Ext4(node)) => ext4.target(node),
            (_, Node::Iso9660(node)) => Iso9660::target(node),
            (Self::Xfs(xfs), Node::Xfs(node)) => xfs.target(node).map(Some),
            (Self::Squashfs(squashfs), Node::Squashfs(node)) => squashfs.target(node),
            _ => Ok(None),
        }
    }
}

impl Node {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Btrfs(node) => node.kind(),
            Self::Erofs(node) => node.kind,
            Self::Ext4(node) => node.kind(),
            Self::Iso9660(node) => node.kind,
            Self::Vfat(node) if node.is_directory => Kind::Directory,
            Self::Vfat(_) => Kind::Regular,
            Self::Xfs(node) => node.kind(),
            Self::Squashfs(node) => node.kind,
        }
    }

    /// What a directory is known by.
    pub(super) fn identity(&self) -> Identity {
        match self {
            Self::Btrfs(node) => node.identity(),
            Self::Erofs(node) => (0, node.number),
            Self::Ext4(node) => (0, node.number().into()),
            Self::Iso9660(node) => (0, node.first_block()),
            Self::Vfat(node) => (0, node.first_cluster().into()),
            Self::Xfs(node) => (0, node.number()),
            Self::Squashfs(node) => (0, node.reference),
        }
    }
}

/// The bytes of a file, in order.
pub(super) enum Bytes<'f> {
    Btrfs(Box<btrfs::Bytes<'f>>),
    Erofs(Box<erofs::Bytes<'f>>),
    Ext4(ext4::Bytes<'f>),
    Iso9660(Box<iso9660::Bytes<'f>>),
    Vfat(vfat::Bytes<'f>),
    Xfs(xfs::Bytes<'f>),
    Squashfs(squashfs::Bytes<'f>),
}

impl Bytes<'_> {
    /// Fills `buffer`, or as much of it as there are bytes left.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        match self {
            Self::Btrfs(bytes) => bytes.read(buffer),
            Self::Erofs(bytes) => bytes.read(buffer),
            Self::Ext4(bytes) => bytes.read(buffer),
            Self::Iso9660(bytes) => bytes.read(buffer),
            Self::Vfat(bytes) => bytes.read(buffer),
            Self::Xfs(bytes) => bytes.read(buffer),
            Self::Squashfs(bytes) => bytes.read(buffer),
        }
    }
}
