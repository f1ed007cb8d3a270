//! Inodes.
//!
//! ```text
//! 16 bytes u64   40 names u32   44 owner   48 group   52 mode u32   64 flags u64
//! ```
//!
//! Source: Linux, `include/uapi/linux/btrfs_tree.h` (`btrfs_inode_item`).

use super::tree::{Key, Root};
use super::{Btrfs, BtrfsError, Place};
use crate::image::disk::DiskError;
use crate::image::disk::filesystem::Kind;
use crate::image::disk::number::{le32, le64};

const INODE_ITEM: u8 = 1;
const INODE_BYTES: usize = 160;
/// The directory that a subvolume begins with.
pub(super) const ROOT_INODE: u64 = 256;
const IS_WITHOUT_CHECKSUMS: u64 = 1;

/// A file, directory or something else.
#[derive(Debug, Clone)]
pub(in crate::image::disk) struct Node {
    pub(super) root: Root,
    pub(super) number: u64,
    kind: Kind,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    size_bytes: u64,
    flags: u64,
    first_address: u64,
}

impl Node {
    /// Numbers of the subvolume and of the inode in it.
    pub(in crate::image::disk) fn identity(&self) -> (u64, u64) {
        (self.root.tree, self.number)
    }

    pub(in crate::image::disk) fn kind(&self) -> Kind {
        self.kind
    }

    pub(in crate::image::disk) fn mode(&self) -> u32 {
        self.mode
    }

    pub(in crate::image::disk) fn uid(&self) -> u32 {
        self.uid
    }

    pub(in crate::image::disk) fn gid(&self) -> u32 {
        self.gid
    }

    pub(in crate::image::disk) fn links(&self) -> u32 {
        self.links
    }

    pub(in crate::image::disk) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The logical address that a file starts at: a number to sort by, 0 where there is none.
    pub(in crate::image::disk) fn first_address(&self) -> u64 {
        self.first_address
    }

    pub(super) fn has_checksums(&self) -> bool {
        self.flags & IS_WITHOUT_CHECKSUMS == 0
    }

    pub(super) fn corrupt(&self, problem: &'static str) -> DiskError {
        corrupt(self.root.tree, self.number, problem)
    }
}

pub(super) fn corrupt(subvolume: u64, inode: u64, problem: &'static str) -> DiskError {
    BtrfsError::Inode {
        subvolume,
        inode,
        problem,
    }
    .into()
}

impl Btrfs {
    /// What a name leads to.
    pub(in crate::image::disk) fn node(&self, place: Place) -> Result<Node, DiskError> {
        let Place { root, inode: number } = place;
        let corrupt = |problem| corrupt(root.tree, number, problem);
        let item = self.item(root, Key::new(number, INODE_ITEM, 0))?;
        let item = item.ok_or_else(|| corrupt("there is no such inode"))?;
        if item.len() != INODE_BYTES {
            return Err(corrupt("it is no inode"));
        }
        let (mode, links, size_bytes) = (le32(&item, 52), le32(&item, 40), le64(&item, 16));
        if links == 0 {
            return Err(corrupt("a name leads to it, and it was deleted"));
        }
        // Sizes are signed in the kernel.
        if i64::try_from(size_bytes).is_err() {
            return Err(corrupt("it has a size that no file has"));
        }
        let kind = u16::try_from(mode).ok().and_then(Kind::of_mode);
        let mut node = Node {
            root,
            number,
            kind: kind.ok_or_else(|| corrupt("it is of no kind that there is"))?,
            mode,
            uid: le32(&item, 44),
            gid: le32(&item, 48),
            links,
            size_bytes,
            flags: le64(&item, 64),
            first_address: 0,
        };
        if node.kind == Kind::Regular {
            node.first_address = self.first_extent(&node)?;
        }
        Ok(node)
    }
}
