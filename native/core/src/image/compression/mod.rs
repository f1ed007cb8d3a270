//! How an image, or a part of one, is compressed: one table, from the first bytes to the decoder.
//!
//! ```text
//! 1f 8b 08                     gzip        42 5a 68 '1'…'9'       bzip2
//! 5d 00                        lzma        fd 37 7a 58 5a 00      xz
//! 89 4c 5a 4f 00 0d 0a 1a 0a   lzop        28 b5 2f fd            zstd
//! 02 21 4c 18                  lz4 legacy  04 22 4d 18            lz4 frame
//! ```
//!
//! For an initramfs every decoder reads one stream (member, frame) and takes no byte beyond it: what follows is looked
//! at anew, as the kernel does (`lib/decompress*.c`). For an archive it reads all of them, as `gzip -d` and its kin do.

mod lz4;
mod lzop;

use std::cell::Cell;
use std::io::{self, Read};

use super::cursor::{Cursor, Fill};
use super::{ImageError, Limits};

/// A compression an initramfs or an archive may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// One member.
    Gzip,
    /// One stream.
    Bzip2,
    /// A `.lzma` file.
    Lzma,
    /// One stream.
    Xz,
    /// The lzop container around LZO1X blocks.
    Lzop,
    /// What `lz4 -l` writes.
    Lz4Legacy,
    /// What `lz4` writes; the kernel refuses it.
    Lz4Frame,
    /// One frame.
    Zstd,
}

struct Row {
    compression: Compression,
    name: &'static str,
    magic: &'static [u8],
}

const TABLE: [Row; 8] = [
    Row {
        compression: Compression::Gzip,
        name: "gzip",
        magic: &[0x1f, 0x8b, 8],
    },
    Row {
        compression: Compression::Bzip2,
        name: "bzip2",
        magic: b"BZh",
    },
    Row {
        compression: Compression::Lzma,
        name: "lzma",
        magic: &[0x5d, 0],
    },
    Row {
        compression: Compression::Xz,
        name: "xz",
        magic: b"\xfd7zXZ\0",
    },
    Row {
        compression: Compression::Lzop,
        name: "lzop",
        magic: &lzop::MAGIC,
    },
    Row {
        compression: Compression::Lz4Legacy,
        name: "lz4",
        magic: &lz4::LEGACY_MAGIC,
    },
    Row {
        compression: Compression::Lz4Frame,
        name: "lz4 frame",
        magic: &[0x04, 0x22, 0x4d, 0x18],
    },
    Row {
        compression: Compression::Zstd,
        name: "zstd",
        magic: &ZSTD_MAGIC,
    },
];

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// First bytes that tell every compression and its parameters.
pub(crate) const HEAD_BYTES: usize = 18;

/// Bytes of memory that liblzma may need beside its window.
const LZMA_OVERHEAD_BYTES: u64 = 1 << 20;

impl Compression {
    /// The compression with the magic that these bytes start with.
    pub(crate) fn detect(head: &[u8]) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| head.starts_with(row.magic))
            .map(|row| row.compression)
    }

    /// Its name, as in `gzip`.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE
            .iter()
            .find(|row| row.compression == self)
            .map_or("", |row| row.name)
    }

    /// Whether a stream that starts with these bytes is one the kernel refuses, although it is sound.
    pub(crate) fn kernel_refuses(self, head: &[u8]) -> Option<&'static str> {
        let byte = |index: usize| head.get(index).copied().unwrap_or(0);
        match self {
            // The kernel knows the flag for a name and takes all other fields for data.
            Self::Gzip if byte(3) & (GZIP_HEADER_CRC | GZIP_EXTRA | GZIP_COMMENT) != 0 => {
                Some("the kernel knows no other field of a gzip header than the name; compress with gzip -n")
            }
            Self::Xz if byte(7) > XZ_CHECK_CRC32 => {
                Some("the kernel takes no check but CRC32; compress with xz --check=crc32")
            }
            Self::Lz4Frame => Some("the kernel takes only the legacy format of lz4; compress with lz4 -l"),
            _ => None,
        }
    }

    /// A decoder for what starts at the cursor. Sets `ended_by_mark` once the stream has shown its own end.
    pub(crate) fn decoder<'c, F: Fill>(
        self,
        cursor: &'c mut Cursor<F>,
        streams: Streams,
        limits: &Limits,
        ended_by_mark: &'c Cell<bool>,
    ) -> Result<Box<dyn Read + 'c>, Fault> {
        let memory = limits.max_window_bytes.saturating_add(LZMA_OVERHEAD_BYTES);
        let is_one = streams == Streams::One;
        ended_by_mark.set(self != Self::Lz4Legacy);
        Ok(match self {
            Self::Gzip if is_one => Box::new(flate2::bufread::GzDecoder::new(cursor)),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(cursor)),
            Self::Bzip2 if is_one => Box::new(bzip2::bufread::BzDecoder::new(cursor)),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(cursor)),
            Self::Lzma | Self::Xz => {
                let flags = if is_one { 0 } else { liblzma::stream::CONCATENATED };
                let stream = if self == Self::Xz {
                    liblzma::stream::Stream::new_stream_decoder(memory, flags)
                } else {
                    liblzma::stream::Stream::new_lzma_decoder(memory)
                };
                let stream = stream.map_err(|error| Fault::Corrupt(error.into()))?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(cursor, stream))
            }
            Self::Lzop => Box::new(lzop::Decoder::new(cursor)),
            Self::Lz4Legacy => Box::new(lz4::Legacy::new(cursor, ended_by_mark)),
            Self::Lz4Frame => Box::new(lz4::Frame::new(cursor, streams)),
            Self::Zstd => {
                let window = zstd_window(cursor.peek(HEAD_BYTES).map_err(Fault::Image)?).unwrap_or(0);
                if window > limits.max_window_bytes {
                    return Err(Fault::WindowTooLarge);
                }
                let decoder = zstd::stream::read::Decoder::with_buffer(cursor)
                    .and_then(|mut decoder| {
                        decoder.window_log_max(zstd_window_log(limits))?;
                        Ok(decoder)
                    })
                    .map_err(Fault::Corrupt)?;
                match streams {
                    Streams::One => Box::new(decoder.single_frame()),
                    Streams::All => Box::new(decoder),
                }
            }
        })
    }
}

