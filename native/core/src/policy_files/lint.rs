//! What is likely to be a mistake in a file.

use std::sync::Arc;

use ima_assay_digest::Control;
use serde_json::{Value, json};

use super::stopped_or;
use crate::evidence::{EvidenceError, FileReader, open_list};
use crate::measurement::{Item, Limits, Reader};
use crate::policy::compose::compile_excludes;
use crate::policy::{LintFacts, ReadOptions, Severity, read};

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
