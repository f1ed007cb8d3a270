//! Why evidence comes to no verdict.

use std::io;

use crate::error::{Explain, Place};
use crate::path::Escaped;
use crate::policy::exclude::ExcludeError;
use crate::signature::EnvelopeRefusal;
use crate::verify::VerifyError;

/// An error of one of the formats.
type Cause = Box<dyn Explain + Send + Sync>;

/// Why evidence comes to no verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A file cannot be read.
    #[error("{}: {error}", Escaped(input))]
    Unreadable {
        /// The file.
        input: Vec<u8>,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// A file is not what it is given for.
    #[error("{error}")]
    Malformed {
        /// The file, or the option it was given with.
        input: Vec<u8>,
        /// What is wrong with it.
        error: Cause,
    },
    /// Patterns of an exclude list cannot be used: all of them.
    #[error("{}", list(errors))]
    Excludes {
        /// The file.
        input: Vec<u8>,
        /// What is wrong, at least one.
        errors: Vec<ExcludeError>,
    },
    /// A policy that none of the given keys has signed.
    #[error("{refusal}")]
    PolicyUntrusted {
        /// The file.
        input: Vec<u8>,
        /// What is wrong with its signatures.
        refusal: EnvelopeRefusal,
    },
    /// The caller asked to stop.
    #[error("stopped on request")]
    Cancelled,
    /// The list cannot be verified.
    #[error("{error}")]
    Verify {
        /// The list.
        list: Vec<u8>,
        /// Why.
        error: Box<VerifyError>,
    },
}

impl EvidenceError {
    pub(crate) fn malformed(input: &[u8], error: impl Explain + Send + Sync + 'static) -> Self {
        Self::Malformed {
            input: input.to_vec(),
            error: Box::new(error),
        }
    }
}

/// Bad lines that a message names: a file that is no list has nothing else.
const MAX_LISTED: usize = 20;

/// One message for all bad patterns: whoever mends the list wants to see them at once.
fn list(errors: &[ExcludeError]) -> String {
    // The line of a single one is a part of the place.
    let shown = errors
        .iter()
        .take(MAX_LISTED)
        .map(|error| match error.place().line {
            Some(line) if errors.len() > 1 => format!("line {line}: {error}"),
            _ => error.to_string(),
        });
    let mut all: Vec<String> = shown.collect();
    let left = errors.len().saturating_sub(all.len());
    if left > 0 {
        all.push(format!("and {left} more"));
    }
    all.join("; ")
}

impl Explain for EvidenceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "EVIDENCE_UNREADABLE",
            Self::Malformed { error, .. } => error.code(),
            Self::Excludes { errors, .. } => errors.first().map_or("PATTERN_INVALID", |error| error.code()),
            Self::PolicyUntrusted { .. } => "POLICY_UNTRUSTED",
            Self::Cancelled => "CANCELLED",
            Self::Verify { error, .. } => error.code(),
        }
    }

    fn place(&self) -> Place {
        let (input, inner) = match self {
            Self::Unreadable { input, .. } | Self::PolicyUntrusted { input, .. } => (input, Place::default()),
            Self::Malformed { input, error } => (input, error.place()),
            Self::Excludes { input, errors } => match errors.as_slice() {
                [error] => (input, error.place()),
                _ => (input, Place::default()),
            },
            Self::Cancelled => return Place::default(),
            Self::Verify { list, error } => (list, error.place()),
        };
        Place {
            input: inner.input.or_else(|| Some(input.clone())),
            ..inner
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable { .. } => Some("check the name, and that it may be read"),
            Self::Malformed { error, .. } => error.hint(),
            Self::Excludes { errors, .. } => errors.first().and_then(Explain::hint),
            Self::PolicyUntrusted { .. } => {
                Some("get the policy again from who signed it, or give the key that did")
            }
            Self::Cancelled => None,
            Self::Verify { error, .. } => error.hint(),
        }
    }
}
