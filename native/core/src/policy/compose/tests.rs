//! Tests of putting policies together.

use std::collections::BTreeSet;

use ima_assay_digest::{Algorithm, hash};

use super::*;
use crate::allowlist::{Flat, Writer};
use crate::error::Explain as _;
use crate::policy::tests::{HELLO, HELLO_SHA1, Random, WORLD, policy_with};
use crate::policy::{Dialect, Policy, ReadOptions, read};
use crate::public_key::samples::{P256_CERTIFICATE, RSA_CERTIFICATE};
use crate::testing::unhex;

fn load(name: &str, text: impl AsRef<[u8]>) -> Policy {
    read(text.as_ref(), name.as_bytes(), &ReadOptions::default()).unwrap()
}

fn compose(policies: &[Policy]) -> Result<Composed, ComposeError> {
    let mut draft = Draft::new(Choices::default());
    for policy in policies {
        draft.add_policy(policy)?;
    }
    Ok(draft.finish())
}

fn try_all(mut writer: Writer) -> Result<Vec<u8>, WriteError> {
    let mut text = Vec::new();
    while let Some(piece) = writer.next_piece(50)? {
        text.extend(piece);
    }
    Ok(text)
}

fn all(writer: Writer) -> Vec<u8> {
    try_all(writer).unwrap()
}

fn text_in(composed: &Composed, form: Form) -> Result<String, WriteError> {
    let writer = composed.writer(form, None, Omissions::default())?;
    Ok(String::from_utf8(try_all(writer)?).unwrap())
}

fn json(composed: &Composed) -> String {
    text_in(composed, Form::Json(Dialect::Current)).unwrap()
}

fn flat(composed: &Composed, flat: Flat) -> String {
    text_in(composed, Form::Flat(flat)).unwrap()
}

/// A policy with things from small pools, so that two of them share some.
fn made(random: &mut Random) -> Policy {
    let paths = ["/a", "/b", "/a_b", "/é", "boot_aggregate", "/usr/bin/\u{1f511}"];
    let digests = [HELLO, HELLO_SHA1, WORLD];
    let names = [".ima", ".evm", "kernel_version"];
    let patterns = ["/tmp/.*", "/var", "^/x$"];
    let map = |random: &mut Random, names: &[&str]| {
        let chosen: BTreeSet<&str> = (0..random.below(4)).map(|_| *random.pick(names)).collect();
        let members: Vec<String> = chosen
            .into_iter()
            .map(|name| {
                format!(
                    "\"{name}\": [\"{}\", \"{}\"]",
                    random.pick(&digests),
                    random.pick(&digests)
                )
            })
            .collect();
        format!("{{{}}}", members.join(", "))
    };
    let list = |random: &mut Random, texts: &[&str]| {
        let items: Vec<String> = (0..random.below(3))
            .map(|_| format!("\"{}\"", random.pick(texts)))
            .collect();
        format!("[{}]", items.join(", "))
    };
    let text = format!(
        "{{\"meta\": {{\"version\": 1, \"generator\": 3, \"timestamp\": \"2026-03-0{} 00:00:00\"}}, \"release\": {}, \
         \"digests\": {}, \"excludes\": {}, \"keyrings\": {}, \"ima\": {{\"ignored_keyrings\": {}, \
         \"log_hash_alg\": \"sha1\", \"dm_policy\": null}}, \"ima-buf\": {}, \"verification-keys\": \"\"}}",
        1 + random.below(9),
        [0, 7][random.below(2)],
        map(random, &paths),
        list(random, &patterns),
        map(random, &names),
        list(random, &names),
        map(random, &names),
    );
    load("made", text)
}

#[test]
fn a_union_does_not_depend_on_order_grouping_or_repetition() {
    let mut random = Random(7);
    for _ in 0..200 {
        let [a, b, c] = [(); 3].map(|()| made(&mut random));
        let of = |policies: &[&Policy]| {
            let policies: Vec<Policy> = policies.iter().map(|&policy| policy.clone()).collect();
            json(&compose(&policies).unwrap())
        };
        let whole = of(&[&a, &b, &c]);
        assert_eq!(whole, of(&[&c, &a, &b]), "commutative");
        let left = load("left", of(&[&a, &b]));
        let right = load("right", of(&[&b, &c]));
        assert_eq!(whole, of(&[&left, &c]), "associative");
        assert_eq!(whole, of(&[&a, &right]), "associative");
        let again = load("again", whole.clone());
        assert_eq!(whole, of(&[&again]), "idempotent");
        assert_eq!(whole, of(&[&again, &a, &again]), "idempotent");
    }
}

