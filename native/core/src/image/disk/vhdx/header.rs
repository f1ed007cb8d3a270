//! The two headers of a VHDX, of which the one with the higher number counts; all numbers little-endian.
//!
//! ```text
//!       0 "vhdxfile"                          at 64 KiB and 128 KiB a header:
//!   0 "head"   4 CRC-32C over 4 KiB   8 sequence number u64   16 two ids that change with the file
//!  48 id of the log, 0 none          64 version of the log   66 version   68 bytes of the log   72 its offset u64
//! ```
//!
//! Source: Microsoft, [MS-VHDX] 2.2.2.

use super::FORMAT;
use crate::image::disk::DiskError;
use crate::image::disk::number::{le16, le32, le64};
use crate::image::disk::read_at::{ReadAt, read_vec};

pub(super) const MAGIC: &[u8] = b"vhdxfile";

const HEADERS_AT: [u64; 2] = [64 << 10, 128 << 10];
const HEADER_BYTES: usize = 4096;
const HEADER_MAGIC: &[u8] = b"head";

const VERSION: u16 = 1;
const LOG_VERSION: u16 = 0;

/// What a reader needs of the headers.
#[derive(Debug)]
pub(super) struct Header {
    /// Whether a log was not written back.
    pub(super) has_log: bool,
    sequence: u64,
}

impl Header {
    pub(super) fn read(file: &dyn ReadAt) -> Result<Self, DiskError> {
        let mut newest: Option<Self> = None;
        for at in HEADERS_AT {
            let bytes = read_vec(file, at, HEADER_BYTES)?;
            if !bytes.starts_with(HEADER_MAGIC) || !has_checksum(&bytes) {
                continue;
            }
            let sequence = le64(&bytes, 8);
            if newest.as_ref().is_some_and(|newest| newest.sequence > sequence) {
                continue;
            }
            if newest.as_ref().is_some_and(|newest| newest.sequence == sequence) {
                return Err(FORMAT.malformed(at, "both headers have the same number"));
            }
            newest = Some(Self::parse(&bytes, sequence)?);
        }
        newest.ok_or_else(|| FORMAT.checksum_wrong(64 << 10))
    }

    fn parse(bytes: &[u8], sequence: u64) -> Result<Self, DiskError> {
        if le16(bytes, 66) != VERSION || le16(bytes, 64) != LOG_VERSION {
            return Err(FORMAT.unsupported("a file of another version than 1"));
        }
        let log_id = bytes.get(48..64).unwrap_or_default();
        Ok(Self {
            has_log: log_id.iter().any(|&byte| byte != 0),
            sequence,
        })
    }
}

/// Whether the checksum at byte 4 of a structure is that of the whole, in which it is 0.
pub(super) fn has_checksum(bytes: &[u8]) -> bool {
    let (Some(before), Some(behind)) = (bytes.get(..4), bytes.get(8..)) else {
        return false;
    };
    let found = crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]);
    crc32c::crc32c_append(found, behind) == le32(bytes, 4)
}
