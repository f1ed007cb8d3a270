//! The index of a packed file: what begins in each of its clusters, which here have the size of a block, or how far
//! back that is.
//!
//! ```text
//! full      8 bytes each: 0 kind u16, bit 15 set if only the start of what is packed is wanted   2 offset u16
//!           4 block u32, or of an inner cluster 4 distance back u16   6 distance on u16
//! compact   packs: 2 of 16 bits and the first block u32, or 16 of 14 bits and the first block u32
//!           a cluster: offset or distance in the low bits, two bits of kind above; the last one of a pack has the
//!           distance on. A block is that of the pack, and as many more as begin before it there
//! kinds     0 begins plain   1, 3 begins packed, by the first or second algorithm   2 inner
//! ```
//!
//! Packs of 2 come first, until the next multiple of 32; then as many of 16 as there can be, if the file has those;
//! then packs of 2. A distance back with bit 11 set is a number of blocks instead, and 1 is meant: so says the first
//! inner cluster where packed clusters may have several. Source: Linux, `fs/erofs/zmap.c`.

use super::corrupt;
use crate::image::disk::DiskError;
use crate::image::disk::number::{divide, index, le16, le32, len64};
use crate::image::disk::read_at::{ReadAt, read_vec};

const FULL_BYTES: u64 = 8;
const KIND: u16 = 3;
const IS_START_ONLY: u16 = 1 << 15;
/// The distance is a number of blocks.
const IS_BLOCKS: u32 = 1 << 11;
/// What a pack ends with.
const PACK_BLOCK_BYTES: u64 = 4;
/// Where packs of 16 begin.
const PACK_ALIGNMENT: u64 = 32;

/// Bytes that are read at once. No pack and no full entry lies across a multiple of it.
const WINDOW_BYTES: u64 = 4096;

/// How something that begins in a cluster is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    First,
    Second,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cluster {
    /// Something begins in it.
    Head(Head),
    /// It belongs to what began before.
    Inner {
        /// How many clusters back that is, or leads on to it.
        back: u64,
        /// How many blocks that has.
        blocks: Option<u64>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Where it begins in its cluster.
    pub(super) offset: u64,
    /// Where its blocks begin.
    pub(super) block: u32,
    pub(super) is_start_only: bool,
}

/// Where the index of a file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Index {
    /// Where it begins, in bytes.
    pub(super) start: u64,
    pub(super) form: Form,
    pub(super) cluster_log: u8,
    pub(super) clusters: u64,
    /// Whether packed clusters may have several blocks.
    pub(super) is_big: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Full,
    Compact { has_packs_of_16: bool },
}

/// What was read of an index last.
#[derive(Debug, Default)]
pub(super) struct Window {
    at: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn get(&mut self, volume: &dyn ReadAt, at: u64, len: u64) -> Result<&[u8], DiskError> {
        let (_, inside) = divide(at, WINDOW_BYTES);
        let start = at.saturating_sub(inside);
        let end = inside.saturating_add(len);
        if self.at != start || len64(&self.bytes) < end {
            let left = volume.size_bytes().saturating_sub(start);
            // Of a volume that ends before it, the end of the window is asked for in vain.
            self.bytes = read_vec(volume, start, index(left.min(WINDOW_BYTES).max(end)))?;
            self.at = start;
        }
        Ok(self.bytes.get(index(inside)..index(end)).unwrap_or_default())
    }
}

/// Clusters that share the number of a block.
struct Pack {
    at: u64,
    bytes: u64,
    count: u32,
    bits: u32,
    /// Which of them is meant.
    number: u32,
}

impl Index {
    /// The cluster with this number, which is one of the file's.
    pub(super) fn cluster(
        &self,
        volume: &dyn ReadAt,
        window: &mut Window,
        number: u64,
    ) -> Result<Cluster, DiskError> {
        let cluster = match self.form {
            Form::Full => {
                let at = self.full(number);
                self.of_entry(window.get(volume, at, FULL_BYTES)?)
            }
            Form::Compact { has_packs_of_16 } => {
                let pack = self.pack(number, has_packs_of_16);
                let bytes = window.get(volume, pack.at, pack.bytes)?;
                self.of_pack(&pack, bytes)
            }
        };
        match cluster {
            Some(Cluster::Head(head)) if head.offset >> self.cluster_log != 0 => {
                Err(self.corrupt("a cluster in which something begins behind its end"))
            }
            Some(cluster) => Ok(cluster),
            None => Err(self.corrupt("a cluster that leads nowhere, or has a mark that is not known")),
        }
    }

    /// Where what stands behind a cluster in the index begins, when it is the last one.
    pub(super) fn behind(&self, number: u64) -> u64 {
        match self.form {
            Form::Full => self.full(number).saturating_add(FULL_BYTES),
            Form::Compact { has_packs_of_16 } => {
                let pack = self.pack(number, has_packs_of_16);
                pack.at.saturating_add(pack.bytes)
            }
        }
    }

    pub(super) fn corrupt(&self, problem: &'static str) -> DiskError {
        corrupt(self.start, problem)
    }

    fn full(&self, number: u64) -> u64 {
        self.start.saturating_add(number.saturating_mul(FULL_BYTES))
    }

