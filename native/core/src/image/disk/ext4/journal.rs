//! The journal: blocks that were written there and are not where they belong yet. Numbers of it have their highest
//! byte first.
//!
//! ```text
//! block       0 0xc03b3998   4 kind u32   8 number of the transaction u32
//! superblock  12 block size  16 blocks    20 first block of the ring   24 first transaction, 28 where it starts, 0 none
//!             36 features: compatible, incompatible   48 UUID   80 kind of checksum u8   252 checksum
//! descriptor  12 tags, each for one of the blocks that follow; then as many blocks
//! commit      16 checksum; what has none before the next transaction never was
//! revocation  12 bytes in use; then numbers of blocks whose copies so far do not count
//!
//! tag         0 block (low)   4 checksum u16   6 flags u16                     8 block (high, 64bit)
//!  version 3  0 block (low)   4 flags u32      8 block (high)                 12 checksum
//!             then 16 bytes of UUID, unless it is the one before it
//! ```
//!
//! Nothing is written: a map says of which blocks the copy in the journal counts. Source: Linux, `fs/jbd2/recovery.c`.

use std::collections::BTreeMap;

use super::checksum::crc32c;
use super::overlay::Copy;
use super::{Ext4, Ext4Error};
use crate::image::disk::DiskError;
use crate::image::disk::number::{be16, be32, be64, byte, index, join};
use crate::image::disk::runs::Run;

const MAGIC: u32 = 0xc03b_3998;
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const OLD_SUPERBLOCK: u32 = 3;
const SUPERBLOCK: u32 = 4;
const REVOCATION: u32 = 5;
const HEAD_BYTES: usize = 12;
const REVOCATION_HEAD_BYTES: usize = 16;
const SUPERBLOCK_BYTES: usize = 1024;
const CHECKSUM_BYTES: usize = 4;
const CRC32C: u8 = 4;

/// Incompatible features: name, bit, and whether they can be replayed here.
const FEATURES: [(&str, u32, bool); 6] = [
    ("revoke", 0x1, true),
    ("64bit", IS_64BIT, true),
    ("asynchronous commits", ASYNC, true),
    ("checksums of version 2", CHECKSUMS_V2, true),
    ("checksums of version 3", CHECKSUMS_V3, true),
    ("fast commits", 0x20, false),
];
const IS_64BIT: u32 = 0x2;
const ASYNC: u32 = 0x4;
const CHECKSUMS_V2: u32 = 0x8;
const CHECKSUMS_V3: u32 = 0x10;

/// Flags of a tag.
const IS_ESCAPED: u32 = 0x1;
const HAS_SAME_UUID: u32 = 0x2;
const IS_LAST: u32 = 0x8;

/// Blocks of a journal; mke2fs makes none of more than 2¹⁸ unasked.
const MAX_BLOCKS: u64 = 1 << 21;

/// Copies of blocks by the number of the block, as they are when everything is replayed.
pub(super) type Copies = BTreeMap<u64, Copy>;

/// A copy of a block in a transaction that was committed.
struct Tag {
    block: u64,
    transaction: u32,
    copy: Copy,
    checksum: u32,
}

/// A block of revocations.
struct Revocation {
    transaction: u32,
    place: u64,
}

struct Journal<'f> {
    fs: &'f Ext4,
    runs: Vec<Run>,
    /// The ring: its first block, and the one behind it.
    first: u64,
    end: u64,
    features: u32,
    /// What checksums start from; none if there are none.
    seed: Option<u32>,
}

/// What has to be read from the journal instead of from where it belongs.
///
/// # Errors
/// [`Ext4Error::JournalUnsupported`], [`Ext4Error::Journal`], [`Ext4Error::Checksum`].
pub(super) fn replay(fs: &Ext4) -> Result<Copies, DiskError> {
    if fs.superblock.journal == 0 {
        return Err(unsupported("its place on another device".to_owned()));
    }
    let inode = fs.inode(fs.superblock.journal)?;
    let runs = fs.runs(&inode)?;
    let superblock = fs.block(place(&runs, 0).ok_or_else(|| corrupt(0, "it has no blocks"))?)?;
    let kind = be32(&superblock, 4);
    if be32(&superblock, 0) != MAGIC || !matches!(kind, OLD_SUPERBLOCK | SUPERBLOCK) {
        return Err(corrupt(0, "its superblock is none"));
    }
    let is_new = kind == SUPERBLOCK;
    let features = if is_new { be32(&superblock, 40) } else { 0 };
    refuse_features(features)?;
    let has_checksums = features & (CHECKSUMS_V2 | CHECKSUMS_V3) != 0;
    if features & ASYNC != 0 && !has_checksums {
        return Err(unsupported("asynchronous commits without checksums".to_owned()));
    }
    if has_checksums && !is_right(!0, superblock.get(..SUPERBLOCK_BYTES).unwrap_or_default(), 252) {
        return Err(wrong_checksum(0));
    }
    if has_checksums && byte(&superblock, 80) != CRC32C {
        return Err(unsupported("another kind of checksum".to_owned()));
    }
    let (end, first) = (u64::from(be32(&superblock, 16)), u64::from(be32(&superblock, 20)));
    let start = u64::from(be32(&superblock, 28));
    let is_possible = u64::from(be32(&superblock, 12)) == fs.superblock.block_bytes
        && first > 0
        && first < end
        && end <= MAX_BLOCKS
        && (start == 0 || (first..end).contains(&start));
    if !is_possible {
        return Err(corrupt(0, "its superblock has sizes that none has"));
    }
    if start == 0 {
        return Ok(Copies::new());
    }
    let journal = Journal {
        fs,
        runs,
        first,
        end,
        features,
        seed: has_checksums.then(|| crc32c(!0, superblock.get(48..64).unwrap_or_default())),
    };
    let (tags, revocations) = journal.committed(start, be32(&superblock, 24))?;
    journal.copies(tags, &revocations)
}

