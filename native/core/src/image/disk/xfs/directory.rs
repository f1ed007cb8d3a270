//! Directories. Those of the forms leaf, node and btree have an index behind their data, which reading in order does
//! without.
//!
//! ```text
//! short   in the inode: entries u8, of those with a long number u8, parent u32 or u64, then
//!         length u8, cookie u16, name, kind u8 (ftype), number u32, or u64 if any is that long
//! block   "XD2B" or "XDB3": one block; entries, then the index, its length u32 and unused places of it u32
//! others  "XD2D" or "XDD3": blocks of entries in the first 32 GiB of the file, with holes where all names are gone
//!
//! head    0 magic; version 5: 4 checksum   8 place   24 UUID   40 owner; then three of the largest gaps
//! entry   number u64, length u8, name, kind u8 (ftype), gap, its own offset u16: in steps of 8 bytes
//! gap     0xffff u16, length u16, …, its own offset u16
//! ```
//!
//! Source: Linux, `fs/xfs/libxfs/xfs_da_format.h`, `xfs_dir2_data.c`.

use super::Xfs;
use super::checksum::Marks;
use super::inode::{Form, Inode};
use crate::image::disk::DiskError;
use crate::image::disk::number::{be16, be32, be64, byte, divide, index};
use crate::image::disk::runs::Run;

const DATA: Marks = Marks {
    what: "directory block",
    checksum: 4,
    place: 8,
    uuid: 24,
    owner: 40,
};
/// Where the index starts, in bytes of the directory.
const INDEX_AT: u64 = 1 << 35;
const OLD_HEAD_BYTES: usize = 16;
const HEAD_BYTES: usize = 64;
/// Behind the index of the form block: how long it is.
const TAIL_BYTES: usize = 8;
const GAP: u16 = 0xffff;
const STEP: usize = 8;

/// A name in a directory.
pub(super) type Entry = (Vec<u8>, u64);

impl Xfs {
    /// The names in a directory, in its order, without `.` and `..`.
    pub(super) fn entries(&self, directory: &Inode) -> Result<Vec<Entry>, DiskError> {
        if directory.form == Form::Local {
            return self.short(directory);
        }
        let data = self.directory_runs(directory)?;
        let block_blocks = self.superblock.directory_block_blocks;
        let is_single = directory.form == Form::Extents && data.has_no_index;
        let mut entries = Vec::new();
        let mut blocks = Gatherer::default();
        for run in data.runs {
            for step in 0..run.blocks {
                let (logical, physical) = (
                    run.logical.saturating_add(step),
                    run.physical.saturating_add(step),
                );
                if !blocks.take(logical, physical, block_blocks) {
                    return Err(directory.corrupt("it is a directory with a hole in a block"));
                }
                if let Some(places) = blocks.whole(block_blocks) {
                    self.data_block(directory, &places, is_single, &mut entries)?;
                }
            }
        }
        if blocks.places.is_empty() {
            Ok(entries)
        } else {
            Err(directory.corrupt("it is a directory with a hole in a block"))
        }
    }

    /// Bytes of all its blocks of names.
    pub(super) fn directory_bytes(&self, directory: &Inode) -> Result<u64, DiskError> {
        if directory.form == Form::Local {
            return Ok(0);
        }
        let runs = self.directory_runs(directory)?.runs;
        let blocks = runs.iter().map(|run| run.blocks).fold(0, u64::saturating_add);
        Ok(blocks.saturating_mul(self.superblock.block_bytes))
    }

    fn directory_runs(&self, directory: &Inode) -> Result<Data, DiskError> {
        let mut runs = self.runs(directory)?;
        let all = runs.len();
        let index_block = divide(INDEX_AT, self.superblock.block_bytes).0;
        if runs
            .iter()
            .any(|run| run.logical < index_block && run.end() > index_block)
        {
            return Err(directory.corrupt("its names and their index are not apart"));
        }
        runs.retain(|run| run.logical < index_block);
        let end = runs.last().map_or(0, Run::end);
        if end == 0 || end.saturating_mul(self.superblock.block_bytes) != directory.size_bytes {
            return Err(directory.corrupt("it is a directory that ends elsewhere than it says"));
        }
        Ok(Data {
            has_no_index: runs.len() == all && end == self.superblock.directory_block_blocks,
            runs,
        })
    }

