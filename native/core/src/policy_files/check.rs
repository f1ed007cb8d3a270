//! Who signed a policy, and whether a verifier would take it.

use std::cell::RefCell;
use std::sync::Arc;

use ima_assay_digest::{Algorithm, Control, hash};
use serde_json::{Value, json};

use crate::evidence::{EvidenceError, FileReader};
use crate::policy::{
    KeylimeStanding, Problem, ReadLimits, ReadOptions, SignatureStatus, read, read_envelope,
};
use crate::signature::{Envelope, EnvelopeKey, EnvelopeOutcome, EnvelopeRefusal};

/// Problems that a check lists; all are counted.
const MAX_PROBLEMS: usize = 1000;

/// Checks a policy: who signed it, and whether a Keylime verifier would take it. As JSON:
///
/// ```text
/// {"shape":"runtime-policy","bytes":N,"sha256":"hex","signature":{"status":"unsigned"|"unchecked"|"verified"|"failed",
///  "problem":"…"|null,"key":"EC P-256"|null,"keyId":"…"|null,"keyIds":["…"|null]},
///  "keylime":"taken"|"taken-converted"|"refused","problems":{"count":N,"first":[{"code":"…","problem":"…",
///  "at":"digests[…]","isRefused":true}]}}
/// ```
///
/// # Errors
/// [`EvidenceError`]: a file cannot be read, or is no policy or no key.
pub fn check_policy(
    name: &[u8],
    key_names: &[Vec<u8>],
    control: &Arc<Control>,
) -> Result<Value, EvidenceError> {
    let reader = FileReader { control };
    let keys = reader.envelope_keys(key_names)?;
    let limits = ReadLimits::default();
    let bytes = reader.bytes(name, limits.max_bytes)?;
    let signature = RefCell::new(None);
    let look = |envelope: &Envelope| {
        *signature.borrow_mut() = Some(describe_signature(Some(envelope), &keys));
        SignatureStatus::Unchecked
    };
    let options = ReadOptions {
        check_signatures: Some(&look),
        ..ReadOptions::default()
    };
    let policy = read(&bytes, name, &options).map_err(|error| EvidenceError::malformed(name, error))?;
    let validation = policy.validate(MAX_PROBLEMS);
    let problems: Vec<Value> = validation.problems.iter().map(describe_problem).collect();
    Ok(json!({
        "shape": policy.shape().name(),
        "bytes": bytes.len(),
        "sha256": hash(Algorithm::Sha256, &bytes).to_string(),
        "signature": signature.take().unwrap_or_else(|| describe_signature(None, &keys)),
        "keylime": match policy.keylime().standing() {
            KeylimeStanding::Taken => "taken",
            KeylimeStanding::TakenConverted => "taken-converted",
            KeylimeStanding::Refused => "refused",
        },
        "problems": {"count": validation.total(), "first": problems},
    }))
}

fn describe_signature(envelope: Option<&Envelope>, keys: &[EnvelopeKey]) -> Value {
    let Some(envelope) = envelope else {
        let problem = (!keys.is_empty()).then(|| EnvelopeRefusal::Unsigned.to_string());
        return json!({"status": "unsigned", "problem": problem, "key": null, "keyId": null, "keyIds": []});
    };
    let ids: Vec<Option<&str>> = envelope
        .signatures
        .iter()
        .map(|signature| signature.key_id.as_deref())
        .collect();
    match envelope.verify(keys) {
        EnvelopeOutcome::Valid { key, key_id } => json!({
            "status": "verified", "problem": null, "key": key.kind().to_string(), "keyId": key_id, "keyIds": ids,
        }),
        EnvelopeOutcome::Invalid(refusal) => json!({
            "status": if keys.is_empty() { "unchecked" } else { "failed" },
            "problem": refusal.to_string(), "key": null, "keyId": null, "keyIds": ids,
        }),
    }
}

/// A problem as JSON.
fn describe_problem(problem: &Problem) -> Value {
    json!({
        "code": problem.code.name(),
        "problem": problem.problem,
        "at": problem.location.to_string(),
        "isRefused": problem.code.is_refused_by_keylime(),
    })
}

/// The envelope that a policy is to be signed in: a new one around a plain policy, or the one that it is in.
///
/// # Errors
/// [`EvidenceError`]: the file cannot be read, or is no policy.
pub fn envelope_for(name: &[u8], control: &Arc<Control>) -> Result<Envelope, EvidenceError> {
    let reader = FileReader { control };
    let options = ReadOptions::default();
    let bytes = reader.bytes(name, options.limits.max_bytes)?;
    let envelope = read_envelope(&bytes, &options).map_err(|error| EvidenceError::malformed(name, error))?;
    Ok(envelope.unwrap_or_else(|| Envelope::around(bytes)))
}