#[test]
fn every_shape_becomes_a_policy_and_goes_back() {
    let rows = format!(
        "sha256:{}  boot_aggregate\n\\{HELLO} */a\\nb\n{HELLO_SHA1}\t/c d\n{WORLD} %keyring:.ima\n",
        HELLO.to_uppercase()
    );
    let composed = compose(&[load("list", &rows)]).unwrap();
    let policy = load("policy", json(&composed));
    assert_eq!(policy.validate(10).problems, []);
    let get = |section, name: &[u8]| policy.section(section).get(name).unwrap().digests().count();
    assert_eq!(get(Section::Digests, b"/a\nb"), 1);
    assert_eq!(get(Section::Digests, b"/c_d"), 1);
    assert_eq!(get(Section::Keyrings, b".ima"), 1);

    let escapes = Flat {
        escapes: true,
        names_algorithms: true,
    };
    let list = flat(&composed, escapes);
    assert_eq!(
        list,
        format!(
            "sha256:{HELLO}  boot_aggregate\nsha256:{WORLD}  %keyring:.ima\n\\sha256:{HELLO}  /a\\nb\n\
             sha1:{HELLO_SHA1}  /c_d\n"
        )
    );
    let again = compose(&[load("list", list)]).unwrap();
    assert_eq!(json(&again), json(&composed));
    let error = text_in(&composed, Form::Flat(Flat::default())).unwrap_err();
    assert!(
        matches!(error, WriteError::Allowlist(_)),
        "a line break needs an escape"
    );

    for dialect in [Dialect::Old, Dialect::JsonAllowlist, Dialect::Upgraded] {
        let text = text_in(&composed, Form::Json(dialect)).unwrap();
        let again = compose(&[load("older", text)]).unwrap();
        assert_eq!(json(&again), json(&composed), "{dialect:?}");
        assert_eq!(again.is_upgraded(), dialect == Dialect::Old);
    }
}

#[test]
fn a_flat_list_never_loses_anything_silently() {
    let policy = load("policy", policy_with("ima.ignored_keyrings", "[\".ima\"]"));
    let composed = compose(&[policy]).unwrap();
    let error = text_in(&composed, Form::Flat(Flat::default())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a flat allowlist has no place for ignored keyrings (1)"
    );
    let lossy = Omissions {
        lossy: true,
        keep_going: false,
    };
    let writer = composed.writer(Form::Flat(Flat::default()), None, lossy).unwrap();
    assert_eq!(composed.beyond_flat(), ["ignored keyrings (1)"]);
    assert_eq!(all(writer), format!("{HELLO}  /a\n").as_bytes());
    let keyring = load(
        "list",
        format!("{{\"hashes\": {{\"%keyring:x\": [\"{HELLO}\"]}}}}"),
    );
    let error = text_in(&compose(&[keyring]).unwrap(), Form::Flat(Flat::default())).unwrap_err();
    assert!(error.to_string().contains("taken for a keyring"));
}

