//! What is likely to be a mistake in exclude patterns that are correct.

use std::collections::HashMap;

use super::{ExcludeError, ExcludeSet};

/// A pattern that may not do what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// Which pattern, from 0.
    pub index: usize,
    /// The line it is on, from 1, if it comes from a file.
    pub line: Option<u64>,
    /// What is to be said of it.
    pub kind: LintKind,
}

/// What is to be said of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LintKind {
    /// It matches every name. Nothing else is said of it.
    MatchesEverything,
    /// It matches every path, or so many that paths made up at random are among them.
    MatchesEveryPath,
    /// It matches the empty name: it asks for no character at all, at most for what must not follow.
    MatchesEmptyName,
    /// It matches `boot_aggregate`, the entry that stands for the boot.
    MatchesBootAggregate,
    /// It matches a name that was asked for: of a keyring or a buffer, whose checks it so switches off.
    MatchesName {
        /// The name.
        name: Vec<u8>,
    },
    /// It matches no name that starts with `/`: patterns fit the start of a path, not a part of it.
    NeverMatchesPath,
    /// It has dots between other characters, which match any character.
    DotUnescaped {
        /// Where, in characters from 0.
        positions: Vec<usize>,
    },
    /// Every name that it matches is matched by an earlier pattern. Not all such pairs are found.
    ShadowedBy {
        /// The earlier pattern, from 0.
        index: usize,
    },
}

const BOOT_AGGREGATE: &[u8] = b"boot_aggregate";

/// A pattern that matches all of these matches what it was never meant for.
const PROBES: [&str; 4] = ["/x", "/usr/bin/true", "/q0/~x", "/Ω {7}%/."];

impl ExcludeSet {
    /// The patterns that match every path. What cannot be decided is none.
    pub fn limitless(&self) -> impl Iterator<Item = usize> + use<> {
        let is_limitless = |lint: &Lint| {
            matches!(
                lint.kind,
                LintKind::MatchesEverything | LintKind::MatchesEveryPath
            )
        };
        self.lint(&[])
            .unwrap_or_default()
            .into_iter()
            .filter(is_limitless)
            .map(|lint| lint.index)
    }

    /// What is likely to be a mistake, in the order of the patterns. `names`: what must not be excluded unseen,
    /// such as the keyrings and buffers of the policy.
    ///
    /// # Errors
    /// [`ExcludeError::Undecided`].
    pub fn lint(&self, names: &[&[u8]]) -> Result<Vec<Lint>, ExcludeError> {
        let mut lints = Vec::new();
        let mut seen = HashMap::new();
        for (index, pattern) in self.compiled().iter().enumerate() {
            let line = pattern.source.line;
            let mut say = |kind| lints.push(Lint { index, line, kind });
            let twin = *seen.entry(pattern.source.text.as_str()).or_insert(index);
            if let Some(index) = self.shadow(index, twin)? {
                say(LintKind::ShadowedBy { index });
            }
            if pattern.traits.matches_everything {
                say(LintKind::MatchesEverything);
                continue;
            }
            let matches = |name: &[u8]| self.is_match(index, name);
            if self.matches_every_path(index)? {
                say(LintKind::MatchesEveryPath);
            }
            if matches(b"")? {
                say(LintKind::MatchesEmptyName);
            }
            if matches(BOOT_AGGREGATE)? {
                say(LintKind::MatchesBootAggregate);
            }
            for &name in names {
                if name != BOOT_AGGREGATE && matches(name)? {
                    say(LintKind::MatchesName { name: name.to_vec() });
                }
            }
            if !pattern.traits.can_match_path {
                say(LintKind::NeverMatchesPath);
            }
            if !pattern.dots.is_empty() {
                let positions = pattern.dots.clone();
                say(LintKind::DotUnescaped { positions });
            }
        }
        Ok(lints)
    }

    fn matches_every_path(&self, index: usize) -> Result<bool, ExcludeError> {
        for probe in PROBES {
            if !self.is_match(index, probe.as_bytes())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An earlier pattern that matches whatever this one does. What matches the characters that all of them
    /// start with, and does not care what follows, is one.
    fn shadow(&self, index: usize, twin: usize) -> Result<Option<usize>, ExcludeError> {
        if twin < index {
            return Ok(Some(twin));
        }
        let Some(pattern) = self.compiled().get(index) else {
            return Ok(None);
        };
        let is_shadow = |&earlier: &usize| {
            let pattern = self.compiled().get(earlier);
            earlier < index && pattern.is_some_and(|pattern| pattern.traits.is_open_ended)
        };
        Ok(self.find(pattern.prefix.as_bytes())?.filter(is_shadow))
    }
}
