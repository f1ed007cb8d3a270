//! squashfs of version 4: packed once, and never written again.
//!
//! ```text
//! superblock   0 "hsqs"   4 inodes   12 bytes of a block   16 fragments u32   20 packing u16   22 log2 of 12
//!              24 flags   26 ids u16   28, 30 version   32 root u64   40 bytes u64
//!              48 ids   56 attributes   64 inodes   72 directories   80 fragments   88 export, u64 each: where they are
//! data blocks and fragments │ inodes │ directories │ tables
//! ```
//!
//! Source: Linux, `fs/squashfs`, `Documentation/filesystems/squashfs.rst`.

mod attributes;
mod content;
mod error;
mod inode;
mod metadata;
mod unpack;

use std::sync::Arc;

use quick_cache::sync::Cache;

pub(super) use content::Bytes;
pub use error::SquashfsError;
pub(super) use inode::Node;
use metadata::Block;
use unpack::Packing;

use super::DiskError;
use super::filesystem::Kind;
use super::number::{le16, le32, le64};
use super::read_at::{ReadAt, read_vec};

const MAGIC: &[u8] = b"hsqs";
const SUPERBLOCK_BYTES: usize = 96;

/// Unpacked blocks of metadata that are kept, of 8 KiB each.
const KEPT_METADATA: usize = 1 << 10;

/// Bytes of unpacked fragments that are kept.
const KEPT_FRAGMENT_BYTES: usize = 16 << 20;

/// Blocks of directories; 8 GiB of names are more than any limit on them.
const MAX_DIRECTORY_BLOCKS: u64 = 1 << 20;

/// A filesystem.
pub(super) struct Squashfs {
    volume: Arc<dyn ReadAt>,
    superblock: Superblock,
    packing: Packing,
    /// Bytes of all directories, unpacked.
    directory_bytes: u64,
    attributes: Option<attributes::Table>,
    /// By where they are.
    metadata: Cache<u64, Block>,
    /// By their number.
    fragments: Cache<u32, Arc<[u8]>>,
}

#[derive(Debug)]
struct Superblock {
    block_bytes: u32,
    fragments: u32,
    ids: u16,
    root: u64,
    id_table: u64,
    inode_table: u64,
    directory_table: u64,
    fragment_table: u64,
}

/// Whether a volume starts as one.
pub(super) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

fn corrupt(at: u64, problem: &'static str) -> DiskError {
    SquashfsError::Corrupt { at, problem }.into()
}

impl Squashfs {
    pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        let bytes = read_vec(volume.as_ref(), 0, SUPERBLOCK_BYTES)?;
        let unsupported = |what: String| SquashfsError::Unsupported { what };
        let version = (le16(&bytes, 28), le16(&bytes, 30));
        if version != (4, 0) {
            return Err(unsupported(format!("version {}.{}", version.0, version.1)).into());
        }
        let number = le16(&bytes, 20);
        let packing =
            Packing::numbered(number).ok_or_else(|| unsupported(format!("compression {number}")))?;
        let block_bytes = le32(&bytes, 12);
        let log = u32::from(le16(&bytes, 22));
        if !(12..=20).contains(&log) || block_bytes != 1 << log {
            return Err(corrupt(0, "blocks of a size that they cannot have"));
        }
        let used = le64(&bytes, 40);
        if used > volume.size_bytes() {
            return Err(DiskError::BeyondEnd {
                offset: used,
                size: volume.size_bytes(),
            });
        }
        let superblock = Superblock {
            block_bytes,
            fragments: le32(&bytes, 16),
            ids: le16(&bytes, 26),
            root: le64(&bytes, 32),
            id_table: le64(&bytes, 48),
            inode_table: le64(&bytes, 64),
            directory_table: le64(&bytes, 72),
            fragment_table: le64(&bytes, 80),
        };
        let kept = KEPT_FRAGMENT_BYTES >> log;
        let mut squashfs = Self {
            volume,
            superblock,
            packing,
            directory_bytes: 0,
            attributes: None,
            metadata: Cache::new(KEPT_METADATA),
            fragments: Cache::new(kept.max(4)),
        };
        squashfs.directory_bytes = squashfs.count_directories(used);
        squashfs.attributes = squashfs.attribute_table(le64(&bytes, 56))?;
        Ok(squashfs)
    }

    /// Bytes that all directories can have together: as many as their table has blocks for.
    fn count_directories(&self, used: u64) -> u64 {
        let start = self.superblock.directory_table;
        // The first table behind them.
        let tables = [self.superblock.fragment_table, self.superblock.id_table];
        let end = tables.into_iter().filter(|table| *table > start).min();
        let end = end.unwrap_or(used).min(used);
        // No block is smaller than its header and a byte.
        let blocks = (end.saturating_sub(start) / 3).min(MAX_DIRECTORY_BLOCKS);
        blocks.saturating_mul(metadata::BLOCK_BYTES)
    }

    /// Bytes that the directories can have.
    pub(super) fn size_bytes(&self) -> u64 {
        self.directory_bytes
    }

    pub(super) fn root(&self) -> Result<Node, DiskError> {
        let root = self.node(self.superblock.root)?;
        match root.kind {
            Kind::Directory => Ok(root),
            _ => Err(corrupt(0, "the root is no directory")),
        }
    }

    /// The bytes of a file; none of something else.
    pub(super) fn bytes(&self, file: &Node) -> Option<Bytes<'_>> {
        Bytes::new(self, file)
    }
}
