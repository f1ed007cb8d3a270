//! Lists of real kernels, with the quotes of their TPM and the digests of their files.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use super::*;
use crate::pcr::{PcrContext, parse_pcr_values};
use crate::quote::{Accepted as AcceptedSignatures, AttestationKey, QuoteSignature};
use crate::signature::{Keyring, Provenance};
use crate::testing::{shared, unhex};

struct Machine {
    folder: PathBuf,
    facts: Value,
    policies: PolicySet,
    pcrs: PcrValues,
}

const MACHINES: [&str; 4] = ["clean", "legacy-sha1", "sig", "violation"];

fn machine(id: &str) -> Option<Machine> {
    let root = shared("corpus")?;
    let folder = root.join(id);
    let facts: Value = serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
    let truth = facts["truth"].as_array().unwrap().iter();
    let allowlists = truth.map(|path| {
        let path = path.as_str().unwrap();
        let mut text = Vec::new();
        let packed = fs::read(root.join(path)).unwrap();
        flate2::read::MultiGzDecoder::new(&packed[..])
            .read_to_end(&mut text)
            .unwrap();
        read(&text, path.as_bytes(), &ReadOptions::default()).unwrap()
    });
    let policies = PolicySet::new(allowlists.collect());
    let pcrs = parse_pcr_values(&fs::read(folder.join("pcrs")).unwrap(), &PcrContext::default()).unwrap();
    Some(Machine {
        policies,
        pcrs: pcrs.values,
        folder,
        facts,
    })
}

impl Machine {
    fn file(&self, path: &str) -> Vec<u8> {
        fs::read(self.folder.join(path)).unwrap()
    }

    fn verify(&self, list: &str, change: impl Fn(&mut Evidence<'_>, &mut Options)) -> [Report; 2] {
        verify_both(&self.file(list), &self.policies, |evidence, options| {
            evidence.pcrs = self.pcrs.clone();
            change(evidence, options);
        })
    }

    /// What the case says that does not match.
    fn expected(&self) -> Vec<(u64, FindingCode)> {
        let number = |entry: &Value| entry.as_u64().unwrap();
        let rows = self.facts["entries_that_do_not_plainly_match"]
            .as_array()
            .unwrap()
            .iter();
        let mut expected: Vec<_> = rows
            .filter_map(|row| {
                let code = match row["why"].as_str().unwrap() {
                    "path-known-digest-differs" => FindingCode::DigestMismatch,
                    "digest-known-path-differs" | "unknown" => FindingCode::NotListed,
                    "match-after-space-to-underscore" => return None,
                    other => panic!("{other}"),
                };
                Some((number(&row["entry"]), code))
            })
            .collect();
        let violations = self.facts["violation_entries"].as_array().unwrap().iter();
        expected.extend(violations.map(|entry| (number(entry), FindingCode::Violation)));
        expected.sort_unstable();
        expected
    }
}

const LISTS: [&str; 2] = ["ascii_runtime_measurements", "binary_runtime_measurements"];

#[test]
fn real_lists_are_judged_as_the_files_of_their_images_say() {
    for id in MACHINES {
        let Some(machine) = machine(id) else { return };
        for list in LISTS {
            let [report, _] = machine.verify(list, |_, _| {});
            assert_eq!(codes(&report), machine.expected(), "{id} {list}");
            let entries = machine.facts["entries"].as_u64().unwrap();
            assert_eq!(report.list.entries, entries, "{id} {list}");
            let failed = u64::try_from(machine.expected().len()).unwrap();
            assert_eq!(report.accepted.listed, entries - failed, "{id} {list}");
            for row in &report.pcrs {
                let fact = &machine.facts["pcr10"][crate::measurement::bank_name(row.bank)]["value"];
                assert_eq!(row.replayed.to_string(), fact.as_str().unwrap(), "{id} {list}");
                assert_eq!(row.matched_entries, Some(entries), "{id} {list}");
            }
            assert_eq!(report.pcrs.len(), 2, "{id} {list}");
            assert!(
                report
                    .unchecked
                    .iter()
                    .all(|line| !line.contains("boot_aggregate"))
            );
        }
    }
}

#[test]
fn real_signatures_are_judged_as_they_were_made() {
    let Some(machine) = machine("sig") else { return };
    let mut keys = Keyring::new();
    for name in ["vendor.der", "vendor2.pem"] {
        let file = machine.file(&format!("keys/{name}"));
        keys.add(&file, &Provenance::Given(name.into())).unwrap();
    }
    for list in LISTS {
        let [report, keylime] = machine.verify(list, |evidence, _| evidence.keys = keys.clone());
        let found = |code| {
            let findings = report.findings.iter().filter(|finding| finding.code == code);
            let mut paths: Vec<_> = findings.map(|finding| finding.path.clone().unwrap()).collect();
            paths.sort_unstable();
            paths
        };
        assert_eq!(found(FindingCode::SignatureKeyUnknown), ["/usr/bin/stat"]);
        assert_eq!(
            found(FindingCode::SignatureInvalid),
            ["/usr/bin/base64", "/usr/bin/date"]
        );
        assert_eq!(found(FindingCode::SignatureMalformed), ["/usr/bin/cut"]);
        assert_eq!(report.finding_count, 4);
        // A malformed signature is one byte long, which Keylime drops before it computes the hash.
        let cut = report
            .findings
            .iter()
            .find(|finding| finding.code == FindingCode::SignatureMalformed);
        let entry = cut.unwrap().entry.unwrap();
        let of_entries: Vec<_> = events(&keylime).into_iter().filter(|(at, _)| *at > 1).collect();
        assert_eq!(of_entries, [(entry, "ima.validation.ima_hash")]);
        // Without an allowlist the signed files pass, and only they.
        let nothing = policies(&json!({}));
        let [report, _] = verify_both(&machine.file(list), &nothing, |evidence, _| {
            evidence.keys = keys.clone()
        });
        assert!(report.accepted.signed > 20, "{}", report.accepted.signed);
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.path.as_deref() == Some("/usr/bin/df"))
        );
    }
}

