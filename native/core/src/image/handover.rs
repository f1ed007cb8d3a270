//! Bytes that one thread unpacks and another hashes.
//!
//! ```text
//! unpacking thread ──full chunks──► channel ──► content.read() on a hashing thread
//!                  ◄─empty chunks── channel ◄──
//! ```

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

use super::{Content, ImageError};

/// Bytes in one chunk.
const CHUNK_BYTES: usize = 256 << 10;

/// Full chunks that may wait in the channel.
const WAITING_CHUNKS: usize = 3;

/// A content that is all at hand.
pub(crate) fn whole<'s>(bytes: Vec<u8>) -> Content<'s> {
    Box::new(Whole { bytes, taken: 0 })
}

struct Whole {
    bytes: Vec<u8>,
    taken: usize,
}

impl ima_assay_digest::Content for Whole {
    type Error = ImageError;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        Ok(copy(&self.bytes, &mut self.taken, buffer))
    }
}

/// Moves what fits from `bytes`, of which `taken` are gone, into `buffer`.
fn copy(bytes: &[u8], taken: &mut usize, buffer: &mut [u8]) -> usize {
    let left = bytes.get(*taken..).unwrap_or_default();
    let len = left.len().min(buffer.len());
    if let (Some(to), Some(from)) = (buffer.get_mut(..len), left.get(..len)) {
        to.copy_from_slice(from);
    }
    *taken = taken.saturating_add(len);
    len
}

/// Makes streams, one at a time, and uses their chunks again.
pub(crate) struct Handover {
    spare: Receiver<Vec<u8>>,
    give_back: Sender<Vec<u8>>,
}

impl Handover {
    pub(crate) fn new() -> Self {
        let (give_back, spare) = mpsc::channel();
        Self { spare, give_back }
    }

    /// The two ends of a content of `size_bytes`, which must be fed to its last byte.
    pub(crate) fn stream<'s>(&self, size_bytes: u64) -> (Feeder<'_>, Content<'s>) {
        let (chunks, full) = mpsc::sync_channel(WAITING_CHUNKS);
        let feeder = Feeder {
            chunks,
            spare: &self.spare,
        };
        let stream = Stream {
            chunks: full,
            give_back: self.give_back.clone(),
            chunk: Vec::new(),
            taken: 0,
            left: size_bytes,
        };
        (feeder, Box::new(stream))
    }
}

/// The end that the unpacking thread holds. Dropped before the last byte, it turns the content into
/// [`ImageError::Stopped`], never into a shorter one.
pub(crate) struct Feeder<'h> {
    chunks: SyncSender<Vec<u8>>,
    spare: &'h Receiver<Vec<u8>>,
}

impl Feeder<'_> {
    /// An empty chunk to fill: at most `left` bytes.
    pub(crate) fn chunk(&self, left: u64) -> Vec<u8> {
        let mut chunk = self.spare.try_recv().unwrap_or_default();
        chunk.resize(
            usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES)),
            0,
        );
        chunk
    }

    /// Hands a chunk over. Blocks while the other end is behind. Where it has gone nobody wants the bytes: the
    /// archive goes on behind them all the same.
    pub(crate) fn send(&self, chunk: Vec<u8>) {
        let _ = self.chunks.send(chunk);
    }
}

/// The end that a hashing thread reads.
struct Stream {
    chunks: Receiver<Vec<u8>>,
    give_back: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    taken: usize,
    left: u64,
}

impl ima_assay_digest::Content for Stream {
    type Error = ImageError;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        while self.taken >= self.chunk.len() {
            let next = self.chunks.recv().map_err(|_| ImageError::Stopped)?;
            let empty = std::mem::replace(&mut self.chunk, next);
            self.taken = 0;
            if empty.capacity() > 0 {
                // Nobody may be left to use it again.
                let _ = self.give_back.send(empty);
            }
        }
        let len = copy(&self.chunk, &mut self.taken, buffer);
        self.left = self.left.saturating_sub(u64::try_from(len).unwrap_or(u64::MAX));
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn drain(mut content: Content<'_>) -> Result<Vec<u8>, ImageError> {
        let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
        loop {
            match content.read(&mut buffer)? {
                0 => return Ok(all),
                len => all.extend_from_slice(&buffer[..len]),
            }
        }
    }

    #[test]
    fn what_is_fed_is_read_and_chunks_come_back() {
        let handover = Handover::new();
        for _ in 0..2 {
            let size: u64 = 9 * (256 << 10) + 5;
            let (feeder, content) = handover.stream(size);
            let reader = thread::spawn(move || drain(content).unwrap());
            let mut expected = Vec::new();
            let mut left = size;
            while left > 0 {
                let mut chunk = feeder.chunk(left);
                chunk.fill(left.to_le_bytes()[2]);
                expected.extend_from_slice(&chunk);
                left -= u64::try_from(chunk.len()).unwrap();
                feeder.send(chunk);
            }
            assert_eq!(u64::try_from(expected.len()), Ok(size));
            assert!(reader.join().unwrap() == expected);
        }
        assert!(handover.spare.try_recv().is_ok());
    }

    #[test]
    fn a_stream_that_is_not_fed_to_its_end_is_an_error_and_not_a_short_file() {
        let handover = Handover::new();
        let (feeder, content) = handover.stream(10);
        feeder.send(vec![1; 9]);
        drop(feeder);
        assert!(matches!(drain(content), Err(ImageError::Stopped)));
    }

    #[test]
    fn nobody_waits_for_a_reader_that_has_gone() {
        let handover = Handover::new();
        let (feeder, content) = handover.stream(10);
        drop(content);
        for _ in 0..10 {
            feeder.send(vec![1; 10]);
        }
    }

    #[test]
    fn a_whole_content_is_read_in_pieces() {
        let bytes: Vec<u8> = (0..=255).cycle().take(2500).collect();
        assert_eq!(drain(whole(bytes.clone())).unwrap(), bytes);
        assert_eq!(drain(whole(Vec::new())).unwrap(), b"");
    }
}
