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
mod input;
mod listing;
mod member;
mod sparse;
#[cfg(test)]
mod tests;
mod unpack;

use std::cell::Cell;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

pub use super::rootfs::Refusal;
pub use error::TarError;
use header::{BLOCK_BYTES, Header};
use unpack::Unpacker;

use super::compression::{Compression, Fault, Streams};
use super::cursor::{Cursor, Fill};
use super::{Fact, ImageError, Layer, Limits, Scan, Sink, Source};
use ima_assay_digest::Control;

/// Read ahead in the file, and in what it unpacks to.
const BUFFER_BYTES: usize = 256 << 10;

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
    /// The archive that a file is, if `head`, its first bytes, or what they unpack to, are those of one.
    pub(super) fn detect(file: &fs::File, head: &[u8], limits: &Limits) -> Option<Option<Compression>> {
        let Some(compression) = Compression::detect(head) else {
            return looks_like(head).then_some(None);
        };
        let (control, read, mark) = (Control::default(), Cell::new(0), Cell::new(false));
        let input = Input {
            file,
            path: b"",
            control: &control,
            offset: &read,
        };
        let mut cursor = Cursor::new(input, BUFFER_BYTES);
        let decoder = compression
            .decoder(&mut cursor, Streams::All, limits, &mark)
            .ok()?;
        let mut unpacked = Vec::with_capacity(BLOCK_BYTES);
        // What cannot be unpacked is for the reader of an initramfs to explain.
        decoder.take(512).read_to_end(&mut unpacked).ok()?;
        looks_like(&unpacked).then_some(Some(compression))
    }

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
fn looks_like(head: &[u8]) -> bool {
    let is_cpio = head.starts_with(b"0707");
    let header = head.first_chunk().map(Header::parse);
    !is_cpio && matches!(header, Some(Ok(header)) if !header.name.is_empty())
}

impl Source for Tar {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.size_bytes)
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        let offset = Cell::new(0);
        let input = Input {
            file: &self.file,
            path: &self.path,
            control: scan.control,
            offset: &offset,
        };
        let mut cursor = Cursor::new(input, BUFFER_BYTES);
        let limits = scan.limits;
        let max_bytes = limits
            .max_unpacked_bytes
            .max(self.size_bytes.saturating_mul(USUAL_RATIO));
        let mut unpacker = Unpacker::new(scan, sink, max_bytes);
        let mut facts = Vec::new();
        if let Some(compression) = self.compression {
            let mark = Cell::new(false);
            let decoder = compression
                .decoder(&mut cursor, Streams::All, limits, &mark)
                .map_err(|fault| explain(fault, compression, 0, limits))?;
            let unpacked = Unpacked {
                decoder,
                compression,
                unpacked: 0,
                packed: &offset,
                limits,
                has_ended: false,
            };
            let mut unpacked = Cursor::new(unpacked, BUFFER_BYTES);
            unpacker.unpack(&mut unpacked)?;
            facts.push(("compression", Fact::Text(compression.name().to_owned())));
            facts.push(("unpackedBytes", Fact::Number(unpacked.offset())));
        } else {
            unpacker.unpack(&mut cursor)?;
        }
        facts.push(("members", Fact::Number(unpacker.members)));
        facts.push(("files", Fact::Number(unpacker.finish()?)));
        Ok(Layer {
            kind: "tar",
            size_bytes: Some(self.size_bytes),
            facts,
            ..Layer::default()
        })
    }
}

/// Reads the file from its start.
struct Input<'a> {
    file: &'a fs::File,
    path: &'a [u8],
    control: &'a Control,
    /// Bytes that were read.
    offset: &'a Cell<u64>,
}

impl Fill for Input<'_> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        loop {
            if self.control.is_cancelled() {
                return Err(ImageError::Cancelled);
            }
            match self.file.read_at(buffer, self.offset.get()) {
                Ok(len) => {
                    let added = u64::try_from(len).unwrap_or(u64::MAX);
                    self.offset.set(self.offset.get().saturating_add(added));
                    self.control.add_input_bytes(added);
                    return Ok(len);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(ImageError::Io {
                        path: self.path.to_vec(),
                        error,
                    });
                }
            }
        }
    }
}

/// What a compressed archive unpacks to, within the limits.
struct Unpacked<'c> {
    decoder: Box<dyn Read + 'c>,
    compression: Compression,
    unpacked: u64,
    packed: &'c Cell<u64>,
    limits: &'c Limits,
    has_ended: bool,
}

impl Fill for Unpacked<'_> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        if self.has_ended || buffer.is_empty() {
            return Ok(0);
        }
        let len = loop {
            match self.decoder.read(buffer) {
                Ok(len) => break len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(explain(
                        error.into(),
                        self.compression,
                        self.unpacked,
                        self.limits,
                    ));
                }
            }
        };
        self.has_ended = len == 0;
        self.unpacked = self
            .unpacked
            .saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        let limit = self.limits.max_unpacked_bytes;
        if self.unpacked > limit {
            return Err(TarError::TooLarge { limit }.into());
        }
        let limit = self.limits.max_ratio;
        if self.unpacked > Limits::RATIO_GRACE_BYTES
            && self.unpacked > self.packed.get().saturating_mul(limit)
        {
            return Err(TarError::RatioTooHigh { limit }.into());
        }
        Ok(len)
    }
}

fn explain(fault: Fault, compression: Compression, unpacked: u64, limits: &Limits) -> ImageError {
    match fault {
        Fault::Image(error) => return error,
        Fault::WindowTooLarge => TarError::WindowTooLarge {
            compression,
            limit: limits.max_window_bytes,
        },
        Fault::Truncated => TarError::StreamTruncated {
            compression,
            unpacked,
        },
        Fault::Corrupt(error) => TarError::StreamCorrupt {
            compression,
            unpacked,
            error,
        },
    }
    .into()
}
