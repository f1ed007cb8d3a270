//! The bytes of a file.

use super::Ext4;
use super::inode::Inode;
use super::map::Run;
use crate::image::disk::DiskError;
use crate::image::disk::number::{divide, index};

/// The bytes of a file, in order. What belongs to it is looked up at the first read, by the thread that reads.
pub(in crate::image::disk) struct Bytes<'f> {
    fs: &'f Ext4,
    inode: Inode,
    runs: Option<Vec<Run>>,
    /// The run that the next byte is in or before.
    next: usize,
    at: u64,
}

impl<'f> Bytes<'f> {
    pub(super) fn new(fs: &'f Ext4, inode: Inode) -> Self {
        Self {
            fs,
            inode,
            runs: None,
            next: 0,
            at: 0,
        }
    }

    /// Fills `buffer`, or as much of it as there are bytes left.
    pub(in crate::image::disk) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let left = index(self.inode.size_bytes.saturating_sub(self.at));
        let len = buffer.len().min(left);
        let mut rest = buffer.get_mut(..len).unwrap_or_default();
        if let Some(more) = &self.inode.inline_rest {
            return self.read_inline(more.clone(), rest);
        }
        if self.runs.is_none() && len > 0 {
            self.runs = Some(self.fs.runs(&self.inode)?);
        }
        while !rest.is_empty() {
            let (place, left) = self.place();
            let len = rest.len().min(index(left));
            let (now, later) = rest.split_at_mut_checked(len).unwrap_or_default();
            match place {
                Some(place) => self.fs.volume.read_at(place, now)?,
                None => now.fill(0),
            }
            self.at = self.at.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            rest = later;
        }
        Ok(len)
    }

    /// Where the next byte is, if it is not a zero of a hole, and how many follow it there.
    fn place(&mut self) -> (Option<u64>, u64) {
        let block_bytes = self.fs.superblock.block_bytes;
        let (block, inside) = divide(self.at, block_bytes);
        let runs = self.runs.as_deref().unwrap_or_default();
        while runs.get(self.next).is_some_and(|run| run.end() <= block) {
            self.next = self.next.saturating_add(1);
        }
        let bytes_to = |end: u64| {
            end.saturating_sub(block)
                .saturating_mul(block_bytes)
                .saturating_sub(inside)
        };
        match runs.get(self.next) {
            Some(run) if run.logical <= block => {
                let physical = run.physical.saturating_add(block.saturating_sub(run.logical));
                let place = physical.saturating_mul(block_bytes).saturating_add(inside);
                (Some(place), bytes_to(run.end()))
            }
            Some(run) => (None, bytes_to(run.logical)),
            None => (None, u64::MAX),
        }
    }

    /// A file of which all bytes are in the inode.
    fn read_inline(&mut self, more: Vec<u8>, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let all = [&self.inode.block[..], &more].concat();
        let start = index(self.at);
        let from = all.get(start..).and_then(|from| from.get(..buffer.len()));
        let Some(from) = from else {
            return Err(self
                .inode
                .corrupt("it is longer than the bytes that it keeps in itself"));
        };
        buffer.copy_from_slice(from);
        self.at = self
            .at
            .saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        Ok(buffer.len())
    }
}
