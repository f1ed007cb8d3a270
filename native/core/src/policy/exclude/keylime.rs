//! What a Keylime verifier makes of an exclude list.
//!
//! It joins all patterns to `(first)|(second)|…` and has Python compile that as one. If it does not compile, the
//! whole list is ignored and verification goes on.

use std::collections::HashMap;

use super::pattern::{read, understand};
use super::set::Total;
use super::syntax::{Fault, Flags, Node, parse};
use super::{ExcludeError, ExcludeLimits, ExcludePattern, ExcludeSet, PatternError};

/// An exclude list as a Keylime verifier on Python 3.11 or newer uses it.
#[derive(Debug)]
pub struct KeylimeExcludes {
    outcome: Result<ExcludeSet, ListIgnored>,
    differences: Vec<KeylimeDifference>,
}

/// Why a verifier ignores the whole list.
///
/// For [`Fault::RepeatTooLarge`] Python raises an exception of another kind than for all others, which a verifier
/// may not be prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListIgnored {
    /// The pattern in which Python finds the fault, from 0. It may be correct by itself.
    pub index: usize,
    /// What Python says.
    pub fault: Fault,
    /// Where in that pattern, in characters from 0; its length if it is in what joins it to the next.
    pub position: usize,
}

/// A pattern that means something else, or something at all, because it is joined to others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeylimeDifference {
    /// Not a pattern by itself; the join makes it one, as in `a)|(b`.
    ValidOnlyJoined {
        /// Which pattern, from 0.
        index: usize,
    },
    /// It refers to a group by its number, which is another group's once the patterns are joined.
    NumbersShifted {
        /// Which pattern, from 0.
        index: usize,
    },
    /// It names a group as an earlier pattern does. The list is ignored.
    NameRepeated {
        /// Which pattern, from 0.
        index: usize,
        /// The earlier one.
        earlier: usize,
        /// The name.
        name: String,
    },
    /// It sets flags for the whole pattern, which it can only at the very start. The list is ignored; before
    /// Python 3.11 the flags hold for all patterns.
    GlobalFlags {
        /// Which pattern, from 0.
        index: usize,
    },
}

impl KeylimeExcludes {
    /// Predicts what a verifier makes of these patterns.
    ///
    /// # Errors
    /// [`ExcludeError::Pattern`] and [`ExcludeError::TooLargeTogether`] if it cannot be told, because of limits or
    /// of what is not supported. A pattern that Python refuses is no error here: the list is ignored then.
    pub fn new(patterns: &[ExcludePattern], limits: &ExcludeLimits) -> Result<Self, Vec<ExcludeError>> {
        if let Some(errors) = too_long(patterns, limits) {
            return Err(errors);
        }
        let outcome = Self::join(patterns, limits).map_err(|error| vec![error])?;
        let differences = differences(patterns, outcome.is_ok(), limits);
        Ok(Self { outcome, differences })
    }

    fn join(
        patterns: &[ExcludePattern],
        limits: &ExcludeLimits,
    ) -> Result<Result<ExcludeSet, ListIgnored>, ExcludeError> {
        if patterns.is_empty() {
            return Ok(Ok(ExcludeSet::of(Vec::new(), limits)));
        }
        let texts: Vec<&str> = patterns.iter().map(|pattern| pattern.text.as_str()).collect();
        let joined = format!("({})", texts.join(")|("));
        let parsed = match parse(&joined, limits.max_depth.saturating_add(1)) {
            Ok(parsed) => parsed,
            Err(PatternError::Invalid { fault, position }) => {
                let (index, position) = item_at(&texts, position);
                return Ok(Err(ListIgnored {
                    index,
                    fault,
                    position,
                }));
            }
            Err(error) => return Err(attributed(patterns, &texts, error)),
        };
        let branches = match parsed.node {
            Node::Alternation(branches) => branches,
            node => vec![node],
        };
        let is_one_each = branches.len() == patterns.len();
        let mut understood = Vec::with_capacity(branches.len());
        let mut total = Total::default();
        for (index, branch) in branches.iter().enumerate() {
            let source = match patterns.get(index).filter(|_| is_one_each) {
                Some(pattern) => pattern.clone(),
                None => ExcludePattern::from(joined.as_str()),
            };
            match understand(branch, Flags::default(), limits) {
                Ok(meaning) => {
                    total.add(&meaning, limits)?;
                    understood.push((source, meaning));
                }
                Err(error) => return Err(source.error(index, error)),
            }
        }
        Ok(Ok(ExcludeSet::of(understood, limits)))
    }

