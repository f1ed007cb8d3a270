//! The field `sig`.

use ima_assay_digest::Algorithm;

use super::*;
use crate::public_key::samples::{P256_SIGNATURE, SM2_KEY, SM2_SIGNATURE};
use crate::signature::samples::{EVM_SIGNATURE, IMA_SIGNATURE, VERITY_SIGNATURE};
use crate::testing::{flips, shared};

/// A value of `security.ima` around a signature.
fn value(kind: u8, version: u8, algorithm: Algorithm, key_id: u32, signature: &[u8]) -> Vec<u8> {
    let size = u16::try_from(signature.len()).unwrap();
    [
        &[kind, version, algorithm.kernel_id()][..],
        &key_id.to_be_bytes(),
        &size.to_be_bytes(),
        signature,
    ]
    .concat()
}

#[test]
fn signatures_of_files_verify() {
    let keyring = samples_keyring();
    let digest = digest_of_a(Algorithm::Sha256);
    for kind in [DigestKind::Untyped, DigestKind::Ima] {
        let outcome = keyring.verify(
            &unhex(IMA_SIGNATURE),
            &file_digest(kind, Algorithm::Sha256, &digest),
        );
        let SignatureOutcome::Valid { key } = outcome else {
            panic!("{outcome}");
        };
        assert_eq!(key.key_ids, [P256_ID]);
        assert_eq!(key.describe(), "48e6c892 (EC P-256, CN=p256 of a test)");
    }
    let verity = file_digest(DigestKind::Verity, Algorithm::Sha256, &digest);
    assert!(keyring.verify(&unhex(VERITY_SIGNATURE), &verity).is_valid());
}

