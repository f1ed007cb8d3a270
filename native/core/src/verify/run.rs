//! The one pass over the list.

use super::VerifyError;
use super::boot::{BOOT_AGGREGATE, Boot};
use super::context::Context;
use super::evidence::{Evidence, Options, Rules};
use super::excludes::Excludes;
use super::finding::{Difference, Finding, FindingCode, shown};
use super::goals::{self, Goals, KEYLIME_PCR};
use super::keylime::{self, Facts, Keylime, why};
use super::pcrs;
use super::quotes;
use super::recorder::{First, Recorder};
use super::report::{Accepted, ListReport, Report, Verdict};
use super::strict::Strict;
use super::subject::{Seen, Subject};
use super::templates::Templates;
use super::unchecked::Unchecked;
use crate::measurement::{Encoding, Item, Reader, Replay};
use crate::path::Escaped;
use crate::policy::{KeylimeStanding, PolicySet};
use crate::signature::{Keyring, Provenance};

/// Problems of a policy among which the one is looked for that Keylime refuses it for.
const MAX_LOOKED_AT: usize = 10_000;

/// Verifies a measurement list against everything that is known.
///
/// # Errors
/// [`VerifyError`], if nothing can be said. What is wrong with the list is never an error but a finding.
pub fn verify(mut evidence: Evidence<'_>, options: &Options) -> Result<Report, VerifyError> {
    let mut unchecked = Unchecked::default();
    let mut recorder = Recorder::new(options.rules, options.max_findings);
    let keys = all_keys(&evidence, options, &mut unchecked)?;
    let is_idle = evidence.policies.is_empty()
        && keys.is_empty()
        && evidence.quote.is_none()
        && evidence.pcrs.is_empty()
        && evidence.boot_aggregates.is_empty();
    if is_idle {
        return Err(VerifyError::NothingToVerifyWith);
    }
    let excludes = Excludes::new(&evidence, options, &mut unchecked)?;
    let quoted = quotes::examine(&evidence, options, &mut recorder, &mut unchecked);
    let goals = Goals::new(&evidence, options, quoted.composite.clone(), &mut unchecked);
    let keylime_goal = goals.keylime(quoted.attest.as_ref());
    let keylime_start = keylime_goal
        .as_ref()
        .and_then(|(bank, _)| goals.keylime_start(*bank))
        .copied();
    let keylime_rules = Keylime::new(
        evidence.policies,
        options,
        &keys,
        &evidence.boot_aggregates,
        keylime_goal,
        keylime_start.as_ref(),
    );
    let mut run = Run {
        replay: goals.replay(options)?,
        strict: Strict {
            policies: evidence.policies,
            options,
            requires_signatures: !keys.is_empty(),
            keys,
            boot: Boot::new(&goals::all(&evidence.pcrs), &evidence.boot_aggregates),
            entries_before: evidence.entries_before,
            accepted: Accepted::default(),
            early_boot: None,
            is_boot_missing: false,
        },
        keylime: keylime_rules,
        cx: Context::new(recorder, excludes, unchecked),
        templates: Templates::default(),
        violations: 0,
        early: None,
    };
    run.before_list(evidence.policies, quoted.holds_for_keylime);
    let list = std::mem::take(&mut evidence.list);
    let reader = Reader::of_segments(list, options.limits.clone())?.after_entries(evidence.entries_before);
    let list = run.read(reader)?;
    run.finish(list, &goals, quoted.report, options)
}

/// The keys that were given, and those of the policies.
fn all_keys(
    evidence: &Evidence<'_>,
    options: &Options,
    unchecked: &mut Unchecked,
) -> Result<Keyring, VerifyError> {
    let mut keys = Keyring::new();
    for (index, json) in evidence.policies.verification_keys() {
        let policy = evidence.policies.policies().get(index);
        let origin = policy.map(|policy| policy.origin()).unwrap_or_default();
        match keys.add_keylime(json, &Provenance::Policy) {
            Ok(_) => {}
            Err(error) if options.rules == Rules::Keylime => {
                unchecked.add(format!("verification-keys of {}: {error}", Escaped(origin)));
            }
            Err(error) => {
                return Err(VerifyError::VerificationKeys {
                    origin: origin.to_vec(),
                    error,
                });
            }
        }
    }
    if keys.is_empty() {
        return Ok(evidence.keys.clone());
    }
    let mut all = evidence.keys.clone();
    for (_, json) in evidence.policies.verification_keys() {
        // Read without fault above; what is too much for one keyring is named there.
        if let Err(error) = all.add_keylime(json, &Provenance::Policy) {
            unchecked.add(format!("verification-keys: {error}"));
        }
    }
    Ok(all)
}

