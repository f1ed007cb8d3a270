//! Which keys are known, and by what.

use super::*;
use crate::error::Explain as _;
use crate::public_key::samples::{P384_KEY, SECP256K1_KEY};
use base64ct::{Base64, Encoding as _};

#[test]
fn keys_are_found_by_the_id_of_their_certificate_and_by_the_computed_one() {
    let keyring = samples_keyring();
    let rsa = &keyring.keys()[1];
    assert_eq!(rsa.key_ids, [0x1112_1314, 0x2bcf_8e12]);
    for id in &rsa.key_ids {
        assert_eq!(keyring.candidates(*id).collect::<Vec<_>>(), [rsa]);
    }
    assert_eq!(keyring.candidates(0).count(), 0);
}

#[test]
fn threads_can_share_a_keyring() {
    fn is_shareable<T: Send + Sync>(_: &T) {}
    is_shareable(&samples_keyring());
}

#[test]
fn a_key_that_is_there_is_not_added_again() {
    let mut keyring = samples_keyring();
    let added = keyring.add(&unhex(RSA_CERTIFICATE), &Provenance::Policy).unwrap();
    assert_eq!(added, Added { new: 0, known: 1 });
    assert_eq!(keyring.keys().len(), 2);
    assert_eq!(keyring.keys()[1].provenance, given());
}

#[test]
fn measured_keys_are_certificates_and_say_where_they_come_from() {
    let mut keyring = Keyring::new();
    let added = keyring.learn(&unhex(P256_CERTIFICATE), 17, b".ima").unwrap();
    assert_eq!(added, Added { new: 1, known: 0 });
    let measured = Provenance::Measured {
        entry: 17,
        keyring: b".ima".to_vec(),
    };
    assert_eq!(keyring.keys()[0].provenance, measured);
    assert_eq!(measured.to_string(), "entry 17, keyring .ima");
    let again = keyring.learn(&unhex(P256_CERTIFICATE), 18, b".ima").unwrap();
    assert_eq!(again, Added { new: 0, known: 1 });
    for other in [
        unhex(P384_KEY),
        b"hash:00".to_vec(),
        vec![],
        unhex(P256_CERTIFICATE)[1..].to_vec(),
    ] {
        assert!(keyring.learn(&other, 1, b".blacklist").is_err());
    }
    assert_eq!(keyring.keys().len(), 1);
}

#[test]
fn keys_with_one_id_are_all_tried_and_there_are_not_too_many_of_them() {
    let digest = digest_of_a(Algorithm::Sha256);
    let digest = file_digest(DigestKind::Ima, Algorithm::Sha256, &digest);
    let signature = unhex(samples::IMA_SIGNATURE);
    let certificate = unhex(P256_CERTIFICATE);
    let other = unhex(RSA_CERTIFICATE);
    // The same id, given for other keys: of certificates the serial number is changed, which is not verified.
    let mut keyring = Keyring::new();
    let serial = 20;
    for number in 0..u8::try_from(MAX_KEYS_PER_ID).unwrap() {
        let mut certificate = certificate.clone();
        certificate[serial] = number;
        keyring.learn(&certificate, 1, b".ima").unwrap();
    }
    assert!(keyring.verify(&signature, &digest).is_valid());
    let error = keyring.learn(&certificate, 1, b".ima").unwrap_err();
    assert_eq!(error.code(), "KEYRING_TOO_MANY_KEYS");
    assert_eq!(keyring.keys().len(), MAX_KEYS_PER_ID);
    let mut keyring = Keyring::new();
    let ids = [P256_ID, P256_ID];
    let keys = [&other, &certificate].map(|key| Base64::encode_string(key));
    let json = serde_json::json!({ "pubkeys": keys, "keyids": ids }).to_string();
    keyring.add_keylime(&json, &Provenance::Policy).unwrap();
    assert_eq!(keyring.candidates(P256_ID).count(), 2);
    assert!(keyring.verify(&signature, &digest).is_valid());
}

#[test]
fn keylimes_keyrings_are_read() {
    let key = Base64::encode_string(&unhex(SECP256K1_KEY));
    let computed = keyring(&[&unhex(SECP256K1_KEY)]).keys()[0].key.key_id();
    let ids = |json: &str| {
        let mut keyring = Keyring::new();
        let added = keyring.add_keylime(json, &Provenance::Policy);
        added.map(|_| {
            keyring
                .keys()
                .iter()
                .map(|key| key.key_ids.clone())
                .collect::<Vec<_>>()
        })
    };
    let one =
        |given: &str| format!("{{\"meta\":{{\"version\":1}},\"pubkeys\":[\"{key}\"],\"keyids\":[{given}]}}");
    assert_eq!(ids(&one("7")).unwrap(), [vec![7, computed]]);
    assert_eq!(ids(&one("4294967295")).unwrap(), [vec![u32::MAX, computed]]);
    for given in ["0", "null", "", &computed.to_string()] {
        assert_eq!(ids(&one(given)).unwrap(), [vec![computed]], "{given}");
    }
    let twice = serde_json::to_string(&one("7")).unwrap();
    assert_eq!(ids(&twice).unwrap(), [vec![7, computed]]);
    for empty in ["", " \n", "\"\"", "{\"pubkeys\":[],\"keyids\":[]}"] {
        assert_eq!(ids(empty).unwrap(), [[0; 0]; 0], "{empty}");
    }
    let rows = [
        ("{", "KEYRING_MALFORMED"),
        ("\"{\"", "KEYRING_MALFORMED"),
        ("[]", "KEYRING_MALFORMED"),
        ("{\"pubkeys\":[]}", "KEYRING_MALFORMED"),
        ("{\"keyids\":[]}", "KEYRING_MALFORMED"),
        ("{\"pubkeys\":[],\"keyids\":[1]}", "KEYRING_MALFORMED"),
        ("{\"pubkeys\":[1],\"keyids\":[1]}", "KEYRING_MALFORMED"),
        ("{\"pubkeys\":[\"*\"],\"keyids\":[1]}", "KEYRING_MALFORMED"),
        (
            "{\"pubkeys\":[],\"keyids\":[],\"meta\":{\"version\":0}}",
            "KEYRING_MALFORMED",
        ),
        (
            "{\"pubkeys\":[\"MAA=\"],\"keyids\":[1]}",
            "KEYRING_KEY_UNREADABLE",
        ),
    ];
    for (json, code) in rows {
        let error = ids(json).unwrap_err();
        assert_eq!(error.code(), code, "{json}");
        assert!(error.hint().is_some());
    }
    for id in ["-1", "4294967296", "1.5", "\"7\""] {
        assert_eq!(ids(&one(id)).unwrap_err().code(), "KEYRING_MALFORMED", "{id}");
    }
    let bad = one("7").replace(&key, &format!("{key}\",\"MAA="));
    let mut keyring = Keyring::new();
    let error = keyring.add_keylime(&bad, &Provenance::Policy).unwrap_err();
    assert!(matches!(error, SignatureError::KeyringKey { number: 2, .. }));
    assert!(keyring.is_empty(), "a keyring that cannot be read adds nothing");
}
