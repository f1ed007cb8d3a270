//! Opening an image: its format is told by its first bytes, never by its name.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use super::compression::Compression;
use super::disk::{self, Disk};
use super::initramfs::{self, Initramfs};
use super::oci::{self, Container};
use super::package::{self, Deb, Repository, Rpm};
use super::packed::{self, Spooled};
use super::tar;
use super::temporary;
use super::uki::{self, Uki};
use super::unread;
use super::{ImageError, Limits, Note, Source, SourceError, Tree};
use crate::input::{Input, STANDARD_INPUT};
use crate::path::Escaped;
use ima_assay_digest::Control;

/// Bytes looked at to tell a format: btrfs has its mark behind 64 KiB.
const HEAD_BYTES: u64 = 68 << 10;

/// Takes the file and its name.
type Open = fn(File, Vec<u8>, &Limits) -> Result<Box<dyn Source>, ImageError>;

/// One format a file can have: a new one is a row here.
struct Row {
    /// Whether the first bytes look like it.
    detect: fn(&[u8]) -> bool,
    open: Open,
}

/// Tried in this order.
const FORMATS: &[Row] = &[
    Row {
        detect: uki::looks_like,
        open: |file, name, _| Ok(Box::new(Uki::open(file, name)?)),
    },
    // Before an initramfs, in front of which any number of zeros may stand.
    Row {
        detect: disk::looks_like_btrfs,
        open: |file, name, limits| Ok(Box::new(open_disk(file, &name, limits)?)),
    },
    Row {
        detect: initramfs::looks_like,
        open: |file, name, _| Ok(Box::new(Initramfs::open(file, name)?)),
    },
    Row {
        detect: package::looks_like_deb,
        open: |file, name, _| Ok(Box::new(Deb::open(file, name)?)),
    },
    Row {
        detect: package::looks_like_rpm,
        open: |file, name, _| Ok(Box::new(Rpm::open(file, name)?)),
    },
    Row {
        detect: disk::looks_like,
        open: |file, name, limits| Ok(Box::new(open_disk(file, &name, limits)?)),
    },
];

/// Opens the image called `name`; `-` is standard input, kept in an anonymous temporary file.
///
/// # Errors
/// [`ImageError::Io`], [`ImageError::Empty`], [`ImageError::UnknownFormat`], or what the format says;
/// [`ImageError::Cancelled`] while waiting for standard input.
pub fn open(name: &[u8], limits: &Limits, control: &Arc<Control>) -> Result<Box<dyn Source>, SourceError> {
    open_image(name, limits, control).map_err(|error| SourceError {
        input: name.to_vec(),
        error,
    })
}

fn open_image(name: &[u8], limits: &Limits, control: &Arc<Control>) -> Result<Box<dyn Source>, ImageError> {
    let unreadable = |error| ImageError::Io {
        path: name.to_vec(),
        error,
    };
    if name == STANDARD_INPUT {
        return open_file(spool(limits.max_spooled_bytes, control)?, name, limits, control);
    }
    let path = Path::new(OsStr::from_bytes(name));
    let metadata = path.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        if oci::is_layout(path) {
            return Ok(Box::new(Container::in_directory(path)));
        }
        if package::is_repository(path) {
            return Ok(Box::new(Repository::open(path)));
        }
        if is_skopeo_directory(path) {
            return Err(ImageError::ContainerImage);
        }
        return Ok(Box::new(Tree::open(path)?));
    }
    // Opening a FIFO or a socket could wait for ever.
    if !metadata.is_file() {
        let problem = "neither a regular file nor a directory";
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, problem)));
    }
    open_file(File::open(path).map_err(unreadable)?, name, limits, control)
}

/// Whether a directory is what `skopeo copy … dir:` writes.
fn is_skopeo_directory(path: &Path) -> bool {
    let mut start = Vec::new();
    let version = path.join("version");
    // Opening a FIFO could wait for ever.
    let is_read = version.is_file()
        && File::open(version).is_ok_and(|file| file.take(64).read_to_end(&mut start).is_ok());
    is_read && start.starts_with(b"Directory Transport Version:")
}

