//! Keylime's matrix, row by row, and keys that a list brings along.

use super::*;
use crate::public_key::samples::{P256_CERTIFICATE, P256_SIGNATURE, RSA_CERTIFICATE};
use crate::signature::{Keyring, Provenance};
use crate::testing::unhex;

/// A certificate of a kind of key that Keylime does not take:
/// `openssl req -x509 -newkey ed25519 -subj /CN=ed -days 36500 -outform DER`.
const ED25519_CERTIFICATE: &str = "308201303081e3a003020102021403652856882690288c881f641e7da7c8e265a8b5300506032b6570300d310b3009060355 \
    04030c0265643020170d3236313132363137333034315a180f32313236313130323137333034315a300d310b300906035504 \
    030c026564302a300506032b657003210069c66772bbe4005dcfec0f8266b81d65b3ed0a3d48b77a8acfd584c780816cbca3 \
    533051301d0603551d0e0416041409ad7a76ba344bf1c65a3913a0f416dff462aa3d301f0603551d2304183016801409ad7a \
    76ba344bf1c65a3913a0f416dff462aa3d300f0603551d130101ff040530030101ff300506032b65700341004b78a20f4bb9 \
    9400c777e0c09dc729f584c629cf926a0a35032fd10a9a0140942ecb67cc6020dd4edd7eee0179a6a699bd8b187a22cc297a \
    ff5d5b1537b16e03";

/// A list, what is known, and what both sets of rules find.
pub(super) struct Row {
    pub(super) why: &'static str,
    pub(super) list: List,
    pub(super) members: Value,
    pub(super) has_key: bool,
    strict: Vec<(u64, FindingCode)>,
    keylime: Vec<(u64, &'static str)>,
}

pub(super) fn certificate() -> Vec<u8> {
    unhex(P256_CERTIFICATE)
}

/// The file that the key has signed.
fn file() -> Digest {
    hash(Algorithm::Sha256, b"a")
}

/// The signature with a header for a key of this id.
fn signature_of(id: u32) -> Vec<u8> {
    let value = unhex(P256_SIGNATURE);
    let size = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[3, 2, 4][..], &id.to_be_bytes(), &size, &value].concat()
}

fn valid() -> Vec<u8> {
    let mut keys = Keyring::new();
    keys.add(&certificate(), &Provenance::Policy).unwrap();
    signature_of(keys.keys()[0].key_ids[0])
}

const HASH: &str = "ima.validation.ima_hash";
const NOT_LISTED: &str = "ima.validation.ima-ng.not_in_allowlist";
const OTHER_DIGEST: &str = "ima.validation.ima-ng.runtime_policy_hash";

