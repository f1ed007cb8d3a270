//! What a replay came to, for the report.

use ima_assay_digest::Algorithm;

use super::evidence::Options;
use super::finding::{Finding, FindingCode};
use super::goals::{Goals, pcr_name};
use super::recorder::Recorder;
use super::report::PcrReport;
use super::unchecked::Unchecked;
use crate::measurement::{Hashes, Match, Outcome, PcrValue, Rule};

/// The rows of the report, by bank and PCR.
pub(super) fn report(
    outcome: &Outcome,
    options: &Options,
    entries_before: u64,
    unchecked: &mut Unchecked,
) -> Vec<PcrReport> {
    let mut rows: Vec<PcrReport> = Vec::new();
    for value in outcome.values() {
        let is_new = rows
            .last()
            .is_none_or(|row| (row.bank, row.index) != (value.bank, value.index));
        if !is_new || (value.rule, value.hashes) != (Rule::PerBank, Hashes::Recomputed) {
            continue;
        }
        let way = outcome.matched().and_then(|matched| way_of(matched, value.bank));
        let (rule, hashes) = way.unwrap_or((value.rule, value.hashes));
        let (replayed, matched_entries) = match (value.expected, value.reached) {
            (Some(expected), Some(after)) => {
                let entries = after.map_or(0, |after| after.saturating_sub(entries_before));
                (Some(expected), Some(entries))
            }
            _ => (outcome.value(value.bank, value.index, rule, hashes), None),
        };
        match replayed {
            Some(replayed) => rows.push(PcrReport {
                bank: value.bank,
                index: value.index,
                replayed,
                expected: value.expected,
                matched_entries,
                rule,
            }),
            None => unchecked.add(unknown(&value)),
        }
    }
    for &index in &options.pcrs {
        if rows.iter().all(|row| row.index != u32::from(index)) && outcome.entries() > 0 {
            unchecked.add(format!("PCR {index}: the list has no entries for it"));
        }
    }
    rows
}

fn unknown(value: &PcrValue) -> String {
    let entry = value.value.err().unwrap_or_default();
    let name = pcr_name(value.bank, value.index);
    format!("PCR {name}: unknown from entry {entry} on, whose template data the list does not tell")
}

fn way_of(matched: &Match, bank: Algorithm) -> Option<(Rule, Hashes)> {
    let mut by = matched.by.iter();
    by.find(|(of, ..)| *of == bank)
        .map(|(_, rule, hashes)| (*rule, *hashes))
}

/// Records what is not reached, and names what is not covered. True if all is reached.
pub(super) fn judge(
    outcome: &Outcome,
    goals: &Goals,
    entries: u64,
    entries_before: u64,
    recorder: &mut Recorder,
    unchecked: &mut Unchecked,
) -> bool {
    if goals.is_empty() {
        return true;
    }
    let Some(matched) = outcome.matched() else {
        not_reached(outcome, goals, recorder);
        return false;
    };
    let covered = matched
        .after
        .map_or(0, |after| after.saturating_sub(entries_before));
    if covered == 0 && entries > 0 {
        recorder.strict_whole({
            Finding::new(
                FindingCode::PcrMismatch,
                "the PCR values are those before the first entry: nothing of the list was extended",
                "the list and the PCR values are of different boots, or the list is invented",
            )
        });
        return false;
    }
    if covered < entries {
        let first = entries_before.saturating_add(covered).saturating_add(1);
        let last = entries_before.saturating_add(entries);
        unchecked.add(format!(
            "entries {first} to {last}: measured after the PCR values were read, which do not cover them"
        ));
    }
    if matched
        .by
        .iter()
        .any(|(_, _, hashes)| *hashes == Hashes::Recorded)
    {
        unchecked.add("the PCR values fit the template hashes that the list records, not its fields");
    }
    if matched.by.iter().any(|(_, rule, _)| *rule == Rule::PaddedSha1) {
        unchecked
            .add("banks other than sha1: Linux before 5.8 extends SHA-1 hashes into them, padded with zeros");
    }
    true
}

fn not_reached(outcome: &Outcome, goals: &Goals, recorder: &mut Recorder) {
    const HINT: &str =
        "the list was altered, or cut, or is older than the PCR values: take the list after them";
    let mut is_any_missed = false;
    let per_bank = |value: &PcrValue| (value.rule, value.hashes) == (Rule::PerBank, Hashes::Recomputed);
    for value in outcome.values().filter(per_bank) {
        let Some(expected) = value.expected.filter(|_| value.reached.is_none()) else {
            continue;
        };
        is_any_missed = true;
        recorder.strict_whole({
            let name = pcr_name(value.bank, value.index);
            let finding = Finding::new(
                FindingCode::PcrMismatch,
                format!("no part of the list leads to the value of PCR {name}"),
                HINT,
            )
            .expected([format!("{expected:?}")]);
            match value.value {
                Ok(replayed) => finding.found(format!("{replayed:?}")),
                Err(entry) => finding.found(format!("unknown from entry {entry} on")),
            }
        });
    }
    if is_any_missed {
        return;
    }
    recorder.strict_whole(match &goals.composite {
        Some(composite) => Finding::new(
            FindingCode::PcrMismatch,
            "no part of the list leads to PCR values that the quote covers",
            HINT,
        )
        .expected([format!("{:?}", composite.digest)]),
        None => Finding::new(
            FindingCode::PcrMismatch,
            "the list leads to each of the PCR values, but to no two of them after the same entry",
            "take all PCR values at once, as a quote does",
        ),
    });
}
