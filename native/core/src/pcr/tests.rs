//! Every form against the values that tpm2-tools and others wrote.

use std::fs;

use ima_assay_digest::{Algorithm, Digest};
use serde_json::Value;

use super::*;
use crate::error::Explain as _;
use crate::quote::samples;
use crate::testing::{shared, unhex};

const PCR10: &str = "90f4b39548df55ad6187a1d20d731ecee78c545b94afd16f42ef7592d99cd365";
const PCR10_SHA1: &str = "1e3fdf7fbec4c6991f3d54e91a0eb8f661acaff0";

fn sha256(hex: &str) -> Digest {
    Digest::from_hex(Algorithm::Sha256, hex).unwrap()
}

/// The values that the sample quote covers.
fn sample_values() -> PcrValues {
    let mut values = PcrValues::default();
    values.insert(0, sha256(&"0".repeat(64))).unwrap();
    values.insert(10, sha256(PCR10)).unwrap();
    let sha1 = Digest::from_hex(Algorithm::Sha1, PCR10_SHA1).unwrap();
    values.insert(10, sha1).unwrap();
    values
}

fn selection() -> PcrSelection {
    "sha256:0,10+sha1:10".parse().unwrap()
}

fn read(bytes: &[u8]) -> Result<PcrFile, PcrError> {
    parse_pcr_values(bytes, &PcrContext::default())
}

/// The sample's values, marshaled as tpm2-tools 5.8 does it.
fn marshaled() -> Vec<u8> {
    unhex(&format!(
        "00000002 000b 03 010400 0004 03 000400
         00000001 00000003 0020 {} 0020 {PCR10} 0014 {PCR10_SHA1}",
        "0".repeat(64),
    ))
}

fn bare_values() -> Vec<u8> {
    unhex(&format!("{}{PCR10}{PCR10_SHA1}", "0".repeat(64)))
}

#[test]
fn every_form_gives_the_same_values() {
    let upper = PCR10.to_uppercase();
    let selection = selection();
    let told = PcrContext {
        selection: Some(&selection),
        ..PcrContext::default()
    };
    let zeros = "0".repeat(64);
    let rows: [(PcrForm, Vec<u8>); 7] = [
        (
            PcrForm::BankLines,
            format!("# mine\nsha256:0={zeros}\r\n\nsha256:10={upper}\nSHA1:10={PCR10_SHA1}").into(),
        ),
        (
            PcrForm::PcrRead,
            format!("  sha256:\n    0 : 0x{zeros}\n    10: 0x{upper}\n  sha1:\n    10: 0x{PCR10_SHA1}\n  sha384:\n").into(),
        ),
        (
            PcrForm::PcrRead,
            format!("sha256 :\n  0  : {zeros}\n  10 : {PCR10}\nsha1 :\n  10 : {PCR10_SHA1}").into(),
        ),
        (PcrForm::QuoteOutput, samples::OUTPUT.into()),
        (PcrForm::Serialized, samples::serialized_pcrs()),
        (PcrForm::Marshaled, marshaled()),
        (PcrForm::Values, bare_values()),
    ];
    for (form, bytes) in rows {
        let file = parse_pcr_values(&bytes, &told).unwrap_or_else(|error| panic!("{form:?}: {error}"));
        assert_eq!((file.form, &file.values), (form, &sample_values()));
        assert!(!file.selection_differs);
        if form != PcrForm::Values {
            assert_eq!(
                read(&bytes).unwrap().values,
                sample_values(),
                "{form:?}, nothing told"
            );
        }
    }
}

