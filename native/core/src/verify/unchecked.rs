//! What was not checked, for the last lines of a report.

use crate::policy::exclude::ExcludeError;

/// Lines that a report may have. What a list makes us say is bounded; what the caller gave is not by much.
const MAX_LINES: usize = 200;

/// What was not checked, and why.
#[derive(Debug, Default)]
pub(super) struct Unchecked {
    lines: Vec<String>,
    /// Entries that are counted rather than named.
    pub(super) counts: Counts,
}

/// Entries of which something was not checked.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Files that nothing was held against.
    pub(super) files: u64,
    /// Buffers and keys that nothing was held against.
    pub(super) buffers: u64,
    /// Signatures for which no key was given.
    pub(super) signatures: u64,
    /// Violations that are allowed.
    pub(super) violations: u64,
    /// Buffers that are allowed.
    pub(super) allowed_buffers: u64,
    /// Device-mapper events that are allowed.
    pub(super) allowed_device_mapper: u64,
    /// Names of which it could not be decided whether they are excluded.
    pub(super) undecided: u64,
}

impl Unchecked {
    pub(super) fn add(&mut self, line: impl Into<String>) {
        if self.lines.len() < MAX_LINES {
            self.lines.push(line.into());
        }
    }

    /// A name that could not be matched in time. It counts as not excluded.
    pub(super) fn undecided(&mut self, error: &ExcludeError) {
        self.counts.undecided = self.counts.undecided.saturating_add(1);
        if self.counts.undecided == 1 {
            self.add(format!("excluded or not: {error}"));
        }
    }

    pub(super) fn into_lines(mut self) -> Vec<String> {
        let counts = &self.counts;
        let lines = [
            (
                counts.files,
                "file digests: no policy or allowlist given",
                "entries",
            ),
            (counts.buffers, "keys and buffers: no policy given", "entries"),
            (
                counts.signatures,
                "file signatures: no keys given",
                "signed entries",
            ),
            (
                counts.violations,
                "violations: allowed",
                "entries that prove nothing",
            ),
            (
                counts.allowed_buffers,
                "buffers that no policy lists: allowed",
                "entries",
            ),
            (
                counts.allowed_device_mapper,
                "device-mapper events that no policy lists: allowed",
                "entries",
            ),
        ]
        .map(|(count, what, noun)| (count > 0).then(|| format!("{what} ({count} {noun})")));
        for line in lines.into_iter().flatten() {
            self.add(line);
        }
        self.lines
    }
}
