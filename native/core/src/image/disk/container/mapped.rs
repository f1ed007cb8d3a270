//! A disk whose bytes lie somewhere else, a run of them here and a run there.

use std::sync::Arc;

use super::super::DiskError;
use super::super::number::{index, len64};
use super::super::read_at::{ReadAt, check_range};

/// Where the bytes of a run are.
pub(in crate::image::disk) enum Mapping<'m> {
    Zeros,
    /// At the same place of the image below; zeros where there is none, or it ends before.
    Below,
    /// In a file, from this offset on.
    At(&'m dyn ReadAt, u64),
    /// In a cluster that was unpacked, from this offset on.
    Unpacked(Arc<[u8]>, u64),
}

/// A disk that knows where its bytes are.
pub(in crate::image::disk) trait Mapped: Send + Sync {
    /// How many there are.
    fn disk_bytes(&self) -> u64;

    /// Where the byte at `offset` is, and how many bytes from there on are together: one at least.
    ///
    /// # Errors
    /// What keeps that from being known.
    fn map(&self, offset: u64) -> Result<(Mapping<'_>, u64), DiskError>;

    /// The image that has what this one has not.
    fn below(&self) -> Option<&dyn ReadAt>;
}

impl<T: Mapped> ReadAt for T {
    fn size_bytes(&self) -> u64 {
        self.disk_bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        check_range(offset, buffer.len(), self.disk_bytes())?;
        let (mut offset, mut rest) = (offset, buffer);
        while !rest.is_empty() {
            let (mapping, left) = self.map(offset)?;
            let len = rest.len().min(index(left));
            let (now, later) = rest.split_at_mut_checked(len).unwrap_or_default();
            match mapping {
                Mapping::Zeros => now.fill(0),
                Mapping::Below => read_below(self.below(), offset, now)?,
                Mapping::At(file, at) => file.read_at(at, now)?,
                Mapping::Unpacked(cluster, at) => {
                    let from = cluster.get(index(at)..).and_then(|from| from.get(..now.len()));
                    now.copy_from_slice(from.ok_or(DiskError::BeyondEnd {
                        offset: at,
                        size: len64(&cluster),
                    })?);
                }
            }
            offset = offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            rest = later;
        }
        Ok(())
    }
}

fn read_below(below: Option<&dyn ReadAt>, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
    let there = below.map_or(0, |below| below.size_bytes().saturating_sub(offset));
    let there = buffer.len().min(index(there));
    let (from_below, beyond) = buffer.split_at_mut_checked(there).unwrap_or_default();
    beyond.fill(0);
    match below {
        Some(below) if !from_below.is_empty() => below.read_at(offset, from_below),
        _ => Ok(()),
    }
}
