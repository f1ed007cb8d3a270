//! Signed runtime policies.

use super::*;
use crate::error::Explain as _;
use crate::policy::{PolicyError, ReadOptions, read_envelope};
use crate::public_key::samples::P384_KEY;
use crate::signature::samples::SIGNED_POLICY;
use crate::testing::hex;
use base64ct::{Base64, Base64Url, Encoding as _};

fn keys() -> Vec<EnvelopeKey> {
    EnvelopeKey::parse(&unhex(P256_CERTIFICATE)).unwrap()
}

fn with(change: impl Fn(&mut Value)) -> String {
    let mut envelope: Value = serde_json::from_str(SIGNED_POLICY).unwrap();
    change(&mut envelope);
    envelope.to_string()
}

fn parse(json: impl AsRef<[u8]>) -> Result<Envelope, PolicyError> {
    let envelope = read_envelope(json.as_ref(), &ReadOptions::default())?;
    Ok(envelope.unwrap())
}

fn is_valid(json: &str) -> bool {
    let keys = keys();
    let envelope = parse(json).unwrap();
    matches!(envelope.verify(&keys), EnvelopeOutcome::Valid { .. })
}

#[test]
fn a_policy_that_keylime_signed_is_verified_and_unwrapped() {
    let envelope = parse(SIGNED_POLICY).unwrap();
    let policy: Value = serde_json::from_slice(&envelope.payload).unwrap();
    assert_eq!(policy["meta"]["version"], 1);
    let keys = keys();
    let EnvelopeOutcome::Valid { key, key_id } = envelope.verify(&keys) else {
        panic!("not valid");
    };
    assert_eq!(key.kind().to_string(), "EC P-256");
    assert_eq!(envelope.signatures[0].key_id.as_deref(), key_id);
    assert_eq!(String::from_utf8(envelope.to_json()).unwrap(), SIGNED_POLICY);
    let plain = read_envelope(policy.to_string().as_bytes(), &ReadOptions::default());
    assert_eq!(plain.unwrap(), None);
}

#[test]
fn other_keys_and_no_keys_do_not_verify_it() {
    let envelope = parse(SIGNED_POLICY).unwrap();
    let other = EnvelopeKey::parse(&unhex(P384_KEY)).unwrap();
    let refused = |keys: &[EnvelopeKey]| match envelope.verify(keys) {
        EnvelopeOutcome::Invalid(refusal) => refusal,
        EnvelopeOutcome::Valid { .. } => panic!("valid"),
    };
    assert_eq!(refused(&other), EnvelopeRefusal::Mismatch);
    assert_eq!(refused(&[]), EnvelopeRefusal::NoKey);
    let both = [other, keys()].concat();
    assert!(matches!(envelope.verify(&both), EnvelopeOutcome::Valid { .. }));
    let error = EnvelopeKey::parse(&unhex(RSA_CERTIFICATE)).unwrap_err();
    assert_eq!(error.code(), "ENVELOPE_KEY_FOREIGN");
    assert!(error.to_string().contains("RSA 2048"));
}

#[test]
fn a_changed_policy_or_signature_does_not_verify() {
    let envelope = parse(SIGNED_POLICY).unwrap();
    let mut payload = envelope.payload.clone();
    for index in (0..payload.len()).step_by(7) {
        payload[index] ^= 1;
        let changed = Base64::encode_string(&payload);
        assert!(!is_valid(&with(
            |envelope| envelope["payload"] = changed.clone().into()
        )));
        payload[index] ^= 1;
    }
    let signature: Value = serde_json::from_str(SIGNED_POLICY).unwrap();
    let der = Base64::decode_vec(signature["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    let sig = |text: String| with(|envelope| envelope["signatures"][0]["sig"] = text.clone().into());
    for index in 0..der.len() {
        let mut changed = der.clone();
        changed[index] ^= 0x10;
        assert!(!is_valid(&sig(Base64::encode_string(&changed))));
        assert!(!is_valid(&sig(Base64::encode_string(&der[..index]))));
    }
    assert!(is_valid(&sig(hex(&der))), "Keylime takes hex too");
    assert!(
        is_valid(&sig(Base64Url::encode_string(&der))),
        "and the other alphabet"
    );
    let second = with(|envelope| {
        let good = envelope["signatures"][0].clone();
        let bad = serde_json::json!({"sig": "AAAA"});
        envelope["signatures"] = Value::Array(vec![bad, good]);
    });
    assert!(is_valid(&second), "one good signature is enough");
    let none = with(|envelope| envelope["signatures"] = Value::Array(vec![]));
    assert_eq!(parse(none).unwrap_err().code(), "ENVELOPE_MALFORMED");
    let bare = Envelope::around(b"{}".to_vec());
    let refusal = EnvelopeOutcome::Invalid(EnvelopeRefusal::NoSignature);
    assert_eq!(bare.verify(&keys()), refusal);
    let foreign = Envelope {
        payload_type: "application/json".to_owned(),
        ..parse(SIGNED_POLICY).unwrap()
    };
    let refusal = EnvelopeOutcome::Invalid(EnvelopeRefusal::PayloadForeign);
    assert_eq!(foreign.verify(&keys()), refusal);
}

#[test]
fn what_is_no_envelope_says_why() {
    let set = |member: &'static str, value: Value| with(move |envelope| envelope[member] = value.clone());
    let many = Value::Array(vec![
        serde_json::json!({"sig": "AAAA"});
        MAX_ENVELOPE_SIGNATURES + 1
    ]);
    let rows = [
        (String::new(), "POLICY_EMPTY"),
        ("{}".to_owned(), "POLICY_SHAPE_UNKNOWN"),
        (set("payload", "*".into()), "ENVELOPE_MALFORMED"),
        (set("payload", 1.into()), "POLICY_TYPE_WRONG"),
        (set("signatures", "x".into()), "POLICY_TYPE_WRONG"),
        (set("signatures", serde_json::json!([{}])), "ENVELOPE_MALFORMED"),
        (
            set("signatures", serde_json::json!([{"sig": "*"}])),
            "ENVELOPE_MALFORMED",
        ),
        (set("signatures", many), "ENVELOPE_MALFORMED"),
        (set("payloadType", Value::Null), "ENVELOPE_MALFORMED"),
    ];
    for (json, code) in rows {
        let error = parse(&json).unwrap_err();
        assert_eq!(error.code(), code, "{json}");
        assert!(error.hint().is_some());
    }
    for len in 0..SIGNED_POLICY.len() {
        assert!(parse(&SIGNED_POLICY.as_bytes()[..len]).is_err());
    }
}
