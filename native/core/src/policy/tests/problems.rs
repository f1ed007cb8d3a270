//! What is wrong with policies that can be read.

use super::{HELLO, WORLD, load, policy_with};
use crate::policy::KeylimeStanding;

fn problems(text: &str) -> Vec<String> {
    let validation = load(text).unwrap().validate(100);
    validation
        .problems
        .iter()
        .map(|problem| format!("{} {}", problem.code.name(), problem.location))
        .collect()
}

#[test]
fn a_good_policy_has_no_problem() {
    assert_eq!(problems(&policy_with("", "")), <[&str; 0]>::default());
}

#[test]
fn every_problem_says_where_it_is() {
    let upper = HELLO.to_uppercase();
    let rows: [(&str, String, &[&str]); 26] = [
        (
            "meta.version",
            "-1".into(),
            &["VALUE_OUT_OF_RANGE meta.version, line 1"],
        ),
        (
            "meta.version",
            "true".into(),
            &["TYPE_WRONG meta.version, line 1"],
        ),
        (
            "meta.version",
            "null".into(),
            &["TYPE_WRONG meta.version, line 1"],
        ),
        (
            "meta.generator",
            "4".into(),
            &["VALUE_OUT_OF_RANGE meta.generator, line 1"],
        ),
        (
            "meta.generator",
            "1".into(),
            &["GENERATOR_SWITCHES_OFF meta.generator"],
        ),
        (
            "meta",
            "{\"version\": 1, \"timestamp\": 5}".into(),
            &["TYPE_WRONG meta.timestamp, line 1", "KEY_MISSING meta.generator"],
        ),
        ("release", "0.5".into(), &["TYPE_WRONG release, line 1"]),
        ("excludes", "null".into(), &["TYPE_WRONG excludes, line 1"]),
        (
            "ima",
            "{}".into(),
            &[
                "KEY_MISSING ima.ignored_keyrings",
                "KEY_MISSING ima.log_hash_alg",
                "KEY_MISSING ima.dm_policy",
            ],
        ),
        ("ima", "null".into(), &["TYPE_WRONG ima, line 1"]),
        (
            "ima.log_hash_alg",
            "\"sm3_256\"".into(),
            &["LOG_ALGORITHM_UNSUPPORTED ima.log_hash_alg, line 1"],
        ),
        (
            "ima.dm_policy",
            "{}".into(),
            &["DM_POLICY_PRESENT ima.dm_policy, line 1"],
        ),
        (
            "verification-keys",
            "\"{}\"".into(),
            &["VERIFICATION_KEYS_MALFORMED verification-keys, line 1"],
        ),
        (
            "digests",
            "{\"/a\": []}".into(),
            &["LIST_EMPTY digests[\"/a\"], line 1"],
        ),
        (
            "digests",
            format!("{{\"/a\": [\"{HELLO}\", \"sha256:{upper}\"]}}"),
            &[
                "DIGEST_PREFIXED digests[\"/a\"][1], line 1",
                "DIGEST_UPPER_CASE digests[\"/a\"][1], line 1",
            ],
        ),
        (
            "digests",
            "{\"/a\": [\"d41d8cd98f00b204e9800998ecf8427e\"]}".into(),
            &["DIGEST_TOO_SHORT digests[\"/a\"][0], line 1"],
        ),
        (
            "keyrings",
            format!("{{\".ima\": [\"{}\"]}}", "0".repeat(130)),
            &["DIGEST_TOO_LONG keyrings[\".ima\"][0], line 1"],
        ),
        (
            "ima-buf",
            "{\"x\": [\"# note\"]}".into(),
            &["DIGEST_MALFORMED ima-buf[\"x\"][0], line 1"],
        ),
        (
            "digests",
            format!("{{\"/a\": [\"sha1:{HELLO}\"]}}"),
            &["DIGEST_MALFORMED digests[\"/a\"][0], line 1"],
        ),
        (
            "digests",
            format!("{{\"/a\": [\"{HELLO}0\"]}}"),
            &["DIGEST_ODD digests[\"/a\"][0], line 1"],
        ),
        (
            "digests",
            format!("{{\"/a\": [\"{HELLO}00\"]}}"),
            &["DIGEST_LENGTH_UNKNOWN digests[\"/a\"][0], line 1"],
        ),
        (
            "digests",
            format!("{{\"/a\": [\"{HELLO}\\n\"]}}"),
            &["DIGEST_LINE_FEED digests[\"/a\"][0], line 1"],
        ),
        (
            "digests",
            format!("{{\"/a b\": [\"{HELLO}\"], \"/\\u0000\": [\"{HELLO}\"], \"/\\udcff\": [\"{HELLO}\"]}}"),
            &[
                "NAME_NEVER_MATCHES digests[\"/a b\"], line 1",
                "NAME_NEVER_MATCHES digests[\"/\\u{0}\"], line 1",
                "NAME_NOT_UTF8 digests[\"/\\xff\"], line 1",
            ],
        ),
        (
            "digests",
            format!("{{\"/a\": [], \"/a\": [\"{HELLO}\"]}}"),
            &["NAME_TWICE digests[\"/a\"], line 1"],
        ),
        (
            "keyrings",
            format!("{{\".ima\": \"{HELLO}\"}}"),
            &["TYPE_WRONG keyrings[\".ima\"], line 1"],
        ),
        (
            "release",
            "0, \"exclude\": [\"/tmp\"]".into(),
            &["KEY_IGNORED exclude, line 1"],
        ),
    ];
    for (key, value, expected) in rows {
        assert_eq!(problems(&policy_with(key, &value)), expected, "{key}: {value}");
    }
    let marked = format!("\u{feff}{}", policy_with("", ""));
    assert_eq!(problems(&marked), ["BYTE_ORDER_MARK line 1"]);
}

