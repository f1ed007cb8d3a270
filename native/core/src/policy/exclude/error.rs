//! Why an exclude list cannot be used, or cannot tell.

use super::syntax::{Construct, Fault};
use crate::error::{Explain, Place};
use crate::path::Escaped;

/// What is wrong with one pattern. Positions count characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Python refuses it, too.
    #[error("{fault} at position {position}")]
    Invalid {
        /// Why.
        fault: Fault,
        /// Where, as Python counts.
        position: usize,
    },
    /// Python takes it, and its meaning cannot be kept.
    #[error("{construct} (position {position})")]
    Unsupported {
        /// What it is.
        construct: Construct,
        /// Where it is.
        position: usize,
    },
    /// A letter, or the end of a range in a set, beyond U+FFFF under `(?i:…)`, where Python 3.11 breaks its own
    /// rules.
    #[error("case cannot be ignored for U+{code:X}")]
    CaseUnsupported {
        /// The character.
        code: u32,
    },
    /// More bytes than the limit.
    #[error("{bytes} bytes long, at most {max} are taken")]
    TooLong {
        /// Bytes of the pattern.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More groups inside one another than the limit.
    #[error("more than {max} groups inside one another at position {position}")]
    TooDeep {
        /// The limit.
        max: usize,
        /// Where the first group too many starts.
        position: usize,
    },
    /// Larger than the limit once its repeats are written out.
    #[error("it has the size {size} with its counted repeats written out, at most {max} is taken")]
    TooLarge {
        /// Its size, as [`super::ExcludeLimits::max_size`] counts.
        size: u64,
        /// The limit.
        max: u64,
    },
}

/// Why an exclude list cannot be used, or cannot tell whether a name is excluded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExcludeError {
    /// A pattern that is not taken.
    #[error("exclude pattern {} ({}): {error}", index.saturating_add(1), Escaped(pattern.as_bytes()))]
    Pattern {
        /// Which pattern, from 0.
        index: usize,
        /// The line it is on, from 1, if it comes from a file.
        line: Option<u64>,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// All patterns together are larger than the limit.
    #[error("the exclude patterns have the size {size} together, at most {max} is taken")]
    TooLargeTogether {
        /// Their size, as [`super::ExcludeLimits::max_size`] counts.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// A pattern that needs backtracking was not decided within the limit of steps.
    #[error(
        "exclude pattern {} ({}) takes too long on {}: not decided",
        index.saturating_add(1),
        Escaped(pattern.as_bytes()),
        Escaped(path)
    )]
    Undecided {
        /// Which pattern, from 0.
        index: usize,
        /// The line it is on, from 1, if it comes from a file.
        line: Option<u64>,
        /// The pattern.
        pattern: String,
        /// The name it was tried on.
        path: Vec<u8>,
    },
    /// A pattern that matches every path, where a policy is to be made of the list.
    #[error("the pattern \"{}\" excludes every path", Escaped(pattern.as_bytes()))]
    Everything {
        /// The line it is on, from 1, if it comes from a file.
        line: Option<u64>,
        /// The pattern.
        pattern: String,
    },
    /// A line of an exclude list that is not UTF-8.
    #[error("not UTF-8 from byte {column} of the line on")]
    LineNotText {
        /// Counted from 1.
        line: u64,
        /// Bytes of the line before the fault.
        column: usize,
    },
    /// A line with a character that is a line break for some readers only.
    #[error("U+{code:04X} inside the line is a line break for some programs and not for others")]
    LineBreakUnclear {
        /// Counted from 1.
        line: u64,
        /// The character.
        code: u32,
    },
    /// A byte order mark at the start of an exclude list, which Python would take for a part of the first pattern.
    #[error("a byte order mark at its start")]
    ByteOrderMark,
}

impl Explain for ExcludeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Pattern { error, .. } => match error {
                PatternError::Invalid { .. } => "PATTERN_INVALID",
                PatternError::Unsupported { .. } => "PATTERN_UNSUPPORTED",
                PatternError::CaseUnsupported { .. } => "PATTERN_CASE_UNSUPPORTED",
                PatternError::TooLong { .. } => "PATTERN_TOO_LONG",
                PatternError::TooDeep { .. } => "PATTERN_TOO_DEEP",
                PatternError::TooLarge { .. } => "PATTERN_TOO_LARGE",
            },
            Self::TooLargeTogether { .. } => "EXCLUDES_TOO_LARGE",
            Self::Undecided { .. } => "PATTERN_UNDECIDED",
            Self::Everything { .. } => "EXCLUDES_EVERYTHING",
            Self::LineNotText { .. } => "EXCLUDE_LIST_NOT_TEXT",
            Self::LineBreakUnclear { .. } => "EXCLUDE_LIST_LINE_BREAK",
            Self::ByteOrderMark => "EXCLUDE_LIST_BYTE_ORDER_MARK",
        }
    }

    fn place(&self) -> Place {
        let (line, path) = match self {
            Self::Pattern { line, .. } | Self::Everything { line, .. } => (*line, None),
            Self::Undecided { line, path, .. } => (*line, Some(path.clone())),
            Self::LineNotText { line, .. } | Self::LineBreakUnclear { line, .. } => (Some(*line), None),
            Self::ByteOrderMark => (Some(1), None),
            Self::TooLargeTogether { .. } => (None, None),
        };
        Place {
            line,
            path,
            ..Place::default()
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Pattern { error, .. } => error.hint(),
            Self::TooLargeTogether { .. } => Some("replace groups of patterns by one that covers them"),
            Self::Undecided { .. } => {
                Some("write the pattern without back references and without repeats inside of repeats")
            }
            Self::Everything { .. } => {
                Some("patterns match from the start of a path; name what is to be excluded")
            }
            Self::LineNotText { .. } => Some("save the exclude list as UTF-8, one pattern a line"),
            Self::LineBreakUnclear { .. } => Some("end the line there, or write the character as an escape"),
            Self::ByteOrderMark => Some("save the exclude list as UTF-8 without a byte order mark"),
        }
    }
}

impl PatternError {
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Invalid {
                fault: Fault::GlobalFlagsNotFirst,
                ..
            } => Some("write (?i:…) around the part that the flag is for"),
            Self::Invalid { .. } => Some("patterns have the syntax of Python's module re"),
            Self::Unsupported { construct, .. } => Some(match construct {
                Construct::NamedCharacter => "write the character itself, or \\uXXXX",
                Construct::GroupNameNotAscii => "name the group in ASCII, or write (?:…)",
                Construct::GroupNumberSpelling => "write the number with the digits 0 to 9 alone",
                Construct::TemplateFlag => "leave the flag out",
            }),
            Self::CaseUnsupported { .. } => Some("list both cases in a set, outside of (?i:…)"),
            Self::TooLong { .. } => Some("split it into several patterns"),
            Self::TooDeep { .. } => Some("write it with fewer groups"),
            Self::TooLarge { .. } => Some("use + or * rather than a large count"),
        }
    }
}
