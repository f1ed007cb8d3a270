//! What a set of policies answers.

use ima_assay_digest::{Algorithm, hash};

use super::{HELLO, HELLO_SHA1, WORLD, load, policy_with};
use crate::allowlist::parse_flat;
use crate::policy::{
    Judgement, KeylimeAnswer, Near, NearKind, Policy, PolicySet, ReadOptions, Section, read,
};

fn hello(algorithm: Algorithm) -> Vec<u8> {
    hash(algorithm, b"hello\n").bytes().to_vec()
}

fn set(files: &[&str]) -> PolicySet {
    PolicySet::new(files.iter().map(|text| load(text).unwrap()).collect())
}

#[test]
fn a_digest_is_judged_by_name_bytes_and_algorithm() {
    let json = policy_with(
        "digests",
        &format!("{{\"/a\": [\"{WORLD}\", \"{HELLO}\"], \"/b\": [\"{HELLO_SHA1}\"], \"/none\": [\"x\"]}}"),
    );
    let set = set(&[
        &json,
        &format!("{HELLO_SHA1}  /a\nsm3:{HELLO}  /c\n{HELLO}  /c\n"),
    ]);
    let judge = |name: &str, algorithm| {
        let judgement = set.judge(Section::Digests, name.as_bytes(), algorithm, &hello(algorithm));
        match judgement {
            Judgement::Listed(candidate) => {
                format!("listed by {}, line {}", candidate.origin, candidate.digest.line)
            }
            Judgement::OtherAlgorithm { same_bytes } => format!("other algorithm, {}", same_bytes.is_some()),
            Judgement::OtherDigest => "other digest".to_owned(),
            Judgement::NotListed => "not listed".to_owned(),
        }
    };
    let rows = [
        ("/a", Algorithm::Sha256, "listed by 0, line 1"),
        ("/a", Algorithm::Sha1, "listed by 1, line 1"),
        ("/a", Algorithm::Sha512, "other algorithm, false"),
        ("/b", Algorithm::Sha256, "other algorithm, false"),
        ("/c", Algorithm::Sha256, "listed by 1, line 3"),
        ("/c", Algorithm::Sm3, "other digest"),
        ("/none", Algorithm::Sha256, "other digest"),
        ("/A", Algorithm::Sha256, "not listed"),
        ("", Algorithm::Sha256, "not listed"),
    ];
    for (name, algorithm, expected) in rows {
        assert_eq!(judge(name, algorithm), expected, "{name} {algorithm}");
    }
    // The bytes of the SHA-256 digest, said to be SM3's: the policy does not name an algorithm, its length does.
    let judgement = set.judge(Section::Digests, b"/a", Algorithm::Sm3, &hello(Algorithm::Sha256));
    assert!(matches!(
        judgement,
        Judgement::OtherAlgorithm { same_bytes: Some(candidate) } if !candidate.digest.is_algorithm_named
    ));
    assert!(set.knows(Section::Digests, b"/none") && !set.knows(Section::Keyrings, b"/a"));
    let origins: Vec<_> = set.listed(Section::Digests, b"/a").map(|c| c.origin).collect();
    assert_eq!(origins, [0, 0, 1]);
}

#[test]
fn what_is_beside_digests_is_known_by_origin() {
    let one = policy_with("excludes", "[\"/tmp/.*\", \"a\"]");
    let two = policy_with("ima.ignored_keyrings", "[\".ima\"]");
    let three = policy_with("excludes", "[\"b\"]")
        .replace("\"verification-keys\": \"\"", "\"verification-keys\": \"k\"");
    let set = set(&[&one, &two, &three]);
    let excludes: Vec<_> = set.excludes().map(|e| (e.pattern, e.origin, e.index)).collect();
    assert_eq!(excludes, [("/tmp/.*", 0, 0), ("a", 0, 1), ("b", 2, 0)]);
    assert_eq!(set.ignores_keyring(b".ima"), Some(1));
    assert_eq!(set.ignores_keyring(b".evm"), None);
    assert_eq!(set.verification_keys().collect::<Vec<_>>(), [(2, "k")]);
    let all = PolicySet::new(vec![
        load(policy_with("ima.ignored_keyrings", "[\"*\"]")).unwrap(),
    ]);
    assert_eq!(all.ignores_keyring(b".evm"), Some(0));
    assert!(PolicySet::default().is_empty());
}

