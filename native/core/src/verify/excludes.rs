//! The exclude patterns of all policies and lists, as both sets of rules see them.

use super::VerifyError;
use super::evidence::{Evidence, Options, Rules};
use super::finding::shown;
use super::report::Excluded;
use super::unchecked::Unchecked;
use crate::policy::exclude::{ExcludeError, ExcludePattern, ExcludeSet, KeylimeExcludes};

pub(super) struct Excludes {
    /// Each pattern's origin, and how many entries it excluded.
    patterns: Vec<Counted>,
    strict: ExcludeSet,
    /// Index into `patterns` of each pattern of `strict`, if some could not be compiled.
    indices: Vec<usize>,
    /// None where it cannot be told what Keylime makes of the patterns.
    keylime: Option<KeylimeExcludes>,
    /// Whether the joined patterns exclude the same as each by itself.
    is_same: bool,
}

struct Counted {
    origin: Vec<u8>,
    text: String,
    entries: u64,
}

impl Excludes {
    /// Compiles the patterns. A bad one is an error: without it more would fail, and with it nobody knows what
    /// would pass. By Keylime's rules it is left out and named, since Keylime ignores the whole list then.
    pub(super) fn new(
        evidence: &Evidence<'_>,
        options: &Options,
        unchecked: &mut Unchecked,
    ) -> Result<Self, VerifyError> {
        let policies = evidence.policies;
        let of_policies = policies.excludes().map(|exclude| {
            let origin = policies.policies().get(exclude.origin);
            let origin = origin.map(|policy| policy.origin()).unwrap_or_default();
            (origin, ExcludePattern::from(exclude.pattern))
        });
        let of_lists = evidence.excludes.iter().flat_map(|list| {
            list.patterns
                .iter()
                .map(|pattern| (&list.origin[..], pattern.clone()))
        });
        let (origins, patterns): (Vec<&[u8]>, Vec<ExcludePattern>) = of_policies.chain(of_lists).unzip();
        let limits = &options.exclude_limits;
        let mut indices: Vec<usize> = (0..patterns.len()).collect();
        let strict = match ExcludeSet::new(patterns.clone(), limits) {
            Ok(set) => set,
            Err(errors) if options.rules == Rules::Keylime => {
                for error in &errors {
                    unchecked.add(format!("exclude pattern, by the strict rules: {error}"));
                }
                let is_bad = |index: &usize| {
                    let is_this = |error: &ExcludeError| matches!(error, ExcludeError::Pattern { index: bad, .. } if bad == index);
                    errors.iter().any(is_this)
                };
                let has_all_places = errors
                    .iter()
                    .all(|error| matches!(error, ExcludeError::Pattern { .. }));
                indices.retain(|index| has_all_places && !is_bad(index));
                let good = indices.iter().filter_map(|&index| patterns.get(index).cloned());
                ExcludeSet::new(good.collect(), limits).map_err(|errors| exclude_error(errors, &origins))?
            }
            Err(errors) => return Err(exclude_error(errors, &origins)),
        };
        let keylime = match KeylimeExcludes::new(&patterns, limits) {
            Ok(keylime) => Some(keylime),
            Err(errors) if options.rules == Rules::Keylime => return Err(exclude_error(errors, &origins)),
            Err(errors) => {
                let why = errors.first().map(ToString::to_string).unwrap_or_default();
                unchecked.add(format!("Keylime's verdict: {why}"));
                None
            }
        };
        let is_same = indices.len() == patterns.len()
            && keylime
                .as_ref()
                .is_some_and(|keylime| keylime.ignored().is_none() && keylime.differences().is_empty());
        Ok(Self {
            patterns: origins
                .into_iter()
                .zip(patterns)
                .map(|(origin, pattern)| Counted {
                    origin: origin.to_vec(),
                    text: pattern.text,
                    entries: 0,
                })
                .collect(),
            strict,
            indices,
            keylime,
            is_same,
        })
    }

    /// The pattern that excludes a name, by the strict rules. What cannot be decided is not excluded.
    pub(super) fn find(&self, name: &[u8], unchecked: &mut Unchecked) -> Option<usize> {
        match self.strict.find(name) {
            Ok(found) => self.indices.get(found?).copied(),
            Err(error) => {
                unchecked.undecided(&error);
                None
            }
        }
    }

    /// Counts an entry that this pattern excluded.
    pub(super) fn count(&mut self, index: usize) {
        if let Some(pattern) = self.patterns.get_mut(index) {
            pattern.entries = pattern.entries.saturating_add(1);
        }
    }

    /// Whether a Keylime verifier excludes a name. `strict` is what the strict rules say, if they were asked.
    pub(super) fn keylime(&self, name: &[u8], strict: Option<bool>, unchecked: &mut Unchecked) -> bool {
        if let Some(excluded) = strict.filter(|_| self.is_same) {
            return excluded;
        }
        match self.keylime.as_ref().map(|keylime| keylime.is_excluded(name)) {
            Some(Ok(excluded)) => excluded,
            Some(Err(error)) => {
                unchecked.undecided(&error);
                false
            }
            None => false,
        }
    }

    /// Whether it can be told what Keylime excludes.
    pub(super) fn is_keylime_known(&self) -> bool {
        self.keylime.is_some()
    }

    /// What the patterns excluded.
    pub(super) fn report(self) -> Vec<Excluded> {
        self.patterns
            .into_iter()
            .filter(|pattern| pattern.entries > 0)
            .map(|pattern| Excluded {
                origin: shown(&pattern.origin),
                pattern: pattern.text,
                entries: pattern.entries,
            })
            .collect()
    }
}

fn exclude_error(mut errors: Vec<ExcludeError>, origins: &[&[u8]]) -> VerifyError {
    // There is always one.
    let error = if errors.is_empty() {
        ExcludeError::ByteOrderMark
    } else {
        errors.swap_remove(0)
    };
    let index = match &error {
        ExcludeError::Pattern { index, .. } | ExcludeError::Undecided { index, .. } => *index,
        _ => 0,
    };
    VerifyError::Exclude {
        origin: origins.get(index).copied().unwrap_or_default().to_vec(),
        error,
    }
}
