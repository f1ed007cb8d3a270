//! Policies made from files: each is read within bounds, told by its content, and added to a draft.

use std::sync::Arc;

use ima_assay_digest::{Algorithm, Control, Digest, hash};
use serde_json::{Value, json};

use crate::allowlist::Allowlist;
use crate::error::Explain;
use crate::evidence::{EvidenceError, FileReader, Files, open_list};
use crate::measurement::{Item, Limits, Reader};
use crate::policy::compose::{Choices, Draft, ListWants, OriginKind, Tally, compile_excludes};
use crate::policy::exclude::{ExcludeLimits, ExcludePattern, ExcludeSet, parse_exclude_list};
use crate::policy::explain::{ExcludeSource, Question, explain};
use crate::policy::{
    KeylimeStanding, LintFacts, PolicySet, Problem, ReadLimits, ReadOptions, Section, Severity, read,
    read_envelope,
};
use crate::signature::{Envelope, EnvelopeKey, EnvelopeOutcome, EnvelopeRefusal};

/// What a policy is made from. Names of files; `-` is standard input.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Digests of images.
    pub images: Vec<Arc<Allowlist>>,
    /// Runtime policies and allowlists of any shape.
    pub policies: Vec<Vec<u8>>,
    /// Keys that one of must have signed each policy; none to take policies unsigned.
    pub policy_keys: Vec<Vec<u8>>,
    /// Whether an empty file is an allowlist without rows, as a part of an extraction may be.
    pub allows_empty: bool,
    /// The algorithm of digests of its length, where a policy does not name it.
    pub assumed_algorithm: Option<Algorithm>,
    /// Measurement lists.
    pub lists: Vec<Vec<u8>>,
    /// What is wanted of them.
    pub list_wants: Option<ListWants>,
    /// Single digests.
    pub additions: Vec<Addition>,
    /// Exclude lists.
    pub exclude_lists: Vec<Vec<u8>>,
    /// Exclude patterns themselves.
    pub excludes: Vec<String>,
    /// Keys of file signatures, for `verification-keys`.
    pub keys: Vec<Vec<u8>>,
    /// Keyrings that are not checked.
    pub ignored_keyrings: Vec<String>,
    /// What the caller decides.
    pub choices: Choices,
}

/// One digest that is added.
#[derive(Debug, Clone)]
pub struct Addition {
    /// Which map of the policy.
    pub section: Section,
    /// The path, keyring or buffer.
    pub name: Vec<u8>,
    /// The digest.
    pub digest: Digest,
    /// Who asks for it.
    pub origin: Vec<u8>,
}

/// Where patterns come from that were given themselves, for errors.
const EXCLUDE_OPTION: &[u8] = b"--exclude";

/// Puts a policy together.
///
/// # Errors
/// [`EvidenceError`]: a file cannot be read or is not what it is given for; something would be lost; two sources
/// contradict one another; the caller has asked to stop.
pub fn compose_files(
    sources: Sources,
    limits: &Limits,
    control: &Arc<Control>,
) -> Result<Draft, EvidenceError> {
    let reader = FileReader { control };
    let mut draft = Draft::new(sources.choices);
    for image in &sources.images {
        draft.add_allowlist(image, OriginKind::Image);
    }
    for name in &sources.policies {
        let files = Files {
            policies: vec![name.clone()],
            policy_keys: sources.policy_keys.clone(),
            ..Files::default()
        };
        let policies = match reader.policies_assuming(&files, sources.assumed_algorithm) {
            Err(error) if sources.allows_empty && error.code() == "POLICY_EMPTY" => continue,
            other => other?,
        };
        for policy in policies {
            let set = compile_excludes(&policy).map_err(|errors| EvidenceError::Excludes {
                input: name.clone(),
                errors,
            })?;
            draft.note_excludes(&policy, &set);
            draft
                .add_policy(&policy)
                .map_err(|error| EvidenceError::malformed(name, error))?;
        }
    }
    let named: Vec<&str> = sources.ignored_keyrings.iter().map(String::as_str).collect();
    draft.ignore_keyrings(named);
    if let Some(wants) = sources.list_wants {
        for name in &sources.lists {
            add_list(&mut draft, name, wants, limits, control)?;
        }
    }
    for Addition {
        section,
        name,
        digest,
        origin,
    } in &sources.additions
    {
        draft.add_digest(*section, name, digest, origin);
    }
    for name in &sources.exclude_lists {
        let bytes = reader.small(name)?;
        let patterns = parse_exclude_list(&bytes).map_err(|errors| EvidenceError::Excludes {
            input: name.clone(),
            errors,
        })?;
        add_excludes(&mut draft, name, OriginKind::ExcludeList, &patterns)?;
    }
    let patterns: Vec<ExcludePattern> = sources
        .excludes
        .iter()
        .map(|pattern| ExcludePattern::from(pattern.as_str()))
        .collect();
    if !patterns.is_empty() {
        add_excludes(&mut draft, EXCLUDE_OPTION, OriginKind::Request, &patterns)?;
    }
    for name in &sources.keys {
        draft
            .add_keys(&reader.small(name)?, name)
            .map_err(|error| EvidenceError::malformed(name, error))?;
    }
    Ok(draft)
}

