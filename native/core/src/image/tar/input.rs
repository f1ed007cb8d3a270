//! Reads the parts of a member. What is not there is an error that says where the member starts.

use super::error::TarError;
use super::header::{BLOCK_BYTES, Block};
use crate::image::ImageError;
use crate::image::cursor::{Cursor, Fill};

/// What an extended header has at most. Attributes stand there, so that it is much more than a name.
const MAX_EXTENDED_BYTES: u64 = 16 << 20;

/// Bytes from the end of data to the next block.
pub(super) fn padding(size: u64) -> u64 {
    size.wrapping_neg() & 511
}

/// The next block, or none at the end.
pub(super) fn read_block<F: Fill>(cursor: &mut Cursor<F>, offset: u64) -> Result<Option<Block>, ImageError> {
    let mut block = [0; BLOCK_BYTES];
    match cursor.read_full(&mut block)? {
        0 => Ok(None),
        BLOCK_BYTES => Ok(Some(block)),
        found => Err(truncated(offset, "header", BLOCK_BYTES.saturating_sub(found))),
    }
}

/// The data of an extended header. What is claimed is not allocated before it is there.
pub(super) fn read_extended<F: Fill>(
    cursor: &mut Cursor<F>,
    offset: u64,
    size: u64,
) -> Result<Vec<u8>, ImageError> {
    if size > MAX_EXTENDED_BYTES {
        return Err(TarError::ExtendedMalformed {
            offset,
            problem: "larger than any that programs write",
        }
        .into());
    }
    let (mut bytes, mut left) = (Vec::new(), usize::try_from(size).unwrap_or(0));
    while left > 0 {
        let step = left.min(64 << 10);
        let start = bytes.len();
        bytes.resize(start.saturating_add(step), 0);
        read(cursor, offset, bytes.get_mut(start..).unwrap_or_default(), "data")?;
        left = left.saturating_sub(step);
    }
    Ok(bytes)
}

pub(super) fn read<F: Fill>(
    cursor: &mut Cursor<F>,
    offset: u64,
    bytes: &mut [u8],
    part: &'static str,
) -> Result<(), ImageError> {
    let found = cursor.read_full(bytes)?;
    match bytes.len().saturating_sub(found) {
        0 => Ok(()),
        missing => Err(truncated(offset, part, missing)),
    }
}

pub(super) fn skip<F: Fill>(
    cursor: &mut Cursor<F>,
    offset: u64,
    len: u64,
    part: &'static str,
) -> Result<(), ImageError> {
    match len.saturating_sub(cursor.skip(len)?) {
        0 => Ok(()),
        missing => Err(TarError::Truncated {
            offset,
            part,
            missing,
        }
        .into()),
    }
}

fn truncated(offset: u64, part: &'static str, missing: usize) -> ImageError {
    let missing = u64::try_from(missing).unwrap_or(u64::MAX);
    TarError::Truncated {
        offset,
        part,
        missing,
    }
    .into()
}
