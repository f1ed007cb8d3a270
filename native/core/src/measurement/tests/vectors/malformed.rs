//! Lists with one fault each, and what is said of each entry.

use super::*;
use crate::error::Explain as _;

const OK: &str = "ok";
const MALFORMED: &str = "ENTRY_MALFORMED";
const DIFFERS: &str = "TEMPLATE_HASH_MISMATCH";
const TRUNCATED: &str = "LIST_TRUNCATED";
const UNKNOWN: &str = "TEMPLATE_UNKNOWN";

/// What is said of each entry; an error is what is said of the list.
fn said(list: &[u8]) -> Vec<&'static str> {
    let mut reader = match Reader::new(list, Limits::default()) {
        Ok(reader) => reader,
        Err(error) => return vec![error.code()],
    };
    let mut said = Vec::new();
    loop {
        said.push(match reader.next() {
            Ok(None) => return said,
            Ok(Some(Item::Fault(fault))) => fault.code(),
            Ok(Some(Item::Entry(entry))) => match (entry.fault(), entry.check()) {
                (Some(fault), _) => fault.code(),
                (None, Check::Differs) => DIFFERS,
                (None, Check::Matches | Check::Violation) => OK,
                (None, Check::Unknown) => panic!("unknown without a fault"),
            },
            Err(error) => {
                said.push(error.code());
                return said;
            }
        });
    }
}

#[test]
fn every_malformed_list_says_what_is_wrong_where_it_is() {
    let second_malformed = &[OK, MALFORMED, OK][..];
    let rows: &[(&str, &[&str])] = &[
        ("ascii/bad-hex-hash", second_malformed),
        ("ascii/blank-lines", &[OK; 3]),
        ("ascii/bom", &[OK; 3]),
        ("ascii/crlf", &[OK; 3]),
        ("ascii/cut-in-digest", &[OK, OK, TRUNCATED]),
        ("ascii/cut-in-hash", &[OK, OK, TRUNCATED]),
        ("ascii/cut-in-name", &[OK, OK, TRUNCATED]),
        ("ascii/digest-empty", second_malformed),
        ("ascii/digest-no-colon", second_malformed),
        ("ascii/digest-short", second_malformed),
        ("ascii/digest-unknown", &[OK, DIFFERS, OK]),
        ("ascii/double-blank", second_malformed),
        ("ascii/empty", &[]),
        ("ascii/extra-field", second_malformed),
        ("ascii/gzip", &["LIST_COMPRESSION_CORRUPT"]),
        ("ascii/mixed-banks", second_malformed),
        ("ascii/no-final-newline", &[OK; 3]),
        ("ascii/no-name", second_malformed),
        ("ascii/nul-inside", second_malformed),
        ("ascii/nul-only", &[TRUNCATED]),
        ("ascii/odd-hex-hash", second_malformed),
        ("ascii/old-u8-length", &[OK, DIFFERS]),
        ("ascii/only-newline", &[]),
        ("ascii/pcr-24", second_malformed),
        ("ascii/pcr-huge", second_malformed),
        ("ascii/pcr-negative", second_malformed),
        ("ascii/pcr-word", second_malformed),
        ("ascii/short-hash", second_malformed),
        ("ascii/sig-bad-hex", second_malformed),
        ("ascii/sig-stripped", &[OK; 3]),
        ("ascii/tab-separated", second_malformed),
        ("ascii/two-fields", second_malformed),
        ("ascii/unknown-template", &[OK, UNKNOWN, OK]),
        ("ascii/upper-hex", &[OK; 3]),
        ("binary/ascii", &[OK; 3]),
        ("binary/cut-10", &[OK, OK, TRUNCATED]),
        ("binary/cut-2", &[OK, OK, TRUNCATED]),
        ("binary/cut-26", &[OK, OK, TRUNCATED]),
        ("binary/cut-31", &[OK, OK, TRUNCATED]),
        ("binary/cut-36", &[OK, OK, TRUNCATED]),
        ("binary/cut-60", &[OK, OK, TRUNCATED]),
        ("binary/data-len-0", &[OK, MALFORMED]),
        ("binary/data-len-2g", &[OK, MALFORMED]),
        ("binary/data-len-max", &[OK, MALFORMED]),
        ("binary/digest-no-colon", second_malformed),
        ("binary/empty", &[]),
        ("binary/field-left-over", second_malformed),
        ("binary/field-over-data", second_malformed),
        ("binary/field-wraps", second_malformed),
        ("binary/legacy-name-300", &[MALFORMED]),
        ("binary/legacy-name-len", &[MALFORMED]),
        ("binary/mixed-legacy", &[OK; 3]),
        ("binary/mixed-order", &[OK, MALFORMED]),
        ("binary/name-inner-nul", second_malformed),
        ("binary/name-len-0", &[OK, MALFORMED]),
        ("binary/name-len-256", &[OK, MALFORMED]),
        ("binary/name-len-max", &[OK, MALFORMED]),
        ("binary/name-no-nul", second_malformed),
        ("binary/pcr-24", second_malformed),
        ("binary/pcr-max", second_malformed),
        ("binary/trailing-byte", &[OK, OK, OK, TRUNCATED]),
        ("binary/trailing-zeros", &[OK, OK, OK, TRUNCATED]),
        // It is a list of another bank, and sound.
        ("binary/wrong-bank", &[OK; 3]),
    ];
    let mut seen = Vec::new();
    for (folder, case) in cases("vectors/ima-log") {
        for file in case["files"].as_array().unwrap() {
            let path = file["path"].as_str().unwrap();
            if !path.starts_with("ascii/") && !path.starts_with("binary/") {
                continue;
            }
            let list = fs::read(folder.join(path)).unwrap();
            let row = rows.iter().find(|(row, _)| *row == path);
            let (_, expected) = row.unwrap_or_else(|| panic!("{path} has no row"));
            assert_eq!(said(&list), *expected, "{path}: {}", file["about"]);
            seen.push(path.to_owned());
        }
    }
    assert!(seen.len() == rows.len() || seen.is_empty());
}

#[test]
fn buffers_carried_over_kexec_are_sound_if_the_kernel_takes_them() {
    for (folder, case) in cases("vectors/ima-log") {
        for file in case["files"].as_array().unwrap() {
            if file["kind"] == "kexec" {
                let list = fs::read(folder.join(file["path"].as_str().unwrap())).unwrap();
                let is_sound = said(&list).iter().all(|said| *said == OK);
                assert_eq!(is_sound, file["valid"], "{file}");
            }
        }
    }
}

#[test]
fn a_name_that_holds_a_line_is_one_name() {
    for list in lists() {
        let Some(name) = list.case["expect"]["neverMeasured"].as_str() else {
            continue;
        };
        let read = read(&list.bytes);
        let name = hex(name.as_bytes());
        let is_name = |(id, bytes): &(&str, String)| *id == "n-ng" && *bytes == format!("{name}00");
        assert!(
            !read.entries.iter().any(|entry| entry.fields.iter().any(is_name)),
            "{}",
            list.name
        );
        assert_eq!(read.entries.len(), list.case["expect"]["entries"]);
    }
}
