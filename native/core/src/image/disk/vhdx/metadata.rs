//! The metadata of a VHDX: sizes of the disk and its blocks. All numbers little-endian.
//!
//! ```text
//! table, 64 KiB   0 "metadata"   10 entries u16   32 entries, each:
//!                 0 kind, an id   16 offset in the region   20 length   24 flags: 0 a user's, 1 the disk's, 2 must be known
//! parameters      0 bytes of a block   4 flags: 0 blocks are never freed, 1 has a parent
//! ```
//!
//! Source: Microsoft, [MS-VHDX] 2.6.

use super::region::Region;
use super::{FORMAT, MIB};
use crate::image::disk::DiskError;
use crate::image::disk::number::{index, le16, le32, le64};
use crate::image::disk::read_at::{ReadAt, read_vec};
use crate::image::disk::table::guid_text;

const TABLE_BYTES: u64 = 64 << 10;
const MAGIC: &[u8] = b"metadata";
const MAX_ENTRIES: u16 = 2047;
const ENTRIES_AT: usize = 32;
const ENTRY_BYTES: usize = 32;

const PARAMETERS: &str = "caa16737-fa36-4d43-b3b6-33f0aa44e76b";
const DISK_SIZE: &str = "2fa54224-cd1b-4876-b211-5dbed83bf4b8";
const SECTOR_SIZE: &str = "8141bf1d-a96f-4709-ba47-f233a8faab5f";
/// What reading needs not: the size of physical sectors, the disk's id, and where a parent is.
const NOT_NEEDED: [&str; 3] = [
    "cda348c7-445d-4471-9cc9-e9885251c556",
    "beca12ab-b2e6-4523-93ef-c309e000c746",
    "a8d35f2d-b30b-454d-abf7-d3d84834ab0c",
];

const IS_USERS: u32 = 1 << 0;
const MUST_BE_KNOWN: u32 = 1 << 2;
const HAS_PARENT: u32 = 1 << 1;
const KNOWN_PARAMETERS: u32 = 0b11;

/// 64 TiB.
const MAX_SIZE_BYTES: u64 = 64 << 40;

/// What a reader needs of the metadata.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) size_bytes: u64,
    pub(super) block_bytes: u64,
    pub(super) sector_bytes: u64,
}

impl Metadata {
    pub(super) fn read(file: &dyn ReadAt, region: Region) -> Result<Self, DiskError> {
        let at = region.offset;
        if region.len < TABLE_BYTES {
            return Err(FORMAT.malformed(at, "the metadata is shorter than its table"));
        }
        let table = read_vec(file, at, index(TABLE_BYTES))?;
        let count = le16(&table, 10);
        if !table.starts_with(MAGIC) || count > MAX_ENTRIES {
            return Err(FORMAT.malformed(at, "no table of the metadata is where it should be"));
        }
        let (mut parameters, mut disk_size, mut sector_size) = (None, None, None);
        let entries = table.get(ENTRIES_AT..).unwrap_or_default();
        for entry in entries.chunks_exact(ENTRY_BYTES).take(usize::from(count)) {
            let flags = le32(entry, 24);
            let kind = entry.first_chunk().map(guid_text).unwrap_or_default();
            let place = match kind.as_str() {
                PARAMETERS => &mut parameters,
                DISK_SIZE => &mut disk_size,
                SECTOR_SIZE => &mut sector_size,
                known if NOT_NEEDED.contains(&known) => continue,
                _ if flags & IS_USERS == 0 && flags & MUST_BE_KNOWN != 0 => {
                    return Err(FORMAT.unsupported("metadata that is not known"));
                }
                _ => continue,
            };
            let offset = u64::from(le32(entry, 16));
            if offset < TABLE_BYTES || offset.saturating_add(8) > region.len {
                return Err(FORMAT.malformed(at, "an item of the metadata is outside of it"));
            }
            // Parameters and the size of the disk have eight bytes, that of a sector has four.
            let item = read_vec(file, at.saturating_add(offset), 8)?;
            if place.replace(item).is_some() {
                return Err(FORMAT.malformed(at, "the metadata has an item twice"));
            }
        }
        let (Some(parameters), Some(disk_size), Some(sector_size)) = (parameters, disk_size, sector_size)
        else {
            return Err(FORMAT.malformed(at, "the metadata has not all items"));
        };
        Self::check(&parameters, le64(&disk_size, 0), le32(&sector_size, 0), at)
    }

    fn check(parameters: &[u8], size_bytes: u64, sector_bytes: u32, at: u64) -> Result<Self, DiskError> {
        let flags = le32(parameters, 4);
        if flags & !KNOWN_PARAMETERS != 0 {
            return Err(FORMAT.unsupported("a parameter that is not known"));
        }
        if flags & HAS_PARENT != 0 {
            return Err(FORMAT.unsupported("a differencing disk"));
        }
        let block_bytes = u64::from(le32(parameters, 0));
        if !block_bytes.is_power_of_two() || !(MIB..=MIB << 8).contains(&block_bytes) {
            return Err(FORMAT.malformed(at, "the size of a block is no power of two from 1 MiB to 256 MiB"));
        }
        if !matches!(sector_bytes, 512 | 4096) {
            return Err(FORMAT.malformed(at, "a sector has neither 512 nor 4096 bytes"));
        }
        let sector_bytes = u64::from(sector_bytes);
        if size_bytes == 0 || size_bytes > MAX_SIZE_BYTES || !size_bytes.is_multiple_of(sector_bytes) {
            return Err(FORMAT.malformed(at, "the disk has no whole sectors, or more than 64 TiB"));
        }
        Ok(Self {
            size_bytes,
            block_bytes,
            sector_bytes,
        })
    }
}
