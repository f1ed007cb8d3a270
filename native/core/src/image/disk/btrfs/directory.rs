//! Names of a directory. Each is there twice: by its hash, where Linux looks it up, and by its number, in which order
//! Linux lists it.
//!
//! ```text
//! item   0 key of the inode, or of a subvolume's root [17]   25 bytes of data u16   27 bytes of the name u16
//!       29 kind u8   30 name, data. Of one hash there may be several, one behind the other
//! ```
//!
//! Source: Linux, `fs/btrfs/dir-item.c`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::inode::Node;
use super::subvolume::ROOT_ITEM;
use super::tree::Key;
use super::{Btrfs, BtrfsError, Place};
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index, le16};

pub(super) const DIR_ITEM: u8 = 84;
const DIR_INDEX: u8 = 96;
const INODE_ITEM: u8 = 1;
const HEAD_BYTES: usize = 30;
const MAX_NAME_BYTES: usize = 255;
const IS_ENCRYPTED: u8 = 0x80;

/// Names, with the keys of what they lead to.
type Names = BTreeMap<Vec<u8>, Key>;

impl Btrfs {
    /// Names of a directory, and what they lead to.
    pub(in crate::image::disk) fn list(&self, directory: &Node) -> Result<Vec<(Vec<u8>, Place)>, DiskError> {
        let (mut looked_up, mut listed) = (Names::new(), Names::new());
        let range = Key::new(directory.number, DIR_ITEM, 0)..=Key::new(directory.number, DIR_INDEX, u64::MAX);
        self.visit(directory.root, &range, &mut |key, item| {
            match key.kind {
                DIR_ITEM => take(directory, item, &mut looked_up)?,
                DIR_INDEX => take(directory, item, &mut listed)?,
                _ => return Err(directory.corrupt("it has an item that no directory has")),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // A name of which there is but one would be a file that can be opened and is not listed.
        if looked_up != listed {
            return Err(directory.corrupt("its names by hash and by number differ"));
        }
        // By its size it is counted how much there is to read.
        let text = listed.keys().map(Vec::len).fold(0, usize::saturating_add);
        if text > index(directory.size_bytes()) {
            return Err(directory.corrupt("its names are longer than it says"));
        }
        let mut places = Vec::new();
        for (name, key) in listed {
            let root = match key.kind {
                INODE_ITEM => Some(directory.root),
                ROOT_ITEM => self.subvolume_in(directory, &name, key.object)?,
                _ => return Err(directory.corrupt("a name leads to what is no file")),
            };
            let inode = match key.kind {
                ROOT_ITEM => super::inode::ROOT_INODE,
                _ => key.object,
            };
            places.extend(root.map(|root| (name, Place { root, inode })));
        }
        Ok(places)
    }
}

/// Takes the names of an item.
fn take(directory: &Node, item: &[u8], names: &mut Names) -> Result<(), DiskError> {
    let mut rest = item;
    while !rest.is_empty() {
        let (data, name) = (index(le16(rest, 25)), index(le16(rest, 27)));
        let end = HEAD_BYTES.saturating_add(name);
        let found = rest.get(HEAD_BYTES..end);
        let after = rest.get(end.saturating_add(data)..);
        let (Some(found), Some(after)) = (found, after) else {
            return Err(directory.corrupt("a name of it is cut"));
        };
        if byte(rest, 29) & IS_ENCRYPTED != 0 {
            return Err(BtrfsError::Encrypted {
                subvolume: directory.root.tree,
                inode: directory.number,
            }
            .into());
        }
        let is_name = (1..=MAX_NAME_BYTES).contains(&found.len())
            && !found.contains(&b'/')
            && !found.contains(&0)
            && found != b"."
            && found != b"..";
        if !is_name {
            return Err(directory.corrupt("a name of it is none that a file can have"));
        }
        if names.insert(found.to_vec(), Key::read(rest, 0)).is_some() {
            return Err(directory.corrupt("it has a name twice"));
        }
        rest = after;
    }
    Ok(())
}
