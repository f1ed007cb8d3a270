//! What is verified, and how.

use ima_assay_digest::{Algorithm, Digest};

use crate::measurement::{Limits, Source};
use crate::pcr::PcrValues;
use crate::policy::PolicySet;
use crate::policy::exclude::{ExcludeLimits, ExcludePattern};
use crate::quote::{Accepted, AttestationKey, QuoteSignature};
use crate::signature::Keyring;

/// The rules that decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rules {
    /// Ours: nothing passes that was not checked.
    #[default]
    Strict,
    /// Those of a Keylime 7.14 verifier, with its quirks.
    Keylime,
}

/// Exclude patterns, and where they are from.
#[derive(Debug, Clone, Default)]
pub struct ExcludeList {
    /// The name of the file, as the caller gave it.
    pub origin: Vec<u8>,
    /// Its patterns.
    pub patterns: Vec<ExcludePattern>,
}

/// A quote, and what to verify it with.
#[derive(Debug, Clone)]
pub struct QuoteEvidence<'e> {
    /// The exact bytes that were signed (`TPMS_ATTEST`).
    pub message: &'e [u8],
    /// The signature over them.
    pub signature: QuoteSignature<'e>,
    /// The key that should have made it.
    pub key: &'e AttestationKey,
    /// Which signatures are accepted.
    pub accepted: Accepted,
    /// The nonce that was asked with; without it nothing shows that the quote is fresh.
    pub nonce: Option<&'e [u8]>,
}

/// Everything that is known of a machine, and what it should be like.
pub struct Evidence<'e> {
    /// The measurement list, in its parts.
    pub list: Vec<Source<'e>>,
    /// What is accepted. May be empty: then no digest is accepted because it is listed.
    pub policies: &'e PolicySet,
    /// Exclude patterns beside those of the policies.
    pub excludes: Vec<ExcludeList>,
    /// Values of PCRs. Those of the PCRs in [`Options::pcrs`] have to be reached; those of PCR 0 to 9 give the
    /// boot aggregate; the others are needed where a quote covers them.
    pub pcrs: PcrValues,
    /// A quote.
    pub quote: Option<QuoteEvidence<'e>>,
    /// Keys for file signatures, beside the `verification-keys` of the policies.
    pub keys: Keyring,
    /// Boot aggregates that follow from a boot event log.
    pub boot_aggregates: Vec<Digest>,
    /// What PCRs hold before the first entry, where it is not what they hold at reset.
    pub start: PcrValues,
    /// Entries before the first one that is here, which were verified earlier.
    pub entries_before: u64,
}

impl<'e> Evidence<'e> {
    /// A list and policies, and nothing else.
    #[must_use]
    pub fn new(list: Vec<Source<'e>>, policies: &'e PolicySet) -> Self {
        Self {
            list,
            policies,
            excludes: Vec::new(),
            pcrs: PcrValues::default(),
            quote: None,
            keys: Keyring::new(),
            boot_aggregates: Vec::new(),
            start: PcrValues::default(),
            entries_before: 0,
        }
    }
}

/// How to verify.
#[derive(Debug, Clone)]
pub struct Options {
    /// The rules that the verdict and the findings are by. Default: strict.
    pub rules: Rules,
    /// Findings, and differences, that a report holds; all are counted. Default 1000.
    pub max_findings: usize,
    /// The PCRs that entries may be extended into. Default: 10 alone.
    pub pcrs: Vec<u8>,
    /// The banks that are replayed. Default: those with a given or quoted value; without any, sha1 and sha256.
    pub banks: Option<Vec<Algorithm>>,
    /// Whether violations are findings by the strict rules. Default: yes.
    pub violations_fail: bool,
    /// Whether buffers that no policy lists are findings by the strict rules. Default: yes.
    pub buffers_fail: bool,
    /// Whether device-mapper events that no policy lists are findings by the strict rules. Default: yes.
    pub device_mapper_fails: bool,
    /// The verifier's `ignore_tomtou_errors`, which despite its name makes a Keylime verifier report violations.
    /// Default: no, as it is shipped.
    pub keylime_reports_violations: bool,
    /// What is refused of a list.
    pub limits: Limits,
    /// What is refused of exclude patterns.
    pub exclude_limits: ExcludeLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rules: Rules::Strict,
            max_findings: 1000,
            pcrs: vec![10],
            banks: None,
            violations_fail: true,
            buffers_fail: true,
            device_mapper_fails: true,
            keylime_reports_violations: false,
            limits: Limits::default(),
            exclude_limits: ExcludeLimits::default(),
        }
    }
}
