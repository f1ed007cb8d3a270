//! Parts of a file, one behind the other, as one text to be verified.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

/// Reads parts of a file.
pub(super) struct Ranges<'f> {
    file: &'f File,
    ranges: std::vec::IntoIter<Range<u64>>,
    now: Range<u64>,
}

impl<'f> Ranges<'f> {
    pub(super) fn new(file: &'f File, ranges: Vec<Range<u64>>) -> Self {
        Self {
            file,
            ranges: ranges.into_iter(),
            now: 0..0,
        }
    }
}

impl Read for Ranges<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            match self.ranges.next() {
                Some(next) => self.now = next,
                None => return Ok(0),
            }
        }
        let left = self.now.end.saturating_sub(self.now.start);
        let len = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..len).unwrap_or_default();
        let read = self.file.read_at(buffer, self.now.start)?;
        if read == 0 && len > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.now.start = self.now.start.saturating_add(u64::try_from(read).unwrap_or(left));
        Ok(read)
    }
}