#[test]
fn an_old_allowlist_is_checked_for_what_keylimes_converter_makes_of_it() {
    let rows: [(String, &[&str]); 5] = [
        (format!("{{\"hashes\": {{\"/a\": [\"{HELLO}\"]}}}}"), &[]),
        (
            format!(
                "{{\"meta\": {{\"version\": \"x\", \"generator\": 9}}, \"keyrings\": null, \"ima\": {{}}, \
                 \"hashes\": {{\"/a\": [\"{HELLO}\"]}}}}"
            ),
            &[],
        ),
        (
            format!("{{\"ima\": {{\"ignored_keyrings\": []}}, \"hashes\": {{\"/a\": [\"{HELLO}\"]}}}}"),
            &["KEY_MISSING ima.log_hash_alg", "KEY_MISSING ima.dm_policy"],
        ),
        ("{\"hashes\": {}}".into(), &["LIST_EMPTY hashes"]),
        (
            "{\"hashes\": {\"/a\": [\"\"]}}".into(),
            &["DIGEST_MALFORMED hashes[\"/a\"][0], line 1"],
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(problems(&text), expected, "{text}");
    }
}

#[test]
fn rows_of_a_flat_list_are_checked_too() {
    let upper = HELLO.to_uppercase();
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    let text = format!(
        "{HELLO}  /a\n{upper}  /b\nsha256:{HELLO}  /c\n{HELLO} */d\n\\{HELLO}  /e\\\\\n{md5}  /f\n{HELLO}  /g h"
    );
    assert_eq!(
        problems(&text),
        [
            "LAST_ROW_UNTERMINATED the top level",
            "DIGEST_UPPER_CASE [\"/b\"], line 2",
            "DIGEST_PREFIXED [\"/c\"], line 3",
            "ROW_BINARY [\"/d\"], line 4",
            "ROW_ESCAPED [\"/e\\\\\"], line 5",
            "DIGEST_TOO_SHORT [\"/f\"], line 6",
            "NAME_NEVER_MATCHES [\"/g_h\"], line 7",
        ]
    );
    let bytes = [format!("{HELLO}  /a\n{HELLO}  /").as_bytes(), b"\xff\n"].concat();
    let validation = load(bytes).unwrap().validate(9);
    assert_eq!(validation.problems[0].code.name(), "LIST_NOT_UTF8");
    assert_eq!(validation.problems[0].location.line, Some(2));
    assert_eq!(validation.problems.len(), 1);
}

#[test]
fn problems_are_counted_beyond_those_that_are_listed() {
    let digests: Vec<String> = (0..50).map(|number| format!("\"/{number}\": []")).collect();
    let policy = load(policy_with("digests", &format!("{{{}}}", digests.join(",")))).unwrap();
    let validation = policy.validate(3);
    assert_eq!((validation.problems.len(), validation.total()), (3, 50));
    assert!(validation.is_refused_by_keylime());
}

#[test]
fn a_foreign_payload_type_is_a_problem() {
    use base64ct::{Base64, Encoding as _};
    let payload = Base64::encode_string(policy_with("", "").as_bytes());
    let text = format!(
        "{{\"payload\": \"{payload}\", \"payloadType\": \"x\", \"signatures\": [{{\"sig\": \"AA==\"}}]}}"
    );
    assert_eq!(problems(&text), ["PAYLOAD_TYPE_FOREIGN payloadType"]);
}

#[test]
fn keylimes_standing_follows_from_the_problems() {
    let rows = [
        (policy_with("", ""), KeylimeStanding::Taken),
        (policy_with("meta.version", "0"), KeylimeStanding::Taken),
        (policy_with("release", "-1"), KeylimeStanding::Refused),
        (format!("{WORLD}  /a\n"), KeylimeStanding::TakenConverted),
        (format!("sha256:{WORLD}  /a\n"), KeylimeStanding::Refused),
        ("{\"hashes\": {}}".to_owned(), KeylimeStanding::Refused),
    ];
    for (text, standing) in rows {
        assert_eq!(load(&text).unwrap().keylime().standing(), standing, "{text}");
    }
}
