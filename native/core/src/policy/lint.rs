//! What is likely to be a mistake in a policy: whatever [`Policy::validate`] finds, patterns that do not do what was
//! meant, paths that no machine measures, and a policy that is too large to send.

use std::collections::{BTreeMap, BTreeSet};

use ima_assay_digest::Algorithm;

use super::exclude::{
    ExcludeLimits, ExcludePattern, ExcludeSet, KeylimeDifference, KeylimeExcludes, Lint, LintKind,
};
use super::loaded::{Policy, Section};
use super::location::Location;
use crate::error::Explain as _;
use crate::path::Escaped;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A verifier refuses the policy, or a part of it does nothing or everything.
    Error,
    /// It is hardly what was meant.
    Warning,
    /// It is worth a look.
    Note,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is likely to be a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLint {
    /// A stable code.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Where it stands.
    pub location: Location,
    /// What is wrong, as half a sentence.
    pub problem: String,
}

/// What a lint found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LintReport {
    /// The first findings of each code, in the order of the policy.
    pub findings: Vec<PolicyLint>,
    /// How many there are of each code.
    pub counts: BTreeMap<&'static str, u64>,
    /// How many there are of each severity.
    pub severities: BTreeMap<Severity, u64>,
}

/// What is known beside the policy.
#[derive(Debug, Clone, Copy)]
pub struct LintFacts {
    /// Bytes of the policy's file.
    pub bytes: usize,
    /// Findings of one code that are listed; all are counted.
    pub max_listed: u64,
}

/// Largest body of a request that a verifier takes (`max_upload_size` of Keylime), in bytes.
const MAX_UPLOAD_BYTES: usize = 100 << 20;

/// Room for the rest of the request.
const REQUEST_BYTES: usize = 16 << 10;

/// Linux, `PATH_MAX`, with the NUL: a longer path is measured under its last name alone.
const PATH_MAX: usize = 4096;

/// The entry that stands for the boot.
const BOOT_AGGREGATE: &[u8] = b"boot_aggregate";

/// Where kernel filesystems are mounted, whose files no IMA policy in use measures: their magic numbers are on the
/// list of the built-in policy (Linux, `ima_policy.c`, `dont_measure_rules`).
const UNMEASURED: [&[u8]; 6] = [
    b"/proc/",
    b"/sys/",
    b"/dev/pts/",
    b"/sys/fs/cgroup/",
    b"/dev/mqueue/",
    b"/sys/kernel/security/",
];

impl Policy {
    /// Looks for what is likely to be a mistake. Takes time that grows with the policy.
    #[must_use]
    pub fn lint(&self, facts: LintFacts) -> LintReport {
        let mut found = Found {
            report: LintReport::default(),
            max_listed: facts.max_listed,
        };
        self.lint_problems(&mut found);
        if facts
            .bytes
            .div_ceil(3)
            .saturating_mul(4)
            .saturating_add(REQUEST_BYTES)
            > MAX_UPLOAD_BYTES
        {
            found.add("TOO_LARGE_TO_UPLOAD", Severity::Error, Location::default, || {
                "in Base64 it is more than the 100 MiB that a verifier takes by default".to_owned()
            });
        }
        let set = self.lint_excludes(&mut found);
        self.lint_names(set.as_ref(), &mut found);
        self.lint_algorithms(&mut found);
        found.report
    }

    /// The patterns, with their place in the policy; compiled once more by whoever asks.
    pub(crate) fn exclude_patterns(&self) -> Vec<ExcludePattern> {
        self.excludes().map(ExcludePattern::from).collect()
    }

    fn lint_problems(&self, found: &mut Found) {
        let validation = self.validate(usize::try_from(found.max_listed).unwrap_or(usize::MAX));
        for problem in validation.problems {
            let severity = if problem.code.is_refused_by_keylime() {
                Severity::Error
            } else {
                Severity::Warning
            };
            found.list(
                problem.code.name(),
                severity,
                problem.location,
                problem.problem.to_owned(),
            );
        }
        for (code, count) in validation.counts {
            let severity = if code.is_refused_by_keylime() {
                Severity::Error
            } else {
                Severity::Warning
            };
            found.count(code.name(), severity, count);
        }
    }

