//! What metadata of version 5 says of itself: its checksum, its place, its owner and its filesystem.

use super::{Superblock, XfsError};
use crate::image::disk::DiskError;
use crate::image::disk::number::{be64, le32};

/// Where a kind of block says what it is, in bytes.
pub(super) struct Marks {
    /// The kind, as an error calls it.
    pub(super) what: &'static str,
    /// CRC-32C, the lowest byte first: the one number of XFS that is so.
    pub(super) checksum: usize,
    /// In sectors of 512 bytes.
    pub(super) place: usize,
    pub(super) uuid: usize,
    pub(super) owner: usize,
}

const SECTOR_BYTES: u64 = 512;

impl Marks {
    /// Checks a block that starts in `block` and belongs to the inode `owner`. Before version 5 none has marks.
    pub(super) fn check(
        &self,
        superblock: &Superblock,
        bytes: &[u8],
        block: u64,
        owner: u64,
    ) -> Result<(), DiskError> {
        if !superblock.has_checksums {
            return Ok(());
        }
        let sector = block.saturating_mul(superblock.block_bytes / SECTOR_BYTES);
        let uuid = bytes.get(self.uuid..).and_then(<[u8]>::first_chunk);
        let mark = if !is_right(bytes, self.checksum) {
            "checksum"
        } else if uuid != Some(&superblock.metadata_uuid) {
            "filesystem's id"
        } else if be64(bytes, self.place) != sector {
            "place"
        } else if be64(bytes, self.owner) != owner {
            "owner"
        } else {
            return Ok(());
        };
        let what = self.what;
        Err(XfsError::BlockDamaged { what, block, mark }.into())
    }
}

/// Whether the CRC-32C at `at` is that of all other bytes, with zeros in its own place.
pub(super) fn is_right(bytes: &[u8], at: usize) -> bool {
    let (before, rest) = bytes.split_at_checked(at).unwrap_or_default();
    let Some((_, behind)) = rest.split_at_checked(4) else {
        return false;
    };
    let found = crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]);
    crc32c::crc32c_append(found, behind) == le32(bytes, at)
}
