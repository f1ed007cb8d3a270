//! What a replay came to.

use ima_assay_digest::{Algorithm, Digest};

use super::bank::Bank;
use super::pcrs::PCRS;
use super::{Hashes, Rule};

/// What a replay came to.
pub struct Outcome {
    pub(super) entries: u64,
    pub(super) violations: u64,
    pub(super) matched: Option<Match>,
    pub(super) banks: Vec<Bank>,
}

/// That all values that should be reached were reached at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The entry after which they were; none if before the first. What follows is not covered.
    pub after: Option<u64>,
    /// The rule by which each bank has its values, and which template hashes were extended.
    pub by: Vec<(Algorithm, Rule, Hashes)>,
}

/// The value that a PCR has after the last entry, by one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcrValue {
    /// The bank.
    pub bank: Algorithm,
    /// The number of the PCR.
    pub index: u32,
    /// The rule.
    pub rule: Rule,
    /// Which template hashes were extended.
    pub hashes: Hashes,
    /// The value; or, if it cannot be told, the entry whose template data is not known.
    pub value: Result<Digest, u64>,
    /// What it should be.
    pub expected: Option<Digest>,
    /// Whether the expected value was ever reached, by whatever rule, and after which entry; none of these
    /// if before the first.
    pub reached: Option<Option<u64>>,
}

impl Outcome {
    /// The number of the last entry.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Violations that were extended.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.violations
    }

    /// The first point at which all values that should be reached were reached at once.
    #[must_use]
    pub fn matched(&self) -> Option<&Match> {
        self.matched.as_ref()
    }

    /// Entries behind the match, which nothing covers; all if there is none.
    #[must_use]
    pub fn uncovered_entries(&self) -> u64 {
        let covered = self.matched.as_ref().and_then(|matched| matched.after);
        self.entries.saturating_sub(covered.unwrap_or(0))
    }

    /// The values of all PCRs that the list extends or that should have a value: by bank in the order asked
    /// for, by index, then by rule. What is recorded stands apart only where it differs from what is recomputed.
    pub fn values(&self) -> impl Iterator<Item = PcrValue> {
        self.banks.iter().flat_map(|bank| {
            let indices = (0..PCRS).filter(|index| {
                bank.chains.iter().any(|chain| chain.is_touched(*index)) || bank.expects(*index)
            });
            indices.flat_map(move |index| {
                bank.chains.iter().map(move |chain| {
                    let expected = bank.expected.iter().find(|expected| expected.index == index);
                    let value = chain
                        .value(index)
                        .and_then(|value| Digest::new(bank.algorithm(), value).ok());
                    PcrValue {
                        bank: bank.algorithm(),
                        index,
                        rule: chain.rule,
                        hashes: chain.hashes,
                        value: value.ok_or(chain.ended(index).unwrap_or(0)),
                        expected: expected.map(|expected| expected.value),
                        reached: expected.and_then(|expected| expected.reached),
                    }
                })
            })
        })
    }

    /// The value of one PCR by one rule; none if the bank was not replayed, or not by that rule.
    #[must_use]
    pub fn value(&self, bank: Algorithm, index: u32, rule: Rule, hashes: Hashes) -> Option<Digest> {
        let bank = self.banks.iter().find(|known| known.algorithm() == bank)?;
        let value = bank.chain_or_like(rule, hashes)?.value(index)?;
        Digest::new(bank.algorithm(), value).ok()
    }
}