struct Run<'e> {
    replay: Replay,
    strict: Strict<'e>,
    keylime: Keylime<'e>,
    cx: Context,
    templates: Templates,
    violations: u64,
    /// What Keylime finds in the first boot aggregate, while the strict rules have still to judge it.
    early: Option<First>,
}

impl Run<'_> {
    /// What Keylime does before it looks at the list.
    fn before_list(&mut self, policies: &PolicySet, is_quote_sound: bool) {
        for policy in policies.policies() {
            let origin = Escaped(policy.origin());
            if policy.keylime().standing() == KeylimeStanding::Refused {
                let line = format!("Keylime's verdict: a verifier would refuse {origin} as a policy");
                let problems = policy.validate(MAX_LOOKED_AT).problems;
                let why = problems
                    .iter()
                    .find(|problem| problem.code.is_refused_by_keylime());
                self.cx.unchecked.add(match why {
                    Some(why) => format!("{line}: {} ({})", why.problem, why.location),
                    None => line,
                });
            }
            if !policy.keylime().starts() && !self.keylime.is_over() {
                let event = keylime::Exception::KeyError.event();
                self.cx.recorder.keylime_whole(event, keylime::finding(event));
                let first = First {
                    strict: None,
                    keylime: Some(event),
                };
                self.cx.recorder.compare_whole(first, |first| Difference {
                    entry: None,
                    path: None,
                    strict: first.strict,
                    keylime: first.keylime,
                    why: "Keylime ends with an exception before the first line: the policy lacks a setting of `ima`",
                });
                self.keylime.end();
            }
        }
        if !is_quote_sound {
            let event = keylime::QUOTE_VALIDATION;
            self.cx.recorder.keylime_whole(event, keylime::finding(event));
            self.keylime.end();
        }
    }

    fn read(&mut self, mut reader: Reader<'_>) -> Result<ListReport, VerifyError> {
        let before = reader.entries();
        let bank = self.keylime.bank();
        loop {
            self.cx.begin();
            match reader.next()? {
                None => break,
                Some(Item::Fault(fault)) => {
                    let was_over = self.keylime.is_over();
                    Strict::fault(fault, &mut self.cx);
                    self.follow_to_the_end();
                    self.keylime.fault(fault, reader.text(), &mut self.cx);
                    if !was_over {
                        self.compare(fault.at.entry, None, Facts::default());
                    }
                }
                Some(Item::Entry(entry)) => {
                    let check = self.replay.extend(&entry);
                    if let Some(bank) = bank {
                        self.keylime
                            .follow(self.replay.value_before(bank, KEYLIME_PCR.into()));
                    }
                    let subject = Subject::of(&entry);
                    self.templates.count(entry.template());
                    if entry.number() == before.saturating_add(1) {
                        self.strict.is_boot_missing = subject.name != Some(BOOT_AGGREGATE);
                    }
                    if entry.is_violation() {
                        self.violations = self.violations.saturating_add(1);
                    }
                    let seen = Seen {
                        entry: &entry,
                        subject: &subject,
                        check,
                    };
                    let was_over = self.keylime.is_over();
                    self.strict.entry(seen, &mut self.cx);
                    self.keylime.entry(seen, &mut self.cx);
                    if !was_over {
                        self.compare_entry(seen);
                    }
                }
            }
        }
        self.cx.begin();
        self.follow_to_the_end();
        self.keylime.rest(reader.rest(), reader.entries(), &mut self.cx);
        self.compare(reader.entries(), None, Facts::default());
        let entries = reader.entries().saturating_sub(before);
        if entries == 0 {
            self.cx.recorder.strict_whole(Finding::new(
                FindingCode::ListTruncated,
                "the list has no entries: every kernel with IMA measures its own start",
                "copy the list again; securityfs gives no size, so read it to its end",
            ));
        }
        Ok(ListReport {
            is_ascii: reader.format().encoding == Encoding::Ascii,
            entries,
            templates: std::mem::take(&mut self.templates).into_counts(),
            violations: self.violations,
        })
    }

    /// Gives Keylime the value after the entry that was extended last.
    fn follow_to_the_end(&mut self) {
        if let Some(bank) = self.keylime.bank() {
            self.keylime
                .follow(self.replay.value_after(bank, KEYLIME_PCR.into()));
        }
    }

    fn compare_entry(&mut self, seen: Seen<'_, '_>) {
        let first = self.cx.first;
        if self.cx.is_open {
            self.early = Some(first);
        } else if first.strict.is_some() != first.keylime.is_some() {
            let facts = Facts {
                has_policy: !self.strict.policies.is_empty(),
                is_signed: seen.subject.is_signed(),
                is_boot_aggregate: seen.subject.name == Some(BOOT_AGGREGATE),
            };
            self.compare(seen.entry.number(), seen.subject.name, facts);
        }
    }

    fn compare(&mut self, entry: u64, name: Option<&[u8]>, facts: Facts) {
        self.cx.recorder.compare(self.cx.first, |first| Difference {
            entry: Some(entry),
            path: name.map(shown),
            strict: first.strict,
            keylime: first.keylime,
            why: why(first, facts),
        });
    }

    /// What the rules say of the list as a whole.
    fn finish(
        self,
        list: ListReport,
        goals: &Goals,
        mut quote: super::report::QuoteReport,
        options: &Options,
    ) -> Result<Report, VerifyError> {
        let Self {
            replay,
            strict,
            keylime,
            cx,
            early,
            ..
        } = self;
        let Context {
            mut recorder,
            excludes,
            mut unchecked,
            ..
        } = cx;
        let before = strict.entries_before;
        finish_boot(strict.early_boot, early, &mut recorder);
        if list.entries > 0 && strict.is_boot_missing {
            unchecked.add("boot_aggregate: the list does not start with one");
        }
        let outcome = replay.finish();
        let pcrs = pcrs::report(&outcome, options, before, &mut unchecked);
        let is_reached = pcrs::judge(
            &outcome,
            goals,
            list.entries,
            before,
            &mut recorder,
            &mut unchecked,
        );
        if quote.is_verified == Some(true) && goals.composite.is_some() {
            if let Some(check) = quote.checks.iter_mut().find(|check| check.name == "PCR values") {
                check.is_passed = Some(is_reached);
                check.detail = None;
            }
            quote.is_verified = Some(is_reached);
        }
        finish_keylime(keylime, is_reached, list.entries, &mut recorder);
        let is_keylime_known = excludes.is_keylime_known();
        let recorded = recorder.finish();
        if recorded.differences_left_out > 0 {
            let count = recorded.differences_left_out;
            unchecked.add(format!("differences: {count} more are not listed"));
        }
        Ok(Report {
            rules: options.rules,
            strict_verdict: Verdict::of(recorded.is_strict_clean),
            keylime_verdict: Verdict::of(recorded.is_keylime_clean && is_keylime_known),
            list,
            pcrs,
            quote,
            accepted: strict.accepted,
            excluded: excludes.report(),
            finding_count: recorded.finding_count,
            differences: recorded.differences,
            findings: recorded.findings,
            unchecked: unchecked.into_lines(),
        })
    }
}