fn open_file(
    mut file: File,
    name: &[u8],
    limits: &Limits,
    control: &Control,
) -> Result<Box<dyn Source>, ImageError> {
    let unreadable = |error| ImageError::Io {
        path: name.to_vec(),
        error,
    };
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    if head.is_empty() {
        return Err(ImageError::Empty);
    }
    // Anything compressed may be an initramfs; what has to be unpacked to be told comes first.
    let compression = Compression::detect(&head).filter(|_| !uki::looks_like(&head));
    let unpacked = compression.map(|compression| packed::head(&file, compression, HEAD_BYTES, limits));
    if tar::looks_like(unpacked.as_deref().unwrap_or(&head)) && !uki::looks_like(&head) {
        return oci::open(file, name.to_vec(), compression, limits, control);
    }
    if let (Some(compression), Some(true)) = (compression, unpacked.as_deref().map(is_disk)) {
        return Ok(Box::new(open_packed_disk(
            &file,
            name,
            compression,
            limits,
            control,
        )?));
    }
    // Zeros may stand in front of an initramfs as in front of a CD's first volume.
    let starts_empty = head.iter().take(1024).all(|&byte| byte == 0);
    if let Some((what, hint)) = unread::name_of(&head).filter(|_| starts_empty) {
        return Err(ImageError::FormatUnread { what, hint });
    }
    match FORMATS.iter().find(|format| (format.detect)(&head)) {
        Some(format) => (format.open)(file, name.to_vec(), limits),
        None => {
            if let Some((what, hint)) = unread::name_of(&head) {
                return Err(ImageError::FormatUnread { what, hint });
            }
            head.truncate(16);
            Err(ImageError::UnknownFormat { head })
        }
    }
}

/// Whether what a file unpacks to starts like a disk, and not like an initramfs.
fn is_disk(head: &[u8]) -> bool {
    let is_cpio = head.starts_with(b"0707");
    !is_cpio && (disk::looks_like_btrfs(head) || (!initramfs::looks_like(head) && disk::looks_like(head)))
}

/// A disk has to be read in any order, and what is compressed can be read in one alone.
fn open_packed_disk(
    file: &File,
    name: &[u8],
    compression: Compression,
    limits: &Limits,
    control: &Control,
) -> Result<Disk, ImageError> {
    let Spooled {
        file,
        directory,
        written_bytes,
    } = packed::spool_disk(file, name, compression, limits, control)?;
    let disk = open_disk(file, name, limits)?;
    let note = Note {
        code: "DISK_UNPACKED",
        path: None,
        offset_bytes: None,
        text: format!(
            "unpacked into a temporary file without a name in {}, {written_bytes} bytes without its holes",
            Escaped(&directory),
        ),
    };
    Ok(disk.unpacked_from(compression, note))
}

fn open_disk(file: File, name: &[u8], limits: &Limits) -> Result<Disk, ImageError> {
    let path = Some(Path::new(OsStr::from_bytes(name))).filter(|_| name != STANDARD_INPUT);
    Disk::open(file, path, limits.backing_directory.as_deref())
}

/// Keeps standard input in a temporary file.
fn spool(limit: u64, control: &Arc<Control>) -> Result<File, ImageError> {
    let input = Input::open(STANDARD_INPUT, control);
    let mut input = input.map_err(|error| ImageError::Io {
        path: STANDARD_INPUT.to_vec(),
        error,
    })?;
    let kept = temporary::keep(&mut input, STANDARD_INPUT, limit);
    match control.is_cancelled() {
        true => Err(ImageError::Cancelled),
        false => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Explain as _;
    use crate::testing::{has_tool, run};

    /// Made by the programs that make them, as far as these are installed.
    #[test]
    fn what_is_known_and_not_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for (tools, line, what) in [
            (&["mkswap"][..], "mkswap -q image", "swap"),
            (&["mkudffs"], "mkudffs --utf8 image", "UDF"),
        ] {
            if !tools.iter().all(|tool| has_tool(tool)) {
                continue;
            }
            make(path, line);
            let name = path.join("image");
            let error = open(name.as_os_str().as_bytes(), &Limits::default(), &Arc::default())
                .err()
                .unwrap();
            assert_eq!(error.code(), "FORMAT_UNREAD", "{line}: {error}");
            assert!(error.to_string().contains(what), "{line}: {error}");
            assert!(error.hint().is_some(), "{line}");
        }
    }

    fn make(directory: &Path, line: &str) {
        let file = File::create(directory.join("image")).unwrap();
        file.set_len(4 << 20).unwrap();
        run(directory, line);
    }
}
