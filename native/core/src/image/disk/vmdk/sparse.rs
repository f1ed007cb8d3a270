//! A sparse extent: grains, those alone that were written, and each compressed if the extent is for a stream.
//!
//! ```text
//! grain ─► directory[grain ÷ entries of a table] ─► table[grain mod entries] ─► grain
//!
//! entries   u32, the sector in the file; 0 what the parent has; of a table 1 zeros, if the header has the flag
//! packed    0 u64 sector of the extent   8 u32 length   12 zlib (RFC 1950)
//! ```

use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};

use super::header::Header;
use super::{FORMAT, SECTOR_BYTES};
use crate::image::disk::DiskError;
use crate::image::disk::container::{Kept, Mapping, Pages};
use crate::image::disk::number::{divide, index, le32, le64};
use crate::image::disk::read_at::{ReadAt, read_vec};

const MARKER_BYTES: u64 = 12;

/// What all extents of a disk keep for the next read.
pub(super) struct Caches {
    pages: Kept<(usize, u64)>,
    /// By the number of an extent, and the grain's in it.
    grains: Kept<(usize, u64)>,
}

impl Caches {
    pub(super) fn new(grain_bytes: u64) -> Self {
        Self {
            pages: Pages::cache(),
            grains: Kept::new(grain_bytes),
        }
    }
}

/// A sparse extent.
pub(super) struct Sparse {
    file: Arc<dyn ReadAt>,
    header: Header,
    /// Which one of the disk's.
    number: usize,
    tables: Pages,
    grains: Kept<(usize, u64)>,
}

impl Sparse {
    pub(super) fn new(file: Arc<dyn ReadAt>, header: Header, number: usize, caches: &Caches) -> Self {
        Self {
            tables: Pages::sharing(Arc::clone(&file), number, &caches.pages),
            grains: caches.grains.clone(),
            file,
            header,
            number,
        }
    }

    /// Where the byte at `offset` of the extent is, and how many from there on are together.
    pub(super) fn map(&self, offset: u64) -> Result<(Mapping<'_>, u64), DiskError> {
        let (grain, inside) = divide(offset, self.header.grain_bytes());
        let left = self.header.grain_bytes().saturating_sub(inside);
        let entry = self.entry(self.header.directory, grain)?;
        if let Some(second) = self.header.second_directory {
            // Nobody knows which of the two is right.
            if self.entry(second, grain)? != entry {
                return Err(FORMAT.malformed(second, "the two grain directories differ"));
            }
        }
        let at = u64::from(entry).saturating_mul(SECTOR_BYTES);
        match entry {
            0 => Ok((Mapping::Below, left)),
            1 if self.header.has_zero_grains => Ok((Mapping::Zeros, left)),
            _ if self.header.is_compressed => {
                let bytes = self
                    .grains
                    .get(&(self.number, grain), || self.unpack(grain, at))?;
                Ok((Mapping::Unpacked(bytes, inside), left))
            }
            _ => Ok((Mapping::At(self.file.as_ref(), at.saturating_add(inside)), left)),
        }
    }

    /// The entry of a grain, in the tables of one of the directories.
    fn entry(&self, directory: u64, grain: u64) -> Result<u32, DiskError> {
        let (table, place) = divide(grain, self.header.entries);
        let look = |start: u64, place: u64| {
            let at = start.saturating_add(place.saturating_mul(4));
            self.tables.entry(at).map(u32::from_le_bytes)
        };
        match look(directory, table)? {
            0 => Ok(0),
            table => look(u64::from(table).saturating_mul(SECTOR_BYTES), place),
        }
    }

    fn unpack(&self, grain: u64, at: u64) -> Result<Vec<u8>, DiskError> {
        let marker = read_vec(self.file.as_ref(), at, index(MARKER_BYTES))?;
        let first = grain.saturating_mul(self.header.grain_sectors);
        let len = u64::from(le32(&marker, 8));
        let grain_bytes = self.header.grain_bytes();
        // What does not compress grows a little.
        if le64(&marker, 0) != first || len > grain_bytes.saturating_mul(2) {
            return Err(FORMAT.piece_corrupt(at));
        }
        let packed = read_vec(self.file.as_ref(), at.saturating_add(MARKER_BYTES), index(len))?;
        // The last grain may end where the disk does.
        let left = self
            .header
            .sectors
            .saturating_sub(first)
            .saturating_mul(SECTOR_BYTES);
        let mut plain = vec![0; index(grain_bytes)];
        let mut inflater = Decompress::new(true);
        let ended = inflater.decompress(&packed, &mut plain, FlushDecompress::Finish);
        let is_whole = [grain_bytes, left.min(grain_bytes)].contains(&inflater.total_out());
        match ended {
            Ok(Status::StreamEnd) if is_whole => Ok(plain),
            _ => Err(FORMAT.piece_corrupt(at)),
        }
    }
}
