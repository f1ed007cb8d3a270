//! The PCRs of one bank, replayed by every rule that may have been followed.

use ima_assay_digest::{Algorithm, Digest, MAX_LEN, ShortHasher};

use super::pcrs::{PCRS, Pcrs, at_reset};
use super::{Hashes, Rule};

/// A bank. Extensions lag by one entry, so that each can be hashed side by side with the template data of the
/// next entry.
pub(super) struct Bank {
    hasher: ShortHasher,
    /// None in a bank that is only there to hash template data.
    pub(super) chains: Vec<Chain>,
    /// The hash of the template data of the last entry.
    pub(super) digest: Option<Digest>,
    pub(super) expected: Vec<Expected>,
}

/// A value that a PCR should reach.
pub(super) struct Expected {
    pub(super) index: u32,
    pub(super) value: Digest,
    /// Whether it was reached, and after which entry.
    pub(super) reached: Option<Option<u64>>,
}

/// All PCRs, extended by one rule.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) rule: Rule,
    pub(super) hashes: Hashes,
    /// Bytes of a value.
    len: usize,
    registers: Vec<Register>,
    /// Whether the last entry was not extended yet.
    is_pending: bool,
}

#[derive(Clone)]
struct Register {
    /// The value, and behind it what is extended next.
    room: [u8; 2 * MAX_LEN],
    /// The entry after which the value is not known any more.
    ended: Option<u64>,
    is_touched: bool,
}

impl Bank {
    pub(super) fn new(bank: Algorithm) -> Self {
        Self {
            hasher: ShortHasher::new(bank),
            chains: Vec::new(),
            digest: None,
            expected: Vec::new(),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.hasher.algorithm()
    }

    /// Replays from `start`, or from what PCRs hold at reset.
    pub(super) fn add_chain(&mut self, rule: Rule, start: &Pcrs) {
        let registers = (0..PCRS).map(|index| {
            let mut room = [0; 2 * MAX_LEN];
            let value = match start.get(self.algorithm(), index) {
                Some(value) => value.bytes(),
                None => &at_reset(index),
            };
            room.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
            Register {
                room,
                ended: None,
                is_touched: false,
            }
        });
        self.chains.push(Chain {
            rule,
            hashes: Hashes::Recomputed,
            len: self.algorithm().len(),
            registers: registers.collect(),
            is_pending: false,
        });
    }

    /// Replays what the list records apart from what is recomputed, from here on. No extension may be pending.
    pub(super) fn fork(&mut self, rule: Rule) {
        if self.chain(rule, Hashes::Recorded).is_none()
            && let Some(chain) = self.chain(rule, Hashes::Recomputed)
        {
            let fork = Chain {
                hashes: Hashes::Recorded,
                ..chain.clone()
            };
            self.chains.push(fork);
        }
    }

    pub(super) fn chain(&self, rule: Rule, hashes: Hashes) -> Option<&Chain> {
        self.chains
            .iter()
            .find(|chain| chain.rule == rule && chain.hashes == hashes)
    }

    /// The chain that follows a rule, or the one that has the same values because nothing made them differ:
    /// recorded hashes are the recomputed ones until one is wrong, and SHA-1 needs no padding.
    pub(super) fn chain_or_like(&self, rule: Rule, hashes: Hashes) -> Option<&Chain> {
        let rule = match self.algorithm() {
            Algorithm::Sha1 => Rule::PerBank,
            _ => rule,
        };
        self.chain(rule, hashes)
            .or_else(|| self.chain(rule, Hashes::Recomputed))
    }

    /// Whether this PCR should reach a value.
    pub(super) fn expects(&self, index: u32) -> bool {
        self.expected.iter().any(|expected| expected.index == index)
    }

    /// Extends what is pending into a PCR, and hashes the template data of the next entry.
    pub(super) fn advance(&mut self, pending: Option<u32>, data: Option<&[u8]>, known: Option<&Digest>) {
        let Self {
            hasher,
            chains,
            digest,
            ..
        } = self;
        let len = hasher.algorithm().len();
        let mut data = data.filter(|_| known.is_none());
        *digest = known.copied();
        if let Some(register) = pending {
            for chain in chains {
                let is_pending = std::mem::take(&mut chain.is_pending);
                let Some(register) = chain.register_mut(register).filter(|_| is_pending) else {
                    continue;
                };
                let message = register.room.get(..len.saturating_mul(2)).unwrap_or_default();
                let value = match data.take() {
                    Some(data) => {
                        let [value, hash] = hasher.hash_two(message, data);
                        *digest = Some(hash);
                        value
                    }
                    None => hasher.hash(message),
                };
                // What stood behind the value was just extended. A constant number of bytes is copied at once.
                if let Some(room) = register.room.first_chunk_mut() {
                    *room = *value.padded();
                }
            }
        }
        if let Some(data) = data {
            *digest = Some(hasher.hash(data));
        }
    }

    /// Sets whether each value that this PCR should have is reached.
    pub(super) fn note_reached(&mut self, index: u32, after: Option<u64>) {
        let Self { chains, expected, .. } = self;
        for expected in expected {
            if expected.index == index && expected.reached.is_none() {
                let is_reached = chains
                    .iter()
                    .any(|chain| chain.value(index) == Some(expected.value.bytes()));
                expected.reached = is_reached.then_some(after);
            }
        }
    }

    /// The first chain in which all PCRs have the values they should have.
    pub(super) fn satisfied_by(&self) -> Option<&Chain> {
        self.chains.iter().find(|chain| {
            self.expected
                .iter()
                .all(|expected| chain.value(expected.index) == Some(expected.value.bytes()))
        })
    }
}

impl Chain {
    fn register(&self, index: u32) -> Option<&Register> {
        self.registers.get(usize::try_from(index).ok()?)
    }

    fn register_mut(&mut self, index: u32) -> Option<&mut Register> {
        self.registers.get_mut(usize::try_from(index).ok()?)
    }

    /// What the next [`Bank::advance`] extends, with zeros behind; none if it is not known, after which nothing
    /// is.
    pub(super) fn set_pending(&mut self, index: u32, entry: u64, extension: Option<&[u8; MAX_LEN]>) {
        let len = self.len;
        let Some(register) = self.register_mut(index) else {
            return;
        };
        register.is_touched = true;
        if register.ended.is_some() {
            return;
        }
        let Some(extension) = extension else {
            register.ended = Some(entry);
            return;
        };
        let room = register.room.get_mut(len..).unwrap_or_default();
        if let Some(room) = room.first_chunk_mut() {
            *room = *extension;
        }
        self.is_pending = true;
    }

    /// The value of a PCR, if it is known.
    pub(super) fn value(&self, index: u32) -> Option<&[u8]> {
        self.value_before(index, u64::MAX)
    }

    /// The value of a PCR, if it is known before this entry, which may be pending.
    pub(super) fn value_before(&self, index: u32, entry: u64) -> Option<&[u8]> {
        let is_known = |register: &&Register| register.ended.is_none_or(|ended| ended >= entry);
        self.register(index).filter(is_known)?.room.get(..self.len)
    }

    /// The entry after which the value of a PCR is not known any more.
    pub(super) fn ended(&self, index: u32) -> Option<u64> {
        self.register(index)?.ended
    }

    pub(super) fn is_touched(&self, index: u32) -> bool {
        self.register(index).is_some_and(|register| register.is_touched)
    }
}
