//! Where paths lead in an initramfs, for those who append to it.
//!
//! The kernel makes no parents, and a member for a directory in the place of a symbolic link replaces the link: with
//! `bin → usr/bin` an entry for `bin` leaves a machine without programs. An overlay therefore has to know the tree.

use std::ffi::OsStr;
use std::fs::File as OpenFile;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use ima_assay_digest::Control;

use super::Initramfs;
use crate::image::rootfs::{Kind, Refusal};
use crate::image::{
    Content, ContentId, File, ImageError, Limits, Note, Scan, Selection, Sink, Skip, SourceError,
};

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The last directory on the way that is there, with no link in its path; empty for `/`.
    pub directory: Vec<u8>,
    /// What of the path follows it: its last name, after the directories that are missing.
    pub missing: Vec<u8>,
    /// What stands at the path itself.
    pub standing: Option<Standing>,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A regular file: the kernel overwrites it, and with it every hard link to it.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, FIFO or socket.
    Special,
}

impl Standing {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regular => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Special => "special",
        }
    }
}

/// Follows paths in the initramfs called `name`: absolute ones, without `.` and `..`. For each the answer, or what
/// stands in its way.
///
/// # Errors
/// As [`crate::image::extract`] has them for an initramfs.
pub fn locate(
    name: &[u8],
    paths: &[Vec<u8>],
    limits: &Limits,
    control: &Control,
) -> Result<Vec<Result<Location, Refusal>>, SourceError> {
    locate_all(name, paths, limits, control).map_err(|error| SourceError {
        input: name.to_vec(),
        error,
    })
}

fn locate_all(
    name: &[u8],
    paths: &[Vec<u8>],
    limits: &Limits,
    control: &Control,
) -> Result<Vec<Result<Location, Refusal>>, ImageError> {
    let file = OpenFile::open(Path::new(OsStr::from_bytes(name))).map_err(|error| ImageError::Io {
        path: name.to_vec(),
        error,
    })?;
    let initramfs = Initramfs::open(file, name.to_vec())?;
    let scan = Scan {
        selection: &Selection::default(),
        limits,
        control,
    };
    let mut located = Vec::new();
    initramfs.unpack(&scan, &mut Ignore::default(), &mut |rootfs| {
        located.extend(paths.iter().map(|path| {
            rootfs.locate(path).map(|found| Location {
                directory: found.directory,
                missing: found.missing.to_vec(),
                standing: found.standing.map(standing),
            })
        }));
    })?;
    Ok(located)
}

fn standing(kind: Kind) -> Standing {
    match kind {
        Kind::Regular => Standing::Regular,
        Kind::Directory => Standing::Directory,
        Kind::Symlink => Standing::Symlink,
        Kind::CharacterDevice | Kind::BlockDevice | Kind::Fifo | Kind::Socket | Kind::None => {
            Standing::Special
        }
    }
}

/// Takes nothing: the tree alone is wanted.
#[derive(Default)]
struct Ignore {
    contents: usize,
}

impl<'s> Sink<'s> for Ignore {
    fn content(&mut self, _: Content<'s>) -> Result<ContentId, ImageError> {
        let id = ContentId(self.contents);
        self.contents = self.contents.saturating_add(1);
        Ok(id)
    }

    fn file(&mut self, _: File) {}

    fn skip(&mut self, _: Skip) {}

    fn note(&mut self, _: Note) {}

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        Err(error)
    }
}
