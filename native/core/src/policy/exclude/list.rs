//! Exclude list files: one pattern a line.
//!
//! ```text
//! # caches
//! /var/cache/.*
//! \#not-a-comment
//! ```

use super::{ExcludeError, ExcludeLimits, ExcludePattern, ExcludeSet, unicode};

/// What Python's `str.splitlines` takes for the end of a line beside line feeds. Programs that read a file line
/// by line do not, so that one file would be two lists.
const UNCLEAR_BREAKS: [char; 9] = [
    '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}',
];

/// Reads an exclude list: UTF-8, one pattern a line, which ends with LF or CR LF. White space at both ends of a
/// line does not count. Empty lines are left out, and so are lines that start with `#`; `\#` is a literal `#`.
///
/// # Errors
/// Every line that cannot be read, as [`ExcludeError::LineNotText`] or [`ExcludeError::LineBreakUnclear`];
/// [`ExcludeError::ByteOrderMark`]. Patterns are not looked at: see [`ExcludeSet::new`].
pub fn parse_exclude_list(text: &[u8]) -> Result<Vec<ExcludePattern>, Vec<ExcludeError>> {
    let (patterns, errors) = lines(text);
    if errors.is_empty() {
        Ok(patterns)
    } else {
        Err(errors)
    }
}

impl ExcludeSet {
    /// Reads an exclude list and compiles its patterns: [`parse_exclude_list`], then [`ExcludeSet::new`].
    ///
    /// # Errors
    /// Those of both, of all lines at once.
    pub fn parse(text: &[u8], limits: &ExcludeLimits) -> Result<Self, Vec<ExcludeError>> {
        let (patterns, mut errors) = lines(text);
        match Self::new(patterns, limits) {
            Ok(set) if errors.is_empty() => Ok(set),
            Ok(_) => Err(errors),
            Err(more) => {
                errors.extend(more);
                Err(errors)
            }
        }
    }
}

fn lines(text: &[u8]) -> (Vec<ExcludePattern>, Vec<ExcludeError>) {
    let mut patterns = Vec::new();
    let mut errors = Vec::new();
    let text = match text.strip_prefix("\u{feff}".as_bytes()) {
        Some(rest) => {
            errors.push(ExcludeError::ByteOrderMark);
            rest
        }
        None => text,
    };
    for (line, bytes) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let whole = match std::str::from_utf8(bytes) {
            Ok(whole) => whole,
            Err(error) => {
                let column = error.valid_up_to();
                errors.push(ExcludeError::LineNotText { line, column });
                continue;
            }
        };
        let pattern = whole.trim_matches(|character| unicode::is_space(u32::from(character)));
        if let Some(character) = pattern
            .chars()
            .find(|character| UNCLEAR_BREAKS.contains(character))
        {
            let code = character.into();
            errors.push(ExcludeError::LineBreakUnclear { line, code });
        } else if !pattern.is_empty() && !pattern.starts_with('#') {
            patterns.push(ExcludePattern {
                text: pattern.to_owned(),
                line: Some(line),
            });
        }
    }
    (patterns, errors)
}
