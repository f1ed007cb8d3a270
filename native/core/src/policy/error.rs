//! Why a policy cannot be read.

use super::location::Location;
use crate::error::{Explain, Place};

/// Why a policy cannot be read. What can be read and Keylime would still refuse is no error but a
/// [`Problem`](super::Problem).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// More bytes than [`ReadLimits::max_bytes`](super::ReadLimits::max_bytes).
    #[error("the policy has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There is nothing in the file.
    #[error("the policy is empty")]
    Empty,
    /// JSON is UTF-8, this is not.
    #[error("{location}: not UTF-8, at byte {offset}")]
    NotUtf8 {
        /// Bytes before the fault, counted from 0.
        offset: usize,
        /// Its line.
        location: Location,
    },
    /// It begins as JSON does, and is none.
    #[error("not JSON: {error}")]
    NotJson {
        /// What is wrong, with line and column.
        #[source]
        error: serde_json::Error,
    },
    /// A value of another type than the format has there.
    #[error("{location}: expected {expected}, found {found}")]
    WrongType {
        /// Where.
        location: Location,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// A key of the format stands twice in one object: which of them counts is anybody's guess.
    #[error("{location}: the key stands there twice")]
    KeyTwice {
        /// The second.
        location: Location,
    },
    /// JSON values inside one another, more than [`ReadLimits::max_depth`](super::ReadLimits::max_depth).
    #[error("{location}: more than {limit} levels of arrays and objects")]
    TooDeep {
        /// The value, or the key it is under.
        location: Location,
        /// The limit.
        limit: usize,
    },
    /// More names, patterns or signatures than [`ReadLimits::max_entries`](super::ReadLimits::max_entries).
    #[error("{location}: more than {limit} entries")]
    TooManyEntries {
        /// Where the first over the limit stands.
        location: Location,
        /// The limit.
        limit: usize,
    },
    /// A JSON object with neither `digests` nor `hashes`.
    #[error("neither a runtime policy nor an allowlist: it has no \"digests\" and no \"hashes\"")]
    NoDigests,
    /// A JSON object with both `digests` and `hashes`.
    #[error("\"digests\" of a runtime policy and \"hashes\" of an allowlist are in one file")]
    TwoShapes,
    /// An envelope that holds no policy.
    #[error("{location}: {problem}")]
    EnvelopeMalformed {
        /// Where in the envelope.
        location: Location,
        /// What is wrong.
        problem: &'static str,
    },
    /// The policy inside an envelope cannot be read.
    #[error("in the payload of the envelope: {error}")]
    Payload {
        /// Why; lines are those of the payload.
        #[source]
        error: Box<Self>,
    },
    /// Lines of a flat allowlist that are no rows.
    #[error("{total} of the lines are no rows; {}", show_first(rejected))]
    LinesRejected {
        /// The first of them, as many as [`ReadLimits::max_problems`](super::ReadLimits::max_problems).
        rejected: Vec<RejectedLine>,
        /// How many there are.
        total: u64,
    },
}

/// A line of a flat allowlist that is no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedLine {
    /// Counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: &'static str,
}

fn show_first(rejected: &[RejectedLine]) -> String {
    rejected
        .first()
        .map(|RejectedLine { line, problem }| format!("the first is line {line}: {problem}"))
        .unwrap_or_default()
}

impl Explain for PolicyError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "POLICY_TOO_LARGE",
            Self::Empty => "POLICY_EMPTY",
            Self::NotUtf8 { .. } => "POLICY_NOT_UTF8",
            Self::NotJson { .. } => "POLICY_NOT_JSON",
            Self::WrongType { .. } => "POLICY_TYPE_WRONG",
            Self::KeyTwice { .. } => "POLICY_KEY_TWICE",
            Self::TooDeep { .. } => "POLICY_TOO_DEEP",
            Self::TooManyEntries { .. } => "POLICY_TOO_MANY_ENTRIES",
            Self::NoDigests => "POLICY_SHAPE_UNKNOWN",
            Self::TwoShapes => "POLICY_SHAPE_AMBIGUOUS",
            Self::EnvelopeMalformed { .. } => "ENVELOPE_MALFORMED",
            Self::Payload { error } => error.code(),
            Self::LinesRejected { .. } => "ALLOWLIST_LINE_MALFORMED",
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::TooLarge { .. } | Self::Empty | Self::NoDigests | Self::TwoShapes => Place::default(),
            Self::NotUtf8 { offset, location } => Place {
                offset_bytes: u64::try_from(*offset).ok(),
                line: location.line,
                ..Place::default()
            },
            Self::NotJson { error } => Place {
                line: u64::try_from(error.line()).ok(),
                ..Place::default()
            },
            Self::WrongType { location, .. }
            | Self::KeyTwice { location }
            | Self::TooDeep { location, .. }
            | Self::TooManyEntries { location, .. }
            | Self::EnvelopeMalformed { location, .. } => Place {
                path: location.name.clone(),
                line: location.line,
                ..Place::default()
            },
            // The caller has no file whose lines these would be.
            Self::Payload { error } => Place {
                line: None,
                offset_bytes: None,
                ..error.place()
            },
            Self::LinesRejected { rejected, .. } => Place {
                line: rejected.first().map(|rejected| rejected.line),
                ..Place::default()
            },
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge { .. } => Some("raise the limit max_bytes if it is meant to be so large"),
            Self::Empty => Some("check how the file was made"),
            Self::NotUtf8 { .. } => Some("write names that are not UTF-8 into a flat allowlist"),
            Self::NotJson { .. } => Some("the file may be cut or edited by hand: make it anew"),
            Self::WrongType { .. } => Some("correct it by hand, or make the policy anew with a tool"),
            Self::KeyTwice { .. } => Some("remove one of the two; readers of JSON do not agree which counts"),
            Self::TooDeep { .. } => Some("a policy has four levels: check that this is one"),
            Self::TooManyEntries { .. } => Some("raise the limit max_entries if it is meant to be so large"),
            Self::NoDigests => Some(
                "expected a runtime policy (\"digests\"), an old JSON allowlist (\"hashes\"), either of them signed, \
                 or lines of a digest and a path",
            ),
            Self::TwoShapes => Some("remove the one that is not meant"),
            Self::EnvelopeMalformed { .. } => Some("sign the policy anew with keylime-policy sign runtime"),
            Self::Payload { error } => error.hint(),
            Self::LinesRejected { .. } => Some("each line is a hex digest, two blanks and a path"),
        }
    }
}
