//! A root filesystem as a directory tree.
//!
//! The walk goes by directory descriptor and never follows a link below its start, so that neither a
//! hostile link nor a rename during the walk leads out of the tree. It neither needs root nor asks the
//! host's mount table.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, lgetxattr, openat, statat};
use rustix::io::Errno;

use super::signature;
use super::{ContentId, Fact, File, ImageError, Layer, Note, Scan, Sink, Skip, Source};
use crate::allowlist::Signatures;

/// Bytes of an attribute: Linux has none that are longer.
const MAX_ATTRIBUTE_BYTES: usize = 64 << 10;

/// A directory whose contents are a machine's root filesystem.
pub struct Tree {
    root: Arc<Directory>,
    identity: Identity,
}

/// An open directory. Files are opened relative to it, which is faster than by path and safe from
/// renames.
struct Directory {
    descriptor: OwnedFd,
    /// Absolute inside the tree; empty for the root, so that `path + "/" + name` is always right.
    path: Vec<u8>,
}

/// Which inode: equal exactly if two names lead to the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
}

/// A directory still to be read, and the directories around it.
struct Pending {
    parent: Arc<Directory>,
    name: CString,
    around: Arc<Around>,
}

/// The chain of directories around one, to notice a directory that is its own parent.
struct Around {
    identity: Identity,
    depth: usize,
    parent: Option<Arc<Around>>,
}

impl Around {
    fn contains(&self, identity: Identity) -> bool {
        let mut next = Some(self);
        while let Some(around) = next {
            if around.identity == identity {
                return true;
            }
            next = around.parent.as_deref();
        }
        false
    }
}

impl Tree {
    /// Opens the directory at `path`, following a link there.
    ///
    /// # Errors
    /// [`ImageError::Io`].
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let unreadable = |error: Errno| ImageError::Io {
            path: path.as_os_str().as_bytes().to_vec(),
            error: error.into(),
        };
        let descriptor = openat(CWD, path, DIRECTORY_FLAGS, Mode::empty()).map_err(unreadable)?;
        let identity = Identity::of(&fstat(&descriptor).map_err(unreadable)?);
        Ok(Self {
            root: Arc::new(Directory {
                descriptor,
                path: Vec::new(),
            }),
            identity,
        })
    }
}

const DIRECTORY_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

impl Identity {
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}

impl Directory {
    fn path_of(&self, name: &CStr) -> Vec<u8> {
        let name = name.to_bytes();
        let mut path = Vec::with_capacity(self.path.len().saturating_add(name.len()).saturating_add(1));
        path.extend_from_slice(&self.path);
        path.push(b'/');
        path.extend_from_slice(name);
        path
    }

