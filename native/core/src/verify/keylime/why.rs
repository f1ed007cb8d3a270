//! Why the two sets of rules disagree.

use super::event;
use crate::verify::finding::FindingCode;
use crate::verify::recorder::First;

/// What else is known where they disagree.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) has_policy: bool,
    pub(crate) is_signed: bool,
    pub(crate) is_boot_aggregate: bool,
}

/// Why one accepts and the other does not.
pub(crate) fn why(first: First, facts: Facts) -> &'static str {
    match (first.strict, first.keylime) {
        (Some(code), _) => keylime_accepts(code, facts),
        (None, Some(event)) => keylime_refuses(event, facts),
        (None, None) => "",
    }
}

fn keylime_accepts(code: FindingCode, facts: Facts) -> &'static str {
    match code {
        FindingCode::Violation => "Keylime passes violations unless ignore_tomtou_errors is true",
        FindingCode::TemplateHashMismatch => {
            "Keylime takes a template hash of all ones for a violation, and checks nothing else of the entry"
        }
        FindingCode::NotListed if !facts.has_policy => "without a policy Keylime accepts every file",
        FindingCode::NotListed if facts.is_signed => {
            "Keylime takes the signature for valid: its keys or its exclude patterns are others"
        }
        FindingCode::NotListed => "Keylime joins the exclude patterns to one, which excludes the path",
        FindingCode::DigestMismatch if facts.is_signed => {
            "Keylime accepts a validly signed file whatever the policy lists for its path"
        }
        FindingCode::AlgorithmMismatch | FindingCode::DigestMissing | FindingCode::DigestMismatch => {
            "Keylime compares digests as text, and not their algorithms"
        }
        FindingCode::SignatureInvalid
        | FindingCode::SignatureKeyUnknown
        | FindingCode::SignatureMalformed => "Keylime asks the policy where a signature does not hold",
        FindingCode::KeyNotListed | FindingCode::BufferNotListed | FindingCode::DeviceMapper => {
            "Keylime holds the entry against another part of the policy, or joins the exclude patterns to one"
        }
        FindingCode::BufferDigestMismatch => "Keylime does not compare a buffer with its digest",
        FindingCode::UnexpectedPcr => "Keylime looks at PCR 10 alone",
        FindingCode::PcrMismatch => {
            "Keylime compares PCR 10 of one bank, from the lines that it can read, and takes a match before the first"
        }
        FindingCode::BootAggregateMismatch => "Keylime takes boot_aggregate for a path like any other",
        FindingCode::EntryMalformed => "Keylime does not check how names and digests are made up",
        FindingCode::TemplateUnknown => "Keylime reads the template otherwise",
        FindingCode::ListTruncated => {
            "Keylime takes a list that breaks off, or an empty one, for a whole one"
        }
        FindingCode::QuoteInvalid | FindingCode::NonceMismatch => {
            "Keylime does not make this check of a quote"
        }
    }
}

fn keylime_refuses(name: &str, facts: Facts) -> &'static str {
    match name {
        event::PARSER_ENTRY => "Keylime does not know the template, or cannot read the line as it stands",
        event::IMA_HASH => {
            "Keylime computes the template hash otherwise: with log_hash_alg of the policy, in little-endian order, line \
             by line and without a malformed signature"
        }
        event::IMA_PCR => "Keylime wants every entry in PCR 10",
        event::TOMTOU => "violations are allowed here, and reported by this verifier",
        event::NOT_IN_ALLOWLIST if facts.is_boot_aggregate => {
            "Keylime takes boot_aggregate for a path like any other"
        }
        event::NOT_IN_ALLOWLIST | event::RUNTIME_POLICY_HASH | event::INVALID_SIGNATURE
            if facts.is_signed =>
        {
            "Keylime verifies signatures of ima-sig and of version 2 alone"
        }
        event::NOT_IN_ALLOWLIST => {
            "Keylime finds no such name in the policy: it compares text, or cannot use its excludes"
        }
        event::RUNTIME_POLICY_HASH => {
            "Keylime compares the text of digests, and this one is written otherwise in the policy"
        }
        event::INVALID_SIGNATURE => "Keylime wants a valid signature where there is no policy",
        event::INVALID_KEY => "Keylime takes RSA and EC keys alone",
        event::PCR_MISMATCH => {
            "Keylime compares PCR 10 of one bank, from the lines that it can read, each bank with its own hash"
        }
        event::QUOTE_VALIDATION => "Keylime checks the quote otherwise",
        _ => "Keylime ends with an exception here",
    }
}
