//! The events that a Keylime verifier reports, and what to say of them.

use crate::verify::finding::FindingCode;

/// A line that is no entry to Keylime.
pub(crate) const PARSER_ENTRY: &str = "ima.parser.entry";
/// The PCR column is not `10`.
pub(crate) const IMA_PCR: &str = "ima.validation.ima_pcr";
/// The template hash is wrong.
pub(crate) const IMA_HASH: &str = "ima.validation.ima_hash";
/// A violation, where the verifier reports them.
pub(crate) const TOMTOU: &str = "ima.validation.tomtou";
/// The name is not in the policy.
pub(crate) const NOT_IN_ALLOWLIST: &str = "ima.validation.ima-ng.not_in_allowlist";
/// The name is in the policy, the digest is not.
pub(crate) const RUNTIME_POLICY_HASH: &str = "ima.validation.ima-ng.runtime_policy_hash";
/// A file without a valid signature, and no policy.
pub(crate) const INVALID_SIGNATURE: &str = "ima.validator.ima-sig.invalid_signature";
/// A key of a kind that Keylime does not know.
pub(crate) const INVALID_KEY: &str = "ima.invalid_key";
/// The list does not lead to the PCR value.
pub(crate) const PCR_MISMATCH: &str = "ima.pcr_mismatch";
/// The quote does not hold; nothing else is looked at then.
pub(crate) const QUOTE_VALIDATION: &str = "quote_validation.quote_validation";

/// An exception that Keylime does not catch: the verification ends there, without a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exception {
    /// A name or an algorithm that is not UTF-8.
    UnicodeEncodeError,
    /// A name of the template `ima` over 255 bytes; a digest that does not have its algorithm's length, where a
    /// signature is verified.
    ValueError,
    /// A policy without a key that the verifier indexes.
    KeyError,
    /// A hash algorithm that Python's cryptography does not have.
    UnsupportedAlgorithm,
}

impl Exception {
    /// What stands in place of an event.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::UnicodeEncodeError => "exception.UnicodeEncodeError",
            Self::ValueError => "exception.ValueError",
            Self::KeyError => "exception.KeyError",
            Self::UnsupportedAlgorithm => "exception.UnsupportedAlgorithm",
        }
    }
}

/// The code of the finding that an event makes, what it says, and what can be done.
pub(crate) fn words(event: &str) -> (FindingCode, &'static str, &'static str) {
    match event {
        PARSER_ENTRY => (
            FindingCode::EntryMalformed,
            "the line is no entry that Keylime can read; it knows ima, ima-ng, ima-sig and ima-buf",
            "boot with one of these templates, and send the list unchanged",
        ),
        IMA_PCR => (
            FindingCode::UnexpectedPcr,
            "Keylime wants every entry in PCR 10",
            "remove pcr= from the kernel's IMA policy",
        ),
        IMA_HASH => (
            FindingCode::TemplateHashMismatch,
            "the template hash is not the one that Keylime computes from the line",
            "check the list, and log_hash_alg of the policy",
        ),
        TOMTOU => (
            FindingCode::Violation,
            "a violation, which this verifier reports",
            "find out what writes to the file while it is measured",
        ),
        NOT_IN_ALLOWLIST => (
            FindingCode::NotListed,
            "the policy does not list the name",
            "add the digest, or exclude the name",
        ),
        RUNTIME_POLICY_HASH => (
            FindingCode::DigestMismatch,
            "the policy lists the name, and not with this digest",
            "add the digest if the file was changed on purpose",
        ),
        INVALID_SIGNATURE => (
            FindingCode::SignatureInvalid,
            "no known key has signed the file, and no policy was given",
            "give a policy, or the signer's key",
        ),
        INVALID_KEY => (
            FindingCode::KeyNotListed,
            "the key is neither RSA nor EC",
            "remove the key from the keyring",
        ),
        PCR_MISMATCH => (
            FindingCode::PcrMismatch,
            "no part of the list leads to the value of PCR 10",
            "take the list after the quote; unsupported lines are not extended by Keylime either",
        ),
        QUOTE_VALIDATION => (
            FindingCode::QuoteInvalid,
            "the quote does not hold, so that Keylime looks at nothing else",
            "ask for a new quote",
        ),
        "exception.UnicodeEncodeError" => (
            FindingCode::EntryMalformed,
            "the name is not UTF-8: Keylime ends with an exception",
            "rename the file",
        ),
        "exception.ValueError" => (
            FindingCode::EntryMalformed,
            "a name or a digest is longer or shorter than Keylime can take: it ends with an exception",
            "boot with ima_template=ima-ng",
        ),
        "exception.KeyError" => (
            FindingCode::EntryMalformed,
            "the policy lacks a key that Keylime needs: it ends with an exception",
            "complete the policy",
        ),
        _ => (
            FindingCode::EntryMalformed,
            "Keylime ends with an exception here",
            "see the verifier's log",
        ),
    }
}
