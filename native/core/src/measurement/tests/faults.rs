//! Lists with one fault each: what can be read nevertheless, and what is said of the rest.

use ima_assay_digest::Algorithm;

use super::made::{Made, list, u32_bytes};
use super::*;
use crate::error::Explain as _;

/// What the second of three entries came to.
#[derive(Debug, PartialEq, Eq)]
enum Second {
    /// An entry that is right.
    Right(Notes),
    /// An entry, what its hash says, and what is wrong with it.
    Entry(Check, Option<Problem>),
    /// No entry.
    Fault(Problem),
}

fn three() -> [Made; 3] {
    [
        Made::file(b"boot_aggregate"),
        Made::file(b"/etc/two"),
        Made::file(b"/three"),
    ]
}

/// Reads a list whose first and third entries are right.
fn second(list: &[u8]) -> Second {
    let read = read(list);
    let right = |number| {
        read.entries
            .iter()
            .any(|entry| entry.number == number && entry.check == Check::Matches && entry.fault.is_none())
    };
    assert!(right(1) && right(3), "{read:?}");
    match (
        read.entries.iter().find(|entry| entry.number == 2),
        read.faults.as_slice(),
    ) {
        (Some(entry), []) if entry.check == Check::Matches && entry.fault.is_none() => {
            Second::Right(entry.notes)
        }
        (Some(entry), []) => Second::Entry(entry.check, entry.fault),
        (None, [fault]) => {
            assert_eq!(fault.at.entry, 2);
            Second::Fault(fault.problem)
        }
        _ => panic!("{read:?}"),
    }
}

/// Three lines, of which the second is changed.
fn with_line(change: impl Fn(&str) -> String) -> Vec<u8> {
    let [first, second, third] = three().map(|made| String::from_utf8(list(Form::Ascii, &[made])).unwrap());
    let changed = change(second.strip_suffix('\n').unwrap());
    format!("{first}{changed}\n{third}").into_bytes()
}

