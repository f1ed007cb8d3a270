//! What is written is what is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ima_assay_digest::{Algorithm, Digest, hash};

use super::{Random, load};
use crate::allowlist::{Allowlist, Builder, Flat, Format, Writer};
use crate::policy::{Dialect, DigestMap, Policy, PolicySettings, RuntimePolicy, Section};

type Listed = BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>;

fn listed(map: &DigestMap) -> Listed {
    map.iter()
        .map(|listing| {
            let digests = listing.digests().map(|digest| digest.bytes.to_vec()).collect();
            (listing.name().to_vec(), digests)
        })
        .collect()
}

fn write(list: &Allowlist, format: Box<dyn Format>) -> Vec<u8> {
    let mut writer = Writer::new(Arc::new(list.clone()), format, false);
    let mut text = Vec::new();
    while let Some(piece) = writer.next_piece(100).unwrap() {
        text.extend(piece);
    }
    text
}

fn text(random: &mut Random, pieces: &[&str]) -> String {
    let len = 1 + random.below(8);
    (0..len).map(|_| *random.pick(pieces)).collect()
}

const PIECES: [&str; 14] = [
    "a",
    "B",
    "/",
    ".",
    "\"",
    "\\",
    "\u{e9}",
    "\u{1f511}",
    "\u{1}",
    "\u{7f}",
    " ",
    "_",
    "\t",
    "*",
];

fn allowlist(random: &mut Random) -> (Allowlist, Listed) {
    let algorithms = [
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
    ];
    let mut builder = Builder::default();
    let mut expected = Listed::new();
    for number in 0..random.below(30) {
        let path = format!("/{}", text(random, &PIECES));
        let digest: Digest = hash(*random.pick(&algorithms), &number.to_be_bytes());
        let origin = builder.origin(random.pick(&["one", "two"]).as_bytes());
        builder.insert(path.as_bytes(), &digest, origin, None);
        expected
            .entry(path.replace(' ', "_").into_bytes())
            .or_default()
            .insert(digest.bytes().to_vec());
    }
    (builder.build(), expected)
}

#[test]
fn a_policy_reads_as_it_was_written() {
    let mut random = Random(0xa55a);
    for _ in 0..300 {
        let (list, expected) = allowlist(&mut random);
        let digest = hash(Algorithm::Sha256, b"key").to_string();
        let sets = |random: &mut Random| -> BTreeMap<String, BTreeSet<String>> {
            let name = text(random, &PIECES[..10]);
            BTreeMap::from([(name, BTreeSet::from([digest.clone()]))])
        };
        let settings = PolicySettings {
            timestamp: Some(text(&mut random, &PIECES)),
            release: u64::try_from(random.below(100)).unwrap(),
            excludes: (0..random.below(4)).map(|_| text(&mut random, &PIECES)).collect(),
            keyrings: sets(&mut random),
            ima_buf: sets(&mut random),
            ignored_keyrings: (0..random.below(3)).map(|_| text(&mut random, &PIECES)).collect(),
            log_hash_algorithm: Some("sha256".to_owned()).filter(|_| random.below(2) == 0),
            verification_keys: "{\"keyids\": [1], \"pubkeys\": [\"QQ==\"]}".to_owned(),
        };
        let format = RuntimePolicy {
            dialect: Dialect::default(),
            settings: settings.clone(),
        };
        let policy = load(write(&list, Box::new(format))).unwrap();
        assert_eq!(listed(policy.section(Section::Digests)), expected);
        assert_eq!(policy.meta().timestamp, settings.timestamp);
        assert_eq!(policy.excludes().collect::<Vec<_>>(), settings.excludes);
        assert_eq!(
            policy.ignored_keyrings().collect::<Vec<_>>(),
            settings.ignored_keyrings
        );
        let log_algorithm = settings.log_hash_algorithm.as_deref().unwrap_or("sha1");
        assert_eq!(policy.log_hash_algorithm(), Some(log_algorithm));
        assert_eq!(policy.verification_keys(), settings.verification_keys);
        for (section, sets) in [
            (Section::Keyrings, &settings.keyrings),
            (Section::Buffers, &settings.ima_buf),
        ] {
            let names: BTreeSet<&[u8]> = policy.section(section).iter().map(|l| l.name()).collect();
            assert_eq!(names, sets.keys().map(String::as_bytes).collect());
        }
        assert_eq!(policy.validate(9).problems, []);
    }
}

#[test]
fn a_flat_list_reads_as_it_was_written_and_so_does_the_list_in_memory() {
    let mut random = Random(0xf1a7);
    for _ in 0..300 {
        let (list, expected) = allowlist(&mut random);
        let in_memory = Policy::from_allowlist(&list).unwrap();
        assert_eq!(in_memory.len(), list.origins().len());
        let mut union = Listed::new();
        for policy in &in_memory {
            for (name, digests) in listed(policy.section(Section::Digests)) {
                union.entry(name).or_default().extend(digests);
            }
        }
        assert_eq!(union, expected);
        if !list.is_empty() {
            let policy = load(write(&list, Box::new(Flat::default()))).unwrap();
            assert_eq!(listed(policy.section(Section::Digests)), expected);
        }
    }
}
