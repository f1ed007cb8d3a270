//! A root filesystem in memory while an initramfs or an archive is unpacked into it.
//!
//! Each operation here is the system call of the same name, as far as it decides which bytes end up under
//! which path. Paths are resolved in `/` with symbolic links followed in the directory part, and nothing
//! makes a missing parent. Source: Linux, `fs/namei.c` and `init/initramfs.c`.

mod layers;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::btree_map::{self, Entry};
use std::fmt;

use super::ContentId;

/// Longest part of a path (`NAME_MAX`).
const NAME_MAX: usize = 255;

/// Longest target a symbolic link can have on tmpfs, without its NUL.
const TARGET_MAX: usize = 4095;

/// What kind of file a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Regular,
    Directory,
    Symlink,
    CharacterDevice,
    BlockDevice,
    Fifo,
    Socket,
    /// None of these: the trailer has mode 0.
    None,
}

/// Why an operation was refused. The kernel tells nobody and drops the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A directory of the path does not exist.
    NotFound,
    /// A part of the path is something else.
    NotADirectory,
    /// A directory stands there.
    IsADirectory,
    /// Something stands there.
    Exists,
    /// A directory with something in it stands there.
    NotEmpty,
    /// More symbolic links than [`super::Limits::max_symlinks`].
    TooManyLinks,
    /// A part of a name, or the target of a symbolic link.
    NameTooLong,
    /// A hard link to a directory, and the like.
    NotPermitted,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "a directory of its path does not exist",
            Self::NotADirectory => "a part of its path is no directory",
            Self::IsADirectory => "a directory stands in its place",
            Self::Exists => "something stands in its place",
            Self::NotEmpty => "a directory that is not empty stands in its place",
            Self::TooManyLinks => "its path leads through too many symbolic links",
            Self::NameTooLong => "a part of its name is too long",
            Self::NotPermitted => "it is not permitted",
        })
    }
}

/// Names an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inode(usize);

const ROOT: Inode = Inode(0);

/// What a name in a directory is.
#[derive(Debug, Clone, Copy)]
struct Link {
    inode: Inode,
    /// The layer that made the name, or named it again; see [`Rootfs::next_layer`].
    layer: u32,
}

/// What a directory holds.
type Entries = BTreeMap<Box<[u8]>, Link>;
type EntriesLeft<'r> = btree_map::Iter<'r, Box<[u8]>, Link>;

#[derive(Debug)]
struct Node {
    links: u64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Directory {
        parent: Inode,
        entries: Entries,
    },
    Regular(Regular),
    Symlink(Box<[u8]>),
    /// A device, FIFO or socket.
    Special(Kind),
    /// Free to be used again.
    Gone,
}

/// A regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Regular {
    pub(super) data: Data,
    /// `st_mode`.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The bytes of a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    Empty,
    Stored {
        content: ContentId,
        size_bytes: u64,
    },
    /// Being written; what an error leaves so is no content.
    Partial,
}

/// What [`Rootfs::each`] hands over for a path.
pub(super) enum Found<'r> {
    Regular(&'r Regular),
    Symlink,
    Special,
}

/// How far a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Located<'p> {
    /// The last directory on the way that is there, with no link in its path; empty for `/`.
    pub(super) directory: Vec<u8>,
    /// What of the path follows it.
    pub(super) missing: &'p [u8],
    /// What stands at its end.
    pub(super) standing: Option<Kind>,
}

/// The tree.
pub(super) struct Rootfs {
    nodes: Vec<Node>,
    free: Vec<Inode>,
    max_symlinks: usize,
    /// Bytes of names and targets in it.
    text_bytes: u64,
    /// Parts of paths that were looked at so far.
    steps: Cell<u64>,
    /// The layer that names are made by now.
    layer: u32,
}

/// A path resolved but for its last part.
enum Last<'p> {
    /// The path names a directory that is there for sure: `/`, `x/.` or `x/..`.
    Directory(Inode),
    /// A name in a directory, with slashes after it or without.
    Name {
        parent: Inode,
        name: &'p [u8],
        slash: bool,
    },
}

