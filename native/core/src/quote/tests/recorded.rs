//! Quotes of recorded machines, and vectors.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::testing::shared;

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A quote of a recorded machine: its name, the key that signed it, and what it covers.
type Recorded = (&'static str, &'static str, &'static [(Algorithm, u8)]);

const RECORDED: [Recorded; 5] = [
    ("sha256-10", "ak", &[(Algorithm::Sha256, 10)]),
    ("sha1-10", "ak", &[(Algorithm::Sha1, 10)]),
    (
        "sha256-0to10",
        "ak",
        &[(Algorithm::Sha256, 0), (Algorithm::Sha256, 10)],
    ),
    (
        "sha1-10-sha256-10",
        "ak",
        &[(Algorithm::Sha1, 10), (Algorithm::Sha256, 10)],
    ),
    ("ecc-sha256-10", "akecc", &[(Algorithm::Sha256, 10)]),
];

#[test]
fn the_quotes_of_recorded_machines_hold_and_no_flipped_bit_does() {
    for case in ["clean", "legacy-sha1", "sig", "violation"] {
        let Some(root) = shared("corpus") else {
            return;
        };
        let root = root.join(case);
        let nonce = unhex(str::from_utf8(&read(&root.join("quote/nonce"))).unwrap());
        let all_pcrs = parse_pcr_values(&read(&root.join("pcrs")), &PcrContext::default()).unwrap();
        for (name, key, required) in RECORDED {
            let file = |ending: &str| read(&root.join(format!("quote/{name}.{ending}")));
            let key = |ending: &str| {
                AttestationKey::parse(&read(&root.join(format!("quote/{key}.{ending}")))).unwrap()
            };
            let from_tpm = key("tpmt");
            assert_eq!(from_tpm.key, key("pem").key);
            let own_name = from_tpm.tpm.as_ref().unwrap().name.clone().unwrap();
            let recorded = if name == "ecc-sha256-10" { "akecc" } else { "ak" };
            assert_eq!(own_name, read(&root.join(format!("quote/{recorded}.name"))));
            let message = file("msg");
            let sample = Sample {
                key: from_tpm,
                signature: file("sig"),
                nonce: nonce.clone(),
                required: required.to_vec(),
                pcrs: read_pcrs(&file("pcrs"), &message),
                message,
            };
            assert_eq!(sample.failures(), [""; 0], "{case} {name}");
            let with_pem = Sample {
                key: key("pem"),
                ..sample.clone()
            };
            let (holds, _, unchecked) = with_pem.verify_with(&Accepted::default());
            assert!(holds);
            assert_eq!(unchecked, ["key attributes"]);
            // The same PCRs, read by other means at the same moment.
            let pcrs = all_pcrs.values.clone();
            assert_eq!(
                Sample {
                    pcrs,
                    ..sample.clone()
                }
                .failures(),
                [""; 0],
                "{case} {name}"
            );
            if case != "clean" || name == "sha1-10-sha256-10" || name == "sha1-10" {
                continue;
            }
            for message in flips(&sample.message) {
                assert!(
                    !Sample {
                        message,
                        ..sample.clone()
                    }
                    .holds()
                );
            }
            for signature in flips(&sample.signature) {
                assert!(
                    !Sample {
                        signature,
                        ..sample.clone()
                    }
                    .holds()
                );
            }
            for nonce in flips(&sample.nonce) {
                assert_eq!(
                    Sample {
                        nonce,
                        ..sample.clone()
                    }
                    .failures(),
                    ["nonce"]
                );
            }
        }
    }
}

#[test]
fn an_endorsement_key_is_no_attestation_key() {
    let Some(root) = shared("corpus/clean") else {
        return;
    };
    let key = AttestationKey::parse(&read(&root.join("quote/ek.pub"))).unwrap();
    let tpm = key.tpm.unwrap();
    assert_eq!(tpm.missing_attributes(), [KeyAttribute::Sign]);
    assert_eq!(tpm.scheme, None);
}

/// Checks that fail for a vector that does not hold. The signature of some is right all the same.
fn expected_failures(name: &str) -> &'static [&'static str] {
    match name {
        "wrong-nonce" => &["nonce"],
        "wrong-key" | "sig-flipped" => &["signature"],
        "msg-flipped" => &["signature", "pcrs"],
        "bad-magic" | "not-a-quote" => &["message"],
        "pcrs-differ" => &["pcrs"],
        "selection-differs" | "bank-differs" | "no-pcr10" => &["selection"],
        "unrestricted-key" => &["key"],
        "truncated-msg" | "trailing-msg" => &["signature", "message"],
        _ => &[],
    }
}

#[test]
fn the_vectors_hold_or_fail_as_they_say() {
    let Some(root) = shared("vectors/ima-log/quotes") else {
        return;
    };
    let case: Value = serde_json::from_slice(&read(&root.join("case.json"))).unwrap();
    for quote in case["expect"]["quotes"].as_array().unwrap() {
        let name = quote["name"].as_str().unwrap();
        let file = |file: &str| read(&root.join("quotes").join(name).join(file));
        let is_good = quote["ok"].as_bool().unwrap();
        let key = AttestationKey::parse(&file("ak.tpm2b_public")).unwrap();
        assert_eq!(key.key, AttestationKey::parse(&file("ak.pub.pem")).unwrap().key);
        assert_eq!(
            hex(key.tpm.as_ref().unwrap().name.as_ref().unwrap()),
            quote["akName"].as_str().unwrap(),
            "{name}"
        );
        let signature = file("quote.sig");
        if name == "truncated-sig" {
            assert_eq!(
                QuoteSignature::parse(&signature).unwrap_err().code(),
                "TPM_TRUNCATED"
            );
            continue;
        }
        let required = if name == "ecdsa-sha384" {
            (Algorithm::Sha384, 10)
        } else {
            (Algorithm::Sha256, 10)
        };
        let message = file("quote.msg");
        let keylime = KeylimeQuote::parse(str::from_utf8(&file("keylime-quote.txt")).unwrap()).unwrap();
        assert_eq!(
            (&keylime.message, &keylime.signature),
            (&message, &signature),
            "{name}"
        );
        assert_eq!(keylime.pcrs, file("quote.pcrs"), "{name}");
        let is_readable = Attest::parse(&message).is_ok();
        for form in ["quote.pcrs", "quote.pcrs.marshaled", "quote.pcrs.values"] {
            if form == "quote.pcrs.values" && !is_readable {
                continue;
            }
            let nonce = unhex(quote["nonce"].as_str().unwrap());
            let sample = Sample {
                key: key.clone(),
                pcrs: read_pcrs(&file(form), &message),
                message: message.clone(),
                signature: signature.clone(),
                nonce,
                required: vec![required],
            };
            let failures = sample.failures();
            assert_eq!(failures.is_empty(), is_good, "{name} {form}");
            let expected = expected_failures(name);
            if name != "msg-flipped" {
                assert_eq!(failures, expected, "{name} {form}");
            }
            assert!(
                failures.first() == expected.first(),
                "{name} {form}: {failures:?}"
            );
        }
    }
}
