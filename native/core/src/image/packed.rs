//! Compressed files that are not read as a stream: what they begin with, and all of it in a temporary file.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use super::compression::{Compression, Streams};
use super::cursor::Cursor;
use super::tar::{BUFFER_BYTES, Section, TarError, Unpacked};
use super::{ImageError, Limits};
use crate::error::{Explain, Place};
use ima_assay_digest::Control;

/// Bytes that are left out of the temporary file together where all of them are zeros.
const HOLE_BYTES: usize = 64 << 10;

/// Why a compressed disk cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackedError {
    /// The file ends inside its compression.
    #[error("the file ends inside its {} stream, after {unpacked} bytes unpacked", compression.name())]
    Truncated {
        /// How it is compressed.
        compression: Compression,
        /// Bytes that were unpacked.
        unpacked: u64,
    },
    /// A decoder refuses the bytes.
    #[error("the {} stream is unreadable after {unpacked} bytes unpacked: {error}", compression.name())]
    Corrupt {
        /// How it is compressed.
        compression: Compression,
        /// Bytes that were unpacked.
        unpacked: u64,
        /// What the decoder said.
        #[source]
        error: io::Error,
    },
    /// A decoder would need a larger window than is allowed.
    #[error("the {} stream needs a window of more than {limit} bytes", compression.name())]
    WindowTooLarge {
        /// How it is compressed.
        compression: Compression,
        /// The limit.
        limit: u64,
    },
    /// It unpacks to more bytes than are allowed.
    #[error("the disk unpacks to more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// It unpacks to far more bytes than it has.
    #[error("the disk unpacks to more than {limit} times its size")]
    RatioTooHigh {
        /// The limit.
        limit: u64,
    },
}

impl Explain for PackedError {
    fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "DISK_TRUNCATED",
            Self::Corrupt { .. } => "DISK_PIECE_CORRUPT",
            Self::WindowTooLarge { .. } | Self::TooLarge { .. } | Self::RatioTooHigh { .. } => {
                "DISK_TOO_LARGE"
            }
        }
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Truncated { .. } | Self::Corrupt { .. } => {
                "the file is cut or damaged; copy it again and compare its digest with the original's"
            }
            Self::WindowTooLarge { .. } => "if the image is meant to be so, raise --limit max-window-bytes",
            Self::TooLarge { .. } => "if the image is meant to be so, raise --limit max-spooled-bytes",
            Self::RatioTooHigh { .. } => "if the image is meant to be so, raise --limit max-ratio",
        })
    }
}

/// What was unpacked.
#[derive(Debug)]
pub(super) struct Spooled {
    /// The temporary file, which has no name.
    pub(super) file: File,
    /// Where its name would be.
    pub(super) directory: Vec<u8>,
    /// How many bytes were written: those that are not in holes.
    pub(super) written_bytes: u64,
}

/// The first bytes that a compressed file unpacks to, at most `len`: fewer where it ends before, or is damaged.
pub(super) fn head(file: &File, compression: Compression, len: u64, limits: &Limits) -> Vec<u8> {
    let (control, read, mark) = (Control::default(), Cell::new(0), Cell::new(false));
    let section = Section::new(file, b"", 0..u64::MAX, &control, &read);
    let mut cursor = Cursor::new(section, BUFFER_BYTES);
    let mut head = Vec::new();
    if let Ok(decoder) = compression.decoder(&mut cursor, Streams::All, limits, &mark) {
        // What cannot be unpacked is for the reader of what it seems to be to explain.
        let _ = decoder.take(len).read_to_end(&mut head);
    }
    head
}

/// Unpacks a file into a temporary one that nobody else can open. Runs of zeros become holes.
///
/// # Errors
/// [`ImageError::Io`], [`ImageError::Cancelled`], and [`ImageError::Tar`] of what cannot be unpacked: the limit is
/// [`Limits::max_unpacked_bytes`].
pub(super) fn spool(
    file: &File,
    name: &[u8],
    compression: Compression,
    limits: &Limits,
    control: &Control,
) -> Result<Spooled, ImageError> {
    let (read, mark) = (Cell::new(0), Cell::new(false));
    let section = Section::new(file, name, 0..u64::MAX, control, &read);
    let mut packed = Cursor::new(section, BUFFER_BYTES);
    let unpacked = Unpacked::new(compression, &mut packed, limits, (&read, &mark), 0)?;
    let mut unpacked = Cursor::new(unpacked, BUFFER_BYTES);
    let directory = std::env::temp_dir();
    let failed = |error| ImageError::Io {
        path: directory.as_os_str().as_bytes().to_vec(),
        error,
    };
    let mut into = tempfile::tempfile_in(&directory).map_err(failed)?;
    let (mut buffer, mut written_bytes) = (vec![0; HOLE_BYTES], 0_u64);
    loop {
        let len = unpacked.read_full(&mut buffer)?;
        let piece = buffer.get(..len).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        if piece.iter().all(|&byte| byte == 0) {
            into.seek(SeekFrom::Start(unpacked.offset())).map_err(failed)?;
        } else {
            into.write_all(piece).map_err(failed)?;
            written_bytes = written_bytes.saturating_add(len);
        }
    }
    into.set_len(unpacked.offset()).map_err(failed)?;
    Ok(Spooled {
        file: into,
        directory: directory.as_os_str().as_bytes().to_vec(),
        written_bytes,
    })
}

/// As [`spool`], of a disk: the limit is [`Limits::max_spooled_bytes`].
///
/// # Errors
/// [`ImageError::Io`], [`ImageError::Cancelled`], [`ImageError::Packed`].
pub(super) fn spool_disk(
    file: &File,
    name: &[u8],
    compression: Compression,
    limits: &Limits,
    control: &Control,
) -> Result<Spooled, ImageError> {
    let limits = Limits {
        max_unpacked_bytes: limits.max_spooled_bytes,
        ..limits.clone()
    };
    spool(file, name, compression, &limits, control).map_err(|error| match error {
        ImageError::Tar(error) => of_disk(error),
        other => other,
    })
}

/// What an archive's error means for a disk.
fn of_disk(error: TarError) -> ImageError {
    let error = match error {
        TarError::StreamTruncated {
            compression,
            unpacked,
        } => PackedError::Truncated {
            compression,
            unpacked,
        },
        TarError::StreamCorrupt {
            compression,
            unpacked,
            error,
        } => PackedError::Corrupt {
            compression,
            unpacked,
            error,
        },
        TarError::WindowTooLarge { compression, limit } => PackedError::WindowTooLarge { compression, limit },
        TarError::TooLarge { limit } => PackedError::TooLarge { limit },
        TarError::RatioTooHigh { limit } => PackedError::RatioTooHigh { limit },
        other => return other.into(),
    };
    error.into()
}
