//! Extended attributes: lists of them, which files with the same ones share.
//!
//! ```text
//! table   0 start of the lists u64   8 how many there are u32   16 u64 for each block of places: where it is
//! place   0 block of the list behind their start, and offset in it u64   8 attributes u32   12 bytes of their names u32
//! list    of each attribute: prefix u16, bytes of the name u16, name, bytes of the value u32, value.
//!         Bit 8 of the prefix: in place of the value stands where it is, as in a place, with its length before it
//! ```
//!
//! Source: Linux, `fs/squashfs/xattr.c`, `xattr_id.c`.

use super::inode::Node;
use super::metadata::Place;
use super::{Squashfs, corrupt};
use crate::allowlist::Signatures;
use crate::image::disk::DiskError;
use crate::image::disk::number::{index, le16, le32, le64};
use crate::image::disk::read_at::read_vec;

/// A table that there is none.
const NO_TABLE: u64 = u64::MAX;
const TABLE_HEAD_BYTES: usize = 16;
const PLACE_BYTES: u64 = 16;

/// `security.`, as a prefix.
const SECURITY: u16 = 2;
const IS_ELSEWHERE: u16 = 0x100;

/// Longest value of an attribute (Linux, `XATTR_SIZE_MAX`).
const MAX_VALUE_BYTES: u32 = 64 << 10;
/// Bytes of one list. Attributes that are large or of many files are kept beside it.
const MAX_LIST_BYTES: usize = 1 << 20;

/// Where attributes are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    start: u64,
    /// Where the first list is.
    lists: u64,
    len: u32,
}

impl Squashfs {
    /// The table at `start`, if there is one. The kernel does not look at the flag that says so, and nor does this.
    pub(super) fn attribute_table(&self, start: u64) -> Result<Option<Table>, DiskError> {
        if start == NO_TABLE {
            return Ok(None);
        }
        let head = read_vec(self.volume.as_ref(), start, TABLE_HEAD_BYTES)?;
        Ok(Some(Table {
            start,
            lists: le64(&head, 0),
            len: le32(&head, 8),
        }))
    }

    /// The attributes of a file that signatures are kept in.
    pub(in crate::image::disk) fn attributes(&self, file: &Node) -> Result<Signatures, DiskError> {
        let mut attributes = Signatures::default();
        let (Some(table), Some(number)) = (self.attributes, file.attributes) else {
            return Ok(attributes);
        };
        let malformed = |problem| corrupt(table.start, problem);
        if number >= table.len {
            return Err(malformed("attributes that no table has"));
        }
        let at = table.start.saturating_add(PLACE_BYTES);
        let mut place = self.entry(at, number.into(), PLACE_BYTES)?;
        let entry = self.take(&mut place, index(PLACE_BYTES))?;
        let mut place = table.place(le64(&entry, 0));
        let mut left = MAX_LIST_BYTES;
        let mut take = |place: &mut Place, len: usize| {
            left = left
                .checked_sub(len)
                .ok_or_else(|| malformed("a list of attributes larger than any that programs write"))?;
            self.take(place, len)
        };
        for _ in 0..le32(&entry, 8) {
            let head = take(&mut place, 4)?;
            let prefix = le16(&head, 0);
            let name = take(&mut place, le16(&head, 2).into())?;
            let len = le32(&take(&mut place, 4)?, 0);
            if len > MAX_VALUE_BYTES {
                return Err(malformed("an attribute longer than any"));
            }
            let value = take(&mut place, index(len))?;
            let slot = match prefix & !IS_ELSEWHERE {
                SECURITY => attributes.slot(&name),
                _ => None,
            };
            let Some(slot) = slot else { continue };
            let value = match prefix & IS_ELSEWHERE {
                0 => value,
                _ => self.value_elsewhere(table, &value)?,
            };
            if slot.replace(value).is_some() {
                return Err(malformed("a file has an attribute twice"));
            }
        }
        Ok(attributes)
    }

    fn value_elsewhere(&self, table: Table, stated: &[u8]) -> Result<Vec<u8>, DiskError> {
        let mut place = table.place(le64(stated, 0));
        let len = le32(&self.take(&mut place, 4)?, 0);
        if stated.len() != 8 || len > MAX_VALUE_BYTES {
            return Err(corrupt(place.block, "an attribute longer than any"));
        }
        self.take(&mut place, index(len))
    }
}

impl Table {
    fn place(&self, reference: u64) -> Place {
        Place {
            block: self.lists.saturating_add(reference >> 16),
            offset: index(reference & 0xffff),
        }
    }
}