    /// The attributes of a file in it that signatures are kept in.
    fn attributes(&self, name: &CStr) -> Result<Signatures, Errno> {
        // There is no call that takes a directory and a name.
        let path = [
            format!("/proc/self/fd/{}/", self.descriptor.as_raw_fd()).as_bytes(),
            name.to_bytes(),
        ]
        .concat();
        let mut value = vec![0; MAX_ATTRIBUTE_BYTES];
        let mut attributes = Signatures::default();
        for (name, slot) in [
            ("security.ima", &mut attributes.ima),
            ("security.evm", &mut attributes.evm),
        ] {
            match lgetxattr(path.as_slice(), name, value.as_mut_slice()) {
                Ok(len) => *slot = value.get(..len).map(<[u8]>::to_vec),
                Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(attributes)
    }

    fn error(&self, name: &CStr, error: Errno) -> ImageError {
        ImageError::Io {
            path: self.path_of(name),
            error: error.into(),
        }
    }
}

/// One walk: what was found so far.
struct Walk<'a, 'b, 's> {
    tree: &'a Tree,
    scan: &'a Scan<'b>,
    sink: &'a mut dyn Sink<'s>,
    pending: Vec<Pending>,
    /// Contents of files with several names, so that each is read once.
    linked: HashMap<Identity, ContentId>,
    /// Paths to skip that were asked for and not met yet.
    unmet: BTreeSet<&'a [u8]>,
    directories: u64,
    files: u64,
    bytes: u64,
}

impl Source for Tree {
    fn is_root_filesystem(&self) -> bool {
        true
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        let mut walk = Walk {
            tree: self,
            scan,
            sink,
            pending: Vec::new(),
            linked: HashMap::new(),
            unmet: scan.selection.asked().collect(),
            directories: 0,
            files: 0,
            bytes: 0,
        };
        let around = Arc::new(Around {
            identity: self.identity,
            depth: 0,
            parent: None,
        });
        walk.read_directory(&self.root, &around)?;
        while let Some(next) = walk.pending.pop() {
            walk.enter(&next)?;
        }
        for path in std::mem::take(&mut walk.unmet) {
            walk.sink
                .note(Note::unmet_skip(path, "there is no such path in the tree"));
        }
        Ok(Layer {
            kind: "tree",
            facts: vec![
                ("directories", Fact::Number(walk.directories)),
                ("files", Fact::Number(walk.files)),
                ("bytes", Fact::Number(walk.bytes)),
            ],
            ..Layer::default()
        })
    }
}

impl Walk<'_, '_, '_> {
    /// Opens and reads one directory, unless the selection or a loop says no.
    fn enter(&mut self, next: &Pending) -> Result<(), ImageError> {
        let Pending { parent, name, around } = next;
        let path = parent.path_of(name);
        if self.skips(&path) {
            return Ok(());
        }
        let flags = DIRECTORY_FLAGS | OFlags::NOFOLLOW;
        let opened = openat(&parent.descriptor, name.as_c_str(), flags, Mode::empty())
            .and_then(|descriptor| fstat(&descriptor).map(|stat| (descriptor, Identity::of(&stat))));
        let (descriptor, identity) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.sink.omit(parent.error(name, error)),
        };
        if self.scan.selection.one_file_system && identity.device != self.tree.identity.device {
            self.sink.skip(Skip::Mount);
            return Ok(());
        }
        if around.contains(identity) {
            self.sink.skip(Skip::Loop);
            return Ok(());
        }
        let depth = around.depth.saturating_add(1);
        if depth > self.scan.limits.max_depth {
            let limit = self.scan.limits.max_depth;
            return self.sink.omit(ImageError::TooDeep { path, limit });
        }
        let around = Arc::new(Around {
            identity,
            depth,
            parent: Some(Arc::clone(around)),
        });
        self.read_directory(&Arc::new(Directory { descriptor, path }), &around)
    }

    fn skips(&mut self, path: &[u8]) -> bool {
        let is_skipped = self.scan.selection.skips_path(path);
        if is_skipped {
            self.unmet.remove(path);
            self.sink.skip(Skip::Path);
        }
        is_skipped
    }

    fn read_directory(&mut self, directory: &Arc<Directory>, around: &Arc<Around>) -> Result<(), ImageError> {
        self.directories = self.directories.saturating_add(1);
        let entries = match Dir::read_from(&directory.descriptor) {
            Ok(entries) => entries,
            Err(error) => return self.sink.omit(directory.error(c".", error)),
        };
        for entry in entries {
            if self.scan.control.is_cancelled() {
                return Err(ImageError::Cancelled);
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.sink.omit(directory.error(c".", error)),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.take(directory, around, name, entry.file_type())?;
        }
        Ok(())
    }

    /// Takes one directory entry. Filesystems that do not tell the kind in the directory are asked.
    fn take(
        &mut self,
        directory: &Arc<Directory>,
        around: &Arc<Around>,
        name: &CStr,
        told: FileType,
    ) -> Result<(), ImageError> {
        if matches!(told, FileType::RegularFile | FileType::Unknown) {
            let stat = match statat(&directory.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(error) => return self.sink.omit(directory.error(name, error)),
            };
            let kind = FileType::from_raw_mode(stat.st_mode);
            if kind == FileType::RegularFile {
                return self.take_file(directory, name, &stat);
            }
            return self.take_other(directory, around, name, kind);
        }
        self.take_other(directory, around, name, told)
    }

    fn take_other(
        &mut self,
        directory: &Arc<Directory>,
        around: &Arc<Around>,
        name: &CStr,
        kind: FileType,
    ) -> Result<(), ImageError> {
        match kind {
            FileType::Directory => self.pending.push(Pending {
                parent: Arc::clone(directory),
                name: name.to_owned(),
                around: Arc::clone(around),
            }),
            FileType::Symlink => self.sink.skip(Skip::Symlink),
            _ => self.sink.skip(Skip::Special),
        }
        Ok(())
    }

    fn take_file(&mut self, directory: &Arc<Directory>, name: &CStr, stat: &Stat) -> Result<(), ImageError> {
        if self.scan.selection.skips_owner(stat.st_uid) {
            self.sink.skip(Skip::Owner);
            return Ok(());
        }
        let path = directory.path_of(name);
        if self.skips(&path) {
            return Ok(());
        }
        // Here already, so that files of other parts are not even opened.
        if self.scan.selection.skips_shard(&path) {
            self.sink.skip(Skip::Shard);
            return Ok(());
        }
        if self.files >= self.scan.limits.max_files {
            return Err(ImageError::TooManyFiles {
                path,
                limit: self.scan.limits.max_files,
            });
        }
        let size_bytes = u64::try_from(stat.st_size).unwrap_or(0);
        let known = (stat.st_nlink > 1)
            .then(|| self.linked.get(&Identity::of(stat)).copied())
            .flatten();
        let content = match known {
            Some(content) => content,
            None => {
                self.bytes = self.bytes.saturating_add(size_bytes);
                let content = self.sink.content(Box::new(TreeFile {
                    directory: Arc::clone(directory),
                    name: name.to_owned(),
                    before: State::of(stat),
                    progress: Reading::NotOpened,
                }))?;
                if self.scan.selection.signatures {
                    match directory.attributes(name) {
                        Ok(attributes) => signature::take(self.sink, content, attributes)?,
                        Err(error) => return self.sink.omit(directory.error(name, error)),
                    }
                }
                if stat.st_nlink > 1 {
                    self.linked.insert(Identity::of(stat), content);
                }
                content
            }
        };
        self.files = self.files.saturating_add(1);
        self.sink.file(File {
            path,
            content,
            mode: stat.st_mode,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size_bytes,
        });
        Ok(())
    }
}

