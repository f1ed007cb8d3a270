//! Event logs of firmware, made by the tests and replayed by tpm2-tools as well.

use std::process::Command;

use ima_assay_digest::{Algorithm, Digest, hash};

use super::made::Random;
use super::*;
use crate::error::Explain as _;

const NO_ACTION: u32 = 3;
const ACTION: u32 = 5;

/// An event of the SHA-1 log.
fn old_event(pcr: u32, kind: u32, event: &[u8]) -> Vec<u8> {
    let digest = if kind == NO_ACTION {
        [0; 20].to_vec()
    } else {
        hash(Algorithm::Sha1, event).bytes().to_vec()
    };
    let len = u32::try_from(event.len()).unwrap();
    [
        &pcr.to_le_bytes()[..],
        &kind.to_le_bytes(),
        &digest,
        &len.to_le_bytes(),
        event,
    ]
    .concat()
}

const BANKS: [(u16, Algorithm); 3] = [
    (4, Algorithm::Sha1),
    (0xb, Algorithm::Sha256),
    (0xc, Algorithm::Sha384),
];

fn header(algorithms: &[(u16, u16)]) -> Vec<u8> {
    let mut event = b"Spec ID Event03\0\0\0\0\0\0\x02\0\x02".to_vec();
    event.extend(u32::try_from(algorithms.len()).unwrap().to_le_bytes());
    for (number, len) in algorithms {
        event.extend(number.to_le_bytes());
        event.extend(len.to_le_bytes());
    }
    event.push(0);
    old_event(0, NO_ACTION, &event)
}

fn usual_header() -> Vec<u8> {
    header(&BANKS.map(|(number, algorithm)| (number, algorithm.len() as u16)))
}

fn event(pcr: u32, kind: u32, event: &[u8]) -> Vec<u8> {
    let mut bytes = [pcr.to_le_bytes(), kind.to_le_bytes(), 3_u32.to_le_bytes()].concat();
    for (number, algorithm) in BANKS {
        bytes.extend(number.to_le_bytes());
        match kind {
            NO_ACTION => bytes.extend(vec![0; algorithm.len()]),
            _ => bytes.extend(hash(algorithm, event).bytes()),
        }
    }
    bytes.extend(u32::try_from(event.len()).unwrap().to_le_bytes());
    bytes.extend(event);
    bytes
}

fn locality(locality: u8) -> Vec<u8> {
    event(0, NO_ACTION, &[b"StartupLocality\0", &[locality][..]].concat())
}

fn replay(log: &[u8]) -> Result<EventLog, EventLogError> {
    replay_event_log(log, &Limits::default())
}

/// Extends by the book.
fn extended(bank: Algorithm, start: Vec<u8>, events: &[&[u8]]) -> Digest {
    let value = events.iter().fold(start, |value, event| {
        hash(bank, &[&value[..], hash(bank, event).bytes()].concat())
            .bytes()
            .to_vec()
    });
    Digest::new(bank, &value).unwrap()
}

#[test]
fn events_are_extended_into_every_bank_of_the_log() {
    let log = [
        usual_header(),
        locality(3),
        event(0, ACTION, b"one"),
        event(7, ACTION, b"two"),
        event(0, ACTION, b""),
        event(u32::MAX, NO_ACTION, b"says something"),
        event(17, ACTION, b"late launch"),
    ]
    .concat();
    let replayed = replay(&log).unwrap();
    assert_eq!((replayed.events, replayed.startup_locality), (7, Some(3)));
    for (_, bank) in BANKS {
        let mut start = vec![0; bank.len()];
        let get = |index| *replayed.pcrs.get(bank, index).unwrap();
        assert_eq!(get(7), extended(bank, start.clone(), &[b"two"]));
        assert_eq!(get(17), extended(bank, vec![0xff; bank.len()], &[b"late launch"]));
        assert_eq!(get(9).bytes(), start);
        *start.last_mut().unwrap() = 3;
        assert_eq!(get(0), extended(bank, start, &[b"one", b""]));
    }
    for padding in [0, 0xff] {
        let padded = [&log[..], &[padding; 1000]].concat();
        assert_eq!(replay(&padded).unwrap(), replayed);
    }
}

#[test]
fn a_log_of_sha1_alone_is_replayed_as_well() {
    let log = [
        old_event(4, ACTION, b"boot"),
        old_event(0, NO_ACTION, b"Spec ID Event02\0"),
        old_event(4, ACTION, b"more"),
    ]
    .concat();
    let replayed = replay(&log).unwrap();
    let value = extended(Algorithm::Sha1, vec![0; 20], &[b"boot", b"more"]);
    assert_eq!(replayed.pcrs.get(Algorithm::Sha1, 4), Some(&value));
    assert_eq!(replayed.pcrs.banks().collect::<Vec<_>>(), [Algorithm::Sha1]);
}

