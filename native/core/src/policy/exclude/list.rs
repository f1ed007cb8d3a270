//! Exclude list files: one pattern a line.
//!
//! ```text
//! # caches
//! /var/cache/.*
//! \#not-a-comment
//! ```

use std::collections::BTreeSet;

use super::{ExcludeError, ExcludeLimits, ExcludePattern, ExcludeSet, unicode};
use crate::error::Explain as _;

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

    /// Reads an exclude list that a policy is made with.
    ///
    /// # Errors
    /// Those of [`ExcludeSet::parse`], and [`ExcludeError::Everything`] for each pattern that matches every path; of
    /// all lines at once.
    pub fn parse_limited(text: &[u8], limits: &ExcludeLimits) -> Result<Self, Vec<ExcludeError>> {
        let (patterns, errors) = lines(text);
        limited(patterns, errors, limits)
    }

    /// Compiles patterns that a policy is made with.
    ///
    /// # Errors
    /// Those of [`ExcludeSet::new`], and [`ExcludeError::Everything`]; of all patterns at once.
    pub fn new_limited(
        patterns: Vec<ExcludePattern>,
        limits: &ExcludeLimits,
    ) -> Result<Self, Vec<ExcludeError>> {
        limited(patterns, Vec::new(), limits)
    }
}

fn limited(
    patterns: Vec<ExcludePattern>,
    mut errors: Vec<ExcludeError>,
    limits: &ExcludeLimits,
) -> Result<ExcludeSet, Vec<ExcludeError>> {
    let set = ExcludeSet::new(patterns.clone(), limits).or_else(|found| {
        let bad: BTreeSet<usize> = found
            .iter()
            .filter_map(|error| match error {
                ExcludeError::Pattern { index, .. } => Some(*index),
                _ => None,
            })
            .collect();
        errors.extend(found);
        // A pattern that cannot be read must not hide one that matches everything.
        let others = patterns.into_iter().enumerate();
        let good = others.filter(|(index, _)| !bad.contains(index));
        ExcludeSet::new(good.map(|(_, pattern)| pattern).collect(), limits)
    });
    // What is too large together is among the errors already.
    let Ok(set) = set else { return Err(errors) };
    let limitless = set.limitless().filter_map(|index| set.pattern(index));
    errors.extend(limitless.map(|pattern| ExcludeError::Everything {
        line: pattern.line,
        pattern: pattern.text.clone(),
    }));
    errors.sort_by_key(|error| error.place().line);
    if errors.is_empty() { Ok(set) } else { Err(errors) }
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
