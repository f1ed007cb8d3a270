//! Names with line ends in them, which the ASCII form does not escape.

use super::made::{Made, Random, list};
use super::*;

fn names(read: &Read) -> Vec<Vec<u8>> {
    read.entries
        .iter()
        .map(|entry| unhex(&entry.fields.iter().find(|(id, _)| *id == "n-ng").unwrap().1))
        .collect()
}

/// Reads both forms of a list: they must tell the same.
fn both(entries: &[Made]) -> Read {
    let (ascii, binary) = (
        read(&list(Form::Ascii, entries)),
        read(&list(Form::Binary, entries)),
    );
    assert_eq!((&*ascii.faults, &*binary.faults), (&[][..], &[][..]));
    assert_eq!(names(&ascii), names(&binary));
    assert!(ascii.entries.iter().all(|entry| entry.check == Check::Matches));
    assert!(print(&list(Form::Ascii, entries), Form::Ascii, None).unwrap() == list(Form::Ascii, entries));
    ascii
}

#[test]
fn a_name_on_several_lines_is_one_entry() {
    for name in [
        "/two\nlines",
        "/a\n",
        "/\n\nb",
        "\n",
        "\n\n\n/x",
        "/cr\r\nlf",
        "/many\na\nb\nc\nd\ne\nf\ng\nh",
    ] {
        let read = both(&[
            Made::file(b"/first"),
            Made::file(name.as_bytes()),
            Made::file(b"/last"),
        ]);
        let line_ends = name.matches('\n').count();
        assert_eq!(
            read.entries[1].notes.line_ends_in_name as usize, line_ends,
            "{name:?}"
        );
        assert_eq!(read.entries.len(), 3);
    }
    // Also as the last one, and with fields behind the name.
    both(&[Made::file(b"/a\nb")]);
    let digest = Made::file(b"/x").fields[0].1.clone();
    let signed = |sig: &[u8]| {
        Made::new(
            "ima-sig",
            &[
                (FieldId::DNg, &digest),
                (FieldId::NNg, b"/a\nb\0"),
                (FieldId::Sig, sig),
            ],
        )
    };
    both(&[signed(b"\x03\x02"), signed(b""), Made::file(b"/y")]);
}

#[test]
fn a_line_inside_a_name_is_no_entry_however_perfect_it_is() {
    let evil = Made::file(b"/usr/bin/evil");
    let line = list(Form::Ascii, &[evil]);
    for start in [&b"/tmp/x\n"[..], b"/tmp/x\n\n"] {
        // The kernel writes `_` for a blank; a line of it is no entry. One with blanks is tried all the same.
        for line in [&line[..], &line[..line.len() - 1]] {
            let name = [start, line].concat();
            let read = both(&[Made::file(b"/first"), Made::file(&name), Made::file(b"/last")]);
            assert!(!names(&read).contains(&b"/usr/bin/evil\0".to_vec()));
            assert_eq!(read.entries.len(), 3);
        }
    }
}

#[test]
fn names_from_before_linux_3_13_have_their_blanks() {
    let old = |name: &[u8]| Made::new("ima", &[(FieldId::D, &[1; 20]), (FieldId::N, name)]);
    let entries = [old(b"/two words\0"), old(b"/ lead and trail \0"), old(b"/x\0")];
    let (ascii, binary) = (
        read(&list(Form::Ascii, &entries)),
        read(&list(Form::Binary, &entries)),
    );
    assert!(ascii.entries == binary.entries);
    assert!(
        ascii
            .entries
            .iter()
            .all(|entry| entry.check == Check::Matches && entry.fault.is_none())
    );
}

#[test]
fn what_no_hash_holds_together_stays_apart() {
    let mut entries = [Made::file(b"/a"), Made::file(b"/two\nlines"), Made::file(b"/c")];
    entries[1].is_violation = true;
    let read = read(&list(Form::Ascii, &entries));
    let checks: Vec<Check> = read.entries.iter().map(|entry| entry.check).collect();
    assert_eq!(checks, [Check::Matches, Check::Violation, Check::Matches]);
    assert_eq!(read.faults[0].problem, Problem::PcrMalformed);
    assert_eq!((read.faults[0].at.entry, read.faults[0].at.line), (3, Some(3)));
    assert_eq!(read.entries[2].number, 4);
}

#[test]
fn a_list_of_lines_that_never_fit_together_takes_no_longer_than_any_other() {
    // Each line could be the start of a name that goes on for many lines.
    let mut random = Random::new(5);
    let mut list = Vec::new();
    for _ in 0..20_000 {
        let line = format!(
            "10 {} ima-ng sha1:{} /\n",
            hex(&random.bytes(20)),
            hex(&random.bytes(20))
        );
        list.extend(line.bytes());
    }
    let start = std::time::Instant::now();
    let mut reader = Reader::new(&list[..], Limits::default()).unwrap();
    let mut differing = 0;
    while let Some(Item::Entry(entry)) = reader.next().unwrap() {
        differing += usize::from(entry.check() == Check::Differs);
    }
    assert_eq!(differing, 20_000);
    // Unoptimised, on a busy machine; without a bound it would be minutes.
    assert!(start.elapsed().as_secs() < 60);
}
