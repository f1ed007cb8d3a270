//! Quotes of TPMs, and everything that is nearly one.

mod keylime;
mod live;
mod recorded;

use base64ct::{Base64, Encoding as _};
use ima_assay_digest::{Algorithm, Digest};

use super::samples::{KEY, KEY_NAME, MESSAGE, NONCE, OUTPUT, SIGNATURE, serialized_pcrs};
use super::*;
use crate::error::Explain as _;
use crate::pcr::{PcrContext, PcrValues, parse_pcr_values};
use crate::public_key::Refusal;
use crate::testing::{flips, hex, unhex};

const COVERED: &[(Algorithm, u8)] = &[
    (Algorithm::Sha1, 10),
    (Algorithm::Sha256, 0),
    (Algorithm::Sha256, 10),
];

/// A quote with all that is needed to verify it.
#[derive(Clone)]
struct Sample {
    key: AttestationKey,
    message: Vec<u8>,
    signature: Vec<u8>,
    nonce: Vec<u8>,
    required: Vec<(Algorithm, u8)>,
    pcrs: PcrValues,
}

impl Sample {
    fn new() -> Self {
        Self {
            key: AttestationKey::parse(&unhex(KEY)).unwrap(),
            message: unhex(MESSAGE),
            signature: unhex(SIGNATURE),
            nonce: NONCE.to_vec(),
            required: COVERED.to_vec(),
            pcrs: read_pcrs(&serialized_pcrs(), &unhex(MESSAGE)),
        }
    }

    /// Verifies it, and names the checks that failed and those that were not made.
    fn verify_with(&self, accepted: &Accepted) -> (bool, Vec<&'static str>, Vec<&'static str>) {
        let signature = QuoteSignature::parse(&self.signature).unwrap();
        let report = verify_quote(&QuoteCheck {
            message: &self.message,
            signature: &signature,
            key: &self.key,
            accepted,
            nonce: Some(&self.nonce),
            required: &self.required,
            pcrs: Some(&self.pcrs),
        });
        names(&report)
    }

    fn failures(&self) -> Vec<&'static str> {
        let (holds, failures, _) = self.verify_with(&Accepted::default());
        assert_eq!(holds, failures.is_empty());
        failures
    }

    fn holds(&self) -> bool {
        QuoteSignature::parse(&self.signature).is_ok() && self.failures().is_empty()
    }
}

fn names(report: &QuoteReport<'_>) -> (bool, Vec<&'static str>, Vec<&'static str>) {
    let failures = report.failures().into_iter().map(|failure| {
        assert!(!failure.to_string().is_empty());
        match failure {
            QuoteFailure::Key(_) => "key",
            QuoteFailure::Signature(_) => "signature",
            QuoteFailure::Message(_) => "message",
            QuoteFailure::Nonce(_) => "nonce",
            QuoteFailure::Selection(_) => "selection",
            QuoteFailure::PcrDigest(_) => "pcrs",
        }
    });
    let unchecked = report.unchecked().into_iter().map(|(check, _)| check);
    (report.holds(), failures.collect(), unchecked.collect())
}

/// PCR values, arranged by the message's selection where it has one.
fn read_pcrs(bytes: &[u8], message: &[u8]) -> PcrValues {
    let attest = Attest::parse(message);
    let context = PcrContext {
        selection: attest.as_ref().ok().map(|attest| &attest.selection),
        ..PcrContext::default()
    };
    parse_pcr_values(bytes, &context).unwrap().values
}

#[test]
fn a_quote_is_taken_apart_and_holds() {
    let sample = Sample::new();
    let attest = Attest::parse(&sample.message).unwrap();
    assert_eq!(attest.extra_data, NONCE);
    assert_eq!(attest.selection.to_string(), "sha256:0,10+sha1:10");
    assert_eq!((attest.clock.reset_count, attest.clock.restart_count), (1, 0));
    assert!(attest.clock.is_safe);
    let tpm = sample.key.tpm.as_ref().unwrap();
    assert_eq!(hex(tpm.name.as_ref().unwrap()), KEY_NAME);
    assert_eq!(tpm.missing_attributes(), []);
    assert_eq!(sample.verify_with(&Accepted::default()), (true, vec![], vec![]));
}

