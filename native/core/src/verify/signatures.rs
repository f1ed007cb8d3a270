//! File signatures, by the strict rules.

use super::context::Context;
use super::finding::{Finding, FindingCode};
use super::strict::Strict;
use super::subject::{Seen, Subject, signed};
use crate::signature::{HeaderFault, ImaSignature, SignatureOutcome};

impl Strict<'_> {
    /// Whether a known key made one of the signatures over what the entry says.
    pub(super) fn is_validly_signed(&self, subject: &Subject<'_>) -> bool {
        !self.keys.is_empty() && self.outcomes(subject).any(|outcome| outcome.is_valid())
    }

    /// What came out of each signature that the entry has.
    fn outcomes<'s>(&'s self, subject: &Subject<'_>) -> impl Iterator<Item = SignatureOutcome<'s>> {
        let plain = subject
            .signed_digest()
            .filter(|_| !subject.signature.is_empty())
            .map(|digest| self.keys.verify(subject.signature, &digest));
        let appended = subject.appended.map(|(value, digest)| {
            self.keys
                .verify_appended(value, &signed(&digest, digest.algorithm()))
        });
        let metadata = subject
            .metadata
            .map(|metadata| self.keys.verify_metadata(&metadata));
        [plain, appended, metadata].into_iter().flatten()
    }

    /// Records what is wrong with the signatures of an entry; true if nothing is.
    ///
    /// Without keys only what no key can make right is wrong. A portable EVM signature in `sig` covers metadata
    /// that the list does not have, so it is neither right nor wrong.
    pub(super) fn refute_signature(&self, seen: Seen<'_, '_>, cx: &mut Context) -> bool {
        if !self.requires_signatures && self.keys.is_empty() {
            let fault = ImaSignature::parse(seen.subject.signature).err();
            let is_malformed = !seen.subject.signature.is_empty() && fault.is_some_and(is_no_signature);
            if !is_malformed {
                cx.unchecked.counts.signatures = cx.unchecked.counts.signatures.saturating_add(1);
                return true;
            }
        }
        let mut worst = None;
        for outcome in self.outcomes(seen.subject) {
            match code_of(&outcome) {
                None if outcome.is_valid() => return true,
                None => {
                    cx.unchecked.counts.signatures = cx.unchecked.counts.signatures.saturating_add(1);
                }
                Some(code) => {
                    worst.get_or_insert((code, outcome));
                }
            }
        }
        let Some((code, outcome)) = worst else { return true };
        cx.find(code, || finding(code, &outcome, seen));
        false
    }
}

fn is_no_signature(fault: HeaderFault) -> bool {
    !matches!(
        fault,
        HeaderFault::VersionUnsupported { .. } | HeaderFault::AlgorithmUnknown { .. }
    )
}

fn code_of(outcome: &SignatureOutcome<'_>) -> Option<FindingCode> {
    Some(match outcome {
        SignatureOutcome::Valid { .. } | SignatureOutcome::NotCheckable => return None,
        SignatureOutcome::Malformed(_) | SignatureOutcome::AppendedMalformed(_) => {
            FindingCode::SignatureMalformed
        }
        SignatureOutcome::KeyUnknown { .. } => FindingCode::SignatureKeyUnknown,
        _ => FindingCode::SignatureInvalid,
    })
}

fn finding(code: FindingCode, outcome: &SignatureOutcome<'_>, seen: Seen<'_, '_>) -> Finding {
    let hint = match code {
        FindingCode::SignatureKeyUnknown => "give the signer's certificate if the signer is to be trusted",
        FindingCode::SignatureMalformed => "sign the file anew",
        _ => "the file or its signature was changed after signing; install the file anew",
    };
    let finding = Finding::new(code, outcome.to_string(), hint).at(seen.entry.number(), seen.subject.name);
    match seen.subject.digest_text() {
        Some(text) => finding.found(text),
        None => finding,
    }
}