fn add_excludes(
    draft: &mut Draft,
    name: &[u8],
    kind: OriginKind,
    patterns: &[ExcludePattern],
) -> Result<(), EvidenceError> {
    let set = ExcludeSet::new(patterns.to_vec(), &ExcludeLimits::default()).map_err(|errors| {
        EvidenceError::Excludes {
            input: name.to_vec(),
            errors,
        }
    })?;
    draft
        .add_excludes(name, kind, patterns, &set)
        .map_err(|error| EvidenceError::malformed(name, error))
}

fn add_list(
    draft: &mut Draft,
    name: &Vec<u8>,
    wants: ListWants,
    limits: &Limits,
    control: &Arc<Control>,
) -> Result<(), EvidenceError> {
    let parts = open_list(std::slice::from_ref(name), control)?;
    let mut list =
        Reader::of_segments(parts, limits.clone()).map_err(|error| stopped_or(name, control, error))?;
    let mut tally = Tally::default();
    while let Some(item) = list.next().map_err(|error| stopped_or(name, control, error))? {
        match item {
            Item::Entry(entry) => draft
                .add_list_entry(&entry, wants, name, &mut tally)
                .map_err(|error| stopped_or(name, control, error))?,
            Item::Fault(fault) => return Err(stopped_or(name, control, fault)),
        }
    }
    draft.note_tally(name, &tally);
    Ok(())
}

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
    let mut keys = Vec::new();
    for key in key_names {
        let bytes = reader.small(key)?;
        keys.extend(EnvelopeKey::parse(&bytes).map_err(|error| EvidenceError::malformed(key, error))?);
    }
    let limits = ReadLimits::default();
    let bytes = reader.bytes(name, limits.max_bytes)?;
    let options = ReadOptions::default();
    let malformed = |error| EvidenceError::malformed(name, error);
    let envelope = read_envelope(&bytes, &options).map_err(malformed)?;
    let policy = read(&bytes, name, &options).map_err(malformed)?;
    let validation = policy.validate(MAX_PROBLEMS);
    let problems: Vec<Value> = validation.problems.iter().map(describe_problem).collect();
    Ok(json!({
        "shape": policy.shape().name(),
        "bytes": bytes.len(),
        "sha256": hash(Algorithm::Sha256, &bytes).to_string(),
        "signature": describe_signature(envelope.as_ref(), &keys),
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

/// Findings of one code that a lint lists; all are counted.
const MAX_LINTS: u64 = 100;

/// Looks for what is likely to be a mistake in a policy, and for patterns without effect on measurement lists. As
/// JSON:
///
/// ```text
/// {"shape":"…","counts":{"error":N,"warning":N,"note":N},"codes":{"CODE":N},
///  "findings":[{"code":"…","severity":"error","at":"excludes[0]","problem":"…"}]}
/// ```
///
/// # Errors
/// [`EvidenceError`]: a file cannot be read, or is no policy or no list.
pub fn lint_policy(
    name: &[u8],
    lists: &[Vec<u8>],
    limits: &Limits,
    control: &Arc<Control>,
) -> Result<Value, EvidenceError> {
    let reader = FileReader { control };
    let options = ReadOptions::default();
    let bytes = reader.bytes(name, options.limits.max_bytes)?;
    let policy = read(&bytes, name, &options).map_err(|error| EvidenceError::malformed(name, error))?;
    let mut report = policy.lint(LintFacts {
        bytes: bytes.len(),
        max_listed: MAX_LINTS,
    });
    // Patterns that cannot be compiled are findings already.
    if let Ok(set) = compile_excludes(&policy)
        && !lists.is_empty()
    {
        let mut has_effect = vec![false; set.len()];
        for list in lists {
            each_name(list, limits, control, |entry_name| {
                let first = set.find(entry_name).ok().flatten();
                if let Some(effect) = first.and_then(|index| has_effect.get_mut(index)) {
                    *effect = true;
                }
            })?;
        }
        for (index, _) in has_effect
            .iter()
            .enumerate()
            .filter(|(_, has_effect)| !**has_effect)
        {
            report.add_without_effect(index);
        }
    }
    let count = |severity| report.severities.get(&severity).copied().unwrap_or_default();
    Ok(json!({
        "shape": policy.shape().name(),
        "counts": {
            "error": count(Severity::Error),
            "warning": count(Severity::Warning),
            "note": count(Severity::Note),
        },
        "codes": report.counts,
        "findings": report.findings.iter().map(|lint| json!({
            "code": lint.code,
            "severity": lint.severity.name(),
            "at": lint.location.to_string(),
            "problem": lint.problem,
        })).collect::<Vec<_>>(),
    }))
}

/// Calls `take` with the name of each entry of a measurement list.
fn each_name(
    list: &Vec<u8>,
    limits: &Limits,
    control: &Arc<Control>,
    mut take: impl FnMut(&[u8]),
) -> Result<(), EvidenceError> {
    let parts = open_list(std::slice::from_ref(list), control)?;
    let mut reader =
        Reader::of_segments(parts, limits.clone()).map_err(|error| stopped_or(list, control, error))?;
    while let Some(item) = reader.next().map_err(|error| stopped_or(list, control, error))? {
        if let Item::Entry(entry) = item
            && let Some(name) = entry.name()
        {
            take(name);
        }
    }
    Ok(())
}

fn stopped_or(name: &[u8], control: &Control, error: impl Explain + Send + Sync + 'static) -> EvidenceError {
    if control.is_cancelled() {
        EvidenceError::Cancelled
    } else {
        EvidenceError::malformed(name, error)
    }
}

/// What is asked of policies and images.
#[derive(Debug, Clone, Default)]
pub struct ExplainSources {
    /// Runtime policies and allowlists of any shape.
    pub policies: Vec<Vec<u8>>,
    /// Exclude lists.
    pub exclude_lists: Vec<Vec<u8>>,
    /// Digests of images.
    pub images: Vec<Arc<Allowlist>>,
}

/// Tells who lists a path or a digest, what excludes it, and what is nearly it: see [`explain`].
///
/// # Errors
/// [`EvidenceError`]: a file cannot be read, or is no policy or no exclude list.
pub fn explain_files(
    question: &[u8],
    sources: &ExplainSources,
    control: &Arc<Control>,
) -> Result<Value, EvidenceError> {
    let reader = FileReader { control };
    let files = Files {
        policies: sources.policies.clone(),
        ..Files::default()
    };
    let policies = reader.policies_assuming(&files, None)?;
    let mut excludes = Vec::new();
    for policy in &policies {
        let bad = |errors| EvidenceError::Excludes {
            input: policy.origin().to_vec(),
            errors,
        };
        excludes.push(ExcludeSource {
            name: policy.origin().to_vec(),
            patterns: policy.exclude_patterns(),
            set: compile_excludes(policy).map_err(bad)?,
        });
    }
    for name in &sources.exclude_lists {
        let bad = |errors| EvidenceError::Excludes {
            input: name.clone(),
            errors,
        };
        let patterns = parse_exclude_list(&reader.small(name)?).map_err(bad)?;
        let set = ExcludeSet::new(patterns.clone(), &ExcludeLimits::default()).map_err(bad)?;
        excludes.push(ExcludeSource {
            name: name.clone(),
            patterns,
            set,
        });
    }
    let images: Vec<&Allowlist> = sources.images.iter().map(AsRef::as_ref).collect();
    let set = PolicySet::new(policies);
    Ok(explain(&Question::parse(question), &set, &excludes, &images))
}