    fn data_block(
        &self,
        directory: &Inode,
        places: &[u64],
        is_single: bool,
        entries: &mut Vec<Entry>,
    ) -> Result<(), DiskError> {
        let mut block = Vec::new();
        for &place in places {
            block.extend(self.blocks(place, 1)?);
        }
        let first = places.first().copied().unwrap_or_default();
        DATA.check(&self.superblock, &block, first, directory.number)?;
        let (magic, at) = match (self.superblock.has_checksums, is_single) {
            (true, true) => (b"XDB3", HEAD_BYTES),
            (true, false) => (b"XDD3", HEAD_BYTES),
            (false, true) => (b"XD2B", OLD_HEAD_BYTES),
            (false, false) => (b"XD2D", OLD_HEAD_BYTES),
        };
        if !block.starts_with(magic) {
            return Err(directory.corrupt("a block of the directory is none"));
        }
        if !is_single {
            return self.parse(directory, &block, at, entries).map(drop);
        }
        let tail_at = block.len().saturating_sub(TAIL_BYTES);
        let (indexed, unused) = (be32(&block, tail_at), be32(&block, tail_at.saturating_add(4)));
        let end = index(indexed)
            .checked_mul(8)
            .and_then(|bytes| tail_at.checked_sub(bytes));
        let names = end.and_then(|end| block.get(..end));
        let names = names.ok_or_else(|| directory.corrupt("the index of the directory is larger than it"))?;
        let found = self.parse(directory, names, at, entries)?;
        if Some(found) == indexed.checked_sub(unused) {
            Ok(())
        } else {
            Err(directory.corrupt("the directory has another number of names than its index"))
        }
    }

    /// Takes the entries of a block from `at` on, and returns how many there are with `.` and `..`.
    fn parse(
        &self,
        directory: &Inode,
        block: &[u8],
        at: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<u32, DiskError> {
        let impossible = || directory.corrupt("an entry of the directory has an impossible length");
        let mut at = at;
        let mut found: u32 = 0;
        while at < block.len() {
            let rest = block.get(at..).unwrap_or_default();
            let is_gap = be16(rest, 0) == GAP;
            let name_len = usize::from(byte(rest, 8));
            let len = if is_gap {
                usize::from(be16(rest, 2))
            } else {
                // Number, length, name, kind, offset.
                let len = name_len.saturating_add(11);
                len.saturating_add(self.superblock.has_file_types.into())
                    .next_multiple_of(STEP)
            };
            let entry = rest
                .get(..len)
                .filter(|_| len >= STEP && len.is_multiple_of(STEP));
            let entry = entry.ok_or_else(impossible)?;
            if usize::from(be16(entry, len.saturating_sub(2))) != at {
                return Err(directory.corrupt("an entry of the directory is in another place than it says"));
            }
            if !is_gap {
                let name = entry.get(9..).and_then(|name| name.get(..name_len));
                self.push(directory, name.unwrap_or_default(), be64(entry, 0), entries)?;
                found = found.saturating_add(1);
            }
            at = at.saturating_add(len);
        }
        Ok(found)
    }

    /// A directory in its inode.
    fn short(&self, directory: &Inode) -> Result<Vec<Entry>, DiskError> {
        let fork = &directory.fork;
        let number_bytes = if byte(fork, 1) == 0 { 4 } else { 8 };
        let kind_bytes = usize::from(self.superblock.has_file_types);
        let mut entries = Vec::new();
        let mut rest = fork
            .get(2_usize.saturating_add(number_bytes)..)
            .unwrap_or_default();
        for _ in 0..byte(fork, 0) {
            let name_len = usize::from(byte(rest, 0));
            let number_at = name_len.saturating_add(3).saturating_add(kind_bytes);
            let (Some(name), Some(number), Some(behind)) = (
                rest.get(3..).and_then(|name| name.get(..name_len)),
                rest.get(number_at..)
                    .and_then(|number| number.get(..number_bytes)),
                rest.get(number_at.saturating_add(number_bytes)..),
            ) else {
                return Err(directory.corrupt("its names end behind it"));
            };
            let number = match number_bytes {
                4 => be32(number, 0).into(),
                _ => be64(number, 0),
            };
            self.push(directory, name, number, &mut entries)?;
            rest = behind;
        }
        if rest.is_empty() && fork.len() > number_bytes {
            Ok(entries)
        } else {
            Err(directory.corrupt("it is longer than its names"))
        }
    }

    fn push(
        &self,
        directory: &Inode,
        name: &[u8],
        number: u64,
        entries: &mut Vec<Entry>,
    ) -> Result<(), DiskError> {
        if name.is_empty() || memchr::memchr2(0, b'/', name).is_some() {
            return Err(directory.corrupt("an entry of the directory has an impossible name"));
        }
        if !matches!(name, b"." | b"..") {
            entries.push((name.to_vec(), number));
        }
        Ok(())
    }
}

/// The part of a directory that has names.
struct Data {
    runs: Vec<Run>,
    /// Whether it is one block, with the index in it.
    has_no_index: bool,
}

/// Gathers blocks of the filesystem to one of a directory, which need not be together.
#[derive(Default)]
struct Gatherer {
    places: Vec<u64>,
    /// The one that has to follow.
    next: u64,
}

impl Gatherer {
    /// Takes the next block; false if it belongs to another block of the directory than the ones before it.
    fn take(&mut self, logical: u64, physical: u64, block_blocks: u64) -> bool {
        let is_next = match self.places.as_slice() {
            [] => divide(logical, block_blocks).1 == 0,
            _ => logical == self.next,
        };
        self.next = logical.saturating_add(1);
        self.places.push(physical);
        is_next
    }

    /// All of them, once they are one.
    fn whole(&mut self, block_blocks: u64) -> Option<Vec<u64>> {
        let is_whole = index(block_blocks) == self.places.len();
        is_whole.then(|| std::mem::take(&mut self.places))
    }
}
