//! Lists made by hand, and lists that others made.

mod bypasses;
mod corpus;
mod keylime;
mod list;
mod oracle;
mod signatures;
mod strict;
mod vectors;

use ima_assay_digest::{Algorithm, Digest, hash};
use list::{List, hello};
use serde_json::{Value, json};

use super::*;
use crate::measurement::Source;
use crate::pcr::PcrValues;
use crate::policy::{Policy, PolicySet, ReadOptions, read};

/// A runtime policy with these members in place of the empty ones.
fn full_policy(members: &Value) -> Value {
    let mut policy = json!({
        "meta": {"version": 1, "generator": 3},
        "release": 0,
        "digests": {},
        "excludes": [],
        "keyrings": {},
        "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": null},
        "ima-buf": {},
        "verification-keys": "",
    });
    for (name, value) in members.as_object().unwrap() {
        policy[name] = value.clone();
    }
    policy
}

fn policy(members: &Value) -> Policy {
    let text = full_policy(members).to_string();
    read(text.as_bytes(), b"policy.json", &ReadOptions::default()).unwrap()
}

fn policies(members: &Value) -> PolicySet {
    PolicySet::new(vec![policy(members)])
}

/// A policy that lists `hello` and the boot aggregate.
fn usual() -> PolicySet {
    policies(&json!({"digests": {
        "/usr/bin/hello": [hello().to_string()],
        "boot_aggregate": [list::boot().to_string()],
    }}))
}

fn source(bytes: &[u8]) -> Vec<Source<'_>> {
    vec![Box::new(bytes)]
}

/// Verifies by both rules. What they say must not depend on which one is chosen.
fn verify_both(
    list: &[u8],
    policies: &PolicySet,
    change: impl Fn(&mut Evidence<'_>, &mut Options),
) -> [Report; 2] {
    let [strict, keylime] = [Rules::Strict, Rules::Keylime].map(|rules| {
        let mut options = Options {
            rules,
            ..Options::default()
        };
        let mut evidence = Evidence::new(source(list), policies);
        change(&mut evidence, &mut options);
        verify(evidence, &options).unwrap()
    });
    assert_eq!(strict.strict_verdict, keylime.strict_verdict);
    assert_eq!(strict.keylime_verdict, keylime.keylime_verdict);
    assert_eq!(strict.differences, keylime.differences);
    assert_eq!(strict.accepted, keylime.accepted);
    let is_fail = |report: &Report| report.verdict() == Verdict::Fail;
    assert_eq!(is_fail(&strict), strict.finding_count > 0);
    assert_eq!(is_fail(&keylime), keylime.finding_count > 0);
    let parsed: Value = serde_json::from_str(&strict.to_json()).unwrap();
    assert_eq!(parsed["verdict"], strict.verdict().name());
    assert_eq!(
        parsed["findings"].as_array().unwrap().len(),
        strict.findings.len()
    );
    [strict, keylime]
}

/// Entry and code of each finding.
fn codes(report: &Report) -> Vec<(u64, FindingCode)> {
    let findings = report.findings.iter();
    findings
        .map(|finding| (finding.entry.unwrap_or(0), finding.code))
        .collect()
}

/// Entry and event of each finding by Keylime's rules.
fn events(report: &Report) -> Vec<(u64, &'static str)> {
    let findings = report.findings.iter();
    findings
        .map(|finding| (finding.entry.unwrap_or(0), finding.event.unwrap()))
        .collect()
}

/// Values of PCR 10 after a list, by the rules of Linux 5.8.
fn pcr_10(list: &List, bank: Algorithm, entries: usize) -> PcrValues {
    let mut value = vec![0; bank.len()];
    for extension in list.extensions(bank).into_iter().take(entries) {
        value.extend_from_slice(&extension);
        value = hash(bank, &value).bytes().to_vec();
    }
    let mut values = PcrValues::default();
    values.insert(10, Digest::new(bank, &value).unwrap()).unwrap();
    values
}