/// Keylime's summary, and what our rules make of the same.
pub(super) fn rows() -> Vec<Row> {
    use FindingCode::{
        DigestMismatch, KeyNotListed, NotListed, SignatureInvalid, SignatureKeyUnknown, SignatureMalformed,
    };
    let other = hash(Algorithm::Sha256, b"other");
    let boot = list::boot().to_string();
    let listing =
        |digest: &Digest| json!({"digests": {"boot_aggregate": [boot], "/f": [digest.to_string()]}});
    let listed = listing(&file());
    let differing = listing(&other);
    let unlisted = json!({"digests": {"boot_aggregate": [boot]}});
    let excluded = json!({"digests": {"boot_aggregate": [boot]}, "excludes": ["/f"]});
    let ng = List::booted().ng("/f", &file());
    let signed = |signature: &[u8]| List::booted().sig("/f", &file(), signature);
    let unknown = signature_of(0x0bad_cafe);
    let mut broken = valid();
    *broken.last_mut().unwrap() ^= 1;
    let malformed = &valid()[..valid().len() - 1];
    let row = |why,
               list: &List,
               members: &Value,
               strict: &[(u64, FindingCode)],
               keylime: &[(u64, &'static str)]| Row {
        why,
        list: list.clone(),
        members: members.clone(),
        has_key: true,
        strict: strict.to_vec(),
        keylime: keylime.to_vec(),
    };
    let mut rows = vec![
        row("any file, excluded", &ng, &excluded, &[], &[]),
        row(
            "excluded, signature of an unknown key",
            &signed(&unknown),
            &excluded,
            &[],
            &[],
        ),
        row("ima-ng, listed", &ng, &listed, &[], &[]),
        row(
            "ima-ng, other digest",
            &ng,
            &differing,
            &[(2, DigestMismatch)],
            &[(2, OTHER_DIGEST)],
        ),
        row(
            "ima-ng, unknown",
            &ng,
            &unlisted,
            &[(2, NotListed)],
            &[(2, NOT_LISTED)],
        ),
        row("valid, listed", &signed(&valid()), &listed, &[], &[]),
        row("valid, unlisted", &signed(&valid()), &unlisted, &[], &[]),
        row(
            "valid, other digest",
            &signed(&valid()),
            &differing,
            &[(2, DigestMismatch)],
            &[],
        ),
        row("none, listed", &signed(b""), &listed, &[], &[]),
        row(
            "none, unlisted",
            &signed(b""),
            &unlisted,
            &[(2, NotListed)],
            &[(2, NOT_LISTED)],
        ),
        row(
            "invalid, listed",
            &signed(&broken),
            &listed,
            &[(2, SignatureInvalid)],
            &[],
        ),
        row(
            "unknown key, listed",
            &signed(&unknown),
            &listed,
            &[(2, SignatureKeyUnknown)],
            &[],
        ),
        row(
            "invalid, unlisted",
            &signed(&broken),
            &unlisted,
            &[(2, NotListed), (2, SignatureInvalid)],
            &[(2, NOT_LISTED)],
        ),
        row(
            "unknown key, other digest",
            &signed(&unknown),
            &differing,
            &[(2, DigestMismatch), (2, SignatureKeyUnknown)],
            &[(2, OTHER_DIGEST)],
        ),
        row(
            "malformed, listed",
            &signed(malformed),
            &listed,
            &[(2, SignatureMalformed)],
            &[(2, HASH)],
        ),
        row(
            "malformed, excluded",
            &signed(malformed),
            &excluded,
            &[],
            &[(2, HASH)],
        ),
        row(
            "malformed, unlisted",
            &signed(malformed),
            &unlisted,
            &[(2, NotListed), (2, SignatureMalformed)],
            &[(2, HASH)],
        ),
    ];
    let key = |label: &str, buffer: &[u8]| List::booted().buffer(label, buffer).sig("/f", &file(), &valid());
    let loaded = key(".ima", &certificate());
    let of_key = hash(Algorithm::Sha256, &certificate()).to_string();
    let learned = |mut members: Value| {
        members["digests"] = json!({"boot_aggregate": [boot]});
        members
    };
    let ignored = |keyrings: &[&str]| json!({"ima": {"ignored_keyrings": keyrings, "log_hash_alg": "sha1", "dm_policy": null}});
    let keys = [
        row(
            "a listed key",
            &loaded,
            &learned(json!({"keyrings": {".ima": [of_key]}})),
            &[],
            &[],
        ),
        row(
            "an excluded keyring makes no key trusted",
            &loaded,
            &learned(json!({"excludes": [r"\.ima"]})),
            &[(3, NotListed), (3, SignatureKeyUnknown)],
            &[],
        ),
        row(
            "an ignored keyring",
            &loaded,
            &learned(ignored(&[".ima"])),
            &[(3, NotListed), (3, SignatureKeyUnknown)],
            &[(3, NOT_LISTED)],
        ),
        row(
            "all keyrings ignored",
            &loaded,
            &learned(ignored(&["*"])),
            &[(3, NotListed), (3, SignatureKeyUnknown)],
            &[(3, NOT_LISTED)],
        ),
        row(
            "a key that is not listed",
            &loaded,
            &learned(json!({})),
            &[(2, KeyNotListed), (3, NotListed), (3, SignatureKeyUnknown)],
            &[(2, NOT_LISTED), (3, NOT_LISTED)],
        ),
        row(
            "a key for another keyring",
            &loaded,
            &learned(json!({"keyrings": {".evm": [of_key]}})),
            &[(2, KeyNotListed), (3, NotListed), (3, SignatureKeyUnknown)],
            &[(2, NOT_LISTED), (3, NOT_LISTED)],
        ),
        row(
            "another key than the listed one",
            &key(".ima", &unhex(RSA_CERTIFICATE)),
            &learned(json!({"keyrings": {".ima": [of_key]}})),
            &[(2, KeyNotListed), (3, NotListed), (3, SignatureKeyUnknown)],
            &[(2, OTHER_DIGEST), (3, NOT_LISTED)],
        ),
        row(
            "a key of a kind that Keylime does not take",
            &key(".ima", &unhex(ED25519_CERTIFICATE)),
            &learned(json!({"excludes": [""]})),
            &[],
            &[(2, "ima.invalid_key")],
        ),
    ];
    rows.extend(keys.into_iter().map(|row| Row {
        has_key: false,
        ..row
    }));
    rows
}

#[test]
fn every_row_of_the_matrix() {
    for row in rows() {
        let set = policies(&row.members);
        for list in [row.list.ascii(), row.list.binary()] {
            let [strict, keylime] = verify_both(&list, &set, |evidence, _| {
                if row.has_key {
                    evidence
                        .keys
                        .add(&certificate(), &Provenance::Given(b"key.der".to_vec()))
                        .unwrap();
                }
            });
            // Without a key no signature is unknown: there is nothing to hold it against.
            let strict_codes: Vec<_> = row
                .strict
                .iter()
                .copied()
                .filter(|(_, code)| row.has_key || *code != FindingCode::SignatureKeyUnknown)
                .collect();
            assert_eq!(codes(&strict), strict_codes, "{}", row.why);
            assert_eq!(events(&keylime), row.keylime, "{}", row.why);
        }
    }
}

#[test]
fn a_file_that_is_accepted_for_its_signature_is_counted_so() {
    let row = rows()
        .into_iter()
        .find(|row| row.why == "valid, unlisted")
        .unwrap();
    let [strict, _] = verify_both(&row.list.ascii(), &policies(&row.members), |evidence, _| {
        evidence.keys.add(&certificate(), &Provenance::Policy).unwrap();
    });
    assert_eq!((strict.accepted.listed, strict.accepted.signed), (1, 1));
}

#[test]
fn without_keys_signatures_are_not_checked_and_that_is_said() {
    let row = rows()
        .into_iter()
        .find(|row| row.why == "unknown key, listed")
        .unwrap();
    let [strict, _] = verify_both(&row.list.ascii(), &policies(&row.members), |_, _| {});
    assert_eq!(strict.verdict(), Verdict::Pass);
    assert!(
        strict
            .unchecked
            .contains(&"file signatures: no keys given (1 signed entries)".to_owned())
    );
}

#[test]
fn with_keys_and_no_policy_every_file_must_be_signed() {
    let row = rows().into_iter().find(|row| row.why == "valid, listed").unwrap();
    let list = row.list.clone().ng("/usr/bin/hello", &hello());
    let [strict, _] = verify_both(&list.ascii(), &PolicySet::default(), |evidence, _| {
        evidence.keys.add(&certificate(), &Provenance::Policy).unwrap();
    });
    assert_eq!(codes(&strict), [(3, FindingCode::NotListed)]);
    assert_eq!(strict.accepted.signed, 1);
}

#[test]
fn keys_of_a_policy_count_as_given() {
    use base64ct::{Base64, Encoding as _};
    let row = rows()
        .into_iter()
        .find(|row| row.why == "valid, unlisted")
        .unwrap();
    let loaded = crate::public_key::read_certificate(&certificate()).unwrap();
    let id = loaded.certificate.unwrap().key_id().unwrap();
    let text = crate::testing::hex(&certificate());
    let spki = unhex(&text[text.find("3059301306072a8648ce3d0201").unwrap()..][..182]);
    let keyring = json!({"meta": {"version": 1}, "pubkeys": [Base64::encode_string(&spki)], "keyids": [id]});
    let mut members = row.members.clone();
    members["verification-keys"] = keyring.to_string().into();
    let [strict, keylime] = verify_both(&row.list.ascii(), &policies(&members), |_, _| {});
    assert_eq!(
        (strict.verdict(), keylime.verdict()),
        (Verdict::Pass, Verdict::Pass)
    );
    assert_eq!(strict.accepted.signed, 1);
    members["verification-keys"] = "{}".into();
    let set = policies(&members);
    let list = row.list.ascii();
    let error = verify(Evidence::new(source(&list), &set), &Options::default()).unwrap_err();
    assert!(matches!(error, VerifyError::VerificationKeys { .. }));
}