impl Rootfs {
    /// A tree with nothing in it.
    pub(super) fn empty(max_symlinks: usize) -> Self {
        let mut rootfs = Self {
            nodes: Vec::new(),
            free: Vec::new(),
            max_symlinks,
            text_bytes: 0,
            steps: Cell::new(0),
            layer: 0,
        };
        rootfs.add_node(Body::Directory {
            parent: ROOT,
            entries: Entries::new(),
        });
        rootfs
    }

    /// What the kernel's built-in archive makes: `/dev`, `/dev/console`, `/root`.
    pub(super) fn as_booted(max_symlinks: usize) -> Self {
        let mut rootfs = Self::empty(max_symlinks);
        for made in [
            rootfs.mkdir(b"/dev"),
            rootfs.mknod(b"/dev/console", Kind::CharacterDevice),
            rootfs.mkdir(b"/root"),
        ] {
            debug_assert_eq!(made, Ok(()), "nothing is in the way");
        }
        rootfs
    }

    fn add_node(&mut self, body: Body) -> Inode {
        let node = Node { links: 0, body };
        match self.free.pop() {
            Some(inode) => {
                if let Some(place) = self.nodes.get_mut(inode.0) {
                    *place = node;
                }
                inode
            }
            None => {
                self.nodes.push(node);
                Inode(self.nodes.len().saturating_sub(1))
            }
        }
    }

    /// Bytes of all names and targets that are kept.
    pub(super) fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// Parts of paths that were looked at so far: a short name may lead over many, through symbolic links.
    pub(super) fn steps(&self) -> u64 {
        self.steps.get()
    }

    fn count_step(&self) {
        self.steps.set(self.steps.get().saturating_add(1));
    }

    fn body(&self, inode: Inode) -> &Body {
        self.nodes.get(inode.0).map_or(&Body::Gone, |node| &node.body)
    }

    /// The kind of an inode.
    pub(super) fn kind(&self, inode: Inode) -> Kind {
        match self.body(inode) {
            Body::Directory { .. } => Kind::Directory,
            Body::Regular(_) => Kind::Regular,
            Body::Symlink(_) => Kind::Symlink,
            Body::Special(kind) => *kind,
            Body::Gone => Kind::None,
        }
    }

    /// The regular file behind an inode.
    pub(super) fn regular_mut(&mut self, inode: Inode) -> Option<&mut Regular> {
        match self.nodes.get_mut(inode.0).map(|node| &mut node.body) {
            Some(Body::Regular(regular)) => Some(regular),
            _ => None,
        }
    }

    fn entry(&self, directory: Inode, name: &[u8]) -> Result<Inode, Refusal> {
        let Body::Directory { entries, .. } = self.body(directory) else {
            return Err(Refusal::NotADirectory);
        };
        if name.len() > NAME_MAX {
            return Err(Refusal::NameTooLong);
        }
        match entries.get(name) {
            Some(link) => Ok(link.inode),
            None => Err(Refusal::NotFound),
        }
    }

    fn parent(&self, directory: Inode) -> Inode {
        match self.body(directory) {
            Body::Directory { parent, .. } => *parent,
            _ => ROOT,
        }
    }

    fn is_directory(&self, inode: Inode) -> bool {
        matches!(self.body(inode), Body::Directory { .. })
    }

