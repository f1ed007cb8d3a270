//! The field `modsig`.

use super::*;
use crate::public_key::samples::P256_CERTIFICATE;
use crate::signature::samples::{APPENDED, APPENDED_WITH_ATTRIBUTES};
use crate::testing::{flips, shared};

fn fault(bytes: &[u8]) -> AppendedFault {
    AppendedSignature::parse(bytes).unwrap_err()
}

#[test]
fn signers_are_named_and_verified() {
    let keyring = samples_keyring();
    let digest = digest_of_a(Algorithm::Sha256);
    let digest = file_digest(DigestKind::Untyped, Algorithm::Sha256, &digest);
    let certificate = keyring.keys()[0].certificate.clone().unwrap();
    let by_number = AppendedSignature::parse(&unhex(APPENDED)).unwrap();
    let expected = SignerName::IssuerAndSerial {
        issuer: "CN=p256 of a test".to_owned(),
        issuer_der: certificate.issuer_der,
        serial: certificate.serial,
    };
    assert_eq!(by_number.signers.len(), 1);
    assert_eq!(by_number.signers[0].name, expected);
    assert_eq!(by_number.signers[0].hash, Some(Algorithm::Sha256));
    let by_id = AppendedSignature::parse(&unhex(APPENDED_WITH_ATTRIBUTES)).unwrap();
    let key_id = SignerName::KeyId(certificate.subject_key_id.unwrap());
    assert_eq!(by_id.signers[0].name, key_id);
    let other = file_digest(DigestKind::Untyped, Algorithm::Sha256, &[7; 32]);
    let sha512 = digest_of_a(Algorithm::Sha512);
    let sha512 = file_digest(DigestKind::Untyped, Algorithm::Sha512, &sha512);
    let short = FileDigest {
        bytes: &[7; 31],
        ..digest
    };
    for value in [APPENDED, APPENDED_WITH_ATTRIBUTES].map(unhex) {
        assert_eq!(word(&keyring.verify_appended(&value, &digest)), "valid");
        assert_eq!(word(&keyring.verify_appended(&value, &other)), "invalid");
        assert_eq!(word(&keyring.verify_appended(&value, &sha512)), "algorithm");
        assert_eq!(word(&keyring.verify_appended(&value, &short)), "digest");
        assert_eq!(word(&Keyring::new().verify_appended(&value, &digest)), "unknown");
    }
}

#[test]
fn a_bare_key_is_tried_where_only_issuer_and_number_are_named() {
    let certificates = samples_keyring();
    let spki = {
        use x509_cert::der::{Decode as _, Encode as _};
        let certificate = x509_cert::Certificate::from_der(&unhex(P256_CERTIFICATE)).unwrap();
        let key = certificate.tbs_certificate().subject_public_key_info();
        key.to_der().unwrap()
    };
    let bare = keyring(&[&spki]);
    assert_eq!(bare.keys()[0].key, certificates.keys()[0].key);
    let digest = digest_of_a(Algorithm::Sha256);
    let digest = file_digest(DigestKind::Untyped, Algorithm::Sha256, &digest);
    let other = file_digest(DigestKind::Untyped, Algorithm::Sha256, &[7; 32]);
    // OpenSSL's key id is the hash of the key.
    assert!(
        bare.verify_appended(&unhex(APPENDED_WITH_ATTRIBUTES), &digest)
            .is_valid()
    );
    assert!(bare.verify_appended(&unhex(APPENDED), &digest).is_valid());
    assert_eq!(word(&bare.verify_appended(&unhex(APPENDED), &other)), "unknown");
}

#[test]
fn what_is_cut_or_lengthened_is_malformed_and_no_flip_is_a_panic() {
    let keyring = samples_keyring();
    let digest = digest_of_a(Algorithm::Sha256);
    let digest = file_digest(DigestKind::Untyped, Algorithm::Sha256, &digest);
    for value in [APPENDED, APPENDED_WITH_ATTRIBUTES].map(unhex) {
        for len in 0..value.len() {
            assert!(
                matches!(fault(&value[..len]), AppendedFault::Der { .. }),
                "{len} bytes"
            );
        }
        assert!(matches!(
            fault(&[&value[..], &[0]].concat()),
            AppendedFault::Der { .. }
        ));
        for flipped in flips(&value) {
            let _ = word(&keyring.verify_appended(&flipped, &digest));
        }
        // The signature is what stands last.
        let signature_len = 70;
        let start = value.len() - signature_len;
        for flipped in flips(&value[start..]) {
            let changed = [&value[..start], &flipped].concat();
            assert!(!keyring.verify_appended(&changed, &digest).is_valid());
        }
    }
    assert_eq!(
        fault(&vec![0x30; MAX_APPENDED_BYTES + 1]),
        AppendedFault::TooLarge {
            limit: MAX_APPENDED_BYTES
        }
    );
}

#[test]
fn other_cms_is_named() {
    // ContentInfo { data, OCTET STRING }, and SignedData with its content, without signers.
    assert_eq!(
        fault(&unhex("300f06092a864886f70d010701a0020400")),
        AppendedFault::NotSigned
    );
    let signed = |content: &str| {
        let length = |hex: &str| format!("{:02x}{hex}", hex.len() / 2);
        let info = format!("30{}", length(&format!("06092a864886f70d010701{content}")));
        let data = format!("30{}", length(&format!("0201013100{info}3100")));
        let body = format!("06092a864886f70d010702a0{}", length(&data));
        unhex(&format!("30{}", length(&body)))
    };
    assert_eq!(fault(&signed("")), AppendedFault::NoSigner);
    assert_eq!(fault(&signed("a003040161")), AppendedFault::NotDetached);
}

#[test]
fn the_vector_verifies_or_fails_as_it_says() {
    let Some(root) = shared("vectors/ima-log/modsig") else {
        return;
    };
    for key in ["module.cert.der", "module.pub.pem"] {
        let keyring = keyring(&[&read(&root.join("keys").join(key))]);
        let mut said = Vec::new();
        for entry in vector(&root) {
            let (value, digest) = (field(&entry, "modsig"), field(&entry, "d-modsig"));
            if value.is_empty() {
                continue;
            }
            let outcome = keyring.verify_appended(&value, &digest_field(&digest));
            let expected = entry["appendedSignature"].as_str().unwrap();
            assert_eq!(outcome.is_valid(), expected == "good", "{key}: {outcome}");
            said.push(word(&outcome));
        }
        let last = if key == "module.cert.der" {
            "invalid"
        } else {
            "unknown"
        };
        assert_eq!(said, ["valid", "valid", last]);
    }
}
