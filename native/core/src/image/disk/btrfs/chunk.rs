//! Where a logical address is on the device.
//!
//! ```text
//! chunk    0 bytes u64   8 owner   16 bytes of a stripe   24 type u64   44 stripes u16   48 stripes
//! stripe   0 device u64   8 place on it u64   16 id of the device [16]
//! ```
//!
//! A chunk that is kept once or mirrored lies in one piece in each of its stripes. Source: Linux,
//! `fs/btrfs/volumes.c`, `fs/btrfs/tree-checker.c` (`btrfs_check_chunk_valid`).

use std::collections::BTreeMap;

use super::BtrfsError;
use super::superblock::{Superblock, unsupported};
use super::tree::{KEY_BYTES, Key};
use crate::image::disk::DiskError;
use crate::image::disk::number::{index, le16, le64};

pub(super) const CHUNK_ITEM: u8 = 228;
const CHUNK_OWNER: u64 = 256;
const HEAD_BYTES: usize = 48;
const STRIPE_BYTES: usize = 32;

/// Profiles that spread a chunk.
const SPREAD: [(&str, u64); 5] = [
    ("RAID0", 0x8),
    ("RAID10", 0x40),
    ("RAID5", 0x80),
    ("RAID6", 0x100),
    ("remapped", 0x1000),
];
/// Data, system, metadata; RAID1, DUP, RAID1C3, RAID1C4.
const KNOWN_BITS: u64 = 0x7 | 0x10 | 0x20 | 0x200 | 0x400;

struct Chunk {
    bytes: u64,
    /// Where its copies on this device are.
    copies: Vec<u64>,
}

/// All chunks, by their logical address.
pub(super) struct Chunks {
    chunks: BTreeMap<u64, Chunk>,
    device: u64,
}

impl Chunks {
    /// Those of the superblock, by which the tree of all others is read.
    pub(super) fn of_system(superblock: &Superblock) -> Result<Self, DiskError> {
        let mut chunks = Self {
            chunks: BTreeMap::new(),
            device: superblock.device,
        };
        let mut rest = &superblock.system_chunks[..];
        while !rest.is_empty() {
            let problem = "the system chunks are cut";
            let cut = || BtrfsError::Superblock { problem };
            let (key, after) = rest.split_at_checked(KEY_BYTES).ok_or_else(cut)?;
            let len = chunk_bytes(after);
            let (item, after) = after.split_at_checked(len).ok_or_else(cut)?;
            chunks.add(Key::read(key, 0), item)?;
            rest = after;
        }
        Ok(chunks)
    }

    /// Adds a chunk; one that is already there is that of the superblock.
    pub(super) fn add(&mut self, key: Key, item: &[u8]) -> Result<(), DiskError> {
        let corrupt = |problem| corrupt(key.offset, problem);
        if key.object != CHUNK_OWNER || key.kind != CHUNK_ITEM || item.len() != chunk_bytes(item) {
            return Err(corrupt("a chunk is none"));
        }
        let (bytes, kind) = (le64(item, 0), le64(item, 24));
        if let Some((name, _)) = SPREAD.iter().find(|(_, bit)| kind & bit != 0) {
            return Err(unsupported(format!("chunks of the profile {name}")));
        }
        if kind & !KNOWN_BITS != 0 {
            let bit = (kind & !KNOWN_BITS).trailing_zeros();
            return Err(unsupported(format!("chunks of a profile of bit {bit}")));
        }
        let end = key.offset.checked_add(bytes).filter(|_| bytes > 0);
        let end = end.ok_or_else(|| corrupt("a chunk has a size that none has"))?;
        let stripes = item.get(HEAD_BYTES..).unwrap_or_default();
        let copies: Vec<u64> = stripes
            .as_chunks::<STRIPE_BYTES>()
            .0
            .iter()
            .filter(|stripe| le64(&stripe[..], 0) == self.device)
            .map(|stripe| le64(stripe, 8))
            .collect();
        if copies.is_empty() {
            return Err(BtrfsError::DeviceMissing { devices: 2 }.into());
        }
        let before = self.chunks.range(..end).next_back();
        let is_apart = before.is_none_or(|(start, chunk)| {
            *start == key.offset || start.saturating_add(chunk.bytes) <= key.offset
        });
        if !is_apart {
            return Err(corrupt("two chunks overlap"));
        }
        self.chunks.insert(key.offset, Chunk { bytes, copies });
        Ok(())
    }

    /// Where the copies of some bytes are.
    pub(super) fn places(&self, logical: u64, len: u64) -> Result<Vec<u64>, DiskError> {
        let outside = || corrupt(logical, "the address is in no chunk");
        let (start, chunk) = self.chunks.range(..=logical).next_back().ok_or_else(outside)?;
        let inside = logical.saturating_sub(*start);
        if inside.checked_add(len).is_none_or(|end| end > chunk.bytes) {
            return Err(outside());
        }
        let places = chunk.copies.iter().map(|copy| copy.saturating_add(inside));
        Ok(places.collect())
    }
}

/// Bytes of a chunk with all its stripes.
fn chunk_bytes(item: &[u8]) -> usize {
    index(le16(item, 44))
        .saturating_mul(STRIPE_BYTES)
        .saturating_add(HEAD_BYTES)
}

fn corrupt(logical: u64, problem: &'static str) -> DiskError {
    BtrfsError::Corrupt { logical, problem }.into()
}
