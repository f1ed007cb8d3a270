//! The bytes of an archive: a part of a file, and what it unpacks to.

use std::cell::Cell;
use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use super::TarError;
use crate::image::compression::{Compression, Fault, Streams};
use crate::image::cursor::{Cursor, Fill};
use crate::image::{ImageError, Limits};
use ima_assay_digest::Control;

/// Read ahead in the file, and in what it unpacks to.
pub(in crate::image) const BUFFER_BYTES: usize = 256 << 10;

/// Reads a part of a file.
pub(in crate::image) struct Section<'a> {
    file: &'a fs::File,
    path: &'a [u8],
    left: Range<u64>,
    control: &'a Control,
    /// Bytes that were read.
    read: &'a Cell<u64>,
}

impl<'a> Section<'a> {
    /// The bytes of `range`. `path` is only shown; `read` counts.
    pub(in crate::image) fn new(
        file: &'a fs::File,
        path: &'a [u8],
        range: Range<u64>,
        control: &'a Control,
        read: &'a Cell<u64>,
    ) -> Self {
        Self {
            file,
            path,
            left: range,
            control,
            read,
        }
    }

    fn advance(&mut self, len: u64) {
        self.left.start = self.left.start.saturating_add(len);
        self.read.set(self.read.get().saturating_add(len));
        self.control.add_input_bytes(len);
    }
}

impl Fill for Section<'_> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        let left = self.left.end.saturating_sub(self.left.start);
        let room = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        loop {
            if self.control.is_cancelled() {
                return Err(ImageError::Cancelled);
            }
            match self.file.read_at(buffer, self.left.start) {
                Ok(len) => {
                    self.advance(u64::try_from(len).unwrap_or(u64::MAX));
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

    fn pass(&mut self, len: u64) -> u64 {
        let passed = len.min(self.left.end.saturating_sub(self.left.start));
        self.advance(passed);
        passed
    }
}

/// What compressed bytes unpack to, within the limits.
pub(in crate::image) struct Unpacked<'c> {
    decoder: Box<dyn Read + 'c>,
    compression: Compression,
    /// Bytes that other streams of the same image unpacked to.
    before: u64,
    unpacked: u64,
    packed: &'c Cell<u64>,
    limits: &'c Limits,
    has_ended: bool,
}

impl<'c> Unpacked<'c> {
    /// What all streams from the cursor on unpack to. The first of the two cells counts the bytes that the cursor read,
    /// the second is the decoder's own. `before` counts against [`Limits::max_unpacked_bytes`] as well.
    ///
    /// # Errors
    /// [`TarError::WindowTooLarge`], [`TarError::StreamCorrupt`], and what the cursor reads from says.
    pub(in crate::image) fn new<F: Fill>(
        compression: Compression,
        cursor: &'c mut Cursor<F>,
        limits: &'c Limits,
        (packed, mark): (&'c Cell<u64>, &'c Cell<bool>),
        before: u64,
    ) -> Result<Self, ImageError> {
        let decoder = compression
            .decoder(cursor, Streams::All, limits, mark)
            .map_err(|fault| explain(fault, compression, 0, limits))?;
        Ok(Self {
            decoder,
            compression,
            before,
            unpacked: 0,
            packed,
            limits,
            has_ended: false,
        })
    }
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
        if self.before.saturating_add(self.unpacked) > limit {
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