#[test]
fn what_would_be_lost_or_is_said_twice_is_an_error() {
    let digests = |value: &str| format!("{{\"digests\": {{\"/x\": {value}}}}}");
    let rows = [
        (digests("[]"), "POLICY_UNUSABLE"),
        (digests("[\"zz\"]"), "POLICY_UNUSABLE"),
        (
            digests(&format!("[\"{HELLO}\", \"{HELLO}0\"]")),
            "POLICY_UNUSABLE",
        ),
        (digests(&format!("[\"{HELLO_SHA1}00\"]")), "POLICY_UNUSABLE"),
        (digests(&format!("[\"sha1:{HELLO}\"]")), "POLICY_UNUSABLE"),
        (policy_with("ima.dm_policy", "{}"), "POLICY_UNUSABLE"),
        (policy_with("ima.log_hash_alg", "\"sm3_256\""), "POLICY_UNUSABLE"),
        (
            "{\"digests\": {}, \"verification-keys\": \"[]\"}".to_owned(),
            "KEYRING_MALFORMED",
        ),
    ];
    for (text, code) in rows {
        let error = compose(&[load("bad", &text)]).unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        assert_eq!(error.place().input.as_deref(), Some(&b"bad"[..]), "{text}");
        assert!(error.hint().is_some());
    }
    let one = load("one", policy_with("ima.log_hash_alg", "\"sha1\""));
    let two = load("two", policy_with("ima.log_hash_alg", "\"sha256\""));
    let error = compose(&[one.clone(), two.clone()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ima.log_hash_alg is sha1 in one and sha256 in two"
    );
    assert_eq!(error.code(), "POLICY_CONFLICT");
    let mut draft = Draft::new(Choices {
        log_hash_algorithm: Some("sha256".to_owned()),
        release: None,
    });
    draft.add_policy(&one).unwrap();
    draft.add_policy(&two).unwrap();
    assert_eq!(draft.finish().log_hash_algorithm(), "sha256");
}

#[test]
fn keys_keep_the_ids_of_their_certificates() {
    let mut draft = Draft::new(Choices::default());
    for (name, key) in [("p256", P256_CERTIFICATE), ("rsa", RSA_CERTIFICATE)] {
        draft.add_keys(&unhex(key), name.as_bytes()).unwrap();
    }
    let composed = draft.finish();
    assert_eq!(composed.key_ids().count(), 2);
    let policy = load("policy", json(&composed));
    assert_eq!(policy.validate(10).problems, []);
    let again = compose(&[policy]).unwrap();
    assert_eq!(json(&again), json(&composed), "read and written again");
    let error = Draft::new(Choices::default())
        .add_keys(b"none", b"key")
        .unwrap_err();
    assert_eq!(error.code(), "KEY_FORM_UNKNOWN");
}

#[test]
fn provenance_names_the_source_of_everything() {
    let one = load("one", format!("{HELLO}  /a\n{HELLO}  /b\n"));
    let two = load("two", policy_with("ima.ignored_keyrings", "[\".ima\"]"));
    let composed = compose(&[one, two]).unwrap();
    let provenance: serde_json::Value = serde_json::from_slice(&all(composed.provenance())).unwrap();
    assert_eq!(provenance["sources"][0]["name"], "one");
    assert_eq!(provenance["sources"][1]["ignoredKeyrings"][0], ".ima");
    let sources = |file: usize| {
        provenance["files"][file]["digests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|digest| digest["source"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(sources(0), [0, 1]);
    assert_eq!(sources(1), [0]);
}

#[test]
fn what_several_sources_have_counts_once() {
    let [one, other] = ["one", "other"].map(|name| {
        load(
            name,
            format!("{HELLO}  /a\n{HELLO}  /b\n{HELLO}  %keyring:.ima\n"),
        )
    });
    let third = load("third", format!("{WORLD}  /a\n"));
    let summary = compose(&[one, other, third]).unwrap().summary();
    for (key, count) in [("paths", 2), ("digests", 3), ("keyrings", 1), ("imaBuf", 0)] {
        assert_eq!(summary[key], count, "{key}");
    }
}

/// A million paths, when the machine has time for it.
#[test]
fn a_large_union_takes_time_in_proportion() {
    let count = if std::env::var_os("IMA_ASSAY_SLOW_TESTS").is_some() {
        1_000_000
    } else {
        20_000
    };
    let mut builder = Builder::default();
    let origin = builder.origin(b"image");
    for number in 0..count {
        let path = format!("/usr/lib/some/directory/file-{number}");
        let digest = hash(Algorithm::Sha256, path.as_bytes());
        builder.insert(path.as_bytes(), &digest, origin, None);
    }
    let mut draft = Draft::new(Choices::default());
    draft.add_allowlist(&builder.build(), OriginKind::Image);
    let first = json(&draft.finish());
    let policy = load("policy", &first);
    assert_eq!(json(&compose(&[policy.clone(), policy]).unwrap()), first);
}
