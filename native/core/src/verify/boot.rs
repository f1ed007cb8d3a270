//! The boot aggregate: what ties a measurement list to the boot before it.

use ima_assay_digest::{Algorithm, Digest};

use crate::measurement::{BootAggregate, Pcrs, boot_aggregates};

/// The name that the kernel gives the entry.
pub(super) const BOOT_AGGREGATE: &[u8] = b"boot_aggregate";

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
    pub(super) fn new(pcrs: &Pcrs, from_log: &[Digest]) -> Self {
        let from_pcrs = boot_aggregates(pcrs).into_iter();
        let from_pcrs = from_pcrs.map(|aggregate| (aggregate.digest, is_of_today(&aggregate)));
        let from_log = from_log.iter().map(|aggregate| (*aggregate, true));
        Self {
            aggregates: from_pcrs.chain(from_log).collect(),
        }
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

/// Whether kernels of today make it from these PCRs. If only another one can be computed, nothing shows that
/// the list's is wrong.
fn is_of_today(aggregate: &BootAggregate) -> bool {
    aggregate.last_pcr == 9 || aggregate.digest.algorithm() == Algorithm::Sha1
}
