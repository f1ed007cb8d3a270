//! Questions to policies in files.

use std::sync::Arc;

use ima_assay_digest::Control;
use serde_json::Value;

use crate::allowlist::Allowlist;
use crate::evidence::{EvidenceError, FileReader, read_exclude_list};
use crate::policy::PolicySet;
use crate::policy::compose::compile_excludes;
use crate::policy::explain::{ExcludeSource, Question, explain};

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
    let policies = sources.policies.iter().map(|name| reader.policy(name, &[], None));
    let policies = policies.collect::<Result<Vec<_>, _>>()?;
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
        let (patterns, set) = read_exclude_list(&reader.small(name)?, name)?;
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
