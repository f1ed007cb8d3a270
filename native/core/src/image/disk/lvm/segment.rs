//! The bytes of a logical volume.
//!
//! ```text
//! segments one behind the other; each one piece, or stripes of several in turns:
//!   piece 0: stripe 0, 3, 6 …      piece 1: stripe 1, 4, 7 …      piece 2: stripe 2, 5, 8 …
//! ```

use std::sync::Arc;

use crate::image::disk::DiskError;
use crate::image::disk::number::{divide, index, len64};
use crate::image::disk::read_at::{ReadAt, check_range};

/// Extents of a volume that lie together, or in turns on several physical volumes.
pub(super) struct Segment {
    /// Offset in the volume.
    pub(super) start: u64,
    pub(super) size_bytes: u64,
    /// Bytes before the turn of the next piece.
    pub(super) stripe_bytes: u64,
    pub(super) pieces: Vec<Arc<dyn ReadAt>>,
}

/// The segments of a volume, without gaps between them.
pub(super) struct Pieces {
    segments: Vec<Segment>,
    size_bytes: u64,
}

impl Pieces {
    /// Each segment starts where the one before it ends.
    pub(super) fn new(segments: Vec<Segment>) -> Self {
        let size_bytes = segments
            .last()
            .map_or(0, |last| last.start.saturating_add(last.size_bytes));
        Self { segments, size_bytes }
    }

    fn segment(&self, offset: u64) -> Option<&Segment> {
        let behind = self.segments.partition_point(|segment| segment.start <= offset);
        self.segments.get(behind.checked_sub(1)?)
    }
}

impl ReadAt for Pieces {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        check_range(offset, buffer.len(), self.size_bytes)?;
        let (mut offset, mut rest) = (offset, buffer);
        while !rest.is_empty() {
            let beyond = DiskError::BeyondEnd {
                offset,
                size: self.size_bytes,
            };
            let Some(segment) = self.segment(offset) else {
                return Err(beyond);
            };
            let (stripe, inside) = divide(offset.saturating_sub(segment.start), segment.stripe_bytes);
            let (row, column) = divide(stripe, u64::try_from(segment.pieces.len()).unwrap_or(u64::MAX));
            let piece = segment.pieces.get(index(column)).ok_or(beyond)?;
            let left = segment.stripe_bytes.saturating_sub(inside);
            let (now, later) = rest
                .split_at_mut_checked(rest.len().min(index(left)))
                .unwrap_or_default();
            piece.read_at(
                row.saturating_mul(segment.stripe_bytes).saturating_add(inside),
                now,
            )?;
            offset = offset.saturating_add(len64(now));
            rest = later;
        }
        Ok(())
    }
}
