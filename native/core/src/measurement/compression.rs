//! Lists that were compressed to be kept: told by their first bytes, unpacked while they are read.
//!
//! ```text
//! 1f 8b 08 gzip      fd 37 7a 58 5a 00 xz      28 b5 2f fd zstd
//! ```
//!
//! Several members, streams or frames in a row are one list, as the tools that write them have it.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::ListError;
use super::limits::Limits;

/// How a list is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Any number of members.
    Gzip,
    /// Any number of streams.
    Xz,
    /// Any number of frames.
    Zstd,
}

const MAGICS: [(Compression, &[u8]); 3] = [
    (Compression::Gzip, &[0x1f, 0x8b, 8]),
    (Compression::Xz, b"\xfd7zXZ\0"),
    (Compression::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
];

/// Bytes that tell every compression.
const MAGIC_BYTES: usize = 6;

impl Compression {
    fn detect(head: &[u8]) -> Option<Self> {
        MAGICS
            .iter()
            .find(|(_, magic)| head.starts_with(magic))
            .map(|(compression, _)| *compression)
    }

    /// Its name, as in `gzip`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}

/// A source, unpacked if it is compressed.
pub(super) struct Unpacked<'r> {
    source: Box<dyn Read + Send + 'r>,
    compression: Option<Compression>,
    /// Bytes taken from the source.
    packed: Arc<AtomicU64>,
    /// Bytes given.
    unpacked: u64,
    max_unpacked_bytes: u64,
    max_ratio: u64,
}

impl<'r> Unpacked<'r> {
    pub(super) fn new(mut source: Box<dyn Read + Send + 'r>, limits: &Limits) -> Result<Self, ListError> {
        let mut head = [0; MAGIC_BYTES];
        let len = read_full(&mut source, &mut head).map_err(ListError::Io)?;
        let head = head.get(..len).unwrap_or_default().to_vec();
        let compression = Compression::detect(&head);
        let packed = Arc::new(AtomicU64::new(0));
        let metered = Metered {
            source: io::Cursor::new(head).chain(source),
            count: Arc::clone(&packed),
        };
        let source: Box<dyn Read + Send + 'r> = match compression {
            None => Box::new(metered),
            Some(Compression::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(metered)),
            Some(Compression::Xz) => {
                let corrupt = |error: liblzma::stream::Error| ListError::Io(error.into());
                let flags = liblzma::stream::CONCATENATED;
                let stream = liblzma::stream::Stream::new_stream_decoder(limits.max_window_bytes, flags)
                    .map_err(corrupt)?;
                Box::new(liblzma::read::XzDecoder::new_stream(metered, stream))
            }
            Some(Compression::Zstd) => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(BufReader::new(metered))
                    .map_err(ListError::Io)?;
                decoder
                    .window_log_max(limits.max_window_bytes.max(1).ilog2().clamp(10, 31))
                    .map_err(ListError::Io)?;
                Box::new(decoder)
            }
        };
        Ok(Self {
            source,
            compression,
            packed,
            unpacked: 0,
            max_unpacked_bytes: limits.max_unpacked_bytes,
            max_ratio: limits.max_ratio,
        })
    }

    pub(super) fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Some bytes; none only at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ListError> {
        let len = loop {
            match self.source.read(buffer) {
                Ok(len) => break len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explain(error)),
            }
        };
        if self.compression.is_some() {
            self.unpacked = self
                .unpacked
                .saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            let packed = self.packed.load(Ordering::Relaxed);
            let allowed = Limits::RATIO_GRACE_BYTES.max(packed.saturating_mul(self.max_ratio));
            if self.unpacked > self.max_unpacked_bytes.min(allowed) {
                return Err(ListError::UnpackedTooLarge {
                    unpacked: self.unpacked,
                    packed,
                });
            }
        }
        Ok(len)
    }

    fn explain(&self, error: io::Error) -> ListError {
        let unpacked = self.unpacked;
        // What the source itself says has a number of the system; what a decoder says has none.
        match self.compression {
            Some(compression) if error.raw_os_error().is_none() => {
                if error.kind() == io::ErrorKind::UnexpectedEof {
                    ListError::CompressionTruncated {
                        compression,
                        unpacked,
                    }
                } else {
                    ListError::CompressionCorrupt {
                        compression,
                        unpacked,
                        error,
                    }
                }
            }
            _ => ListError::Io(error),
        }
    }
}

/// Fills `buffer`; less only at the end.
fn read_full(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0_usize;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match source.read(room) {
            Ok(0) => break,
            Ok(len) => filled = filled.saturating_add(len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Counts the bytes that are read.
struct Metered<R> {
    source: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(buffer)?;
        let added = u64::try_from(len).unwrap_or(u64::MAX);
        self.count.fetch_add(added, Ordering::Relaxed);
        Ok(len)
    }
}
