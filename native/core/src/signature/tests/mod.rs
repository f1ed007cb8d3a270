//! Signatures of evmctl, OpenSSL, Keylime and the kernel's own lists.

mod appended;
mod envelope;
mod fields;
mod keyring;
mod metadata;
mod tools;

use std::fs;
use std::path::Path;

use ima_assay_digest::{Algorithm, hash};
use serde_json::Value;

use super::*;
use crate::public_key::samples::{P256_CERTIFICATE, RSA_CERTIFICATE};
use crate::testing::unhex;

/// The key id of the P-256 sample, as evmctl wrote it.
const P256_ID: u32 = 0x48e6_c892;

fn given() -> Provenance {
    Provenance::Given(b"a test".to_vec())
}

/// A keyring of files.
fn keyring(files: &[&[u8]]) -> Keyring {
    let mut keyring = Keyring::new();
    for file in files {
        keyring.add(file, &given()).unwrap();
    }
    keyring
}

/// A keyring of the samples' certificates.
fn samples_keyring() -> Keyring {
    keyring(&[&unhex(P256_CERTIFICATE), &unhex(RSA_CERTIFICATE)])
}

/// The digest of the file that the samples are about.
fn digest_of_a(algorithm: Algorithm) -> Vec<u8> {
    hash(algorithm, b"a").bytes().to_vec()
}

fn file_digest(kind: DigestKind, algorithm: Algorithm, bytes: &[u8]) -> FileDigest<'_> {
    FileDigest {
        kind,
        algorithm: Some(algorithm),
        bytes,
    }
}

/// The outcome's variant, as a word.
fn word(outcome: &SignatureOutcome<'_>) -> &'static str {
    assert!(!outcome.to_string().is_empty());
    match outcome {
        SignatureOutcome::Valid { .. } => "valid",
        SignatureOutcome::Malformed(_) | SignatureOutcome::AppendedMalformed(_) => "malformed",
        SignatureOutcome::Unsupported(_) => "unsupported",
        SignatureOutcome::AlgorithmMismatch { .. } => "algorithm",
        SignatureOutcome::KindMismatch { .. } => "kind",
        SignatureOutcome::DigestMalformed => "digest",
        SignatureOutcome::KeyUnknown { .. } => "unknown",
        SignatureOutcome::Invalid { .. } => "invalid",
        SignatureOutcome::NotCheckable => "not checkable",
        SignatureOutcome::MetadataMismatch(_) => "metadata",
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The entries of a vector.
fn vector(root: &Path) -> Vec<Value> {
    let case: Value = serde_json::from_slice(&read(&root.join("case.json"))).unwrap();
    case["entries"].as_array().unwrap().clone()
}

/// The bytes of a field of a vector's entry.
fn field(entry: &Value, id: &str) -> Vec<u8> {
    let fields = entry["fields"].as_array().unwrap();
    let field = fields.iter().find(|field| field["id"] == id).unwrap();
    unhex(field["hex"].as_str().unwrap())
}

/// A digest field of a vector's entry, taken apart as the list has it: `type:algorithm:` NUL digest.
fn digest_field(bytes: &[u8]) -> FileDigest<'_> {
    let nul = bytes.iter().position(|&byte| byte == 0).unwrap();
    let text = str::from_utf8(&bytes[..nul]).unwrap().trim_end_matches(':');
    let (kind, algorithm) = text.rsplit_once(':').unwrap_or(("", text));
    FileDigest {
        kind: match kind {
            "" => DigestKind::Untyped,
            "ima" => DigestKind::Ima,
            "verity" => DigestKind::Verity,
            _ => DigestKind::Unknown,
        },
        algorithm: algorithm.parse().ok(),
        bytes: &bytes[nul + 1..],
    }
}
