//! A quote: its own checks, and what it says that the replay has to reach.

use ima_assay_digest::{Algorithm, Digest, hex};

use super::evidence::{Evidence, Options, QuoteEvidence};
use super::finding::{Finding, FindingCode};
use super::goals::{name_uncovered, pcr_name};
use super::recorder::Recorder;
use super::report::{QuoteCheckReport, QuoteReport};
use super::unchecked::Unchecked;
use crate::measurement::Composite;
use crate::quote::{self, Attest, NotChecked, Outcome, QuoteCheck, QuoteFailure, verify_quote};

/// A quote that was checked, all but for the replay.
#[derive(Default)]
pub(super) struct Quoted<'e> {
    pub(super) report: QuoteReport,
    pub(super) attest: Option<Attest<'e>>,
    /// The digest to reach, if values of PCRs that the list leads to were not given.
    pub(super) composite: Option<Composite>,
    /// Whether Keylime would go on: it makes no demands on the key's attributes.
    pub(super) holds_for_keylime: bool,
}

/// What becomes of the digest in a quote.
enum Tie {
    /// All values were given.
    Given,
    /// The replay has to reach it.
    Replayed(Composite),
    /// A value is missing that the list does not lead to, or a bank is not known.
    Impossible(String),
}

/// Checks a quote, if there is one.
pub(super) fn examine<'e>(
    evidence: &Evidence<'e>,
    options: &Options,
    recorder: &mut Recorder,
    unchecked: &mut Unchecked,
) -> Quoted<'e> {
    let Some(given) = &evidence.quote else {
        unchecked.add("quote signature: not given");
        return Quoted {
            holds_for_keylime: true,
            ..Quoted::default()
        };
    };
    let attest = Attest::parse(given.message).ok();
    let tie = attest
        .as_ref()
        .map(|attest| tie(attest, given, evidence, options));
    let required = attest
        .as_ref()
        .map(|attest| required(attest, options))
        .unwrap_or_default();
    let is_given = matches!(tie, Some(Tie::Given));
    let report = verify_quote(&QuoteCheck {
        message: given.message,
        signature: &given.signature,
        key: given.key,
        accepted: &given.accepted,
        nonce: given.nonce,
        required: &required,
        pcrs: is_given.then_some(&evidence.pcrs),
    });
    for failure in report.failures() {
        let (code, hint) = match failure {
            QuoteFailure::Nonce(_) => (
                FindingCode::NonceMismatch,
                "the quote is an old one, or was made for somebody else",
            ),
            _ => (FindingCode::QuoteInvalid, "ask the machine for a new quote"),
        };
        recorder.strict_whole({
            let finding = Finding::new(code, failure.to_string(), hint);
            match (failure, given.nonce) {
                (QuoteFailure::Nonce(failure), Some(nonce)) => {
                    finding.found(hex(&failure.found)).expected([hex(nonce)])
                }
                _ => finding,
            }
        });
    }
    for (check, why) in report.unchecked() {
        let is_tied = check == "PCR values" && matches!(tie, Some(Tie::Replayed(_)));
        if why != NotChecked::MessageUnreadable && !is_tied {
            unchecked.add(format!("quote {check}: {why}"));
        }
    }
    if let Some(attest) = &attest {
        name_uncovered(attest, &evidence.pcrs, unchecked);
    }
    let mut checks = checks(&report);
    let mut is_verified = report.holds();
    let composite = match tie {
        Some(Tie::Replayed(composite)) => Some(composite),
        Some(Tie::Impossible(why)) => {
            is_verified = false;
            recorder.strict_whole({
                Finding::new(
                    FindingCode::QuoteInvalid,
                    why.clone(),
                    "give the values of all PCRs that the quote covers",
                )
            });
            if let Some(check) = checks.iter_mut().find(|check| check.name == "PCR values") {
                check.is_passed = Some(false);
                check.detail = Some(why);
            }
            None
        }
        _ => None,
    };
    let keylime_failures = report.failures();
    Quoted {
        holds_for_keylime: keylime_failures
            .iter()
            .all(|failure| matches!(failure, QuoteFailure::Key(_) | QuoteFailure::Selection(_))),
        report: QuoteReport {
            is_verified: Some(is_verified),
            checks,
            selection: attest.as_ref().map(selection).unwrap_or_default(),
        },
        attest,
        composite,
    }
}

