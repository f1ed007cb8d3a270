//! Whether the log still holds what is not where it belongs.
//!
//! ```text
//! the log is a ring of sectors; each begins with the number of the round it was written in, record headers with
//! 0xfeedbabe and then the round, so that the round falls by one where the writer will go on: at the head
//!
//! header of a record   0 0xfeedbabe   8 version   12 length   40 number of operations   320 size of a log buffer
//! operation            0 transaction  4 length     8 client u8    9 flags u8
//! ```
//!
//! What was unmounted ends with a record of one operation that says so. All else has to be replayed, even if it were
//! little. Source: Linux, `fs/xfs/xfs_log_recover.c`.

use super::XfsError;
use super::superblock::Superblock;
use crate::image::disk::DiskError;
use crate::image::disk::number::{be32, byte, divide, index};
use crate::image::disk::read_at::{ReadAt, read_vec};

const SECTOR_BYTES: u64 = 512;
const RECORD_MAGIC: u32 = 0xfeed_babe;
const IS_UNMOUNT: u8 = 0x20;
/// Bytes of a record that one sector of header describes.
const BYTES_PER_HEADER: u32 = 32 << 10;
/// Sectors of the longest record: 256 KiB, and a header for each 32 KiB of them.
const MAX_RECORD_SECTORS: u64 = 512 + 8;

/// The log of a filesystem.
struct Log<'v> {
    volume: &'v dyn ReadAt,
    start: u64,
    sectors: u64,
}

/// Refuses a log that has to be replayed.
///
/// # Errors
/// [`XfsError::LogDirty`].
pub(super) fn refuse_dirty(volume: &dyn ReadAt, superblock: &Superblock) -> Result<(), DiskError> {
    let (first, blocks) = superblock.log;
    let log = Log {
        volume,
        start: first.saturating_mul(superblock.block_bytes),
        sectors: blocks.saturating_mul(superblock.block_bytes / SECTOR_BYTES),
    };
    if log.is_clean()? {
        Ok(())
    } else {
        Err(XfsError::LogDirty.into())
    }
}

impl Log<'_> {
    fn sector(&self, number: u64) -> Result<Vec<u8>, DiskError> {
        let offset = self.start.saturating_add(number.saturating_mul(SECTOR_BYTES));
        read_vec(self.volume, offset, index(SECTOR_BYTES))
    }

    /// The round a sector was written in.
    fn round(&self, number: u64) -> Result<u32, DiskError> {
        let sector = self.sector(number)?;
        let first = be32(&sector, 0);
        Ok(if first == RECORD_MAGIC {
            be32(&sector, 4)
        } else {
            first
        })
    }

    fn is_clean(&self) -> Result<bool, DiskError> {
        let (first, last) = (self.round(0)?, self.round(self.sectors.saturating_sub(1))?);
        // Nothing was ever written to it.
        if first == 0 {
            return Ok(true);
        }
        let head = if first == last {
            0
        } else {
            self.first_of_round(last)?
        };
        let Some(last) = self.record_before(head)? else {
            return Ok(false);
        };
        if last.end == head {
            return Ok(last.is_unmount);
        }
        // The writer was stopped within a record, which then never was: the one before it is the last.
        let before = self.record_before(last.start)?;
        Ok(before.is_some_and(|before| before.end == last.start && before.is_unmount))
    }

    /// The first sector of the round that the last one is of: all before are of another.
    fn first_of_round(&self, round: u32) -> Result<u64, DiskError> {
        let (mut other, mut found) = (0, self.sectors.saturating_sub(1));
        while found.saturating_sub(other) > 1 {
            let middle = other.midpoint(found);
            if self.round(middle)? == round {
                found = middle;
            } else {
                other = middle;
            }
        }
        Ok(found)
    }

    /// The last record that starts before a sector.
    fn record_before(&self, head: u64) -> Result<Option<Record>, DiskError> {
        let from = head.saturating_add(self.sectors);
        for back in 1..=MAX_RECORD_SECTORS.min(self.sectors) {
            let start = self.wrap(from.saturating_sub(back));
            let header = self.sector(start)?;
            if be32(&header, 0) != RECORD_MAGIC {
                continue;
            }
            let (len, size) = (be32(&header, 12), be32(&header, 320));
            let headers = match be32(&header, 8) & 2 {
                0 => 1,
                _ => u64::from(size.div_ceil(BYTES_PER_HEADER).max(1)),
            };
            let body = start.saturating_add(headers);
            let operation = self.sector(self.wrap(body))?;
            return Ok(Some(Record {
                start,
                end: self.wrap(body.saturating_add(u64::from(len).div_ceil(SECTOR_BYTES))),
                is_unmount: be32(&header, 40) == 1 && byte(&operation, 9) & IS_UNMOUNT != 0,
            }));
        }
        Ok(None)
    }

    fn wrap(&self, sector: u64) -> u64 {
        divide(sector, self.sectors).1
    }
}

