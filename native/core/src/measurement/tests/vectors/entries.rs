//! What stands in each list.

use ima_assay_digest::{Algorithm, hash};
use serde_json::Value;

use super::*;

#[test]
fn every_list_has_the_entries_it_was_made_with() {
    for list in lists() {
        let name = &list.name;
        let read = read(&list.bytes);
        assert_eq!(read.faults, [], "{name}");
        let format = read.format.unwrap();
        let hash = match list.is_padded() {
            true => ListHash::PaddedSha1 { len: 32 },
            false => ListHash::Of(list.bank.parse().unwrap()),
        };
        assert_eq!(
            (format.encoding == Encoding::Ascii, format.hash),
            (list.form == Form::Ascii, hash)
        );
        if !read.entries.iter().all(|entry| entry.template == "ima") {
            let is_big = list.case["byteOrder"] == "big";
            assert_eq!(format.byte_order == ByteOrder::Big, is_big, "{name}");
            assert!(format.is_proven, "{name}");
        }
        assert_eq!(read.entries.len(), list.entries().len(), "{name}");
        for (found, entry) in read.entries.iter().zip(list.entries()) {
            check_entry(found, entry, &list);
        }
    }
}

fn check_entry(found: &Owned, entry: &Value, list: &List) {
    let what = format!("{}, {}", list.name, found.number);
    assert_eq!(found.number, entry["n"].as_u64().unwrap() + 1, "{what}");
    assert_eq!(u64::from(found.pcr), entry["pcr"], "{what}");
    assert_eq!(found.template, entry["template"], "{what}");
    assert_eq!(found.is_violation, entry["violation"], "{what}");
    assert_eq!(
        found.fields.len(),
        entry["fields"].as_array().unwrap().len(),
        "{what}"
    );
    for ((id, found), field) in found.fields.iter().zip(entry["fields"].as_array().unwrap()) {
        assert_eq!(*id, field["id"], "{what}");
        match &field["hex"] {
            Value::String(hex) => assert_eq!(found, hex, "{what}"),
            _ => assert_eq!(
                hash(Algorithm::Sha256, &unhex(found)).to_string(),
                field["sha256"],
                "{what}"
            ),
        }
    }
    let bank = if list.is_padded() { "sha1" } else { &list.bank };
    let mut hash = entry["templateHash"][bank].as_str().unwrap().to_owned();
    if list.is_padded() {
        hash.push_str(&"0".repeat(24));
    }
    assert_eq!(found.hash, hash, "{what}");
    let is_wrong = entry["templateHashWrongIn"]
        .as_array()
        .is_some_and(|banks| banks.iter().any(|wrong| *wrong == list.bank));
    let check = match (found.is_violation, is_wrong) {
        (true, _) => Check::Violation,
        (false, true) => Check::Differs,
        (false, false) => Check::Matches,
    };
    assert_eq!(found.check, check, "{what}");
    assert_eq!(found.fault, None, "{what}");
}

#[test]
fn what_fields_say_is_what_they_were_made_of() {
    for list in lists() {
        let mut reader = Reader::new(&list.bytes[..], Limits::default()).unwrap();
        for entry in list.entries() {
            let Some(Item::Entry(found)) = reader.next().unwrap() else {
                panic!("{}", list.name)
            };
            for (found, field) in found.fields().zip(entry["fields"].as_array().unwrap()) {
                match found.value() {
                    Value::Digest(digest) => {
                        let text = |bytes: Option<&[u8]>| {
                            bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                        };
                        assert_eq!(text(digest.digest_type).as_deref(), field["digestType"].as_str());
                        if field["algorithm"].is_string() {
                            assert_eq!(
                                text(digest.algorithm_name).unwrap_or_default(),
                                field["algorithm"]
                            );
                            assert_eq!(hex(digest.digest), field["digest"]);
                        }
                    }
                    Value::Text(text) if field["text"].is_string() => {
                        assert_eq!(std::str::from_utf8(text).unwrap(), field["text"]);
                    }
                    Value::Number(number) => assert_eq!(u64::from(number), field["value"]),
                    Value::Text(_) | Value::Absent | Value::Bytes(_) => {}
                }
            }
        }
    }
    use crate::measurement::Value;
}

#[test]
fn a_list_printed_in_its_own_form_is_the_same_bytes() {
    for list in lists() {
        assert!(
            print(&list.bytes, list.form, None).unwrap() == list.bytes,
            "{}",
            list.name
        );
    }
}

#[test]
fn a_list_printed_in_another_form_or_for_another_bank_is_the_one_the_collection_has() {
    let lists = lists();
    let mut compared = 0;
    for list in lists
        .iter()
        .filter(|list| !list.is_padded() && !list.name.ends_with("3.13"))
    {
        let tampered = list.has_wrong_hashes();
        for form in [Form::Ascii, Form::Binary] {
            // The template `ima` shows no byte order in the ASCII form.
            if list.case["id"] == "big-endian-legacy" && list.form == Form::Ascii && form == Form::Binary {
                continue;
            }
            let same_bank = list.sibling(&lists, form, &list.bank).unwrap();
            assert!(
                print(&list.bytes, form, None).unwrap() == same_bank.bytes,
                "{} as {}",
                list.name,
                same_bank.name
            );
            for bank in ["sha1", "sha256", "sha384", "sha512", "sm3_256"] {
                let Some(other) = list.sibling(&lists, form, bank) else {
                    continue;
                };
                match print(&list.bytes, form, Some(bank.parse().unwrap())) {
                    Ok(printed) if !tampered => {
                        assert!(printed == other.bytes, "{} as {}", list.name, other.name)
                    }
                    Err(PrintError::HashDiffers { .. }) if tampered => {}
                    // The data is right, so the other bank's hash is what it should be, and the recorded is not.
                    Ok(_) => {}
                    Err(error) => panic!("{}: {error}", list.name),
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 200 || lists.is_empty(), "{compared}");
}
