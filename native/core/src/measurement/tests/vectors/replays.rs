//! What the PCRs hold after each list.

use std::collections::BTreeMap;

use ima_assay_digest::{Algorithm, Digest};
use serde_json::Value;

use super::*;

/// Replays a list and says what each template hash was.
fn replay(parts: &[&[u8]], options: ReplayOptions) -> (Outcome, Vec<Check>) {
    let sources = parts.iter().map(|part| Box::new(*part) as Source<'_>).collect();
    let mut reader = Reader::of_segments(sources, Limits::default()).unwrap();
    let mut replay = Replay::new(options).unwrap();
    let mut checks = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Entry(entry) = item {
            let check = replay.extend(&entry);
            assert_eq!(check, entry.check());
            checks.push(check);
        }
    }
    (replay.finish(), checks)
}

/// Values by bank and PCR, as a case gives them.
fn pcrs(banks: &Value) -> Pcrs {
    let mut pcrs = Pcrs::default();
    for (bank, values) in banks.as_object().unwrap() {
        let bank: Algorithm = bank.parse().unwrap();
        let values = match values {
            // Of PCR 10 alone.
            Value::String(value) => BTreeMap::from([(10, value.as_str())]),
            values => values
                .as_object()
                .unwrap()
                .iter()
                .map(|(index, value)| (index.parse().unwrap(), value.as_str().unwrap()))
                .collect(),
        };
        for (index, value) in values {
            pcrs.insert(index, Digest::from_hex(bank, value).unwrap());
        }
    }
    pcrs
}

/// The values of a list after its last entry.
fn values(outcome: &Outcome, rule: Rule, hashes: Hashes) -> BTreeMap<(Algorithm, u32), Digest> {
    outcome
        .values()
        .filter(|value| value.rule == rule && value.hashes == hashes)
        .map(|value| ((value.bank, value.index), value.value.unwrap()))
        .collect()
}

#[test]
fn pcrs_of_every_bank_are_what_they_should_be_by_both_rules() {
    for list in lists().iter().filter(|list| !list.has_wrong_hashes()) {
        let (outcome, _) = replay(&[&list.bytes], ReplayOptions::default());
        let per_bank = values(&outcome, Rule::PerBank, Hashes::Recomputed);
        let padded = values(&outcome, Rule::PaddedSha1, Hashes::Recomputed);
        for (rule, found) in [("perBank", per_bank), ("sha1Padded", padded)] {
            let mut compared = 0;
            for (bank, index, expected) in pcrs(&list.case["pcrs"][rule]).iter() {
                assert_eq!(
                    found.get(&(bank, index)),
                    Some(expected),
                    "{} {rule} {bank}:{index}",
                    list.name
                );
                compared += 1;
            }
            assert!(compared > 1, "{}", list.name);
        }
        assert_eq!(
            outcome.violations(),
            list.case["violations"].as_u64().unwrap(),
            "{}",
            list.name
        );
        assert_eq!(
            outcome.entries(),
            list.case["count"].as_u64().unwrap(),
            "{}",
            list.name
        );
    }
}

#[test]
fn the_values_of_an_honest_list_are_reached_after_its_last_entry() {
    for list in lists().iter().filter(|list| !list.has_wrong_hashes()) {
        let count = list.case["count"].as_u64().unwrap();
        for (rule, name) in [(Rule::PerBank, "perBank"), (Rule::PaddedSha1, "sha1Padded")] {
            let options = ReplayOptions {
                expected: pcrs(&list.case["pcrs"][name]),
                ..ReplayOptions::default()
            };
            let banks = options.expected.banks().count();
            let (outcome, _) = replay(&[&list.bytes], options);
            let matched = outcome.matched().unwrap();
            assert_eq!(matched.after, Some(count), "{}", list.name);
            assert_eq!(outcome.uncovered_entries(), 0);
            let by: Vec<_> = matched.by.iter().map(|(_, by, hashes)| (*by, *hashes)).collect();
            assert!(
                by.iter().all(|by| *by == (rule, Hashes::Recomputed)),
                "{} {by:?}",
                list.name
            );
            assert_eq!(by.len(), banks);
        }
    }
}

#[test]
fn a_list_that_was_tampered_with_matches_where_the_collection_says_it_does() {
    for list in lists() {
        let Value::Object(_) = &list.case["expect"]["truePcrs"] else {
            continue;
        };
        let expect = &list.case["expect"];
        let options = |bank: Algorithm| ReplayOptions {
            expected: {
                let mut expected = Pcrs::default();
                let all = pcrs(&expect["truePcrs"]);
                all.iter()
                    .filter(|(known, ..)| *known == bank)
                    .for_each(|(_, index, value)| expected.insert(index, *value));
                expected
            },
            ..ReplayOptions::default()
        };
        let own: Algorithm = list.bank.parse().unwrap();
        let (outcome, checks) = replay(&[&list.bytes], options(own));
        let name = &list.name;
        let wrong: Vec<usize> = (0..)
            .zip(&checks)
            .filter(|(_, check)| **check == Check::Differs)
            .map(|(index, _)| index)
            .collect();
        if let Some(bad) = expect.get("badTemplateHash").and_then(Value::as_array) {
            let bad: Vec<usize> = bad
                .iter()
                .map(|index| usize::try_from(index.as_u64().unwrap()).unwrap())
                .collect();
            assert_eq!(wrong, bad, "{name}");
        }
        let reached = outcome.matched();
        match list.case["id"].as_str().unwrap() {
            "extra-entries" => {
                assert_eq!(reached.unwrap().after, expect["matchesAfter"].as_u64(), "{name}");
                assert_eq!(
                    outcome.uncovered_entries(),
                    expect["uncovered"].as_u64().unwrap(),
                    "{name}"
                );
            }
            // What was recorded is what was extended; the fields are not.
            "tamper-data" => {
                assert_eq!(
                    reached.unwrap().by,
                    [(own, Rule::PerBank, Hashes::Recorded)],
                    "{name}"
                );
                let other = if own == Algorithm::Sha1 {
                    Algorithm::Sha256
                } else {
                    Algorithm::Sha1
                };
                let (outcome, _) = replay(&[&list.bytes], options(other));
                assert_eq!(
                    outcome.matched(),
                    None,
                    "{name}: only the list's own bank has what was recorded"
                );
            }
            // The fields are what was extended; what was recorded is not.
            "tamper-one-bank" if !wrong.is_empty() => {
                assert_eq!(
                    reached.unwrap().by,
                    [(own, Rule::PerBank, Hashes::Recomputed)],
                    "{name}"
                );
            }
            "tamper-one-bank" => assert!(reached.is_some(), "{name}"),
            _ => assert_eq!(reached, None, "{name}"),
        }
    }
}

