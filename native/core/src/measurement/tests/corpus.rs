//! Lists that kernels wrote, with the PCRs, event logs and ground truth of the same machines.

use std::collections::BTreeMap;

use ima_assay_digest::{Algorithm, Digest};

use super::*;

struct Machine {
    name: String,
    case: serde_json::Value,
    ascii: Vec<u8>,
    binary: Vec<u8>,
    event_log: Vec<u8>,
    pcrs: Pcrs,
}

fn machines() -> Vec<Machine> {
    let machine = |(folder, case): (PathBuf, serde_json::Value)| {
        let file = |name| fs::read(folder.join(name)).unwrap();
        Machine {
            name: folder.file_name().unwrap().display().to_string(),
            case,
            ascii: file("ascii_runtime_measurements"),
            binary: file("binary_runtime_measurements"),
            event_log: file("binary_bios_measurements"),
            pcrs: pcrs(&String::from_utf8(file("pcrs")).unwrap()),
        }
    };
    cases("corpus").into_iter().map(machine).collect()
}

/// Lines of `bank:index=hex`.
fn pcrs(lines: &str) -> Pcrs {
    let mut pcrs = Pcrs::default();
    for line in lines.lines() {
        let (place, value) = line.split_once('=').unwrap();
        let (bank, index) = place.split_once(':').unwrap();
        let value = Digest::from_hex(bank.parse().unwrap(), value).unwrap();
        pcrs.insert(index.parse().unwrap(), value);
    }
    pcrs
}

#[test]
fn both_forms_tell_the_same_and_can_be_made_of_each_other() {
    for machine in machines() {
        let name = &machine.name;
        let (mut ascii, binary) = (read(&machine.ascii), read(&machine.binary));
        let joined = ascii
            .entries
            .iter()
            .filter(|entry| entry.notes.line_ends_in_name > 0)
            .count();
        assert_eq!(joined, usize::from(name == "legacy-sha1"), "{name}");
        ascii
            .entries
            .iter_mut()
            .for_each(|entry| entry.notes = Notes::default());
        assert_eq!((&*ascii.faults, &*binary.faults), (&[][..], &[][..]), "{name}");
        assert_eq!(ascii.entries.len(), machine.case["entries"], "{name}");
        assert!(ascii.entries == binary.entries, "{name}");
        for (from, form) in [(&machine.ascii, Form::Ascii), (&machine.binary, Form::Binary)] {
            assert!(
                print(from, Form::Ascii, None).unwrap() == machine.ascii,
                "{name} {form:?}"
            );
            assert!(
                print(from, Form::Binary, None).unwrap() == machine.binary,
                "{name} {form:?}"
            );
        }
        let reader = |list| Reader::new(list, Limits::default()).unwrap();
        let (mut left, mut right) = (reader(&*machine.ascii), reader(&*machine.binary));
        assert_eq!(first_difference(&mut left, &mut right).unwrap(), None);
    }
}

#[test]
fn the_tpm_holds_what_the_list_replays_to() {
    for machine in machines() {
        for list in [&machine.ascii, &machine.binary] {
            let mut expected = Pcrs::default();
            let all = machine.pcrs.iter().filter(|(_, index, _)| *index == 10);
            all.for_each(|(_, index, value)| expected.insert(index, *value));
            let banks = expected.banks().count();
            assert!(banks >= 2);
            let mut replay = Replay::new(ReplayOptions {
                expected,
                ..ReplayOptions::default()
            })
            .unwrap();
            let mut stats = Stats::default();
            let mut reader = Reader::new(&**list, Limits::default()).unwrap();
            let mut violations = Vec::new();
            while let Some(item) = reader.next().unwrap() {
                stats.add(&item);
                let Item::Entry(entry) = item else {
                    panic!("{item:?}")
                };
                match replay.extend(&entry) {
                    Check::Matches => {}
                    Check::Violation => violations.push(entry.number()),
                    other => panic!("{} {}: {other:?}", machine.name, entry.number()),
                }
            }
            let outcome = replay.finish();
            let matched = outcome.matched().unwrap();
            assert_eq!(
                matched.after,
                machine.case["entries"].as_u64(),
                "{}",
                machine.name
            );
            assert_eq!(matched.by.len(), banks);
            assert!(matched.by.iter().all(|(_, rule, _)| *rule == Rule::PerBank));
            let listed: Vec<u64> = machine.case["violation_entries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry.as_u64().or_else(|| entry["line"].as_u64()).unwrap())
                .collect();
            assert_eq!(violations, listed, "{}", machine.name);
            let templates: BTreeMap<String, u64> =
                serde_json::from_value(machine.case["templates"].clone()).unwrap();
            let counted = stats.templates.counts.iter();
            let counted = counted.map(|(name, count)| (String::from_utf8(name.clone()).unwrap(), *count));
            assert_eq!(counted.collect::<BTreeMap<String, u64>>(), templates);
            assert_eq!(stats.violations, outcome.violations());
        }
    }
}

#[test]
fn the_event_log_replays_to_the_pcrs_and_these_make_the_boot_aggregate() {
    for machine in machines() {
        let log = replay_event_log(&*machine.event_log, &Limits::default()).unwrap();
        assert!(log.events > 10);
        let mut compared = 0;
        for (bank, index, value) in machine.pcrs.iter().filter(|(_, index, _)| *index < 10) {
            assert_eq!(
                log.pcrs.get(bank, index),
                Some(value),
                "{} {bank}:{index}",
                machine.name
            );
            compared += 1;
        }
        assert!(compared >= 20);
        let mut reader = Reader::new(&*machine.binary, Limits::default()).unwrap();
        let Some(Item::Entry(first)) = reader.next().unwrap() else {
            panic!()
        };
        assert!(first.is_named_boot_aggregate());
        let digest = first.file_digest().unwrap();
        for pcrs in [&log.pcrs, &machine.pcrs] {
            let candidates = boot_aggregates(pcrs);
            let found = candidates.iter().find(|candidate| candidate.is(&digest)).unwrap();
            let explained = machine.case["boot_aggregate"][0]["explained"].as_str().unwrap();
            assert!(
                explained.ends_with(&format!("PCR 0-{}", found.last_pcr)),
                "{explained}"
            );
            assert!(
                explained.starts_with(found.digest.algorithm().name()),
                "{explained}"
            );
        }
        assert_eq!(boot_aggregates(&Pcrs::default()), []);
    }
}

#[test]
fn digests_of_files_are_those_of_the_image_they_came_from() {
    for machine in machines().iter().filter(|machine| machine.name == "clean") {
        let mut truth = BTreeMap::new();
        for file in machine.case["truth"].as_array().unwrap() {
            let packed = fs::read(shared("corpus").unwrap().join(file.as_str().unwrap())).unwrap();
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&*packed), &mut text).unwrap();
            for line in String::from_utf8_lossy(&text).lines() {
                let (digest, name) = line.split_once("  ").unwrap();
                truth.insert(name.trim_start_matches('.').to_owned(), digest.to_owned());
            }
        }
        let mut reader = Reader::new(&*machine.ascii, Limits::default()).unwrap();
        let mut found = 0;
        while let Some(Item::Entry(entry)) = reader.next().unwrap() {
            let name = String::from_utf8(entry.name().unwrap().to_vec()).unwrap();
            let digest = entry.file_digest().unwrap();
            assert_eq!(digest.algorithm(), Some(Algorithm::Sha256));
            if let Some(expected) = truth.get(&name) {
                assert_eq!(hex(digest.digest), *expected, "{name}");
                found += 1;
            }
        }
        assert_eq!(found, machine.case["match_counts"]["match"]);
    }
}