impl Journal<'_> {
    fn next(&self, at: u64) -> u64 {
        let next = at.saturating_add(1);
        if next < self.end { next } else { self.first }
    }

    /// Where a block of the journal is in the filesystem.
    fn place(&self, at: u64) -> Result<u64, DiskError> {
        place(&self.runs, at).ok_or_else(|| corrupt(at, "it is in a hole of the journal"))
    }

    /// All transactions that were committed, in their order.
    fn committed(&self, start: u64, first: u32) -> Result<(Vec<Tag>, Vec<Revocation>), DiskError> {
        let (mut tags, mut revocations) = (Vec::new(), Vec::new());
        let (mut new_tags, mut new_revocations) = (Vec::new(), Vec::new());
        let (mut at, mut transaction) = (start, first);
        // Once around the ring is all that there can be.
        let mut left = self.end.saturating_sub(self.first);
        while left > 0 {
            let block = self.fs.block(self.place(at)?)?;
            if be32(&block, 0) != MAGIC || be32(&block, 8) != transaction {
                break;
            }
            let mut used: u64 = 1;
            match be32(&block, 4) {
                DESCRIPTOR => {
                    self.check_tail(&block, at)?;
                    let found = self.tags(&block, at, transaction)?;
                    used = used.saturating_add(u64::try_from(found.len()).unwrap_or(u64::MAX));
                    new_tags.extend(found);
                }
                REVOCATION => {
                    self.check_tail(&block, at)?;
                    new_revocations.push(Revocation {
                        transaction,
                        place: self.place(at)?,
                    });
                }
                COMMIT => {
                    if self.seed.is_some_and(|seed| !is_right(seed, &block, 16)) {
                        return Err(wrong_checksum(at));
                    }
                    tags.append(&mut new_tags);
                    revocations.append(&mut new_revocations);
                    transaction = transaction.wrapping_add(1);
                }
                _ => break,
            }
            left = left
                .checked_sub(used)
                .ok_or_else(|| corrupt(at, "a transaction is longer than the journal"))?;
            for _ in 0..used {
                at = self.next(at);
            }
        }
        Ok((tags, revocations))
    }

    /// The tags of a descriptor, each with the place of its block.
    fn tags(&self, descriptor: &[u8], at: u64, transaction: u32) -> Result<Vec<Tag>, DiskError> {
        let has_v3 = self.features & CHECKSUMS_V3 != 0;
        let tail = if self.seed.is_some() { CHECKSUM_BYTES } else { 0 };
        let end = descriptor.len().saturating_sub(tail);
        let is_64bit = self.features & IS_64BIT != 0;
        let tag_bytes = match (has_v3, self.features & CHECKSUMS_V2 != 0) {
            (true, _) => 16,
            (false, true) => 10,
            (false, false) => 8,
        };
        let tag_bytes = match is_64bit && !has_v3 {
            true => usize::saturating_add(tag_bytes, 4),
            false => tag_bytes,
        };
        let mut rest = descriptor.get(HEAD_BYTES..end).unwrap_or_default();
        let (mut tags, mut block_at) = (Vec::new(), at);
        while let Some((tag, behind)) = rest.split_at_checked(tag_bytes) {
            block_at = self.next(block_at);
            let (flags, checksum) = match has_v3 {
                true => (be32(tag, 4), be32(tag, 12)),
                false => (be16(tag, 6).into(), be16(tag, 4).into()),
            };
            let high = if is_64bit { be32(tag, 8) } else { 0 };
            let copy = Copy {
                place: self.place(block_at)?,
                is_escaped: flags & IS_ESCAPED != 0,
            };
            tags.push(Tag {
                block: join(high, be32(tag, 0)),
                transaction,
                copy,
                checksum,
            });
            if flags & IS_LAST != 0 {
                return Ok(tags);
            }
            let uuid_bytes = if flags & HAS_SAME_UUID != 0 { 0 } else { 16 };
            rest = behind.get(uuid_bytes..).unwrap_or_default();
        }
        Ok(tags)
    }

    /// The last copy of each block, but for those that were revoked later.
    fn copies(&self, tags: Vec<Tag>, revocations: &[Revocation]) -> Result<Copies, DiskError> {
        // Only of blocks that have a copy: a hostile journal may revoke any number of others.
        let mut revoked: BTreeMap<u64, Option<u32>> = tags.iter().map(|tag| (tag.block, None)).collect();
        for revocation in revocations {
            for block in self.revoked(revocation)? {
                if let Some(last) = revoked.get_mut(&block) {
                    *last = Some(revocation.transaction);
                }
            }
        }
        let mut copies = Copies::new();
        for tag in tags {
            let last = revoked.get(&tag.block).copied().flatten();
            if last.is_some_and(|last| !is_later(tag.transaction, last)) {
                continue;
            }
            self.check_copy(&tag)?;
            if tag.block >= self.fs.superblock.blocks {
                return Err(corrupt(
                    tag.copy.place,
                    "it is a copy of a block that there is not",
                ));
            }
            copies.insert(tag.block, tag.copy);
        }
        Ok(copies)
    }

    /// The blocks that a block of revocations names.
    fn revoked(&self, revocation: &Revocation) -> Result<Vec<u64>, DiskError> {
        let block = self.fs.block(revocation.place)?;
        let end = index(be32(&block, 12));
        let numbers = block.get(REVOCATION_HEAD_BYTES..end);
        let numbers =
            numbers.ok_or_else(|| corrupt(revocation.place, "its revocations are longer than a block"))?;
        Ok(match self.features & IS_64BIT {
            0 => numbers
                .as_chunks::<4>()
                .0
                .iter()
                .map(|number| be32(number, 0).into())
                .collect(),
            _ => numbers
                .as_chunks::<8>()
                .0
                .iter()
                .map(|number| be64(number, 0))
                .collect(),
        })
    }

    /// Checks a descriptor or a block of revocations by the checksum at its end.
    fn check_tail(&self, block: &[u8], at: u64) -> Result<(), DiskError> {
        let tail = block.len().saturating_sub(CHECKSUM_BYTES);
        match self.seed {
            Some(seed) if !is_right(seed, block, tail) => Err(wrong_checksum(at)),
            _ => Ok(()),
        }
    }

    /// Checks a copy, as it is in the journal, by the checksum in its tag.
    fn check_copy(&self, tag: &Tag) -> Result<(), DiskError> {
        let Some(seed) = self.seed else { return Ok(()) };
        let block = self.fs.block(tag.copy.place)?;
        let found = crc32c(crc32c(seed, &tag.transaction.to_be_bytes()), &block);
        let is_right = match self.features & CHECKSUMS_V3 {
            0 => found & 0xffff == tag.checksum,
            _ => found == tag.checksum,
        };
        if is_right {
            Ok(())
        } else {
            Err(Ext4Error::Checksum {
                what: "journal's copy in block",
                number: tag.copy.place,
            }
            .into())
        }
    }
}

