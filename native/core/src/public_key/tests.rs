//! Keys and signatures against OpenSSL's.

use std::fmt::Write as _;
use std::path::Path;

use ima_assay_digest::{Algorithm, Digest, hash};

use super::samples::*;
use super::*;
use crate::error::Explain as _;
use crate::testing::{flips, has_tool, hex, run, unhex};

/// Every sample: what it is, its key or certificate, the hash algorithm and the signature over the digest of `a`.
fn samples() -> [(&'static str, Vec<u8>, Algorithm, Vec<u8>); 6] {
    [
        ("RSA 2048", RSA_CERTIFICATE, Algorithm::Sha256, RSA_SIGNATURE),
        ("EC P-256", P256_CERTIFICATE, Algorithm::Sha256, P256_SIGNATURE),
        ("EC P-384", P384_KEY, Algorithm::Sha256, P384_SIGNATURE),
        ("EC P-521", P521_KEY, Algorithm::Sha256, P521_SIGNATURE),
        (
            "EC secp256k1",
            SECP256K1_KEY,
            Algorithm::Sha256,
            SECP256K1_SIGNATURE,
        ),
        ("EC SM2", SM2_KEY, Algorithm::Sm3, SM2_SIGNATURE),
    ]
    .map(|(kind, key, algorithm, signature)| (kind, unhex(key), algorithm, unhex(signature)))
}

fn only_key(bytes: &[u8]) -> LoadedKey {
    let mut keys = read_keys(bytes).unwrap();
    assert_eq!(keys.len(), 1);
    keys.remove(0)
}

fn code(bytes: &[u8]) -> &'static str {
    read_keys(bytes).unwrap_err().code()
}

fn pem(label: &str, der: &[u8]) -> String {
    pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, der).unwrap()
}

#[test]
fn a_signature_verifies_with_its_key_and_its_digest_and_with_no_other() {
    for (kind, file, algorithm, signature) in samples() {
        let LoadedKey { key, .. } = only_key(&file);
        assert_eq!(key.kind().to_string(), kind);
        let digest = hash(algorithm, b"a");
        assert_eq!(
            key.verify(key.usual_scheme(), &digest, &signature),
            Ok(()),
            "{kind}"
        );
        // Unoptimised, the larger curves are slow: there, not every bit is tried.
        let step = if matches!(kind, "RSA 2048" | "EC P-256") {
            1
        } else {
            13
        };
        for flipped in flips(&signature).step_by(step) {
            assert!(
                key.verify(key.usual_scheme(), &digest, &flipped).is_err(),
                "{kind}"
            );
        }
        for flipped in flips(digest.bytes()).step_by(step) {
            let flipped = Digest::new(algorithm, &flipped).unwrap();
            assert_eq!(
                key.verify(key.usual_scheme(), &flipped, &signature),
                Err(Refusal::Mismatch),
                "{kind}"
            );
        }
        for len in 0..signature.len() {
            let cut = key.verify(key.usual_scheme(), &digest, &signature[..len]);
            assert_eq!(cut, Err(Refusal::Malformed), "{kind}, {len} bytes");
        }
        let longer = [&signature[..], &[0]].concat();
        let longer = key.verify(key.usual_scheme(), &digest, &longer);
        assert_eq!(longer, Err(Refusal::Malformed), "{kind}");
        for (other_kind, other, ..) in samples() {
            if other_kind != kind {
                let other = only_key(&other).key;
                assert!(other.verify(other.usual_scheme(), &digest, &signature).is_err());
            }
        }
    }
}

