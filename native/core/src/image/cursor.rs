//! Reads bytes in order and knows how many it has taken.

use std::io::{self, BufRead, Read};

use super::ImageError;

/// Where a [`Cursor`] gets its bytes from.
pub(crate) trait Fill {
    /// Puts the next bytes into `buffer`; 0 only at the end, and from then on.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being read.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError>;

    /// Leaves out up to `len` of the next bytes without reading them, and says how many: none, where bytes have to be
    /// read to be passed.
    fn pass(&mut self, len: u64) -> u64 {
        let _ = len;
        0
    }
}

/// A buffered reader with an offset. As a [`BufRead`] it hands its buffer to decoders, which take from it
/// exactly what belongs to their stream.
pub(crate) struct Cursor<F> {
    source: F,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    offset: u64,
}

impl<F: Fill> Cursor<F> {
    /// A cursor at offset 0 that reads ahead by at most `capacity` bytes.
    pub(crate) fn new(source: F, capacity: usize) -> Self {
        Self {
            source,
            buffer: vec![0; capacity].into_boxed_slice(),
            start: 0,
            end: 0,
            offset: 0,
        }
    }

    /// Bytes taken so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The next `len` bytes without taking them; fewer only at the end. `len` is at most the capacity.
    pub(crate) fn peek(&mut self, len: usize) -> Result<&[u8], ImageError> {
        while self.buffered().len() < len {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end = self.end.saturating_sub(self.start);
                self.start = 0;
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            let filled = self.source.fill(room)?;
            if filled == 0 {
                break;
            }
            self.end = self.end.saturating_add(filled);
        }
        let len = len.min(self.buffered().len());
        Ok(self.buffered().get(..len).unwrap_or_default())
    }

    /// Takes `len` bytes that were peeked at.
    pub(crate) fn advance(&mut self, len: usize) {
        let len = len.min(self.buffered().len());
        self.start = self.start.saturating_add(len);
        self.count(len);
    }

    /// What the bytes came from.
    pub(crate) fn into_source(self) -> F {
        self.source
    }

    fn count(&mut self, len: usize) {
        self.offset = self.offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    }

    /// Fills `buffer`; less only at the end. What is not buffered yet goes there without a copy.
    pub(crate) fn read_full(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        let mut done = 0_usize;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let taken = if self.buffered().is_empty() && rest.len() >= self.buffer.len() {
                let filled = self.source.fill(rest)?;
                self.count(filled);
                filled
            } else {
                let from = self.fill_some()?;
                let available = from.len().min(rest.len());
                if let (Some(to), Some(from)) = (rest.get_mut(..available), from.get(..available)) {
                    to.copy_from_slice(from);
                }
                self.advance(available);
                available
            };
            if taken == 0 {
                break;
            }
            done = done.saturating_add(taken);
        }
        Ok(done)
    }

    /// Takes `len` bytes without looking at them, and says how many there were.
    pub(crate) fn skip(&mut self, len: u64) -> Result<u64, ImageError> {
        let mut left = len;
        while left > 0 {
            if self.buffered().is_empty() {
                let passed = self.source.pass(left);
                self.offset = self.offset.saturating_add(passed);
                left = left.saturating_sub(passed);
                if left == 0 {
                    break;
                }
            }
            let available = self.fill_some()?.len();
            let step = usize::try_from(left).map_or(available, |left| left.min(available));
            if step == 0 {
                break;
            }
            self.advance(step);
            left = left.saturating_sub(u64::try_from(step).unwrap_or(u64::MAX));
        }
        Ok(len.saturating_sub(left))
    }

    /// Takes NUL bytes up to the first other byte, and gives that byte without taking it.
    pub(crate) fn skip_zeros(&mut self) -> Result<Option<u8>, ImageError> {
        loop {
            let buffered = self.fill_some()?;
            let zeros = buffered.iter().take_while(|byte| **byte == 0).count();
            let next = buffered.get(zeros).copied();
            let ended = buffered.is_empty();
            self.advance(zeros);
            if ended || next.is_some() {
                return Ok(next);
            }
        }
    }

    /// What is buffered, at least one byte unless at the end.
    fn fill_some(&mut self) -> Result<&[u8], ImageError> {
        self.peek(1)?;
        Ok(self.buffered())
    }
}

