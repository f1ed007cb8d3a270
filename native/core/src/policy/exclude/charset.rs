//! Sets of characters.

use super::unicode;

/// The last character.
const LAST: u32 = 0x0010_ffff;

/// A set of characters, surrogates included: runs in order that neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct CharSet {
    runs: Vec<[u32; 2]>,
}

impl CharSet {
    /// The set of these runs, in any order.
    pub(super) fn new(mut runs: Vec<[u32; 2]>) -> Self {
        runs.sort_unstable();
        let mut merged: Vec<[u32; 2]> = Vec::with_capacity(runs.len());
        for [first, last] in runs {
            match merged.last_mut() {
                Some([_, end]) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push([first, last]),
            }
        }
        Self { runs: merged }
    }

    /// A set of one character.
    pub(super) fn one(code: u32) -> Self {
        Self {
            runs: vec![[code, code]],
        }
    }

    /// All characters that are not in this set.
    pub(super) fn negated(&self) -> Self {
        let mut runs = Vec::with_capacity(self.runs.len().saturating_add(1));
        let mut next = 0;
        for &[first, last] in &self.runs {
            if let Some(before) = first.checked_sub(1).filter(|&before| before >= next) {
                runs.push([next, before]);
            }
            next = last.saturating_add(1);
        }
        if next <= LAST {
            runs.push([next, LAST]);
        }
        Self { runs }
    }

    /// The set with all that differs from its characters only by case, of ASCII alone or of all of Unicode.
    pub(super) fn with_both_cases(mut self, ascii_only: bool) -> Self {
        let mut more = Vec::new();
        if ascii_only {
            for (low, up) in ('a'..='z').zip('A'..='Z') {
                let pair = [u32::from(low), u32::from(up)];
                if pair.iter().any(|&code| self.contains(code)) {
                    more.extend(pair);
                }
            }
        } else if self.runs.iter().all(|[first, last]| first == last) {
            // Most sets are a few characters, and there are 1 400 families.
            let twins = self
                .runs
                .iter()
                .flat_map(|&[code, _]| unicode::same_but_case(code));
            more.extend(twins);
        } else {
            for family in unicode::case_families() {
                if family.iter().any(|&code| self.contains(code)) {
                    more.extend_from_slice(family);
                }
            }
        }
        self.runs.extend(more.into_iter().map(|code| [code, code]));
        Self::new(self.runs)
    }

    /// Whether the character is in the set.
    pub(super) fn contains(&self, code: u32) -> bool {
        let after = self.runs.partition_point(|&[first, _]| first <= code);
        after
            .checked_sub(1)
            .and_then(|at| self.runs.get(at))
            .is_some_and(|&[_, last]| code <= last)
    }

    /// First and last of each run, in order.
    pub(super) fn runs(&self) -> &[[u32; 2]] {
        &self.runs
    }
}
