//! VDI: a disk in blocks, of which a dynamic one has those that were written; all numbers little-endian.
//!
//! ```text
//!   0 a text, 64 bytes     64 7f 10 da be        68 version          72 bytes of the header
//!  76 type: 1 dynamic, 2 static, 3 undo, 4 differencing              80 flags
//! 340 offset of the map  344 offset of the data 360 bytes of a sector
//! 368 size of the disk   376 bytes of a block   380 bytes before each block
//! 384 blocks             388 blocks that there are                  440 id of the parent, 16 bytes
//!
//! block ─► map[block], u32 ─► its place among the data; -1 nowhere, -2 zeros
//! ```
//!
//! Source: VirtualBox, `src/VBox/Storage/VDICore.h`.

use std::sync::Arc;

use super::DiskError;
use super::container::{Format, Mapped, Mapping, Pages};
use super::number::{divide, index, le32, le64};
use super::read_at::{ReadAt, check_range, read_vec};
use crate::image::Fact;

const FORMAT: Format = Format("VDI");

const MAGIC_AT: usize = 64;
const MAGIC: &[u8] = b"\x7f\x10\xda\xbe";

const HEADER_BYTES: usize = 512;

/// Version 1.1: the header has said how long it is since 1.0.
const VERSION: u32 = 0x0001_0001;

const SECTOR_BYTES: u64 = 512;

/// Sizes of blocks, as powers of two: a sector to 256 MiB.
const BLOCK_BITS: std::ops::RangeInclusive<u32> = 9..=28;

/// Sizes beyond this address nothing that exists.
const MAX_SIZE_BYTES: u64 = 1 << 56;

const NOWHERE: u32 = u32::MAX;
const ZEROS: u32 = u32::MAX - 1;

/// The disk inside a VDI.
pub(super) struct Vdi {
    file: Arc<dyn ReadAt>,
    is_static: bool,
    size_bytes: u64,
    block_bytes: u64,
    /// Bytes in front of each block.
    extra_bytes: u64,
    /// How many blocks there are in the file.
    blocks: u32,
    map_at: u64,
    data_at: u64,
    map: Pages,
}

/// Whether a file is a VDI.
pub(super) fn looks_like(head: &[u8]) -> bool {
    head.get(MAGIC_AT..).is_some_and(|rest| rest.starts_with(MAGIC))
}

impl Vdi {
    pub(super) fn open(file: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        let header = read_vec(file.as_ref(), 0, HEADER_BYTES)?;
        if !looks_like(&header) {
            return Err(FORMAT.malformed(64, "no header is where it should be"));
        }
        if le32(&header, 68) != VERSION {
            return Err(FORMAT.unsupported("a file of another version than 1.1"));
        }
        let is_static = match le32(&header, 76) {
            1 => false,
            2 => true,
            3 => return Err(FORMAT.unsupported("an undo disk")),
            4 => return Err(FORMAT.unsupported("a differencing disk")),
            _ => return Err(FORMAT.unsupported("a disk that is neither dynamic nor static")),
        };
        if header
            .get(440..456)
            .is_some_and(|id| id.iter().any(|&byte| byte != 0))
        {
            return Err(FORMAT.unsupported("a disk with a parent"));
        }
        if u64::from(le32(&header, 360)) != SECTOR_BYTES {
            return Err(FORMAT.unsupported("a disk with sectors of another size than 512 bytes"));
        }
        let size_bytes = le64(&header, 368);
        if size_bytes == 0 || size_bytes > MAX_SIZE_BYTES {
            return Err(FORMAT.malformed(368, "the disk has no bytes, or more than 2^56"));
        }
        let block_bytes = le32(&header, 376);
        if !block_bytes.is_power_of_two() || !BLOCK_BITS.contains(&block_bytes.trailing_zeros()) {
            return Err(FORMAT.malformed(
                376,
                "the size of a block is no power of two from 512 bytes to 256 MiB",
            ));
        }
        let (entries, block_bytes) = (u64::from(le32(&header, 384)), u64::from(block_bytes));
        if entries.saturating_mul(block_bytes) < size_bytes {
            return Err(FORMAT.malformed(384, "the map of blocks is too short for the disk"));
        }
        let map_at = u64::from(le32(&header, 340));
        if !map_at.is_multiple_of(SECTOR_BYTES) {
            return Err(FORMAT.malformed(340, "the map of blocks does not start where a sector does"));
        }
        check_range(map_at, index(entries.saturating_mul(4)), file.size_bytes())?;
        let (extra_bytes, blocks) = (u64::from(le32(&header, 380)), le32(&header, 388));
        let data_at = u64::from(le32(&header, 344));
        let data_bytes = u64::from(blocks).saturating_mul(block_bytes.saturating_add(extra_bytes));
        check_range(data_at, index(data_bytes), file.size_bytes())?;
        Ok(Self {
            is_static,
            size_bytes,
            block_bytes,
            extra_bytes,
            blocks,
            map_at,
            data_at,
            map: Pages::new(Arc::clone(&file)),
            file,
        })
    }

    /// What `inspect` shows of it.
    pub(super) fn facts(&self) -> Vec<(&'static str, Fact)> {
        let kind = if self.is_static { "static" } else { "dynamic" };
        vec![
            ("type", Fact::Text(kind.to_owned())),
            ("blockBytes", Fact::Number(self.block_bytes)),
            ("diskBytes", Fact::Number(self.size_bytes)),
        ]
    }
}

impl Mapped for Vdi {
    fn disk_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn below(&self) -> Option<&dyn ReadAt> {
        None
    }

    fn map(&self, offset: u64) -> Result<(Mapping<'_>, u64), DiskError> {
        let (block, inside) = divide(offset, self.block_bytes);
        let left = self.block_bytes.saturating_sub(inside);
        let entry_at = self.map_at.saturating_add(block.saturating_mul(4));
        match u32::from_le_bytes(self.map.entry(entry_at)?) {
            NOWHERE | ZEROS => Ok((Mapping::Zeros, left)),
            place if place >= self.blocks => {
                Err(FORMAT.malformed(entry_at, "a block lies behind the last that there is"))
            }
            place => {
                let pitch = self.block_bytes.saturating_add(self.extra_bytes);
                let at = u64::from(place)
                    .saturating_mul(pitch)
                    .saturating_add(self.data_at)
                    .saturating_add(self.extra_bytes)
                    .saturating_add(inside);
                Ok((Mapping::At(self.file.as_ref(), at), left))
            }
        }
    }
}
