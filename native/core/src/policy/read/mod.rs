//! Reading policies: runtime policies, signed or not, old ones, JSON allowlists and flat ones.
//!
//! What a file is, its content tells:
//!
//! ```text
//! {"meta": …, "digests": {"/usr/bin/x": ["5891b5…"], …}, …}     runtime policy
//! {"hashes": {"/usr/bin/x": ["5891b5…"], …}, …}                 old JSON allowlist
//! {"payload": "…", "payloadType": "…", "signatures": […]}       envelope around one of them
//! 5891b5…  /usr/bin/x                                           flat allowlist
//! ```

mod flat;
mod json;
mod keyring;
mod lines;
mod lists;
mod name;
mod scalar;
mod settings;
mod signatures;
mod top;
mod value;

use ima_assay_digest::Algorithm;

use super::error::PolicyError;
use super::loaded::{Policy, SignatureStatus};
use super::location::Location;
use super::problem::{Problem, ProblemCode};
use crate::allowlist::BYTE_ORDER_MARK;
use crate::signature::{Envelope, RUNTIME_POLICY_TYPE};

/// How much a policy may hold.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Bytes of the file; default 1 GiB, never more than 4 GiB.
    pub max_bytes: usize,
    /// Names, patterns and signatures together; default four million.
    pub max_entries: usize,
    /// JSON arrays and objects inside one another; default 64. Keylime stops at about a thousand.
    pub max_depth: usize,
    /// Rejected lines that an error lists; default 100. They are counted beyond that.
    pub max_problems: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_entries: 4_000_000,
            max_depth: 64,
            max_problems: 100,
        }
    }
}

/// Checks the signatures of an envelope.
pub type CheckSignatures<'a> = dyn Fn(&Envelope) -> SignatureStatus + 'a;

/// How to read a policy.
#[derive(Default, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// How much it may hold.
    pub limits: ReadLimits,
    /// Where a digest's algorithm is not named, its length tells; 64 hex digits are SHA-256. Digests of this
    /// algorithm's length are taken for its instead: SM3, for one.
    pub assumed_algorithm: Option<Algorithm>,
    /// Checks the signatures of an envelope; without it they are [`SignatureStatus::Unchecked`].
    pub check_signatures: Option<&'a CheckSignatures<'a>>,
}

/// Reads a runtime policy or an allowlist of any shape.
///
/// `origin` is the name of the file, for reports. What Keylime would not take and can be read nonetheless is no
/// error: [`Policy::validate`] tells it.
///
/// # Errors
/// [`PolicyError`]: it is none of them, or its meaning is not certain.
pub fn read(bytes: &[u8], origin: &[u8], options: &ReadOptions<'_>) -> Result<Policy, PolicyError> {
    let limit = options
        .limits
        .max_bytes
        .min(usize::try_from(u32::MAX).unwrap_or(usize::MAX));
    if bytes.len() > limit {
        return Err(PolicyError::TooLarge {
            bytes: bytes.len(),
            limit,
        });
    }
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut policy = match text.trim_ascii_start().first() {
        None => return Err(PolicyError::Empty),
        Some(b'{' | b'[' | b'"') => match json::read(text, origin, options)? {
            json::Parsed::Policy(policy) => *policy,
            json::Parsed::Envelope(envelope) => read_payload(&envelope, origin, options)?,
        },
        Some(_) => flat::read(text, origin, options)?,
    };
    if text.len() < bytes.len() {
        policy.notes.push(Problem {
            code: ProblemCode::ByteOrderMark,
            location: Location::of_line(1),
            problem: "the file begins with a byte order mark, which Keylime takes for text",
        });
    }
    Ok(policy)
}

/// Takes the envelope of a signed policy apart; none if it is not signed. The policy in it is not looked at.
///
/// # Errors
/// [`PolicyError`]: the file is neither an envelope nor a policy.
pub fn read_envelope(bytes: &[u8], options: &ReadOptions<'_>) -> Result<Option<Envelope>, PolicyError> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if text.len() > options.limits.max_bytes {
        return Err(PolicyError::TooLarge {
            bytes: text.len(),
            limit: options.limits.max_bytes,
        });
    }
    match text.trim_ascii_start().first() {
        None => Err(PolicyError::Empty),
        Some(b'{' | b'[' | b'"') => Ok(match json::read(text, b"", options)? {
            json::Parsed::Policy(_) => None,
            json::Parsed::Envelope(envelope) => Some(envelope),
        }),
        Some(_) => Ok(None),
    }
}

fn read_payload(
    envelope: &Envelope,
    origin: &[u8],
    options: &ReadOptions<'_>,
) -> Result<Policy, PolicyError> {
    let malformed = |problem| PolicyError::EnvelopeMalformed {
        location: Location::of_key("payload"),
        problem,
    };
    if envelope.payload.trim_ascii_start().first() != Some(&b'{') {
        return Err(malformed("the payload is no JSON object"));
    }
    let parsed = json::read(&envelope.payload, origin, options).map_err(|error| PolicyError::Payload {
        error: Box::new(error),
    })?;
    let json::Parsed::Policy(mut policy) = parsed else {
        return Err(malformed("the payload is an envelope again"));
    };
    policy.signature = options
        .check_signatures
        .map_or(SignatureStatus::Unchecked, |check| check(envelope));
    if envelope.payload_type != RUNTIME_POLICY_TYPE {
        policy.notes.push(Problem {
            code: ProblemCode::PayloadTypeForeign,
            location: Location::of_key("payloadType"),
            problem: "the payload's type is not application/vnd.keylime+json",
        });
    }
    Ok(*policy)
}
