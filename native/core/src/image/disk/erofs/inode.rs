//! Inodes. The number of one is its place, in units of 32 bytes.
//!
//! ```text
//!  0 format u16: bit 0 set if it is a long one, then three bits of layout   2 attributes u16   4 mode u16
//!  short, 32 bytes:  6 links u16   8 size u32   16 start   24 owner u16   26 group u16
//!  long, 64 bytes:   8 size u64   16 start   24 owner   28 group   32 time u64   44 links
//! start   first block of the bytes, or u16 of flags for chunks: five bits of log2 of blocks in a chunk, 0x20 set if
//!         each has an index of 8 bytes
//! then attributes: 12 bytes, and 4 for each that is counted, less one; then what the layout has here
//! ```
//!
//! Source: Linux, `fs/erofs/erofs_fs.h`, `fs/erofs/inode.c`.

use super::{Erofs, corrupt, unsupported};
use crate::image::disk::DiskError;
use crate::image::disk::filesystem::Kind;
use crate::image::disk::number::{index, le16, le32, le64};
use crate::image::disk::read_at::read_vec;

const SHORT_BYTES: u64 = 32;
const LONG_BYTES: u64 = 64;
/// The bits of the format that are known.
const FORMAT: u16 = 0xf;
const IS_LONG: u16 = 1;

const CHUNK_LOG: u16 = 0x1f;
const CHUNK_INDEXES: u16 = 0x20;

/// How the bytes of a file are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// As they are, from a block on.
    Plain { block: u32 },
    /// As they are, the last ones behind the inode.
    Inline { block: u32 },
    /// As they are, in chunks that each lie somewhere; `log` is that of a chunk's bytes.
    Chunks { log: u8, has_indexes: bool },
    /// In clusters that are packed, with an index of 8 bytes for each block, or of fewer.
    Packed { is_compact: bool },
}

/// A file, directory or something else.
#[derive(Debug, Clone)]
pub(in crate::image::disk) struct Node {
    /// What it is known by.
    pub(in crate::image::disk) number: u64,
    pub(in crate::image::disk) kind: Kind,
    pub(in crate::image::disk) mode: u32,
    pub(in crate::image::disk) uid: u32,
    pub(in crate::image::disk) gid: u32,
    pub(in crate::image::disk) links: u32,
    pub(in crate::image::disk) size_bytes: u64,
    pub(super) layout: Layout,
    /// Where its attributes are, in bytes, and how many bytes they have.
    pub(super) attributes: (u64, u64),
}

impl Node {
    /// Where what the layout keeps behind the inode begins.
    pub(super) fn behind(&self) -> u64 {
        self.attributes.0.saturating_add(self.attributes.1)
    }

    pub(super) fn corrupt(&self, problem: &'static str) -> DiskError {
        corrupt(self.attributes.0, problem)
    }
}

impl Erofs {
    /// The inode with this number.
    pub(in crate::image::disk) fn node(&self, number: u64) -> Result<Node, DiskError> {
        let volume_bytes = self.volume.size_bytes();
        let place = self.superblock.inode_place(number).unwrap_or(u64::MAX);
        if place >= volume_bytes {
            return Err(corrupt(place, "an inode behind the end of the filesystem"));
        }
        // A short one may be the last thing that there is.
        let left = volume_bytes.saturating_sub(place);
        let len = left.clamp(SHORT_BYTES, LONG_BYTES);
        let bytes = read_vec(self.volume.as_ref(), place, index(len))?;
        let format = le16(&bytes, 0);
        if format & !FORMAT != 0 {
            return Err(unsupported(format!("an inode of format {format:#x}")));
        }
        let is_long = format & IS_LONG != 0;
        let own_bytes = if is_long { LONG_BYTES } else { SHORT_BYTES };
        if len < own_bytes {
            return Err(DiskError::BeyondEnd {
                offset: place.saturating_add(own_bytes).saturating_sub(1),
                size: volume_bytes,
            });
        }
        let mode = le16(&bytes, 4);
        let kind = Kind::of_mode(mode).ok_or_else(|| corrupt(place, "an inode of no kind"))?;
        let attributes = match le16(&bytes, 2) {
            0 => 0,
            count => u64::from(count)
                .saturating_sub(1)
                .saturating_mul(4)
                .saturating_add(12),
        };
        let (uid, gid, links, size_bytes) = if is_long {
            (
                le32(&bytes, 24),
                le32(&bytes, 28),
                le32(&bytes, 44),
                le64(&bytes, 8),
            )
        } else {
            (
                le16(&bytes, 24).into(),
                le16(&bytes, 26).into(),
                le16(&bytes, 6).into(),
                le32(&bytes, 8).into(),
            )
        };
        let block = le32(&bytes, 16);
        let layout = match format >> 1 {
            0 => Layout::Plain { block },
            1 => Layout::Packed { is_compact: false },
            2 => Layout::Inline { block },
            3 => Layout::Packed { is_compact: true },
            4 => self.chunks(le16(&bytes, 16))?,
            other => return Err(unsupported(format!("an inode of layout {other}"))),
        };
        Ok(Node {
            number,
            kind,
            mode: mode.into(),
            uid,
            gid,
            links,
            size_bytes,
            layout,
            attributes: (place.saturating_add(own_bytes), attributes),
        })
    }

    fn chunks(&self, format: u16) -> Result<Layout, DiskError> {
        if format & !(CHUNK_LOG | CHUNK_INDEXES) != 0 {
            return Err(unsupported(format!("a file with chunks of format {format:#x}")));
        }
        let log = u8::try_from(format & CHUNK_LOG).unwrap_or_default();
        Ok(Layout::Chunks {
            log: log.saturating_add(self.superblock.block_log),
            has_indexes: format & CHUNK_INDEXES != 0,
        })
    }
}