#[test]
fn a_line_with_a_fault_does_not_hide_the_others() {
    use FieldId::{DNg, NNg, Sig};
    use Second::{Entry, Fault, Right};
    let hash = |line: &str| line[3..43].to_owned();
    let unsigned = Made::new(
        "ima-sig",
        &[(DNg, &three()[1].fields[0].1), (NNg, b"/s\0"), (Sig, b"")],
    );
    let unsigned = String::from_utf8(list(Form::Ascii, &[unsigned])).unwrap();
    let unsigned = unsigned.trim_end_matches('\n');
    let odd = Problem::HashLength {
        found: 16,
        expected: 20,
    };
    let rows: Vec<(&str, Vec<u8>, Second)> = vec![
        ("no fault", with_line(str::to_owned), Right(Notes::default())),
        (
            "a hash that is not hexadecimal",
            with_line(|line| line.replace(&hash(line), "zz")),
            Fault(Problem::HashNotHex),
        ),
        (
            "half a byte",
            with_line(|line| line.replacen(&hash(line), &hash(line)[1..], 1)),
            Fault(Problem::HashNotHex),
        ),
        (
            "a hash of no bank",
            with_line(|line| line.replacen(&hash(line), &hash(line)[8..], 1)),
            Fault(odd),
        ),
        (
            "a hash of another bank",
            with_line(|line| line.replacen(&hash(line), &"ab".repeat(32), 1)),
            Fault(Problem::HashLength {
                found: 32,
                expected: 20,
            }),
        ),
        (
            "another hash",
            with_line(|line| line.replacen(&hash(line), &"ab".repeat(20), 1)),
            Entry(Check::Differs, None),
        ),
        (
            "PCR 24",
            with_line(|line| line.replacen("10", "24", 1)),
            Fault(Problem::PcrOutOfRange { pcr: 24 }),
        ),
        (
            "a negative PCR",
            with_line(|line| line.replacen("10", "-1", 1)),
            Fault(Problem::PcrMalformed),
        ),
        (
            "a PCR of 20 digits",
            with_line(|line| line.replacen("10", &"9".repeat(20), 1)),
            Fault(Problem::PcrMalformed),
        ),
        (
            "no PCR",
            with_line(|line| line.replacen("10 ", "", 1)),
            Fault(Problem::PcrMalformed),
        ),
        (
            "one word",
            with_line(|_| "10".to_owned()),
            Fault(Problem::ColumnsMissing),
        ),
        (
            "no template",
            with_line(|line| line[..43].to_owned()),
            Entry(Check::Unknown, Some(Problem::ColumnsMissing)),
        ),
        (
            "no fields",
            with_line(|line| line[..50].to_owned()),
            Entry(Check::Unknown, Some(Problem::ColumnsMissing)),
        ),
        (
            "no name",
            with_line(|line| line.rsplit_once(' ').unwrap().0.to_owned()),
            Entry(Check::Unknown, Some(Problem::ColumnsMissing)),
        ),
        (
            "a column more",
            with_line(|line| format!("{line} more")),
            Entry(Check::Differs, Some(Problem::ColumnsSurplus)),
        ),
        (
            "tabs",
            with_line(|line| line.replace(' ', "\t")),
            Fault(Problem::TabSeparated),
        ),
        (
            "a blank more before the hash",
            with_line(|line| line.replacen(' ', "  ", 1)),
            Fault(Problem::BlankDoubled),
        ),
        (
            "a blank more before the template",
            with_line(|line| line.replacen(" ima", "  ima", 1)),
            Entry(Check::Unknown, Some(Problem::BlankDoubled)),
        ),
        (
            "a blank more before the digest",
            with_line(|line| line.replacen(" sha", "  sha", 1)),
            Entry(Check::Unknown, Some(Problem::BlankDoubled)),
        ),
        (
            "a blank more before the name",
            with_line(|line| line.replacen(" /", "  /", 1)),
            Entry(Check::Differs, Some(Problem::BlankDoubled)),
        ),
        (
            "a digest without a colon",
            with_line(|line| line.replace(':', "")),
            Entry(Check::Unknown, Some(Problem::FieldNotHex { field: DNg })),
        ),
        (
            "a digest that is too short",
            with_line(|line| {
                line.replacen(" /", "\u{8} /", 1)
                    .replace("\u{8}", "")
                    .replacen(&line[59..61], "", 1)
            }),
            Entry(Check::Differs, Some(Problem::DigestLength { field: DNg })),
        ),
        (
            "an unknown algorithm",
            with_line(|line| line.replace("sha256", "sha999")),
            Entry(Check::Differs, None),
        ),
        (
            "an unknown template",
            with_line(|line| line.replace("ima-ng", "ima-zz")),
            Entry(Check::Unknown, Some(Problem::TemplateUnknown)),
        ),
        (
            "a NUL byte",
            with_line(|line| line.replace("etc", "e\0c")),
            Entry(Check::Unknown, Some(Problem::LineHasNul)),
        ),
        (
            "a signature that is not hexadecimal",
            with_line(|_| format!("{unsigned}0302zz")),
            Entry(Check::Unknown, Some(Problem::FieldNotHex { field: Sig })),
        ),
        (
            "a signature that no hash covers",
            with_line(|_| format!("{unsigned}0302")),
            Entry(Check::Differs, None),
        ),
        (
            "no signature",
            with_line(|_| unsigned.to_owned()),
            Right(Notes::default()),
        ),
        (
            "the last blank cut off",
            with_line(|_| unsigned.trim_end().to_owned()),
            Right(Notes {
                has_restored_blanks: true,
                ..Notes::default()
            }),
        ),
        (
            "upper-case digits",
            with_line(|line| line.replace(&hash(line), &hash(line).to_uppercase())),
            Right(Notes {
                has_upper_case: true,
                ..Notes::default()
            }),
        ),
        (
            "blank lines around",
            with_line(|line| format!("\n\n{line}\n\n")),
            Right(Notes::default()),
        ),
        (
            "the blank before the PCR cut off",
            with_line(|line| line.replacen("10", "9", 1)),
            Right(Notes::default()),
        ),
    ];
    for (why, list, expected) in rows {
        assert_eq!(second(&list), expected, "{why}");
    }
}

