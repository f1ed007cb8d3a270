//! Extended attributes: those of one inode behind it, those of several in an area of their own.
//!
//! ```text
//! behind an inode   0 filter u32   4 shared ones u8   5 unused   12 their numbers u32 each, which are places in the
//!                   area in units of 4 bytes; then entries
//! entry             0 bytes of the name u8   1 prefix u8   2 bytes of the value u16   4 name, value, padded to 4
//! prefix            bit 7 set: the number of a long one, which stands for a short one and a part of the name
//! long prefix       0 bytes that follow u16   2 short prefix u8   3 part of the name, padded to 4
//! ```
//!
//! Source: Linux, `fs/erofs/xattr.c`.

use super::inode::Node;
use super::{Erofs, corrupt};
use crate::allowlist::Signatures;
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index, le16, le32};
use crate::image::disk::read_at::read_vec;

/// `security.`, as a prefix.
const SECURITY: u8 = 6;

const HEADER_BYTES: usize = 12;
const ENTRY_BYTES: usize = 4;
const IS_LONG: u8 = 0x80;

/// The most bytes of a long prefix: a name's, and the short one's number.
const MAX_PREFIX_BYTES: u16 = 256;

/// A short prefix, and what follows it.
pub(super) type Prefix = (u8, Vec<u8>);

impl Erofs {
    /// The attributes of a file that signatures are kept in.
    pub(in crate::image::disk) fn attributes(&self, file: &Node) -> Result<Signatures, DiskError> {
        let mut attributes = Signatures::default();
        let (place, len) = file.attributes;
        if len == 0 {
            return Ok(attributes);
        }
        let bytes = read_vec(self.volume.as_ref(), place, index(len))?;
        let outside = || file.corrupt("attributes that point out of where they are");
        let rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
        let shared = usize::from(byte(&bytes, 4)).saturating_mul(4);
        let (shared, mut entries) = rest.split_at_checked(shared).ok_or_else(outside)?;
        while entries.len() >= ENTRY_BYTES {
            let end = size(entries);
            let entry = entries.get(..end).ok_or_else(outside)?;
            self.take(entry, &mut attributes).ok_or_else(outside)?;
            entries = entries.get(end.next_multiple_of(4)..).unwrap_or_default();
        }
        for number in shared.chunks_exact(4) {
            let at = u64::from(le32(number, 0)) << 2;
            let place = self.superblock.attributes.saturating_add(at);
            let head = read_vec(self.volume.as_ref(), place, ENTRY_BYTES)?;
            let entry = read_vec(self.volume.as_ref(), place, size(&head))?;
            self.take(&entry, &mut attributes).ok_or_else(outside)?;
        }
        Ok(attributes)
    }

    /// Takes the value of an entry if signatures are kept in it: the first of those with one name, as Linux does. None if
    /// it ends beyond the entry.
    fn take(&self, entry: &[u8], attributes: &mut Signatures) -> Option<()> {
        let (name, value) = entry
            .get(ENTRY_BYTES..)?
            .split_at_checked(byte(entry, 0).into())?;
        let slot = match byte(entry, 1) {
            SECURITY => attributes.slot(name),
            prefix if prefix & IS_LONG != 0 => match self.prefixes.get(usize::from(prefix & !IS_LONG)) {
                Some((SECURITY, part)) => attributes.slot(&[part, name].concat()),
                _ => None,
            },
            _ => None,
        };
        if let Some(slot) = slot {
            slot.get_or_insert_with(|| value.to_vec());
        }
        Some(())
    }

    /// Reads the long prefixes.
    pub(super) fn read_prefixes(&self) -> Result<Vec<Prefix>, DiskError> {
        let (count, mut at) = self.superblock.prefixes;
        let mut prefixes = Vec::new();
        for _ in 0..count {
            let len = le16(&self.metadata(at, 2)?, 0);
            if len == 0 || len > MAX_PREFIX_BYTES {
                return Err(corrupt(at, "a prefix of attributes of no length that one has"));
            }
            at = at.saturating_add(2);
            let prefix = self.metadata(at, len.into())?;
            prefixes.push((byte(&prefix, 0), prefix.get(1..).unwrap_or_default().to_vec()));
            at = at.saturating_add(len.into()).next_multiple_of(4);
        }
        Ok(prefixes)
    }

    /// Bytes where long prefixes are: in the packed inode, if there is one and nothing else is said.
    fn metadata(&self, at: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        match &self.packed {
            Some(_) if self.superblock.has_prefixes_in_packed => {
                let mut bytes = vec![0; len];
                self.read_packed(at, &mut bytes)?;
                Ok(bytes)
            }
            _ => read_vec(self.volume.as_ref(), at, len),
        }
    }
}

/// Bytes of an entry without its padding.
fn size(entry: &[u8]) -> usize {
    ENTRY_BYTES
        .saturating_add(byte(entry, 0).into())
        .saturating_add(le16(entry, 2).into())
}
