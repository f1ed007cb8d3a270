//! rpm's own store of its database: a table of slots, and blobs in blocks of 16 bytes.
//!
//! ```text
//! 0     "RpmP"   4 version 0   8 generation   12 number of slot pages, of 4096 bytes   16 next package
//! 32    slots of 16 bytes:  "Slot"   4 package, 0 where it is free   8 first block   12 number of blocks
//! blob  "BlbS"   4 package   8 generation   12 bytes; the header; zeros up to 12 bytes before the end of the blocks;
//!       0 Adler-32 of all before   4 bytes   8 "BlbE"
//! ```
//!
//! Numbers have 32 bits and are little endian. Source: rpm 4.18, `lib/backend/ndb/rpmpkg.c`.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::error::DatabaseError;

const SLOT_PAGE_BYTES: u64 = 4096;
const SLOT_BYTES: usize = 16;
const HEAD_BYTES: usize = 32;
const BLOCK_BYTES: u64 = 16;
const BLOB_HEAD_BYTES: usize = 16;
const BLOB_TAIL_BYTES: usize = 12;

/// Bytes of the table of slots: for a million packages.
const MAX_TABLE_BYTES: u64 = 16 << 20;

/// Blocks of a header.
const MAX_BLOCKS: u32 = 4 << 20;

/// Hands over each header.
///
/// # Errors
/// [`DatabaseError::Malformed`], [`DatabaseError::Io`], and what `take` says.
pub(super) fn each_header(
    file: &File,
    take: &mut dyn FnMut(&[u8]) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let malformed = |offset, problem| DatabaseError::Malformed { offset, problem };
    let mut head = [0; HEAD_BYTES];
    file.read_exact_at(&mut head, 0)?;
    if !head.starts_with(b"RpmP") {
        return Err(malformed(0, "no database of rpm"));
    }
    if number(&head, 4) != 0 {
        return Err(malformed(4, "a version that is not known"));
    }
    let table_bytes = u64::from(number(&head, 12)).saturating_mul(SLOT_PAGE_BYTES);
    if table_bytes == 0 || table_bytes > MAX_TABLE_BYTES {
        return Err(malformed(12, "a table of slots of no size that there is"));
    }
    let mut table = vec![0; usize::try_from(table_bytes).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut table, 0)?;
    // Blobs that overlap would be read again and again.
    let mut left = file.metadata()?.len();
    let slots = table.as_chunks::<SLOT_BYTES>().0;
    for slot in slots.iter().skip(HEAD_BYTES.div_euclid(SLOT_BYTES)) {
        if !slot.starts_with(b"Slot") {
            return Err(malformed(0, "a slot that is none"));
        }
        let (package, first, count) = (number(slot, 4), number(slot, 8), number(slot, 12));
        if package == 0 {
            continue;
        }
        let offset = u64::from(first).saturating_mul(BLOCK_BYTES);
        let len = u64::from(count).saturating_mul(BLOCK_BYTES);
        left = left
            .checked_sub(len)
            .filter(|_| count <= MAX_BLOCKS)
            .ok_or(malformed(offset, "packages that are larger than the file"))?;
        let mut blob = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut blob, offset)?;
        let header = header(&blob, package).map_err(|problem| malformed(offset, problem))?;
        take(header)?;
    }
    Ok(())
}

/// The header in the blocks of a package.
fn header(blob: &[u8], package: u32) -> Result<&[u8], &'static str> {
    let tail_at = blob.len().saturating_sub(BLOB_TAIL_BYTES);
    let (body, tail) = blob.split_at_checked(tail_at).unwrap_or_default();
    let len = number(body, 12);
    if !body.starts_with(b"BlbS") || tail.get(8..) != Some(b"BlbE") || number(tail, 4) != len {
        return Err("blocks that hold no package");
    }
    if number(body, 4) != package {
        return Err("blocks of another package than their slot says");
    }
    if adler2::adler32_slice(body) != number(tail, 0) {
        return Err("blocks whose checksum is wrong");
    }
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    body.get(BLOB_HEAD_BYTES..)
        .and_then(|rest| rest.get(..len))
        .ok_or("a header that is longer than its blocks")
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    u32::from_le_bytes(number.copied().unwrap_or_default())
}
