//! The boot aggregate: what ties a measurement list to the boot before it.
//!
//! ```text
//! Linux 5.8 and later    SHA-1: PCR 0 to 7      any other bank: PCR 0 to 9
//! up to 5.7              SHA-1: PCR 0 to 7      some vendors: SHA-256 over PCR 0 to 7
//! ```
//!
//! Source: Linux, `security/integrity/ima/ima_crypto.c`, `ima_calc_boot_aggregate_tfm`.

use ima_assay_digest::{Algorithm, Digest, Hasher};

use crate::pcr::PcrValues;

/// The name that the kernel gives the entry.
pub(super) const BOOT_AGGREGATE: &[u8] = b"boot_aggregate";
/// The name for a TPM that was ready late.
pub(super) const BOOT_AGGREGATE_LATE: &[u8] = b"boot_aggregate_late";

/// Every boot aggregate that these PCR values can lead to, each with whether it is the one that a kernel of today
/// makes: without that one nothing shows that another is wrong.
fn from_pcrs(pcrs: &PcrValues) -> Vec<(Digest, bool)> {
    let mut aggregates = Vec::new();
    for bank in pcrs.banks() {
        let last: &[u8] = if bank == Algorithm::Sha1 { &[7] } else { &[9, 7] };
        for (number, &last) in last.iter().enumerate() {
            let mut hasher = Hasher::new(bank);
            let mut values = (0..=last).map(|index| pcrs.get(bank, index));
            let is_complete = values.all(|value| match value {
                Some(value) => {
                    hasher.update(value.bytes());
                    true
                }
                None => false,
            });
            if is_complete {
                aggregates.push((hasher.finish(), number == 0));
            }
        }
    }
    aggregates
}

/// What a boot aggregate is held against.
pub(super) struct Boot {
    /// Each with whether it shows that others are wrong.
    aggregates: Vec<(Digest, bool)>,
}

/// What PCR values and event log say of a boot aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BootJudgement {
    Matches,
    /// It should be one of these.
    Differs(Vec<Digest>),
    /// There is nothing of its algorithm to hold it against.
    Unknown,
}

impl Boot {
    /// From the values of PCR 0 to 9, as far as they are given, and from an event log.
    pub(super) fn new(pcrs: &PcrValues, from_log: &[Digest]) -> Self {
        let mut aggregates = from_pcrs(pcrs);
        aggregates.extend(from_log.iter().map(|aggregate| (*aggregate, true)));
        Self { aggregates }
    }

    pub(super) fn judge(&self, algorithm: Option<Algorithm>, digest: &[u8]) -> BootJudgement {
        let of_algorithm = || {
            self.aggregates
                .iter()
                .filter(|(aggregate, _)| Some(aggregate.algorithm()) == algorithm)
        };
        if of_algorithm().any(|(aggregate, _)| aggregate.bytes() == digest) {
            BootJudgement::Matches
        } else if of_algorithm().any(|(_, is_decisive)| *is_decisive) {
            BootJudgement::Differs(of_algorithm().map(|(aggregate, _)| *aggregate).collect())
        } else {
            BootJudgement::Unknown
        }
    }
}