#[test]
fn digests_of_unknown_algorithms_are_passed_over_and_named() {
    let mut event = [4_u32.to_le_bytes(), ACTION.to_le_bytes(), 2_u32.to_le_bytes()].concat();
    event.extend([0x4, 0]);
    event.extend(hash(Algorithm::Sha1, b"x").bytes());
    event.extend([0x99, 0, 1, 2, 3, 4, 5]);
    event.extend([1, 0, 0, 0, b'x']);
    let log = [header(&[(4, 20), (0x99, 5)]), event].concat();
    let replayed = replay(&log).unwrap();
    assert_eq!(replayed.unknown_algorithms, [0x99]);
    assert_eq!(
        replayed.pcrs.get(Algorithm::Sha1, 4),
        Some(&extended(Algorithm::Sha1, vec![0; 20], &[b"x"]))
    );
}

#[test]
fn a_log_that_is_not_as_it_should_be_is_an_error_that_says_where() {
    let one = event(0, ACTION, b"one");
    let mut few = one.clone();
    few[8] = 2;
    few.drain(12 + 22 + 34..12 + 22 + 34 + 50);
    let mut unannounced = one.clone();
    unannounced[12] = 9;
    let at = usual_header().len() as u64;
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", vec![], "EVENT_LOG_EMPTY"),
        ("zeros", vec![0; 64], "EVENT_LOG_EMPTY"),
        ("PCR 24", event(24, ACTION, b"x"), "EVENT_PCR_UNKNOWN"),
        (
            "an algorithm nobody announced",
            unannounced,
            "EVENT_ALGORITHM_UNKNOWN",
        ),
        ("a bank less", few, "EVENT_DIGESTS_UNEVEN"),
        (
            "a length of all ones",
            [&one[..one.len() - 7], &[0xff; 4]].concat(),
            "EVENT_TOO_LONG",
        ),
        (
            "a locality too late",
            [one.clone(), locality(3)].concat(),
            "EVENT_LOCALITY_LATE",
        ),
        (
            "two localities",
            [locality(3), locality(4)].concat(),
            "EVENT_LOCALITY_LATE",
        ),
    ];
    for (why, events, code) in rows {
        let log = if events.iter().all(|byte| *byte == 0) {
            events
        } else {
            [usual_header(), events].concat()
        };
        let error = replay(&log).unwrap_err();
        assert_eq!(crate::error::Explain::code(&error), code, "{why}");
    }
    let error = replay(&[usual_header(), event(24, ACTION, b"x")].concat()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("event 2 at byte {at}: there is no PCR 24")
    );
    for algorithms in [&[][..], &[(4, 21)], &[(4, 20), (4, 20)]] {
        assert!(matches!(
            replay(&header(algorithms)),
            Err(EventLogError::HeaderMalformed)
        ));
    }
}

#[test]
fn a_log_cut_off_anywhere_but_between_events_is_an_error() {
    let events = [
        usual_header(),
        locality(3),
        event(0, ACTION, b"one"),
        event(7, ACTION, b"two"),
    ];
    let log = events.concat();
    let ends: Vec<usize> = (1..=events.len())
        .map(|count| events[..count].concat().len())
        .collect();
    for cut in 1..log.len() {
        assert_eq!(replay(&log[..cut]).is_ok(), ends.contains(&cut), "{cut}");
    }
}

#[test]
fn another_kind_of_file_is_told_by_its_first_event() {
    let error = replay(b"10 c8acbfa06c0d5bf7696db445ba8489fa2393c0d5 ima-ng sha256:00 /x\n").unwrap_err();
    assert!(
        error.hint().unwrap().contains("binary_bios_measurements"),
        "{error}"
    );
}

#[test]
fn noise_is_no_trouble() {
    let mut random = Random::new(3);
    let log = [
        usual_header(),
        locality(3),
        event(0, ACTION, b"one"),
        event(7, ACTION, b"two"),
    ]
    .concat();
    for _ in 0..3000 {
        let mut log = log.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(log.len());
            log[at] = random.below(256) as u8;
        }
        let _ = replay(&log);
    }
}

#[test]
fn tpm2_tools_replay_to_the_same_values() {
    let mut random = Random::new(1);
    // tpm2-tools 5.4 extends events that are not to be extended, and knows no startup locality.
    let mut log = usual_header();
    for _ in 0..40 {
        let len = random.below(200) + 1;
        let data = random.bytes(len);
        log.extend(event(random.below(10) as u32, ACTION, &data));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &log).unwrap();
    let output = match Command::new("tpm2_eventlog").arg(file.path()).output() {
        Ok(output) => output,
        Err(_) if std::env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_some() => {
            panic!("tpm2_eventlog not installed")
        }
        Err(_) => return println!("skipped: tpm2_eventlog not installed"),
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, values) = text.split_once("\npcrs:\n").unwrap();
    let replayed = replay(&log).unwrap();
    let mut bank = None;
    let mut compared = 0;
    for line in values.lines() {
        let (key, value) = line.trim().split_once(':').unwrap();
        match value.trim().strip_prefix("0x") {
            None => bank = key.parse::<Algorithm>().ok(),
            Some(hex) => {
                let index = key.trim().parse().unwrap();
                let value = replayed.pcrs.get(bank.unwrap(), index).unwrap();
                assert_eq!(value.to_string(), hex, "{bank:?}:{index}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 20, "{text}");
}