    /// Why the verifier ignores the list, if it does. Nothing is excluded then.
    #[must_use]
    pub fn ignored(&self) -> Option<ListIgnored> {
        self.outcome.as_ref().err().copied()
    }

    /// Patterns that have another meaning, or other consequences, than by themselves.
    #[must_use]
    pub fn differences(&self) -> &[KeylimeDifference] {
        &self.differences
    }

    /// Whether the verifier excludes the name.
    ///
    /// # Errors
    /// [`ExcludeError::Undecided`].
    pub fn is_excluded(&self, name: &[u8]) -> Result<bool, ExcludeError> {
        match &self.outcome {
            Ok(set) => set.find(name).map(|found| found.is_some()),
            Err(_) => Ok(false),
        }
    }
}

fn too_long(patterns: &[ExcludePattern], limits: &ExcludeLimits) -> Option<Vec<ExcludeError>> {
    let max = limits.max_pattern_bytes;
    let errors: Vec<_> = patterns
        .iter()
        .enumerate()
        .filter(|(_, pattern)| pattern.text.len() > max)
        .map(|(index, pattern)| {
            let bytes = pattern.text.len();
            pattern.clone().error(index, PatternError::TooLong { bytes, max })
        })
        .collect();
    (!errors.is_empty()).then_some(errors)
}

/// The pattern that a place in the joined pattern is in, and the place in it.
fn item_at(texts: &[&str], mut position: usize) -> (usize, usize) {
    let last = texts.len().saturating_sub(1);
    for (index, text) in texts.iter().enumerate() {
        let len = text.chars().count();
        // The parentheses around a pattern and the bar after it count as its ends.
        match position.checked_sub(len.saturating_add(3)) {
            Some(rest) if index < last => position = rest,
            _ => return (index, position.saturating_sub(1).min(len)),
        }
    }
    (last, 0)
}

/// The error of a joined pattern as one of the pattern it is in.
fn attributed(patterns: &[ExcludePattern], texts: &[&str], error: PatternError) -> ExcludeError {
    let (index, error) = match error {
        PatternError::Unsupported { construct, position } => {
            let (index, position) = item_at(texts, position);
            (index, PatternError::Unsupported { construct, position })
        }
        PatternError::TooDeep { max, position } => {
            let (index, position) = item_at(texts, position);
            (index, PatternError::TooDeep { max, position })
        }
        error => (0, error),
    };
    let pattern = patterns.get(index).cloned();
    pattern
        .unwrap_or_else(|| ExcludePattern::from(""))
        .error(index, error)
}

fn differences(
    patterns: &[ExcludePattern],
    is_valid: bool,
    limits: &ExcludeLimits,
) -> Vec<KeylimeDifference> {
    let mut differences = Vec::new();
    let mut names: HashMap<String, usize> = HashMap::new();
    for (index, pattern) in patterns.iter().enumerate() {
        let parsed = match read(&pattern.text, limits) {
            Ok(parsed) => parsed,
            Err(_) if is_valid => {
                differences.push(KeylimeDifference::ValidOnlyJoined { index });
                continue;
            }
            Err(_) => continue,
        };
        if parsed.has_numbers {
            differences.push(KeylimeDifference::NumbersShifted { index });
        }
        if parsed.flags != Flags::default() {
            differences.push(KeylimeDifference::GlobalFlags { index });
        }
        for name in parsed.names.into_keys() {
            let earlier = *names.entry(name.clone()).or_insert(index);
            if earlier != index {
                differences.push(KeylimeDifference::NameRepeated { index, earlier, name });
            }
        }
    }
    differences
}