/// What must not change between looking at a file and having read it.
#[derive(PartialEq, Eq)]
struct State {
    identity: Identity,
    mode: u32,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl State {
    fn of(stat: &Stat) -> Self {
        #[expect(
            clippy::useless_conversion,
            reason = "the fields' types differ between platforms"
        )]
        Self {
            identity: Identity::of(stat),
            mode: stat.st_mode.into(),
            size: stat.st_size.into(),
            modified: (
                stat.st_mtime.into(),
                i64::try_from(stat.st_mtime_nsec).unwrap_or(0),
            ),
            changed: (
                stat.st_ctime.into(),
                i64::try_from(stat.st_ctime_nsec).unwrap_or(0),
            ),
        }
    }
}

/// A file of the tree, opened by the thread that hashes it.
struct TreeFile {
    directory: Arc<Directory>,
    name: CString,
    before: State,
    progress: Reading,
}

enum Reading {
    NotOpened,
    Open { descriptor: OwnedFd, taken: i64 },
    Ended,
}

impl TreeFile {
    fn error(&self, error: Errno) -> ImageError {
        self.directory.error(&self.name, error)
    }

    /// At the end of the file: whether it is still the one that was looked at, and `taken` all of it. Files that a
    /// kernel makes up while they are read say that they have no bytes.
    fn finish(&mut self, descriptor: &OwnedFd, taken: i64) -> Result<(), ImageError> {
        let after = State::of(&fstat(descriptor).map_err(|error| self.error(error))?);
        if after == self.before && (taken == after.size || after.size == 0) {
            Ok(())
        } else {
            Err(ImageError::Changed {
                path: self.directory.path_of(&self.name),
            })
        }
    }
}

impl ima_assay_digest::Content for TreeFile {
    type Error = ImageError;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        // NONBLOCK: should the name have become a FIFO meanwhile, opening it must not wait for a writer.
        const FLAGS: OFlags = OFlags::RDONLY
            .union(OFlags::NOFOLLOW)
            .union(OFlags::CLOEXEC)
            .union(OFlags::NOCTTY)
            .union(OFlags::NONBLOCK);
        let (descriptor, before) = match std::mem::replace(&mut self.progress, Reading::Ended) {
            Reading::Ended => return Ok(0),
            Reading::Open { descriptor, taken } => (descriptor, taken),
            Reading::NotOpened => {
                let name = self.name.as_c_str();
                let opened = openat(&self.directory.descriptor, name, FLAGS, Mode::empty());
                (opened.map_err(|error| self.error(error))?, 0)
            }
        };
        let read = loop {
            match rustix::io::read(&descriptor, &mut *buffer) {
                Err(Errno::INTR) => {}
                other => break other.map_err(|error| self.error(error))?,
            }
        };
        let taken = i64::try_from(read).map_or(i64::MAX, |read| before.saturating_add(read));
        // At the size that was told a short read is the end, which saves a second one for most files. Elsewhere it
        // is none: procfs, FUSE and network filesystems give less than asked in the middle.
        if read == 0 || (read < buffer.len() && taken == self.before.size) {
            self.finish(&descriptor, taken)?;
        } else {
            self.progress = Reading::Open { descriptor, taken };
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