/// A record of the log.
struct Record {
    start: u64,
    /// The sector behind it.
    end: u64,
    is_unmount: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::disk::read_at::check_range;

    const SECTORS: u64 = 64;

    struct Ring(Vec<u8>);

    impl ReadAt for Ring {
        fn size_bytes(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
            check_range(offset, buffer.len(), self.size_bytes())?;
            buffer.copy_from_slice(&self.0[offset as usize..][..buffer.len()]);
            Ok(())
        }
    }

    impl Ring {
        /// A ring whose writer has come to `head` in the third round.
        fn new(head: u64) -> Self {
            let mut ring = Self(vec![0; (SECTORS * SECTOR_BYTES) as usize]);
            for sector in 0..SECTORS {
                let round: u32 = if sector < head { 3 } else { 2 };
                ring.put(sector, 0, &round.to_be_bytes());
            }
            ring
        }

        fn put(&mut self, sector: u64, at: usize, bytes: &[u8]) {
            let at = (sector % SECTORS * SECTOR_BYTES) as usize + at;
            self.0[at..at + bytes.len()].copy_from_slice(bytes);
        }

        /// A record with its header in `sector`.
        fn record(&mut self, sector: u64, sectors: u32, flags: u8) {
            let round = be32(&self.0, (sector % SECTORS * SECTOR_BYTES) as usize);
            self.put(sector, 0, &RECORD_MAGIC.to_be_bytes());
            self.put(sector, 4, &round.to_be_bytes());
            self.put(sector, 8, &2_u32.to_be_bytes());
            self.put(sector, 12, &(sectors * 512).to_be_bytes());
            self.put(sector, 40, &1_u32.to_be_bytes());
            self.put(sector, 320, &(32_u32 << 10).to_be_bytes());
            self.put(sector + 1, 9, &[flags]);
        }

        fn is_clean(&self) -> bool {
            let log = Log {
                volume: self,
                start: 0,
                sectors: SECTORS,
            };
            log.is_clean().unwrap()
        }
    }

    #[test]
    fn only_a_record_of_the_unmount_at_the_head_makes_it_clean() {
        for head in 0..SECTORS {
            for sectors in [1, 2, 5] {
                let start = head + SECTORS - u64::from(sectors) - 1;
                let with = |sectors, flags| {
                    let mut ring = Ring::new(head);
                    ring.record(start, sectors, flags);
                    ring
                };
                assert!(
                    with(sectors, IS_UNMOUNT).is_clean(),
                    "head {head}, {sectors} sectors"
                );
                assert!(
                    !with(sectors, 0).is_clean(),
                    "head {head}: a record of something else"
                );
                assert!(
                    !with(sectors + 1, IS_UNMOUNT).is_clean(),
                    "head {head}: a record cut short"
                );
                assert!(!Ring::new(head).is_clean(), "head {head}: no record");
                let mut two = with(sectors, IS_UNMOUNT);
                two.put(start, 40, &2_u32.to_be_bytes());
                assert!(!two.is_clean(), "head {head}: more than the unmount");
            }
        }
    }
}
