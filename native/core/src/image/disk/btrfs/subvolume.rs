//! The root tree, and the subvolumes in it.
//!
//! ```text
//! root item   0 an inode [160]   160 generation   176 logical address   216 references u32   238 level u8
//! reference   key: subvolume above, 156, subvolume.   0 directory that has its name   16 bytes of the name u16   18 name
//! default     a name "default" in the root directory of the root tree
//! ```
//!
//! Source: Linux, `fs/btrfs/root-tree.c`, `fs/btrfs/super.c` (`get_default_subvol_objectid`).

use std::ops::ControlFlow;

use super::directory::DIR_ITEM;
use super::inode::{Node, ROOT_INODE};
use super::tree::{Key, MAX_LEVEL, Root};
use super::{Btrfs, BtrfsError, Place};
use crate::image::disk::DiskError;
use crate::image::disk::filesystem::Kind;
use crate::image::disk::number::{byte, index, le16, le32, le64};

pub(super) const CHECKSUM_TREE: u64 = 7;
/// The subvolume that is always there, above all others.
const TOP: u64 = 5;
const FIRST: u64 = 256;
const LAST: u64 = u64::MAX - 255;

pub(super) const ROOT_ITEM: u8 = 132;
const ROOT_REFERENCE: u8 = 156;
const MIN_ROOT_ITEM_BYTES: usize = 239;

/// Subvolumes that installers put a system in, with `rootflags=` for the kernel: Fedora, Ubuntu and Arch, Debian.
const SYSTEMS: [&[u8]; 3] = [b"root", b"@", b"@rootfs"];

/// Which subvolume of a filesystem is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image::disk) enum Subvolume {
    /// The one that has a system.
    System,
    /// The one that is mounted where nobody names another.
    Default,
    /// By its path from the topmost one on.
    Path(String),
    /// By its number.
    Number(u64),
}

impl Subvolume {
    /// What options of a mount say.
    pub(in crate::image::disk) fn of_options(options: &str) -> Self {
        let value = |name: &str| {
            let mut found = options.split(',').filter_map(|option| option.strip_prefix(name));
            found.next_back().map(str::to_owned)
        };
        match (value("subvol="), value("subvolid=")) {
            // Linux wants both to mean the same one.
            (Some(path), _) => Self::Path(path),
            (None, Some(number)) => match number.parse() {
                Ok(0) => Self::Number(TOP),
                Ok(number) => Self::Number(number),
                Err(_) => Self::Path(number),
            },
            (None, None) => Self::Default,
        }
    }
}

impl Btrfs {
    /// The directory that a mounted subvolume begins with.
    pub(in crate::image::disk) fn top(&self, subvolume: &Subvolume) -> Result<Node, DiskError> {
        let root = match subvolume {
            Subvolume::System => self.system,
            Subvolume::Default => self.default,
            Subvolume::Number(number) => self.subvolume(*number)?,
            Subvolume::Path(path) => self.subvolume_at(path)?,
        };
        self.directory(root)
    }

    /// Where a tree begins; none if there is no such tree.
    pub(super) fn tree(&self, tree: u64) -> Result<Option<Root>, DiskError> {
        let mut found = None;
        let all = Key::all(tree, ROOT_ITEM);
        self.visit(self.superblock.root_tree, &all, &mut |_, item| {
            found = Some(item.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        let Some(item) = found else { return Ok(None) };
        let level = byte(&item, 238);
        if item.len() < MIN_ROOT_ITEM_BYTES || level > MAX_LEVEL {
            return Err(BtrfsError::Inode {
                subvolume: tree,
                inode: 0,
                problem: "its root is none",
            }
            .into());
        }
        let is_there = le32(&item, 216) > 0 || tree < FIRST;
        Ok(is_there.then(|| Root {
            tree,
            logical: le64(&item, 176),
            level,
            generation: le64(&item, 160),
        }))
    }

    /// The subvolume of this number.
    fn subvolume(&self, number: u64) -> Result<Root, DiskError> {
        let found = match number {
            TOP | FIRST..=LAST => self.tree(number)?,
            _ => None,
        };
        found.ok_or_else(|| missing(number.to_string()))
    }

    /// The subvolume that a directory has under a name; none if the name is left over from a snapshot of the
    /// directory's own subvolume. Linux shows an empty directory there.
    pub(super) fn subvolume_in(
        &self,
        directory: &Node,
        name: &[u8],
        number: u64,
    ) -> Result<Option<Root>, DiskError> {
        let key = Key::new(directory.root.tree, ROOT_REFERENCE, number);
        let Some(reference) = self.item(self.superblock.root_tree, key)? else {
            return Ok(None);
        };
        let stated = reference
            .get(18..)
            .and_then(|rest| rest.get(..index(le16(&reference, 16))));
        if le64(&reference, 0) != directory.number || stated != Some(name) {
            return Ok(None);
        }
        self.subvolume(number).map(Some)
    }

    pub(super) fn default_subvolume(&self) -> Result<Root, DiskError> {
        let mut number = TOP;
        let names = Key::all(self.superblock.root_directory, DIR_ITEM);
        self.visit(self.superblock.root_tree, &names, &mut |_, item| {
            let len = index(le16(item, 27));
            let name = item.get(30..).and_then(|rest| rest.get(..len));
            if name == Some(b"default") {
                number = Key::read(item, 0).object;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.subvolume(number)
    }

    /// The default one, unless that is the topmost one and another has the system.
    pub(super) fn system_subvolume(&self) -> Result<Root, DiskError> {
        if self.default.tree != TOP {
            return Ok(self.default);
        }
        let names = self.list(&self.directory(self.default)?)?;
        let find = |wanted: &[u8]| names.iter().find(|(name, _)| name == wanted);
        if find(b"etc").is_some() {
            return Ok(self.default);
        }
        let systems = SYSTEMS.iter().filter_map(|name| find(name));
        let mut subvolumes = systems.filter(|(_, place)| place.is_subvolume());
        Ok(subvolumes.next().map_or(self.default, |(_, place)| place.root))
    }

    fn directory(&self, root: Root) -> Result<Node, DiskError> {
        let node = self.node(Place {
            root,
            inode: ROOT_INODE,
        })?;
        match node.kind() {
            Kind::Directory => Ok(node),
            _ => Err(node.corrupt("the root is no directory")),
        }
    }

    fn subvolume_at(&self, path: &str) -> Result<Root, DiskError> {
        let mut place = Place {
            root: self.subvolume(TOP)?,
            inode: ROOT_INODE,
        };
        for step in path.split('/').filter(|step| !step.is_empty()) {
            let node = self.node(place)?;
            if node.kind() != Kind::Directory {
                return Err(missing(path.to_owned()));
            }
            let names = self.list(&node)?;
            let found = names.into_iter().find(|(name, _)| name == step.as_bytes());
            (_, place) = found.ok_or_else(|| missing(path.to_owned()))?;
        }
        match place.is_subvolume() {
            true => Ok(place.root),
            false => Err(missing(path.to_owned())),
        }
    }
}

impl Place {
    fn is_subvolume(&self) -> bool {
        self.inode == ROOT_INODE
    }
}

fn missing(name: String) -> DiskError {
    BtrfsError::SubvolumeMissing { name }.into()
}
