//! Why policies cannot be put together.

use crate::error::{Explain, Place};
use crate::measurement::Fault;
use crate::path::Escaped;
use crate::policy::Location;
use crate::signature::SignatureError;

/// Why policies cannot be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// Something that a policy lists cannot be kept, and would be lost.
    #[error("{location}: {problem}")]
    Unusable {
        /// The policy.
        origin: Vec<u8>,
        /// Where it stands.
        location: Location,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A setting that can have one value only has two.
    #[error(
        "{key} is {first} in {} and {second} in {}",
        Escaped(first_origin),
        Escaped(second_origin)
    )]
    Conflict {
        /// The key, as in a policy.
        key: &'static str,
        /// The value that came first.
        first: String,
        /// Who has it.
        first_origin: Vec<u8>,
        /// The other value.
        second: String,
        /// Who has that.
        second_origin: Vec<u8>,
    },
    /// The `verification-keys` of a policy, or a file of keys, cannot be read.
    #[error("{error}")]
    Keys {
        /// The file.
        origin: Vec<u8>,
        /// Why.
        #[source]
        error: SignatureError,
    },
    /// An entry of a measurement list has a fault, so that nothing vouches for it.
    #[error("{fault}")]
    Entry {
        /// The list.
        origin: Vec<u8>,
        /// What is wrong.
        #[source]
        fault: Fault,
    },
    /// An entry of a measurement list with a digest that means nothing.
    #[error("entry {entry}: {problem}")]
    EntryDigest {
        /// The list.
        origin: Vec<u8>,
        /// Counted from 1.
        entry: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The form that was asked for has no place for something.
    #[error("{form} has no place for {}", what.join(", "))]
    Lossy {
        /// The form.
        form: &'static str,
        /// What would be lost.
        what: Vec<String>,
    },
}

impl Explain for ComposeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unusable { .. } => "POLICY_UNUSABLE",
            Self::Conflict { .. } => "POLICY_CONFLICT",
            Self::Keys { error, .. } => error.code(),
            Self::Entry { fault, .. } => fault.code(),
            Self::EntryDigest { .. } => "ENTRY_DIGEST_UNUSABLE",
            Self::Lossy { .. } => "FORM_LOSSY",
        }
    }

    fn place(&self) -> Place {
        let input = match self {
            Self::Unusable { origin, .. }
            | Self::Keys { origin, .. }
            | Self::Entry { origin, .. }
            | Self::EntryDigest { origin, .. } => Some(origin.clone()),
            Self::Conflict { .. } | Self::Lossy { .. } => None,
        };
        let inner = match self {
            Self::Unusable { location, .. } => Place {
                path: location.name.clone(),
                line: location.line,
                ..Place::default()
            },
            Self::Keys { error, .. } => error.place(),
            Self::Entry { fault, .. } => fault.place(),
            Self::EntryDigest { entry, .. } => Place {
                entry: Some(*entry),
                ..Place::default()
            },
            Self::Conflict { .. } | Self::Lossy { .. } => Place::default(),
        };
        Place { input, ..inner }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unusable { .. } => {
                Some("correct or remove it; `ima-assay policy lint` shows all of its kind")
            }
            Self::Conflict { key, .. } => Some(match *key {
                "release" => "choose one with --release",
                _ => "choose one with --log-hash-alg",
            }),
            Self::Keys { error, .. } => error.hint(),
            Self::Entry { fault, .. } => fault.hint(),
            Self::EntryDigest { .. } => Some("look at the entry with `ima-assay log show`"),
            Self::Lossy { .. } => Some("write a runtime policy, or lose it knowingly with --lossy"),
        }
    }
}
