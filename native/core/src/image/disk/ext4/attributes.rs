//! Extended attributes, in an inode behind its own fields and in a block of their own.
//!
//! ```text
//! inode  u32 magic 0xea020000, then entries; values lie at offsets from the first entry
//! block  u32 magic, u32 references, u32 blocks, u32 hash, u32 checksum, 12 zeros, then entries;
//!        values lie at offsets from the start of the block
//! entry  0 length of the name   1 prefix   2 offset of the value u16   4 inode of the value u32
//!        8 bytes of the value u32   12 hash u32   16 name, padded to 4; four zeros end the list
//! ```
//!
//! Source: Linux, `fs/ext4/xattr.h`.

use super::checksum::crc32c;
use super::{Ext4, Ext4Error, Node};
use crate::allowlist::Signatures;
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index, join, le16, le32};
use crate::image::disk::read_at::read_vec;
use crate::image::signature;

const MAGIC: u32 = 0xea02_0000;
const BLOCK_HEADER_BYTES: usize = 32;

/// `security.`, as a prefix.
const SECURITY: u8 = 6;
/// `system.`, the prefix of the attribute that holds the rest of a short file.
const SYSTEM: u8 = 7;

/// The attributes in an inode, from the end of its own fields on; nothing if there are none.
pub(super) fn in_inode(bytes: &[u8], own_bytes: usize) -> Option<&[u8]> {
    let attributes = bytes.get(own_bytes..)?;
    (le32(attributes, 0) == MAGIC).then_some(attributes.get(4..)?)
}

/// An attribute by its prefix and name.
pub(super) enum Attribute<'b> {
    None,
    /// Its value.
    Here(&'b [u8]),
    /// Its value is in an inode of its own.
    Elsewhere,
}

/// Looks for an attribute. `values` is what its offset counts from. None if the list points out of where it is.
pub(super) fn find<'b>(
    mut entries: &[u8],
    values: &'b [u8],
    prefix: u8,
    name: &[u8],
) -> Option<Attribute<'b>> {
    // The list ends with four zeros, or with the room for it.
    while entries.len() >= 16 && le32(entries, 0) != 0 {
        let name_len = usize::from(byte(entries, 0));
        if byte(entries, 1) == prefix && entries.get(16..)?.get(..name_len)? == name {
            if le32(entries, 4) != 0 {
                return Some(Attribute::Elsewhere);
            }
            let (start, len) = (usize::from(le16(entries, 2)), index(le32(entries, 8)));
            return Some(Attribute::Here(values.get(start..)?.get(..len)?));
        }
        entries = entries.get(name_len.checked_add(16)?.next_multiple_of(4)..)?;
    }
    Some(Attribute::None)
}

/// The attribute `system.data`; nothing if there is none. None if the attributes point out of the inode.
pub(super) fn inline_rest(bytes: &[u8], own_bytes: usize) -> Option<Vec<u8>> {
    let Some(entries) = in_inode(bytes, own_bytes) else {
        return Some(Vec::new());
    };
    match find(entries, entries, SYSTEM, b"data")? {
        Attribute::Here(value) => Some(value.to_vec()),
        Attribute::None => Some(Vec::new()),
        Attribute::Elsewhere => None,
    }
}

impl Ext4 {
    /// The attributes of a file that signatures are kept in.
    pub(in crate::image::disk) fn attributes(&self, file: &Node) -> Result<Signatures, DiskError> {
        let bytes = self.inode_bytes(file.number())?;
        let own_bytes = 128_usize.saturating_add(if bytes.len() > 128 {
            le16(&bytes, 128).into()
        } else {
            0
        });
        let inside = in_inode(&bytes, own_bytes).unwrap_or_default();
        let block = match join(le16(&bytes, 118).into(), le32(&bytes, 104)) {
            0 => Vec::new(),
            number => self.attribute_block(file, number)?,
        };
        let entries = block.get(BLOCK_HEADER_BYTES..).unwrap_or_default();
        let mut attributes = Signatures::default();
        for name in signature::NAMES {
            let found = match security(file, find(inside, inside, SECURITY, name))? {
                Some(value) => Some(value),
                None => security(file, find(entries, &block, SECURITY, name))?,
            };
            if let Some(slot) = attributes.slot(name) {
                *slot = found;
            }
        }
        Ok(attributes)
    }

    fn attribute_block(&self, file: &Node, number: u64) -> Result<Vec<u8>, DiskError> {
        let block_bytes = self.superblock.block_bytes;
        if number >= self.superblock.blocks {
            return Err(file
                .0
                .corrupt("its attributes lie beyond the end of the filesystem"));
        }
        let offset = number.saturating_mul(block_bytes);
        let mut block = read_vec(self.volume.as_ref(), offset, index(block_bytes))?;
        if le32(&block, 0) != MAGIC {
            return Err(file.0.corrupt("there are no attributes where it has them"));
        }
        if let Some(seed) = self.superblock.checksum_seed {
            let expected = le32(&block, 16);
            if let Some(field) = block.get_mut(16..20) {
                field.fill(0);
            }
            if crc32c(crc32c(seed, &number.to_le_bytes()), &block) != expected {
                return Err(Ext4Error::Checksum {
                    what: "attribute block",
                    number,
                }
                .into());
            }
        }
        Ok(block)
    }
}

fn security(file: &Node, found: Option<Attribute<'_>>) -> Result<Option<Vec<u8>>, DiskError> {
    match found {
        None => Err(file.0.corrupt("its attributes point out of where they are")),
        Some(Attribute::None) => Ok(None),
        Some(Attribute::Here(value)) => Ok(Some(value.to_vec())),
        Some(Attribute::Elsewhere) => Err(file
            .0
            .corrupt("its signature is longer than any that the kernel takes")),
    }
}