#[test]
fn a_bank_whose_algorithm_the_kernel_lacks_is_replayed_from_any_list() {
    for list in lists().iter().filter(|list| list.case["id"] == "bank-unmapped") {
        let value = list.case["expect"]["pcrSha3_256"].as_str().unwrap();
        let mut expected = pcrs(&list.case["pcrs"]["perBank"]);
        expected.insert(10, Digest::from_hex(Algorithm::Sha3_256, value).unwrap());
        let options = ReplayOptions {
            expected,
            ..ReplayOptions::default()
        };
        let (outcome, checks) = replay(&[&list.bytes], options);
        let matched = outcome.matched().unwrap();
        assert_eq!(matched.after, Some(4), "{}", list.name);
        for (bank, rule, _) in &matched.by {
            assert_eq!(*rule == Rule::PaddedSha1, *bank == Algorithm::Sha3_256, "{bank}");
        }
        assert!(!checks.contains(&Check::Differs));
    }
}

#[test]
fn parts_of_a_list_are_one_list_and_each_goes_on_where_the_last_one_ended() {
    for (folder, case) in cases("vectors/ima-log")
        .iter()
        .filter(|(_, case)| case["id"] == "segments")
    {
        for kind in ["ascii", "binary"] {
            for bank in ["sha1", "sha256"] {
                let files = case["files"].as_array().unwrap();
                let files = files
                    .iter()
                    .filter(|file| file["kind"] == kind && file["bank"] == bank);
                let parts: Vec<Vec<u8>> = files
                    .map(|file| fs::read(folder.join(file["path"].as_str().unwrap())).unwrap())
                    .collect();
                assert_eq!(parts.len(), 3);
                let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                let options = ReplayOptions {
                    expected: pcrs(&case["pcrs"]["perBank"]),
                    ..ReplayOptions::default()
                };
                let (outcome, _) = replay(&slices, options);
                assert_eq!(outcome.matched().unwrap().after, Some(9));

                let read = read_parts(&slices);
                let numbers: Vec<u64> = read.entries.iter().map(|entry| entry.number).collect();
                assert_eq!(numbers, (1..=9).collect::<Vec<u64>>());

                let mut start = Pcrs::default();
                for (part, after) in slices
                    .iter()
                    .zip(case["expect"]["pcr10AfterPart"].as_array().unwrap())
                {
                    let options = ReplayOptions {
                        start,
                        expected: pcrs(after),
                        ..ReplayOptions::default()
                    };
                    let (outcome, _) = replay(&[part], options);
                    assert_eq!(outcome.matched().unwrap().after, Some(3));
                    start = pcrs(after);
                }
            }
        }
    }
}

#[test]
fn a_boot_that_was_never_extended_matches_before_the_first_entry() {
    for list in lists().iter().take(3) {
        let mut expected = Pcrs::default();
        expected.insert(10, Digest::new(Algorithm::Sha256, &[0; 32]).unwrap());
        let options = ReplayOptions {
            expected,
            ..ReplayOptions::default()
        };
        let (outcome, checks) = replay(&[&list.bytes], options);
        assert_eq!(outcome.matched().unwrap().after, None);
        assert_eq!(outcome.uncovered_entries(), u64::try_from(checks.len()).unwrap());
    }
}

#[test]
fn the_first_entry_follows_from_the_pcrs_of_the_boot() {
    for list in lists() {
        let expected = &list.case["expect"]["bootAggregate"];
        if expected.is_null() {
            continue;
        }
        let candidates = boot_aggregates(&pcrs(&expected["fromPcrs"]));
        let mut reader = Reader::new(&list.bytes[..], Limits::default()).unwrap();
        let Some(Item::Entry(entry)) = reader.next().unwrap() else {
            panic!("{}", list.name)
        };
        assert!(entry.is_named_boot_aggregate());
        let digest = entry.file_digest().unwrap();
        let found = candidates.iter().find(|candidate| candidate.is(&digest)).unwrap();
        assert_eq!(
            found.digest.algorithm().name(),
            expected["algorithm"],
            "{}",
            list.name
        );
        assert_eq!(
            found.last_pcr,
            if expected["algorithm"] == "sha1" { 7 } else { 9 }
        );
    }
}