#[test]
fn what_is_not_given_is_not_checked_and_said_so() {
    let sample = Sample::new();
    let signature = QuoteSignature::parse(&sample.signature).unwrap();
    let key = AttestationKey {
        tpm: None,
        ..sample.key.clone()
    };
    let report = verify_quote(&QuoteCheck {
        message: &sample.message,
        signature: &signature,
        key: &key,
        accepted: &Accepted::default(),
        nonce: None,
        required: &[],
        pcrs: None,
    });
    let all = vec!["key attributes", "nonce", "selection", "PCR values"];
    assert_eq!(names(&report), (true, vec![], all));
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let sample = Sample::new();
    for message in flips(&sample.message) {
        let flipped = Sample {
            message,
            ..sample.clone()
        };
        assert!(flipped.failures().contains(&"signature"));
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
    for (bank, index, value) in sample.pcrs.iter() {
        for value in flips(value.bytes()) {
            let mut pcrs = PcrValues::default();
            pcrs.insert(index, Digest::new(bank, &value).unwrap()).unwrap();
            for (bank, other, value) in sample.pcrs.iter() {
                if (pcrs.get(bank, other)).is_none() {
                    pcrs.insert(other, *value).unwrap();
                }
            }
            assert_eq!(
                Sample {
                    pcrs,
                    ..sample.clone()
                }
                .failures(),
                ["pcrs"]
            );
        }
    }
    for key in flips(&unhex(KEY)) {
        if let Ok(key) = AttestationKey::parse(&key) {
            let other = Sample {
                key,
                ..sample.clone()
            };
            let is_the_same_key = other.key.key == sample.key.key;
            assert_ne!(
                other.failures().contains(&"signature"),
                is_the_same_key && {
                    let tpm = other.key.tpm.as_ref().unwrap();
                    tpm.signs_with(QuoteScheme::Ecdsa, Algorithm::Sha256)
                }
            );
        }
    }
}

#[test]
fn whatever_is_cut_or_has_something_after_it_is_refused() {
    let sample = Sample::new();
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    let cut = |bytes: &[u8]| {
        (0..bytes.len())
            .map(|len| bytes[..len].to_vec())
            .collect::<Vec<_>>()
    };
    for message in cut(&sample.message).into_iter().chain([longer(&sample.message)]) {
        assert!(Attest::parse(&message).is_err());
        let failures = Sample {
            message,
            ..sample.clone()
        }
        .failures();
        assert_eq!(failures, ["signature", "message"]);
    }
    for signature in cut(&sample.signature)
        .into_iter()
        .chain([longer(&sample.signature)])
    {
        assert!(QuoteSignature::parse(&signature).is_err());
    }
    let key = unhex(KEY);
    for key in cut(&key).into_iter().chain([longer(&key)]) {
        assert!(AttestationKey::parse(&key).is_err());
    }
    for key in cut(&key[2..]).into_iter().chain([longer(&key[2..])]) {
        assert!(AttestationKey::parse(&key).is_err(), "{}", hex(&key));
    }
    for text in cut(OUTPUT.as_bytes()) {
        let text = String::from_utf8(text).unwrap();
        if let Ok(output) = QuoteOutput::parse(&text) {
            let whole = output.message == sample.message;
            let is_valid = output.signature(Algorithm::Sha256).verify(
                &sample.key.key,
                &ima_assay_digest::hash(Algorithm::Sha256, &output.message),
            );
            assert_eq!(
                whole && is_valid.is_ok(),
                text.contains("\npcrs") || text.contains("3ddeb")
            );
        }
    }
}

#[test]
fn a_quote_that_does_not_cover_what_is_needed_fails() {
    let sample = Sample::new();
    let failures = |required: &[(Algorithm, u8)]| {
        let required = required.to_vec();
        Sample {
            required,
            ..sample.clone()
        }
        .failures()
    };
    assert_eq!(failures(&[(Algorithm::Sha256, 10)]), [""; 0]);
    assert_eq!(failures(&[(Algorithm::Sha256, 11)]), ["selection"]);
    assert_eq!(failures(&[(Algorithm::Sha1, 0)]), ["selection"]);
    assert_eq!(
        failures(&[(Algorithm::Sha384, 10), (Algorithm::Sha256, 10)]),
        ["selection"]
    );
    let mut pcrs = sample.pcrs.clone();
    let extra = Digest::new(Algorithm::Sha384, &[0; 48]).unwrap();
    pcrs.insert(10, extra).unwrap();
    assert_eq!(
        Sample {
            pcrs,
            ..sample.clone()
        }
        .failures(),
        [""; 0],
        "others do not matter"
    );
    let pcrs = PcrValues::default();
    assert_eq!(
        Sample {
            pcrs,
            ..sample.clone()
        }
        .failures(),
        ["pcrs"]
    );
}

/// The sample's message with another selection in place of its own.
fn with_selection(selection: &str, digest: &str) -> Vec<u8> {
    let message = hex(&unhex(MESSAGE));
    let (head, _) = message.split_once("00000002000b03").unwrap();
    unhex(&format!("{head}{selection}{digest}"))
}

#[test]
fn a_quote_of_nothing_or_of_an_unknown_bank_fails() {
    let sample = Sample::new();
    let empty_hash = hex(ima_assay_digest::hash(Algorithm::Sha256, b"").bytes());
    for selection in [
        "00000000",
        "00000001 000b 00",
        "00000002 000b 03 000000 000c 03 000000",
    ] {
        let message = with_selection(selection, &format!("0020{empty_hash}"));
        let quote = Sample {
            message,
            required: vec![],
            ..sample.clone()
        };
        assert_eq!(quote.failures(), ["signature", "selection"], "{selection}");
    }
    let message = with_selection("00000001 0099 03 000400", "0000");
    let quote = Sample {
        message,
        ..sample.clone()
    };
    assert_eq!(quote.failures(), ["signature", "selection", "pcrs"]);
    let rows = [
        ("00000011", "TPM_TOO_LARGE"),
        ("ffffffff", "TPM_TOO_LARGE"),
        ("00000001 000b 05 0000000000", "TPM_TOO_LARGE"),
        ("00000002 000b 03 000400", "TPM_TRUNCATED"),
    ];
    for (selection, code) in rows {
        let message = with_selection(selection, "0000");
        match Attest::parse(&message) {
            Err(AttestFault::Structure(error)) => assert_eq!(error.code(), code, "{selection}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn other_messages_of_tpms_are_named() {
    let mut message = unhex(MESSAGE);
    message[5] = 0x17;
    let error = Attest::parse(&message).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the message is a certification of a key, no quote"
    );
    message[5] = 0x99;
    assert_eq!(Attest::parse(&message), Err(AttestFault::Type { found: 0x8099 }));
    message[0] = 0x7f;
    let error = Attest::parse(&message).unwrap_err();
    assert_eq!(error, AttestFault::Magic { found: 0x7f54_4347 });
}

#[test]
fn schemes_that_are_not_supported_are_named() {
    let rows = [
        ("001b 000b 0000", "QUOTE_SCHEME_UNSUPPORTED", "SM2"),
        ("001a 000b 0000", "QUOTE_SCHEME_UNSUPPORTED", "ECDAA"),
        ("001c 000b 0000", "QUOTE_SCHEME_UNSUPPORTED", "ECSCHNORR"),
        ("0005 000b 0000", "QUOTE_SCHEME_UNSUPPORTED", "HMAC"),
        ("0010", "QUOTE_SCHEME_UNSUPPORTED", "NULL"),
        ("7777", "QUOTE_SCHEME_UNSUPPORTED", "scheme 0x7777"),
        (
            "0014 0099 0000",
            "TPM_UNKNOWN",
            "hash algorithm at byte 2 is 0x0099",
        ),
        ("0014 000b ffff", "TPM_TOO_LARGE", "65535"),
        ("0018 000b 0081", "TPM_TOO_LARGE", "129"),
    ];
    for (signature, code, shown) in rows {
        let error = QuoteSignature::parse(&unhex(signature)).unwrap_err();
        assert_eq!(error.code(), code, "{signature}");
        assert!(error.to_string().contains(shown), "{error}");
    }
}

#[test]
fn signatures_are_accepted_as_the_caller_says() {
    let sample = Sample::new();
    let failure = |accepted: &Accepted| sample.verify_with(accepted).1;
    let only = |schemes: &[QuoteScheme], hashes: &[Algorithm]| Accepted {
        schemes: schemes.to_vec(),
        hashes: hashes.to_vec(),
    };
    let (ecdsa, sha256) = (&[QuoteScheme::Ecdsa], &[Algorithm::Sha256]);
    assert_eq!(failure(&only(ecdsa, sha256)), [""; 0]);
    assert_eq!(failure(&only(&[QuoteScheme::Rsassa], sha256)), ["signature"]);
    assert_eq!(failure(&only(ecdsa, &[Algorithm::Sha384])), ["signature"]);
    assert!(!Accepted::default().hashes.contains(&Algorithm::Sha1));
    // The key says what it signs with, and that is not SHA-384.
    let mut signature = sample.signature.clone();
    signature[3] = 0x0c;
    let other = Sample {
        signature,
        ..sample.clone()
    };
    let parsed = QuoteSignature::parse(&other.signature).unwrap();
    let report = verify_quote(&QuoteCheck {
        message: &other.message,
        signature: &parsed,
        key: &other.key,
        accepted: &Accepted::default(),
        nonce: None,
        required: &[],
        pcrs: None,
    });
    let differs = SignatureFailure::KeySchemeDiffers(QuoteScheme::Ecdsa, Algorithm::Sha384);
    assert_eq!(report.signature, Outcome::Failed(differs));
}

#[test]
fn keys_come_in_every_form() {
    let sample = Sample::new();
    let public = unhex(KEY);
    let base64 = Base64::encode_string(&public);
    let p256 = unhex(crate::public_key::samples::P256_CERTIFICATE);
    let rows: [(&[u8], AttestationKeyForm, bool); 4] = [
        (&public, AttestationKeyForm::TpmPublic, true),
        (&public[2..], AttestationKeyForm::TpmPublic, true),
        (base64.as_bytes(), AttestationKeyForm::TpmPublic, true),
        (&p256, AttestationKeyForm::Certificate, false),
    ];
    for (bytes, form, is_the_samples) in rows {
        let key = AttestationKey::parse(bytes).unwrap();
        assert_eq!(key.form, form);
        assert_eq!(key == sample.key, is_the_samples);
    }
}

#[test]
fn keys_that_cannot_be_used_are_named() {
    let public = unhex(KEY);
    let changed = |offset: usize, bytes: &[u8]| {
        let mut public = public.clone();
        public[offset..offset + bytes.len()].copy_from_slice(bytes);
        AttestationKey::parse(&public).unwrap_err().code()
    };
    // size 2, type 2, nameAlg 2, attributes 4, authPolicy 2, symmetric 2, scheme 4, curve 2, kdf 2, x 2
    assert_eq!(changed(2, &[0x00, 0x08]), "QUOTE_KEY_TYPE_UNSUPPORTED");
    assert_eq!(changed(10, &[0x00, 0x41]), "TPM_TOO_LARGE");
    assert_eq!(changed(18, &[0x00, 0x10]), "KEY_CURVE_UNSUPPORTED");
    assert_eq!(changed(22, &[0x00, 0x81]), "TPM_TOO_LARGE");
    assert_eq!(changed(30, &[0x55]), "KEY_MALFORMED");
    let rsa = |bits: &str, exponent: &str, modulus: &str| {
        let body = format!("0001 000b 00050072 0000 0010 0014000b {bits} {exponent} {modulus}");
        AttestationKey::parse(&unhex(&body)).map_err(|error| error.code())
    };
    let modulus = |bytes: usize| format!("{bytes:04x}{}b1", "d3".repeat(bytes - 1));
    assert!(rsa("0800", "00000000", &modulus(256)).is_ok());
    assert!(rsa("0800", "00010001", &modulus(256)).is_ok());
    for bytes in [384, 512, 1024] {
        let bits = format!("{:04x}", bytes * 8);
        let body = format!(
            "0001 000b 00050072 0000 0010 0014000b {bits} 00000000 {}",
            modulus(bytes)
        );
        let sized = [
            &u16::try_from(bytes + 24).unwrap().to_be_bytes(),
            &unhex(&body)[..],
        ]
        .concat();
        assert!(AttestationKey::parse(&sized).is_ok(), "{bytes}");
    }
    assert_eq!(rsa("0800", "00000002", &modulus(256)), Err("KEY_MALFORMED"));
    assert_eq!(rsa("0c00", "00000000", &modulus(256)), Err("QUOTE_KEY_MALFORMED"));
    assert_eq!(rsa("0200", "00000000", &modulus(64)), Err("KEY_RSA_SIZE"));
    assert_eq!(rsa("0800", "00000000", "0401"), Err("TPM_TOO_LARGE"));
    let two = [crate::public_key::samples::P256_CERTIFICATE; 2].map(|der| {
        let der = unhex(der);
        pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, &der).unwrap()
    });
    let error = AttestationKey::parse(two.concat().as_bytes()).unwrap_err();
    assert_eq!(error.code(), "QUOTE_KEY_COUNT");
    assert_eq!(error, QuoteError::KeyCount { found: 2 });
}

#[test]
fn a_key_without_the_attributes_is_no_attestation_key() {
    let sample = Sample::new();
    let rows = [
        (0x0005_0072, vec![]),
        (0x0004_0072, vec![KeyAttribute::Restricted]),
        (0x0001_0072, vec![KeyAttribute::Sign]),
        (0x0005_0070, vec![KeyAttribute::FixedTpm]),
        (0x0005_0062, vec![KeyAttribute::FixedParent]),
        (0x0005_0052, vec![KeyAttribute::SensitiveDataOrigin]),
        (0, KeyAttribute::ALL.to_vec()),
    ];
    for (attributes, missing) in rows {
        let mut key = sample.key.clone();
        let tpm = key.tpm.as_mut().unwrap();
        tpm.attributes = attributes;
        assert_eq!(tpm.missing_attributes(), missing);
        let failures = Sample {
            key,
            ..sample.clone()
        }
        .failures();
        assert_eq!(failures, vec!["key"; usize::from(!missing.is_empty())]);
    }
}

#[test]
fn what_tpm2_quote_printed_is_the_same_quote() {
    let sample = Sample::new();
    let output = QuoteOutput::parse(OUTPUT).unwrap();
    assert_eq!(output.message, sample.message);
    assert_eq!(output.scheme, QuoteScheme::Ecdsa);
    let report = verify_quote(&QuoteCheck {
        message: &output.message,
        signature: &output.signature(Algorithm::Sha256),
        key: &sample.key,
        accepted: &Accepted::default(),
        nonce: Some(NONCE),
        required: COVERED,
        pcrs: Some(&read_pcrs(OUTPUT.as_bytes(), &output.message)),
    });
    assert_eq!(names(&report), (true, vec![], vec![]));
    for (text, line) in [
        ("", None),
        ("quoted: ff", None),
        ("quoted: fg", Some(1)),
        ("quoted: ff\nsignature:\n  alg: sm2\n  sig: 00", Some(3)),
        ("quoted: ff\nsignature:\n  alg: rsassa\n  sig: 0", Some(4)),
    ] {
        let error = QuoteOutput::parse(text).unwrap_err();
        assert_eq!(
            (error.code(), error.place().line),
            ("QUOTE_OUTPUT_MALFORMED", line),
            "{text}"
        );
    }
}

#[test]
fn a_refusal_says_what_was_wrong_with_the_signature() {
    let sample = Sample::new();
    let report = |signature: &QuoteSignature<'_>| {
        let report = verify_quote(&QuoteCheck {
            message: &sample.message,
            signature,
            key: &sample.key,
            accepted: &Accepted::default(),
            nonce: None,
            required: &[],
            pcrs: None,
        });
        report.signature
    };
    let plain = |bytes| QuoteSignature::plain(QuoteScheme::Ecdsa, Algorithm::Sha256, bytes);
    let failed = |refusal| Outcome::Failed(SignatureFailure::Refused(refusal));
    assert_eq!(report(&plain(&[])), failed(Refusal::Malformed));
    assert_eq!(
        report(&plain(&[0x30, 6, 2, 1, 1, 2, 1, 1])),
        failed(Refusal::Mismatch)
    );
}