impl<F: Fill> Read for Cursor<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let buffered = self.fill_buf()?;
        let len = buffered.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), buffered.get(..len)) {
            to.copy_from_slice(from);
        }
        self.advance(len);
        Ok(len)
    }
}

/// An [`ImageError`] of the source travels through a decoder as the inner error of an [`io::Error`].
impl<F: Fill> BufRead for Cursor<F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill_some().map_err(io::Error::other)
    }

    fn consume(&mut self, len: usize) {
        self.advance(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Dribble<'a>(&'a [u8], usize);

    impl Fill for Dribble<'_> {
        fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
            let len = self.1.min(buffer.len()).min(self.0.len());
            buffer[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    #[test]
    fn however_the_source_cuts_its_bytes_the_cursor_gives_the_same() {
        let bytes: Vec<u8> = (0..=255).collect();
        for step in [1, 3, 7, 64, 1000] {
            for capacity in [8, 16, 100] {
                let mut cursor = Cursor::new(Dribble(&bytes, step), capacity);
                assert_eq!(cursor.peek(5).unwrap(), &bytes[..5]);
                assert_eq!(cursor.skip(3).unwrap(), 3);
                assert_eq!(cursor.peek(8).unwrap(), &bytes[3..11]);
                let mut read = [0; 150];
                assert_eq!(cursor.read_full(&mut read).unwrap(), 150);
                assert_eq!(read, bytes[3..153]);
                assert_eq!(cursor.offset(), 153);
                let mut rest = Vec::new();
                cursor.read_to_end(&mut rest).unwrap();
                assert_eq!(rest, &bytes[153..]);
                assert_eq!(cursor.skip(1).unwrap(), 0);
                assert_eq!(cursor.peek(1).unwrap(), b"");
                assert_eq!(cursor.read_full(&mut read).unwrap(), 0);
                assert_eq!(cursor.offset(), 256);
            }
        }
    }

    /// Passes over bytes, a few at a time.
    struct Passing<'a>(Dribble<'a>);

    impl Fill for Passing<'_> {
        fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
            self.0.fill(buffer)
        }

        fn pass(&mut self, len: u64) -> u64 {
            let len = usize::try_from(len).unwrap().min(self.0.1).min(self.0.0.len());
            self.0.0 = &self.0.0[len..];
            u64::try_from(len).unwrap()
        }
    }

    #[test]
    fn what_a_source_can_pass_over_is_counted_as_if_it_were_read() {
        let bytes: Vec<u8> = (0..=255).collect();
        for step in [1, 7, 1000] {
            let mut cursor = Cursor::new(Passing(Dribble(&bytes, step)), 16);
            assert_eq!(cursor.peek(3).unwrap(), &bytes[..3]);
            assert_eq!(cursor.skip(100).unwrap(), 100);
            assert_eq!(cursor.peek(2).unwrap(), &bytes[100..102]);
            assert_eq!(cursor.offset(), 100);
            assert_eq!(cursor.skip(1000).unwrap(), 156);
            assert_eq!(cursor.offset(), 256);
        }
    }

    #[test]
    fn zeros_are_skipped_up_to_the_next_byte_or_the_end() {
        let mut cursor = Cursor::new(Dribble(b"\0\0\0\0\0x\0", 2), 8);
        assert_eq!(cursor.skip_zeros().unwrap(), Some(b'x'));
        assert_eq!(cursor.offset(), 5);
        cursor.advance(1);
        assert_eq!(cursor.skip_zeros().unwrap(), None);
        assert_eq!(cursor.offset(), 7);
    }
}