#[test]
fn line_ends_of_other_systems_and_marks_are_seen_through() {
    let ascii = list(Form::Ascii, &three());
    let mut violation = three();
    violation[2].is_violation = true;
    let text = String::from_utf8(list(Form::Ascii, &violation))
        .unwrap()
        .replace('\n', "\r\n");
    let crlf = read(text.as_bytes());
    assert!(crlf.entries.iter().all(|entry| entry.notes.has_carriage_return));
    assert_eq!(
        crlf.entries[2].fields,
        read(&list(Form::Ascii, &violation)).entries[2].fields
    );
    // A name that ends in CR is not touched.
    let name = [Made::file(b"/a"), Made::file(b"/b\r")];
    let kept = read(&list(Form::Ascii, &name));
    assert!(
        kept.entries
            .iter()
            .all(|entry| entry.check == Check::Matches && entry.notes == Notes::default())
    );

    let marked = [b"\xef\xbb\xbf", &ascii[..]].concat();
    assert_eq!(read(&marked).entries, read(&ascii).entries);
    for nothing in [&b""[..], b"\n", b"\n\n\r\n", b"  "] {
        let read = read(nothing);
        assert_eq!(read.entries, []);
    }
}

#[test]
fn a_last_line_without_its_end_is_whole_if_its_hash_says_so() {
    let ascii = list(Form::Ascii, &three());
    let whole = read(&ascii[..ascii.len() - 1]);
    assert_eq!((whole.entries.len(), whole.faults.len()), (3, 0));
    for cut in [2, 6, 40, 100, 120] {
        let read = read(&ascii[..ascii.len() - cut]);
        assert_eq!(read.entries.len(), 2, "{cut}");
        assert_eq!(read.faults[0].code(), "LIST_TRUNCATED");
        assert_eq!(read.faults[0].at.line, Some(3));
    }
    // A violation extends the same whatever its name.
    let mut last = three();
    last[2].is_violation = true;
    let ascii = list(Form::Ascii, &last);
    let read = read(&ascii[..ascii.len() - 3]);
    assert_eq!(read.entries[2].fault, Some(Problem::LineTruncated));
}

/// Three records, of which the second is changed; offsets are in it.
fn with_record(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let [first, mut second, third] = three().map(|made| list(Form::Binary, &[made]));
    change(&mut second);
    [first, second, third].concat()
}

/// A record with this template data, and the hash that it has.
fn record_of(template: &str, data: &[u8]) -> Vec<u8> {
    let little = |len| u32_bytes(len, ByteOrder::Little);
    [
        &little(10)[..],
        ima_assay_digest::hash(Algorithm::Sha1, data).bytes(),
        &little(template.len()),
        template.as_bytes(),
        &little(data.len()),
        data,
    ]
    .concat()
}

/// Offsets in the record of an `ima-ng` entry.
const NAME_LEN: usize = 24;
const DATA_LEN: usize = 34;
const FIELD_LEN: usize = 38;

