//! The other files that an image needs: the image below it, and those that have its bytes.
//!
//! An image can name any file of this machine, so only those are opened that lie below the image's own directory
//! or below the one that was allowed, wherever symbolic links lead.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::DiskError;
use super::super::read_at::{Raw, ReadAt};
use crate::error::{Explain, Place};
use crate::path::Escaped;

/// Images below one another.
const MAX_CHAIN: u32 = 16;

/// Why another file that an image needs is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OtherFileError {
    /// It is none of those that may be read.
    #[error("the image is not whole without {}, {why}", Escaped(name))]
    Refused {
        /// As the image names it.
        name: Vec<u8>,
        /// Why that is not read.
        why: &'static str,
    },
    /// It cannot be opened.
    #[error("the image is not whole without {}: {error}", Escaped(name))]
    Unreadable {
        /// As the image names it.
        name: Vec<u8>,
        /// What the operating system says.
        error: String,
    },
}

impl Explain for OtherFileError {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } | Self::Unreadable { .. } => "DISK_OTHER_FILE",
        }
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        Some(
            "name the directory it lies in with --allow-backing, or make one file of all: `qemu-img convert -O qcow2 IMAGE WHOLE`",
        )
    }
}

/// Where the other files of an image may lie.
#[derive(Debug, Clone)]
pub(in crate::image::disk) struct OtherFiles {
    /// The directory of the image that names them: none if it has no name itself.
    directory: Option<PathBuf>,
    /// Directories below which files may be read, without symbolic links.
    allowed: Vec<PathBuf>,
    /// How many images may still be below this one.
    chain_left: u32,
    /// The sizes of those that were opened, by device and inode, of all images in a row.
    opened: Arc<Mutex<BTreeMap<(u64, u64), u64>>>,
}

impl OtherFiles {
    /// Those of the image at `image`, below its own directory or below `allowed`.
    pub(in crate::image::disk) fn of(image: Option<&Path>, allowed: Option<&Path>) -> Self {
        let directory = image.and_then(parent);
        let allowed = directory.as_deref().into_iter().chain(allowed);
        Self {
            allowed: allowed
                .filter_map(|directory| fs::canonicalize(directory).ok())
                .collect(),
            directory,
            chain_left: MAX_CHAIN,
            opened: Arc::default(),
        }
    }

    /// How many bytes all files have together that were opened.
    pub(in crate::image::disk) fn opened_bytes(&self) -> u64 {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.values().fold(0, |sum, size| sum.saturating_add(*size))
    }

    /// A file that has bytes of the image and names no others.
    pub(in crate::image::disk) fn open_file(&self, name: &[u8]) -> Result<Arc<dyn ReadAt>, DiskError> {
        let (file, _) = self.open(name)?;
        Ok(Arc::new(Raw::new(file)?))
    }

    /// The image below another one, and those that it may name itself.
    pub(in crate::image::disk) fn open_image(
        &self,
        name: &[u8],
    ) -> Result<(Arc<dyn ReadAt>, Self), DiskError> {
        let (file, path) = self.open(name)?;
        let chain_left = self.chain_left.checked_sub(1);
        let below = Self {
            directory: parent(&path),
            allowed: self.allowed.clone(),
            chain_left: chain_left
                .ok_or_else(|| refused(name, "and that without others: more than 16 images in a row"))?,
            opened: Arc::clone(&self.opened),
        };
        Ok((Arc::new(Raw::new(file)?), below))
    }

    /// A file by the name an image has for it, and its path without symbolic links.
    fn open(&self, name: &[u8]) -> Result<(File, PathBuf), DiskError> {
        let before_slash = name.split(|&byte| byte == b'/').next().unwrap_or_default();
        if before_slash.contains(&b':') {
            return Err(refused(name, "which is no path but an address"));
        }
        let path = Path::new(OsStr::from_bytes(name));
        let path = match &self.directory {
            Some(directory) => directory.join(path),
            None if path.is_absolute() => path.to_owned(),
            None => return Err(refused(name, "whose directory is not known")),
        };
        let unreadable = |error: std::io::Error| OtherFileError::Unreadable {
            name: name.to_vec(),
            error: error.to_string(),
        };
        let real = fs::canonicalize(path).map_err(unreadable)?;
        if !self.allowed.iter().any(|allowed| real.starts_with(allowed)) {
            return Err(refused(name, "which lies outside of the image's own directory"));
        }
        // Opening a FIFO could wait for ever.
        if !real.is_file() {
            return Err(refused(name, "which is no regular file"));
        }
        let file = File::open(&real).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert((metadata.dev(), metadata.ino()), metadata.len());
        Ok((file, real))
    }
}

/// The directory of a file, which of a bare name is the current one.
fn parent(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    Some(if parent.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        parent.to_owned()
    })
}

pub(in crate::image::disk) fn refused(name: &[u8], why: &'static str) -> DiskError {
    OtherFileError::Refused {
        name: name.to_vec(),
        why,
    }
    .into()
}
