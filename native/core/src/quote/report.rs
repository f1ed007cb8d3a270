//! What came out of verifying a quote, check by check.

use std::fmt;

use ima_assay_digest::{Algorithm, Digest, hex};

use super::attest::PcrDigestFault;
use super::{Attest, AttestFault, KeyAttribute, QuoteScheme};
use crate::public_key::Refusal;

/// What came out of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<F> {
    /// It was made and it held.
    Passed,
    /// It was made and it did not hold.
    Failed(F),
    /// It was not made.
    NotChecked(NotChecked),
}

impl<F> Outcome<F> {
    /// Whether the check was made and held.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        matches!(self, Self::Passed)
    }

    fn failure(&self) -> Option<&F> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    fn reason(&self) -> Option<NotChecked> {
        match self {
            Self::NotChecked(reason) => Some(*reason),
            _ => None,
        }
    }
}

/// Why a check was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotChecked {
    /// What to compare with was not given.
    #[error("not given")]
    NotGiven,
    /// The form in which the key was given says nothing about it.
    #[error("the key's form does not tell; give TPM2B_PUBLIC")]
    KeyFormSilent,
    /// The message could not be read, which is a failure of its own.
    #[error("the message could not be read")]
    MessageUnreadable,
}

/// What is wrong with the key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFailure {
    /// A holder of such a key can sign messages that no TPM made.
    AttributesMissing(Vec<KeyAttribute>),
}

/// What is wrong with the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFailure {
    /// The caller does not accept this scheme.
    #[error("signatures with {0} are not accepted")]
    SchemeRefused(QuoteScheme),
    /// The caller does not accept this hash algorithm.
    #[error("signatures with {0} are not accepted")]
    HashRefused(Algorithm),
    /// The key signs with another scheme or hash algorithm.
    #[error("the key does not sign with {0} and {1}")]
    KeySchemeDiffers(QuoteScheme, Algorithm),
    /// It does not verify.
    #[error("{0}")]
    Refused(Refusal),
}

/// The message has another nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonceFailure {
    /// The nonce in the message.
    pub found: Vec<u8>,
}

/// What is wrong with the selection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectionFailure {
    /// No PCR is quoted at all.
    Nothing,
    /// PCRs that should be trusted are not quoted.
    NotCovered(Vec<(Algorithm, u8)>),
}

/// What is wrong with the PCR values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PcrDigestFailure {
    /// They are not those that were quoted.
    Mismatch {
        /// The digest of the values that were given.
        computed: Box<Digest>,
        /// The digest in the message.
        quoted: Vec<u8>,
    },
    /// The digest cannot be computed.
    Incomplete(PcrDigestFault),
}

/// What came out of verifying a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteReport<'a> {
    /// The key has the attributes of an attestation key.
    pub key: Outcome<KeyFailure>,
    /// The signature over the message verifies with the key, and is of an accepted kind.
    pub signature: Outcome<SignatureFailure>,
    /// The message is a quote of a TPM.
    pub message: Result<Attest<'a>, AttestFault>,
    /// The nonce is the expected one.
    pub nonce: Outcome<NonceFailure>,
    /// The PCRs that are to be trusted are quoted.
    pub selection: Outcome<SelectionFailure>,
    /// The given PCR values are the quoted ones.
    pub pcr_digest: Outcome<PcrDigestFailure>,
}

/// One failed check of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteFailure<'a> {
    /// See [`QuoteReport::key`].
    Key(&'a KeyFailure),
    /// See [`QuoteReport::signature`].
    Signature(&'a SignatureFailure),
    /// See [`QuoteReport::message`].
    Message(&'a AttestFault),
    /// See [`QuoteReport::nonce`].
    Nonce(&'a NonceFailure),
    /// See [`QuoteReport::selection`].
    Selection(&'a SelectionFailure),
    /// See [`QuoteReport::pcr_digest`].
    PcrDigest(&'a PcrDigestFailure),
}

impl QuoteReport<'_> {
    /// Every check that failed.
    #[must_use]
    pub fn failures(&self) -> Vec<QuoteFailure<'_>> {
        [
            self.key.failure().map(QuoteFailure::Key),
            self.signature.failure().map(QuoteFailure::Signature),
            self.message.as_ref().err().map(QuoteFailure::Message),
            self.nonce.failure().map(QuoteFailure::Nonce),
            self.selection.failure().map(QuoteFailure::Selection),
            self.pcr_digest.failure().map(QuoteFailure::PcrDigest),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Every check that was not made, by name, and why.
    #[must_use]
    pub fn unchecked(&self) -> Vec<(&'static str, NotChecked)> {
        [
            ("key attributes", self.key.reason()),
            ("signature", self.signature.reason()),
            ("nonce", self.nonce.reason()),
            ("selection", self.selection.reason()),
            ("PCR values", self.pcr_digest.reason()),
        ]
        .into_iter()
        .filter_map(|(check, reason)| Some((check, reason?)))
        .collect()
    }

    /// Whether the signature verifies, the message is a quote, and no check failed that was asked for. What was
    /// not asked for is in [`QuoteReport::unchecked`].
    #[must_use]
    pub fn holds(&self) -> bool {
        self.signature.is_passed() && self.failures().is_empty()
    }
}

impl fmt::Display for QuoteFailure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(KeyFailure::AttributesMissing(missing)) => {
                f.write_str("the key can sign what no TPM made, it is not")?;
                missing
                    .iter()
                    .try_for_each(|attribute| write!(f, " {}", attribute.name()))
            }
            Self::Signature(failure) => failure.fmt(f),
            Self::Message(fault) => fault.fmt(f),
            Self::Nonce(failure) => write!(f, "the nonce is another one: {}", hex(&failure.found)),
            Self::Selection(SelectionFailure::Nothing) => f.write_str("no PCR is quoted"),
            Self::Selection(SelectionFailure::NotCovered(missing)) => {
                f.write_str("not quoted:")?;
                missing
                    .iter()
                    .try_for_each(|(bank, index)| write!(f, " {bank}:{index}"))
            }
            Self::PcrDigest(PcrDigestFailure::Mismatch { computed, quoted }) => {
                write!(f, "the PCR values hash to {computed}, quoted is {}", hex(quoted))
            }
            Self::PcrDigest(PcrDigestFailure::Incomplete(fault)) => fault.fmt(f),
        }
    }
}
