//! Packed clusters.
//!
//! ```text
//! LZ4       a block                      MicroLZMA  the complement of the properties' byte, then LZMA without its first byte
//! DEFLATE   a stream without a header    Zstandard  a frame
//! plain     the bytes, or interlaced: they begin where they would in a block of the file, and go on at its start
//! ```
//!
//! All but plain ones stand at the end of their blocks, behind zeros; LZ4 of the first versions stands at the start.
//! Source: Linux, `fs/erofs/decompressor*.c`; XZ Utils, `lzma_microlzma_decoder`.

use std::io::Read as _;

use flate2::{Decompress, FlushDecompress, Status};
use liblzma::stream::{Action, Status as LzmaStatus, Stream};

use super::lz4;
use crate::image::disk::number::{index, len64};

/// The most bytes that a packed cluster has, and that it unpacks to.
pub(super) const MAX_PACKED_BYTES: u64 = 1 << 20;
pub(super) const MAX_BYTES: u64 = 12 << 20;

/// Memory of a decoder of LZMA, whose dictionary need not be larger than what is unpacked.
const MAX_LZMA_BYTES: u64 = 32 << 20;
const MIN_DICTIONARY_BYTES: u32 = 4096;

/// The window that a frame of zstd may ask for, as a power of two.
const ZSTD_WINDOW_LOG: u32 = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Lz4,
    Lzma,
    Deflate,
    Zstd,
}

/// How a cluster is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    /// The first bytes are the last ones of a block: so many of them.
    Interlaced(u64),
    /// `is_whole` if all of what it unpacks to is wanted, and not only its start.
    Packed {
        algorithm: Algorithm,
        is_whole: bool,
    },
}

impl Algorithm {
    pub(super) fn numbered(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Lz4,
            1 => Self::Lzma,
            2 => Self::Deflate,
            3 => Self::Zstd,
            _ => return None,
        })
    }
}

impl Packing {
    /// The `len` bytes, at most [`MAX_BYTES`], that a cluster unpacks to; none if it does not.
    pub(super) fn unpack(self, packed: Vec<u8>, len: u64, has_zero_padding: bool) -> Option<Vec<u8>> {
        let len = index(len);
        match self {
            Self::Plain => {
                let mut bytes = packed;
                (len <= bytes.len()).then(|| bytes.truncate(len))?;
                Some(bytes)
            }
            Self::Interlaced(first) => {
                let start = packed.len().checked_sub(index(first))?;
                let (rest, first) = packed.split_at_checked(start)?;
                let first = first.get(..len.min(first.len()))?;
                let rest = rest.get(..len.checked_sub(first.len())?)?;
                Some([first, rest].concat())
            }
            Self::Packed { algorithm, is_whole } => {
                if algorithm == Algorithm::Lz4 && !has_zero_padding {
                    return lz4::start(&packed, len);
                }
                let zeros = packed.iter().take_while(|&&byte| byte == 0).count();
                let packed = packed.get(zeros..).filter(|packed| !packed.is_empty())?;
                match algorithm {
                    Algorithm::Lz4 if is_whole => {
                        let mut bytes = vec![0; len];
                        let found = lz4_flex::block::decompress_into(packed, &mut bytes).ok()?;
                        (found == len).then_some(bytes)
                    }
                    Algorithm::Lz4 => lz4::start(packed, len),
                    Algorithm::Lzma => lzma(packed, len, is_whole),
                    Algorithm::Deflate => deflate(packed, len, is_whole),
                    Algorithm::Zstd => zstd(packed, len, is_whole),
                }
            }
        }
    }
}

/// Says what the header of a `.lzma` file would: a size that is to be met, or that the end is not known.
fn lzma(packed: &[u8], len: usize, is_whole: bool) -> Option<Vec<u8>> {
    let (&properties, rest) = packed.split_first()?;
    let dictionary = u32::try_from(len).ok()?.max(MIN_DICTIONARY_BYTES);
    let size = if is_whole {
        u64::try_from(len).ok()?
    } else {
        u64::MAX
    };
    let mut file = vec![!properties];
    file.extend(dictionary.to_le_bytes());
    file.extend(size.to_le_bytes());
    file.push(0);
    file.extend(rest);
    let mut stream = Stream::new_lzma_decoder(MAX_LZMA_BYTES).ok()?;
    // A byte more than is wanted, so that the decoder can come to the end.
    let mut bytes = vec![0; if is_whole { len.checked_add(1)? } else { len }];
    let status = stream.process(&file, &mut bytes, Action::Finish).ok()?;
    bytes.truncate(len);
    let is_ended = !is_whole || status == LzmaStatus::StreamEnd;
    (is_ended && stream.total_out() == len64(&bytes)).then_some(bytes)
}

fn deflate(packed: &[u8], len: usize, is_whole: bool) -> Option<Vec<u8>> {
    let mut stream = Decompress::new(false);
    let mut bytes = vec![0; len];
    let status = stream
        .decompress(packed, &mut bytes, FlushDecompress::Finish)
        .ok()?;
    let is_ended = !is_whole || status == Status::StreamEnd;
    (is_ended && stream.total_out() == len64(&bytes)).then_some(bytes)
}

fn zstd(packed: &[u8], len: usize, is_whole: bool) -> Option<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).ok()?;
    decoder.window_log_max(ZSTD_WINDOW_LOG).ok()?;
    let wanted = u64::try_from(len).ok()?;
    let limit = if is_whole { wanted.checked_add(1)? } else { wanted };
    let mut bytes = Vec::with_capacity(len);
    decoder.take(limit).read_to_end(&mut bytes).ok()?;
    (bytes.len() == len).then_some(bytes)
}
