//! What Keylime's schema and common sense say against a policy that could be read.

use ima_assay_digest::Algorithm;

use super::loaded::{Policy, Section, Shape};
use super::location::Location;
use super::map::EntryView;
use super::problem::{Problem, ProblemCode, Validation};
use super::writing::Writing;

/// What is said of each way to write a digest.
const DIGESTS: [(Writing, ProblemCode, &str); 6] = [
    (
        Writing::PREFIXED,
        ProblemCode::DigestPrefixed,
        "an algorithm stands before the digest; Keylime takes hex digits alone",
    ),
    (
        Writing::UPPER_CASE,
        ProblemCode::DigestUpperCase,
        "the digest has upper-case digits; Keylime compares it with lower-case ones",
    ),
    (
        Writing::SHORT,
        ProblemCode::DigestTooShort,
        "the digest has fewer than 40 digits",
    ),
    (
        Writing::LONG,
        ProblemCode::DigestTooLong,
        "the digest has more than 128 digits",
    ),
    (
        Writing::LINE_FEED,
        ProblemCode::DigestLineFeed,
        "a line feed follows the digest: Keylime takes it, and never finds it equal",
    ),
    (
        Writing::ODD,
        ProblemCode::DigestOdd,
        "the digest has half a byte at its end: nothing can match it",
    ),
];

impl Policy {
    /// Checks the policy as strictly as Keylime's schema does, and for what the schema lets pass and nobody
    /// wants. An allowlist is checked for what Keylime's converter makes of it.
    ///
    /// At most `max_listed` problems are listed; all are counted.
    #[must_use]
    pub fn validate(&self, max_listed: usize) -> Validation {
        let mut findings = Findings {
            max_listed,
            validation: Validation::default(),
        };
        for note in &self.notes {
            findings.add(note.code, note.problem, || note.location.clone());
        }
        if matches!(self.meta.generator, Some(0 | 1)) && !self.digests.is_empty() {
            findings.add(
                ProblemCode::GeneratorSwitchesOff,
                "in push mode a verifier asks for no measurement list from a generator below 2",
                || Location::of_key("meta.generator"),
            );
        }
        for section in Section::ALL {
            for entry in self.section(section).entries() {
                self.validate_entry(section, &entry, &mut findings);
            }
        }
        findings.validation
    }

    fn validate_entry(&self, section: Section, entry: &EntryView<'_>, findings: &mut Findings) {
        let at = |index| {
            move || Location {
                key: match self.shape {
                    Shape::FlatAllowlist | Shape::Allowlist => "",
                    Shape::JsonAllowlist if section == Section::Digests => "hashes",
                    _ => section.key(),
                },
                name: Some(entry.name().to_vec()),
                index,
                line: Some(u64::from(entry.line())).filter(|&line| line > 0),
            }
        };
        let quirks = entry.quirks();
        if quirks.is_replaced {
            let problem = "the name stands twice; the last one counts";
            return findings.add(ProblemCode::NameTwice, problem, at(None));
        }
        self.validate_name(entry, findings, &at);
        let rows = [
            (
                quirks.is_bare,
                ProblemCode::TypeWrong,
                "a digest stands where an array of digests belongs",
            ),
            (
                quirks.is_escaped,
                ProblemCode::RowEscaped,
                "the row is escaped: Keylime takes the backslash for a part of the digest",
            ),
            (
                quirks.is_binary,
                ProblemCode::RowBinary,
                "the row is of binary mode: Keylime takes the * for a part of the path",
            ),
            (
                entry.rows().next().is_none(),
                ProblemCode::ListEmpty,
                "no digest is listed for the name",
            ),
        ];
        for (_, code, problem) in rows.into_iter().filter(|(applies, ..)| *applies) {
            findings.add(code, problem, at(None));
        }
        for (index, row) in entry.rows().enumerate() {
            let index = Some(index).filter(|_| self.shape != Shape::FlatAllowlist);
            validate_digest(row.writing, row.digest.len(), findings, at(index));
        }
    }

    fn validate_name<F: Fn() -> Location>(
        &self,
        entry: &EntryView<'_>,
        findings: &mut Findings,
        at: &impl Fn(Option<usize>) -> F,
    ) {
        let name = entry.name();
        if name.contains(&b' ') {
            let problem = "the name has a blank, where IMA writes an underscore";
            findings.add(ProblemCode::NameNeverMatches, problem, at(None));
        } else if name.contains(&0) {
            let problem = "the name has a NUL, which no file's name has";
            findings.add(ProblemCode::NameNeverMatches, problem, at(None));
        } else if entry.quirks().is_respelled {
            let problem = "the path has a blank; Keylime's converter keeps it, and IMA writes an underscore";
            findings.add(ProblemCode::NameNeverMatches, problem, at(None));
        }
        if self.shape != Shape::FlatAllowlist && std::str::from_utf8(name).is_err() {
            let problem = "the name is not UTF-8: Keylime ends with an exception when it is measured";
            findings.add(ProblemCode::NameNotUtf8, problem, at(None));
        }
    }
}

fn validate_digest(writing: Writing, bytes: usize, findings: &mut Findings, at: impl Fn() -> Location) {
    if writing == Writing::PLAIN {
        if !Algorithm::ALL.iter().any(|algorithm| algorithm.len() == bytes) {
            let problem = "no hash algorithm has digests of this length";
            findings.add(ProblemCode::DigestLengthUnknown, problem, at);
        }
        return;
    }
    if writing.has(Writing::NOT_HEX.with(Writing::WRONG_LENGTH)) {
        let problem = "the text is no digest: nothing can match it";
        return findings.add(ProblemCode::DigestMalformed, problem, at);
    }
    for (_, code, problem) in DIGESTS.into_iter().filter(|(flag, ..)| writing.has(*flag)) {
        findings.add(code, problem, &at);
    }
}

/// Problems, counted and up to a limit listed.
struct Findings {
    max_listed: usize,
    validation: Validation,
}

impl Findings {
    fn add(&mut self, code: ProblemCode, problem: &'static str, at: impl Fn() -> Location) {
        let Validation { problems, counts } = &mut self.validation;
        let count = counts.entry(code).or_default();
        *count = count.saturating_add(1);
        if problems.len() < self.max_listed {
            problems.push(Problem {
                code,
                location: at(),
                problem,
            });
        }
    }
}
