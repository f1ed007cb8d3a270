//! Replays a list: what the PCRs of every bank hold after it, and after which entry they held what they should.
//!
//! ```text
//! PCR = H(PCR ‖ value)       value since Linux 5.8         value before 5.8, banks other than SHA-1
//! entry                      H(template data)              SHA-1 template hash, then zeros
//! violation                  ones                          20 bytes of ones, then zeros
//! ```
//!
//! Both rules are followed side by side, since a list does not say which one its kernel had. Where a recorded
//! template hash is not that of the template data there are two results more: what was recorded is extended
//! apart from what is recomputed, so that one sees whether the list was altered or the PCR never had it.
//! Source: Linux, `security/integrity/ima/ima_queue.c`.

mod bank;
mod outcome;
mod pcrs;

pub use outcome::{Match, Outcome, PcrValue};
pub(super) use pcrs::at_reset;
pub use pcrs::{PCRS, Pcrs, bank_name};

use ima_assay_digest::{Algorithm, Digest, Hasher, MAX_LEN};

use super::entry::{Check, Entry};
use crate::error::{Explain, Place};
use bank::{Bank, Chain, Expected};

/// By which rule entries are extended into a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Each bank gets its own hash of the template data: Linux 5.8 and later.
    PerBank,
    /// Each bank but SHA-1's gets the SHA-1 template hash with zeros behind: up to 5.7, and later in banks
    /// whose algorithm the kernel lacks.
    PaddedSha1,
}

/// Which template hashes are extended where the recorded one is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hashes {
    /// Those of the template data, as far as this is known.
    Recomputed,
    /// Those that the list records, in its own bank.
    Recorded,
}

/// What to replay.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// The banks, beside those of expected values. Default: sha1, sha256, sha384, sha512, sm3_256.
    pub banks: Vec<Algorithm>,
    /// Values that PCRs start from, where it is not that of a reset: zeros, and ones in 17 to 22.
    pub start: Pcrs,
    /// Values that should be reached, all of them after the same entry.
    pub expected: Pcrs,
    /// A digest of PCR values that should be reached, as a quote has it.
    pub composite: Option<Composite>,
    /// Whether to follow [`Rule::PaddedSha1`] as well. Default: yes.
    pub padded: bool,
}

/// A digest over the values of PCRs, one after the other.
#[derive(Debug, Clone)]
pub struct Composite {
    /// Bank and index of each PCR, in the order of the values.
    pub selection: Vec<(Algorithm, u32)>,
    /// The digest.
    pub digest: Digest,
}

impl ReplayOptions {
    /// The banks that are replayed unless others are named.
    pub const BANKS: [Algorithm; 5] = [
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Sm3,
    ];
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            banks: Self::BANKS.to_vec(),
            start: Pcrs::default(),
            expected: Pcrs::default(),
            composite: None,
            padded: true,
        }
    }
}

/// Why a replay cannot be done as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A PCR that no TPM has.
    #[error("there is no PCR {index}; a bank has 0 to 23")]
    NoSuchPcr {
        /// Its number.
        index: u32,
    },
}

impl Explain for ReplayError {
    fn code(&self) -> &'static str {
        "PCR_UNKNOWN"
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        None
    }
}

/// Extends entry by entry. Memory does not grow with the list.
pub struct Replay {
    /// Those to replay, then those that are only there to hash template data.
    banks: Vec<Bank>,
    composite: Option<Composite>,
    /// The entry whose extensions are not done yet, and its PCR.
    pending: Option<(u64, u32)>,
    matched: Option<Match>,
    entries: u64,
    violations: u64,
}