/// How many streams a decoder reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    /// One, and no byte beyond it.
    One,
    /// All that follow one another, up to the end of the input.
    All,
}

/// Why a decoder gave no more bytes.
pub(crate) enum Fault {
    /// What it reads from said so.
    Image(ImageError),
    /// It needs more memory than [`Limits::max_window_bytes`].
    WindowTooLarge,
    /// Its input ended inside a stream.
    Truncated,
    /// It refuses the bytes.
    Corrupt(io::Error),
}

impl From<io::Error> for Fault {
    /// What an error of a decoder means.
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<ImageError>() {
            Ok(error) => return Self::Image(error),
            Err(error) => error,
        };
        let lzma = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<liblzma::stream::Error>());
        if lzma == Some(&liblzma::stream::Error::MemLimit) {
            return Self::WindowTooLarge;
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Corrupt(error),
        }
    }
}

/// Flags of a gzip header (RFC 1952, 2.3.1).
const GZIP_HEADER_CRC: u8 = 2;
const GZIP_EXTRA: u8 = 4;
const GZIP_COMMENT: u8 = 16;

/// The check with the largest number that the kernel takes, in byte 7 of an xz stream.
const XZ_CHECK_CRC32: u8 = 1;

/// The limit as libzstd takes it, a power of two; [`zstd_window`] has looked at the exact size.
fn zstd_window_log(limits: &Limits) -> u32 {
    let log = limits
        .max_window_bytes
        .checked_next_power_of_two()
        .map_or(31, u64::ilog2);
    log.clamp(10, 31)
}

/// The window a zstd frame asks for (RFC 8878, 3.1.1.1).
fn zstd_window(head: &[u8]) -> Option<u64> {
    let frame = head.strip_prefix(&ZSTD_MAGIC)?;
    let (descriptor, rest) = frame.split_first()?;
    if descriptor & 0x20 == 0 {
        let window = *rest.first()?;
        let base = 1_u64.checked_shl(u32::from(window >> 3).saturating_add(10))?;
        return Some(base.saturating_add((base >> 3).saturating_mul(u64::from(window & 7))));
    }
    // One segment: the window is the whole content.
    let dictionary_bytes = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
    let size = rest.get(dictionary_bytes..)?;
    Some(match descriptor >> 6 {
        0 => u64::from(*size.first()?),
        1 => u64::from(u16::from_le_bytes(*size.first_chunk()?)).saturating_add(256),
        2 => u64::from(u32::from_le_bytes(*size.first_chunk()?)),
        _ => u64::from_le_bytes(*size.first_chunk()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zstd_frame_says_how_large_its_window_is() {
        // Values from `zstd -lv` of frames made with zstd 1.5.4.
        let rows: [(&str, &[u8], u64); 3] = [
            ("--long=27", &[0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x88], 128 << 20),
            ("single segment of 6 bytes", &[0x28, 0xb5, 0x2f, 0xfd, 0x24, 6], 6),
            ("-3 of a stream", &[0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58], 2 << 20),
        ];
        for (why, head, window) in rows {
            assert_eq!(zstd_window(head), Some(window), "{why}");
        }
        assert_eq!(zstd_window(&[0x28, 0xb5, 0x2f, 0xfd]), None);
    }

    #[test]
    fn every_compression_has_one_row_with_its_own_magic() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(Compression::detect(row.magic), Some(row.compression));
            assert_eq!(row.compression.name(), row.name);
            for other in &TABLE[..index] {
                assert!(!row.magic.starts_with(other.magic) && !other.magic.starts_with(row.magic));
            }
        }
    }
}
