//! Lists that others made, with what a right verifier finds in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::allowlist::Builder;
use crate::pcr::{PcrContext, parse_pcr_values};
use crate::quote::{Accepted as AcceptedSignatures, Attest, AttestationKey, QuoteSignature};
use crate::signature::{Keyring, Provenance};
use crate::testing::{shared, unhex};

/// A case of the collection.
struct Case {
    folder: PathBuf,
    facts: Value,
}

fn cases() -> Vec<Case> {
    let Some(root) = shared("vectors/ima-log") else {
        return Vec::new();
    };
    let index: Value = serde_json::from_slice(&fs::read(root.join("index.json")).unwrap()).unwrap();
    let ids = index.as_array().unwrap().iter();
    ids.map(|row| case(&root, row["id"].as_str().unwrap())).collect()
}

fn case(root: &Path, id: &str) -> Case {
    let folder = root.join(id);
    let facts = serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
    Case { folder, facts }
}

fn named(id: &str) -> Option<Case> {
    Some(case(&shared("vectors/ima-log")?, id))
}

impl Case {
    fn id(&self) -> &str {
        self.facts["id"].as_str().unwrap()
    }

    /// The sound lists that hold the whole of it, with their names.
    fn lists(&self) -> Vec<(String, Vec<u8>)> {
        let files = self.facts["files"].as_array().unwrap().iter();
        files
            .filter(|file| {
                let path = file["path"].as_str().unwrap();
                let is_list = matches!(file["kind"].as_str(), Some("ascii" | "binary"));
                is_list && !path.contains('/') && !path.ends_with("with_tail") && file.get("part").is_none()
            })
            .map(|file| {
                let path = file["path"].as_str().unwrap();
                (format!("{}/{path}", self.id()), self.file(path))
            })
            .collect()
    }

    fn file(&self, path: &str) -> Vec<u8> {
        fs::read(self.folder.join(path)).unwrap()
    }

    fn entries(&self) -> &[Value] {
        self.facts["entries"].as_array().unwrap()
    }

    /// Policies that list everything that was measured.
    fn policies(&self) -> PolicySet {
        let mut files = Builder::default();
        let origin = files.origin(b"all");
        let mut buffers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in self.entries() {
            let fields = entry["fields"].as_array().unwrap();
            let field = |ids: &[&str]| {
                fields
                    .iter()
                    .find(|field| ids.contains(&field["id"].as_str().unwrap()))
            };
            let Some(measured) = field(&["d", "d-ng", "d-ngv2"]) else {
                continue;
            };
            let name = field(&["n", "n-ng"]).unwrap();
            let mut name = match name["hex"].as_str() {
                Some(hex) => unhex(hex),
                None => name["text"].as_str().unwrap().into(),
            };
            name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
            let bytes = unhex(
                measured["digest"]
                    .as_str()
                    .unwrap_or(measured["hex"].as_str().unwrap()),
            );
            if field(&["buf"]).is_some() {
                let name = String::from_utf8(name).unwrap();
                buffers.entry(name).or_default().push(crate::testing::hex(&bytes));
                continue;
            }
            let algorithm = match measured["algorithm"].as_str() {
                Some(name) if !name.is_empty() => name.parse().unwrap(),
                _ if bytes.len() == 16 => Algorithm::Md5,
                _ => Algorithm::Sha1,
            };
            files.insert(&name, &Digest::new(algorithm, &bytes).unwrap(), origin, None);
        }
        let mut policies = Policy::from_allowlist(&files.build()).unwrap();
        policies.push(policy(&json!({"keyrings": buffers, "ima-buf": buffers})));
        PolicySet::new(policies)
    }

    /// PCR values under one of the case's headings.
    fn pcrs(&self, values: &Value) -> PcrValues {
        let mut pcrs = PcrValues::default();
        for (bank, values) in values.as_object().unwrap() {
            let bank: Algorithm = bank.parse().unwrap();
            let one = json!({"10": values});
            let values = if values.is_object() { values } else { &one };
            for (index, value) in values.as_object().unwrap() {
                let value = Digest::from_hex(bank, value.as_str().unwrap()).unwrap();
                pcrs.insert(index.parse().unwrap(), value).unwrap();
            }
        }
        pcrs
    }

    fn keys(&self) -> Keyring {
        let mut keys = Keyring::new();
        for file in self.facts["files"].as_array().unwrap() {
            if file["kind"] == "key" {
                let path = file["path"].as_str().unwrap();
                keys.add(&self.file(path), &Provenance::Given(path.into()))
                    .unwrap();
            }
        }
        keys
    }

