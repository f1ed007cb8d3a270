//! The header of a sparse extent, all numbers little-endian, offsets and sizes in sectors of 512 bytes.
//!
//! ```text
//!   0 "KDMV"          4 version       8 flags: 0 line ends are tested, 1 a second directory, 2 zero grains,
//!                                             16 compressed, 17 markers
//!  12 capacity       20 grain        28 descriptor: offset   36 size
//!  44 entries of a grain table       48 second directory     56 directory; -1 the footer has it
//!  64 what comes before the grains   72 not closed           73 "\n \r\n"   77 compression, 1 deflate
//!
//! footer    marker of the footer | the header again | marker of the end, each a sector, at the end of the file
//! marker    0 u64 sectors   8 u32 0   12 u32 type: 0 end, 1 table, 2 directory, 3 footer
//! ```
//!
//! Source: VMware, `Virtual Disk Format 5.0`.

use super::{FORMAT, MAX_SECTORS, SECTOR_BYTES};
use crate::image::disk::DiskError;
use crate::image::disk::number::{index, le16, le32, le64};
use crate::image::disk::read_at::{ReadAt, check_range, read_vec};

pub(super) const MAGIC: &[u8] = b"KDMV";

const HEADER_BYTES: usize = 512;

/// A grain is unpacked in memory.
pub(super) const MAX_GRAIN_BYTES: u64 = 2 << 20;

/// Entries of a grain table.
const MAX_ENTRIES: u32 = 512;

const TESTS_LINE_ENDS: u32 = 1 << 0;
const HAS_SECOND_DIRECTORY: u32 = 1 << 1;
const HAS_ZERO_GRAINS: u32 = 1 << 2;
const IS_COMPRESSED: u32 = 1 << 16;
const HAS_MARKERS: u32 = 1 << 17;

const LINE_ENDS: &[u8] = b"\n \r\n";
const DEFLATE: u16 = 1;
/// The directory is at the end of the file, and only the footer says where.
const AT_END: u64 = u64::MAX;

const MARKER_END: u32 = 0;
const MARKER_FOOTER: u32 = 3;

/// What a reader needs of a header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) sectors: u64,
    pub(super) grain_sectors: u64,
    /// Entries of a grain table.
    pub(super) entries: u64,
    /// Offset and length, if it is in this file.
    pub(super) descriptor: Option<(u64, u64)>,
    /// Offsets of the grain directory, and of the one that says the same.
    pub(super) directory: u64,
    pub(super) second_directory: Option<u64>,
    pub(super) has_zero_grains: bool,
    pub(super) is_compressed: bool,
}

impl Header {
    pub(super) fn read(file: &dyn ReadAt) -> Result<Self, DiskError> {
        let first = read_vec(file, 0, HEADER_BYTES)?;
        if le64(&first, 56) != AT_END {
            return Self::parse(&first, 0, file.size_bytes());
        }
        // Footer, behind its marker and before that of the end.
        let start = file.size_bytes().checked_sub(SECTOR_BYTES.saturating_mul(3));
        let start = start.filter(|start| start.is_multiple_of(SECTOR_BYTES));
        let start = start
            .ok_or_else(|| FORMAT.malformed(0, "the file is cut within a sector or before its footer"))?;
        let end = read_vec(file, start, HEADER_BYTES.saturating_mul(3))?;
        let (before, rest) = end.split_at_checked(HEADER_BYTES).unwrap_or_default();
        let (footer, after) = rest.split_at_checked(HEADER_BYTES).unwrap_or_default();
        let is_marker = |marker: &[u8], kind| le32(marker, 8) == 0 && le32(marker, 12) == kind;
        if !is_marker(before, MARKER_FOOTER) || !is_marker(after, MARKER_END) || le64(after, 0) != 0 {
            return Err(FORMAT.malformed(start, "the footer is not at the end of the file"));
        }
        // Capacity and size of a grain; where something is the footer knows better.
        if footer.get(12..28) != first.get(12..28) {
            return Err(FORMAT.malformed(start, "the footer is of another disk than the header"));
        }
        let header = Self::parse(footer, start.saturating_add(SECTOR_BYTES), file.size_bytes())?;
        Ok(Self {
            descriptor: header.descriptor.or_else(|| descriptor(&first)),
            ..header
        })
    }

