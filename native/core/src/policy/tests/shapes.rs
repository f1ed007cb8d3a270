//! What a file is, and why it is none.

use ima_assay_digest::Algorithm;

use super::{HELLO, HELLO_SHA1, WORLD, load, policy_with};
use crate::error::Explain as _;
use crate::policy::{
    ListedDigest, Policy, PolicyError, ReadLimits, ReadOptions, Section, Shape, SignatureStatus, read,
};
use crate::signature::Envelope;

fn only<'a>(policy: &'a Policy, section: Section, name: &[u8]) -> ListedDigest<'a> {
    let mut digests = policy.section(section).get(name).unwrap().digests();
    let digest = digests.next().unwrap();
    assert_eq!(digests.next(), None);
    digest
}

#[test]
fn content_tells_what_a_file_is() {
    let rows = [
        (policy_with("", ""), Shape::RuntimePolicy),
        (policy_with("meta.version", "0"), Shape::OldRuntimePolicy),
        (policy_with("meta.version", "-1.0"), Shape::OldRuntimePolicy),
        (policy_with("meta.version", "\"0\""), Shape::RuntimePolicy),
        (
            format!("\n {{\"hashes\": {{\"/a\": [\"{HELLO}\"]}}}}"),
            Shape::JsonAllowlist,
        ),
        ("{\"digests\": {}}".to_owned(), Shape::RuntimePolicy),
        (format!("{HELLO}  /a\n"), Shape::FlatAllowlist),
        (format!("\n\n\\{HELLO}  /a\\n\n"), Shape::FlatAllowlist),
        (format!("\u{feff}{}", policy_with("", "")), Shape::RuntimePolicy),
        (format!("\u{feff}{HELLO}  /a\n"), Shape::FlatAllowlist),
    ];
    for (text, shape) in rows {
        assert_eq!(load(&text).unwrap().shape(), shape, "{text}");
    }
}

