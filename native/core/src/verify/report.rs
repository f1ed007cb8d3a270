//! The answer of a verification.

use ima_assay_digest::{Algorithm, Digest};

use super::evidence::Rules;
use super::finding::{Difference, Finding};
use crate::measurement::Rule;

/// The answer for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that was asked for was checked, and held.
    Pass,
    /// Something did not hold.
    Fail,
}

impl Verdict {
    pub(super) fn of(is_pass: bool) -> Self {
        if is_pass { Self::Pass } else { Self::Fail }
    }

    /// `pass` or `fail`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// What the measurement list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReport {
    /// Whether it is the ASCII form.
    pub is_ascii: bool,
    /// Entries, those included that could not be read.
    pub entries: u64,
    /// Entries by template, in the order in which templates first occur; escaped.
    pub templates: Vec<(String, u64)>,
    /// Entries that are violations.
    pub violations: u64,
}

/// One PCR: what the list replays to, and what the machine says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcrReport {
    /// The bank.
    pub bank: Algorithm,
    /// The number of the PCR.
    pub index: u32,
    /// The value after the covered entries, or after all of them where the expected value is not reached.
    pub replayed: Digest,
    /// What it should be.
    pub expected: Option<Digest>,
    /// How many entries lead to the expected value.
    pub matched_entries: Option<u64>,
    /// How entries were extended.
    pub rule: Rule,
}

/// What became of a quote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuoteReport {
    /// Whether it holds; none without a quote.
    pub is_verified: Option<bool>,
    /// Each check, in order.
    pub checks: Vec<QuoteCheckReport>,
    /// `BANK:INDEX` of each PCR that it covers.
    pub selection: Vec<String>,
}

/// One check of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteCheckReport {
    /// What is checked.
    pub name: &'static str,
    /// Whether it held; none if it was not made.
    pub is_passed: Option<bool>,
    /// Why not.
    pub detail: Option<String>,
}

/// How many entries were accepted, and why. Of several reasons the first counts: listed, excluded, signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    /// A policy lists the digest; or it is the boot aggregate of the boot PCRs.
    pub listed: u64,
    /// A pattern or an ignored keyring excludes the name.
    pub excluded: u64,
    /// A known key signed the digest.
    pub signed: u64,
}

/// An exclude pattern, and how many entries it excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// The pattern.
    pub pattern: String,
    /// The policy or list it is from, escaped.
    pub origin: String,
    /// Entries that were accepted because of it.
    pub entries: u64,
}

/// The answer of a verification. [`Report::to_json`] writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The rules that `verdict` and `findings` are by.
    pub rules: Rules,
    /// Whether everything holds by our rules.
    pub strict_verdict: Verdict,
    /// What a Keylime verifier would say.
    pub keylime_verdict: Verdict,
    /// Where the two disagree: the first of them.
    pub differences: Vec<Difference>,
    /// What the list is.
    pub list: ListReport,
    /// The PCRs that were replayed.
    pub pcrs: Vec<PcrReport>,
    /// What became of the quote.
    pub quote: QuoteReport,
    /// What was accepted, by the strict rules.
    pub accepted: Accepted,
    /// Patterns that excluded something, by the strict rules.
    pub excluded: Vec<Excluded>,
    /// The first findings by the chosen rules: those of the list as a whole, then those of entries in order.
    pub findings: Vec<Finding>,
    /// All of them, also those beyond the limit.
    pub finding_count: u64,
    /// What was not checked, and why.
    pub unchecked: Vec<String>,
}

impl Report {
    /// The verdict by the chosen rules.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.rules {
            Rules::Strict => self.strict_verdict,
            Rules::Keylime => self.keylime_verdict,
        }
    }
}