    /// `at` is where the bytes are in a file of `file_bytes`.
    fn parse(bytes: &[u8], at: u64, file_bytes: u64) -> Result<Self, DiskError> {
        let wrong = |place: u64, problem| Err(FORMAT.malformed(at.saturating_add(place), problem));
        if !bytes.starts_with(MAGIC) {
            return wrong(0, "no header of a sparse extent is where it should be");
        }
        if !matches!(le32(bytes, 4), 1..=3) {
            return Err(FORMAT.unsupported("a sparse extent of another version than 1, 2 and 3"));
        }
        let flags = le32(bytes, 8);
        let known = TESTS_LINE_ENDS | HAS_SECOND_DIRECTORY | HAS_ZERO_GRAINS | IS_COMPRESSED | HAS_MARKERS;
        if flags & !known != 0 {
            let bit = (flags & !known).trailing_zeros();
            return Err(FORMAT.feature_unknown(bit));
        }
        if flags & TESTS_LINE_ENDS != 0 && bytes.get(73..77) != Some(LINE_ENDS) {
            return wrong(73, "its line ends were changed: it was copied as a text");
        }
        let sectors = le64(bytes, 12);
        if sectors == 0 || sectors > MAX_SECTORS {
            return wrong(12, "it has no sectors, or more than 2^47");
        }
        let grain_sectors = le64(bytes, 20);
        let grain_bytes = grain_sectors.saturating_mul(SECTOR_BYTES);
        if !grain_sectors.is_power_of_two() || grain_bytes > MAX_GRAIN_BYTES {
            return wrong(
                20,
                "the size of a grain is no power of two from 512 bytes to 2 MiB",
            );
        }
        let entries = le32(bytes, 44);
        if !(1..=MAX_ENTRIES).contains(&entries) {
            return wrong(44, "a grain table has no entries, or more than 512");
        }
        let is_compressed = flags & IS_COMPRESSED != 0;
        if le16(bytes, 77) != if is_compressed { DEFLATE } else { 0 } {
            return wrong(77, "the compression is not the one that the flags say");
        }
        if is_compressed != (flags & HAS_MARKERS != 0) {
            return Err(FORMAT.unsupported("compressed grains without markers, or markers without them"));
        }
        let header = Self {
            sectors,
            grain_sectors,
            entries: u64::from(entries),
            descriptor: descriptor(bytes),
            directory: le64(bytes, 56).saturating_mul(SECTOR_BYTES),
            second_directory: match le64(bytes, 48) {
                at if flags & HAS_SECOND_DIRECTORY != 0 && at != 0 => Some(at.saturating_mul(SECTOR_BYTES)),
                _ => None,
            },
            has_zero_grains: flags & HAS_ZERO_GRAINS != 0,
            is_compressed,
        };
        let tables = sectors.div_ceil(header.table_sectors());
        for directory in [Some(header.directory), header.second_directory]
            .into_iter()
            .flatten()
        {
            check_range(directory, index(tables.saturating_mul(4)), file_bytes)?;
        }
        Ok(header)
    }

    pub(super) fn grain_bytes(&self) -> u64 {
        self.grain_sectors.saturating_mul(SECTOR_BYTES)
    }

    /// Sectors that a grain table covers: one at least.
    fn table_sectors(&self) -> u64 {
        self.entries.saturating_mul(self.grain_sectors).max(1)
    }
}

/// Where the descriptor is, and how long it is.
fn descriptor(header: &[u8]) -> Option<(u64, u64)> {
    match (le64(header, 28), le64(header, 36)) {
        (0, _) | (_, 0) => None,
        (at, len) => Some((at.saturating_mul(SECTOR_BYTES), len.saturating_mul(SECTOR_BYTES))),
    }
}