impl Replay {
    /// A replay before the first entry. What should be reached may be reached there already.
    ///
    /// # Errors
    /// [`ReplayError::NoSuchPcr`].
    pub fn new(options: ReplayOptions) -> Result<Self, ReplayError> {
        let selection = options
            .composite
            .iter()
            .flat_map(|composite| &composite.selection);
        let named = options.start.iter().chain(options.expected.iter());
        let mut indices = named
            .map(|(_, index, _)| index)
            .chain(selection.map(|(_, index)| *index));
        if let Some(index) = indices.find(|index| *index >= PCRS) {
            return Err(ReplayError::NoSuchPcr { index });
        }
        let mut banks: Vec<Bank> = Vec::new();
        let named = options.banks.iter().copied().chain(options.expected.banks());
        let selected = options
            .composite
            .iter()
            .flat_map(|composite| &composite.selection);
        for algorithm in named.chain(selected.map(|(bank, _)| *bank)) {
            if banks.iter().any(|bank| bank.algorithm() == algorithm) {
                continue;
            }
            let mut bank = Bank::new(algorithm);
            bank.add_chain(Rule::PerBank, &options.start);
            if options.padded && algorithm != Algorithm::Sha1 {
                bank.add_chain(Rule::PaddedSha1, &options.start);
            }
            let expected = options.expected.iter().filter(|(bank, ..)| *bank == algorithm);
            bank.expected = expected
                .map(|(_, index, value)| Expected {
                    index,
                    value: *value,
                    reached: None,
                })
                .collect();
            banks.push(bank);
        }
        let mut replay = Self {
            banks,
            composite: options.composite,
            pending: None,
            matched: None,
            entries: 0,
            violations: 0,
        };
        if options.padded {
            replay.hashes_with(Algorithm::Sha1);
        }
        for index in 0..PCRS {
            replay.compare(index, None);
        }
        Ok(replay)
    }

    /// Makes sure that template data is hashed by this algorithm as well.
    fn hashes_with(&mut self, algorithm: Algorithm) {
        if self.banks.iter().all(|bank| bank.algorithm() != algorithm) {
            self.banks.push(Bank::new(algorithm));
        }
    }

    /// Extends an entry, and says whether its template hash is right: at no further cost, since the hash is
    /// needed here.
    pub fn extend(&mut self, entry: &Entry<'_>) -> Check {
        self.entries = entry.number();
        let list_algorithm = entry.list_hash.algorithm();
        let data = entry.data.filter(|_| !entry.is_violation);
        if data.is_some() {
            self.hashes_with(list_algorithm);
        }
        self.advance(data, entry.known);
        let check = entry.check_against(self.digest(list_algorithm));
        if check == Check::Differs {
            self.fork(list_algorithm);
        }
        self.violations = self.violations.saturating_add((check == Check::Violation).into());
        // Only where it is not what is recomputed, what is recorded is looked at.
        let recorded = match check {
            Check::Violation | Check::Matches => None,
            Check::Differs | Check::Unknown => entry.list_hash.hashed(entry.recorded).map(pad),
        };
        let sha1 = self.digest(Algorithm::Sha1).copied();
        let recorded_sha1 = recorded.as_ref().filter(|_| list_algorithm == Algorithm::Sha1);
        for bank in &mut self.banks {
            let is_own = list_algorithm == bank.algorithm();
            let Bank { digest, chains, .. } = bank;
            for chain in chains {
                let (recomputed, recorded, ones) = match chain.rule {
                    Rule::PerBank => (digest.as_ref(), recorded.as_ref().filter(|_| is_own), &ONES),
                    Rule::PaddedSha1 => (sha1.as_ref(), recorded_sha1, &SHA1_ONES),
                };
                let recomputed = recomputed.map(Digest::padded);
                let value = match (check, chain.hashes) {
                    (Check::Violation, _) => Some(ones),
                    (_, Hashes::Recomputed) => recomputed.or(recorded),
                    (_, Hashes::Recorded) => recorded.or(recomputed),
                };
                chain.set_pending(entry.pcr, entry.number(), value);
            }
        }
        self.pending = Some((entry.number(), entry.pcr));
        check
    }

    /// What a PCR has before the entry that was extended last, by the rule of today's kernels and recomputed
    /// template hashes. None if it is not known, or the bank is not replayed.
    #[must_use]
    pub fn value_before(&self, bank: Algorithm, index: u32) -> Option<&[u8]> {
        self.recomputed(bank)?.value_before(index, self.entries)
    }

    /// What a PCR has after the entry that was extended last, otherwise as [`Replay::value_before`].
    pub fn value_after(&mut self, bank: Algorithm, index: u32) -> Option<&[u8]> {
        self.advance(None, None);
        self.recomputed(bank)?.value(index)
    }

    fn recomputed(&self, bank: Algorithm) -> Option<&Chain> {
        let bank = self.banks.iter().find(|known| known.algorithm() == bank)?;
        bank.chain(Rule::PerBank, Hashes::Recomputed)
    }

