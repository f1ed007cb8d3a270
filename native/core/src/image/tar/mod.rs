//! Archives of `tar`, plain or compressed: a root filesystem in one file.
//!
//! ```text
//! file ─► decompression, if any ─► members ─► tree in memory ─► files at their final paths
//! ```
//!
//! The scanning thread unpacks, the others hash; nothing is written. Where programs disagree about what a member
//! means, it is refused: the list must be of what any of them unpacks.

mod error;
mod extended;
mod header;
mod index;
mod input;
mod listing;
mod member;
mod members;
mod sparse;
mod stream;
#[cfg(test)]
pub(in crate::image) mod tests;
mod unpack;
mod whiteout;

use std::cell::Cell;
use std::fs;
use std::ops::Range;

pub use super::rootfs::Refusal;
pub use error::TarError;
use header::Header;
pub(super) use index::{Index, Place};
pub(super) use stream::{BUFFER_BYTES, Section, Unpacked};
pub(super) use unpack::Unpacker;

use super::compression::Compression;
use super::cursor::Cursor;
use super::{Fact, ImageError, Layer, Scan, Sink, Source};

/// How many times its own size the files of an archive may have together, where that is more than the limit: holes.
const USUAL_RATIO: u64 = 16;

/// An archive in a file.
#[derive(Debug)]
pub struct Tar {
    file: fs::File,
    path: Vec<u8>,
    size_bytes: u64,
    compression: Option<Compression>,
}

impl Tar {
    /// The archive that a whole file is. `path` is only shown.
    ///
    /// # Errors
    /// [`ImageError::Io`].
    pub(super) fn open(
        file: fs::File,
        path: Vec<u8>,
        compression: Option<Compression>,
    ) -> Result<Self, ImageError> {
        match file.metadata() {
            Ok(metadata) => Ok(Self {
                file,
                path,
                size_bytes: metadata.len(),
                compression,
            }),
            Err(error) => Err(ImageError::Io { path, error }),
        }
    }
}

/// Whether a first block is a header. The sum over all its bytes is the magic that every dialect has.
pub(super) fn looks_like(head: &[u8]) -> bool {
    let is_cpio = head.starts_with(b"0707");
    let header = head.first_chunk().map(Header::parse);
    !is_cpio && matches!(header, Some(Ok(header)) if !header.name.is_empty())
}

impl Source for Tar {
    fn is_root_filesystem(&self) -> bool {
        true
    }

    fn size_bytes(&self) -> Option<u64> {
        Some(self.size_bytes)
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        let section = (&self.file, self.path.as_slice(), 0..self.size_bytes);
        Ok(Layer {
            kind: "tar",
            size_bytes: Some(self.size_bytes),
            facts: self::scan(section, self.compression, scan, sink)?,
            ..Layer::default()
        })
    }
}

/// Hands over the files of the archive in a part of a file, whose path is only shown, and says what it is made of.
///
/// # Errors
/// As of [`Source::scan`].
pub(super) fn scan<'s>(
    (file, path, range): (&fs::File, &[u8], Range<u64>),
    compression: Option<Compression>,
    scan: &Scan<'_>,
    sink: &mut dyn Sink<'s>,
) -> Result<Vec<(&'static str, Fact)>, ImageError> {
    let (read, mark) = (Cell::new(0), Cell::new(false));
    let size_bytes = range.end.saturating_sub(range.start);
    let mut cursor = Cursor::new(Section::new(file, path, range, scan.control, &read), BUFFER_BYTES);
    let limits = scan.limits;
    let max_bytes = limits
        .max_unpacked_bytes
        .max(size_bytes.saturating_mul(USUAL_RATIO));
    let mut unpacker = Unpacker::new(scan, sink, max_bytes);
    let mut facts = Vec::new();
    if let Some(compression) = compression {
        let unpacked = Unpacked::new(compression, &mut cursor, limits, (&read, &mark), 0)?;
        let mut unpacked = Cursor::new(unpacked, BUFFER_BYTES);
        unpacker.unpack(&mut unpacked)?;
        facts.push(("compression", Fact::Text(compression.name().to_owned())));
        facts.push(("unpackedBytes", Fact::Number(unpacked.offset())));
    } else {
        unpacker.unpack(&mut cursor)?;
    }
    facts.push(("members", Fact::Number(unpacker.members())));
    facts.push(("files", Fact::Number(unpacker.finish()?)));
    Ok(facts)
}
