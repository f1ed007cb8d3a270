//! Blocks, each packed by itself.

use std::io::Read;

use liblzma::stream::Stream;

/// Memory of a decoder of xz or lzma; blocks have up to 1 MiB, and so have their dictionaries.
const MAX_LZMA_BYTES: u64 = 32 << 20;

/// The window that a frame of zstd may ask for, as a power of two: more than any block has.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How blocks are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Lzma,
    Lzo,
    Xz,
    Lz4,
    Zstd,
}

impl Packing {
    /// The packing with this number in the superblock.
    pub(super) fn numbered(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Gzip,
            2 => Self::Lzma,
            3 => Self::Lzo,
            4 => Self::Xz,
            5 => Self::Lz4,
            6 => Self::Zstd,
            _ => return None,
        })
    }

    /// What a block unpacks to, if it does and that is at most `max_bytes`.
    pub(super) fn unpack(self, packed: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
        match self {
            Self::Gzip => read(flate2::bufread::ZlibDecoder::new(packed), max_bytes),
            Self::Lzma | Self::Xz => {
                let stream = if self == Self::Xz {
                    Stream::new_stream_decoder(MAX_LZMA_BYTES, 0)
                } else {
                    Stream::new_lzma_decoder(MAX_LZMA_BYTES)
                };
                read(
                    liblzma::bufread::XzDecoder::new_stream(packed, stream.ok()?),
                    max_bytes,
                )
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).ok()?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).ok()?;
                read(decoder, max_bytes)
            }
            Self::Lz4 => {
                let mut bytes = vec![0; max_bytes];
                let len = lz4_flex::block::decompress_into(packed, &mut bytes).ok()?;
                bytes.truncate(len);
                Some(bytes)
            }
            Self::Lzo => {
                let mut bytes = vec![0; max_bytes];
                let len = lzokay::decompress::decompress(packed, &mut bytes).ok()?;
                bytes.truncate(len);
                Some(bytes)
            }
        }
    }
}

/// All bytes, if they are not more than `max_bytes`.
fn read(decoder: impl Read, max_bytes: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max_bytes).ok()?.checked_add(1)?;
    decoder.take(limit).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= max_bytes).then_some(bytes)
}