#[test]
fn each_rule_has_an_outcome_of_its_own_and_the_first_broken_one_is_told() {
    let keyring = samples_keyring();
    let sha256 = digest_of_a(Algorithm::Sha256);
    let good = unhex(IMA_SIGNATURE);
    let der = unhex(P256_SIGNATURE);
    let ima = file_digest(DigestKind::Ima, Algorithm::Sha256, &sha256);
    let with = |kind| file_digest(kind, Algorithm::Sha256, &sha256);
    let v = |kind, version, algorithm, id| value(kind, version, algorithm, id, &der);
    let sha1 = FileDigest {
        algorithm: Some(Algorithm::Sha1),
        ..ima
    };
    let unnamed = FileDigest {
        algorithm: None,
        ..ima
    };
    let short = FileDigest {
        bytes: &sha256[..31],
        ..ima
    };
    let other = FileDigest {
        bytes: &[7; 32],
        ..ima
    };
    let mut unknown_hash = good.clone();
    unknown_hash[2] = 99;
    let rows: [(&str, &[u8], FileDigest<'_>, &str); 22] = [
        ("nothing", &[], ima, "malformed"),
        ("one byte", &[3], ima, "malformed"),
        ("a digest", &[&[4, 4], &sha256[..]].concat(), ima, "malformed"),
        ("an old digest", &[1; 21], ima, "malformed"),
        ("an HMAC", &[2; 21], ima, "malformed"),
        ("an unknown type", &[7, 2, 4], ima, "malformed"),
        ("version 1", &[3, 1, 0], ima, "unsupported"),
        ("version 4", &[3, 4, 0], ima, "unsupported"),
        ("an unknown hash", &unknown_hash, ima, "unsupported"),
        ("portable", &unhex(EVM_SIGNATURE), ima, "not checkable"),
        ("another algorithm", &good, sha1, "algorithm"),
        ("an unnamed algorithm", &good, unnamed, "algorithm"),
        ("over fs-verity's", &good, with(DigestKind::Verity), "kind"),
        ("over what is unknown", &good, with(DigestKind::Unknown), "kind"),
        (
            "verity over a file",
            &v(6, 3, Algorithm::Sha256, P256_ID),
            ima,
            "kind",
        ),
        (
            "verity in version 2",
            &v(6, 2, Algorithm::Sha256, P256_ID),
            with(DigestKind::Verity),
            "kind",
        ),
        ("a short digest", &good, short, "digest"),
        ("an unknown key", &v(3, 2, Algorithm::Sha256, 1), ima, "unknown"),
        ("another digest", &good, other, "invalid"),
        (
            "signed as version 2",
            &v(3, 3, Algorithm::Sha256, P256_ID),
            ima,
            "invalid",
        ),
        (
            "no signature",
            &value(3, 2, Algorithm::Sha256, P256_ID, b""),
            ima,
            "invalid",
        ),
        ("good", &good, ima, "valid"),
    ];
    for (why, value, digest, expected) in rows {
        assert_eq!(word(&keyring.verify(value, &digest)), expected, "{why}");
    }
}

#[test]
fn a_hash_that_the_key_cannot_sign_is_unsupported() {
    let keyring = samples_keyring();
    let id = keyring.keys()[1].key.key_id();
    let digest = digest_of_a(Algorithm::Tgr192);
    let outcome = keyring.verify(
        &value(3, 2, Algorithm::Tgr192, id, &[1; 256]),
        &file_digest(DigestKind::Ima, Algorithm::Tgr192, &digest),
    );
    assert_eq!(word(&outcome), "unsupported");
}

#[test]
fn sm2_signs_sm3_digests() {
    let keyring = keyring(&[&unhex(SM2_KEY)]);
    let id = keyring.keys()[0].key.key_id();
    let digest = digest_of_a(Algorithm::Sm3);
    let value = value(3, 2, Algorithm::Sm3, id, &unhex(SM2_SIGNATURE));
    let outcome = keyring.verify(&value, &file_digest(DigestKind::Ima, Algorithm::Sm3, &digest));
    assert!(outcome.is_valid());
}

#[test]
fn nothing_that_is_cut_lengthened_or_flipped_verifies() {
    let keyring = samples_keyring();
    let digest = digest_of_a(Algorithm::Sha256);
    for (value, kind) in [
        (unhex(IMA_SIGNATURE), DigestKind::Ima),
        (unhex(VERITY_SIGNATURE), DigestKind::Verity),
    ] {
        let digest = file_digest(kind, Algorithm::Sha256, &digest);
        assert!(keyring.verify(&value, &digest).is_valid());
        for len in 0..value.len() {
            let outcome = keyring.verify(&value[..len], &digest);
            assert_eq!(word(&outcome), "malformed", "{len} bytes");
        }
        let outcome = keyring.verify(&[&value[..], &[0]].concat(), &digest);
        assert_eq!(word(&outcome), "malformed");
        for flipped in flips(&value) {
            assert!(!keyring.verify(&flipped, &digest).is_valid());
        }
    }
}

#[test]
fn the_vectors_verify_or_fail_as_they_say() {
    for (case, expected) in [
        (
            "sig-v2",
            &[
                "valid",
                "valid",
                "valid",
                "valid",
                "valid",
                "invalid",
                "unknown",
                "malformed",
                "not checkable",
                "algorithm",
                "unsupported",
                "valid",
            ][..],
        ),
        ("sigv2-verity", &["valid", "valid", "valid", "kind", "valid"]),
    ] {
        let Some(root) = shared("vectors/ima-log") else {
            return;
        };
        let root = root.join(case);
        let file = |name: &str| read(&root.join("keys").join(name));
        let certificates = [
            file("rsa2048.cert.der"),
            file("ec256.cert.der"),
            file("ec384.pub.pem"),
        ];
        let bare = [
            file("rsa2048.pub.pem"),
            file("ec256.pub.pem"),
            file("ec384.pub.pem"),
        ];
        for files in [certificates, bare] {
            let keyring = keyring(&files.each_ref().map(Vec::as_slice));
            let found: Vec<_> = vector(&root)
                .iter()
                .filter_map(|entry| {
                    let value = field(entry, "sig");
                    let digest = entry["fields"][0]["id"].as_str().unwrap();
                    let digest = field(entry, digest);
                    let said = entry["signature"].as_str().unwrap_or("absent");
                    assert_eq!(value.is_empty(), said == "absent");
                    let outcome =
                        (!value.is_empty()).then(|| keyring.verify(&value, &digest_field(&digest)))?;
                    assert_eq!(outcome.is_valid(), said == "good", "{case}: {said}, {outcome}");
                    Some(word(&outcome))
                })
                .collect();
            assert_eq!(found, expected, "{case}");
        }
    }
}

#[test]
fn the_recorded_machine_verifies_as_its_story_says() {
    let Some(root) = shared("corpus/sig") else {
        return;
    };
    let key = |name: &str| read(&root.join("keys").join(name));
    let list = String::from_utf8(read(&root.join("ascii_runtime_measurements"))).unwrap();
    for ending in ["der", "pem"] {
        let files = [
            key(&format!("vendor.{ending}")),
            key(&format!("vendor2.{ending}")),
        ];
        let keyring = keyring(&files.each_ref().map(Vec::as_slice));
        let mut valid = 0;
        let mut others = Vec::new();
        for line in list.lines() {
            let [_, _, _, digest, name, value] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            if value.is_empty() {
                continue;
            }
            let (algorithm, digest) = digest.split_once(':').unwrap();
            let digest = unhex(digest);
            let digest = file_digest(DigestKind::Untyped, algorithm.parse().unwrap(), &digest);
            match keyring.verify(&unhex(value), &digest) {
                SignatureOutcome::Valid { .. } => valid += 1,
                outcome => others.push((name, word(&outcome), outcome.to_string())),
            }
        }
        let told: Vec<_> = others.iter().map(|(name, word, _)| (*name, *word)).collect();
        let expected = [
            ("/usr/bin/date", "invalid"),
            ("/usr/bin/stat", "unknown"),
            ("/usr/bin/base64", "invalid"),
            ("/usr/bin/cut", "malformed"),
        ];
        let sorted = |mut rows: Vec<_>| {
            rows.sort_unstable();
            rows
        };
        assert_eq!(sorted(told), sorted(expected.to_vec()));
        assert!(others.iter().any(|(.., text)| text == "no key a185fb4a is known"));
        assert!(valid > 20, "{valid}");
    }
}