#[test]
fn a_record_with_a_fault_does_not_hide_the_others_if_its_frame_is_intact() {
    use FieldId::{DNg, NNg};
    use Second::{Entry, Fault};
    let set = |at: usize, value: u32| {
        move |record: &mut Vec<u8>| record[at..at + 4].copy_from_slice(&value.to_le_bytes())
    };
    let fields = |digest: &[u8], name: &[u8]| {
        let made = Made::new("ima-ng", &[(DNg, digest), (NNg, name)]);
        record_of("ima-ng", &made.data(ByteOrder::Little))
    };
    let digest = three()[1].fields[0].1.clone();
    let replaced = |record: Vec<u8>| with_record(move |old| old.clone_from(&record));
    let rows = [
        (
            "PCR 24",
            with_record(set(0, 24)),
            Fault(Problem::PcrOutOfRange { pcr: 24 }),
        ),
        (
            "PCR of all ones",
            with_record(set(0, u32::MAX)),
            Fault(Problem::PcrOutOfRange { pcr: u32::MAX }),
        ),
        (
            "a field beyond the data",
            with_record(set(FIELD_LEN, 1000)),
            Entry(Check::Differs, Some(Problem::FieldTooLong { field: DNg })),
        ),
        (
            "a field whose end wraps",
            with_record(set(FIELD_LEN, u32::MAX)),
            Entry(Check::Differs, Some(Problem::FieldTooLong { field: DNg })),
        ),
        (
            "another hash",
            with_record(|record| record[4] ^= 1),
            Entry(Check::Differs, None),
        ),
        (
            "an unknown template",
            with_record(|record| record[32..34].copy_from_slice(b"zz")),
            Entry(Check::Matches, Some(Problem::TemplateUnknown)),
        ),
        (
            "no data",
            replaced(record_of("ima-ng", b"")),
            Entry(Check::Matches, Some(Problem::FieldMissing { field: DNg })),
        ),
        (
            "one field",
            replaced(record_of("ima-ng", b"\0\0\0\0\0\0")),
            Entry(Check::Matches, Some(Problem::FieldMissing { field: NNg })),
        ),
        (
            "a field more",
            replaced(record_of(
                "d-ng|n-ng",
                &[three()[1].data(ByteOrder::Little), vec![0; 4]].concat(),
            )),
            Entry(Check::Matches, Some(Problem::DataLeftOver { len: 4 })),
        ),
        (
            "a name without its NUL",
            replaced(fields(&digest, b"/x")),
            Entry(Check::Matches, Some(Problem::TextUnterminated { field: NNg })),
        ),
        (
            "a NUL in a name",
            replaced(fields(&digest, b"/x\0y\0")),
            Entry(Check::Matches, Some(Problem::TextHasNul { field: NNg })),
        ),
        (
            "no name",
            replaced(fields(&digest, b"")),
            Entry(Check::Matches, Some(Problem::TextUnterminated { field: NNg })),
        ),
        (
            "a digest without an algorithm",
            replaced(fields(b"sha256", b"/x\0")),
            Entry(Check::Matches, Some(Problem::DigestUntagged { field: DNg })),
        ),
        (
            "a digest that is too long",
            replaced(fields(&[&digest[..], b"x"].concat(), b"/x\0")),
            Entry(Check::Matches, Some(Problem::DigestLength { field: DNg })),
        ),
        (
            "a number of three bytes",
            replaced(record_of(
                "imode|n-ng",
                &Made::new("", &[(FieldId::Imode, b"abc"), (NNg, b"/x\0")]).data(ByteOrder::Little),
            )),
            Entry(
                Check::Matches,
                Some(Problem::NumberLength {
                    field: FieldId::Imode,
                }),
            ),
        ),
    ];
    for (why, list, expected) in rows {
        assert_eq!(second(&list), expected, "{why}");
    }
}

#[test]
fn what_is_looked_up_is_only_given_where_it_is_whole() {
    let made = Made::new(
        "ima-ng",
        &[(FieldId::DNg, b"sha256"), (FieldId::NNg, b"/allowed\0/evil\0")],
    );
    let list = list(Form::Binary, &[made]);
    let mut reader = Reader::new(&list[..], Limits::default()).unwrap();
    let Some(Item::Entry(entry)) = reader.next().unwrap() else {
        panic!()
    };
    assert_eq!(entry.check(), Check::Matches);
    assert_eq!((entry.name(), entry.file_digest()), (None, None));
    assert_eq!(entry.field(FieldId::NNg).unwrap().text_to_show(), b"/allowed");
    assert!(entry.print(Form::Ascii, None, &mut Vec::new()).is_err());
}

#[test]
fn reading_stops_where_the_next_record_cannot_be_found() {
    let set = |at: usize, value: u32| {
        move |record: &mut Vec<u8>| record[at..at + 4].copy_from_slice(&value.to_le_bytes())
    };
    let limit = Limits::default().max_entry_bytes;
    let rows = [
        (
            "no template name",
            with_record(set(NAME_LEN, 0)),
            Problem::TemplateNameLength { len: 0 },
        ),
        (
            "a name of 256",
            with_record(set(NAME_LEN, 256)),
            Problem::TemplateNameLength { len: 256 },
        ),
        (
            "a name of all ones",
            with_record(set(NAME_LEN, u32::MAX)),
            Problem::TemplateNameLength { len: u32::MAX },
        ),
        (
            "a name with a blank",
            with_record(|record| record[28] = b' '),
            Problem::TemplateNameUnprintable,
        ),
        (
            "4 GiB of data",
            with_record(set(DATA_LEN, 0xffff_fff0)),
            Problem::EntryTooLong { limit },
        ),
        (
            "2 GiB of data",
            with_record(set(DATA_LEN, 0x8000_0000)),
            Problem::EntryTooLong { limit },
        ),
        (
            "a record of another byte order",
            [
                list(Form::Binary, &three()[..1]),
                three()[1].binary(ByteOrder::Big, Algorithm::Sha1),
            ]
            .concat(),
            Problem::TemplateNameLength { len: 0x0600_0000 },
        ),
    ];
    for (why, list, problem) in rows {
        let read = read(&list);
        assert_eq!(read.entries.len(), 1, "{why}");
        let found: Vec<Problem> = read.faults.iter().map(|fault| fault.problem).collect();
        assert_eq!(found, [problem], "{why}");
        assert_eq!((read.faults[0].at.entry, read.faults[0].at.line), (2, None));
        assert_eq!(
            read.faults[0].at.offset_bytes,
            three()[0].binary(ByteOrder::Little, Algorithm::Sha1).len() as u64
        );
    }
    for zeros in [1, 3, 28, 64, 300_000] {
        let read = read(&[list(Form::Binary, &three()), vec![0; zeros]].concat());
        assert_eq!(read.entries.len(), 3);
        assert_eq!(read.faults[0].problem, Problem::OnlyNuls, "{zeros}");
    }
    let read = read(&[0; 4096]);
    assert_eq!(
        (read.entries.len(), read.faults[0].problem),
        (0, Problem::OnlyNuls)
    );
}

