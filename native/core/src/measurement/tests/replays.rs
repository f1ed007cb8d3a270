//! PCRs after lists made by the tests; values computed by others.

use ima_assay_digest::{Algorithm, Digest, hash};

use super::made::{Made, list};
use super::*;

/// An entry and a violation.
const LIST: &str = "10 9dc9aecd13d7bfb7ce2e30ef2f01af56ab8b4bc8 ima-ng sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb /usr/bin/true\n\
                    10 0000000000000000000000000000000000000000 ima-ng sha256:0000000000000000000000000000000000000000000000000000000000000000 /var/log/x\n";

/// Bank, index and value of a PCR.
type Value<'a> = (Algorithm, u32, &'a str);

fn replay(list: &[u8], options: ReplayOptions) -> Outcome {
    let mut reader = Reader::new(list, Limits::default()).unwrap();
    let mut replay = Replay::new(options).unwrap();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Entry(entry) = item {
            replay.extend(&entry);
        }
    }
    replay.finish()
}

fn expecting(values: &[Value<'_>]) -> ReplayOptions {
    ReplayOptions {
        expected: pcrs(values),
        ..ReplayOptions::default()
    }
}

fn pcrs(values: &[Value<'_>]) -> Pcrs {
    let mut pcrs = Pcrs::default();
    for (bank, index, value) in values {
        pcrs.insert(*index, Digest::from_hex(*bank, value).unwrap());
    }
    pcrs
}

const SHA1_AFTER_1: &str = "8fba874e02174e333e960e22ce0bd466a489cd88";
const SHA1_AFTER_2: &str = "210c3dd6ad71951f6793ccfb6e9b9c196d384458";
const SHA256_AFTER_1: &str = "e24b802de8a5228ba6560839bba1289bc43f9649e8d2ba094356ac770bd0e1fb";
const SHA256_AFTER_2: &str = "38d0bbe6fe1ba00ed0db32e60e00a10a79df8ff5297606e8ea4337aa7ead1a6a";
const PADDED_AFTER_2: &str = "082931453fe4056222fae02503298d5f5de58f99bf0e9b2248b032bce0bc3254";

#[test]
fn entries_and_violations_are_extended_by_both_rules() {
    use Algorithm::{Sha1, Sha256};
    let rows: [(&[Value<'_>], u64, Rule); 5] = [
        (
            &[(Sha1, 10, SHA1_AFTER_1), (Sha256, 10, SHA256_AFTER_1)],
            1,
            Rule::PerBank,
        ),
        (&[(Sha1, 10, SHA1_AFTER_2)], 2, Rule::PerBank),
        (&[(Sha256, 10, SHA256_AFTER_2)], 2, Rule::PerBank),
        (&[(Sha256, 10, PADDED_AFTER_2)], 2, Rule::PaddedSha1),
        // Ones that nothing was extended into.
        (
            &[
                (Sha1, 10, SHA1_AFTER_1),
                (Sha1, 17, "ffffffffffffffffffffffffffffffffffffffff"),
            ],
            1,
            Rule::PerBank,
        ),
    ];
    for (expected, after, rule) in rows {
        let outcome = replay(LIST.as_bytes(), expecting(expected));
        let matched = outcome.matched().unwrap();
        assert_eq!(matched.after, Some(after));
        assert!(
            matched
                .by
                .iter()
                .all(|(_, by, hashes)| (*by, *hashes) == (rule, Hashes::Recomputed))
        );
        assert_eq!(outcome.uncovered_entries(), 2 - after);
        for value in outcome.values().filter(|value| value.expected.is_some()) {
            let reached = if value.index == 17 { None } else { Some(after) };
            assert_eq!(value.reached, Some(reached));
        }
    }
    let outcome = replay(LIST.as_bytes(), ReplayOptions::default());
    assert_eq!(
        outcome
            .value(Sha256, 10, Rule::PerBank, Hashes::Recorded)
            .unwrap()
            .to_string(),
        SHA256_AFTER_2
    );
    assert_eq!(
        outcome
            .value(Sha1, 10, Rule::PaddedSha1, Hashes::Recomputed)
            .unwrap()
            .to_string(),
        SHA1_AFTER_2
    );
    assert_eq!(
        outcome.value(Algorithm::Md5, 10, Rule::PerBank, Hashes::Recomputed),
        None
    );
    let banks: Vec<&str> = outcome
        .values()
        .filter(|value| value.rule == Rule::PerBank)
        .map(|value| bank_name(value.bank))
        .collect();
    assert_eq!(banks, ["sha1", "sha256", "sha384", "sha512", "sm3_256"]);
}

#[test]
fn all_values_have_to_be_reached_after_the_same_entry() {
    use Algorithm::{Sha1, Sha256};
    let outcome = replay(
        LIST.as_bytes(),
        expecting(&[(Sha1, 10, SHA1_AFTER_1), (Sha256, 10, SHA256_AFTER_2)]),
    );
    assert_eq!(outcome.matched(), None);
    assert_eq!(outcome.uncovered_entries(), 2);
    let reached: Vec<_> = outcome
        .values()
        .filter(|value| value.rule == Rule::PerBank && value.expected.is_some())
        .map(|value| value.reached)
        .collect();
    assert_eq!(reached, [Some(Some(1)), Some(Some(2))]);
    // One value by one rule and one by the other is what a kernel does that lacks an algorithm.
    let outcome = replay(
        LIST.as_bytes(),
        expecting(&[(Sha1, 10, SHA1_AFTER_2), (Sha256, 10, PADDED_AFTER_2)]),
    );
    assert_eq!(
        outcome.matched().unwrap().by,
        [
            (Sha1, Rule::PerBank, Hashes::Recomputed),
            (Sha256, Rule::PaddedSha1, Hashes::Recomputed)
        ]
    );
}

#[test]
fn a_replay_can_go_on_from_known_values() {
    use Algorithm::{Sha1, Sha256};
    let (_, second) = LIST.split_once('\n').unwrap();
    let options = ReplayOptions {
        start: pcrs(&[(Sha1, 10, SHA1_AFTER_1), (Sha256, 10, SHA256_AFTER_1)]),
        ..expecting(&[(Sha1, 10, SHA1_AFTER_2), (Sha256, 10, SHA256_AFTER_2)])
    };
    let mut reader = Reader::new(second.as_bytes(), Limits::default())
        .unwrap()
        .after_entries(1);
    let mut replay = Replay::new(options).unwrap();
    while let Some(Item::Entry(entry)) = reader.next().unwrap() {
        replay.extend(&entry);
    }
    let outcome = replay.finish();
    assert_eq!(outcome.matched().unwrap().after, Some(2));
    assert_eq!((outcome.entries(), outcome.violations()), (2, 1));
}

#[test]
fn a_digest_of_several_pcrs_is_reached_as_a_quote_has_it() {
    use Algorithm::{Sha1, Sha256, Sha384};
    let value = |bank, hex: &str| Digest::from_hex(bank, hex).unwrap().bytes().to_vec();
    let zeros = vec![0; 32];
    let rows = [
        (
            "one PCR",
            vec![(Sha256, 10)],
            value(Sha256, SHA256_AFTER_1),
            Some(Some(1)),
            Rule::PerBank,
        ),
        (
            "several, of two banks",
            vec![(Sha1, 10), (Sha256, 0), (Sha256, 10)],
            [
                value(Sha1, SHA1_AFTER_2),
                zeros.clone(),
                value(Sha256, SHA256_AFTER_2),
            ]
            .concat(),
            Some(Some(2)),
            Rule::PerBank,
        ),
        (
            "padded",
            vec![(Sha1, 10), (Sha256, 10)],
            [value(Sha1, SHA1_AFTER_2), value(Sha256, PADDED_AFTER_2)].concat(),
            Some(Some(2)),
            Rule::PaddedSha1,
        ),
        (
            "before the first entry",
            vec![(Sha256, 10)],
            zeros.clone(),
            Some(None),
            Rule::PerBank,
        ),
        (
            "in another order",
            vec![(Sha256, 10), (Sha256, 0)],
            [zeros, value(Sha256, SHA256_AFTER_2)].concat(),
            None,
            Rule::PerBank,
        ),
    ];
    for (why, selection, values, after, rule) in rows {
        let composite = Composite {
            selection,
            digest: hash(Sha384, &values),
        };
        let outcome = replay(
            LIST.as_bytes(),
            ReplayOptions {
                banks: vec![],
                composite: Some(composite),
                ..ReplayOptions::default()
            },
        );
        assert_eq!(outcome.matched().map(|matched| matched.after), after, "{why}");
        if let Some(matched) = outcome.matched() {
            assert!(matched.by.iter().all(|(_, by, _)| *by == rule), "{why}");
        }
    }
}

#[test]
fn where_data_is_not_known_only_the_lists_own_bank_goes_on() {
    let entries = [Made::file(b"/a"), Made::file(b"/b")];
    let ascii = String::from_utf8(list(Form::Ascii, &entries)).unwrap();
    let known = replay(ascii.as_bytes(), ReplayOptions::default());
    let unknown = ascii.replacen("ima-ng", "ima-zz", 1);
    let outcome = replay(unknown.as_bytes(), ReplayOptions::default());
    for value in outcome.values() {
        match (value.bank, value.rule) {
            (Algorithm::Sha1, Rule::PerBank) | (_, Rule::PaddedSha1) => {
                let expected = known.value(value.bank, 10, value.rule, Hashes::Recomputed);
                assert_eq!(value.value.ok(), expected, "{}", value.bank);
            }
            _ => assert_eq!(value.value, Err(1), "{}", value.bank),
        }
    }
}

#[test]
fn what_is_recorded_and_what_is_recomputed_part_where_a_template_hash_is_wrong() {
    let entries = [Made::file(b"/a"), Made::file(b"/b"), Made::file(b"/c")];
    let true_list = replay(&list(Form::Ascii, &entries), ReplayOptions::default());
    let renamed = [Made::file(b"/a"), Made::file(b"/B"), Made::file(b"/c")];
    let renamed_list = replay(&list(Form::Ascii, &renamed), ReplayOptions::default());
    // The digest stays that of `/b`, so only the name is another.
    let ascii = String::from_utf8(list(Form::Ascii, &entries)).unwrap();
    let altered = ascii.replacen(" /b\n", " /B\n", 1);
    let outcome = replay(altered.as_bytes(), ReplayOptions::default());
    for (bank, rule) in [
        (Algorithm::Sha1, Rule::PerBank),
        (Algorithm::Sha256, Rule::PaddedSha1),
    ] {
        let value = |outcome: &Outcome, hashes| outcome.value(bank, 10, rule, hashes).unwrap();
        assert_eq!(
            value(&outcome, Hashes::Recorded),
            value(&true_list, Hashes::Recomputed)
        );
        assert_ne!(
            value(&outcome, Hashes::Recomputed),
            value(&true_list, Hashes::Recomputed)
        );
        assert_ne!(
            value(&outcome, Hashes::Recomputed),
            value(&renamed_list, Hashes::Recomputed)
        );
    }
    // Of another bank nothing is recorded.
    assert!(!outcome.values().any(|value| value.bank == Algorithm::Sha256
        && value.rule == Rule::PerBank
        && value.hashes == Hashes::Recorded));
}

#[test]
fn an_unknown_pcr_is_refused() {
    let options = expecting(&[(Algorithm::Sha1, 24, SHA1_AFTER_1)]);
    assert!(matches!(
        Replay::new(options),
        Err(ReplayError::NoSuchPcr { index: 24 })
    ));
}

#[test]
fn a_boot_aggregate_is_over_the_pcrs_of_the_boot() {
    let mut pcrs = Pcrs::default();
    for bank in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384] {
        for index in 0..=if bank == Algorithm::Sha384 { 8 } else { 9 } {
            pcrs.insert(index, hash(bank, &[index as u8]));
        }
    }
    let values = |bank, last: u8| {
        (0..=last)
            .flat_map(|index| hash(bank, &[index]).bytes().to_vec())
            .collect::<Vec<u8>>()
    };
    let expected = [
        (Algorithm::Sha1, 7),
        (Algorithm::Sha256, 9),
        (Algorithm::Sha256, 7),
    ]
    .map(|(bank, last)| BootAggregate {
        digest: hash(bank, &values(bank, last)),
        last_pcr: last.into(),
    });
    assert_eq!(boot_aggregates(&pcrs), expected);
    let digest = |algorithm_name| FileDigest {
        digest_type: None,
        algorithm_name,
        digest: expected[0].digest.bytes(),
    };
    assert!(expected[0].is(&digest(Some(b"sha1"))) && expected[0].is(&digest(None)));
    assert!(!expected[0].is(&digest(Some(b"sha256"))) && !expected[1].is(&digest(None)));
}

#[test]
fn evmctl_reaches_the_same_values_by_both_rules() {
    let mut violation = Made::file(b"/violated");
    violation.is_violation = true;
    let mut other_pcr = Made::file(b"/other");
    other_pcr.pcr = 11;
    let mut entries: Vec<Made> = (0..50)
        .map(|number| Made::file(format!("/file/{number}").as_bytes()))
        .collect();
    entries.extend([violation, other_pcr, Made::file(b"/last")]);
    let list = list(Form::Binary, &entries);
    let outcome = replay(&list, ReplayOptions::default());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let list = file("list", &list);
    let rows = [
        (Rule::PerBank, "Matched per TPM bank calculated digest(s)."),
        (Rule::PaddedSha1, "Matched SHA1 padded TPM digest(s)."),
    ];
    for (rule, says) in rows {
        let mut command = std::process::Command::new("evmctl");
        command.args(["ima_measurement", "--ignore-violations"]);
        for bank in [Algorithm::Sha1, Algorithm::Sha256] {
            let values = (0..24).map(|index| {
                let value = outcome.value(bank, index, rule, Hashes::Recomputed).unwrap();
                // evmctl lets every PCR start with zeros.
                let value = if (17..=22).contains(&index) {
                    "00".repeat(bank.len())
                } else {
                    value.to_string()
                };
                format!("PCR-{index:02}: {value}\n")
            });
            let values = file(bank.name(), values.collect::<String>().as_bytes());
            command.args(["--pcrs", &format!("{bank},{values}")]);
        }
        let output = match command.arg(&list).output() {
            Ok(output) => output,
            Err(_) if std::env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_some() => panic!("evmctl not installed"),
            Err(_) => return println!("skipped: evmctl not installed"),
        };
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains(says), "{rule:?}: {said}");
    }
}