    fn lint_excludes(&self, found: &mut Found) -> Option<ExcludeSet> {
        let patterns = self.exclude_patterns();
        if patterns.is_empty() {
            return None;
        }
        let limits = ExcludeLimits::default();
        if let Ok(keylime) = KeylimeExcludes::new(&patterns, &limits) {
            if let Some(ignored) = keylime.ignored() {
                found.add("EXCLUDES_IGNORED", Severity::Error, || item(ignored.index), || {
                    format!(
                        "a verifier joins all patterns, which does not compile ({}), and ignores the whole list",
                        ignored.fault
                    )
                });
            }
            for difference in keylime.differences() {
                add_difference(difference, found);
            }
        }
        let set = match ExcludeSet::new(patterns, &limits) {
            Ok(set) => set,
            Err(errors) => {
                for (index, error) in errors.iter().enumerate() {
                    let index = match error {
                        super::exclude::ExcludeError::Pattern { index, .. } => *index,
                        _ => index,
                    };
                    found.add(
                        error.code(),
                        Severity::Error,
                        || item(index),
                        || error.to_string(),
                    );
                }
                return None;
            }
        };
        let names: Vec<&[u8]> = [Section::Keyrings, Section::Buffers]
            .into_iter()
            .flat_map(|section| self.section(section).iter())
            .map(|listing| listing.name())
            .collect();
        match set.lint(&names) {
            Ok(lints) => lints.iter().for_each(|lint| add_lint(lint, found)),
            Err(error) => found.add(error.code(), Severity::Error, Location::default, || {
                error.to_string()
            }),
        }
        Some(set)
    }

    fn lint_names(&self, set: Option<&ExcludeSet>, found: &mut Found) {
        let mut has_aggregate = false;
        for listing in self.section(Section::Digests).iter() {
            let name = listing.name();
            let at = || Location {
                key: "digests",
                name: Some(name.to_vec()),
                index: None,
                line: Some(listing.line()).filter(|&line| line > 0),
            };
            if name == BOOT_AGGREGATE {
                has_aggregate = true;
                let mut digests = listing.digests();
                if digests.any(|digest| digest.bytes.iter().all(|&byte| byte == 0)) {
                    found.add("BOOT_AGGREGATE_ZERO", Severity::Warning, at, || {
                        "it is the boot aggregate of a machine without a TPM: each of them will pass"
                            .to_owned()
                    });
                }
                continue;
            }
            if let Some((code, severity, problem)) = path_problem(name) {
                found.add(code, severity, at, || problem.to_owned());
            }
            // What cannot be decided was said above.
            if let Some(index) = set.and_then(|set| set.find(name).ok().flatten()) {
                found.add("LISTED_AND_EXCLUDED", Severity::Note, at, || {
                    format!("excludes[{index}] takes it out of all checks, whatever is listed")
                });
            }
        }
        if !has_aggregate && !self.section(Section::Digests).is_empty() {
            let is_excluded = set.is_some_and(|set| matches!(set.find(BOOT_AGGREGATE), Ok(Some(_))));
            if !is_excluded {
                found.add(
                    "BOOT_AGGREGATE_MISSING",
                    Severity::Note,
                    || Location::of_key("digests"),
                    || "boot_aggregate is not listed, which is the first entry of every list".to_owned(),
                );
            }
        }
    }

    fn lint_algorithms(&self, found: &mut Found) {
        let mut algorithms: BTreeSet<Algorithm> = BTreeSet::new();
        let mut weak: u64 = 0;
        for digest in self
            .section(Section::Digests)
            .iter()
            .flat_map(|listing| listing.digests())
        {
            let Some(algorithm) = digest.algorithm else {
                continue;
            };
            algorithms.insert(algorithm);
            if matches!(algorithm, Algorithm::Md5 | Algorithm::Sha1) {
                weak = weak.saturating_add(1);
            }
        }
        if algorithms.len() > 1 {
            let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
            found.add(
                "ALGORITHMS_MIXED",
                Severity::Warning,
                || Location::of_key("digests"),
                || {
                    format!(
                        "digests are of {}; a machine measures with one, and Keylime compares text alone",
                        names.join(", ")
                    )
                },
            );
        }
        if weak > 0 {
            found.add("ALGORITHM_WEAK", Severity::Note, || Location::of_key("digests"), || {
                format!("{weak} digests are SHA-1 or MD5, for which other files with the same digest can be made")
            });
        }
    }
}