/// Whether a transaction came after another. Their numbers start again behind the last one.
fn is_later(transaction: u32, other: u32) -> bool {
    matches!(transaction.wrapping_sub(other), 1..0x8000_0000)
}

/// Where a block of a file is.
fn place(runs: &[Run], logical: u64) -> Option<u64> {
    let behind = runs.partition_point(|run| run.logical <= logical);
    let run = runs.get(behind.checked_sub(1)?)?;
    let inside = logical.checked_sub(run.logical)?;
    (inside < run.blocks).then(|| run.physical.saturating_add(inside))
}

/// Whether the checksum at `at` is that of all other bytes, with zeros in its own place.
fn is_right(seed: u32, block: &[u8], at: usize) -> bool {
    let (before, rest) = block.split_at_checked(at).unwrap_or_default();
    let behind = rest.get(CHECKSUM_BYTES..).unwrap_or_default();
    crc32c(crc32c(crc32c(seed, before), &[0; CHECKSUM_BYTES]), behind) == be32(block, at)
}

fn refuse_features(features: u32) -> Result<(), DiskError> {
    let mut rest = features;
    for (name, bit, is_supported) in FEATURES {
        if features & bit != 0 && !is_supported {
            return Err(unsupported(name.to_owned()));
        }
        rest &= !bit;
    }
    match rest {
        0 => Ok(()),
        _ => Err(unsupported(format!(
            "the feature of bit {}",
            rest.trailing_zeros()
        ))),
    }
}

fn unsupported(feature: String) -> DiskError {
    Ext4Error::JournalUnsupported { feature }.into()
}

fn corrupt(block: u64, problem: &'static str) -> DiskError {
    Ext4Error::Journal { block, problem }.into()
}

fn wrong_checksum(block: u64) -> DiskError {
    Ext4Error::Checksum {
        what: "journal block",
        number: block,
    }
    .into()
}
