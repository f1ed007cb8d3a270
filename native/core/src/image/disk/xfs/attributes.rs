//! Extended attributes, in the fork of an inode behind that of the file's bytes.
//!
//! ```text
//! short   in the inode: bytes u16, attributes u8, unused u8; then of each
//!         length of the name u8, of the value u8, flags u8, name, value
//! others  blocks, the first of which is a leaf or the root of a tree of leaves
//!
//! head    0 next of its level u32   4 previous   8 magic u16   version 5: 12 checksum   16 place   32 UUID   48 owner
//!         and from byte 12, or 56 (version 5), on:
//! node    0 entries u16   2 level u16   4, or 8: largest hash below u32, number of the block below u32
//! leaf    0 entries u16   20, or 24: hash u32, where the name is u16, flags u8, unused u8
//! name    length of the value u16, of the name u8, name, value; or, where the value has blocks of its own,
//!         their number u32, length of the value u32, of the name u8, name
//! value   every block of version 5 begins with
//!         0 "XARM"   4 offset u32   8 bytes u32   12 checksum   16 UUID   32 owner   40 place   48 log
//! ```
//!
//! Blocks are numbered as the fork has them. Source: Linux, `fs/xfs/libxfs/xfs_da_format.h`, `xfs_attr_leaf.c`,
//! `xfs_attr_remote.c`.

use super::Xfs;
use super::checksum::Marks;
use super::inode::{Form, Inode};
use crate::allowlist::Signatures;
use crate::image::disk::DiskError;
use crate::image::disk::number::{be16, be32, byte, index, len64};
use crate::image::disk::runs::Run;
use crate::image::signature;

const BLOCK: Marks = Marks {
    what: "attribute block",
    checksum: 12,
    place: 16,
    uuid: 32,
    owner: 48,
};
const VALUE: Marks = Marks {
    what: "value of an attribute",
    checksum: 12,
    place: 40,
    uuid: 16,
    owner: 32,
};

/// Magic numbers of versions 4 and 5.
const NODE: [u16; 2] = [0xfebe, 0x3ebe];
const LEAF: [u16; 2] = [0xfbee, 0x3bee];
/// Levels of a tree above its leaves (Linux, `XFS_DA_NODE_MAXDEPTH`).
const MAX_LEVEL: u16 = 5;
const SHORT_HEAD_BYTES: usize = 4;
const VALUE_HEAD_BYTES: usize = 56;
/// Longest value of an attribute (Linux, `XATTR_SIZE_MAX`).
const MAX_VALUE_BYTES: u64 = 64 << 10;

/// Flags: whether the value is behind the name, and whose names they are; those of users have none of these.
const IS_LOCAL: u8 = 0x1;
const ROOT: u8 = 0x2;
const SECURITY: u8 = 0x4;
const PARENT: u8 = 0x8;
/// It is being written, or replaced: not to be seen.
const IS_INCOMPLETE: u8 = 0x80;

impl Xfs {
    /// The attributes that signatures are kept in.
    pub(super) fn signatures(&self, file: &Inode) -> Result<Signatures, DiskError> {
        let mut attributes = Signatures::default();
        let Some(fork) = self.attribute_fork(file)? else {
            return Ok(attributes);
        };
        if fork.form == Form::Local {
            short(&fork, &mut attributes)?;
            return Ok(attributes);
        }
        let blocks = Blocks {
            fs: self,
            runs: self.runs(&fork)?,
            fork: &fork,
        };
        for name in signature::NAMES {
            if let Some(slot) = attributes.slot(name) {
                *slot = blocks.look_up(name)?;
            }
        }
        Ok(attributes)
    }
}

/// Attributes in an inode.
fn short(fork: &Inode, attributes: &mut Signatures) -> Result<(), DiskError> {
    let mut rest = fork.fork.get(SHORT_HEAD_BYTES..).unwrap_or_default();
    for _ in 0..byte(&fork.fork, 2) {
        let (name_len, value_len) = (usize::from(byte(rest, 0)), usize::from(byte(rest, 1)));
        let flags = byte(rest, 2);
        let parts = rest
            .get(3..)
            .and_then(|rest| rest.split_at_checked(name_len))
            .and_then(|(name, rest)| Some((name, rest.split_at_checked(value_len)?)));
        let Some((name, (value, behind))) = parts else {
            return Err(fork.corrupt("its attributes end behind their place"));
        };
        if is_security(fork, flags)?
            && let Some(slot) = attributes.slot(name)
        {
            put(fork, slot, value.to_vec())?;
        }
        rest = behind;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(fork.corrupt("its attributes are longer than they are many"))
    }
}