    /// Resolves a path but for its last part, from a directory.
    fn walk<'p>(&self, from: Inode, path: &'p [u8], links: &mut usize) -> Result<Last<'p>, Refusal> {
        let (mut here, mut rest) = (if path.starts_with(b"/") { ROOT } else { from }, path);
        loop {
            let Some((name, after)) = first_part(rest) else {
                return Ok(Last::Directory(here));
            };
            let is_last = after.iter().all(|byte| *byte == b'/');
            self.count_step();
            match name {
                b"." => {}
                b".." => here = self.parent(here),
                _ if is_last => {
                    return Ok(Last::Name {
                        parent: here,
                        name,
                        slash: !after.is_empty(),
                    });
                }
                _ => {
                    here = self.follow(here, name, links)?;
                    if !self.is_directory(here) {
                        return Err(Refusal::NotADirectory);
                    }
                }
            }
            rest = after;
        }
    }

    /// Resolves a whole path from a directory, following every symbolic link.
    fn follow(&self, from: Inode, path: &[u8], links: &mut usize) -> Result<Inode, Refusal> {
        let mut here = from;
        let mut pending = vec![path];
        while let Some(rest) = pending.pop() {
            if rest.starts_with(b"/") && !self.is_directory(here) {
                return Err(Refusal::NotADirectory);
            }
            let Some((name, after)) = first_part(rest) else {
                continue;
            };
            if !after.is_empty() {
                pending.push(after);
            }
            self.count_step();
            match name {
                b"." => {}
                b".." => here = self.parent(here),
                _ => {
                    let next = self.entry(here, name)?;
                    if let Body::Symlink(target) = self.body(next) {
                        self.count_link(links)?;
                        if target.starts_with(b"/") {
                            here = ROOT;
                        }
                        pending.push(target);
                    } else {
                        here = next;
                    }
                }
            }
        }
        Ok(here)
    }

    /// Follows a path without `.` and `..` as far as there are directories.
    ///
    /// # Errors
    /// What stands in the way: something that is no directory, or a symbolic link that leads to none.
    pub(super) fn locate<'p>(&self, path: &'p [u8]) -> Result<Located<'p>, Refusal> {
        let (mut here, mut rest, mut links) = (ROOT, path, 0);
        while let Some((name, after)) = first_part(rest) {
            let there = match self.entry(here, name) {
                Err(Refusal::NotFound) => break,
                Err(refusal) => return Err(refusal),
                Ok(there) => there,
            };
            if first_part(after).is_none() {
                return Ok(Located {
                    directory: self.physical_path(here),
                    missing: rest,
                    standing: Some(self.kind(there)),
                });
            }
            here = self.follow(here, name, &mut links)?;
            if !self.is_directory(here) {
                return Err(Refusal::NotADirectory);
            }
            rest = after;
        }
        Ok(Located {
            directory: self.physical_path(here),
            missing: rest,
            standing: None,
        })
    }

    /// The path of a directory, with no link on the way.
    fn physical_path(&self, directory: Inode) -> Vec<u8> {
        let (mut here, mut parts) = (directory, Vec::new());
        while here != ROOT {
            let parent = self.parent(here);
            if let Body::Directory { entries, .. } = self.body(parent) {
                parts.extend(
                    entries
                        .iter()
                        .find(|(_, link)| link.inode == here)
                        .map(|(name, _)| name),
                );
            }
            here = parent;
        }
        parts
            .iter()
            .rev()
            .flat_map(|name| [&b"/"[..], name])
            .collect::<Vec<_>>()
            .concat()
    }

    fn count_link(&self, links: &mut usize) -> Result<(), Refusal> {
        if *links >= self.max_symlinks {
            return Err(Refusal::TooManyLinks);
        }
        *links = links.saturating_add(1);
        Ok(())
    }

    /// The inode at a path; a symbolic link itself, unless slashes follow its name.
    pub(super) fn lstat(&self, path: &[u8]) -> Result<Inode, Refusal> {
        let mut links = 0;
        match self.walk(ROOT, path, &mut links)? {
            Last::Directory(inode) => Ok(inode),
            Last::Name {
                parent,
                name,
                slash: false,
            } => self.entry(parent, name),
            Last::Name { parent, name, .. } => {
                let inode = self.follow(parent, name, &mut links)?;
                if self.is_directory(inode) {
                    Ok(inode)
                } else {
                    Err(Refusal::NotADirectory)
                }
            }
        }
    }

    /// Where something new can be made: its directory and its name.
    fn vacant<'p>(&self, path: &'p [u8], for_directory: bool) -> Result<(Inode, &'p [u8]), Refusal> {
        match self.walk(ROOT, path, &mut 0)? {
            Last::Directory(_) => Err(Refusal::Exists),
            Last::Name { parent, name, slash } => match self.entry(parent, name) {
                Ok(_) => Err(Refusal::Exists),
                Err(Refusal::NotFound) if !slash || for_directory => Ok((parent, name)),
                Err(refusal) => Err(refusal),
            },
        }
    }

    fn insert(&mut self, parent: Inode, name: &[u8], inode: Inode) {
        if let Some(Node {
            body: Body::Directory { entries, .. },
            ..
        }) = self.nodes.get_mut(parent.0)
        {
            let layer = self.layer;
            entries.insert(name.into(), Link { inode, layer });
            self.text_bytes = self.text_bytes.saturating_add(len(name));
        }
        if let Some(node) = self.nodes.get_mut(inode.0) {
            node.links = node.links.saturating_add(1);
        }
    }

    /// Takes the entry out of its directory, and the inode with its last entry.
    fn remove(&mut self, parent: Inode, name: &[u8]) {
        let Some(Node {
            body: Body::Directory { entries, .. },
            ..
        }) = self.nodes.get_mut(parent.0)
        else {
            return;
        };
        let Some(Link { inode, .. }) = entries.remove(name) else {
            return;
        };
        self.text_bytes = self.text_bytes.saturating_sub(len(name));
        let Some(node) = self.nodes.get_mut(inode.0) else {
            return;
        };
        node.links = node.links.saturating_sub(1);
        if node.links == 0 {
            if let Body::Symlink(target) = std::mem::replace(&mut node.body, Body::Gone) {
                self.text_bytes = self.text_bytes.saturating_sub(len(&target));
            }
            self.free.push(inode);
        }
    }

    pub(super) fn mkdir(&mut self, path: &[u8]) -> Result<(), Refusal> {
        let (parent, name) = self.vacant(path, true)?;
        let inode = self.add_node(Body::Directory {
            parent,
            entries: Entries::new(),
        });
        self.insert(parent, name, inode);
        Ok(())
    }

    pub(super) fn symlink(&mut self, target: &[u8], path: &[u8]) -> Result<(), Refusal> {
        let (parent, name) = self.vacant(path, false)?;
        if target.len() > TARGET_MAX {
            return Err(Refusal::NameTooLong);
        }
        let inode = self.add_node(Body::Symlink(target.into()));
        self.text_bytes = self.text_bytes.saturating_add(len(target));
        self.insert(parent, name, inode);
        Ok(())
    }

    pub(super) fn mknod(&mut self, path: &[u8], kind: Kind) -> Result<(), Refusal> {
        let (parent, name) = self.vacant(path, false)?;
        let inode = self.add_node(Body::Special(kind));
        self.insert(parent, name, inode);
        Ok(())
    }

    pub(super) fn link(&mut self, old: &[u8], new: &[u8]) -> Result<(), Refusal> {
        let inode = self.lstat(old)?;
        let (parent, name) = self.vacant(new, false)?;
        if self.is_directory(inode) {
            return Err(Refusal::NotPermitted);
        }
        self.insert(parent, name, inode);
        Ok(())
    }

    pub(super) fn unlink(&mut self, path: &[u8]) -> Result<(), Refusal> {
        let Last::Name {
            parent,
            name,
            slash: false,
        } = self.walk(ROOT, path, &mut 0)?
        else {
            return Err(Refusal::IsADirectory);
        };
        if self.is_directory(self.entry(parent, name)?) {
            return Err(Refusal::IsADirectory);
        }
        self.remove(parent, name);
        Ok(())
    }

    pub(super) fn rmdir(&mut self, path: &[u8]) -> Result<(), Refusal> {
        let Last::Name { parent, name, .. } = self.walk(ROOT, path, &mut 0)? else {
            return Err(Refusal::NotPermitted);
        };
        match self.body(self.entry(parent, name)?) {
            Body::Directory { entries, .. } if entries.is_empty() => {}
            Body::Directory { .. } => return Err(Refusal::NotEmpty),
            _ => return Err(Refusal::NotADirectory),
        }
        self.remove(parent, name);
        Ok(())
    }

    /// Opens a regular file for writing and makes it where it is not there: `O_WRONLY | O_CREAT`.
    pub(super) fn open(&mut self, path: &[u8]) -> Result<Inode, Refusal> {
        let (mut from, mut path, mut links) = (ROOT, Cow::Borrowed(path), 0);
        loop {
            let Last::Name {
                parent,
                name,
                slash: false,
            } = self.walk(from, &path, &mut links)?
            else {
                return Err(Refusal::IsADirectory);
            };
            match self.entry(parent, name) {
                Err(Refusal::NotFound) => {
                    let inode = self.add_node(Body::Regular(Regular {
                        data: Data::Empty,
                        mode: 0o100_000,
                        uid: 0,
                        gid: 0,
                    }));
                    self.insert(parent, name, inode);
                    return Ok(inode);
                }
                Err(refusal) => return Err(refusal),
                Ok(inode) => match self.body(inode) {
                    Body::Regular(_) => return Ok(inode),
                    Body::Directory { .. } => return Err(Refusal::IsADirectory),
                    Body::Symlink(target) => {
                        self.count_link(&mut links)?;
                        from = parent;
                        path = Cow::Owned(target.to_vec());
                    }
                    Body::Special(_) | Body::Gone => return Err(Refusal::NotPermitted),
                },
            }
        }
    }

    /// Removes what is of another kind than `kind`, if it can be removed; as the kernel, it does not say.
    pub(super) fn clean_path(&mut self, path: &[u8], kind: Kind) {
        let Ok(inode) = self.lstat(path) else { return };
        let there = self.kind(inode);
        if there != kind {
            // What stays in the way is found by whoever wants to make something there.
            let _ = match there {
                Kind::Directory => self.rmdir(path),
                _ => self.unlink(path),
            };
        }
    }

    /// Hands over every path that is no directory, in bytewise order of each directory, below the directories that
    /// `enter` says yes to.
    ///
    /// # Errors
    /// The first directory that lies deeper than `max_depth` others.
    pub(super) fn each(
        &self,
        max_depth: usize,
        mut enter: impl FnMut(&[u8]) -> bool,
        mut take: impl FnMut(&[u8], Found<'_>),
    ) -> Result<(), Vec<u8>> {
        let mut path = Vec::new();
        let mut open: Vec<(EntriesLeft<'_>, usize)> = Vec::new();
        if let Body::Directory { entries, .. } = self.body(ROOT) {
            open.push((entries.iter(), 0));
        }
        while let Some((entries, path_len)) = open.last_mut() {
            path.truncate(*path_len);
            let Some((name, link)) = entries.next() else {
                open.pop();
                continue;
            };
            path.push(b'/');
            path.extend_from_slice(name);
            match self.body(link.inode) {
                Body::Directory { entries, .. } => {
                    if !enter(&path) {
                        continue;
                    }
                    if open.len() > max_depth {
                        return Err(path);
                    }
                    open.push((entries.iter(), path.len()));
                }
                Body::Regular(regular) => take(&path, Found::Regular(regular)),
                Body::Symlink(_) => take(&path, Found::Symlink),
                Body::Special(_) => take(&path, Found::Special),
                Body::Gone => {}
            }
        }
        Ok(())
    }
}

/// The first part of a path and what follows it, from the next slash on.
fn first_part(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = path.iter().position(|byte| *byte != b'/')?;
    let path = path.get(start..)?;
    let end = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
    path.split_at_checked(end)
}

fn len(text: &[u8]) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// The names under which inodes with several links were seen first, since the last trailer.
#[derive(Default)]
pub(super) struct LinkTable {
    names: BTreeMap<(u32, u32, u32, Kind), Box<[u8]>>,
    text_bytes: u64,
}

impl LinkTable {
    /// The first name of an inode, or `None` after remembering this one.
    pub(super) fn find(&mut self, key: (u32, u32, u32, Kind), name: &[u8]) -> Option<&[u8]> {
        match self.names.entry(key) {
            Entry::Occupied(first) => Some(first.into_mut()),
            Entry::Vacant(place) => {
                place.insert(name.into());
                self.text_bytes = self.text_bytes.saturating_add(len(name));
                None
            }
        }
    }

    /// Bytes of all names that are kept.
    pub(super) fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.text_bytes = 0;
    }
}
