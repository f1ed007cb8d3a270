//! Why an allowlist cannot be read or written.

use crate::error::{Explain, Place};
use crate::path::Escaped;

/// Why an allowlist cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllowlistError {
    /// The format has no way to write this path.
    #[error("{} cannot be written as {format}: {problem}", Escaped(path))]
    PathUnlistable {
        /// The path, as the image has it.
        path: Vec<u8>,
        /// The format that was asked for.
        format: &'static str,
        /// What stands in the way.
        problem: &'static str,
    },
    /// A digest that the format does not take.
    #[error("{}: {format} takes no digest of {algorithm}: {problem}", Escaped(path))]
    DigestUnlistable {
        /// The path, as the image has it.
        path: Vec<u8>,
        /// The format that was asked for.
        format: &'static str,
        /// The algorithm of the digest.
        algorithm: &'static str,
        /// What stands in the way.
        problem: &'static str,
    },
    /// A line of a flat allowlist that is no row.
    #[error("line {line}: {problem}")]
    LineMalformed {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file has no row at all.
    #[error("the allowlist has no rows")]
    Empty,
}

impl Explain for AllowlistError {
    fn code(&self) -> &'static str {
        match self {
            Self::PathUnlistable { .. } => "PATH_UNLISTABLE",
            Self::DigestUnlistable { .. } => "DIGEST_UNLISTABLE",
            Self::LineMalformed { .. } => "ALLOWLIST_LINE_MALFORMED",
            Self::Empty => "ALLOWLIST_EMPTY",
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::PathUnlistable { path, .. } | Self::DigestUnlistable { path, .. } => Place {
                path: Some(path.clone()),
                ..Place::default()
            },
            Self::LineMalformed { line, .. } => Place {
                line: Some(*line),
                ..Place::default()
            },
            Self::Empty => Place::default(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PathUnlistable { .. } => {
                Some("leave it out with --keep-going, or use --format json, which can write every path")
            }
            Self::DigestUnlistable { .. } => {
                Some("choose another --algorithm, or a --format that can hold it")
            }
            Self::LineMalformed { .. } => Some("each line is a hex digest, two blanks and a path"),
            Self::Empty => Some("check how the file was made"),
        }
    }
}
