//! Short messages that are all in memory, hashed at once: one alone, or two side by side.

use crate::lanes::{Block, Lanes, pad};
use crate::{Algorithm, Digest, hash};

/// Hashes messages of one algorithm without setting anything up for each.
///
/// For the digests of a measurement list: each message has two or three blocks, and there are millions.
#[derive(Clone)]
pub struct ShortHasher {
    algorithm: Algorithm,
    lanes: Option<Lanes>,
    /// Where messages are padded.
    rooms: [Room; 2],
}

/// The last, incomplete block of a message and its padding.
type Room = [Block; 2];

impl ShortHasher {
    /// The fastest way of this machine.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self::with(algorithm, Lanes::detect(algorithm))
    }

    fn with(algorithm: Algorithm, lanes: Option<Lanes>) -> Self {
        Self {
            algorithm,
            lanes,
            rooms: [[[0; 64]; 2]; 2],
        }
    }

    /// The algorithm of its digests.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest of `message`.
    #[must_use]
    pub fn hash(&mut self, message: &[u8]) -> Digest {
        let Some(lanes) = &self.lanes else {
            return hash(self.algorithm, message);
        };
        let [room, _] = &mut self.rooms;
        let mut state = lanes.initial();
        for blocks in padded(message, room) {
            if !blocks.is_empty() {
                lanes.one(&mut state, blocks);
            }
        }
        lanes.digest(&state)
    }

    /// The digests of `left` and of `right`, in less time than one after the other where the machine can.
    #[must_use]
    pub fn hash_two(&mut self, left: &[u8], right: &[u8]) -> [Digest; 2] {
        let Some(lanes) = &self.lanes else {
            return [hash(self.algorithm, left), hash(self.algorithm, right)];
        };
        let [left_room, right_room] = &mut self.rooms;
        let [mut left, mut left_end] = padded(left, left_room);
        let [mut right, mut right_end] = padded(right, right_room);
        let (mut left_state, mut right_state) = (lanes.initial(), lanes.initial());
        loop {
            advance(&mut left, &mut left_end);
            advance(&mut right, &mut right_end);
            let count = left.len().min(right.len());
            if count == 0 {
                break;
            }
            let (left_now, left_later) = left.split_at_checked(count).unwrap_or_default();
            let (right_now, right_later) = right.split_at_checked(count).unwrap_or_default();
            lanes.two(&mut left_state, left_now, &mut right_state, right_now);
            (left, right) = (left_later, right_later);
        }
        for (state, runs) in [
            (&mut left_state, [left, left_end]),
            (&mut right_state, [right, right_end]),
        ] {
            for blocks in runs {
                if !blocks.is_empty() {
                    lanes.one(state, blocks);
                }
            }
        }
        [lanes.digest(&left_state), lanes.digest(&right_state)]
    }
}

/// The whole blocks of a message, and its end with the padding.
fn padded<'m>(message: &'m [u8], room: &'m mut Room) -> [&'m [Block]; 2] {
    let (blocks, rest) = message.as_chunks();
    if let Some(start) = room.as_flattened_mut().get_mut(..rest.len()) {
        start.copy_from_slice(rest);
    }
    let count = pad(room, u64::try_from(message.len()).unwrap_or(u64::MAX));
    [blocks, room.get(..count).unwrap_or_default()]
}

/// Turns to the end of a message once what is before it is done.
fn advance<'m>(blocks: &mut &'m [Block], end: &mut &'m [Block]) {
    if blocks.is_empty() {
        *blocks = std::mem::take(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::noise;

    #[test]
    fn short_messages_of_any_lengths_have_the_digests_that_hash_gives() {
        let (left, right) = (noise(300, 3), noise(300, 4));
        for &algorithm in Algorithm::ALL {
            let portable = ShortHasher::with(algorithm, Lanes::portable(algorithm));
            for mut hasher in [ShortHasher::new(algorithm), portable] {
                assert_eq!(hasher.algorithm(), algorithm);
                let lengths = [0, 1, 40, 55, 56, 63, 64, 65, 119, 120, 128, 191, 192, 300];
                for left in lengths.map(|len| &left[..len]) {
                    assert_eq!(hasher.hash(left), hash(algorithm, left));
                    for right in lengths.map(|len| &right[..len]) {
                        let expected = [hash(algorithm, left), hash(algorithm, right)];
                        assert_eq!(hasher.hash_two(left, right), expected);
                    }
                }
            }
        }
    }
}
