//! Which blocks of the filesystem a file is made of.
//!
//! ```text
//! extent     128 bits: 1 reserved and never written, 54 first block of the file, 52 place, 21 number of blocks
//! tree root  in the inode: level u16, entries u16, room for first blocks u64, room for places u64
//! tree node  0 "BMAP" or "BMA3"   4 level u16   6 entries u16   8 left and 16 right neighbour u64
//!            version 5: 24 place   32 log   40 UUID   56 owner   64 checksum
//!            then extents (level 0), or first blocks u64, room, and places u64 of the nodes below
//! ```
//!
//! Source: Linux, `fs/xfs/libxfs/xfs_bmap_btree.c`.

use super::Xfs;
use super::checksum::Marks;
use super::inode::{EXTENT_BYTES, Form, Inode};
use crate::image::disk::DiskError;
use crate::image::disk::number::{be16, be64, index};
use crate::image::disk::read_at::read_vec;
use crate::image::disk::runs::{self, Run};

const NODE: Marks = Marks {
    what: "node of extents",
    checksum: 64,
    place: 24,
    uuid: 40,
    owner: 56,
};
const OLD_NODE_BYTES: usize = 24;
const NODE_BYTES: usize = 72;
const ROOT_BYTES: usize = 4;
/// Levels of a tree (Linux, `XFS_BTREE_MAXLEVELS`).
const MAX_LEVEL: u16 = 9;

/// The place of the node that has the first extents, by the root of the tree.
pub(super) fn first_node(root: &[u8]) -> u64 {
    let room = root.len().saturating_sub(ROOT_BYTES) / EXTENT_BYTES;
    be64(root, room.saturating_mul(8).saturating_add(ROOT_BYTES))
}

/// Collects the runs of one file.
struct Mapper<'f> {
    fs: &'f Xfs,
    inode: &'f Inode,
    runs: Vec<Run>,
    /// The first block of the file that an extent may still be of.
    next: u64,
    extents: u64,
}

impl Xfs {
    /// The runs of a file, in its order. What is in none of them is zeros, as is what was never written.
    pub(super) fn runs(&self, inode: &Inode) -> Result<Vec<Run>, DiskError> {
        let mut mapper = Mapper {
            fs: self,
            inode,
            runs: Vec::new(),
            next: 0,
            extents: 0,
        };
        match inode.form {
            Form::Device | Form::Local => {}
            Form::Extents => mapper.extents(&inode.fork)?,
            Form::Btree => mapper.root()?,
        }
        if mapper.extents != inode.extents && inode.form != Form::Local {
            return Err(inode.corrupt("it has another number of extents than it says"));
        }
        Ok(mapper.runs)
    }

    /// Some blocks of the filesystem.
    pub(super) fn blocks(&self, first: u64, count: u64) -> Result<Vec<u8>, DiskError> {
        let bytes = self.superblock.block_bytes;
        read_vec(
            self.volume.as_ref(),
            first.saturating_mul(bytes),
            index(count.saturating_mul(bytes)),
        )
    }
}

