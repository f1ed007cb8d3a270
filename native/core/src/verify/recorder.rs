//! Counts everything that is found, and keeps as much of it as a report may hold.

use super::evidence::Rules;
use super::finding::{Difference, Finding, FindingCode};

/// What both sets of rules find.
pub(super) struct Recorder {
    rules: Rules,
    max: usize,
    /// What concerns the list as a whole: few, and never left out for the entries' sake.
    whole: Kept,
    entries: Kept,
    strict: u64,
    keylime: u64,
    difference_count: u64,
}

#[derive(Default)]
struct Kept {
    findings: Vec<Finding>,
    differences: Vec<Difference>,
}

/// What was found first in an entry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct First {
    pub(super) strict: Option<FindingCode>,
    pub(super) keylime: Option<&'static str>,
}

impl First {
    fn is_agreed(self) -> bool {
        self.strict.is_some() == self.keylime.is_some()
    }
}

/// Everything for the report.
pub(super) struct Recorded {
    pub(super) findings: Vec<Finding>,
    pub(super) finding_count: u64,
    pub(super) differences: Vec<Difference>,
    /// Differences that were left out.
    pub(super) differences_left_out: u64,
    pub(super) is_strict_clean: bool,
    pub(super) is_keylime_clean: bool,
}

impl Recorder {
    pub(super) fn new(rules: Rules, max: usize) -> Self {
        Self {
            rules,
            max,
            whole: Kept::default(),
            entries: Kept::default(),
            strict: 0,
            keylime: 0,
            difference_count: 0,
        }
    }

    /// Records a finding of an entry by the strict rules. It is only made if it is kept.
    pub(super) fn strict(&mut self, make: impl FnOnce() -> Finding) {
        self.strict = self.strict.saturating_add(1);
        if self.rules == Rules::Strict && self.entries.findings.len() < self.max {
            self.entries.findings.push(make());
        }
    }

    /// Records an event of an entry by Keylime's rules.
    pub(super) fn keylime(&mut self, event: &'static str, make: impl FnOnce() -> Finding) {
        self.keylime = self.keylime.saturating_add(1);
        if self.rules == Rules::Keylime && self.entries.findings.len() < self.max {
            self.entries.findings.push(Finding {
                event: Some(event),
                ..make()
            });
        }
    }

    /// Records a finding about the list as a whole by the strict rules.
    pub(super) fn strict_whole(&mut self, finding: Finding) {
        self.strict = self.strict.saturating_add(1);
        if self.rules == Rules::Strict {
            self.whole.findings.push(finding);
        }
    }

    /// Records an event about the list as a whole by Keylime's rules.
    pub(super) fn keylime_whole(&mut self, event: &'static str, finding: Finding) {
        self.keylime = self.keylime.saturating_add(1);
        if self.rules == Rules::Keylime {
            self.whole.findings.push(Finding {
                event: Some(event),
                ..finding
            });
        }
    }

    /// Records a finding of the first entry, after those of others.
    pub(super) fn strict_late(&mut self, finding: Finding) {
        self.strict = self.strict.saturating_add(1);
        if self.rules == Rules::Strict {
            self.entries.findings.insert(0, finding);
        }
    }

    /// Records that the rules disagree on an entry, if they do.
    pub(super) fn compare(&mut self, first: First, make: impl FnOnce(First) -> Difference) {
        if !first.is_agreed() {
            self.difference_count = self.difference_count.saturating_add(1);
            if self.entries.differences.len() < self.max {
                self.entries.differences.push(make(first));
            }
        }
    }

    /// Records that the rules disagree on the list as a whole, or on its first entry, if they do.
    pub(super) fn compare_whole(&mut self, first: First, make: impl FnOnce(First) -> Difference) {
        if !first.is_agreed() {
            self.difference_count = self.difference_count.saturating_add(1);
            self.whole.differences.push(make(first));
        }
    }

    pub(super) fn finish(self) -> Recorded {
        let mut findings = self.whole.findings;
        findings.extend(self.entries.findings);
        findings.truncate(self.max);
        let mut differences = self.whole.differences;
        differences.extend(self.entries.differences);
        differences.truncate(self.max);
        let listed = u64::try_from(differences.len()).unwrap_or(u64::MAX);
        Recorded {
            findings,
            finding_count: match self.rules {
                Rules::Strict => self.strict,
                Rules::Keylime => self.keylime,
            },
            differences,
            differences_left_out: self.difference_count.saturating_sub(listed),
            is_strict_clean: self.strict == 0,
            is_keylime_clean: self.keylime == 0,
        }
    }
}
