//! Digests that other programs make while the tests run.

use std::fs;
use std::process::Command;

use super::noise;
use crate::{Algorithm, hash, hash_many};

/// The output of a program. None, and a line that says so, where it is not installed.
fn output(program: &str, arguments: &[String]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            assert!(
                output.status.success(),
                "{program}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(_) if std::env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_some() => panic!("{program} not installed"),
        Err(_) => {
            println!("skipped: {program} not installed");
            None
        }
    }
}

/// What OpenSSL 3 calls the algorithms that it has by default.
const OPENSSL: [(Algorithm, &str); 11] = [
    (Algorithm::Md5, "md5"),
    (Algorithm::Sha1, "sha1"),
    (Algorithm::Rmd160, "ripemd160"),
    (Algorithm::Sha224, "sha224"),
    (Algorithm::Sha256, "sha256"),
    (Algorithm::Sha384, "sha384"),
    (Algorithm::Sha512, "sha512"),
    (Algorithm::Sm3, "sm3"),
    (Algorithm::Sha3_256, "sha3-256"),
    (Algorithm::Sha3_384, "sha3-384"),
    (Algorithm::Sha3_512, "sha3-512"),
];

#[test]
fn messages_of_every_length_have_the_digests_of_openssl() {
    let large = [
        4095, 4096, 4097, 65_535, 65_537, 131_071, 131_072, 131_073, 1_000_003,
    ];
    let messages: Vec<Vec<u8>> = (0..=300)
        .chain(large)
        .zip(1..)
        .map(|(len, seed)| noise(len, seed))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let file = folder.path().join(number.to_string());
        fs::write(&file, message).unwrap();
        files.push(file.to_str().unwrap().to_owned());
    }
    for (algorithm, name) in OPENSSL {
        let arguments = ["dgst".to_owned(), format!("-{name}"), "-r".to_owned()];
        let Some(answer) = output("openssl", &[&arguments, files.as_slice()].concat()) else {
            return;
        };
        let expected: Vec<&str> = answer
            .lines()
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        let one_by_one: Vec<String> = messages.iter().map(|m| hash(algorithm, m).to_string()).collect();
        assert_eq!(one_by_one, expected, "{algorithm}");
        let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let together: Vec<String> = hash_many(algorithm, &slices)
            .iter()
            .map(|d| d.to_string())
            .collect();
        assert_eq!(together, expected, "{algorithm}");
    }
}

/// The Monte Carlo test of NIST's validation suites (SHAVS, 6.4): each message is the three digests before it.
#[test]
fn a_long_chain_of_digests_ends_where_python_ends() {
    const SEED: [u8; 64] = [0x5a; 64];
    for (algorithm, name) in OPENSSL {
        if matches!(algorithm, Algorithm::Rmd160 | Algorithm::Sm3) {
            continue; // Not in every build of hashlib.
        }
        let program = format!(
            "import hashlib\n\
             a = b = c = b'\\x5a' * {}\n\
             for _ in range(10000): a, b, c = b, c, hashlib.new('{name}', a + b + c).digest()\n\
             print(c.hex())",
            algorithm.len(),
        );
        let Some(expected) = output("python3", &["-c".to_owned(), program]) else {
            return;
        };
        let seed = &SEED[..algorithm.len()];
        let mut last = [seed.to_vec(), seed.to_vec(), seed.to_vec()];
        for _ in 0..10_000 {
            let message = last.concat();
            let [digest, twin] = hash_many(algorithm, &[&message, &message]).try_into().unwrap();
            assert_eq!(digest, twin);
            last.rotate_left(1);
            last[2] = digest.bytes().to_vec();
        }
        assert_eq!(hex(&last[2]), expected.trim(), "{algorithm}");
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = Vec::new();
    crate::encode_hex(bytes, &mut hex);
    String::from_utf8(hex).unwrap()
}