/// Every PCR that is to be trusted, in each bank that covers it; in one that does not if none does.
fn required(attest: &Attest<'_>, options: &Options) -> Vec<(Algorithm, u8)> {
    let mut required = Vec::new();
    for &index in &options.pcrs {
        let mut covering = attest
            .selection
            .banks()
            .iter()
            .filter_map(|selected| selected.bank().filter(|_| selected.pcrs.contains(index)))
            .peekable();
        if covering.peek().is_none() {
            required.push((Algorithm::Sha256, index));
        }
        required.extend(covering.map(|bank| (bank, index)));
    }
    required
}

fn tie(attest: &Attest<'_>, given: &QuoteEvidence<'_>, evidence: &Evidence<'_>, options: &Options) -> Tie {
    let mut chosen = Vec::new();
    let mut is_missing = false;
    for (selected, index) in attest.selection.pcrs() {
        let Some(bank) = selected.bank() else {
            let id = selected.algorithm_id;
            return Tie::Impossible(format!(
                "PCRs of a bank with the unknown algorithm {id:#06x} are quoted"
            ));
        };
        if evidence.pcrs.get(bank, index).is_none() {
            if !options.pcrs.contains(&index) {
                let name = pcr_name(bank, index.into());
                return Tie::Impossible(format!("PCR {name} is quoted, and its value is not given"));
            }
            is_missing = true;
        }
        chosen.push((bank, u32::from(index)));
    }
    if !is_missing {
        return Tie::Given;
    }
    match Digest::new(given.signature.hash(), attest.pcr_digest) {
        Ok(digest) => Tie::Replayed(Composite {
            selection: chosen,
            digest,
        }),
        Err(_) => Tie::Impossible(
            "the digest of the PCR values has not the length of the signature's hash".to_owned(),
        ),
    }
}

fn selection(attest: &Attest<'_>) -> Vec<String> {
    let name = |(selected, index): (crate::tpm::BankSelection, u8)| match selected.bank() {
        Some(bank) => pcr_name(bank, index.into()),
        None => format!("{:#06x}:{index}", selected.algorithm_id),
    };
    attest.selection.pcrs().map(name).collect()
}

fn checks(report: &quote::QuoteReport<'_>) -> Vec<QuoteCheckReport> {
    let failures = report.failures();
    let detail = |is_this: fn(&QuoteFailure<'_>) -> bool| {
        let failure = failures.iter().find(|failure| is_this(failure));
        failure.map(ToString::to_string)
    };
    let row =
        |name, is_passed: Option<bool>, why: Option<NotChecked>, failure: Option<String>| QuoteCheckReport {
            name,
            is_passed,
            detail: failure.or_else(|| why.map(|why| why.to_string())),
        };
    let of = |outcome: Told| (outcome.0, outcome.1);
    let (key, key_why) = of(told(&report.key));
    let (signature, signature_why) = of(told(&report.signature));
    let (nonce, nonce_why) = of(told(&report.nonce));
    let (chosen, chosen_why) = of(told(&report.selection));
    let (values, values_why) = of(told(&report.pcr_digest));
    vec![
        row(
            "key attributes",
            key,
            key_why,
            detail(|failure| matches!(failure, QuoteFailure::Key(_))),
        ),
        row(
            "signature",
            signature,
            signature_why,
            detail(|failure| matches!(failure, QuoteFailure::Signature(_))),
        ),
        row(
            "message",
            Some(report.message.is_ok()),
            None,
            detail(|failure| matches!(failure, QuoteFailure::Message(_))),
        ),
        row(
            "nonce",
            nonce,
            nonce_why,
            detail(|failure| matches!(failure, QuoteFailure::Nonce(_))),
        ),
        row(
            "selection",
            chosen,
            chosen_why,
            detail(|failure| matches!(failure, QuoteFailure::Selection(_))),
        ),
        row(
            "PCR values",
            values,
            values_why,
            detail(|failure| matches!(failure, QuoteFailure::PcrDigest(_))),
        ),
    ]
}

type Told = (Option<bool>, Option<NotChecked>);

fn told<F>(outcome: &Outcome<F>) -> Told {
    match outcome {
        Outcome::Passed => (Some(true), None),
        Outcome::Failed(_) => (Some(false), None),
        Outcome::NotChecked(why) => (None, Some(*why)),
    }
}