#[test]
fn schemes_are_refused_where_the_key_or_the_hash_has_none() {
    let rsa = only_key(&unhex(RSA_CERTIFICATE)).key;
    let p256 = only_key(&unhex(P256_CERTIFICATE)).key;
    let sm2 = only_key(&unhex(SM2_KEY)).key;
    let signature = unhex(RSA_SIGNATURE);
    let verify = |key: &PublicKey, scheme, algorithm| key.verify(scheme, &hash(algorithm, b"a"), &signature);
    let rows = [
        (&rsa, Scheme::Ecdsa, Algorithm::Sha256, Refusal::SchemeForeign),
        (&rsa, Scheme::Sm2, Algorithm::Sm3, Refusal::SchemeForeign),
        (&p256, Scheme::Pkcs1v15, Algorithm::Sha256, Refusal::SchemeForeign),
        (&p256, Scheme::Pss, Algorithm::Sha256, Refusal::SchemeForeign),
        (&p256, Scheme::Sm2, Algorithm::Sm3, Refusal::SchemeForeign),
        (
            &rsa,
            Scheme::Pkcs1v15,
            Algorithm::Tgr192,
            Refusal::HashUnsupported(Algorithm::Tgr192),
        ),
        (
            &rsa,
            Scheme::Pss,
            Algorithm::Md5,
            Refusal::HashUnsupported(Algorithm::Md5),
        ),
        (
            &sm2,
            Scheme::Sm2,
            Algorithm::Sha512,
            Refusal::HashUnsupported(Algorithm::Sha512),
        ),
    ];
    for (key, scheme, algorithm, refusal) in rows {
        assert_eq!(verify(key, scheme, algorithm), Err(refusal), "{key:?} {scheme:?}");
    }
    let digest = hash(Algorithm::Sha256, b"a");
    assert_eq!(
        rsa.verify_ecdsa_numbers(&digest, &[1], &[1]),
        Err(Refusal::SchemeForeign)
    );
    for (r, s) in [(vec![], vec![1]), (vec![1], vec![0; 40]), (vec![1; 33], vec![1])] {
        assert_eq!(
            p256.verify_ecdsa_numbers(&digest, &r, &s),
            Err(Refusal::Malformed),
            "{r:?} {s:?}"
        );
    }
}

#[test]
fn the_numbers_of_a_signature_may_have_any_number_of_zeros_before_them() {
    let LoadedKey { key, .. } = only_key(&unhex(P256_CERTIFICATE));
    let digest = hash(Algorithm::Sha256, b"a");
    let signature = unhex(P256_SIGNATURE);
    let r_len = usize::from(signature[3]);
    let (r, s) = (&signature[4..4 + r_len], &signature[6 + r_len..]);
    for zeros in [0, 1, 40] {
        let padded = |number: &[u8]| [&vec![0; zeros][..], number].concat();
        assert_eq!(key.verify_ecdsa_numbers(&digest, &padded(r), &padded(s)), Ok(()));
    }
    assert_eq!(key.verify_ecdsa_numbers(&digest, s, r), Err(Refusal::Mismatch));
}

#[test]
fn keys_are_found_in_every_form() {
    let rsa = unhex(RSA_CERTIFICATE);
    let p256 = unhex(P256_CERTIFICATE);
    let p384 = unhex(P384_KEY);
    let pkcs1 = only_key(&rsa).key.encoded.to_vec();
    let crlf = pem("CERTIFICATE", &rsa).replace('\n', "\r\n");
    let bundle = format!(
        "Subject: CN = rsa\n{}\n\n# another one\n{}{}",
        pem("CERTIFICATE", &rsa),
        pem("CERTIFICATE", &p256).trim_end(),
        ""
    );
    let mut wide = String::from("-----BEGIN PUBLIC KEY-----\n");
    let base64 = <base64ct::Base64 as base64ct::Encoding>::encode_string(&p384);
    for line in base64.as_bytes().chunks(76) {
        writeln!(wide, "{}", str::from_utf8(line).unwrap()).unwrap();
    }
    wide.push_str("-----END PUBLIC KEY-----\n");
    type Row = (&'static str, Vec<u8>, Vec<(KeyForm, &'static str)>);
    let rows: [Row; 8] = [
        (
            "DER certificate",
            rsa.clone(),
            vec![(KeyForm::Certificate, "RSA 2048")],
        ),
        ("DER key", p384.clone(), vec![(KeyForm::Spki, "EC P-384")]),
        ("DER PKCS #1", pkcs1.clone(), vec![(KeyForm::Pkcs1, "RSA 2048")]),
        (
            "PEM PKCS #1",
            pem("RSA PUBLIC KEY", &pkcs1).into(),
            vec![(KeyForm::Pkcs1, "RSA 2048")],
        ),
        (
            "PEM key",
            pem("PUBLIC KEY", &p384).into(),
            vec![(KeyForm::Spki, "EC P-384")],
        ),
        ("CR LF", crlf.into(), vec![(KeyForm::Certificate, "RSA 2048")]),
        ("long lines", wide.into(), vec![(KeyForm::Spki, "EC P-384")]),
        (
            "bundle",
            bundle.into(),
            vec![
                (KeyForm::Certificate, "RSA 2048"),
                (KeyForm::Certificate, "EC P-256"),
            ],
        ),
    ];
    for (why, file, expected) in rows {
        let found: Vec<_> = read_keys(&file)
            .unwrap_or_else(|error| panic!("{why}: {error}"))
            .into_iter()
            .map(|key| (key.form, key.key.kind().to_string()))
            .collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(form, kind)| (form, kind.to_owned()))
            .collect();
        assert_eq!(found, expected, "{why}");
    }
}

