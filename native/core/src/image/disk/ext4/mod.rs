//! ext2, ext3 and ext4, read and never written.
//!
//! ```text
//! superblock ─► descriptor of a block group ─► table of inodes ─► inode ─► extents or block map ─► blocks
//! directory: blocks of names, each with the number of an inode; the root is inode 2
//! ```
//!
//! Every checksum that the filesystem has is checked, and what is not known is refused. What was not unmounted is read
//! as its journal makes it. Source: Linux, `fs/ext4`.

mod attributes;
mod checksum;
mod content;
mod directory;
mod error;
mod inode;
mod journal;
mod map;
mod overlay;
mod superblock;

use std::sync::Arc;

pub(super) use content::Bytes;
pub use error::Ext4Error;
use inode::Inode;
use overlay::Overlay;
use superblock::Superblock;
pub(super) use superblock::looks_like;

use super::DiskError;
use super::filesystem::Kind;
use super::number::{self, index};
use super::read_at::ReadAt;

const ROOT: u64 = 2;

/// Longest target of a symbolic link (Linux, `PATH_MAX`).
const MAX_TARGET_BYTES: u64 = 4096;

/// A filesystem.
pub(super) struct Ext4 {
    volume: Arc<dyn ReadAt>,
    superblock: Superblock,
    /// Whether some of its blocks are read from the journal.
    is_replayed: bool,
}

/// A file, directory or something else.
#[derive(Debug, Clone)]
pub(super) struct Node(Inode);

impl Node {
    pub(super) fn number(&self) -> u32 {
        self.0.number
    }

    pub(super) fn kind(&self) -> Kind {
        self.0.kind
    }

    pub(super) fn mode(&self) -> u32 {
        self.0.mode.into()
    }

    pub(super) fn uid(&self) -> u32 {
        self.0.uid
    }

    pub(super) fn gid(&self) -> u32 {
        self.0.gid
    }

    pub(super) fn links(&self) -> u16 {
        self.0.links
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.0.size_bytes
    }

    /// The block that a file starts in: a number to sort by, 0 where there is none.
    pub(super) fn first_block(&self) -> u64 {
        let at: usize = if self.0.has_extents() { 20 } else { 0 };
        number::le32(&self.0.block, at).into()
    }
}

impl Ext4 {
    /// Reads the superblock, and replays the journal if it has to be.
    pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        let stored = Self {
            superblock: Superblock::read(volume.as_ref())?,
            volume,
            is_replayed: false,
        };
        if !stored.superblock.needs_recovery {
            return Ok(stored);
        }
        let copies = journal::replay(&stored)?;
        let is_replayed = !copies.is_empty();
        let volume = Arc::new(Overlay::new(stored.volume, stored.superblock.block_bytes, copies));
        Ok(Self {
            superblock: Superblock::read(volume.as_ref())?,
            volume,
            is_replayed,
        })
    }

    /// Whether it was not unmounted and is read as its journal makes it.
    pub(super) fn is_replayed(&self) -> bool {
        self.is_replayed
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.superblock.blocks.saturating_mul(self.superblock.block_bytes)
    }

    pub(super) fn root(&self) -> Result<Node, DiskError> {
        let root = self.node(ROOT)?;
        match root.kind() {
            Kind::Directory => Ok(root),
            _ => Err(root.0.corrupt("the root is no directory")),
        }
    }

    /// What has this number. None is as large as other filesystems have them, and 0 is no inode.
    pub(super) fn node(&self, number: u64) -> Result<Node, DiskError> {
        self.inode(u32::try_from(number).unwrap_or(0)).map(Node)
    }

    /// Names and numbers of what is in a directory.
    pub(super) fn list(&self, directory: &Node) -> Result<Vec<(Vec<u8>, u32)>, DiskError> {
        let entries = self.entries(&directory.0)?;
        Ok(entries
            .into_iter()
            .map(|entry| (entry.name, entry.inode))
            .collect())
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, file: &Node) -> Bytes<'_> {
        Bytes::new(self, file.0.clone())
    }

    /// The target of a symbolic link.
    pub(super) fn target(&self, link: &Node) -> Result<Option<Vec<u8>>, DiskError> {
        // Short targets stand in the place of the map.
        if link.0.inline_rest.is_none() && link.size_bytes() < 60 {
            return Ok(link.0.block.get(..index(link.size_bytes())).map(<[u8]>::to_vec));
        }
        let mut target = vec![0; index(link.size_bytes().min(MAX_TARGET_BYTES))];
        self.bytes(link).read(&mut target)?;
        Ok(Some(target).filter(|target| number::len64(target) == link.size_bytes()))
    }
}
