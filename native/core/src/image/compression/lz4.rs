//! The two formats of lz4, around LZ4 blocks.
//!
//! ```text
//! legacy   02 21 4c 18 │ size u32le │ block, unpacks to at most 8 MiB │ size │ block │ …
//!          no mark at the end: a size of 0, or fewer than 4 bytes left, end it; the magic may come again
//! frame    04 22 4d 18 │ flags │ blocks │ 00 00 00 00 │ checksum
//! ```
//!
//! Source: Linux, `lib/decompress_unlz4.c`.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use super::Streams;
use crate::image::cursor::{Cursor, Fill};

pub(super) const LEGACY_MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// What a legacy block unpacks to at most.
const BLOCK_BYTES: usize = 8 << 20;

/// What a legacy block has at most (`LZ4_compressBound`).
const PACKED_BYTES: u32 = (8 << 20) + (8 << 20) / 255 + 16;

/// Reads what `lz4 -l` writes.
pub(super) struct Legacy<'c, F> {
    cursor: &'c mut Cursor<F>,
    ended_by_mark: &'c Cell<bool>,
    packed: Vec<u8>,
    block: Vec<u8>,
    /// What of `block` is there, and what of it was read.
    len: usize,
    taken: usize,
}

impl<'c, F: Fill> Legacy<'c, F> {
    pub(super) fn new(cursor: &'c mut Cursor<F>, ended_by_mark: &'c Cell<bool>) -> Self {
        Self {
            cursor,
            ended_by_mark,
            packed: Vec::new(),
            block: Vec::new(),
            len: 0,
            taken: 0,
        }
    }

    /// Unpacks the next block; false at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        loop {
            let head = self.cursor.peek(4).map_err(io::Error::other)?;
            let Some(head) = head.first_chunk::<4>().copied() else {
                return Ok(false);
            };
            let size = u32::from_le_bytes(head);
            if size == 0 {
                self.ended_by_mark.set(true);
                return Ok(false);
            }
            self.cursor.advance(4);
            if head == LEGACY_MAGIC {
                continue;
            }
            if size > PACKED_BYTES {
                return Err(corrupt("a block is larger than the format allows"));
            }
            return self.unpack(size).map(|()| true);
        }
    }

    fn unpack(&mut self, size: u32) -> io::Result<()> {
        self.packed.clear();
        let found = Read::take(&mut *self.cursor, u64::from(size)).read_to_end(&mut self.packed)?;
        if u32::try_from(found) != Ok(size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if self.block.is_empty() {
            // Zeroed by the operating system, page by page as they are written: a tiny block costs little.
            self.block = vec![0; BLOCK_BYTES];
        }
        self.len = lz4_flex::block::decompress_into(&self.packed, &mut self.block)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.taken = 0;
        Ok(())
    }
}

impl<F: Fill> Read for Legacy<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken >= self.len {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let mut left = self.block.get(self.taken..self.len).unwrap_or_default();
        let read = left.read(buffer)?;
        self.taken = self.taken.saturating_add(read);
        Ok(read)
    }
}

/// Reads frames as `lz4` writes them.
pub(super) struct Frame<R: BufRead> {
    decoder: lz4_flex::frame::FrameDecoder<EndSeen<R>>,
    streams: Streams,
}

impl<R: BufRead> Frame<R> {
    pub(super) fn new(reader: R, streams: Streams) -> Self {
        Self {
            decoder: lz4_flex::frame::FrameDecoder::new(EndSeen { reader, end: false }),
            streams,
        }
    }
}

impl<R: BufRead> Read for Frame<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            // The decoder takes the end of its input where a block should be for the end of the frame.
            let input = self.decoder.get_mut();
            if input.end {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.streams == Streams::One || input.reader.fill_buf()?.is_empty() {
                return Ok(0);
            }
        }
    }
}

/// Remembers whether someone wanted more than there was.
struct EndSeen<R> {
    reader: R,
    end: bool,
}

impl<R: Read> Read for EndSeen<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.end |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

fn corrupt(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