#[test]
fn the_template_ima_is_read_as_every_kernel_wrote_it() {
    let sha1 = |name: &[u8]| Made::new("ima", &[(FieldId::D, &[7; 20]), (FieldId::N, name)]);
    let md5 = Made::new("ima", &[(FieldId::D, &[9; 16]), (FieldId::N, b"/md5\0")]);
    let entries = [
        sha1(b"boot_aggregate\0"),
        md5.clone(),
        Made::file(b"/x"),
        md5,
        sha1(b"/y\0"),
    ];
    for form in [Form::Binary, Form::Ascii] {
        let list = list(form, &entries);
        let read = read(&list);
        assert_eq!(read.faults, []);
        let lengths: Vec<usize> = read
            .entries
            .iter()
            .map(|entry| entry.fields[0].1.len() / 2)
            .collect();
        assert_eq!(lengths, [20, 16, 40, 16, 20]);
        assert!(
            read.entries
                .iter()
                .all(|entry| entry.check == Check::Matches && entry.fault.is_none())
        );
        assert!(print(&list, form, None).unwrap() == list);
    }
    // Linux 3.13 and 3.14 wrote names with their padding.
    let record = list(Form::Binary, &[sha1(b"/y\0")]);
    let mut padded = record[..record.len() - 6].to_vec();
    padded.extend(256_u32.to_le_bytes());
    padded.extend(b"/y");
    padded.resize(padded.len() + 254, 0);
    let read_padded = read(&padded);
    assert_eq!(read_padded.entries, read(&record).entries);
    assert!(print(&padded, Form::Binary, None).unwrap() == padded);
    // Something in the padding is not hashed.
    *padded.last_mut().unwrap() = b'x';
    assert_eq!(
        read(&padded).entries[0].fault,
        Some(Problem::TextHasNul { field: FieldId::N })
    );
    // A name that cannot be padded to 256.
    let mut long = record[..record.len() - 6].to_vec();
    long.extend(300_u32.to_le_bytes());
    long.extend([b'n'; 300]);
    let read = read(&[long, record].concat());
    assert_eq!(
        read.entries[0].fault,
        Some(Problem::LegacyNameLength { len: 300 })
    );
    assert_eq!(read.entries[1].check, Check::Matches);
}

#[test]
fn limits_are_kept() {
    let mut limits = Limits {
        max_entry_bytes: 500,
        max_entries: 3,
        ..Limits::default()
    };
    let entries = [Made::file(b"/a"), Made::file(&[b'x'; 600]), Made::file(b"/c")];
    let ascii = list(Form::Ascii, &entries);
    let mut reader = Reader::new(&ascii[..], limits.clone()).unwrap();
    let mut found = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        found.push(match item {
            Item::Entry(entry) => Ok(entry.number()),
            Item::Fault(fault) => Err((fault.at.entry, fault.problem)),
        });
    }
    assert_eq!(
        found,
        [Ok(1), Err((2, Problem::EntryTooLong { limit: 500 })), Ok(3)]
    );
    limits.max_entries = 2;
    for form in [Form::Ascii, Form::Binary] {
        let list = list(form, &[Made::file(b"/a"), Made::file(b"/b"), Made::file(b"/c")]);
        let mut reader = Reader::new(&list[..], limits.clone()).unwrap();
        assert!(matches!(reader.next(), Ok(Some(_))) && matches!(reader.next(), Ok(Some(_))));
        assert!(matches!(
            reader.next(),
            Err(ListError::TooManyEntries { limit: 2 })
        ));
        assert!(matches!(reader.next(), Ok(None)));
    }
}

