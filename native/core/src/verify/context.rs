//! What the rules write to, and what the strict rules found out that Keylime's need not find out again.

use super::excludes::Excludes;
use super::finding::{Finding, FindingCode};
use super::recorder::{First, Recorder};
use super::unchecked::Unchecked;
use crate::policy::{Candidate, PolicySet, Shape};

pub(super) struct Context {
    pub(super) recorder: Recorder,
    pub(super) excludes: Excludes,
    pub(super) unchecked: Unchecked,
    /// What was found in the entry so far.
    pub(super) first: First,
    /// Whether the entry is excluded by the strict rules, if that was asked.
    pub(super) excluded: Option<bool>,
    /// Whether the digest is listed in a way that Keylime understands as well, if it is listed.
    pub(super) is_listed_for_keylime: bool,
    /// Whether the strict rules have still to judge the entry.
    pub(super) is_open: bool,
}

impl Context {
    pub(super) fn new(recorder: Recorder, excludes: Excludes, unchecked: Unchecked) -> Self {
        Self {
            recorder,
            excludes,
            unchecked,
            first: First::default(),
            excluded: None,
            is_listed_for_keylime: false,
            is_open: false,
        }
    }

    /// Turns to the next entry.
    pub(super) fn begin(&mut self) {
        self.first = First::default();
        self.excluded = None;
        self.is_listed_for_keylime = false;
        self.is_open = false;
    }

    /// Records a finding of the entry by the strict rules.
    pub(super) fn find(&mut self, code: FindingCode, make: impl FnOnce() -> Finding) {
        self.first.strict.get_or_insert(code);
        self.recorder.strict(make);
    }

    /// Records an event of the entry by Keylime's rules.
    pub(super) fn event(&mut self, event: &'static str, make: impl FnOnce() -> Finding) {
        self.first.keylime.get_or_insert(event);
        self.recorder.keylime(event, make);
    }

    /// Remembers how a digest is listed: Keylime compares the policy's text.
    pub(super) fn note_listed(&mut self, policies: &PolicySet, candidate: &Candidate<'_>) {
        let shape = policies
            .policies()
            .get(candidate.origin)
            .map(|policy| policy.shape());
        self.is_listed_for_keylime = candidate.digest.is_plain
            && matches!(
                shape,
                Some(Shape::RuntimePolicy | Shape::OldRuntimePolicy | Shape::Allowlist)
            );
    }
}