#[test]
fn what_the_content_does_not_say_is_told_or_an_error() {
    let one = format!("{}\n", PCR10.to_uppercase());
    let line = format!("PCR-10: {}\n", PCR10.to_uppercase());
    let blanks = "PCR-10: 1E 3F DF 7F BE C4 C6 99 1F 3D 54 E9 1A 0E B8 F6 61 AC AF F0\n";
    let at = |path: &'static str| PcrContext {
        path: Some(path.as_bytes()),
        ..PcrContext::default()
    };
    let told = |bank, index| PcrContext {
        bank,
        index,
        ..PcrContext::default()
    };
    let sm3 = Some(Algorithm::Sm3);
    type Row<'a> = (&'a str, PcrContext<'a>, Result<(Algorithm, u8), &'static str>);
    let rows: [Row<'_>; 13] = [
        (
            &one,
            at("/sys/class/tpm/tpm0/pcr-sha256/10"),
            Ok((Algorithm::Sha256, 10)),
        ),
        (&one, at("pcr-sha3-256/7"), Ok((Algorithm::Sha3_256, 7))),
        (&one, told(sm3, Some(3)), Ok((Algorithm::Sm3, 3))),
        (&one, told(None, None), Err("PCR_BANK_UNTOLD")),
        (&one, told(sm3, None), Err("PCR_INDEX_UNTOLD")),
        (
            &one,
            told(Some(Algorithm::Sha1), Some(1)),
            Err("PCR_VALUE_LENGTH"),
        ),
        (&one, at("/tmp/10"), Err("PCR_BANK_UNTOLD")),
        (&line, told(None, None), Ok((Algorithm::Sha256, 10))),
        (&line, told(sm3, None), Ok((Algorithm::Sm3, 10))),
        (line.trim(), told(None, None), Err("PCR_BANK_UNTOLD")),
        (line.trim(), told(sm3, None), Ok((Algorithm::Sm3, 10))),
        (blanks, told(None, None), Ok((Algorithm::Sha1, 10))),
        (blanks, told(sm3, None), Err("PCR_VALUE_LENGTH")),
    ];
    for (text, context, expected) in rows {
        let found = parse_pcr_values(text.as_bytes(), &context);
        let found = found.as_ref().map_err(PcrError::code).map(|file| {
            let (bank, index, _) = file.values.iter().next().unwrap();
            (bank, index)
        });
        assert_eq!(found, expected, "{text} {context:?}");
    }
}

#[test]
fn the_quotes_selection_decides_whose_values_a_file_has() {
    let told: PcrSelection = "sha256:23,22+sha1:9".parse().unwrap();
    let context = PcrContext {
        selection: Some(&told),
        ..PcrContext::default()
    };
    for bytes in [samples::serialized_pcrs(), marshaled()] {
        let file = parse_pcr_values(&bytes, &context).unwrap();
        assert!(file.selection_differs);
        assert!(file.selection.unwrap().selects_the_same(&selection()));
        assert_eq!(file.values.get(Algorithm::Sha256, 23), Some(&sha256(PCR10)));
        assert_eq!(file.values.get(Algorithm::Sha256, 10), None);
        let rows = [
            ("sha256:1,2", "PCR_COUNT_WRONG"),
            ("sha256:1,2,3", "PCR_VALUE_LENGTH"),
            ("sha256:1+sha1:2,3", "PCR_VALUE_LENGTH"),
        ];
        for (selection, code) in rows {
            let selection: PcrSelection = selection.parse().unwrap();
            let context = PcrContext {
                selection: Some(&selection),
                ..PcrContext::default()
            };
            assert_eq!(parse_pcr_values(&bytes, &context).unwrap_err().code(), code);
        }
    }
}

#[test]
fn two_values_of_one_pcr_are_an_error_and_the_same_twice_is_none() {
    let twice = format!("sha256:10={PCR10}\nsha256:10={PCR10}\n");
    assert_eq!(read(twice.as_bytes()).unwrap().values.len(), 1);
    let other = format!("sha256:10={PCR10}\nsha256:10={}\n", PCR10.replace('9', "8"));
    assert_eq!(read(other.as_bytes()).unwrap_err().code(), "PCR_CONFLICT");
    let mut values = sample_values();
    assert_eq!(values.merge(&sample_values()), Ok(()));
    let file = read(format!("sha256:0={PCR10}").as_bytes()).unwrap();
    assert_eq!(values.merge(&file.values).unwrap_err().code(), "PCR_CONFLICT");
    assert_eq!(
        values.banks().collect::<Vec<_>>(),
        [Algorithm::Sha1, Algorithm::Sha256]
    );
}

