//! Directories: records that do not reach from one sector into the next.
//!
//! ```text
//! 0 bytes u8, 0 if the next sector has the next one   1 blocks of attributes before the extent u8   2 first block
//! 10 bytes of the extent   25 flags u8: 1 hidden, 2 directory, 4 associated, 128 more extents follow
//! 26, 27 interleaved if not 0   28 number of the volume   32 bytes of the name u8   33 name, padded to an even place
//! then what extensions keep there
//! ```
//!
//! Source: ECMA-119, 9.1; Linux, `fs/isofs/dir.c`, `fs/isofs/inode.c`.

use super::{Iso9660, SECTOR_BYTES, both16, both32, corrupt, unsupported};
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, divide, index};
use crate::image::disk::read_at::read_vec;
use crate::image::disk::runs::{self, Run};

const HEAD_BYTES: usize = 33;
const IS_DIRECTORY: u8 = 2;
const IS_ASSOCIATED: u8 = 4;
const HAS_MORE: u8 = 128;

/// Extents of one file that Linux takes.
const MAX_EXTENTS: usize = 100;

/// Bytes of one directory: some million names.
const MAX_DIRECTORY_BYTES: u64 = 64 << 20;

/// What a directory says of a file.
#[derive(Debug, Clone)]
pub(in crate::image::disk) struct Record {
    /// Where it is.
    pub(super) at: u64,
    bytes: Vec<u8>,
    pub(super) runs: Vec<Run>,
    pub(super) size_bytes: u64,
}

impl Record {
    /// A record of one extent.
    pub(super) fn new(bytes: &[u8], at: u64) -> Result<Self, DiskError> {
        let name_bytes = usize::from(byte(bytes, 32));
        if bytes.len() < HEAD_BYTES.saturating_add(name_bytes) || name_bytes == 0 {
            return Err(corrupt(at, "a record that is too short for its name"));
        }
        let differ = || corrupt(at, "two copies of a number that differ");
        let block = u64::from(both32(bytes, 2).ok_or_else(differ)?);
        let size_bytes = u64::from(both32(bytes, 10).ok_or_else(differ)?);
        both16(bytes, 28).ok_or_else(differ)?;
        if byte(bytes, 26) != 0 || byte(bytes, 27) != 0 {
            return Err(unsupported("an interleaved file"));
        }
        let mut record = Self {
            at,
            bytes: bytes.to_vec(),
            runs: Vec::new(),
            size_bytes: 0,
        };
        record.push(block.saturating_add(byte(bytes, 1).into()), size_bytes);
        Ok(record)
    }

    fn push(&mut self, block: u64, size_bytes: u64) {
        let run = Run {
            logical: self.size_bytes.div_ceil(SECTOR_BYTES),
            physical: block,
            blocks: size_bytes.div_ceil(SECTOR_BYTES),
        };
        runs::push(&mut self.runs, run);
        self.size_bytes = self.size_bytes.saturating_add(size_bytes);
    }

    pub(super) fn is_directory(&self) -> bool {
        byte(&self.bytes, 25) & IS_DIRECTORY != 0
    }

    /// Hides what only other systems have a use for, as Linux does.
    fn is_associated(&self) -> bool {
        byte(&self.bytes, 25) & IS_ASSOCIATED != 0
    }

    fn has_more(&self) -> bool {
        byte(&self.bytes, 25) & HAS_MORE != 0
    }

    pub(super) fn volume(&self) -> u16 {
        both16(&self.bytes, 28).unwrap_or_default()
    }

    /// The block that it begins in.
    pub(super) fn first_block(&self) -> u64 {
        self.runs.first().map_or(0, |run| run.physical)
    }

    /// The name as ISO 9660 or Joliet has it.
    pub(super) fn name(&self) -> &[u8] {
        let rest = self.bytes.get(HEAD_BYTES..).unwrap_or_default();
        rest.get(..byte(&self.bytes, 32).into()).unwrap_or_default()
    }

    /// Whether it stands for the directory itself, or for the one above it.
    pub(super) fn is_dot(&self) -> bool {
        matches!(self.name(), [0] | [1])
    }

    /// What extensions keep behind the name.
    pub(super) fn extensions(&self) -> &[u8] {
        let end = HEAD_BYTES.saturating_add(self.name().len()).next_multiple_of(2);
        self.bytes.get(end..).unwrap_or_default()
    }

    /// Takes the extent of another record of the same file.
    fn extend(&mut self, next: &Self) -> Result<(), DiskError> {
        let (_, rest) = divide(self.size_bytes, SECTOR_BYTES);
        if next.name() != self.name() || rest != 0 || self.runs.len() >= MAX_EXTENTS || self.is_directory() {
            return Err(corrupt(
                next.at,
                "an extent that does not belong to the one before it",
            ));
        }
        self.push(next.first_block(), next.size_bytes);
        if let (Some(own), Some(&flags)) = (self.bytes.get_mut(25), next.bytes.get(25)) {
            *own = flags;
        }
        Ok(())
    }
}

impl Iso9660 {
    /// The record that a directory at this block has of itself.
    pub(super) fn record_at(&self, block: u64) -> Result<Record, DiskError> {
        let at = block.saturating_mul(SECTOR_BYTES);
        let sector = read_vec(self.volume.as_ref(), at, index(SECTOR_BYTES))?;
        let bytes = sector.get(..byte(&sector, 0).into()).unwrap_or_default();
        let record = Record::new(bytes, at)?;
        if record.name() != [0] || !record.is_directory() || record.first_block() != block {
            return Err(corrupt(at, "a directory that does not begin with itself"));
        }
        Ok(record)
    }

    /// All records of a directory, but those that stand for it and the one above it.
    pub(super) fn records(&self, directory: &[Run], size_bytes: u64) -> Result<Vec<Record>, DiskError> {
        let start = directory.first().map_or(0, |run| run.physical);
        let at = start.saturating_mul(SECTOR_BYTES);
        if size_bytes > MAX_DIRECTORY_BYTES {
            return Err(corrupt(at, "a directory larger than any that programs write"));
        }
        let bytes = read_vec(self.volume.as_ref(), at, index(size_bytes))?;
        let mut records: Vec<Record> = Vec::new();
        let mut is_open = false;
        for (sector, at) in bytes
            .chunks(index(SECTOR_BYTES))
            .zip((at..).step_by(index(SECTOR_BYTES)))
        {
            let mut inside = 0_usize;
            while let Some(&len) = sector.get(inside).filter(|&&len| len > 0) {
                let end = inside.saturating_add(len.into());
                let place = at.saturating_add(u64::try_from(inside).unwrap_or(u64::MAX));
                let bytes = sector.get(inside..end);
                let bytes = bytes.ok_or_else(|| corrupt(place, "a record that reaches out of its sector"))?;
                inside = end;
                let record = Record::new(bytes, place)?;
                let has_more = record.has_more();
                match records.last_mut().filter(|_| is_open) {
                    Some(last) => last.extend(&record)?,
                    None => records.push(record),
                }
                is_open = has_more;
            }
        }
        if is_open {
            return Err(corrupt(at, "a file whose last extent is missing"));
        }
        records.retain(|record| !record.is_dot() && !record.is_associated());
        Ok(records)
    }
}
