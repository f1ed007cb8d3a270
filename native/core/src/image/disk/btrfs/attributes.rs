//! Extended attributes, each by the hash of its name.
//!
//! ```text
//! key    inode, 24, hash
//! item   as one of a directory: 25 bytes of the value u16   27 bytes of the name u16   29 kind u8   30 name, value.
//!        Of one hash there may be several, one behind the other
//! ```
//!
//! Source: Linux, `fs/btrfs/xattr.c`, `fs/btrfs/tree-checker.c` (`check_dir_item`).

use std::ops::ControlFlow;

use super::Btrfs;
use super::inode::Node;
use super::tree::Key;
use crate::allowlist::Signatures;
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index, le16};

const XATTR_ITEM: u8 = 24;
const HEAD_BYTES: usize = 30;
const IS_ATTRIBUTE: u8 = 8;
/// Where signatures are kept; here the whole name is there.
const PREFIX: &[u8] = b"security.";

impl Btrfs {
    /// The attributes of a file that signatures are kept in.
    pub(in crate::image::disk) fn attributes(&self, file: &Node) -> Result<Signatures, DiskError> {
        let mut attributes = Signatures::default();
        let all = Key::all(file.number, XATTR_ITEM);
        self.visit(file.root, &all, &mut |key, item| {
            take(file, key.offset, item, &mut attributes)?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(attributes)
    }
}

/// Takes the attributes of one hash.
fn take(file: &Node, stated: u64, item: &[u8], attributes: &mut Signatures) -> Result<(), DiskError> {
    let mut rest = item;
    while !rest.is_empty() {
        let (value_len, name_len) = (index(le16(rest, 25)), index(le16(rest, 27)));
        let parts = rest
            .get(HEAD_BYTES..)
            .and_then(|behind| behind.split_at_checked(name_len))
            .and_then(|(name, behind)| Some((name, behind.split_at_checked(value_len)?)));
        let Some((name, (value, behind))) = parts else {
            return Err(file.corrupt("an attribute of it is cut"));
        };
        if byte(rest, 29) != IS_ATTRIBUTE {
            return Err(file.corrupt("an attribute of it is none"));
        }
        // The kernel looks it up by its hash: under another one it would be seen in lists only.
        if stated != u64::from(hash(name)) {
            return Err(file.corrupt("an attribute has another hash than its name"));
        }
        if let Some(slot) = name.strip_prefix(PREFIX).and_then(|name| attributes.slot(name))
            && slot.replace(value.to_vec()).is_some()
        {
            return Err(file.corrupt("it has an attribute twice"));
        }
        rest = behind;
    }
    Ok(())
}

/// CRC-32C that starts with all bits but the lowest set, and ends as it is (Linux, `btrfs_name_hash`).
fn hash(name: &[u8]) -> u32 {
    !crc32c::crc32c_append(1, name)
}
