//! The one PCR value that a Keylime verifier keeps: PCR 10 of the bank that was quoted, from what it can read.

use ima_assay_digest::{Algorithm, Digest, Hasher, MAX_LEN, ShortHasher};

/// What the value should become.
#[derive(Debug, Clone)]
pub(crate) enum Goal {
    /// This value.
    Value(Digest),
    /// One that, between the values of other PCRs, has this digest.
    Quoted {
        before: Vec<u8>,
        after: Vec<u8>,
        digest: Digest,
    },
}

/// What one entry adds.
pub(super) enum Contribution<'a> {
    /// The hash of these bytes.
    Of(&'a [u8]),
    /// Ones.
    Violation,
}

/// Extends and compares. As in [`crate::measurement::Replay`] extensions lag by one entry, so that each can be
/// hashed side by side with the bytes of the next. As long as Keylime reads every entry as we do, the value is that
/// of the replay and taken from there.
pub(super) struct Running {
    /// Whether the value is still that of the replay.
    follows: bool,
    hasher: ShortHasher,
    len: usize,
    goal: Goal,
    /// The value, and behind it what is extended next.
    room: [u8; 2 * MAX_LEN],
    is_pending: bool,
    is_found: bool,
    /// Whether a contribution was not known, after which the value is not known any more.
    is_lost: bool,
}

impl Running {
    pub(super) fn new(bank: Algorithm, goal: Goal, start: Option<&Digest>) -> Self {
        let mut room = [0; 2 * MAX_LEN];
        if let Some(start) = start {
            room.iter_mut()
                .zip(start.bytes())
                .for_each(|(to, from)| *to = *from);
        }
        let mut running = Self {
            follows: true,
            hasher: ShortHasher::new(bank),
            len: bank.len(),
            goal,
            room,
            is_pending: false,
            is_found: false,
            is_lost: false,
        };
        running.compare();
        running
    }

    /// What comes after a match is not compared, and need not be computed.
    pub(super) fn is_done(&self) -> bool {
        self.is_found || self.is_lost
    }

    pub(super) fn bank(&self) -> Algorithm {
        self.hasher.algorithm()
    }

    /// Takes the replay's value after all entries so far, if Keylime read all of them as we do.
    pub(super) fn follow(&mut self, value: Option<&[u8]>) {
        if !self.follows || self.is_done() {
            return;
        }
        match value {
            Some(value) => {
                self.room.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
                self.compare();
            }
            None => self.lose(),
        }
    }

    pub(super) fn lose(&mut self) {
        self.settle();
        self.is_lost = true;
    }

    /// Keylime reads the entry that comes now in another way than the replay.
    pub(super) fn leave(&mut self) {
        self.follows = false;
    }

    pub(super) fn extend(&mut self, contribution: &Contribution<'_>) {
        if self.is_done() || self.follows {
            return;
        }
        let Contribution::Of(bytes) = contribution else {
            self.settle();
            self.put_next(&[0xff; MAX_LEN]);
            return;
        };
        let digest = if self.is_pending {
            let message = self.room.get(..self.len.saturating_mul(2)).unwrap_or_default();
            let [value, digest] = self.hasher.hash_two(message, bytes);
            self.put_value(&value);
            digest
        } else {
            self.hasher.hash(bytes)
        };
        self.put_next(digest.bytes());
    }

    /// Whether the value was reached.
    pub(super) fn finish(mut self) -> bool {
        self.settle();
        self.is_found
    }

    fn settle(&mut self) {
        if self.is_pending && !self.is_done() {
            let message = self.room.get(..self.len.saturating_mul(2)).unwrap_or_default();
            let value = self.hasher.hash(message);
            self.put_value(&value);
        }
    }

    fn put_value(&mut self, value: &Digest) {
        self.room
            .iter_mut()
            .zip(value.bytes())
            .for_each(|(to, from)| *to = *from);
        self.is_pending = false;
        self.compare();
    }

    fn put_next(&mut self, next: &[u8]) {
        if let Some(room) = self.room.get_mut(self.len..self.len.saturating_mul(2)) {
            room.iter_mut().zip(next).for_each(|(to, from)| *to = *from);
        }
        self.is_pending = true;
    }

    fn compare(&mut self) {
        let value = self.room.get(..self.len).unwrap_or_default();
        self.is_found = match &self.goal {
            Goal::Value(wanted) => wanted.bytes() == value,
            Goal::Quoted {
                before,
                after,
                digest,
            } => {
                let mut hasher = Hasher::new(digest.algorithm());
                for part in [&before[..], value, &after[..]] {
                    hasher.update(part);
                }
                hasher.finish() == *digest
            }
        };
    }
}
