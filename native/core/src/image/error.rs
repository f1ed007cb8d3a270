//! Why an image cannot be read.

use std::io;

use super::disk::DiskError;
use super::initramfs::InitramfsError;
use super::oci::OciError;
use super::package::PackageError;
use super::packed::PackedError;
use super::tar::TarError;
use super::uki::UkiError;
use crate::error::{Explain, Place};
use crate::path::Escaped;

/// Why an image cannot be read. Each format's own faults are an enum of that format's module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The reader failed: the operating system said no.
    #[error("{}: {error}", Escaped(path))]
    Io {
        /// The file or directory that was to be read.
        path: Vec<u8>,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The caller asked to stop.
    #[error("stopped on request")]
    Cancelled,
    /// Another content failed first; its error is the one to report.
    #[error("stopped after an earlier error")]
    Stopped,
    /// The first bytes are of no format that is known.
    #[error("not an image of a known format: it starts with {}", show_head(head))]
    UnknownFormat {
        /// The first bytes, at most 16.
        head: Vec<u8>,
    },
    /// A format that is known and not read.
    #[error("it is {what}, which is not read")]
    FormatUnread {
        /// What it is.
        what: &'static str,
        /// What to do with it.
        hint: &'static str,
    },
    /// The input is empty.
    #[error("the input is empty")]
    Empty,
    /// A directory that holds the layers of a container image, not its files, in a form of its own.
    #[error("the directory is what skopeo writes as dir:, which is not read")]
    ContainerImage,
    /// What has to be kept in a temporary file went on beyond [`super::Limits::max_spooled_bytes`].
    #[error("{} has more than {limit} bytes", if name == b"-" { "standard input".to_owned() } else { Escaped(name).to_string() })]
    InputTooLarge {
        /// What it is called; `-` is standard input.
        name: Vec<u8>,
        /// The limit.
        limit: u64,
    },
    /// A file was changed while it was read: its digest would be of no version of it.
    #[error("{} changed while it was read", Escaped(path))]
    Changed {
        /// Absolute inside the tree.
        path: Vec<u8>,
    },
    /// Another name of a file that could not be read.
    #[error("{} is another name of a file that could not be read", Escaped(path))]
    SharesUnreadable {
        /// Absolute inside the image.
        path: Vec<u8>,
    },
    /// A disk image.
    #[error("{}{error}", path.as_ref().map_or_else(String::new, |path| format!("{}: ", Escaped(path))))]
    Disk {
        /// The path inside the image that it is about.
        path: Option<Vec<u8>>,
        /// What is wrong.
        #[source]
        error: DiskError,
    },
    /// Not one regular file was found or wanted.
    #[error("no file to list; left out: {owners} files of other owners than root, {paths} paths to skip")]
    NothingListed {
        /// Files left out for their owner.
        owners: u64,
        /// Paths left out, each with all below it.
        paths: u64,
    },
    /// More directories inside one another than [`super::Limits::max_depth`].
    #[error("{} lies deeper than {limit} directories", Escaped(path))]
    TooDeep {
        /// Absolute inside the image.
        path: Vec<u8>,
        /// The limit.
        limit: usize,
    },
    /// More files than [`super::Limits::max_files`].
    #[error("more than {limit} files, at {}", Escaped(path))]
    TooManyFiles {
        /// The first file over the limit.
        path: Vec<u8>,
        /// The limit.
        limit: u64,
    },
    /// Signatures of files that are together larger than was allowed.
    #[error("the signatures of files have more than {limit} bytes together")]
    SignaturesTooLarge {
        /// The limit.
        limit: u64,
    },
    /// An initramfs is not what the kernel could unpack.
    #[error(transparent)]
    Initramfs(#[from] InitramfsError),
    /// A container image cannot be read.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// A package cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A compressed disk cannot be unpacked.
    #[error(transparent)]
    Packed(#[from] PackedError),
    /// An archive cannot be read, or programs would unpack it in different ways.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// A unified kernel image is not what a boot loader could start.
    #[error(transparent)]
    Uki(#[from] UkiError),
}

fn show_head(head: &[u8]) -> String {
    head.iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}

impl From<DiskError> for ImageError {
    fn from(error: DiskError) -> Self {
        Self::Disk { path: None, error }
    }
}

impl Explain for ImageError {
    fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "IMAGE_UNREADABLE",
            Self::Cancelled => "CANCELLED",
            Self::Stopped => "STOPPED",
            Self::UnknownFormat { .. } => "FORMAT_UNKNOWN",
            Self::FormatUnread { .. } => "FORMAT_UNREAD",
            Self::Empty => "IMAGE_EMPTY",
            Self::ContainerImage => "CONTAINER_IMAGE",
            Self::InputTooLarge { .. } => "INPUT_TOO_LARGE",
            Self::Changed { .. } => "FILE_CHANGED",
            Self::SharesUnreadable { .. } => "SHARES_UNREADABLE",
            Self::NothingListed { .. } => "NOTHING_LISTED",
            Self::TooDeep { .. } => "TOO_DEEP",
            Self::TooManyFiles { .. } => "TOO_MANY_FILES",
            Self::SignaturesTooLarge { .. } => "SIGNATURES_TOO_LARGE",
            Self::Disk { error, .. } => error.code(),
            Self::Initramfs(error) => error.code(),
            Self::Oci(error) => error.code(),
            Self::Package(error) => error.code(),
            Self::Packed(error) => error.code(),
            Self::Tar(error) => error.code(),
            Self::Uki(error) => error.code(),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Io { path, .. }
            | Self::Changed { path }
            | Self::SharesUnreadable { path }
            | Self::TooDeep { path, .. }
            | Self::TooManyFiles { path, .. } => Place {
                path: Some(path.clone()),
                ..Place::default()
            },
            Self::Cancelled
            | Self::Stopped
            | Self::ContainerImage
            | Self::NothingListed { .. }
            | Self::SignaturesTooLarge { .. }
            | Self::InputTooLarge { .. } => Place::default(),
            Self::UnknownFormat { .. } | Self::FormatUnread { .. } | Self::Empty => Place {
                offset_bytes: Some(0),
                ..Place::default()
            },
            Self::Disk { path, error } => Place {
                path: path.clone(),
                ..error.place()
            },
            Self::Initramfs(error) => error.place(),
            Self::Oci(error) => error.place(),
            Self::Package(error) => error.place(),
            Self::Packed(error) => error.place(),
            Self::Tar(error) => error.place(),
            Self::Uki(error) => error.place(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { error, .. } => match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    Some("run as a user who may read it, or leave it out with --keep-going")
                }
                io::ErrorKind::InvalidInput => Some("give it through standard input, or copy it to a file"),
                io::ErrorKind::NotFound => Some("check the name; a file may have vanished while it was read"),
                _ => None,
            },
            Self::Cancelled | Self::Stopped | Self::SharesUnreadable { .. } => None,
            Self::UnknownFormat { .. } => Some(
                "an initramfs, a UKI, a tar archive, a container image, a package, a disk image or a directory is expected",
            ),
            Self::FormatUnread { hint, .. } => Some(hint),
            Self::Empty => Some("check how the file was copied"),
            Self::ContainerImage => Some("copy it into an OCI layout: skopeo copy dir:DIRECTORY oci:LAYOUT"),
            Self::InputTooLarge { name, .. } if name == b"-" => {
                Some("save it to a file, or raise --limit max-spooled-bytes")
            }
            Self::InputTooLarge { .. } => {
                Some("if the image is meant to be so, raise --limit max-spooled-bytes")
            }
            Self::Changed { .. } => {
                Some("extract from a copy or a snapshot, or leave it out with --keep-going")
            }
            Self::NothingListed { owners: 0, paths: 0 } => Some("check that this is the image's root"),
            Self::NothingListed { owners: 0, .. } => {
                Some("take what Keylime's generator leaves out with --no-default-skips")
            }
            Self::NothingListed { .. } => {
                Some("an image unpacked by a user has that user's files: take them with --all-owners")
            }
            Self::TooDeep { .. } => Some("if the image is meant to be so, raise --limit max-depth"),
            Self::TooManyFiles { .. } => Some("if the image is meant to be so, raise --limit max-files"),
            Self::SignaturesTooLarge { .. } => {
                Some("if the image is meant to be so, raise --limit max-text-bytes")
            }
            Self::Disk { error, .. } => error.hint(),
            Self::Initramfs(error) => error.hint(),
            Self::Oci(error) => error.hint(),
            Self::Package(error) => error.hint(),
            Self::Packed(error) => error.hint(),
            Self::Tar(error) => error.hint(),
            Self::Uki(error) => error.hint(),
        }
    }
}
