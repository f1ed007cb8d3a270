//! Real measurement lists against the digests of the images that were booted.
//!
//! `IMA_ASSAY_SHARED` names the collection; its `case.json` tells how many entries are of which kind.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ima_assay_digest::{Algorithm, decode_hex};
use serde_json::Value;

use crate::policy::{Judgement, NearKind, PolicySet, ReadOptions, Section, read};

/// The collection. None, and a line that says so, where there is none.
fn corpus() -> Option<PathBuf> {
    match std::env::var_os("IMA_ASSAY_SHARED").filter(|directory| !directory.is_empty()) {
        Some(directory) => Some(Path::new(&directory).join("corpus")),
        None => {
            println!("skipped: IMA_ASSAY_SHARED names no collection of measurement lists");
            None
        }
    }
}

fn truth(corpus: &Path, case: &Value) -> PolicySet {
    let files = case["truth"].as_array().unwrap().iter();
    let policies = files.map(|file| {
        let name = file.as_str().unwrap();
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(fs::File::open(corpus.join(name)).unwrap())
            .read_to_end(&mut text)
            .unwrap();
        read(&text, name.as_bytes(), &ReadOptions::default()).unwrap()
    });
    PolicySet::new(policies.collect())
}

/// The entries of an ASCII list, algorithm, digest and name. A name may have a line break.
fn entries(list: &[u8]) -> Vec<(Algorithm, Vec<u8>, Vec<u8>)> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in list.strip_suffix(b"\n").unwrap().split(|&byte| byte == b'\n') {
        match lines.last_mut() {
            Some(last) if !line.starts_with(b"10 ") => {
                last.push(b'\n');
                last.extend_from_slice(line);
            }
            _ => lines.push(line.to_vec()),
        }
    }
    let parse = |line: Vec<u8>| {
        let fields: Vec<&[u8]> = line.splitn(6, |&byte| byte == b' ').collect();
        let digest = std::str::from_utf8(fields[3]).unwrap();
        let (algorithm, hex) = digest.split_once(':').unwrap_or(("sha1", digest));
        let digest = decode_hex(hex.as_bytes()).unwrap();
        (algorithm.parse().unwrap(), digest, fields[4].to_vec())
    };
    lines.into_iter().map(parse).collect()
}

#[test]
fn entries_of_real_lists_are_judged_as_the_images_say() {
    let Some(corpus) = corpus() else { return };
    for name in ["clean", "sig", "violation", "legacy-sha1"] {
        let directory = corpus.join(name);
        let case: Value = serde_json::from_slice(&fs::read(directory.join("case.json")).unwrap()).unwrap();
        let set = truth(&corpus, &case);
        let list = fs::read(directory.join("ascii_runtime_measurements")).unwrap();
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (algorithm, digest, path) in entries(&list) {
            let near = || set.near(Section::Digests, &path, algorithm, &digest, 5);
            let kind = match set.judge(Section::Digests, &path, algorithm, &digest) {
                _ if path == b"boot_aggregate" => "boot_aggregate",
                _ if digest.iter().all(|&byte| byte == 0) => "violation",
                Judgement::Listed(_) => "match",
                Judgement::OtherDigest => "path-known-digest-differs",
                Judgement::NotListed if near().iter().any(|near| near.kind == NearKind::SameDigest) => {
                    "digest-known-path-differs"
                }
                _ => "unknown",
            };
            *counts.entry(kind).or_default() += 1;
        }
        let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
        for (kind, count) in case["match_counts"].as_object().unwrap() {
            // The collection compares with names as the image has them; here they are spelled as IMA does.
            let kind = kind.strip_suffix("-after-space-to-underscore").unwrap_or(kind);
            *expected.entry(kind).or_default() += count.as_u64().unwrap();
        }
        assert_eq!(counts, expected, "{name}");
    }
}
