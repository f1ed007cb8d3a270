//! The header of a VHD with blocks, all numbers big-endian.
//!
//! ```text
//!   0 "cxsparse"     8 -1          16 offset of the table   24 version   28 entries of the table
//!  32 block, bytes  36 checksum   40 id of the parent, 16 bytes          56 its time
//!  64 name of the parent, 256 UTF-16 units
//! 576 eight places of the parent, each: 0 platform   4 room   8 length   12 0   16 offset u64
//! ```
//!
//! Source: Microsoft, `Virtual Hard Disk Image Format Specification`.

use super::footer::{VERSION, check_sum};
use super::{FORMAT, SECTOR_BYTES};
use crate::image::disk::DiskError;
use crate::image::disk::number::{be32, be64, index};
use crate::image::disk::read_at::{ReadAt, check_range, read_vec};

const MAGIC: &[u8] = b"cxsparse";

const HEADER_BYTES: usize = 1024;

/// Sizes of blocks, as powers of two: a sector to 256 MiB.
const BLOCK_BITS: std::ops::RangeInclusive<u32> = 9..=28;

const LOCATORS_AT: usize = 576;
const LOCATOR_BYTES: usize = 24;
const LOCATORS: usize = 8;
/// A path from the directory of this file, in UTF-16 with the lower byte first.
const RELATIVE_PATH: &[u8] = b"W2ru";

/// Bytes of the path of a parent.
const MAX_PATH_BYTES: u32 = 4096;

/// What a reader needs of a header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) table: u64,
    pub(super) entries: u64,
    pub(super) block_bytes: u64,
    pub(super) parent_id: [u8; 16],
    bytes: Vec<u8>,
}

impl Header {
    /// That of a disk of `size_bytes`.
    pub(super) fn read(file: &dyn ReadAt, at: u64, size_bytes: u64) -> Result<Self, DiskError> {
        let bytes = read_vec(file, at, HEADER_BYTES)?;
        let wrong = |place: u64, problem| Err(FORMAT.malformed(at.saturating_add(place), problem));
        if !bytes.starts_with(MAGIC) {
            return wrong(0, "no header is where it should be");
        }
        check_sum(&bytes, 36, at)?;
        if be32(&bytes, 24) != VERSION {
            return Err(FORMAT.unsupported("a header of another version than 1.0"));
        }
        let block_bytes = be32(&bytes, 32);
        if !block_bytes.is_power_of_two() || !BLOCK_BITS.contains(&block_bytes.trailing_zeros()) {
            return wrong(
                32,
                "the size of a block is no power of two from 512 bytes to 256 MiB",
            );
        }
        let (entries, block_bytes) = (u64::from(be32(&bytes, 28)), u64::from(block_bytes));
        if entries.saturating_mul(block_bytes) < size_bytes {
            return wrong(28, "the table of blocks is too short for the disk");
        }
        let table = be64(&bytes, 16);
        if !table.is_multiple_of(SECTOR_BYTES) {
            return wrong(16, "the table of blocks does not start where a sector does");
        }
        check_range(table, index(entries.saturating_mul(4)), file.size_bytes())?;
        Ok(Self {
            table,
            entries,
            block_bytes,
            parent_id: bytes
                .get(40..)
                .and_then(<[u8]>::first_chunk)
                .copied()
                .unwrap_or_default(),
            bytes,
        })
    }

    /// Bytes of the bitmap in front of a block, a bit for each sector.
    pub(super) fn bitmap_bytes(&self) -> u64 {
        let sectors = self.block_bytes.div_ceil(SECTOR_BYTES);
        sectors.div_ceil(8).next_multiple_of(SECTOR_BYTES)
    }

    /// The path of the parent from the directory of this file: as it is stated, or else its name.
    pub(super) fn parent_path(&self, file: &dyn ReadAt) -> Result<Vec<u8>, DiskError> {
        for number in 0..LOCATORS {
            let place = LOCATORS_AT.saturating_add(number.saturating_mul(LOCATOR_BYTES));
            let locator = self.bytes.get(place..).unwrap_or_default();
            if !locator.starts_with(RELATIVE_PATH) {
                continue;
            }
            let (len, at) = (be32(locator, 8), be64(locator, 16));
            if len > MAX_PATH_BYTES {
                return Err(FORMAT.malformed(at, "the path of the parent is longer than 4096 bytes"));
            }
            let units = read_vec(file, at, index(len))?;
            let units = units.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit));
            return path_of(units).ok_or_else(|| FORMAT.malformed(at, "the path of the parent is no text"));
        }
        let name = self.bytes.get(64..LOCATORS_AT).unwrap_or_default();
        let units = name.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit));
        let path = path_of(units).ok_or_else(|| FORMAT.malformed(64, "the name of the parent is no text"))?;
        // Some programs write where the parent was on their machine.
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        Ok(name.to_vec())
    }
}

/// A path as this system has it, up to a NUL. None if it is empty or no text.
fn path_of(units: impl Iterator<Item = u16>) -> Option<Vec<u8>> {
    let text: Result<String, _> = char::decode_utf16(units.take_while(|&unit| unit != 0)).collect();
    let text = text.ok().filter(|text| !text.is_empty())?;
    Some(text.replace('\\', "/").into_bytes())
}
