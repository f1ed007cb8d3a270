//! Two streams of one algorithm, hashed side by side.
//!
//! Each round of SHA-1 and SHA-256 needs the result of the one before it, so a single stream leaves the
//! processor's hash unit idle half of the time. A second, independent stream fills the gaps. Messages of
//! both algorithms are cut and padded alike (FIPS 180-4, 5.1.1):
//!
//! ```text
//! │ 64 bytes │ 64 bytes │ … │ rest │ 0x80 │ 0 … 0 │ length in bits, 8 bytes, big-endian │
//! ```

mod portable;

use crate::{Algorithm, Digest};

/// What a compression function takes at a time.
pub(crate) type Block = [u8; 64];

/// The chaining value; SHA-1 leaves the last three words alone.
pub(crate) type State = [u32; 8];

/// Compresses one stream.
type One = fn(&mut State, &[Block]);

/// Compresses two streams of the same number of blocks.
type Two = fn(&mut State, &[Block], &mut State, &[Block]);

/// Longest padding: one bit, up to 63 bytes of zeros, the length.
pub(crate) const MAX_PADDING: usize = 72;

/// An algorithm whose streams can be hashed two at a time.
#[derive(Clone, Copy)]
pub(crate) struct Lanes {
    algorithm: Algorithm,
    initial: State,
    one: One,
    two: Option<Two>,
}

/// One of the two streams.
pub(crate) trait Lane {
    /// The stream's state and the blocks that are ready. None if there is nothing to do for now.
    fn ready(&mut self) -> Option<(&mut State, &[Block])>;

    /// Takes note that the first `blocks` of the ready ones are in the state.
    fn advance(&mut self, blocks: usize);
}

impl Lanes {
    /// The fastest way of this machine; none for algorithms that are not hashed in lanes.
    pub(crate) fn detect(algorithm: Algorithm) -> Option<Self> {
        Self::portable(algorithm)
    }

    /// The way that every machine has: one stream after the other.
    pub(crate) fn portable(algorithm: Algorithm) -> Option<Self> {
        let (initial, one): (State, One) = match algorithm {
            Algorithm::Sha1 => (portable::SHA1_INITIAL, portable::sha1),
            Algorithm::Sha224 => (portable::SHA224_INITIAL, portable::sha256),
            Algorithm::Sha256 => (portable::SHA256_INITIAL, portable::sha256),
            _ => return None,
        };
        Some(Self {
            algorithm,
            initial,
            one,
            two: None,
        })
    }

    /// The state of a stream that has seen nothing.
    pub(crate) fn initial(&self) -> State {
        self.initial
    }

    /// Compresses what the lanes have ready. False if neither has anything.
    pub(crate) fn step(&self, left: &mut impl Lane, right: &mut impl Lane) -> bool {
        let (from_left, from_right) = match (left.ready(), right.ready()) {
            (Some((left_state, left)), Some((right_state, right))) => {
                let count = left.len().min(right.len());
                let left = left.get(..count).unwrap_or(left);
                let right = right.get(..count).unwrap_or(right);
                match self.two {
                    Some(two) => two(left_state, left, right_state, right),
                    None => {
                        (self.one)(left_state, left);
                        (self.one)(right_state, right);
                    }
                }
                (count, count)
            }
            (Some((state, blocks)), None) => {
                (self.one)(state, blocks);
                (blocks.len(), 0)
            }
            (None, Some((state, blocks))) => {
                (self.one)(state, blocks);
                (0, blocks.len())
            }
            (None, None) => return false,
        };
        left.advance(from_left);
        right.advance(from_right);
        true
    }

    /// The digest of a stream whose padding is in its state.
    pub(crate) fn digest(&self, state: &State) -> Digest {
        let mut bytes = [0; 32];
        for (to, word) in bytes.chunks_exact_mut(4).zip(state) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        Digest::truncated(self.algorithm, &bytes)
    }
}

/// What follows a message of `size_bytes`: it ends at the end of a block.
pub(crate) struct Padding {
    bytes: [u8; MAX_PADDING],
    len: usize,
}

impl Padding {
    pub(crate) fn new(size_bytes: u64) -> Self {
        let mut bytes = [0; MAX_PADDING];
        // 1 bit and 64 of length: nine bytes at least, then as many as fill the block.
        let len = match usize::try_from(size_bytes % 64).unwrap_or(0) {
            rest @ 0..=55 => 64_usize.saturating_sub(rest),
            rest => 128_usize.saturating_sub(rest),
        };
        if let Some(first) = bytes.first_mut() {
            *first = 0x80;
        }
        let length_at = len.saturating_sub(8);
        if let Some(length) = bytes.get_mut(length_at..len) {
            // The standards end at 2^64 bits; no file of 2^61 bytes will come.
            length.copy_from_slice(&size_bytes.wrapping_shl(3).to_be_bytes());
        }
        Self { bytes, len }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}
