//! btrfs on one device, read and never written.
//!
//! ```text
//! superblock ─► chunks of the system ─► chunk tree: where logical addresses are
//!            ─► root tree ─► trees of subvolumes: inodes, names, extents      ─► checksum tree: of all data
//! ```
//!
//! Every node of a tree says what it is, and its checksum is checked, as are those of the files' bytes; where the
//! device has a second copy, that one is read in place of a damaged one. Source: Linux, `fs/btrfs`.

mod attributes;
mod checksum;
mod chunk;
mod compression;
mod content;
mod directory;
mod error;
mod extent;
mod inode;
mod subvolume;
mod superblock;
mod tree;

use std::ops::ControlFlow;
use std::sync::Arc;

use quick_cache::sync::Cache;

use chunk::{CHUNK_ITEM, Chunks};
pub(super) use content::Bytes;
pub use error::BtrfsError;
pub(super) use inode::Node;
pub(super) use subvolume::Subvolume;
use superblock::Superblock;
pub(super) use superblock::{MAGIC, MAGIC_AT, looks_like};
use tree::{Key, Root};

use super::DiskError;
use super::read_at::ReadAt;

/// Memory for nodes that were read.
const KEPT_BYTES: usize = 32 << 20;
const CHUNK_OBJECT: u64 = 256;

/// A filesystem.
pub(super) struct Btrfs {
    volume: Arc<dyn ReadAt>,
    superblock: Superblock,
    chunks: Chunks,
    /// By their logical address.
    nodes: Cache<u64, Arc<tree::Node>>,
    /// Of all data; none if there are none.
    checksums: Option<Root>,
    /// The subvolume that is mounted where nobody names another.
    default: Root,
    /// The one that has a system.
    system: Root,
}

/// What a name leads to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    root: Root,
    inode: u64,
}

impl Btrfs {
    /// Reads the superblock, the chunks, and which subvolumes there are to begin with.
    pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        let superblock = Superblock::read(volume.as_ref())?;
        let kept = KEPT_BYTES.checked_div(superblock.node_bytes).unwrap_or(1);
        let none = superblock.root_tree;
        let mut fs = Self {
            volume,
            chunks: Chunks::of_system(&superblock)?,
            nodes: Cache::new(kept),
            checksums: None,
            default: none,
            system: none,
            superblock,
        };
        let mut chunks = Vec::new();
        let all = Key::all(CHUNK_OBJECT, CHUNK_ITEM);
        fs.visit(fs.superblock.chunk_tree, &all, &mut |key, item| {
            chunks.push((key, item.to_vec()));
            Ok(ControlFlow::Continue(()))
        })?;
        for (key, item) in chunks {
            fs.chunks.add(key, &item)?;
        }
        fs.checksums = fs.tree(subvolume::CHECKSUM_TREE)?;
        fs.default = fs.default_subvolume()?;
        fs.system = fs.system_subvolume()?;
        Ok(fs)
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.superblock.size_bytes
    }
}