#[test]
fn real_quotes_hold_and_cover_the_list() {
    for id in MACHINES {
        let Some(machine) = machine(id) else { return };
        let nonce = unhex(std::str::from_utf8(&machine.file("quote/nonce")).unwrap());
        let policies = PolicySet::default();
        for name in [
            "sha256-10",
            "sha1-10",
            "sha1-10-sha256-10",
            "sha256-0to10",
            "ecc-sha256-10",
        ] {
            let message = machine.file(&format!("quote/{name}.msg"));
            let signature = machine.file(&format!("quote/{name}.sig"));
            let key = if name.starts_with("ecc") {
                "quote/akecc.tpmt"
            } else {
                "quote/ak.tpm2b"
            };
            let key = AttestationKey::parse(&machine.file(key)).unwrap();
            let quote = QuoteEvidence {
                message: &message,
                signature: QuoteSignature::parse(&signature).unwrap(),
                key: &key,
                accepted: AcceptedSignatures::default(),
                nonce: Some(&nonce),
            };
            for list in LISTS {
                let list = machine.file(list);
                // With the values that the machine read, and without any where the quote is of PCR 10 alone.
                for pcrs in [machine.pcrs.clone(), PcrValues::default()] {
                    let is_enough = !pcrs.is_empty() || !name.contains("0to10");
                    let mut evidence = Evidence::new(source(&list), &policies);
                    evidence.quote = Some(quote.clone());
                    evidence.pcrs = pcrs;
                    let report = verify(evidence, &Options::default()).unwrap();
                    assert_eq!(
                        report.quote.is_verified,
                        Some(is_enough),
                        "{id} {name} {:?}",
                        report.findings
                    );
                    let of_quote: Vec<_> = codes(&report)
                        .into_iter()
                        .filter(|(entry, _)| *entry == 0)
                        .collect();
                    assert_eq!(of_quote.is_empty(), is_enough, "{id} {name}");
                }
                // A bit less of the list is not enough.
                let mut evidence = Evidence::new(source(&list[..list.len() - 1]), &policies);
                evidence.quote = Some(quote.clone());
                evidence.pcrs = machine.pcrs.clone();
                let report = verify(evidence, &Options::default()).unwrap();
                let is_ascii = list.starts_with(b"10 ");
                assert_eq!(
                    report.strict_verdict == Verdict::Pass,
                    is_ascii && id != "violation",
                    "{id} {name}"
                );
            }
        }
    }
}