    /// Verifies against everything that was measured, and these PCR values.
    fn verify(
        &self,
        list: &[u8],
        pcrs: &PcrValues,
        change: impl Fn(&mut Evidence<'_>, &mut Options),
    ) -> Report {
        let policies = self.policies();
        let [strict, _] = verify_both(list, &policies, |evidence, options| {
            evidence.pcrs = pcrs.clone();
            options.pcrs = (0..24).collect();
            change(evidence, options);
        });
        strict
    }

    /// What is wrong with the entries of a genuine list, counted from 1.
    fn faults(&self) -> Vec<(u64, FindingCode)> {
        let code = |entry: &Value| match entry {
            _ if entry["violation"] == true => Some(FindingCode::Violation),
            _ if entry["bufferDigestMatches"] == false => Some(FindingCode::BufferDigestMismatch),
            _ => None,
        };
        let entries = self.entries().iter();
        entries
            .filter_map(|entry| Some((entry["n"].as_u64().unwrap() + 1, code(entry)?)))
            .collect()
    }
}

#[test]
fn sound_lists_pass_but_for_their_violations() {
    for case in cases() {
        if case.id().starts_with("tamper") || matches!(case.id(), "violation-forged" | "padded" | "segments")
        {
            continue;
        }
        let pcrs = case.pcrs(&case.facts["pcrs"]["perBank"]);
        for (name, list) in case.lists() {
            let report = case.verify(&list, &pcrs, |_, _| {});
            assert_eq!(codes(&report), case.faults(), "{name}");
            let entries = report.list.entries;
            assert_eq!(entries, u64::try_from(case.entries().len()).unwrap(), "{name}");
            assert!(
                report.pcrs.iter().all(|row| row.matched_entries.is_some()),
                "{name}"
            );
            let values = report.pcrs.iter().filter(|row| row.expected.is_some()).count();
            assert_eq!(values, pcrs.len(), "{name}");
            let listed = entries - u64::try_from(case.faults().len()).unwrap();
            assert_eq!(report.accepted.listed, listed, "{name}");
        }
    }
}

#[test]
fn a_list_from_before_linux_5_8_pads_sha1() {
    let Some(case) = named("padded") else { return };
    let pcrs = case.pcrs(&case.facts["pcrs"]["sha1Padded"]);
    for (name, list) in case.lists() {
        let report = case.verify(&list, &pcrs, |_, _| {});
        assert_eq!(codes(&report), case.faults(), "{name}");
        assert!(
            report
                .pcrs
                .iter()
                .all(|row| row.rule == crate::measurement::Rule::PaddedSha1)
        );
    }
}

#[test]
fn altered_lists_are_found_and_told_where() {
    use FindingCode::{PcrMismatch, TemplateHashMismatch, Violation};
    // What is found in the sha1 and in the sha256 list against the true values of all banks. The replay extends
    // what the list's own bank records, so one bank can still fit.
    let rows: [(&str, &[(u64, FindingCode)]); 7] = [
        ("tamper-both", &[(0, PcrMismatch); 4]),
        ("tamper-order", &[(0, PcrMismatch); 4]),
        ("tamper-removed", &[(0, PcrMismatch); 4]),
        ("log-behind", &[(0, PcrMismatch); 4]),
        ("tamper-pcr", &[(0, PcrMismatch); 4]),
        (
            "violation-forged",
            &[
                (0, PcrMismatch),
                (0, PcrMismatch),
                (0, PcrMismatch),
                (0, PcrMismatch),
                (2, Violation),
            ],
        ),
        ("tamper-data", &[(4, TemplateHashMismatch)]),
    ];
    for (id, expected) in rows {
        let Some(case) = named(id) else { return };
        let pcrs = case.pcrs(&case.facts["expect"]["truePcrs"]);
        for (name, list) in case.lists() {
            let report = case.verify(&list, &pcrs, |_, _| {});
            let found = codes(&report);
            if id == "tamper-data" {
                assert_eq!(found.last(), expected.last(), "{name}");
                let bank: Algorithm = name.rsplit('_').next().unwrap().parse().unwrap();
                let is_reached = |row: &&PcrReport| row.matched_entries.is_some();
                let reached: Vec<_> = report
                    .pcrs
                    .iter()
                    .filter(is_reached)
                    .map(|row| row.bank)
                    .collect();
                assert_eq!(reached, [bank], "{name}");
            } else {
                assert_eq!(found, expected, "{name}");
            }
        }
    }
    let Some(case) = named("tamper-one-bank") else {
        return;
    };
    let pcrs = case.pcrs(&case.facts["expect"]["truePcrs"]);
    for (name, list) in case.lists() {
        let report = case.verify(&list, &pcrs, |_, _| {});
        assert_eq!(
            report.verdict() == Verdict::Pass,
            name.ends_with("sha1"),
            "{name}"
        );
    }
}

#[test]
fn entries_behind_the_quoted_state_are_named() {
    let Some(case) = named("extra-entries") else {
        return;
    };
    let pcrs = case.pcrs(&case.facts["expect"]["truePcrs"]);
    for (name, list) in case.lists() {
        let report = case.verify(&list, &pcrs, |_, _| {});
        assert_eq!(report.verdict(), Verdict::Pass, "{name}");
        assert!(
            report.pcrs.iter().all(|row| row.matched_entries == Some(6)),
            "{name}"
        );
        assert!(
            report
                .unchecked
                .iter()
                .any(|line| line.starts_with("entries 7 to 9:")),
            "{name}"
        );
    }
}

#[test]
fn boot_aggregates_follow_from_the_boot_pcrs() {
    for id in ["ng-sha1", "ng-sha256"] {
        let Some(case) = named(id) else { return };
        let boot = case.pcrs(&case.facts["expect"]["bootAggregate"]["fromPcrs"]);
        let nothing = policies(&json!({"excludes": ["/"]}));
        for (name, list) in case.lists() {
            let [strict, keylime] = verify_both(&list, &nothing, |evidence, _| evidence.pcrs = boot.clone());
            assert_eq!(strict.verdict(), Verdict::Pass, "{name}");
            assert_eq!(strict.accepted.listed, 1, "{name}");
            assert_eq!(keylime.verdict(), Verdict::Fail, "{name}");
        }
    }
}

#[test]
fn signatures_are_judged_one_by_one() {
    for id in ["sig-v2", "sigv2-verity", "modsig", "evm-sig"] {
        let Some(case) = named(id) else { return };
        let expected = |entry: &Value| {
            let told = ["signature", "appendedSignature", "evmSignature"].map(|name| entry[name].as_str());
            let told = told.into_iter().flatten().find(|told| *told != "absent")?;
            Some(match told.split(':').next().unwrap() {
                "good" | "absent" | "EVM portable signature" => return None,
                "bad" | "unsupported" => FindingCode::SignatureInvalid,
                "unknown key" => FindingCode::SignatureKeyUnknown,
                "malformed" => FindingCode::SignatureMalformed,
                other => panic!("{other}"),
            })
        };
        let number = |entry: &Value| entry["n"].as_u64().unwrap() + 1;
        let all: Vec<_> = case
            .entries()
            .iter()
            .filter_map(|entry| Some((number(entry), expected(entry)?)))
            .collect();
        let is_good = |entry: &&Value| {
            ["signature", "appendedSignature", "evmSignature"]
                .iter()
                .any(|name| entry[*name] == "good")
        };
        let good = case.entries().iter().filter(is_good).count();
        for (name, list) in case.lists() {
            // Everything is listed, so that only signatures can be wrong.
            let report = case.verify(&list, &PcrValues::default(), |evidence, _| {
                evidence.keys = case.keys()
            });
            let mut wanted = [&all[..], &case.faults()].concat();
            wanted.sort_unstable();
            assert_eq!(codes(&report), wanted, "{name}");
            // Nothing is listed, so that only signatures can be right.
            let [report, _] = verify_both(&list, &policies(&json!({})), |evidence, _| {
                evidence.keys = case.keys()
            });
            let signed = report.accepted.signed;
            assert_eq!(signed, u64::try_from(good).unwrap(), "{name}");
        }
    }
}

#[test]
fn parts_are_one_list_and_the_last_one_needs_a_start() {
    let Some(case) = named("segments") else { return };
    let after = |part: usize| case.pcrs(&case.facts["expect"]["pcr10AfterPart"][part]);
    let policies = case.policies();
    for kind in ["ascii", "binary"] {
        let file = |suffix: &str| case.file(&format!("{kind}_runtime_measurements_sha1{suffix}"));
        let parts = [file(".part0"), file(".part1"), file("")];
        let mut evidence = Evidence::new(Vec::new(), &policies);
        evidence.list = parts
            .iter()
            .map(|part| Box::new(&part[..]) as Source<'_>)
            .collect();
        evidence.pcrs = after(2);
        let report = verify(evidence, &Options::default()).unwrap();
        assert_eq!((report.verdict(), report.list.entries), (Verdict::Pass, 9));
        let mut evidence = Evidence::new(source(&parts[2]), &policies);
        evidence.pcrs = after(2);
        evidence.start = after(1);
        evidence.entries_before = 6;
        let report = verify(evidence, &Options::default()).unwrap();
        assert_eq!((report.verdict(), report.list.entries), (Verdict::Pass, 3));
        assert!(report.pcrs.iter().all(|row| row.matched_entries == Some(3)));
        let mut evidence = Evidence::new(source(&parts[2]), &policies);
        evidence.pcrs = after(2);
        let report = verify(evidence, &Options::default()).unwrap();
        assert!(codes(&report).contains(&(0, FindingCode::PcrMismatch)));
    }
}

#[test]
fn malformed_lists_are_never_clean() {
    // What the kernel did not write and the template hashes show to be whole all the same.
    let sound = [
        "ascii/no-final-newline",
        "ascii/crlf",
        "ascii/blank-lines",
        "ascii/upper-hex",
        "ascii/sig-stripped",
        "ascii/bom",
        "binary/ascii",
        "binary/wrong-bank",
        "binary/mixed-legacy",
    ];
    // Everything is listed or excluded, so that only the fault can be found.
    let policies = policies(&json!({"excludes": [""]}));
    for id in ["malformed-ascii", "malformed-binary"] {
        let Some(case) = named(id) else { return };
        for file in case.facts["files"].as_array().unwrap() {
            let path = file["path"].as_str().unwrap();
            let list = case.file(path);
            let evidence = Evidence::new(source(&list), &policies);
            let is_clean = match verify(evidence, &Options::default()) {
                Ok(report) => report.verdict() == Verdict::Pass,
                Err(error) => {
                    assert!(matches!(error, VerifyError::List(_)), "{path}: {error}");
                    false
                }
            };
            assert_eq!(is_clean, !path.contains('/') || sound.contains(&path), "{path}");
        }
    }
}

#[test]
fn quotes_are_tied_to_the_list() {
    let Some(case) = named("quotes") else { return };
    let policies = case.policies();
    let list = case.file("binary_runtime_measurements_sha1");
    let tail = case.file("ascii_with_tail");
    let all = case.pcrs(&case.facts["expect"]["pcrValues"]);
    let mut others = PcrValues::default();
    for (_, index, value) in all.iter().filter(|(_, index, _)| *index != 10) {
        others.insert(index, *value).unwrap();
    }
    for row in case.facts["expect"]["quotes"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let file = |file: &str| case.file(&format!("quotes/{name}/{file}"));
        let (message, signature, key) = (file("quote.msg"), file("quote.sig"), file("ak.tpm2b_public"));
        let nonce = unhex(row["nonce"].as_str().unwrap());
        let Ok(signature) = QuoteSignature::parse(&signature) else {
            assert_eq!(name, "truncated-sig");
            continue;
        };
        let key = AttestationKey::parse(&key).unwrap();
        let quote = QuoteEvidence {
            message: &message,
            signature,
            key: &key,
            accepted: AcceptedSignatures::default(),
            nonce: Some(&nonce),
        };
        let is_ok = row["ok"] == true;
        // The values in the quote's own file, all values, and only those that the list does not lead to.
        let selection = Attest::parse(&message).ok().map(|attest| attest.selection);
        let context = PcrContext {
            selection: selection.as_ref(),
            ..PcrContext::default()
        };
        let own = parse_pcr_values(&file("quote.pcrs"), &context).map(|file| file.values);
        for (what, pcrs) in [
            ("own", own.unwrap_or_default()),
            ("all", all.clone()),
            ("others", others.clone()),
        ] {
            if what == "all" && matches!(name, "pcrs-differ") {
                continue;
            }
            for list in [&list, &tail] {
                let mut evidence = Evidence::new(source(list), &policies);
                evidence.quote = Some(quote.clone());
                evidence.pcrs = pcrs.clone();
                let report = verify(evidence, &Options::default()).unwrap();
                // With the values of the other PCRs alone the altered values beside a quote do not matter; and a
                // file that calls the bank by another name is read as the signed selection has it.
                let is_ok = is_ok || name == "bank-differs" || (name, what) == ("pcrs-differ", "others");
                assert_eq!(
                    report.quote.is_verified,
                    Some(is_ok),
                    "{name} {what} {:?}",
                    report.findings
                );
                let beyond_quote = report.findings.iter().filter(|finding| {
                    !matches!(
                        finding.code,
                        FindingCode::QuoteInvalid | FindingCode::NonceMismatch | FindingCode::PcrMismatch
                    ) && finding.entry != Some(6)
                        && finding.entry != Some(7)
                });
                assert_eq!(beyond_quote.count(), 0, "{name} {what} {:?}", report.findings);
                let is_found = codes(&report).iter().any(|(entry, _)| *entry == 0);
                assert_eq!(is_found, !is_ok, "{name} {what} {:?}", report.findings);
                if name == "wrong-nonce" {
                    assert!(codes(&report).contains(&(0, FindingCode::NonceMismatch)));
                }
            }
        }
    }
}