    fn of_entry(&self, entry: &[u8]) -> Option<Cluster> {
        let flags = le16(entry, 0);
        if flags & !(KIND | IS_START_ONLY) != 0 {
            return None;
        }
        let kind = match flags & KIND {
            0 => Kind::Plain,
            1 => Kind::First,
            3 => Kind::Second,
            _ => return self.inner(le16(entry, 4).into()),
        };
        Some(Cluster::Head(Head {
            kind,
            offset: le16(entry, 2).into(),
            block: le32(entry, 4),
            is_start_only: flags & IS_START_ONLY != 0,
        }))
    }

    fn inner(&self, distance: u32) -> Option<Cluster> {
        if distance & IS_BLOCKS == 0 {
            let back = distance.into();
            return Some(Cluster::Inner { back, blocks: None });
        }
        let blocks = Some(u64::from(distance & !IS_BLOCKS));
        self.is_big.then_some(Cluster::Inner { back: 1, blocks })
    }

    fn pack(&self, number: u64, has_packs_of_16: bool) -> Pack {
        let (_, inside) = divide(self.start, PACK_ALIGNMENT);
        let before = match PACK_ALIGNMENT.saturating_sub(inside) {
            PACK_ALIGNMENT => 0,
            bytes => bytes >> 2,
        };
        let in_16 = match self.clusters.saturating_sub(before) {
            rest if has_packs_of_16 => rest & !0xf,
            _ => 0,
        };
        let (skipped, rest, is_16) = match number.checked_sub(before) {
            None => (0, number, false),
            Some(rest) if rest < in_16 => (before.saturating_mul(4), rest, true),
            Some(rest) => {
                let skipped = before.saturating_mul(4).saturating_add(in_16.saturating_mul(2));
                (skipped, rest.saturating_sub(in_16), false)
            }
        };
        let (bytes, count, bits) = if is_16 { (32, 16, 14) } else { (8, 2, 16) };
        let (packs, number) = divide(rest, count);
        Pack {
            at: self
                .start
                .saturating_add(skipped)
                .saturating_add(packs.saturating_mul(bytes)),
            bytes,
            count: u32::try_from(count).unwrap_or_default(),
            bits,
            number: u32::try_from(number).unwrap_or_default(),
        }
    }

    /// The kind of a cluster in a pack, and its offset or distance.
    fn value(&self, pack: &Pack, bytes: &[u8], number: u32) -> (u32, u32) {
        let low_bits = u32::from(self.cluster_log).max(IS_BLOCKS.trailing_zeros().saturating_add(1));
        let at = number.saturating_mul(pack.bits);
        // No cluster has more than 16 bits, which begin in the first byte.
        let value = le32(bytes, index(at >> 3)) >> (at & 7);
        let low = value & (1_u32 << low_bits).wrapping_sub(1);
        (value >> low_bits & 3, low)
    }

    fn of_pack(&self, pack: &Pack, bytes: &[u8]) -> Option<Cluster> {
        let (kind, low) = self.value(pack, bytes, pack.number);
        let kind = match kind {
            0 => Kind::Plain,
            1 => Kind::First,
            3 => Kind::Second,
            _ if low & IS_BLOCKS != 0 || pack.number.saturating_add(1) < pack.count => {
                return self.inner(low);
            }
            _ => {
                // It has the distance on; the one before it tells how far back it is.
                let before = self.value(pack, bytes, pack.number.checked_sub(1)?);
                let back = match before {
                    (2, low) if low & IS_BLOCKS != 0 => 2,
                    (2, low) => u64::from(low).saturating_add(1),
                    _ => 1,
                };
                return Some(Cluster::Inner { back, blocks: None });
            }
        };
        let first = le32(bytes, index(pack.bytes.saturating_sub(PACK_BLOCK_BYTES)));
        Some(Cluster::Head(Head {
            kind,
            offset: low.into(),
            block: first.checked_add(self.blocks_before(pack, bytes)?)?,
            is_start_only: false,
        }))
    }

    /// How many blocks what begins in a pack before this cluster has.
    fn blocks_before(&self, pack: &Pack, bytes: &[u8]) -> Option<u32> {
        // Without several blocks in a cluster the number of the pack is that before its first block.
        let mut blocks = u32::from(!self.is_big);
        let mut next = pack.number;
        while let Some(number) = next.checked_sub(1) {
            next = number;
            match self.value(pack, bytes, number) {
                (2, low) if !self.is_big => match number.checked_sub(low) {
                    Some(head) => {
                        next = head;
                        blocks = blocks.checked_add(1)?;
                    }
                    // It began in a pack before.
                    None => return Some(blocks),
                },
                (2, low) if low & IS_BLOCKS != 0 => {
                    blocks = blocks.checked_add(low & !IS_BLOCKS)?;
                    next = number.saturating_sub(1);
                }
                // The inner cluster that tells the blocks is the first one behind its head: on to that one.
                (2, low) => next = number.saturating_sub(low.checked_sub(2)?),
                _ => blocks = blocks.checked_add(1)?,
            }
        }
        Some(blocks)
    }
}
