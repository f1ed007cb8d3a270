//! Which blocks of the filesystem a file is made of.
//!
//! ```text
//! extents    header: magic 0xf30a, entries u16, room u16, depth u16, …; then 12 bytes an entry
//!            leaf   first block of the file u32, length u16, place (high u16, low u32)
//!            index  first block of the file u32, place of the node below (low u32, high u16)
//! block map  12 blocks, then one block of blocks, one of blocks of blocks, and one of those
//! ```
//!
//! Source: Linux, `fs/ext4/ext4_extents.h`.

use super::checksum::crc32c;
use super::inode::Inode;
use super::{Ext4, Ext4Error};
use crate::image::disk::DiskError;
use crate::image::disk::number::{index, join, le16, le32};
use crate::image::disk::read_at::read_vec;
use crate::image::disk::runs::{self, Run};

const EXTENT_MAGIC: u16 = 0xf30a;
const EXTENT_BYTES: usize = 12;
const MAX_DEPTH: u16 = 5;
/// Lengths above this are of space that was reserved and never written: zeros.
const MAX_WRITTEN: u16 = 1 << 15;

const DIRECT_BLOCKS: usize = 12;
const INDIRECT_LEVELS: u32 = 3;

/// Collects the runs of one file.
struct Mapper<'f> {
    fs: &'f Ext4,
    inode: &'f Inode,
    /// Blocks of the file, by its size.
    blocks: u64,
    runs: Vec<Run>,
    /// Blocks that are mapped so far: never more than there are.
    mapped: u64,
}

impl Ext4 {
    /// The runs of a file, in its order. What is in none of them is zeros.
    pub(super) fn runs(&self, inode: &Inode) -> Result<Vec<Run>, DiskError> {
        let mut mapper = Mapper {
            fs: self,
            inode,
            blocks: inode.size_bytes.div_ceil(self.superblock.block_bytes),
            runs: Vec::new(),
            mapped: 0,
        };
        if inode.has_extents() {
            mapper.extents(&inode.block, None, 0)?;
        } else {
            mapper.block_map()?;
        }
        Ok(mapper.runs)
    }
}

impl Mapper<'_> {
    /// Takes a node of the tree, whose entries are of blocks from `next` on, and returns the block behind the last of
    /// them. So no node is of any use twice, and what a hostile tree can make us do is bounded by the file's size.
    fn extents(&mut self, node: &[u8], above: Option<u16>, next: u64) -> Result<u64, DiskError> {
        let (entries, room, depth) = (le16(node, 2), le16(node, 4), le16(node, 6));
        let needed = usize::from(room).saturating_add(1).saturating_mul(EXTENT_BYTES);
        if le16(node, 0) != EXTENT_MAGIC || entries > room || needed > node.len() {
            return Err(self.inode.corrupt("a node of its extents is none"));
        }
        let is_expected = match above {
            // Only a file without blocks has a node without entries.
            Some(above) => Some(depth) == above.checked_sub(1) && entries > 0,
            None => depth <= MAX_DEPTH,
        };
        if !is_expected {
            return Err(self.inode.corrupt("its extents have levels that do not fit"));
        }
        let (all, _) = node
            .get(EXTENT_BYTES..)
            .unwrap_or_default()
            .as_chunks::<EXTENT_BYTES>();
        let mut next = next;
        for entry in all.iter().take(entries.into()) {
            let first = u64::from(le32(entry, 0));
            if first < next {
                return Err(self.inode.corrupt("its extents are out of order"));
            }
            // What is reserved behind the end of the file does not matter.
            if first >= self.blocks {
                return Ok(self.blocks);
            }
            if depth > 0 {
                let below = self.node(join(le16(entry, 8).into(), le32(entry, 4)))?;
                next = self.extents(&below, Some(depth), first)?;
                continue;
            }
            let len = le16(entry, 4);
            let place = join(le16(entry, 6).into(), le32(entry, 8));
            let is_written = len <= MAX_WRITTEN;
            let blocks = if is_written {
                len
            } else {
                len.saturating_sub(MAX_WRITTEN)
            };
            if blocks == 0 {
                return Err(self.inode.corrupt("one of its extents is empty"));
            }
            next = first.saturating_add(blocks.into());
            if is_written {
                self.push(first, place, blocks.into())?;
            }
        }
        Ok(next)
    }

    /// A node in a block of its own, with its checksum behind the room for entries.
    fn node(&self, place: u64) -> Result<Vec<u8>, DiskError> {
        let node = self.fs.block(place)?;
        if let Some(seed) = self.inode.seed {
            let end = usize::from(le16(&node, 4))
                .saturating_add(1)
                .saturating_mul(EXTENT_BYTES);
            let covered = node.get(..end).unwrap_or_default();
            if crc32c(seed, covered) != le32(&node, end) {
                return Err(Ext4Error::Checksum {
                    what: "extent block",
                    number: place,
                }
                .into());
            }
        }
        Ok(node)
    }

    fn block_map(&mut self) -> Result<(), DiskError> {
        let blocks = self.blocks;
        let (places, _) = self.inode.block.as_chunks::<4>();
        let places: Vec<u32> = places.iter().map(|place| u32::from_le_bytes(*place)).collect();
        let (direct, indirect) = places.split_at_checked(DIRECT_BLOCKS).unwrap_or_default();
        let mut logical = 0;
        for &place in direct {
            self.push_block(logical, place, blocks)?;
            logical = logical.saturating_add(1);
        }
        for (level, &place) in (1..=INDIRECT_LEVELS).zip(indirect) {
            logical = self.indirect(level, place, logical, blocks)?;
        }
        if logical < blocks {
            return Err(self.inode.corrupt("it is larger than its block map can tell"));
        }
        Ok(())
    }

    /// A block of places, `level` times. Returns the first block of the file behind all of them.
    fn indirect(&mut self, level: u32, place: u32, logical: u64, blocks: u64) -> Result<u64, DiskError> {
        let per_block = self.fs.superblock.block_bytes / 4;
        let end = logical.saturating_add(per_block.saturating_pow(level));
        if place == 0 || logical >= blocks {
            return Ok(end);
        }
        let table = self.fs.block(place.into())?;
        let (places, _) = table.as_chunks::<4>();
        let mut at = logical;
        for place in places.iter().map(|place| u32::from_le_bytes(*place)) {
            if at >= blocks {
                break;
            }
            at = match level.checked_sub(1) {
                Some(0) | None => {
                    self.push_block(at, place, blocks)?;
                    at.saturating_add(1)
                }
                Some(below) => self.indirect(below, place, at, blocks)?,
            };
        }
        Ok(end)
    }

    fn push_block(&mut self, logical: u64, place: u32, blocks: u64) -> Result<(), DiskError> {
        match place {
            0 => Ok(()),
            _ if logical >= blocks => Ok(()),
            place => self.push(logical, place.into(), 1),
        }
    }

    fn push(&mut self, logical: u64, physical: u64, blocks: u64) -> Result<(), DiskError> {
        let all = self.fs.superblock.blocks;
        let is_inside = physical > 0 && physical.checked_add(blocks).is_some_and(|end| end <= all);
        self.mapped = self.mapped.saturating_add(blocks);
        if !is_inside || self.mapped > all {
            return Err(self.inode.corrupt("its blocks are not in the filesystem"));
        }
        let run = Run {
            logical,
            physical,
            blocks,
        };
        runs::push(&mut self.runs, run);
        Ok(())
    }
}

