//! The boot aggregate: the digest over the PCRs of the boot, with which every list begins. It is what binds a
//! list to the event log of the same boot.
//!
//! Source: Linux, `security/integrity/ima/ima_crypto.c`, `ima_calc_boot_aggregate_tfm`.

use ima_assay_digest::{Algorithm, Digest, Hasher};

use super::entry::Entry;
use super::field::FileDigest;
use super::replay::Pcrs;

/// A value that the boot aggregate can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootAggregate {
    /// The digest; its algorithm is that of the bank.
    pub digest: Digest,
    /// The last PCR that it is over; the first is 0.
    pub last_pcr: u32,
}

/// The values that a boot aggregate can have if PCRs hold these values: over PCR 0 to 7 of SHA-1's bank, over
/// 0 to 9 of any other; over 0 to 7 of SHA-256's in some kernels that others made of Linux 5.8. Banks of which a
/// value is missing give none.
#[must_use]
pub fn boot_aggregates(pcrs: &Pcrs) -> Vec<BootAggregate> {
    let mut candidates = Vec::new();
    for bank in pcrs.banks() {
        let last_pcrs: &[u32] = match bank {
            Algorithm::Sha1 => &[7],
            Algorithm::Sha256 => &[9, 7],
            _ => &[9],
        };
        for &last_pcr in last_pcrs {
            let mut hasher = Hasher::new(bank);
            let is_whole = (0..=last_pcr).all(|index| match pcrs.get(bank, index) {
                Some(value) => {
                    hasher.update(value.bytes());
                    true
                }
                None => false,
            });
            if is_whole {
                let digest = hasher.finish();
                candidates.push(BootAggregate { digest, last_pcr });
            }
        }
    }
    candidates
}

impl BootAggregate {
    /// Whether a list has this value. The template `ima` does not name the algorithm; it is SHA-1's there.
    #[must_use]
    pub fn is(&self, digest: &FileDigest<'_>) -> bool {
        let algorithm = match digest.algorithm_name {
            Some(_) => digest.algorithm(),
            None => Some(Algorithm::Sha1),
        };
        algorithm == Some(self.digest.algorithm()) && digest.digest == self.digest.bytes()
    }
}

impl FileDigest<'_> {
    /// Whether it is all zeros, as that of a boot aggregate without a TPM and of a violation.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.digest.iter().all(|&byte| byte == 0)
    }
}

impl Entry<'_> {
    /// Whether it has the name of a boot aggregate. Files can have it too: only the first entry, and one after
    /// each kexec, is what it says.
    #[must_use]
    pub fn is_named_boot_aggregate(&self) -> bool {
        // The second, in kernels of 2026, is of a TPM that was found late.
        matches!(self.name(), Some(b"boot_aggregate" | b"boot_aggregate_late"))
    }
}