#[test]
fn everything_in_a_runtime_policy_is_there() {
    let text = format!(
        r#"{{"meta": {{"version": 1, "generator": 2, "timestamp": "2026-03-01 09:15:00"}}, "release": 7,
          "digests": {{"boot_aggregate": ["{HELLO}", "{HELLO_SHA1}"], "/caf\u00e9": ["{WORLD}"]}},
          "excludes": ["/tmp/.*", "^\u002fvar"], "keyrings": {{".ima": ["{WORLD}"]}},
          "ima": {{"ignored_keyrings": [".platform"], "log_hash_alg": "sha256", "dm_policy": null}},
          "ima-buf": {{"kernel_version": ["{HELLO}"]}}, "verification-keys": "", "comment": [{{}}]}}"#
    );
    let policy = load(&text).unwrap();
    assert_eq!(
        (policy.meta().version, policy.meta().generator),
        (Some(1), Some(2))
    );
    assert_eq!(policy.meta().timestamp.as_deref(), Some("2026-03-01 09:15:00"));
    assert_eq!(policy.excludes().collect::<Vec<_>>(), ["/tmp/.*", "^/var"]);
    assert_eq!(policy.ignored_keyrings().collect::<Vec<_>>(), [".platform"]);
    assert_eq!(policy.log_hash_algorithm(), Some("sha256"));
    assert_eq!(policy.verification_keys(), "");
    assert!(policy.has("ima.dm_policy") && !policy.has("hashes"));

    let names: Vec<_> = policy
        .section(Section::Digests)
        .iter()
        .map(|listing| {
            (
                String::from_utf8_lossy(listing.name()).into_owned(),
                listing.line(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [("boot_aggregate".to_owned(), 2), ("/caf\u{e9}".to_owned(), 2)]
    );
    let algorithms: Vec<_> = policy
        .section(Section::Digests)
        .get(b"boot_aggregate")
        .unwrap()
        .digests()
        .map(|digest| (digest.algorithm, digest.is_algorithm_named, digest.is_plain))
        .collect();
    assert_eq!(
        algorithms,
        [
            (Some(Algorithm::Sha256), false, true),
            (Some(Algorithm::Sha1), false, true)
        ]
    );
    assert_eq!(only(&policy, Section::Keyrings, b".ima").bytes[0], 0xe2);
    assert_eq!(only(&policy, Section::Buffers, b"kernel_version").bytes[0], 0x58);
}

#[test]
fn digests_are_read_however_they_are_written() {
    let upper = HELLO.to_uppercase();
    let text = format!(
        "{{\"digests\": {{\"/upper\": [\"{upper}\"], \"/named\": [\"sm3:{HELLO}\"], \"/bare\": \"{HELLO}\"}}}}"
    );
    let policy = load(&text).unwrap();
    for (name, algorithm, is_plain) in [
        (&b"/upper"[..], Algorithm::Sha256, false),
        (b"/named", Algorithm::Sm3, false),
        (b"/bare", Algorithm::Sha256, true),
    ] {
        let digest = only(&policy, Section::Digests, name);
        assert_eq!((digest.algorithm, digest.is_plain), (Some(algorithm), is_plain));
        assert_eq!(digest.bytes[..2], [0x58, 0x91]);
    }
    let options = ReadOptions {
        assumed_algorithm: Some(Algorithm::Sm3),
        ..ReadOptions::default()
    };
    let policy = read(text.as_bytes(), b"file", &options).unwrap();
    let digest = only(&policy, Section::Digests, b"/upper");
    assert_eq!(
        (digest.algorithm, digest.is_algorithm_named),
        (Some(Algorithm::Sm3), false)
    );
}

#[test]
fn a_flat_list_has_files_and_keys() {
    let text = format!(
        "{HELLO}  /a b\n{WORLD} */c\r\nsm3:{HELLO}  /a b\n{WORLD} %keyring:.ima\n\\{HELLO}  /x\\ny\n"
    );
    let policy = load(&text).unwrap();
    let digests: Vec<_> = policy
        .section(Section::Digests)
        .get(b"/a_b")
        .unwrap()
        .digests()
        .map(|digest| (digest.line, digest.algorithm))
        .collect();
    assert_eq!(digests, [(3, Some(Algorithm::Sm3)), (1, Some(Algorithm::Sha256))]);
    let names: Vec<_> = policy
        .section(Section::Digests)
        .iter()
        .map(|l| l.name())
        .collect();
    assert_eq!(names, [&b"/a_b"[..], b"/c", b"/x\ny"]);
    assert_eq!(only(&policy, Section::Keyrings, b".ima").line, 4);
}

#[test]
fn the_last_of_two_equal_names_counts_and_lines_are_those_of_names() {
    let text = format!(
        "{{\"digests\": {{\n\"/a\":\n[\"{HELLO}\"],\n\"/\\u0062\": [\n\"{HELLO}\"],\n\"/a\": [\"{WORLD}\"]}}}}"
    );
    let policy = load(&text).unwrap();
    let digest = only(&policy, Section::Digests, b"/a");
    assert_eq!((digest.bytes[0], digest.line), (0xe2, 6));
    // Of a name with an escape the first digest's line is known.
    assert_eq!(only(&policy, Section::Digests, b"/b").line, 5);
    assert_eq!(policy.section(Section::Digests).len(), 2);
}

#[test]
fn names_that_python_took_for_surrogates_are_bytes_again() {
    let text =
        format!("{{\"digests\": {{\"/a\\udcffb\\udc80\": [\"{HELLO}\"], \"/\\ud800\": [\"{HELLO}\"]}}}}");
    let policy = load(&text).unwrap();
    assert!(policy.section(Section::Digests).get(b"/a\xffb\x80").is_some());
    assert!(policy.section(Section::Digests).get(b"/\xed\xa0\x80").is_some());
}

#[test]
fn every_wrong_shape_is_one_error_that_says_where() {
    let rows: [(&str, &str, &str, Option<u64>); 30] = [
        ("", "POLICY_EMPTY", "the policy is empty", None),
        (" \n\t", "POLICY_EMPTY", "the policy is empty", None),
        (
            "[]",
            "POLICY_TYPE_WRONG",
            "line 1: expected an object, found an array",
            Some(1),
        ),
        (
            "\n\"x\"",
            "POLICY_TYPE_WRONG",
            "line 2: expected an object, found text",
            Some(2),
        ),
        (
            "{}",
            "POLICY_SHAPE_UNKNOWN",
            "neither a runtime policy nor an allowlist: it has no \"digests\" and no \"hashes\"",
            None,
        ),
        (
            "{\"digests\": null}",
            "POLICY_SHAPE_UNKNOWN",
            "neither a runtime policy nor an allowlist: it has no \"digests\" and no \"hashes\"",
            None,
        ),
        (
            "{\"digests\": {}, \"hashes\": {}}",
            "POLICY_SHAPE_AMBIGUOUS",
            "\"digests\" of a runtime policy and \"hashes\" of an allowlist are in one file",
            None,
        ),
        (
            "{\"digests\": {}} x",
            "POLICY_NOT_JSON",
            "not JSON: trailing characters at line 1 column 17",
            Some(1),
        ),
        (
            "{\"digests\": {},}",
            "POLICY_NOT_JSON",
            "not JSON: trailing comma at line 1 column 16",
            Some(1),
        ),
        (
            "{\"digests\": null, \"digests\": {}}",
            "POLICY_KEY_TWICE",
            "digests, line 1: the key stands there twice",
            Some(1),
        ),
        (
            "{\"ima\": {\"dm_policy\": null,\n\"dm_policy\": null}}",
            "POLICY_KEY_TWICE",
            "ima.dm_policy, line 2: the key stands there twice",
            Some(2),
        ),
        (
            "{\"digests\": []}",
            "POLICY_TYPE_WRONG",
            "digests, line 1: expected an object of names, each with an array of digests, found an array",
            Some(1),
        ),
        (
            "{\"hashes\": 5}",
            "POLICY_TYPE_WRONG",
            "hashes, line 1: expected an object of names, each with an array of digests, found a number",
            Some(1),
        ),
        (
            "{\"digests\": {\"/a\": {}}}",
            "POLICY_TYPE_WRONG",
            "digests[\"/a\"], line 1: expected an array of digests, found an object",
            Some(1),
        ),
        (
            "{\"digests\": {\"/a\": null}}",
            "POLICY_TYPE_WRONG",
            "digests[\"/a\"], line 1: expected an array of digests, found null",
            Some(1),
        ),
        (
            "{\"digests\": {\"/a\\n\": [\"00\",\n 1.5]}}",
            "POLICY_TYPE_WRONG",
            "digests[\"/a\\n\"][1], line 2: expected a digest, found a number",
            Some(2),
        ),
        (
            "{\"keyrings\": {\".ima\": [[]]}}",
            "POLICY_TYPE_WRONG",
            "keyrings[\".ima\"][0], line 1: expected a digest, found an array",
            Some(1),
        ),
        (
            "{\"ima-buf\": {\"x\": [true]}}",
            "POLICY_TYPE_WRONG",
            "ima-buf[\"x\"][0], line 1: expected a digest, found a truth value",
            Some(1),
        ),
        (
            "{\"excludes\": \"/tmp\"}",
            "POLICY_TYPE_WRONG",
            "excludes, line 1: expected an array of texts, found text",
            Some(1),
        ),
        (
            "{\"excludes\": [\"a\", -1]}",
            "POLICY_TYPE_WRONG",
            "excludes[1], line 1: expected text, found a number",
            Some(1),
        ),
        (
            "{\"ima\": []}",
            "POLICY_TYPE_WRONG",
            "ima, line 1: expected an object, found an array",
            Some(1),
        ),
        (
            "{\"ima\": {\"ignored_keyrings\": [{}]}}",
            "POLICY_TYPE_WRONG",
            "ima.ignored_keyrings[0], line 1: expected text, found an object",
            Some(1),
        ),
        (
            "{\"ima\": {\"log_hash_alg\": 1}}",
            "POLICY_TYPE_WRONG",
            "ima.log_hash_alg, line 1: expected text, found a number",
            Some(1),
        ),
        (
            "{\"meta\": \"x\"}",
            "POLICY_TYPE_WRONG",
            "meta, line 1: expected an object, found text",
            Some(1),
        ),
        (
            "{\"verification-keys\": {}}",
            "POLICY_TYPE_WRONG",
            "verification-keys, line 1: expected text, found an object",
            Some(1),
        ),
        (
            "{\"payload\": 1}",
            "POLICY_TYPE_WRONG",
            "payload, line 1: expected text, found a number",
            Some(1),
        ),
        (
            "{\"payload\": \"e30=\", \"signatures\": [{\"sig\": \"AA==\"}]}",
            "ENVELOPE_MALFORMED",
            "payloadType: the envelope does not say what its payload is",
            None,
        ),
        (
            "{\"payload\": \"!\", \"payloadType\": \"x\", \"signatures\": [{\"sig\": \"AA==\"}]}",
            "ENVELOPE_MALFORMED",
            "payload: the payload is no base64",
            None,
        ),
        (
            "{\"payload\": \"e30=\", \"payloadType\": \"x\", \"signatures\": []}",
            "ENVELOPE_MALFORMED",
            "signatures: the envelope has no signature",
            None,
        ),
        (
            "null  /a\nzz  /b\n",
            "ALLOWLIST_LINE_MALFORMED",
            "2 of the lines are no rows; the first is line 1: the digest is not hexadecimal",
            Some(1),
        ),
    ];
    for (text, code, message, line) in rows {
        let error = load(text).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            (code, message),
            "{text}"
        );
        assert_eq!(error.place().line, line, "{text}");
        assert!(error.hint().is_some(), "{text}");
    }
}

#[test]
fn limits_hold() {
    let text = policy_with("digests", &format!("{{\"/a\": [\"{HELLO}\"], \"/b\": []}}"));
    let deep = policy_with("x", "").replace("{\"meta\"", "{\"x\": [[{\"y\": []}]], \"meta\"");
    let flat = format!("{HELLO}  /a\n{HELLO}  /b\n");
    let default = ReadLimits::default();
    let rows = [
        (
            &text,
            ReadLimits {
                max_bytes: 99,
                ..default
            },
            "POLICY_TOO_LARGE",
        ),
        (
            &text,
            ReadLimits {
                max_entries: 1,
                ..default
            },
            "POLICY_TOO_MANY_ENTRIES",
        ),
        (
            &flat,
            ReadLimits {
                max_entries: 1,
                ..default
            },
            "POLICY_TOO_MANY_ENTRIES",
        ),
        (
            &deep,
            ReadLimits {
                max_depth: 4,
                ..default
            },
            "POLICY_TOO_DEEP",
        ),
    ];
    for (text, limits, code) in rows {
        let options = |limits| ReadOptions {
            limits,
            ..ReadOptions::default()
        };
        let error = read(text.as_bytes(), b"file", &options(limits)).unwrap_err();
        assert_eq!(error.code(), code);
        let limits = ReadLimits {
            max_bytes: text.len(),
            max_entries: 2,
            max_depth: 5,
            max_problems: 0,
        };
        read(text.as_bytes(), b"file", &options(limits)).unwrap();
    }
}

fn envelope(payload: &str, payload_type: &str) -> String {
    use base64ct::{Base64, Encoding as _};
    let payload = Base64::encode_string(payload.as_bytes());
    format!(
        "{{\"payload\": \"{payload}\", \"payloadType\": \"{payload_type}\", \
         \"signatures\": [{{\"keyid\": \"k\", \"sig\": \"AQI=\"}}, {{\"sig\": \"030405\", \"x\": 1}}]}}"
    )
}

#[test]
fn an_envelope_is_unwrapped_and_its_signatures_are_left_to_the_caller() {
    let inner = policy_with("", "");
    let text = envelope(&inner, "application/vnd.keylime+json");
    assert_eq!(load(&text).unwrap().signature(), SignatureStatus::Unchecked);
    assert_eq!(load(&inner).unwrap().signature(), SignatureStatus::Unsigned);

    for status in [SignatureStatus::Verified, SignatureStatus::Failed] {
        let check = |envelope: &Envelope| {
            assert_eq!(envelope.payload_type, "application/vnd.keylime+json");
            assert_eq!(envelope.payload, inner.as_bytes());
            let signatures: Vec<_> = envelope
                .signatures
                .iter()
                .map(|signature| (signature.key_id.as_deref(), &signature.signature[..]))
                .collect();
            assert_eq!(signatures, [(Some("k"), &[1, 2][..]), (None, &[3, 4, 5])]);
            status
        };
        let options = ReadOptions {
            check_signatures: Some(&check),
            ..ReadOptions::default()
        };
        let policy = read(text.as_bytes(), b"file", &options).unwrap();
        assert_eq!(
            (policy.signature(), policy.shape()),
            (status, Shape::RuntimePolicy)
        );
    }
}

#[test]
fn an_envelope_holds_a_policy_and_nothing_else() {
    let twice = envelope(&envelope("{}", "x"), "x");
    for payload in ["5", "[]", &format!("{HELLO}  /a\n")] {
        let error = load(envelope(payload, "x")).unwrap_err();
        assert_eq!(error.to_string(), "payload: the payload is no JSON object");
    }
    assert_eq!(
        load(twice).unwrap_err().to_string(),
        "payload: the payload is an envelope again"
    );
    let error = load(envelope("{\"digests\": 1}", "x")).unwrap_err();
    assert!(matches!(error, PolicyError::Payload { .. }));
    assert_eq!((error.code(), error.place().line), ("POLICY_TYPE_WRONG", None));
    let beside = envelope("{}", "x").replacen('{', "{\"digests\": {}, ", 1);
    assert_eq!(load(beside).unwrap_err().code(), "ENVELOPE_MALFORMED");
    // An empty payload is none: Keylime takes the file for a plain policy.
    assert!(load("{\"payload\": \"\", \"digests\": {}}").is_ok());
}
