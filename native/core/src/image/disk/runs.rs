//! Bytes of a file that lies in runs of blocks.

use super::DiskError;
use super::number::{divide, index, len64};
use super::read_at::ReadAt;

/// Blocks that follow one another in the file and in the filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// The first, counted in the file.
    pub(super) logical: u64,
    /// The first, counted in the filesystem.
    pub(super) physical: u64,
    pub(super) blocks: u64,
}

impl Run {
    pub(super) fn end(&self) -> u64 {
        self.logical.saturating_add(self.blocks)
    }

    /// Whether another run goes on where this one ends.
    fn is_followed_by(&self, next: &Self) -> bool {
        self.end() == next.logical && self.physical.saturating_add(self.blocks) == next.physical
    }
}

/// Adds a run behind the others, as a part of the last one if it can be.
pub(super) fn push(runs: &mut Vec<Run>, next: Run) {
    match runs.last_mut() {
        Some(last) if last.is_followed_by(&next) => last.blocks = last.blocks.saturating_add(next.blocks),
        _ => runs.push(next),
    }
}

/// Reads the bytes of a file from its start on. What is in none of its runs is zeros.
pub(super) struct RunReader {
    block_bytes: u64,
    runs: Vec<Run>,
    /// The run that the next byte is in or before.
    next: usize,
    at: u64,
}

impl RunReader {
    /// `runs` are in the order of the file.
    pub(super) fn new(runs: Vec<Run>, block_bytes: u64) -> Self {
        Self {
            block_bytes,
            runs,
            next: 0,
            at: 0,
        }
    }

    /// Fills `buffer`; where the file ends, the caller knows.
    pub(super) fn read(&mut self, volume: &dyn ReadAt, buffer: &mut [u8]) -> Result<(), DiskError> {
        let mut rest = buffer;
        while !rest.is_empty() {
            let (place, left) = self.place();
            let len = rest.len().min(index(left));
            let (now, later) = rest.split_at_mut_checked(len).unwrap_or_default();
            match place {
                Some(place) => volume.read_at(place, now)?,
                None => now.fill(0),
            }
            self.at = self.at.saturating_add(len64(now));
            rest = later;
        }
        Ok(())
    }

    /// Where the next byte is, if it is not a zero of a hole, and how many follow it there.
    fn place(&mut self) -> (Option<u64>, u64) {
        let (block, inside) = divide(self.at, self.block_bytes);
        while self.runs.get(self.next).is_some_and(|run| run.end() <= block) {
            self.next = self.next.saturating_add(1);
        }
        let bytes_to = |end: u64| {
            end.saturating_sub(block)
                .saturating_mul(self.block_bytes)
                .saturating_sub(inside)
        };
        match self.runs.get(self.next) {
            Some(run) if run.logical <= block => {
                let physical = run.physical.saturating_add(block.saturating_sub(run.logical));
                let place = physical.saturating_mul(self.block_bytes).saturating_add(inside);
                (Some(place), bytes_to(run.end()))
            }
            Some(run) => (None, bytes_to(run.logical)),
            None => (None, u64::MAX),
        }
    }
}