fn show(near: &[Near<'_>]) -> Vec<String> {
    near.iter()
        .map(|near| {
            let path = String::from_utf8_lossy(near.path);
            format!("{:?} {path} {} {}", near.kind, near.is_same_digest, near.origin)
        })
        .collect()
}

#[test]
fn near_misses_are_found_and_the_most_telling_come_first() {
    let flat = format!(
        "{HELLO}  /usr/bin/x\n{WORLD}  /opt/y\n{HELLO}  /opt/z\n{HELLO}  /tmp/o\n{WORLD}  /sysroot/opt/y\n\
         {HELLO_SHA1}  /old\n{HELLO} */bin/marked\n"
    );
    let json = policy_with(
        "digests",
        &format!("{{\"/opt/Y\": [\"{HELLO}\"], \"/tmp/a b\": [\"{WORLD}\"], \"*bin/w\": [\"{WORLD}\"]}}"),
    );
    let set = set(&[&flat, &json]);
    let near = |name: &str, algorithm, max| {
        show(&set.near(
            Section::Digests,
            name.as_bytes(),
            algorithm,
            &hello(algorithm),
            max,
        ))
    };
    assert_eq!(
        near("/bin/x", Algorithm::Sha256, 3),
        [
            "UsrMerge /usr/bin/x true 0",
            "SameDigest /opt/z true 0",
            "SameDigest /tmp/o true 0"
        ]
    );
    assert_eq!(
        near("/opt/y", Algorithm::Sha512, 9),
        [
            "Sysroot /sysroot/opt/y false 0",
            "Case /opt/Y false 1",
            "OtherAlgorithm /opt/y false 0",
        ]
    );
    assert_eq!(
        near("/opt/y", Algorithm::Sha256, 1),
        ["Case /opt/Y true 1"],
        "the measured digest comes first"
    );
    assert_eq!(near("/tmp/a_b", Algorithm::Sha512, 9), ["Blank /tmp/a b false 1"]);
    assert_eq!(
        near("/tmp/o_(deleted)", Algorithm::Sha512, 9),
        ["Deleted /tmp/o false 0"]
    );
    assert_eq!(
        near("/usr/bin/w", Algorithm::Sha512, 9),
        ["UsrMerge *bin/w false 1"]
    );
    assert_eq!(
        near("/old", Algorithm::Sha512, 9),
        ["OtherAlgorithm /old false 0"]
    );
    assert_eq!(near("/new", Algorithm::Sha512, 9), <[&str; 0]>::default());
    assert_eq!(near("/opt/z", Algorithm::Sha256, 0), <[&str; 0]>::default());
}

#[test]
fn near_misses_are_bounded_however_many_there_are() {
    let flat: String = (0..10_000)
        .map(|number| format!("{HELLO}  /empty/{number}\n"))
        .collect();
    let set = set(&[&flat]);
    let found = set.near(
        Section::Digests,
        b"/x",
        Algorithm::Sha256,
        &hello(Algorithm::Sha256),
        usize::MAX,
    );
    assert_eq!(found.len(), 64);
    assert!(found.iter().all(|near| near.kind == NearKind::SameDigest));
}

#[test]
fn a_set_may_be_asked_from_several_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let set = set(&[&format!("{HELLO}  /a\n")]);
    is_shared(&set);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let digest = hello(Algorithm::Sha256);
                assert_eq!(
                    set.near(Section::Digests, b"/b", Algorithm::Sha256, &digest, 9)
                        .len(),
                    1
                );
            });
        }
    });
}

#[test]
fn an_allowlist_in_memory_is_asked_like_a_file() {
    let list = parse_flat(format!("{HELLO}  /a b\n").as_bytes(), b"image").unwrap();
    let policies = Policy::from_allowlist(&list).unwrap();
    assert_eq!(policies[0].origin(), b"image");
    let answer = policies[0]
        .keylime()
        .answer(Section::Digests, b"/a_b", &hello(Algorithm::Sha256));
    assert_eq!(answer, KeylimeAnswer::Listed);
    let set = PolicySet::new(policies);
    let judgement = set.judge(
        Section::Digests,
        b"/a_b",
        Algorithm::Sha256,
        &hello(Algorithm::Sha256),
    );
    assert!(matches!(judgement, Judgement::Listed(candidate) if candidate.digest.line == 0));
}

#[test]
fn keylimes_view_and_the_strict_one_differ_where_keylime_compares_text() {
    let upper = HELLO.to_uppercase();
    let json = policy_with(
        "digests",
        &format!("{{\"/a\": [\"{upper}\"], \"/b\": [\"sha1:x\"]}}"),
    );
    let policy = read(json.as_bytes(), b"file", &ReadOptions::default()).unwrap();
    let digest = hello(Algorithm::Sha256);
    let view = policy.keylime();
    assert_eq!(
        view.answer(Section::Digests, b"/a", &digest),
        KeylimeAnswer::OtherDigest
    );
    assert_eq!(
        view.answer(Section::Digests, b"/b", &digest),
        KeylimeAnswer::OtherDigest
    );
    assert_eq!(
        view.answer(Section::Digests, b"/c", &digest),
        KeylimeAnswer::NotListed
    );
    assert_eq!(view.expected(Section::Digests, b"/a").count(), 0);
    assert!(view.starts() && view.is_checked_in_push_mode() && !view.has_dm_policy());

    let partial = load("{\"digests\": {}, \"ima\": {\"dm_policy\": {}}}").unwrap();
    let view = partial.keylime();
    assert_eq!(
        view.answer(Section::Keyrings, b".ima", &digest),
        KeylimeAnswer::Exception
    );
    assert!(!view.starts() && !view.is_checked_in_push_mode() && view.has_dm_policy());
}