/// A boot aggregate that does not fit the boot PCRs, and after which no other one came.
fn finish_boot(finding: Option<Finding>, early: Option<First>, recorder: &mut Recorder) {
    let Some(mut first) = early else { return };
    let path = Some(shown(BOOT_AGGREGATE));
    if let Some(finding) = finding {
        first.strict.get_or_insert(finding.code);
        recorder.strict_late(finding);
    }
    let facts = Facts {
        has_policy: true,
        is_signed: false,
        is_boot_aggregate: true,
    };
    recorder.compare_whole(first, |first| Difference {
        entry: Some(1),
        path,
        strict: first.strict,
        keylime: first.keylime,
        why: why(first, facts),
    });
}

/// Whether Keylime finds the value of PCR 10.
fn finish_keylime(keylime: Keylime<'_>, is_reached: bool, entries: u64, recorder: &mut Recorder) {
    if keylime.is_over() {
        return;
    }
    let is_found = keylime.finish();
    if is_found == Some(false) {
        let event = keylime::PCR_MISMATCH;
        recorder.keylime_whole(event, keylime::finding(event));
    }
    let strict = if entries == 0 {
        Some(FindingCode::ListTruncated)
    } else {
        (!is_reached).then_some(FindingCode::PcrMismatch)
    };
    let first = First {
        strict,
        keylime: (is_found == Some(false)).then_some(keylime::PCR_MISMATCH),
    };
    recorder.compare_whole(first, |first| Difference {
        entry: None,
        path: None,
        strict: first.strict,
        keylime: first.keylime,
        why: why(first, Facts::default()),
    });
}
