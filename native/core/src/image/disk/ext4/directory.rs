//! Directories.
//!
//! ```text
//! entry   inode u32, length u16, length of the name u8, kind u8, name; an inode of 0 is none
//! ```
//!
//! An index over the names is in entries that are none, so that reading them in order finds all names. Source: Linux,
//! `fs/ext4/namei.c`.

use super::checksum::crc32c;
use super::inode::Inode;
use super::{Ext4, Ext4Error};
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index, le16, le32};

const HEAD_BYTES: usize = 8;
/// An entry that is none and holds the checksum of its block.
const TAIL_BYTES: usize = 12;
const TAIL_KIND: u8 = 0xde;

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) inode: u32,
    pub(super) name: Vec<u8>,
}

impl Ext4 {
    /// The names in a directory, in its order, without `.` and `..`.
    pub(super) fn entries(&self, directory: &Inode) -> Result<Vec<Entry>, DiskError> {
        let mut entries = Vec::new();
        if let Some(rest) = &directory.inline_rest {
            // The parent's inode, then entries; those that did not fit are a list of their own.
            self.parse(
                directory,
                directory.block.get(4..).unwrap_or_default(),
                &mut entries,
            )?;
            self.parse(directory, rest, &mut entries)?;
            return Ok(entries);
        }
        let block_bytes = self.superblock.block_bytes;
        if !directory.size_bytes.is_multiple_of(block_bytes) {
            return Err(directory.corrupt("it is a directory that ends within a block"));
        }
        let mut logical = 0;
        for run in self.runs(directory)? {
            if run.logical != logical {
                return Err(directory.corrupt("it is a directory with a hole"));
            }
            for number in (run.physical..).take(index(run.blocks)) {
                if logical.saturating_mul(block_bytes) >= directory.size_bytes {
                    return Ok(entries);
                }
                let block = self.block(number)?;
                self.check(directory, &block, number)?;
                self.parse(directory, &block, &mut entries)?;
                logical = logical.saturating_add(1);
            }
        }
        if logical.saturating_mul(block_bytes) < directory.size_bytes {
            return Err(directory.corrupt("it is a directory with a hole"));
        }
        Ok(entries)
    }

    fn parse(&self, directory: &Inode, block: &[u8], entries: &mut Vec<Entry>) -> Result<(), DiskError> {
        let mut rest = block;
        while rest.len() >= HEAD_BYTES {
            let len = match le16(rest, 4) {
                // A block of 64 KiB does not fit into the field.
                0 | u16::MAX if block.len() >= 1 << 16 => rest.len(),
                len => len.into(),
            };
            let name_len = if self.superblock.has_file_types {
                byte(rest, 6).into()
            } else {
                usize::from(le16(rest, 6))
            };
            let end = name_len.saturating_add(HEAD_BYTES);
            if len < HEAD_BYTES || len % 4 != 0 || len > rest.len() || end > len {
                return Err(directory.corrupt("an entry of the directory has an impossible length"));
            }
            let name = rest.get(HEAD_BYTES..end).unwrap_or_default();
            let inode = le32(rest, 0);
            if inode != 0 && !matches!(name, b"." | b"..") {
                if name.is_empty() || memchr::memchr2(0, b'/', name).is_some() {
                    return Err(directory.corrupt("an entry of the directory has an impossible name"));
                }
                entries.push(Entry {
                    inode,
                    name: name.to_vec(),
                });
            }
            rest = rest.get(len..).unwrap_or_default();
        }
        Ok(())
    }

    /// Checks the checksum of a block of a directory.
    fn check(&self, directory: &Inode, block: &[u8], number: u64) -> Result<(), DiskError> {
        let Some(seed) = directory.seed else { return Ok(()) };
        let tail_at = block.len().saturating_sub(TAIL_BYTES);
        let (covered, tail) = block.split_at_checked(tail_at).unwrap_or_default();
        let is_tail = le32(tail, 0) == 0
            && index(le16(tail, 4)) == TAIL_BYTES
            && le16(tail, 6) == u16::from(TAIL_KIND) << 8;
        // The index begins in what was a block of names, and part of that block's checksum may still be there.
        let is_right = (is_tail && crc32c(seed, covered) == le32(tail, 8))
            || (directory.is_indexed() && is_right_index(block, seed));
        if is_right {
            Ok(())
        } else {
            Err(Ext4Error::Checksum {
                what: "directory block",
                number,
            }
            .into())
        }
    }
}

/// Checks a block of the index over the names: its entries, counted, and the checksum behind the room for them.
fn is_right_index(block: &[u8], seed: u32) -> bool {
    // The root has `.` and `..` and eight bytes of its own before them, another node one entry that is none.
    let is_root = index(le16(block, 4)) == TAIL_BYTES;
    let counts_at: usize = if is_root { 32 } else { 8 };
    let (room, count) = (le16(block, counts_at), le16(block, counts_at.saturating_add(2)));
    let end_of = |entries: u16| usize::from(entries).saturating_mul(8).saturating_add(counts_at);
    let tail = block.get(end_of(room)..).unwrap_or_default();
    let Some(covered) = block
        .get(..end_of(count))
        .filter(|_| count <= room && tail.len() >= 8)
    else {
        return false;
    };
    let found = crc32c(crc32c(seed, covered), tail.get(..4).unwrap_or_default());
    crc32c(found, &[0; 4]) == le32(tail, 4)
}