/// Why no machine measures a path, if none does.
fn path_problem(name: &[u8]) -> Option<(&'static str, Severity, &'static str)> {
    if !name.starts_with(b"/") {
        return Some((
            "PATH_NOT_ABSOLUTE",
            Severity::Warning,
            "IMA names files by their absolute paths; only files without one have another name",
        ));
    }
    if UNMEASURED.iter().any(|directory| name.starts_with(directory)) {
        return Some((
            "PATH_NEVER_MEASURED",
            Severity::Warning,
            "it is on a filesystem of the kernel, which no IMA policy in use measures",
        ));
    }
    let is_odd = |part: &[u8]| part.is_empty() || part == b"." || part == b"..";
    if name.split(|&byte| byte == b'/').skip(1).any(is_odd) {
        return Some((
            "PATH_NOT_PHYSICAL",
            Severity::Warning,
            "IMA never writes //, /./, /../ or a slash at the end",
        ));
    }
    (name.len() >= PATH_MAX).then_some((
        "PATH_TOO_LONG",
        Severity::Warning,
        "it is longer than the kernel can name a path",
    ))
}

fn item(index: usize) -> Location {
    Location {
        index: Some(index),
        ..Location::of_key("excludes")
    }
}

fn add_difference(difference: &KeylimeDifference, found: &mut Found) {
    let (code, severity, index, problem) = match difference {
        KeylimeDifference::ValidOnlyJoined { index } => (
            "EXCLUDE_VALID_ONLY_JOINED",
            Severity::Error,
            *index,
            "it is no pattern by itself, only joined to its neighbours".to_owned(),
        ),
        KeylimeDifference::NumbersShifted { index } => (
            "EXCLUDE_NUMBERS_SHIFTED",
            Severity::Error,
            *index,
            "it refers to a group by number, which is another once a verifier has joined all patterns"
                .to_owned(),
        ),
        KeylimeDifference::NameRepeated { index, earlier, name } => (
            "EXCLUDE_NAME_REPEATED",
            Severity::Error,
            *index,
            format!(
                "it names a group \"{}\", as excludes[{earlier}] does: the whole list is ignored",
                Escaped(name.as_bytes())
            ),
        ),
        KeylimeDifference::GlobalFlags { index } => (
            "EXCLUDE_GLOBAL_FLAGS",
            Severity::Error,
            *index,
            "it sets flags for the whole list, which is ignored then; write (?i:…)".to_owned(),
        ),
    };
    found.add(code, severity, || item(index), || problem);
}

