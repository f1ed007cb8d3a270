//! Where the blobs of a container image lie: in the files of a directory, or inside an archive.

use std::cell::Cell;
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use ima_assay_digest::{Control, hash};

use super::digest::{Name, show};
use super::document::{Descriptor, MAX_DOCUMENT_BYTES};
use super::error::OciError;
use crate::image::ImageError;
use crate::image::cursor::Cursor;
use crate::image::tar::{BUFFER_BYTES, Index, Place, Section};

/// Where blobs lie.
#[derive(Debug)]
pub(super) enum Store {
    Directory(PathBuf),
    Archive {
        file: Arc<fs::File>,
        path: Vec<u8>,
        index: Index,
    },
}

/// Bytes in a file.
#[derive(Debug)]
pub(super) struct Blob {
    file: Arc<fs::File>,
    path: Vec<u8>,
    range: Range<u64>,
}

impl Blob {
    pub(super) fn size_bytes(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// Reads it from its start. `read` counts.
    pub(super) fn section<'b>(&'b self, control: &'b Control, read: &'b Cell<u64>) -> Section<'b> {
        Section::new(&self.file, &self.path, self.range.clone(), control, read)
    }
}

impl Store {
    /// The bytes at a path inside, which must be one that [`Name::path`] gives, or is constant, in a directory.
    fn find(&self, path: &str) -> Result<Option<Blob>, ImageError> {
        match self {
            Self::Directory(directory) => {
                let path = directory.join(path);
                let unreadable = |error| ImageError::Io {
                    path: path.as_os_str().as_bytes().to_vec(),
                    error,
                };
                // What is behind a link is no secret to whoever made it so, and has the digest that is asked for.
                let metadata = match path.metadata() {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    metadata => metadata.map_err(unreadable)?,
                };
                // Opening a FIFO could wait for ever.
                if !metadata.is_file() {
                    return Ok(None);
                }
                let file = fs::File::open(&path).map_err(unreadable)?;
                let size = file.metadata().map_err(unreadable)?.len();
                Ok(Some(Blob {
                    file: Arc::new(file),
                    path: path.as_os_str().as_bytes().to_vec(),
                    range: 0..size,
                }))
            }
            Self::Archive {
                file,
                path: shown,
                index,
            } => match index.find(path.as_bytes()) {
                Place::Missing => Ok(None),
                Place::Stored(range) => Ok(Some(Blob {
                    file: Arc::clone(file),
                    path: shown.clone(),
                    range,
                })),
                Place::Unclear(problem) => Err(OciError::BlobUnclear {
                    name: path.to_owned(),
                    problem,
                }
                .into()),
            },
        }
    }

    /// The bytes at a path of an archive, or one that is constant.
    ///
    /// # Errors
    /// [`OciError::BlobMissing`], [`OciError::BlobUnclear`], [`ImageError::Io`].
    pub(super) fn at(&self, path: &str) -> Result<Blob, ImageError> {
        self.find(path)?.ok_or_else(|| {
            OciError::BlobMissing {
                name: path.to_owned(),
            }
            .into()
        })
    }

    /// The blob of a digest, which has the size that is stated. Its bytes are still to be verified.
    ///
    /// # Errors
    /// [`OciError::BlobSizeWrong`], and as [`Store::at`].
    pub(super) fn blob(&self, name: &Name, stated: u64) -> Result<Blob, ImageError> {
        let blob = self.find(&name.path())?.ok_or_else(|| OciError::BlobMissing {
            name: name.text().to_owned(),
        })?;
        let found = blob.size_bytes();
        if found == stated {
            return Ok(blob);
        }
        Err(OciError::BlobSizeWrong {
            digest: name.text().to_owned(),
            stated,
            found,
        }
        .into())
    }

    /// A document that a descriptor names, verified.
    ///
    /// # Errors
    /// [`OciError::DigestMismatch`], [`OciError::DocumentTooLarge`], and as [`Store::blob`].
    pub(super) fn document(&self, descriptor: &Descriptor, control: &Control) -> Result<Vec<u8>, ImageError> {
        let name = descriptor.name()?;
        let blob = self.blob(&name, descriptor.size)?;
        let bytes = read_document(&blob, name.text(), control)?;
        verify(&name, &bytes)?;
        Ok(bytes)
    }

    /// A document at a path.
    ///
    /// # Errors
    /// [`OciError::DocumentTooLarge`], and as [`Store::at`].
    pub(super) fn document_at(&self, path: &str, control: &Control) -> Result<Vec<u8>, ImageError> {
        read_document(&self.at(path)?, path, control)
    }
}

/// Whether bytes are those that a digest names.
///
/// # Errors
/// [`OciError::DigestMismatch`].
pub(super) fn verify(name: &Name, bytes: &[u8]) -> Result<(), OciError> {
    let found = hash(name.algorithm(), bytes);
    if name.is(&found) {
        return Ok(());
    }
    Err(OciError::DigestMismatch {
        stated: name.text().to_owned(),
        found: show(&found),
    })
}

fn read_document(blob: &Blob, name: &str, control: &Control) -> Result<Vec<u8>, ImageError> {
    let (size, limit) = (blob.size_bytes(), MAX_DOCUMENT_BYTES);
    if size > limit {
        return Err(OciError::DocumentTooLarge {
            name: name.to_owned(),
            limit,
        }
        .into());
    }
    let read = Cell::new(0);
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    let mut cursor = Cursor::new(blob.section(control, &read), BUFFER_BYTES);
    if cursor.read_full(&mut bytes)? < bytes.len() {
        return Err(OciError::BlobMissing {
            name: name.to_owned(),
        }
        .into());
    }
    Ok(bytes)
}
