//! EROFS, written once: as it is, or packed in clusters of any of four algorithms.
//!
//! ```text
//! superblock ─► number of an inode is its place ─► inode ─► its blocks; or an index, packed clusters and, for the
//! ends of files, the packed inode
//! ```
//!
//! Only the superblock has a checksum. Source: Linux, `fs/erofs`.

mod attributes;
mod content;
mod directory;
mod error;
mod extent;
mod index;
mod inode;
mod lz4;
mod plain;
mod superblock;
mod unpack;

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use attributes::Prefix;
pub(super) use content::Bytes;
use content::Packed;
pub use error::ErofsError;
use inode::Layout;
pub(super) use inode::Node;
use superblock::Superblock;
pub(super) use superblock::looks_like;

use super::DiskError;
use super::filesystem::Kind;
use super::number::len64;
use super::read_at::ReadAt;

/// Unpacked bytes of the packed inode that are kept, and in how many pieces about.
const KEPT_BYTES: u64 = 32 << 20;
const KEPT_PIECES: usize = 32;

/// A filesystem.
pub(super) struct Erofs {
    volume: Arc<dyn ReadAt>,
    superblock: Superblock,
    packed: Option<Packed>,
    /// Of the packed inode, by where they begin in it.
    pieces: Cache<u64, Arc<Vec<u8>>, Size>,
    /// Long prefixes of attributes.
    prefixes: Vec<Prefix>,
}

#[derive(Clone)]
struct Size;

impl Weighter<u64, Arc<Vec<u8>>> for Size {
    fn weight(&self, _: &u64, bytes: &Arc<Vec<u8>>) -> u64 {
        len64(bytes)
    }
}

fn corrupt(at: u64, problem: &'static str) -> DiskError {
    ErofsError::Corrupt { at, problem }.into()
}

fn unsupported(what: impl Into<String>) -> DiskError {
    ErofsError::Unsupported { what: what.into() }.into()
}

impl Erofs {
    pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        let superblock = Superblock::read(volume.as_ref())?;
        let mut erofs = Self {
            volume,
            superblock,
            packed: None,
            pieces: Cache::with_weighter(KEPT_PIECES, KEPT_BYTES, Size),
            prefixes: Vec::new(),
        };
        erofs.packed = erofs.open_packed()?;
        erofs.prefixes = erofs.read_prefixes()?;
        Ok(erofs)
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.superblock.blocks << self.superblock.block_log
    }

    pub(super) fn root(&self) -> Result<Node, DiskError> {
        let root = self.node(self.superblock.root)?;
        match root.kind {
            Kind::Directory => Ok(root),
            _ => Err(root.corrupt("the root is no directory")),
        }
    }

    /// The block that a file starts in, or that of its inode, near which programs put it: a number to sort by.
    pub(super) fn first_block(&self, file: &Node) -> u64 {
        match file.layout {
            Layout::Plain { block } | Layout::Inline { block } => block.into(),
            Layout::Chunks { .. } | Layout::Packed { .. } => file.behind() >> self.superblock.block_log,
        }
    }
}
