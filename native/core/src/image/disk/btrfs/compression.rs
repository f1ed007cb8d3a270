//! The bytes of a compressed extent.
//!
//! ```text
//! zlib   one stream            zstd   one frame, with a window of 128 KiB at most
//! lzo    0 bytes of all u32, and segments: bytes u32, LZO1X of one sector. The number of bytes of a segment does
//!        not cross the end of a sector; what is left of it is skipped
//! ```
//!
//! A stream that ends before its extent does is of a file that ended there: the rest is zeros. Source: Linux,
//! `fs/btrfs/{zlib,lzo,zstd}.c`.

use std::io::Read as _;

use flate2::{Decompress, FlushDecompress, Status};

use crate::image::disk::number::{divide, index, le32, len64};

/// Bytes of a compressed extent, packed and unpacked (Linux, `BTRFS_MAX_COMPRESSED`).
pub(super) const MAX_BYTES: u64 = 128 << 10;
const ZSTD_WINDOW_LOG: u32 = 17;

/// How it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Zlib,
    Lzo,
    Zstd,
}

impl Compression {
    /// Unpacks an extent of `len` bytes; none if the stream is damaged.
    pub(super) fn unpack(self, packed: &[u8], len: u64, sector_bytes: u64) -> Option<Vec<u8>> {
        let mut plain = vec![0; index(len.min(MAX_BYTES))];
        match self {
            Self::Zlib => zlib(packed, &mut plain),
            Self::Lzo => lzo(packed, &mut plain, sector_bytes),
            Self::Zstd => zstd(packed, &mut plain),
        }
        .map(|()| plain)
    }
}

fn zlib(packed: &[u8], plain: &mut [u8]) -> Option<()> {
    let mut inflater = Decompress::new(true);
    let status = inflater.decompress(packed, plain, FlushDecompress::Finish).ok()?;
    let is_full = inflater.total_out() == len64(plain);
    (status == Status::StreamEnd || is_full).then_some(())
}

fn zstd(packed: &[u8], plain: &mut [u8]) -> Option<()> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)
        .ok()?
        .single_frame();
    decoder.window_log_max(ZSTD_WINDOW_LOG).ok()?;
    let mut rest = plain;
    while !rest.is_empty() {
        let len = decoder.read(rest).ok()?;
        if len == 0 {
            break;
        }
        rest = rest.split_at_mut_checked(len)?.1;
    }
    Some(())
}

fn lzo(packed: &[u8], plain: &mut [u8], sector_bytes: u64) -> Option<()> {
    let packed = packed.get(..index(le32(packed, 0)))?;
    let mut at = 4_usize;
    let mut rest = plain;
    while at < packed.len() && !rest.is_empty() {
        let left = sector_bytes.saturating_sub(divide(u64::try_from(at).ok()?, sector_bytes).1);
        if left < 4 {
            at = at.checked_add(index(left))?;
        }
        let start = at.checked_add(4)?;
        let end = start.checked_add(index(le32(packed, at)))?;
        let segment = packed.get(start..end).filter(|segment| !segment.is_empty())?;
        let room = rest.len().min(index(sector_bytes));
        let (now, later) = rest.split_at_mut_checked(room)?;
        let found = lzokay::decompress::decompress(segment, now).ok()?;
        // Only the last one may be shorter.
        if found < room && end < packed.len() {
            return None;
        }
        rest = later;
        at = end;
    }
    (at > 4).then_some(())
}