/// Whether an attribute is one of `security.` and all of it is there.
fn is_security(fork: &Inode, flags: u8) -> Result<bool, DiskError> {
    let space = flags & (ROOT | SECURITY | PARENT);
    if space.count_ones() > 1 || flags & !(space | IS_LOCAL | IS_INCOMPLETE) != 0 {
        return Err(fork.corrupt("an attribute is of no kind that there is"));
    }
    Ok(space == SECURITY && flags & IS_INCOMPLETE == 0)
}

fn put(fork: &Inode, slot: &mut Option<Vec<u8>>, value: Vec<u8>) -> Result<(), DiskError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(fork.corrupt("it has an attribute twice")),
    }
}

/// What names are sorted by (Linux, `xfs_da_hashname`).
fn hash(name: &[u8]) -> u32 {
    name.iter()
        .fold(0_u32, |hash, byte| hash.rotate_left(7) ^ u32::from(*byte))
}

/// The blocks of a fork of attributes.
struct Blocks<'f> {
    fs: &'f Xfs,
    runs: Vec<Run>,
    fork: &'f Inode,
}

impl Blocks<'_> {
    /// The value of an attribute of `security.`, as the kernel finds it: by its hash.
    fn look_up(&self, name: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        let wanted = hash(name);
        let mut block = self.block(0)?;
        let mut above = None;
        while self.is_a(&block, NODE) {
            let level = be16(&block, self.body_at(2));
            let is_next = above.is_none_or(|above| level.checked_add(1) == Some(above));
            if !(1..=MAX_LEVEL).contains(&level) || !is_next {
                return Err(self.fork.corrupt("its attributes have levels that no tree has"));
            }
            above = Some(level);
            let Some(below) = self.below(&block, wanted)? else {
                return Ok(None);
            };
            block = self.block(below)?;
        }
        if above.is_some_and(|above| above != 1) {
            return Err(self.fork.corrupt("its attributes have levels that no tree has"));
        }
        let mut found = None;
        // Names of one hash may go on in the next leaf. There are not more leaves than blocks.
        for _ in 0..=self.runs.last().map_or(0, Run::end) {
            let last = self.leaf(&block, name, wanted, &mut found)?;
            match be32(&block, 0) {
                next if next != 0 && last == Some(wanted) => block = self.block(next)?,
                _ => return Ok(found),
            }
        }
        Err(self.fork.corrupt("its attributes have no end"))
    }

    /// The block below a node that has names of this hash, if any has.
    fn below(&self, node: &[u8], wanted: u32) -> Result<Option<u32>, DiskError> {
        let entries = self.entries(node, if self.has_marks() { 8 } else { 4 })?;
        let position = entries.partition_point(|entry| be32(entry, 0) < wanted);
        Ok(entries.get(position).map(|entry| be32(entry, 4)))
    }

    /// Takes the value of a name from a leaf, and gives the last hash in it.
    fn leaf(
        &self,
        leaf: &[u8],
        name: &[u8],
        wanted: u32,
        found: &mut Option<Vec<u8>>,
    ) -> Result<Option<u32>, DiskError> {
        if !self.is_a(leaf, LEAF) {
            return Err(self.fork.corrupt("a block of its attributes is none"));
        }
        let entries = self.entries(leaf, if self.has_marks() { 24 } else { 20 })?;
        for entry in entries {
            let flags = byte(entry, 6);
            let attribute = leaf.get(usize::from(be16(entry, 4))..).unwrap_or_default();
            let name_at: usize = if flags & IS_LOCAL != 0 { 3 } else { 9 };
            let name_len = usize::from(byte(attribute, name_at.saturating_sub(1)));
            let stated = attribute
                .get(name_at..)
                .and_then(|rest| rest.split_at_checked(name_len));
            let Some((stated, behind)) = stated else {
                return Err(self.fork.corrupt("its attributes end behind their place"));
            };
            if !is_security(self.fork, flags)? || stated != name {
                continue;
            }
            if be32(entry, 0) != wanted {
                return Err(self.fork.corrupt("an attribute has another hash than its name"));
            }
            let value = match name_at {
                3 => behind.get(..usize::from(be16(attribute, 0))).map(<[u8]>::to_vec),
                _ => Some(self.value(be32(attribute, 0), be32(attribute, 4).into())?),
            };
            let value = value.ok_or_else(|| self.fork.corrupt("its attributes end behind their place"))?;
            put(self.fork, found, value)?;
        }
        Ok(entries.last().map(|entry| be32(entry, 0)))
    }

    /// The entries of a node or leaf, each of 8 bytes that a hash begins.
    fn entries<'b>(&self, block: &'b [u8], at: usize) -> Result<&'b [[u8; 8]], DiskError> {
        let (entries, _) = block.get(self.body_at(at)..).unwrap_or_default().as_chunks();
        let entries = entries.get(..usize::from(be16(block, self.body_at(0))));
        entries
            .filter(|entries| entries.is_sorted_by_key(|entry| be32(entry, 0)))
            .ok_or_else(|| self.fork.corrupt("a block of its attributes is out of order"))
    }

    /// A value in blocks of its own.
    fn value(&self, first: u32, len: u64) -> Result<Vec<u8>, DiskError> {
        if len > MAX_VALUE_BYTES {
            return Err(self.fork.corrupt("an attribute is longer than any"));
        }
        let head_bytes = if self.has_marks() { VALUE_HEAD_BYTES } else { 0 };
        let mut value = Vec::new();
        let mut number = first;
        while len64(&value) < len {
            let (place, block) = self.read(number)?;
            VALUE.check(&self.fs.superblock, &block, place, self.fork.number)?;
            let body = block.get(head_bytes..).unwrap_or_default();
            let part = body.len().min(index(len.saturating_sub(len64(&value))));
            let is_next = block.starts_with(b"XARM")
                && index(be32(&block, 4)) == value.len()
                && index(be32(&block, 8)) == part;
            if self.has_marks() && !is_next {
                return Err(self.fork.corrupt("a block of an attribute is none"));
            }
            value.extend_from_slice(body.get(..part).unwrap_or_default());
            number = number.saturating_add(1);
        }
        Ok(value)
    }

    /// A node or a leaf.
    fn block(&self, number: u32) -> Result<Vec<u8>, DiskError> {
        let (place, block) = self.read(number)?;
        BLOCK.check(&self.fs.superblock, &block, place, self.fork.number)?;
        Ok(block)
    }

    /// A block of the fork, and where it is.
    fn read(&self, number: u32) -> Result<(u64, Vec<u8>), DiskError> {
        let number = u64::from(number);
        let run = self.runs.iter().find(|run| run.end() > number);
        let run = run.filter(|run| run.logical <= number);
        let run = run.ok_or_else(|| self.fork.corrupt("a block of its attributes is nowhere"))?;
        let place = run.physical.saturating_add(number.saturating_sub(run.logical));
        Ok((place, self.fs.blocks(place, 1)?))
    }

    fn is_a(&self, block: &[u8], [old, new]: [u16; 2]) -> bool {
        be16(block, 8) == if self.has_marks() { new } else { old }
    }

    /// Where a field of a node or leaf is.
    fn body_at(&self, field: usize) -> usize {
        let head_bytes: usize = if self.has_marks() { 56 } else { 12 };
        head_bytes.saturating_add(field)
    }

    fn has_marks(&self) -> bool {
        self.fs.superblock.has_checksums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_xfs_db() {
        // xfs_db -c "hash NAME"
        for (name, expected) in [
            ("", 0x0),
            ("a", 0x61),
            ("ima", 0x1a_76e1),
            ("evm", 0x19_7b6d),
            ("capability", 0x7c7b_fd5e),
        ] {
            assert_eq!(hash(name.as_bytes()), expected, "{name}");
        }
    }
}
