//! The region table of a VHDX: where the table of blocks and the metadata are. All numbers little-endian.
//!
//! ```text
//! at 192 KiB, and again at 256 KiB, 64 KiB:
//!  0 "regi"   4 CRC-32C   8 entries   16 entries, each: 0 kind, an id   16 offset u64   24 length   28 must be known
//! ```
//!
//! Source: Microsoft, [MS-VHDX] 2.2.3.

use super::header::has_checksum;
use super::{FORMAT, MIB};
use crate::image::disk::DiskError;
use crate::image::disk::number::{index, le32, le64};
use crate::image::disk::read_at::{ReadAt, check_range, read_vec};
use crate::image::disk::table::guid_text;

const TABLES_AT: [u64; 2] = [192 << 10, 256 << 10];
const TABLE_BYTES: usize = 64 << 10;
const MAGIC: &[u8] = b"regi";
const MAX_ENTRIES: u32 = 2047;
const ENTRY_BYTES: usize = 32;

const BLOCKS: &str = "2dc27766-f623-4200-9d64-115e9bfd4a08";
const METADATA: &str = "8b7ca206-4790-4b9a-b8fe-575f050f886e";

/// A part of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// The regions that a reader needs.
#[derive(Debug)]
pub(super) struct Regions {
    pub(super) blocks: Region,
    pub(super) metadata: Region,
}

impl Regions {
    /// From the first of the two tables that is whole.
    pub(super) fn read(file: &dyn ReadAt) -> Result<Self, DiskError> {
        for at in TABLES_AT {
            let bytes = read_vec(file, at, TABLE_BYTES)?;
            if bytes.starts_with(MAGIC) && has_checksum(&bytes) {
                return Self::parse(&bytes, at, file.size_bytes());
            }
        }
        Err(FORMAT.checksum_wrong(192 << 10))
    }

    fn parse(bytes: &[u8], at: u64, file_bytes: u64) -> Result<Self, DiskError> {
        let count = le32(bytes, 8);
        if count > MAX_ENTRIES {
            return Err(FORMAT.malformed(at, "the region table has more than 2047 entries"));
        }
        let (mut blocks, mut metadata) = (None, None);
        let entries = bytes.get(16..).unwrap_or_default();
        for entry in entries.chunks_exact(ENTRY_BYTES).take(index(count)) {
            let region = Region {
                offset: le64(entry, 16),
                len: u64::from(le32(entry, 24)),
            };
            let kind = entry.first_chunk().map(guid_text).unwrap_or_default();
            let place = match kind.as_str() {
                BLOCKS => &mut blocks,
                METADATA => &mut metadata,
                _ if le32(entry, 28) & 1 != 0 => return Err(FORMAT.unsupported("a region that is not known")),
                _ => continue,
            };
            if region.offset < MIB || !region.offset.is_multiple_of(MIB) || region.len == 0 {
                return Err(FORMAT.malformed(at, "a region is where none can be"));
            }
            check_range(region.offset, index(region.len), file_bytes)?;
            if place.replace(region).is_some() {
                return Err(FORMAT.malformed(at, "the region table has a region twice"));
            }
        }
        match (blocks, metadata) {
            (Some(blocks), Some(metadata)) => Ok(Self { blocks, metadata }),
            _ => Err(FORMAT.malformed(at, "the region table has not all regions")),
        }
    }
}
