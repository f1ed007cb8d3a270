//! A filesystem as it is once its journal is replayed: some of its blocks are read from their copies.

use std::sync::Arc;

use super::journal::Copies;
use crate::image::disk::DiskError;
use crate::image::disk::number::{divide, index, len64};
use crate::image::disk::read_at::{ReadAt, check_range};

/// The mark that every block of the journal's own begins with.
const MAGIC: [u8; 4] = [0xc0, 0x3b, 0x39, 0x98];

/// Where the copy of a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copy {
    /// The block of the filesystem that the journal has it in.
    pub(super) place: u64,
    /// Whether its first four bytes were taken away because they are the journal's own mark.
    pub(super) is_escaped: bool,
}

/// A volume with some blocks replaced.
pub(super) struct Overlay {
    volume: Arc<dyn ReadAt>,
    block_bytes: u64,
    copies: Copies,
}

impl Overlay {
    pub(super) fn new(volume: Arc<dyn ReadAt>, block_bytes: u64, copies: Copies) -> Self {
        Self {
            volume,
            block_bytes,
            copies,
        }
    }

    /// Reads from a copy, `inside` bytes behind its start.
    fn read_copy(&self, copy: Copy, inside: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let place = copy.place.saturating_mul(self.block_bytes);
        self.volume.read_at(place.saturating_add(inside), buffer)?;
        if copy.is_escaped {
            let mark = MAGIC.into_iter().skip(index(inside));
            for (byte, mark) in buffer.iter_mut().zip(mark) {
                *byte = mark;
            }
        }
        Ok(())
    }
}

impl ReadAt for Overlay {
    fn size_bytes(&self) -> u64 {
        self.volume.size_bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        check_range(offset, buffer.len(), self.size_bytes())?;
        let (mut offset, mut rest) = (offset, buffer);
        while !rest.is_empty() {
            let (block, inside) = divide(offset, self.block_bytes);
            let next = self.copies.range(block..).next();
            let here = next
                .filter(|(number, _)| **number == block)
                .map(|(_, copy)| *copy);
            // Up to the end of the copy, or to the next one.
            let left = match (here, next) {
                (Some(_), _) => self.block_bytes.saturating_sub(inside),
                (None, Some((next, _))) => next.saturating_mul(self.block_bytes).saturating_sub(offset),
                (None, None) => u64::MAX,
            };
            let (now, later) = rest
                .split_at_mut_checked(rest.len().min(index(left)))
                .unwrap_or_default();
            match here {
                Some(copy) => self.read_copy(copy, inside, now)?,
                None => self.volume.read_at(offset, now)?,
            }
            offset = offset.saturating_add(len64(now));
            rest = later;
        }
        Ok(())
    }
}
