//! XFS of versions 4 and 5, read and never written.
//!
//! ```text
//! superblock ─► number of an inode is its place ─► inode ─► its bytes, extents, or the root of a tree of them
//! directory: in the inode, or blocks of names, each with the number of an inode
//! ```
//!
//! Of version 5 every block of metadata that is read says what it is, and all of that is checked; what is not known
//! is refused. Source: Linux, `fs/xfs`.

mod attributes;
mod checksum;
mod content;
mod directory;
mod error;
mod inode;
mod log;
mod map;
mod superblock;

use std::sync::Arc;

pub(super) use content::Bytes;
pub use error::XfsError;
use inode::{Form, Inode};
use superblock::Superblock;
pub(super) use superblock::looks_like;

use super::DiskError;
use super::filesystem::Kind;
use super::number::be64;
use super::read_at::ReadAt;
use crate::allowlist::Signatures;

/// A filesystem.
pub(super) struct Xfs {
    volume: Arc<dyn ReadAt>,
    superblock: Superblock,
}

/// A file, directory or something else.
#[derive(Debug, Clone)]
pub(super) struct Node(Inode);

impl Node {
    pub(super) fn number(&self) -> u64 {
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

    pub(super) fn links(&self) -> u32 {
        self.0.links
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.0.size_bytes
    }

    /// The block that a file starts in, or one near it: a number to sort by, 0 where there is none.
    pub(super) fn first_block(&self) -> u64 {
        match self.0.form {
            Form::Extents => (be64(&self.0.fork, 0) & 0x1ff) << 43 | be64(&self.0.fork, 8) >> 21,
            Form::Btree => map::first_node(&self.0.fork),
            Form::Device | Form::Local => 0,
        }
    }
}

impl Xfs {
    /// Reads the superblock, and looks at the log.
    pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        let superblock = Superblock::read(volume.as_ref())?;
        log::refuse_dirty(volume.as_ref(), &superblock)?;
        Ok(Self { volume, superblock })
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.superblock.blocks.saturating_mul(self.superblock.block_bytes)
    }

    pub(super) fn root(&self) -> Result<Node, DiskError> {
        let root = self.node(self.superblock.root)?;
        match root.kind() {
            Kind::Directory => Ok(root),
            _ => Err(root.0.corrupt("the root is no directory")),
        }
    }

    /// What has this number.
    pub(super) fn node(&self, number: u64) -> Result<Node, DiskError> {
        self.inode(number).map(Node)
    }

    /// Names and numbers of what is in a directory.
    pub(super) fn list(&self, directory: &Node) -> Result<Vec<(Vec<u8>, u64)>, DiskError> {
        self.entries(&directory.0)
    }

    /// Bytes of a directory that are not in its inode.
    pub(super) fn directory_size(&self, directory: &Node) -> Result<u64, DiskError> {
        self.directory_bytes(&directory.0)
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, file: &Node) -> Bytes<'_> {
        Bytes::new(self, file.0.clone())
    }

    /// The attributes of a file that signatures are kept in.
    pub(super) fn attributes(&self, file: &Node) -> Result<Signatures, DiskError> {
        self.signatures(&file.0)
    }

    /// The target of a symbolic link.
    pub(super) fn target(&self, link: &Node) -> Result<Vec<u8>, DiskError> {
        self.link_target(&link.0)
    }
}
