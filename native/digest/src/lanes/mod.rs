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
#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "the SHA instructions of x86 are reached through pointers and a feature check"
)]
mod sha_ni;
#[cfg(test)]
mod tests;

use crate::{Algorithm, Digest, MAX_LEN};

/// What a compression function takes at a time.
pub(crate) type Block = [u8; 64];

/// The chaining value; SHA-1 leaves the last three words alone.
pub(crate) type State = [u32; 8];

/// Compresses one stream.
type One = fn(&mut State, &[Block]);

/// Compresses two streams of the same number of blocks.
type Two = fn(&mut State, &[Block], &mut State, &[Block]);

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
        #[cfg(target_arch = "x86_64")]
        let two = sha_ni::detect(algorithm);
        #[cfg(not(target_arch = "x86_64"))]
        let two = None;
        Some(Self {
            two,
            ..Self::portable(algorithm)?
        })
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

    /// Compresses the blocks of one stream.
    pub(crate) fn one(&self, state: &mut State, blocks: &[Block]) {
        (self.one)(state, blocks);
    }

    /// Compresses the blocks of two streams, of each the same number.
    pub(crate) fn two(
        &self,
        left_state: &mut State,
        left: &[Block],
        right_state: &mut State,
        right: &[Block],
    ) {
        match self.two {
            Some(two) => two(left_state, left, right_state, right),
            None => {
                (self.one)(left_state, left);
                (self.one)(right_state, right);
            }
        }
    }

    /// Compresses what the lanes have ready. False if neither has anything.
    pub(crate) fn step(&self, left: &mut impl Lane, right: &mut impl Lane) -> bool {
        let (from_left, from_right) = match (left.ready(), right.ready()) {
            (Some((left_state, left)), Some((right_state, right))) => {
                let count = left.len().min(right.len());
                let left = left.get(..count).unwrap_or(left);
                let right = right.get(..count).unwrap_or(right);
                self.two(left_state, left, right_state, right);
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
        let mut bytes = [0; MAX_LEN];
        for (to, word) in bytes.chunks_exact_mut(4).zip(state) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        // SHA-1 has left the words behind its digest alone: they are zero. SHA-224 has not.
        if let (Algorithm::Sha224, Some(rest)) = (self.algorithm, bytes.get_mut(self.algorithm.len()..)) {
            rest.fill(0);
        }
        Digest::from_padded(self.algorithm, bytes)
    }
}

/// Ends a message of `size_bytes` whose last, incomplete block stands at the start of `room`.
///
/// Returns how many blocks of `room` are the end of the message: 1 or 2.
pub(crate) fn pad(room: &mut [Block; 2], size_bytes: u64) -> usize {
    let rest = usize::try_from(size_bytes % 64).unwrap_or(0);
    // The standards end at 2^64 bits; no file of 2^61 bytes will come.
    let bits = size_bytes.wrapping_mul(8).to_be_bytes();
    if let Some((one_bit, zeros)) = room
        .as_flattened_mut()
        .get_mut(rest..)
        .and_then(<[u8]>::split_first_mut)
    {
        *one_bit = 0x80;
        zeros.fill(0);
    }
    let [first, second] = room;
    let (end, count) = if rest < 56 { (first, 1) } else { (second, 2) };
    if let Some(length) = end.last_chunk_mut() {
        *length = bits;
    }
    count
}
