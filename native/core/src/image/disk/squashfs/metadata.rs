//! Metadata: inodes, directories and tables, in packed blocks that follow one another.
//!
//! ```text
//! block   0 size in the file u16, the highest bit set if it is not packed   2 bytes, up to 8 KiB of them unpacked
//! table   u64 for each of its blocks: where it is
//! ```

use std::sync::Arc;

use super::{Squashfs, corrupt};
use crate::image::disk::DiskError;
use crate::image::disk::number::{divide, index, le16, le32, le64};
use crate::image::disk::read_at::read_vec;

/// Bytes of an unpacked block.
pub(super) const BLOCK_BYTES: u64 = 8192;

const HEADER_BYTES: u64 = 2;
const IS_PLAIN: u16 = 0x8000;

/// A place in metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Where its block is in the filesystem.
    pub(super) block: u64,
    /// Bytes before it in what the block unpacks to.
    pub(super) offset: usize,
}

/// An unpacked block, and where the next one is.
#[derive(Debug, Clone)]
pub(super) struct Block {
    bytes: Arc<[u8]>,
    next: u64,
}

impl Squashfs {
    fn block(&self, at: u64) -> Result<Block, DiskError> {
        self.metadata.get_or_insert_with(&at, || {
            let header = le16(&read_vec(self.volume.as_ref(), at, 2)?, 0);
            let len = u64::from(header & !IS_PLAIN);
            if len == 0 || len > BLOCK_BYTES {
                return Err(corrupt(at, "a block of metadata of no size that one has"));
            }
            let start = at.saturating_add(HEADER_BYTES);
            let packed = read_vec(self.volume.as_ref(), start, index(len))?;
            let bytes = match header & IS_PLAIN {
                0 => self.packing.unpack(&packed, index(BLOCK_BYTES)),
                _ => Some(packed),
            };
            let bytes = bytes.filter(|bytes| !bytes.is_empty());
            Ok(Block {
                bytes: bytes
                    .ok_or_else(|| corrupt(at, "a block of metadata does not unpack"))?
                    .into(),
                next: start.saturating_add(len),
            })
        })
    }

    /// Fills `buffer` from a place on, and moves the place behind it.
    pub(super) fn read_metadata(&self, place: &mut Place, buffer: &mut [u8]) -> Result<(), DiskError> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let block = self.block(place.block)?;
            let Some(from) = block.bytes.get(place.offset..) else {
                return Err(corrupt(
                    place.block,
                    "a place behind the end of a block of metadata",
                ));
            };
            if from.is_empty() {
                *place = Place {
                    block: block.next,
                    offset: 0,
                };
                continue;
            }
            let len = from.len().min(rest.len());
            if let (Some(to), Some(from)) = (rest.get_mut(..len), from.get(..len)) {
                to.copy_from_slice(from);
            }
            place.offset = place.offset.saturating_add(len);
            done = done.saturating_add(len);
        }
        Ok(())
    }

    /// `len` bytes from a place on, which moves behind them. `len` is small.
    pub(super) fn take(&self, place: &mut Place, len: usize) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![0; len];
        self.read_metadata(place, &mut bytes)?;
        Ok(bytes)
    }

    /// Where the entry with a number is in a table at `table`, whose entries have `width` bytes.
    pub(super) fn entry(&self, table: u64, number: u64, width: u64) -> Result<Place, DiskError> {
        let (row, column) = divide(number.saturating_mul(width), BLOCK_BYTES);
        let pointer = table.saturating_add(row.saturating_mul(8));
        let block = le64(&read_vec(self.volume.as_ref(), pointer, 8)?, 0);
        Ok(Place {
            block,
            offset: index(column),
        })
    }

    /// The owner or group with a number.
    pub(super) fn id(&self, number: u16) -> Result<u32, DiskError> {
        if number >= self.superblock.ids {
            return Err(corrupt(self.superblock.id_table, "an owner that no table has"));
        }
        let mut place = self.entry(self.superblock.id_table, number.into(), 4)?;
        Ok(le32(&self.take(&mut place, 4)?, 0))
    }
}