#[test]
fn certificates_have_names_and_ids() {
    let rsa = only_key(&unhex(RSA_CERTIFICATE)).certificate.unwrap();
    assert_eq!(rsa.subject, "CN=rsa of a test");
    assert_eq!(rsa.key_id(), Some(0x1112_1314));
    let p256 = only_key(&unhex(P256_CERTIFICATE));
    let certificate = p256.certificate.unwrap();
    // OpenSSL's own Subject Key Identifier is the hash of the key.
    assert_eq!(
        certificate.subject_key_id.as_deref(),
        Some(p256.key.key_hash().bytes())
    );
    assert_eq!(certificate.key_id(), Some(p256.key.key_id()));
}

#[test]
fn a_key_that_is_cut_or_has_something_after_it_is_an_error() {
    for (kind, file, ..) in samples() {
        for len in 0..file.len() {
            assert!(read_keys(&file[..len]).is_err(), "{kind}, {len} bytes");
        }
        assert!(read_keys(&[&file[..], &[0]].concat()).is_err(), "{kind}");
        let label = if only_key(&file).certificate.is_some() {
            "CERTIFICATE"
        } else {
            "PUBLIC KEY"
        };
        let text = pem(label, &file);
        for len in 0..text.len() - 1 {
            assert!(
                read_keys(&text.as_bytes()[..len]).is_err(),
                "{kind}, PEM, {len} bytes"
            );
        }
        let longer = pem(label, &[&file[..], &[0]].concat());
        assert!(read_keys(longer.as_bytes()).is_err(), "{kind}");
    }
}