impl Ext4 {
    /// A block.
    pub(super) fn block(&self, number: u64) -> Result<Vec<u8>, DiskError> {
        let bytes = self.superblock.block_bytes;
        read_vec(self.volume.as_ref(), number.saturating_mul(bytes), index(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::FileExt as _;
    use std::sync::Arc;

    use super::*;
    use crate::image::disk::read_at::Raw;
    use crate::testing::{has_tool, run};

    /// A node: header and entries of first block, length or place (low) and the rest.
    fn node(depth: u16, entries: &[(u32, [u8; 8])]) -> Vec<u8> {
        let count = u16::try_from(entries.len()).unwrap();
        let mut bytes = Vec::new();
        for number in [EXTENT_MAGIC, count, count, depth, 0, 0] {
            bytes.extend(number.to_le_bytes());
        }
        for (first, rest) in entries {
            bytes.extend(first.to_le_bytes());
            bytes.extend(rest);
        }
        bytes
    }

    #[test]
    fn a_tree_that_uses_its_nodes_again_has_an_end() {
        if !has_tool("mke2fs") {
            return;
        }
        let directory = tempfile::TempDir::new().unwrap();
        run(directory.path(), "truncate -s 8M image");
        run(
            directory.path(),
            "mke2fs -q -F -t ext4 -b 1024 -O ^metadata_csum image",
        );
        let path = directory.path().join("image");
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        // Four levels of nodes that all name one node below, 84 times, at the end of the image; at their bottom an
        // extent far away, none, or an empty one.
        let below = |place: u32| {
            let mut rest = [0; 8];
            rest[..4].copy_from_slice(&place.to_le_bytes());
            rest
        };
        let far = node(0, &[(1_000_000, [1, 0, 0, 0, 100, 0, 0, 0])]);
        let empty = node(0, &[(0, [0, 0, 0, 0, 100, 0, 0, 0])]);
        for bottom in [far, node(0, &[]), empty] {
            let mut place = 8190;
            file.write_all_at(&bottom, u64::from(place) * 1024).unwrap();
            for depth in 1..4 {
                let entries: Vec<_> = (0..84).map(|first| (first, below(place))).collect();
                place -= 1;
                file.write_all_at(&node(depth, &entries), u64::from(place) * 1024)
                    .unwrap();
            }
            let fs = Ext4::open(Arc::new(Raw::new(File::open(&path).unwrap()).unwrap())).unwrap();
            let mut inode = fs.inode(2).unwrap();
            inode.size_bytes = 1 << 40;
            let root = node(4, &(0..4).map(|first| (first, below(place))).collect::<Vec<_>>());
            inode.block[..root.len()].copy_from_slice(&root);
            assert!(fs.runs(&inode).is_err());
        }
    }
}