fn add_lint(lint: &Lint, found: &mut Found) {
    let (code, severity, problem) = match &lint.kind {
        LintKind::MatchesEverything => (
            "EXCLUDE_EVERYTHING",
            Severity::Error,
            "it excludes everything: nothing is checked".to_owned(),
        ),
        LintKind::MatchesEveryPath => (
            "EXCLUDE_EVERY_PATH",
            Severity::Error,
            "it excludes every path, or nearly so".to_owned(),
        ),
        LintKind::MatchesEmptyName => (
            "EXCLUDE_EMPTY_NAME",
            Severity::Warning,
            "it asks for no character at all".to_owned(),
        ),
        LintKind::MatchesBootAggregate => (
            "EXCLUDE_BOOT_AGGREGATE",
            Severity::Warning,
            "it excludes boot_aggregate, which binds the list to the boot".to_owned(),
        ),
        LintKind::MatchesName { name } => (
            "EXCLUDE_KEYRING_OR_BUFFER",
            Severity::Warning,
            format!(
                "it excludes \"{}\", which the policy lists as a keyring or buffer",
                Escaped(name)
            ),
        ),
        LintKind::NeverMatchesPath => (
            "EXCLUDE_NEVER_MATCHES",
            Severity::Warning,
            "it matches no path: a pattern fits the start of a path, which is a slash".to_owned(),
        ),
        LintKind::DotUnescaped { positions } => (
            "EXCLUDE_DOT_UNESCAPED",
            Severity::Note,
            format!(
                "the dot at {} is any character; write \\. for a dot",
                positions
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        ),
        LintKind::ShadowedBy { index } => (
            "EXCLUDE_SHADOWED",
            Severity::Warning,
            format!("excludes[{index}] matches all that it matches"),
        ),
    };
    found.add(code, severity, || item(lint.index), || problem);
}

/// Findings, counted and up to a limit listed.
struct Found {
    report: LintReport,
    max_listed: u64,
}

impl Found {
    fn add(
        &mut self,
        code: &'static str,
        severity: Severity,
        at: impl FnOnce() -> Location,
        problem: impl FnOnce() -> String,
    ) {
        let listed = self.report.counts.get(code).copied().unwrap_or_default();
        self.count(code, severity, 1);
        if listed < self.max_listed {
            self.list(code, severity, at(), problem());
        }
    }

    fn count(&mut self, code: &'static str, severity: Severity, count: u64) {
        let of_code = self.report.counts.entry(code).or_default();
        *of_code = of_code.saturating_add(count);
        let of_severity = self.report.severities.entry(severity).or_default();
        *of_severity = of_severity.saturating_add(count);
    }

    fn list(&mut self, code: &'static str, severity: Severity, location: Location, problem: String) {
        self.report.findings.push(PolicyLint {
            code,
            severity,
            location,
            problem,
        });
    }
}

impl LintReport {
    /// Adds that a pattern was the first to match no name of the lists that were looked at.
    pub fn add_without_effect(&mut self, index: usize) {
        let mut found = Found {
            report: std::mem::take(self),
            max_listed: u64::MAX,
        };
        found.add(
            "EXCLUDE_WITHOUT_EFFECT",
            Severity::Note,
            || item(index),
            || "it is the first to match no entry of the lists that were given".to_owned(),
        );
        *self = found.report;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{HELLO, HELLO_SHA1, load};

    const FACTS: LintFacts = LintFacts {
        bytes: 1000,
        max_listed: 2,
    };

    fn codes(text: &str) -> BTreeMap<&'static str, u64> {
        let mut counts = load(text).unwrap().lint(FACTS).counts;
        counts.retain(|code, _| !matches!(*code, "KEY_MISSING" | "BOOT_AGGREGATE_MISSING"));
        counts
    }

    fn with_excludes(patterns: &str) -> BTreeMap<&'static str, u64> {
        codes(&format!(
            "{{\"digests\": {{}}, \"keyrings\": {{\".ima\": [\"{HELLO}\"]}}, \"excludes\": [{patterns}]}}"
        ))
    }

    #[test]
    fn every_rule_for_patterns_has_a_code() {
        let rows: [(&str, &[&str]); 14] = [
            (r#""/tmp/.*""#, &[]),
            (r#"".*""#, &["EXCLUDE_EVERYTHING"]),
            (r#""/""#, &["EXCLUDE_EVERY_PATH"]),
            (
                r#""boot.*""#,
                &["EXCLUDE_BOOT_AGGREGATE", "EXCLUDE_NEVER_MATCHES"],
            ),
            (
                r#""\\.ima""#,
                &["EXCLUDE_KEYRING_OR_BUFFER", "EXCLUDE_NEVER_MATCHES"],
            ),
            (r#""tmp""#, &["EXCLUDE_NEVER_MATCHES"]),
            (r#""/a.b$""#, &["EXCLUDE_DOT_UNESCAPED"]),
            (r#""/a", "/ab""#, &["EXCLUDE_SHADOWED"]),
            (r#""(/a""#, &["EXCLUDES_IGNORED", "PATTERN_INVALID"]),
            (r#""/a)|(/b""#, &["EXCLUDE_VALID_ONLY_JOINED", "PATTERN_INVALID"]),
            (r#""/(a)\\1""#, &["EXCLUDES_IGNORED", "EXCLUDE_NUMBERS_SHIFTED"]),
            (
                r#""/(?P<x>a)", "/(?P<x>b)""#,
                &["EXCLUDES_IGNORED", "EXCLUDE_NAME_REPEATED"],
            ),
            (r#""(?i)/a""#, &["EXCLUDES_IGNORED", "EXCLUDE_GLOBAL_FLAGS"]),
            (r#""(?=/)""#, &["EXCLUDE_EVERY_PATH"]),
        ];
        for (patterns, expected) in rows {
            let found = with_excludes(patterns);
            assert_eq!(found.keys().copied().collect::<Vec<_>>(), expected, "{patterns}");
        }
    }

    #[test]
    fn every_rule_for_names_and_digests_has_a_code() {
        let one = |path: &str| codes(&format!("{HELLO}  {path}\n"));
        let rows: [(&str, &[&str]); 9] = [
            ("/usr/bin/a", &[]),
            ("usr/bin/a", &["PATH_NOT_ABSOLUTE"]),
            ("/proc/self/exe", &["PATH_NEVER_MEASURED"]),
            ("/sys/x", &["PATH_NEVER_MEASURED"]),
            ("/a//b", &["PATH_NOT_PHYSICAL"]),
            ("/a/../b", &["PATH_NOT_PHYSICAL"]),
            ("/a/", &["PATH_NOT_PHYSICAL"]),
            ("/a b", &["NAME_NEVER_MATCHES"]),
            ("/process", &[]),
        ];
        for (path, expected) in rows {
            assert_eq!(one(path).keys().copied().collect::<Vec<_>>(), expected, "{path}");
        }
        assert!(one(format!("/{}", "x/".repeat(2100)).trim_end_matches('/')).contains_key("PATH_TOO_LONG"));
        let mixed = codes(&format!("{HELLO}  /a\n{HELLO_SHA1}  /b\n"));
        assert_eq!(
            mixed.keys().copied().collect::<Vec<_>>(),
            ["ALGORITHMS_MIXED", "ALGORITHM_WEAK"]
        );
        let zero = codes(&format!("{}  boot_aggregate\n", "0".repeat(64)));
        assert_eq!(zero.keys().copied().collect::<Vec<_>>(), ["BOOT_AGGREGATE_ZERO"]);
        let missing = load(format!("{HELLO}  /a\n")).unwrap().lint(FACTS);
        assert_eq!(
            missing.counts.keys().copied().collect::<Vec<_>>(),
            ["BOOT_AGGREGATE_MISSING"]
        );
        let excluded = codes(&format!(
            "{{\"digests\": {{\"/tmp/x\": [\"{HELLO}\"]}}, \"excludes\": [\"/tmp\"]}}"
        ));
        assert_eq!(
            excluded.keys().copied().collect::<Vec<_>>(),
            ["LISTED_AND_EXCLUDED"]
        );
        let off = codes(&format!(
            "{{\"meta\": {{\"version\": 1, \"generator\": 1}}, \"digests\": {{\"/x\": [\"{HELLO}\"]}}}}"
        ));
        assert_eq!(
            off.keys().copied().collect::<Vec<_>>(),
            ["GENERATOR_SWITCHES_OFF"]
        );
    }

    #[test]
    fn size_and_limits_are_kept() {
        let policy = load(format!("{HELLO}  a\n{HELLO}  b\n{HELLO}  c\n")).unwrap();
        let report = policy.lint(LintFacts {
            bytes: 79 << 20,
            max_listed: 2,
        });
        assert_eq!(report.counts["PATH_NOT_ABSOLUTE"], 3);
        let listed = report
            .findings
            .iter()
            .filter(|lint| lint.code == "PATH_NOT_ABSOLUTE");
        assert_eq!(listed.count(), 2);
        assert_eq!(report.counts["TOO_LARGE_TO_UPLOAD"], 1);
        assert_eq!(report.severities[&Severity::Error], 1);
        let small = policy.lint(LintFacts {
            bytes: 74 << 20,
            max_listed: 2,
        });
        assert!(!small.counts.contains_key("TOO_LARGE_TO_UPLOAD"));
    }
}