#[test]
fn no_flipped_bit_of_a_key_or_certificate_is_a_panic() {
    for (kind, file, algorithm, signature) in samples() {
        let own = only_key(&file).key;
        for flipped in flips(&file) {
            for LoadedKey { key, .. } in read_keys(&flipped).unwrap_or_default() {
                if key != own {
                    let other = key.verify(key.usual_scheme(), &hash(algorithm, b"a"), &signature);
                    assert!(other.is_err(), "{kind}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_public_key_is_named() {
    let rows = [
        ("KEY_FORM_UNKNOWN", b"".to_vec()),
        ("KEY_FORM_UNKNOWN", b"hello".to_vec()),
        ("KEY_FORM_UNKNOWN", vec![0xff, 0xfe]),
        ("KEY_DER_MALFORMED", vec![0x30]),
        ("KEY_DER_MALFORMED", vec![0x30, 0x00]),
        ("KEY_DER_MALFORMED", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        ("KEY_DER_MALFORMED", vec![0x30, 0x80, 0x00, 0x00]),
        ("KEY_PRIVATE", pem("EC PRIVATE KEY", &[0x30, 0]).into()),
        ("KEY_PRIVATE", pem("ENCRYPTED PRIVATE KEY", &[0x30, 0]).into()),
        // The version and the key of SEC 1; the version, the modulus and the exponents of PKCS #1.
        ("KEY_PRIVATE", vec![0x30, 6, 2, 1, 1, 4, 1, 1]),
        ("KEY_PRIVATE", vec![0x30, 9, 2, 1, 0, 2, 1, 3, 2, 1, 3]),
        ("KEY_LABEL_UNSUPPORTED", pem("X509 CRL", &[0x30, 0]).into()),
        ("KEY_PEM_MALFORMED", b"-----BEGIN PUBLIC KEY-----\nMFk".to_vec()),
        (
            "KEY_PEM_MALFORMED",
            b"-----BEGIN PUBLIC KEY-----\n*\n-----END PUBLIC KEY-----\n".to_vec(),
        ),
        ("KEY_FILE_TOO_LARGE", vec![0x30; MAX_KEY_FILE_BYTES + 1]),
        // Ed25519.
        (
            "KEY_KIND_UNSUPPORTED",
            unhex("302a300506032b6570032100")
                .into_iter()
                .chain([7; 32])
                .collect(),
        ),
        // P-224.
        (
            "KEY_CURVE_UNSUPPORTED",
            unhex("3018301006072a8648ce3d020106052b81040021030400040000"),
        ),
    ];
    for (expected, file) in rows {
        assert_eq!(code(&file), expected, "{}", hex(&file[..file.len().min(40)]));
    }
}

#[test]
fn rsa_keys_are_within_bounds() {
    let odd = |bytes: usize| {
        let mut modulus = vec![0xff; bytes];
        modulus[0] = 0xd3;
        modulus
    };
    let code = |modulus: &[u8], exponent| match PublicKey::from_modulus(modulus, exponent) {
        Ok(key) => key.kind().to_string(),
        Err(error) => error.code().to_owned(),
    };
    let mut even = odd(256);
    even[255] = 0xfe;
    let rows = [
        (odd(128), 65537, "RSA 1024"),
        (odd(256), 3, "RSA 2048"),
        (odd(257), 65537, "RSA 2056"),
        (odd(1024), 65537, "RSA 8192"),
        (odd(1025), 65537, "KEY_RSA_SIZE"),
        (odd(1 << 20), 65537, "KEY_RSA_SIZE"),
        (odd(127), 65537, "KEY_RSA_SIZE"),
        (vec![], 65537, "KEY_MALFORMED"),
        (vec![0; 256], 65537, "KEY_RSA_SIZE"),
        (even, 65537, "KEY_MALFORMED"),
        (odd(256), 0, "KEY_MALFORMED"),
        (odd(256), 1, "KEY_MALFORMED"),
        (odd(256), 65536, "KEY_MALFORMED"),
    ];
    for (modulus, exponent, expected) in rows {
        assert_eq!(
            code(&modulus, exponent),
            expected,
            "{} bytes, {exponent}",
            modulus.len()
        );
    }
    // An exponent of 64 bits and one as long as the modulus.
    for exponent_len in [8, 256] {
        let number = |bytes: &[u8]| {
            let len = u16::try_from(bytes.len() + 1).unwrap().to_be_bytes();
            [&[0x02, 0x82, len[0], len[1], 0], bytes].concat()
        };
        let short = |bytes: &[u8]| [&[0x02, u8::try_from(bytes.len() + 1).unwrap(), 0], bytes].concat();
        let exponent = odd(exponent_len);
        let exponent = if exponent_len > 100 {
            number(&exponent)
        } else {
            short(&exponent)
        };
        let body = [number(&odd(256)), exponent].concat();
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        let der = [&[0x30, 0x82, len[0], len[1]], &body[..]].concat();
        assert_eq!(PublicKey::from_pkcs1(&der).unwrap_err().code(), "KEY_MALFORMED");
    }
}

#[test]
fn points_must_be_on_their_curve() {
    let point = only_key(&unhex(P256_CERTIFICATE)).key.encoded;
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let key = PublicKey::from_point(Curve::P256, &compressed).unwrap();
    assert_eq!(key.encoded, point, "a compressed point is the same key");
    let mut off = point.to_vec();
    off[64] ^= 1;
    let infinity = vec![0];
    for bad in [
        off,
        infinity,
        vec![],
        point[..64].to_vec(),
        [&point[..], &[0]].concat(),
    ] {
        let error = PublicKey::from_point(Curve::P256, &bad).unwrap_err();
        assert_eq!(error.code(), "KEY_MALFORMED");
    }
    assert!(PublicKey::from_point(Curve::Secp256k1, &point).is_err());
}

/// Makes a key with OpenSSL, reads its public part, and gives it.
fn generated(directory: &Path, options: &str) -> PublicKey {
    run(directory, &format!("openssl genpkey {options} -out key"));
    run(directory, "openssl pkey -in key -pubout -out key.pub");
    only_key(&std::fs::read(directory.join("key.pub")).unwrap()).key
}

const HASHES: [(&str, Algorithm); 9] = [
    ("md5", Algorithm::Md5),
    ("sha1", Algorithm::Sha1),
    ("ripemd160", Algorithm::Rmd160),
    ("sha224", Algorithm::Sha224),
    ("sha256", Algorithm::Sha256),
    ("sha384", Algorithm::Sha384),
    ("sha512", Algorithm::Sha512),
    ("sha3-256", Algorithm::Sha3_256),
    ("sha3-512", Algorithm::Sha3_512),
];

#[test]
fn signatures_of_openssl_verify_for_every_key_and_hash() {
    if !has_tool("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    std::fs::write(directory.join("message"), b"a message").unwrap();
    let curves = ["P-256", "P-384", "P-521", "secp256k1"];
    let rsa = [1024, 1031, 2048, 2049, 3072, 4096];
    let keys = curves
        .map(|curve| format!("-algorithm EC -pkeyopt ec_paramgen_curve:{curve}"))
        .into_iter()
        .chain(rsa.map(|bits| format!("-algorithm RSA -pkeyopt rsa_keygen_bits:{bits}")));
    for options in keys {
        let key = generated(directory, &options);
        let is_rsa = options.contains("RSA");
        for (name, algorithm) in HASHES {
            let digest = hash(algorithm, b"a message");
            std::fs::write(directory.join("digest"), digest.bytes()).unwrap();
            let sign = |more: &str| {
                run(
                    directory,
                    &format!("openssl pkeyutl -sign -inkey key -in digest -pkeyopt digest:{name} {more}"),
                )
            };
            let signature = sign("");
            assert_eq!(
                key.verify(key.usual_scheme(), &digest, &signature),
                Ok(()),
                "{options} {name}"
            );
            let other = hash(algorithm, b"another message");
            let refused = key.verify(key.usual_scheme(), &other, &signature);
            assert_eq!(refused, Err(Refusal::Mismatch), "{options} {name}");
            if !is_rsa || matches!(name, "md5" | "ripemd160" | "sha224") {
                continue;
            }
            for salt in ["digest", "max", "0", "7"] {
                if salt == "digest" && algorithm.len() == 64 && options.contains("bits:10") {
                    continue; // No room for it.
                }
                let pss = format!("-pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:{salt}");
                let signature = sign(&pss);
                let why = format!("{options} {name} salt {salt}");
                assert_eq!(key.verify(Scheme::Pss, &digest, &signature), Ok(()), "{why}");
                assert_eq!(
                    key.verify(Scheme::Pss, &other, &signature),
                    Err(Refusal::Mismatch),
                    "{why}"
                );
                assert!(
                    key.verify(Scheme::Pkcs1v15, &digest, &signature).is_err(),
                    "{why}"
                );
            }
        }
    }
}

#[test]
fn kinds_of_keys_that_are_not_supported_are_named() {
    if !has_tool("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    let rows = [
        ("-algorithm ED25519", "KEY_KIND_UNSUPPORTED"),
        (
            "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
            "KEY_KIND_UNSUPPORTED",
        ),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:secp224r1",
            "KEY_CURVE_UNSUPPORTED",
        ),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1",
            "KEY_CURVE_UNSUPPORTED",
        ),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
            "KEY_MALFORMED",
        ),
        ("-algorithm RSA -pkeyopt rsa_keygen_bits:512", "KEY_RSA_SIZE"),
    ];
    for (options, expected) in rows {
        run(directory, &format!("openssl genpkey {options} -out key"));
        let public = run(directory, "openssl pkey -in key -pubout");
        assert_eq!(code(&public), expected, "{options}");
        for form in ["PEM", "DER"] {
            let private = run(directory, &format!("openssl pkey -in key -outform {form}"));
            assert_eq!(code(&private), "KEY_PRIVATE", "{options} {form}");
            assert!(read_keys(&private).unwrap_err().hint().is_some());
        }
    }
}
