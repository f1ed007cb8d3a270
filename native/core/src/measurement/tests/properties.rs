//! What holds for every list: written by the tests' own hand, read, and printed again.

use ima_assay_digest::Algorithm;

use super::made::{Made, Random};
use super::*;

const BANKS: [Algorithm; 6] = [
    Algorithm::Sha1,
    Algorithm::Sha256,
    Algorithm::Sha384,
    Algorithm::Sha512,
    Algorithm::Sm3,
    Algorithm::Sha3_256,
];

const TEMPLATES: [&str; 12] = [
    "ima",
    "ima-ng",
    "ima-sig",
    "ima-ngv2",
    "ima-sigv2",
    "ima-buf",
    "ima-modsig",
    "evm-sig",
    "d|n",
    "n-ng|d-ng",
    "imode|n-ng|iuid|buf|igid",
    "n-ng|xattrnames|d-modsig|sig",
];

fn name(random: &mut Random) -> Vec<u8> {
    let pieces: [&[u8]; 9] = [
        b"/usr",
        b"_",
        b"\n",
        b"\t",
        b"\r",
        b"\xff\xc3",
        "\u{e9}".as_bytes(),
        b":",
        b"x",
    ];
    let mut name = b"/".to_vec();
    for _ in 0..random.below(6) {
        let piece: &&[u8] = random.one_of(&pieces);
        name.extend_from_slice(piece);
    }
    // A CR right before a line end is that of the line as soon as other lines end so.
    while name.ends_with(b"\r") {
        name.pop();
    }
    name.push(0);
    name
}

fn field(id: FieldId, random: &mut Random) -> Vec<u8> {
    let is_absent = id.may_be_empty() && random.below(3) == 0;
    match id {
        _ if is_absent => Vec::new(),
        FieldId::D => random.bytes(20),
        FieldId::N | FieldId::NNg => name(random),
        FieldId::DNg | FieldId::DNgV2 | FieldId::DModsig => {
            let algorithm = *random.one_of(Algorithm::ALL);
            let digest = random.bytes(algorithm.len());
            let tag = match (id, random.below(8)) {
                (FieldId::DNg, 0) => ":".to_owned(),
                (FieldId::DNg, 1) => "sha999:".to_owned(),
                (FieldId::DNgV2, 0) => format!("verity:{algorithm}:"),
                (FieldId::DNgV2, _) => format!("ima:{algorithm}:"),
                _ => format!("{algorithm}:"),
            };
            [tag.as_bytes(), b"\0", &digest].concat()
        }
        FieldId::Imode => random.bytes(2),
        FieldId::Iuid | FieldId::Igid => random.bytes(4),
        FieldId::XattrNames => b"security.ima|security.capability\0".to_vec(),
        _ => {
            let len = random.below(300);
            random.bytes(len)
        }
    }
}

fn entry(random: &mut Random) -> Made {
    let template = *random.one_of(&TEMPLATES);
    let format = match template {
        "ima" => "d|n",
        "ima-ng" => "d-ng|n-ng",
        "ima-sig" => "d-ng|n-ng|sig",
        "ima-ngv2" => "d-ngv2|n-ng",
        "ima-sigv2" => "d-ngv2|n-ng|sig",
        "ima-buf" => "d-ng|n-ng|buf",
        "ima-modsig" => "d-ng|n-ng|sig|d-modsig|modsig",
        "evm-sig" => "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode",
        format => format,
    };
    let fields = format.split('|').map(|id| {
        let id = *FieldId::ALL.iter().find(|known| known.name() == id).unwrap();
        (id, field(id, random))
    });
    let fields: Vec<_> = fields.collect();
    // A violation with a line end in its name cannot be read from ASCII.
    let is_plain = fields
        .iter()
        .all(|(id, bytes)| !id.is_name() || !bytes.contains(&b'\n'));
    Made {
        pcr: random.below(24) as u32,
        template: template.to_owned(),
        fields,
        is_violation: is_plain && random.below(5) == 0,
    }
}

