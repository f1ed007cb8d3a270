//! Fresh signatures of evmctl, OpenSSL and Keylime, made while the test runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::testing::{has_tool, hex, must_not_skip, run};

/// Makes a key and a certificate in a directory.
fn certificate(directory: &Path, options: &str) {
    run(
        directory,
        &format!("openssl req -x509 -newkey {options} -nodes -keyout key -out crt -subj /CN=test -days 9"),
    );
}

const KEYS: [&str; 4] = [
    "rsa:2048",
    "ec -pkeyopt ec_paramgen_curve:P-256",
    "ec -pkeyopt ec_paramgen_curve:P-384",
    "ec -pkeyopt ec_paramgen_curve:P-521",
];

#[test]
fn signatures_of_evmctl_verify() {
    if !has_tool("openssl") || !has_tool("evmctl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    fs::write(directory.join("file"), "content").unwrap();
    for options in KEYS {
        certificate(directory, options);
        let keyring = keyring(&[&read(&directory.join("crt"))]);
        for algorithm in [
            Algorithm::Sha1,
            Algorithm::Sha224,
            Algorithm::Sha256,
            Algorithm::Sha384,
            Algorithm::Sha512,
        ] {
            let name = algorithm.name();
            run(
                directory,
                &format!("evmctl ima_sign --sigfile -a {name} -k key file"),
            );
            let value = read(&directory.join("file.sig"));
            let digest = hash(algorithm, b"content");
            let good = file_digest(DigestKind::Ima, algorithm, digest.bytes());
            let outcome = keyring.verify(&value, &good);
            assert!(outcome.is_valid(), "{options} {name}: {outcome}");
            let bad = hash(algorithm, b"other");
            let bad = file_digest(DigestKind::Ima, algorithm, bad.bytes());
            assert_eq!(word(&keyring.verify(&value, &bad)), "invalid", "{options} {name}");

            let ima = format!("04{:02x}{}", algorithm.kernel_id(), hex(digest.bytes()));
            for word_size in ["--m64", "--m32"] {
                let signed = run(
                    directory,
                    &format!(
                        "evmctl sign -n --portable {word_size} --uid=1000 --gid=27 --mode=33261 --ima={ima} \
                         --selinux=label --caps= -a {name} -k key file"
                    ),
                );
                let signature = unhex(str::from_utf8(&signed).unwrap());
                let values = [b"label\0", &unhex(&ima)[..]].concat();
                let lengths = [6_u32, u32::try_from(values.len() - 6).unwrap()].map(u32::to_le_bytes);
                let metadata = Metadata {
                    signature: &signature,
                    xattr_names: b"security.selinux|security.ima\0",
                    xattr_lengths: lengths.as_flattened(),
                    xattr_values: &values,
                    uid: 1000,
                    gid: 27,
                    mode: 33261,
                    byte_order: ByteOrder::Little,
                    digest: good,
                };
                let outcome = keyring.verify_metadata(&metadata);
                assert!(outcome.is_valid(), "{options} {name} {word_size}: {outcome}");
                let other = Metadata { uid: 0, ..metadata };
                assert_eq!(word(&keyring.verify_metadata(&other)), "invalid");
            }
        }
    }
}

#[test]
fn appended_signatures_of_openssl_verify() {
    if !has_tool("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    fs::write(directory.join("file"), "content").unwrap();
    for options in KEYS {
        certificate(directory, options);
        let keyring = keyring(&[&read(&directory.join("crt"))]);
        for algorithm in [
            Algorithm::Sha1,
            Algorithm::Sha256,
            Algorithm::Sha384,
            Algorithm::Sha512,
        ] {
            for more in [
                "-noattr -nocerts",
                "-noattr -nocerts -keyid",
                "-nocerts",
                "-keyid",
                "",
            ] {
                let why = format!("{options} {algorithm} {more}");
                let command = format!(
                    "openssl cms -sign -binary -in file -signer crt -inkey key -md {algorithm} -outform DER {more}"
                );
                let value = run(directory, &command);
                let digest = hash(algorithm, b"content");
                let digest = file_digest(DigestKind::Untyped, algorithm, digest.bytes());
                let outcome = keyring.verify_appended(&value, &digest);
                assert!(outcome.is_valid(), "{why}: {outcome}");
                let bad = hash(algorithm, b"other");
                let bad = file_digest(DigestKind::Untyped, algorithm, bad.bytes());
                assert_eq!(word(&keyring.verify_appended(&value, &bad)), "invalid", "{why}");
                let attached = run(directory, &format!("{command} -nodetach"));
                let fault = AppendedSignature::parse(&attached).unwrap_err();
                assert_eq!(fault, AppendedFault::NotDetached, "{why}");
            }
        }
    }
}

/// Keylime's Python. `None`, and a line that says so, where there is none.
fn keylime() -> Option<PathBuf> {
    match std::env::var_os("IMA_ASSAY_KEYLIME") {
        Some(directory) => Some(Path::new(&directory).join("bin")),
        None if must_not_skip() => panic!("IMA_ASSAY_KEYLIME is not set"),
        None => {
            println!("skipped: IMA_ASSAY_KEYLIME is not set");
            None
        }
    }
}

/// Runs a program of Keylime and gives its standard output.
fn run_keylime(program: &Path, directory: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?}: {errors}");
    output.stdout
}

fn envelope_of(json: &[u8]) -> Envelope {
    let options = crate::policy::ReadOptions::default();
    crate::policy::read_envelope(json, &options).unwrap().unwrap()
}

#[test]
fn policies_that_keylime_signs_verify_on_every_curve() {
    let Some(keylime) = keylime() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    let policy = envelope_of(samples::SIGNED_POLICY.as_bytes());
    fs::write(directory.join("policy"), &policy.payload).unwrap();
    for curve in ["prime256v1", "secp384r1", "secp521r1", "secp256k1"] {
        run(
            directory,
            &format!("openssl ecparam -name {curve} -genkey -noout -out key"),
        );
        let public = run(directory, "openssl pkey -in key -pubout");
        let arguments = ["sign", "runtime", "-r", "policy", "-k", "key", "-o", "signed"];
        run_keylime(&keylime.join("keylime-policy"), directory, &arguments);
        let signed = read(&directory.join("signed"));
        let envelope = envelope_of(&signed);
        let keys = EnvelopeKey::parse(&public).unwrap();
        let EnvelopeOutcome::Valid { key_id, .. } = envelope.verify(&keys) else {
            panic!("{curve}");
        };
        let hash = hash(Algorithm::Sha256, &public);
        assert_eq!(
            key_id,
            Some(&*hash.to_string()),
            "Keylime's keyid is the hash of the PEM"
        );
        assert_eq!(envelope.payload, policy.payload);
    }
}

/// Makes a keyring of the files it is given, and prints it with the ids of its keys.
const MAKE_KEYRING: &str = "
import sys
from keylime.ima import file_signatures
keyring = file_signatures.ImaKeyring()
for name in sys.argv[1:]:
    pubkey, keyid = file_signatures.get_pubkey_from_file(name)
    keyring.add_pubkey(pubkey, keyid)
print(keyring.to_string())
";

#[test]
fn keylimes_own_keyrings_have_the_same_keys_and_ids() {
    let Some(keylime) = keylime() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    let mut own = Keyring::new();
    let mut names = vec!["-c".to_owned(), MAKE_KEYRING.to_owned()];
    for (number, options) in (0..).zip(KEYS) {
        certificate(directory, options);
        let public = run(directory, "openssl pkey -in key -pubout");
        for (kind, file) in [("crt", read(&directory.join("crt"))), ("pub", public)] {
            let name = format!("{kind}{number}");
            fs::write(directory.join(&name), &file).unwrap();
            own.add(&file, &given()).unwrap();
            names.push(name);
        }
    }
    let arguments: Vec<_> = names.iter().map(String::as_str).collect();
    let json = run_keylime(&keylime.join("python"), directory, &arguments);
    let mut keyring = Keyring::new();
    keyring
        .add_keylime(str::from_utf8(&json).unwrap(), &Provenance::Policy)
        .unwrap();
    assert!(keyring.keys().len() >= KEYS.len());
    for key in keyring.keys() {
        let known = own.candidates(key.key_ids[0]).any(|own| own.key == key.key);
        assert!(known, "{}", key.describe());
    }
}
