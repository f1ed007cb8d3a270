//! Policies put together from files.

use std::sync::Arc;

use ima_assay_digest::{Algorithm, Control, Digest};

use super::stopped_or;
use crate::allowlist::Allowlist;
use crate::error::Explain as _;
use crate::evidence::{EvidenceError, FileReader, open_list, read_limited_exclude_list};
use crate::measurement::{Item, Limits, Reader};
use crate::policy::Section;
use crate::policy::compose::{Choices, Draft, ListWants, OriginKind, Tally, compile_excludes};
use crate::policy::exclude::{ExcludeLimits, ExcludePattern, ExcludeSet};

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
    let keys = reader.envelope_keys(&sources.policy_keys)?;
    for name in &sources.policies {
        let policy = match reader.policy(name, &keys, sources.assumed_algorithm) {
            Err(error) if sources.allows_empty && error.code() == "POLICY_EMPTY" => continue,
            other => other?,
        };
        let set = compile_excludes(&policy).map_err(|errors| EvidenceError::Excludes {
            input: name.clone(),
            errors,
        })?;
        draft.note_excludes(&policy, &set);
        draft
            .add_policy(&policy)
            .map_err(|error| EvidenceError::malformed(name, error))?;
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
        let set = read_limited_exclude_list(&reader.small(name)?, name)?;
        draft.add_excludes(name, OriginKind::ExcludeList, &set);
    }
    let patterns: Vec<ExcludePattern> = sources
        .excludes
        .iter()
        .map(|pattern| ExcludePattern::from(pattern.as_str()))
        .collect();
    let set = ExcludeSet::new_limited(patterns, &ExcludeLimits::default()).map_err(|errors| {
        EvidenceError::Excludes {
            input: EXCLUDE_OPTION.to_vec(),
            errors,
        }
    })?;
    if !set.is_empty() {
        draft.add_excludes(EXCLUDE_OPTION, OriginKind::Request, &set);
    }
    for name in &sources.keys {
        draft
            .add_keys(&reader.small(name)?, name)
            .map_err(|error| EvidenceError::malformed(name, error))?;
    }
    Ok(draft)
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