#[test]
fn what_is_written_is_read_and_what_is_read_is_printed() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let order = *random.one_of(&ByteOrder::ALL);
        let bank = *random.one_of(&BANKS);
        // An entry that shows what the list is.
        let mut entries = vec![Made::file(b"boot_aggregate")];
        entries.extend((0..random.below(12)).map(|_| entry(&mut random)));
        let write = |form, bank| -> Vec<u8> {
            entries
                .iter()
                .flat_map(|made| made.print(form, order, bank))
                .collect()
        };
        for form in [Form::Ascii, Form::Binary] {
            let list = write(form, bank);
            let read = read(&list);
            assert_eq!(read.faults, [], "{seed} {form:?}");
            assert_eq!(read.entries.len(), entries.len(), "{seed} {form:?}");
            let format = read.format.unwrap();
            assert_eq!(
                (format.byte_order, format.hash),
                (order, ListHash::Of(bank)),
                "{seed} {form:?}"
            );
            for (found, made) in read.entries.iter().zip(&entries) {
                let fields: Vec<_> = made
                    .fields
                    .iter()
                    .map(|(id, bytes)| (id.name(), hex(bytes)))
                    .collect();
                assert_eq!(found.fields, fields, "{seed} {form:?}");
                assert_eq!(
                    (found.pcr, &found.template, found.fault),
                    (made.pcr, &made.template, None)
                );
                let check = if made.is_violation {
                    Check::Violation
                } else {
                    Check::Matches
                };
                assert_eq!(found.check, check, "{seed} {form:?}");
            }
            for to in [Form::Ascii, Form::Binary] {
                let other = *random.one_of(&BANKS);
                assert!(
                    print(&list, to, None).unwrap() == write(to, bank),
                    "{seed} {form:?} {to:?}"
                );
                assert!(
                    print(&list, to, Some(other)).unwrap() == write(to, other),
                    "{seed} {form:?} {to:?}"
                );
            }
        }
    }
}

#[test]
fn a_template_hash_by_any_algorithm_is_that_of_the_data() {
    let mut random = Random::new(77);
    for _ in 0..50 {
        let made = entry(&mut random);
        let list = made.binary(ByteOrder::Little, Algorithm::Sha1);
        let mut reader = Reader::new(&list[..], Limits::default()).unwrap();
        let Some(Item::Entry(entry)) = reader.next().unwrap() else {
            panic!()
        };
        assert_eq!(entry.data().unwrap(), made.data(ByteOrder::Little));
        for &algorithm in Algorithm::ALL {
            let expected = ima_assay_digest::hash(algorithm, &made.data(ByteOrder::Little));
            assert_eq!(entry.template_hash(algorithm), Some(expected));
        }
    }
}

#[test]
fn two_lists_of_one_machine_differ_where_they_differ() {
    let entries = [Made::file(b"/a"), Made::file(b"/b"), Made::file(b"/c")];
    let write = |form, bank, entries: &[Made]| -> Vec<u8> {
        entries
            .iter()
            .flat_map(|made| made.print(form, ByteOrder::Little, bank))
            .collect()
    };
    let left = write(Form::Ascii, Algorithm::Sha1, &entries);
    let compare = |left: &[u8], right: &[u8]| {
        let mut left = Reader::new(left, Limits::default()).unwrap();
        let mut right = Reader::new(right, Limits::default()).unwrap();
        first_difference(&mut left, &mut right).unwrap()
    };
    let right = write(Form::Binary, Algorithm::Sha256, &entries);
    assert_eq!(compare(&left, &right), None);
    let changed = |change: &dyn Fn(&mut Made)| {
        let mut entries = entries.clone();
        change(&mut entries[1]);
        write(Form::Binary, Algorithm::Sha256, &entries)
    };
    let mut flipped = write(Form::Ascii, Algorithm::Sha1, &entries);
    let hash_at = left.len() / 3 + 10;
    flipped[hash_at] = if left[hash_at] == b'0' { b'1' } else { b'0' };
    let rows = [
        (changed(&|made| made.pcr = 11), 2, DifferenceKind::Pcr),
        (
            changed(&|made| made.template = "d-ng|n-ng".to_owned()),
            2,
            DifferenceKind::Template,
        ),
        (
            changed(&|made| made.is_violation = true),
            2,
            DifferenceKind::Violation,
        ),
        (
            changed(&|made| *made = Made::file(b"/other")),
            2,
            DifferenceKind::Data,
        ),
        (right[..right.len() / 3].to_vec(), 2, DifferenceKind::RightEnds),
        ([&right[..], &right].concat(), 4, DifferenceKind::LeftEnds),
        (flipped, 2, DifferenceKind::Hash),
    ];
    for (right, entry, kind) in rows {
        assert_eq!(compare(&left, &right), Some(Difference { entry, kind }));
    }
    let cut = &right[..right.len() - 1];
    assert!(matches!(
        compare(&left, cut),
        Some(Difference {
            entry: 3,
            kind: DifferenceKind::Fault(_)
        })
    ));
}