impl Mapper<'_> {
    fn root(&mut self) -> Result<(), DiskError> {
        let root = &self.inode.fork;
        let level = be16(root, 0);
        if level == 0 || level >= MAX_LEVEL {
            return Err(self.inode.corrupt("its extents have levels that no tree has"));
        }
        self.below(root, be16(root, 2), level, ROOT_BYTES)
    }

    /// Takes the nodes below one whose entries start at `at`. Each has extents behind all of the one before, so that
    /// no node is of any use twice, and what a hostile tree can make us do is bounded.
    fn below(&mut self, node: &[u8], entries: u16, level: u16, at: usize) -> Result<(), DiskError> {
        let (keys, _) = node.get(at..).unwrap_or_default().as_chunks::<8>();
        let room = keys.len() / 2;
        let places = keys.get(room..).unwrap_or_default();
        if entries == 0 || usize::from(entries) > room {
            return Err(self
                .inode
                .corrupt("a node of its extents has an impossible number of entries"));
        }
        for (key, place) in keys.iter().zip(places).take(entries.into()) {
            let (key, place) = (u64::from_be_bytes(*key), u64::from_be_bytes(*place));
            if key < self.next {
                return Err(self.inode.corrupt("its extents are out of order"));
            }
            self.next = key;
            self.node(place, level.saturating_sub(1))?;
        }
        Ok(())
    }

    fn node(&mut self, place: u64, level: u16) -> Result<(), DiskError> {
        let superblock = &self.fs.superblock;
        let block = superblock.place(place, 1);
        let block = block.ok_or_else(|| {
            self.inode
                .corrupt("a node of its extents is not in the filesystem")
        })?;
        let node = self.fs.blocks(block, 1)?;
        let (magic, at) = match superblock.has_checksums {
            true => (b"BMA3", NODE_BYTES),
            false => (b"BMAP", OLD_NODE_BYTES),
        };
        NODE.check(superblock, &node, block, self.inode.number)?;
        if !node.starts_with(magic) || be16(&node, 4) != level {
            return Err(self.inode.corrupt("a node of its extents is none"));
        }
        let entries = be16(&node, 6);
        if level > 0 {
            return self.below(&node, entries, level, at);
        }
        let used = usize::from(entries).saturating_mul(EXTENT_BYTES);
        let extents = node.get(at..).and_then(|extents| extents.get(..used));
        match extents.filter(|extents| !extents.is_empty()) {
            Some(extents) => self.extents(extents),
            None => Err(self
                .inode
                .corrupt("a node of its extents has an impossible number of entries")),
        }
    }

    fn extents(&mut self, extents: &[u8]) -> Result<(), DiskError> {
        for extent in extents.as_chunks::<EXTENT_BYTES>().0 {
            self.extent(be64(extent, 0), be64(extent, 8))?;
        }
        Ok(())
    }

    fn extent(&mut self, high: u64, low: u64) -> Result<(), DiskError> {
        let is_reserved = high >> 63 != 0;
        let logical = high << 1 >> 10;
        let start = (high & 0x1ff) << 43 | low >> 21;
        let blocks = low & 0x1f_ffff;
        if logical < self.next {
            return Err(self.inode.corrupt("its extents are out of order"));
        }
        self.next = logical.saturating_add(blocks);
        self.extents = self.extents.saturating_add(1);
        // Blocks can be shared, even by one file; more extents than there are blocks would only be a bomb.
        if self.extents > self.fs.superblock.blocks {
            return Err(self
                .inode
                .corrupt("it has more extents than the filesystem has blocks"));
        }
        let physical = self.fs.superblock.place(start, blocks);
        let physical = physical.ok_or_else(|| self.inode.corrupt("its blocks are not in the filesystem"))?;
        if !is_reserved {
            let run = Run {
                logical,
                physical,
                blocks,
            };
            runs::push(&mut self.runs, run);
        }
        Ok(())
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

    const BLOCK_BYTES: u64 = 1024;

    /// A node of version 4 in a block of 1024 bytes: entries of a first block of the file and a place, or of extents.
    fn node(level: u16, entries: &[(u64, u64)]) -> Vec<u8> {
        let mut bytes = b"BMAP".to_vec();
        bytes.extend(level.to_be_bytes());
        bytes.extend(u16::try_from(entries.len()).unwrap().to_be_bytes());
        bytes.extend([0xff; 16]);
        if level == 0 {
            bytes.extend(
                entries
                    .iter()
                    .flat_map(|(high, low)| [high.to_be_bytes(), low.to_be_bytes()])
                    .flatten(),
            );
        } else {
            bytes.extend(entries.iter().flat_map(|(first, _)| first.to_be_bytes()));
            bytes.resize(OLD_NODE_BYTES + 62 * 8, 0);
            bytes.extend(entries.iter().flat_map(|(_, place)| place.to_be_bytes()));
        }
        bytes.resize(1024, 0);
        bytes
    }

    #[test]
    fn a_tree_that_uses_its_nodes_again_has_an_end() {
        if !has_tool("mkfs.xfs") {
            return;
        }
        let directory = tempfile::TempDir::new().unwrap();
        run(directory.path(), "truncate -s 16M image");
        run(
            directory.path(),
            "mkfs.xfs -q --unsupported -m crc=0 -b size=1024 -d agcount=1 image",
        );
        let path = directory.path().join("image");
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let fs = Xfs::open(Arc::new(Raw::new(File::open(&path).unwrap()).unwrap())).unwrap();
        let mut inode = fs.inode(fs.superblock.root).unwrap();
        inode.form = Form::Btree;
        // Levels of nodes that all name one node below, 62 times; at their bottom an extent far away, none, or the
        // node itself.
        let far = (1_000_000 << 9, 100 << 21 | 1);
        for bottom in [vec![far], vec![], vec![(far.0, 0)]] {
            let mut place = 16_000;
            file.write_all_at(&node(0, &bottom), place * BLOCK_BYTES).unwrap();
            for level in 1..6 {
                let entries: Vec<_> = (0..62).map(|first| (first, place)).collect();
                place -= 1;
                file.write_all_at(&node(level, &entries), place * BLOCK_BYTES)
                    .unwrap();
            }
            let mut root = [6_u16.to_be_bytes(), 1_u16.to_be_bytes()].concat();
            root.extend([0_u64.to_be_bytes(), place.to_be_bytes()].concat());
            inode.fork = root.into();
            inode.extents = 62;
            assert!(fs.runs(&inode).is_err());
        }
        let own = node(1, &[(0, 15_000)]);
        file.write_all_at(&own, 15_000 * BLOCK_BYTES).unwrap();
        let root = [2_u16.to_be_bytes(), 1_u16.to_be_bytes()].concat();
        inode.fork = [root, [0_u64.to_be_bytes(), 15_000_u64.to_be_bytes()].concat()]
            .concat()
            .into();
        assert!(fs.runs(&inode).is_err());
    }
}
