//! The text of each item, as the list has it.

use ima_assay_digest::Algorithm;

use super::made::Made;
use super::*;

/// The text of every item of a list, and what is behind the last.
fn texts(list: &[u8]) -> (Vec<Option<Vec<u8>>>, Vec<u8>) {
    let mut reader = Reader::new(list, Limits::default()).unwrap();
    let mut texts = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Entry(entry) = item {
            let text = entry.text();
            texts.push(known(text));
        } else {
            texts.push(known(reader.text()));
        }
    }
    (texts, reader.rest().to_vec())
}

fn known(text: Text<'_>) -> Option<Vec<u8>> {
    match text {
        Text::Known(text) => Some(text.to_vec()),
        Text::Binary | Text::Lost => None,
    }
}

fn line(name: &[u8]) -> Vec<u8> {
    let mut list = Made::file(name).ascii(ByteOrder::Little, Algorithm::Sha1);
    if list.last() == Some(&b'\n') {
        list.pop();
    }
    list
}

#[test]
fn all_text_is_told_once() {
    let parts = [
        line(b"/a"),
        b"\r\n\n".to_vec(),
        line(b"/two\nlines"),
        b"no entry".to_vec(),
        line(b"/b"),
        b"\r\n".to_vec(),
    ];
    let [first, blank, joined, fault, last, rest] = &parts;
    let list = [
        &first[..],
        b"\n",
        blank,
        joined,
        b"\n",
        fault,
        b"\n",
        last,
        b"\n",
        rest,
    ]
    .concat();
    let expected = [
        first.clone(),
        [&blank[..], joined].concat(),
        fault.clone(),
        last.clone(),
    ];
    let (found, behind) = texts(&list);
    assert_eq!(found, expected.map(Some));
    assert_eq!(behind, [&rest[..], b"\n"].concat());
}

#[test]
fn blank_lines_without_end_are_lost_and_said_to_be() {
    let mut list = line(b"/a");
    list.push(b'\n');
    list.extend(b"\r\n".repeat(2 << 20));
    list.extend(line(b"/b"));
    list.push(b'\n');
    list.extend(line(b"/c"));
    let (found, _) = texts(&list);
    assert_eq!(found, [Some(line(b"/a")), None, Some(line(b"/c"))]);

    list.extend(b"\n");
    list.extend(b"\r\n".repeat(2 << 20));
    let (found, behind) = texts(&list);
    assert_eq!(found.len(), 3);
    assert_eq!(behind, b"\r\n");
}

#[test]
fn line_ends_alone_can_be_dropped() {
    let list = [&line(b"/a")[..], b"\n", &vec![b'\n'; 5 << 20], &line(b"/b")].concat();
    let (found, _) = texts(&list);
    let found = found[1].as_ref().unwrap();
    assert!(found.len() < 3 << 20 && found.ends_with(&line(b"/b")));
}

#[test]
fn the_binary_form_has_no_text() {
    let record = Made::file(b"/a").binary(ByteOrder::Little, Algorithm::Sha1);
    assert_eq!(texts(&record), (vec![None], Vec::new()));
}