#[test]
fn what_is_no_list_is_refused() {
    let rows: [(&str, &[u8]); 4] = [
        (
            "a program",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0",
        ),
        ("a PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0"),
        (
            "UTF-16",
            b"\xff\xfe1\x000\0 \x009\x009\x009\x009\x009\x009\x009\x009\x009\x009\0",
        ),
        (
            "noise",
            b"\xa7\x13\x99\xfe\x02\x44\x18\xbb\x30\x99\x01\x5c\xaf\xfa\xce\x00",
        ),
    ];
    for (why, bytes) in rows {
        assert!(
            matches!(Reader::new(bytes, Limits::default()), Err(ListError::NotAList)),
            "{why}"
        );
    }
}

#[test]
fn a_buffer_carried_over_kexec_has_the_entries_its_header_says() {
    let records = list(Form::Binary, &three());
    let header = |version: u16, size: usize, count: u64| {
        let size = u64::try_from(size + 24).unwrap();
        [
            &version.to_le_bytes()[..],
            &[0; 6],
            &size.to_le_bytes(),
            &count.to_le_bytes(),
        ]
        .concat()
    };
    let problems =
        |list: &[u8]| -> Vec<Problem> { read(list).faults.iter().map(|fault| fault.problem).collect() };
    let len = records.len();
    let right = [header(1, len, 3), records.clone()].concat();
    assert_eq!(read(&right).entries.len(), 3);
    assert_eq!(read(&right).format.unwrap().encoding, Encoding::Kexec);
    let rows = [
        ("right", right.clone(), vec![]),
        ("padded", [right.clone(), vec![0; 5000]].concat(), vec![]),
        (
            "padded with something",
            [right.clone(), records.clone()].concat(),
            vec![],
        ),
        (
            "more claimed",
            [header(1, len, 4), records.clone()].concat(),
            vec![Problem::KexecCount { claimed: 4, found: 3 }],
        ),
        (
            "fewer claimed",
            [header(1, len, 2), records.clone()].concat(),
            vec![Problem::KexecCount { claimed: 2, found: 3 }],
        ),
        (
            "cut off",
            right[..right.len() - 7].to_vec(),
            vec![Problem::Truncated { missing: 7 }],
        ),
        (
            "cut off between",
            [header(1, len + 99, 3), records.clone()].concat(),
            vec![Problem::KexecTruncated { missing: 99 }],
        ),
        (
            "too small",
            [header(1, len - 7, 3), records.clone()].concat(),
            vec![Problem::Truncated { missing: 7 }],
        ),
        ("empty", header(1, 0, 0), vec![]),
    ];
    for (why, list, expected) in rows {
        assert_eq!(problems(&list), expected, "{why}");
    }
    let version2 = [header(2, len, 3), records].concat();
    assert!(matches!(
        Reader::new(&version2[..], Limits::default()),
        Err(ListError::KexecVersion { version: 2 })
    ));
    // As a part of a list, its count is of its own entries.
    let parts = read_parts(&[&list(Form::Ascii, &three()), &right]);
    assert_eq!((parts.entries.len(), parts.faults.len()), (6, 0));
    assert_eq!(parts.entries[5].number, 6);
}

#[test]
fn every_fault_has_a_code_of_the_report_a_place_and_a_sentence() {
    let at = At {
        entry: 17,
        segment: 2,
        offset_bytes: 2034,
        line: None,
    };
    let rows = [
        (Problem::HashDiffers, "TEMPLATE_HASH_MISMATCH"),
        (Problem::TemplateUnknown, "TEMPLATE_UNKNOWN"),
        (Problem::OnlyNuls, "LIST_TRUNCATED"),
        (Problem::PcrMalformed, "ENTRY_MALFORMED"),
    ];
    for (problem, code) in rows {
        let fault = Fault { at, problem };
        assert_eq!(fault.code(), code);
        assert_eq!(
            (fault.place().entry, fault.place().offset_bytes),
            (Some(17), Some(2034))
        );
        assert_eq!(
            fault.to_string(),
            format!("entry 17 (part 2, byte 2034): {problem}")
        );
    }
}
