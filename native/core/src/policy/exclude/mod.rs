//! Exclude patterns: which names are not appraised.
//!
//! A pattern is a regular expression of Python, and means what `re.match` of Python 3.11 makes of it: it has to
//! fit the start of a name, and need not reach its end. What cannot have that meaning here is refused, never
//! read in another way.

mod automaton;
mod charset;
mod error;
mod keylime;
mod limits;
mod linear;
mod lint;
mod list;
mod machine;
mod meaning;
mod pattern;
mod prefix;
mod program;
mod set;
mod syntax;
mod unicode;

pub use error::{ExcludeError, PatternError};
pub use keylime::{KeylimeDifference, KeylimeExcludes, ListIgnored};
pub use limits::ExcludeLimits;
pub use lint::{Lint, LintKind};
pub use list::parse_exclude_list;
pub use set::ExcludeSet;
pub use syntax::{Construct, Fault};

/// A pattern, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludePattern {
    /// The regular expression.
    pub text: String,
    /// The line of the file it is on, counted from 1, if it is from a file.
    pub line: Option<u64>,
}

impl From<&str> for ExcludePattern {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            line: None,
        }
    }
}

#[cfg(test)]
mod tests;