#[test]
fn what_is_no_file_of_pcr_values_says_why() {
    let rows: [(&str, &[u8], Option<u64>); 18] = [
        ("PCR_EMPTY", b"", None),
        ("PCR_EMPTY", b"\n \n# only a comment\n", None),
        ("PCR_EMPTY", b"  sha256:\n", None),
        ("PCR_EMPTY", b"quoted: ff\nsignature:\n", None),
        ("PCR_FORM_UNKNOWN", b"hello", None),
        ("PCR_FORM_UNKNOWN", b"abcd\nabcd\n", None),
        ("PCR_BANK_UNTOLD", b"PCR-01: \n", None),
        ("PCR_VALUE_LENGTH", b"\nsha1:10=00", Some(2)),
        ("PCR_LINE_MALFORMED", b"sha256:10=0g\n", Some(1)),
        ("PCR_LINE_MALFORMED", b"sha256=00\n", Some(1)),
        ("PCR_LINE_MALFORMED", b"# mine\nsha257:10=00", Some(2)),
        ("PCR_LINE_MALFORMED", b"sha256:-1=00", Some(1)),
        ("PCR_LINE_MALFORMED", b"sha256:32=00", Some(1)),
        ("PCR_LINE_MALFORMED", b"sha256:\n\n junk\n", Some(3)),
        ("PCR_LINE_MALFORMED", b"10: 00\n", Some(1)),
        ("PCR_SELECTION_UNTOLD", b"\x00\x00\x00\x00\x00\x00\x00\x00", None),
        ("PCR_SELECTION_UNTOLD", &[0xff; 32], None),
        ("PCR_FILE_TOO_LARGE", &[b'0'; MAX_FILE_BYTES + 1], None),
    ];
    for (code, bytes, line) in rows {
        let error = read(bytes).unwrap_err();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
        assert_eq!(error.code(), code, "{shown}");
        assert_eq!(error.place().line, line, "{shown}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn binary_files_that_are_cut_or_have_something_after_them_are_errors() {
    let selection = selection();
    for bytes in [samples::serialized_pcrs(), marshaled(), bare_values()] {
        for told in [None, Some(&selection)] {
            let context = PcrContext {
                selection: told,
                ..PcrContext::default()
            };
            for len in 0..bytes.len() {
                assert!(parse_pcr_values(&bytes[..len], &context).is_err(), "{len} bytes");
            }
            assert!(parse_pcr_values(&[&bytes[..], &[0]].concat(), &context).is_err());
        }
    }
}

#[test]
fn text_that_is_cut_gives_no_value_that_was_not_there() {
    let zeros = "0".repeat(64);
    let texts = [
        format!("sha256:0={zeros}\nsha256:10={PCR10}\nsha1:10={PCR10_SHA1}\n"),
        format!("sha256:\n  0 : 0x{zeros}\n  10: 0x{PCR10}\nsha1:\n  10: 0x{PCR10_SHA1}\n"),
        samples::OUTPUT.to_owned(),
        format!("PCR-00: {zeros}\nPCR-10: {PCR10}\n"),
        format!("PCR-10: {PCR10}\n"),
    ];
    for text in texts {
        for len in 0..text.len() {
            if let Ok(file) = read(&text.as_bytes()[..len]) {
                for (bank, index, value) in file.values.iter() {
                    assert_eq!(sample_values().get(bank, index), Some(value), "{}", &text[..len]);
                }
            }
        }
    }
    let path = PcrContext {
        path: Some(b"pcr-sha256/10"),
        ..PcrContext::default()
    };
    for len in 0..64 {
        assert!(parse_pcr_values(&PCR10.as_bytes()[..len], &path).is_err());
    }
}

#[test]
fn sizes_that_are_not_true_are_errors() {
    let changed = |bytes: &[u8], offset: usize, value: u8| {
        let mut bytes = bytes.to_vec();
        bytes[offset] = value;
        read(&bytes).unwrap_err().code()
    };
    let serialized = samples::serialized_pcrs();
    let rows = [
        (6, 5, "PCR_SELECTION_UNTOLD"),
        (14, 5, "TPM_TOO_LARGE"),
        (7, 0xff, "PCR_COUNT_WRONG"),
        (0, 1, "PCR_COUNT_WRONG"),
        (132, 2, "TPM_TRUNCATED"),
        (135, 0xff, "TPM_TRUNCATED"),
        (132, 0, "TPM_TRAILING"),
        (136, 9, "TPM_TOO_LARGE"),
        (139, 1, "TPM_TOO_LARGE"),
        (140, 65, "TPM_TOO_LARGE"),
        (140, 20, "PCR_VALUE_LENGTH"),
        (12, 0xee, "PCR_BANK_UNKNOWN"),
    ];
    for (offset, value, code) in rows {
        assert_eq!(
            changed(&serialized, offset, value),
            code,
            "serialized, byte {offset}"
        );
    }
    let rows = [
        (3, 17, "PCR_SELECTION_UNTOLD"),
        (3, 1, "TPM_TOO_LARGE"),
        (12, 5, "TPM_TOO_LARGE"),
        (16, 1, "TPM_TRUNCATED"),
        (19, 2, "TPM_TRUNCATED"),
        (19, 0, "TPM_TRAILING"),
        (23, 9, "TPM_TOO_LARGE"),
        (25, 0x41, "TPM_TOO_LARGE"),
    ];
    for (offset, value, code) in rows {
        assert_eq!(
            changed(&marshaled(), offset, value),
            code,
            "marshaled, byte {offset}"
        );
    }
}

#[test]
fn the_vectors_have_the_values_that_they_say() {
    let Some(root) = shared("vectors/ima-log/quotes") else {
        return;
    };
    let case: Value = serde_json::from_slice(&fs::read(root.join("case.json")).unwrap()).unwrap();
    let truth = case["expect"]["pcrValues"].as_object().unwrap();
    let expected = |banks: &[&str]| {
        let mut values = PcrValues::default();
        for bank in banks {
            for (index, value) in truth[*bank].as_object().unwrap() {
                let value = Digest::from_hex(bank.parse().unwrap(), value.as_str().unwrap()).unwrap();
                values.insert(index.parse().unwrap(), value).unwrap();
            }
        }
        values
    };
    let read_file = |name: &str| read(&fs::read(root.join("pcrs").join(name)).unwrap()).unwrap();
    let banks = ["sha1", "sha256", "sha384", "sha512"];
    for bank in banks {
        let file = read_file(&format!("evmctl-{bank}"));
        assert_eq!((file.form, file.values), (PcrForm::PcrLines, expected(&[bank])));
    }
    let all = read_file("tpm2_pcrread.yaml");
    assert_eq!(all.form, PcrForm::PcrRead);
    assert_eq!(
        all.values,
        expected(&all.values.banks().map(Algorithm::name).collect::<Vec<_>>())
    );
    let one = read_file("tpm2_pcrread-pcr10.yaml").values;
    assert_eq!(
        one.get(Algorithm::Sha256, 10),
        all.values.get(Algorithm::Sha256, 10)
    );
    let mut sysfs = PcrValues::default();
    for bank in ["sha1", "sha256"] {
        for index in 0..24 {
            let path = root.join(format!("pcrs/tpm0/pcr-{bank}/{index}"));
            let context = PcrContext {
                path: Some(path.to_str().unwrap().as_bytes()),
                ..PcrContext::default()
            };
            let file = parse_pcr_values(&fs::read(&path).unwrap(), &context).unwrap();
            sysfs.merge(&file.values).unwrap();
        }
    }
    assert_eq!(sysfs, expected(&["sha1", "sha256"]));
}

#[test]
fn the_recorded_machines_have_all_pcrs_of_their_banks() {
    for case in ["clean", "legacy-sha1", "sig", "violation"] {
        let Some(root) = shared("corpus") else {
            return;
        };
        let file = read(&fs::read(root.join(case).join("pcrs")).unwrap()).unwrap();
        assert_eq!(file.form, PcrForm::BankLines, "{case}");
        assert_eq!(file.values.len(), file.values.banks().count() * 24, "{case}");
    }
}
