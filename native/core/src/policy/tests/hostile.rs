//! Files that mean harm, or are cut.

use super::{HELLO, Random, load, policy_with};
use crate::error::Explain as _;

#[test]
fn a_policy_that_is_cut_is_an_error_wherever_it_is_cut() {
    let keyring = "\"{\\\"pubkeys\\\": [\\\"QQ==\\\"], \\\"keyids\\\": [1]}\"";
    let text = policy_with("verification-keys", keyring);
    assert!(load(&text).is_ok());
    for end in 0..text.len() {
        let error = load(&text[..end]).unwrap_err();
        let expected = if end == 0 {
            "POLICY_EMPTY"
        } else {
            "POLICY_NOT_JSON"
        };
        assert_eq!(error.code(), expected, "{end}");
    }
}

#[test]
fn an_envelope_that_is_cut_is_an_error_wherever_it_is_cut() {
    let text = "{\"payload\": \"eyJkaWdlc3RzIjoge319\", \"payloadType\": \"x\", \"signatures\": [{\"sig\": \"AA==\"}]}";
    assert!(load(text).is_ok());
    for end in 0..text.len() {
        assert!(load(&text[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_flat_list_that_is_cut_inside_a_row_is_an_error_or_a_problem() {
    let text = format!("{HELLO}  /a\n{HELLO}  /bc\n");
    for end in 1..text.len() {
        let is_row_end = text[..end].ends_with('\n');
        match load(&text[..end]) {
            Err(error) => assert_eq!(error.code(), "ALLOWLIST_LINE_MALFORMED"),
            Ok(policy) => assert_eq!(policy.validate(9).problems.is_empty(), is_row_end, "{end}"),
        }
    }
}

#[test]
fn nesting_without_end_neither_overflows_the_stack_nor_takes_long() {
    let deep = 100_000;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let value = format!("{}1{}", open.repeat(deep), close.repeat(deep));
        for key in ["release", "meta.version", "ima.dm_policy"] {
            let error = load(policy_with(key, &value)).unwrap_err();
            assert_eq!(error.code(), "POLICY_TOO_DEEP", "{key}");
        }
        let error = load(policy_with("", "").replace("{\"meta\"", &format!("{{\"x\": {value}, \"meta\"")));
        assert_eq!(error.unwrap_err().code(), "POLICY_TOO_DEEP");
        let error = load(policy_with("digests", &value)).unwrap_err();
        assert_eq!(error.code(), "POLICY_TYPE_WRONG");
        assert!(load(open.repeat(deep)).is_err());
        // Inside the text of `verification-keys` it is a problem like any other.
        let policy = load(policy_with(
            "verification-keys",
            &format!("\"{}\"", value.replace('"', "\\\"")),
        ))
        .unwrap();
        assert_eq!(policy.validate(9).total(), 1);
    }
}

#[test]
fn numbers_of_any_size_are_numbers() {
    let huge = format!("1{}", "0".repeat(1000));
    for (value, problems) in [
        (huge.clone(), 0),
        (format!("-{huge}"), 1),
        ("1e999".to_owned(), 1),
        (format!("{huge}.5"), 1),
        ("1.0".to_owned(), 0),
    ] {
        let policy = load(policy_with("release", &value)).unwrap();
        assert_eq!(policy.validate(9).total(), problems, "{value}");
    }
    assert!(load(policy_with("release", "NaN")).is_err());
    assert!(load(policy_with("release", "01")).is_err());
}

#[test]
fn control_characters_are_no_json_wherever_they_stand() {
    for control in ["\0", "\u{1}", "\n", "\t", "\u{1f}"] {
        for text in [
            policy_with("digests", &format!("{{\"/a{control}\": [\"{HELLO}\"]}}")),
            policy_with("digests", &format!("{{\"/a\\u00e9{control}\": [\"{HELLO}\"]}}")),
            policy_with("digests", &format!("{{\"/a\": [\"{HELLO}{control}\"]}}")),
            policy_with("excludes", &format!("[\"{control}\"]")),
            policy_with("release", &format!("0, \"{control}\": 1")),
            policy_with("release", &format!("0, \"x\": \"{control}\"")),
        ] {
            assert_eq!(load(&text).unwrap_err().code(), "POLICY_NOT_JSON", "{text:?}");
        }
    }
    // Escaped they are well.
    let policy = load(policy_with(
        "digests",
        &format!("{{\"/a\\n\\u0001\": [\"{HELLO}\"]}}"),
    ))
    .unwrap();
    assert!(
        policy
            .section(crate::policy::Section::Digests)
            .get(b"/a\n\x01")
            .is_some()
    );
}

#[test]
fn a_lone_surrogate_is_an_error_where_text_is_wanted() {
    for text in [
        policy_with("excludes", "[\"\\ud800\"]"),
        policy_with("verification-keys", "\"\\udfff\""),
        policy_with("digests", "{\"/a\": [\"\\ud800\"]}"),
    ] {
        assert_eq!(load(&text).unwrap_err().code(), "POLICY_NOT_JSON", "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_told_where_they_are() {
    let text = [b"{\"digests\": {\n\"/a", &b"\xff\": []}}"[..]].concat();
    let error = load(text).unwrap_err();
    assert_eq!(error.to_string(), "line 2: not UTF-8, at byte 17");
    assert_eq!(error.place().offset_bytes, Some(17));
}

#[test]
fn a_name_with_a_hundred_thousand_rows_takes_no_longer_than_others() {
    let flat: String = (0..100_000)
        .map(|number| format!("{number:064x}  boot_aggregate\n"))
        .collect();
    let policy = load(flat).unwrap();
    let listing = policy
        .section(crate::policy::Section::Digests)
        .get(b"boot_aggregate");
    assert_eq!(listing.unwrap().digests().count(), 100_000);
    let names: Vec<String> = (0..100_000).map(|_| "\"/a\": []".to_owned()).collect();
    let policy = load(policy_with("digests", &format!("{{{}}}", names.join(",")))).unwrap();
    assert_eq!(policy.validate(1).total(), 100_000);
}

#[test]
fn damage_of_any_kind_is_an_error_or_a_policy_and_nothing_else() {
    let mut random = Random(0x5eed);
    let digests = format!("{{\"/a\": [\"{HELLO}\"], \"/\\udcff\": [\"sha256:{HELLO}\", \"x\"]}}");
    let seeds = [
        policy_with("digests", &digests).into_bytes(),
        format!("{{\"hashes\": {digests}, \"excludes\": [\"a\\n\"]}}").into_bytes(),
        format!("{HELLO}  /a b\n\\{HELLO} */c\\n\nsm3:{HELLO} %keyring:x\n").into_bytes(),
        b"{\"payload\": \"eyJkaWdlc3RzIjoge319\", \"payloadType\": \"x\", \"signatures\": [{\"sig\": \"AA==\"}]}".to_vec(),
    ];
    let pieces: [&[u8]; 12] = [
        b"\"", b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\\u0000", b"\xff", b"\n", b"null",
    ];
    for _ in 0..20_000 {
        let mut text = random.pick(&seeds).clone();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len());
            let end = (at + random.below(6)).min(text.len());
            let piece = *random.pick(&pieces);
            text.splice(at..end, piece.iter().copied());
        }
        if let Ok(policy) = load(&text) {
            let _ = policy.validate(3);
            for listing in policy.section(crate::policy::Section::Digests).iter() {
                assert!(listing.digests().all(|digest| digest.bytes.len() <= 64));
            }
        }
    }
}
