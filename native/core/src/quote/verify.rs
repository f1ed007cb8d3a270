//! Verifies a quote.

use ima_assay_digest::{Algorithm, hash};

use super::{
    Attest, AttestationKey, KeyFailure, NonceFailure, NotChecked, Outcome, PcrDigestFailure, QuoteReport,
    QuoteScheme, QuoteSignature, SelectionFailure, SignatureFailure,
};
use crate::pcr::PcrValues;

/// Which signatures are accepted. By default all schemes, and all hash algorithms but SHA-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Schemes.
    pub schemes: Vec<QuoteScheme>,
    /// Hash algorithms of signatures; the quoted banks do not matter.
    pub hashes: Vec<Algorithm>,
}

impl Default for Accepted {
    fn default() -> Self {
        Self {
            schemes: QuoteScheme::ALL.to_vec(),
            hashes: vec![
                Algorithm::Sha256,
                Algorithm::Sha384,
                Algorithm::Sha512,
                Algorithm::Sha3_256,
                Algorithm::Sha3_384,
                Algorithm::Sha3_512,
                Algorithm::Sm3,
            ],
        }
    }
}

/// A quote, and everything to verify it with.
#[derive(Debug, Clone, Copy)]
pub struct QuoteCheck<'m, 'a> {
    /// The exact bytes that were signed.
    pub message: &'m [u8],
    /// The signature.
    pub signature: &'a QuoteSignature<'a>,
    /// The key.
    pub key: &'a AttestationKey,
    /// Which signatures are accepted.
    pub accepted: &'a Accepted,
    /// The nonce that was asked with. An empty one is one.
    pub nonce: Option<&'a [u8]>,
    /// The PCRs that are to be trusted.
    pub required: &'a [(Algorithm, u8)],
    /// PCR values that should be the quoted ones.
    pub pcrs: Option<&'a PcrValues>,
}

/// Verifies a quote: every check is made, whatever came out of the others.
#[must_use]
pub fn verify_quote<'m>(check: &QuoteCheck<'m, '_>) -> QuoteReport<'m> {
    let message = Attest::parse(check.message);
    let unreadable = NotChecked::MessageUnreadable;
    let (nonce, selection, pcr_digest) = match &message {
        Ok(attest) => (
            check_nonce(check, attest),
            check_selection(check, attest),
            check_pcr_digest(check, attest),
        ),
        Err(_) => (
            Outcome::NotChecked(unreadable),
            Outcome::NotChecked(unreadable),
            Outcome::NotChecked(unreadable),
        ),
    };
    QuoteReport {
        key: check_key(check),
        signature: check_signature(check),
        message,
        nonce,
        selection,
        pcr_digest,
    }
}

fn check_key(check: &QuoteCheck<'_, '_>) -> Outcome<KeyFailure> {
    match &check.key.tpm {
        None => Outcome::NotChecked(NotChecked::KeyFormSilent),
        Some(tpm) => match tpm.missing_attributes() {
            missing if missing.is_empty() => Outcome::Passed,
            missing => Outcome::Failed(KeyFailure::AttributesMissing(missing)),
        },
    }
}

fn check_signature(check: &QuoteCheck<'_, '_>) -> Outcome<SignatureFailure> {
    let (scheme, algorithm) = (check.signature.scheme(), check.signature.hash());
    if !check.accepted.schemes.contains(&scheme) {
        return Outcome::Failed(SignatureFailure::SchemeRefused(scheme));
    }
    if !check.accepted.hashes.contains(&algorithm) {
        return Outcome::Failed(SignatureFailure::HashRefused(algorithm));
    }
    if let Some(tpm) = &check.key.tpm
        && !tpm.signs_with(scheme, algorithm)
    {
        return Outcome::Failed(SignatureFailure::KeySchemeDiffers(scheme, algorithm));
    }
    match check
        .signature
        .verify(&check.key.key, &hash(algorithm, check.message))
    {
        Ok(()) => Outcome::Passed,
        Err(refusal) => Outcome::Failed(SignatureFailure::Refused(refusal)),
    }
}

fn check_nonce(check: &QuoteCheck<'_, '_>, attest: &Attest<'_>) -> Outcome<NonceFailure> {
    match check.nonce {
        None => Outcome::NotChecked(NotChecked::NotGiven),
        Some(nonce) if nonce == attest.extra_data => Outcome::Passed,
        Some(_) => Outcome::Failed(NonceFailure {
            found: attest.extra_data.to_vec(),
        }),
    }
}

fn check_selection(check: &QuoteCheck<'_, '_>, attest: &Attest<'_>) -> Outcome<SelectionFailure> {
    if attest.selection.is_empty() {
        return Outcome::Failed(SelectionFailure::Nothing);
    }
    let missing: Vec<_> = check
        .required
        .iter()
        .copied()
        .filter(|&(bank, index)| !attest.selection.covers(bank, index))
        .collect();
    if !missing.is_empty() {
        Outcome::Failed(SelectionFailure::NotCovered(missing))
    } else if check.required.is_empty() {
        Outcome::NotChecked(NotChecked::NotGiven)
    } else {
        Outcome::Passed
    }
}

fn check_pcr_digest(check: &QuoteCheck<'_, '_>, attest: &Attest<'_>) -> Outcome<PcrDigestFailure> {
    let Some(pcrs) = check.pcrs else {
        return Outcome::NotChecked(NotChecked::NotGiven);
    };
    match attest.pcr_digest_of(check.signature.hash(), |bank, index| pcrs.get(bank, index)) {
        Ok(computed) if computed.bytes() == attest.pcr_digest => Outcome::Passed,
        Ok(computed) => Outcome::Failed(PcrDigestFailure::Mismatch {
            computed: Box::new(computed),
            quoted: attest.pcr_digest.to_vec(),
        }),
        Err(fault) => Outcome::Failed(PcrDigestFailure::Incomplete(fault)),
    }
}