    /// The digest of the last entry's template data.
    fn digest(&self, algorithm: Algorithm) -> Option<&Digest> {
        let bank = self.banks.iter().find(|bank| bank.algorithm() == algorithm)?;
        bank.digest.as_ref()
    }

    /// Does what is pending, and hashes the template data of the next entry.
    fn advance(&mut self, data: Option<&[u8]>, known: Option<&Digest>) {
        let pending = self.pending.take();
        for bank in &mut self.banks {
            let known = known.filter(|known| known.algorithm() == bank.algorithm());
            bank.advance(
                pending.map(|(_, index)| index),
                data,
                known.filter(|_| data.is_some()),
            );
        }
        if let Some((entry, index)) = pending {
            self.compare(index, Some(entry));
        }
    }

    /// From the first wrong template hash on, what is recorded and what is recomputed differ: in the list's own
    /// bank, and in all if it is SHA-1's and was padded.
    fn fork(&mut self, list_algorithm: Algorithm) {
        for bank in &mut self.banks {
            if bank.algorithm() == list_algorithm {
                bank.fork(Rule::PerBank);
            }
            if list_algorithm == Algorithm::Sha1 {
                bank.fork(Rule::PaddedSha1);
            }
        }
    }

    /// Compares with what should be reached, after a PCR was extended.
    fn compare(&mut self, index: u32, after: Option<u64>) {
        for bank in &mut self.banks {
            bank.note_reached(index, after);
        }
        let is_selected = |composite: &Composite| composite.selection.iter().any(|(_, at)| *at == index);
        let is_concerned = self.banks.iter().any(|bank| bank.expects(index))
            || self.composite.as_ref().is_some_and(is_selected);
        if self.matched.is_none() && is_concerned {
            self.matched = self.all_reached().map(|by| Match { after, by });
        }
    }

    /// The rules by which all that should be reached is reached now.
    fn all_reached(&self) -> Option<Vec<(Algorithm, Rule, Hashes)>> {
        let mut by = Vec::new();
        for bank in self.banks.iter().filter(|bank| !bank.expected.is_empty()) {
            let chain = bank.satisfied_by()?;
            by.push((bank.algorithm(), chain.rule, chain.hashes));
        }
        if let Some(composite) = &self.composite {
            let (rule, hashes) = self.composed_by(composite)?;
            by.extend(composite.selection.iter().map(|(bank, _)| (*bank, rule, hashes)));
        }
        by.sort_unstable();
        by.dedup();
        Some(by)
    }

    /// The rule by which the selected PCRs have the digest they should have.
    fn composed_by(&self, composite: &Composite) -> Option<(Rule, Hashes)> {
        let ways = [
            (Rule::PerBank, Hashes::Recomputed),
            (Rule::PaddedSha1, Hashes::Recomputed),
            (Rule::PerBank, Hashes::Recorded),
            (Rule::PaddedSha1, Hashes::Recorded),
        ];
        ways.into_iter().find(|(rule, hashes)| {
            let mut hasher = Hasher::new(composite.digest.algorithm());
            let all_known = composite.selection.iter().all(|(algorithm, index)| {
                let bank = self.banks.iter().find(|bank| bank.algorithm() == *algorithm);
                let chain = bank.and_then(|bank| bank.chain_or_like(*rule, *hashes));
                let value = chain.and_then(|chain| chain.value(*index));
                hasher.update(value.unwrap_or_default());
                value.is_some()
            });
            all_known && hasher.finish() == composite.digest
        })
    }

    /// What came of it.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        self.advance(None, None);
        self.banks.retain(|bank| !bank.chains.is_empty());
        Outcome {
            entries: self.entries,
            violations: self.violations,
            matched: self.matched,
            banks: self.banks,
        }
    }
}

/// What a violation extends into any bank.
const ONES: [u8; MAX_LEN] = [0xff; MAX_LEN];

/// What it extended into any bank before Linux 5.8.
const SHA1_ONES: [u8; MAX_LEN] = {
    let mut ones = [0; MAX_LEN];
    let (start, _) = ones.split_at_mut(20);
    start.copy_from_slice(&[0xff; 20]);
    ones
};

/// A template hash with zeros behind it.
fn pad(hash: &[u8]) -> [u8; MAX_LEN] {
    let mut padded = [0; MAX_LEN];
    padded.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
    padded
}
