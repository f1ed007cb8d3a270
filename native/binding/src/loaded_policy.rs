//! Policies and exclude lists.

use std::sync::Arc;

use ima_assay_core::evidence::{self, read_limited_exclude_list};
use ima_assay_core::path::Escaped;
use ima_assay_core::policy::{
    ListedDigest, Near, Policy, PolicySet, Problem, Section, Shape, SignatureStatus,
};
use ima_assay_digest::Control as Shared;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;

use crate::control::{Control, number};
use crate::error::{explained, guarded};
use crate::list::names;

/// A policy or an allowlist, kept for lookups and verifications.
#[napi]
pub struct LoadedPolicy {
    pub(crate) policy: Arc<Policy>,
}

/// What a file turned out to be.
#[napi(string_enum = "kebab-case")]
pub enum PolicyShape {
    /// Keylime's runtime policy.
    RuntimePolicy,
    /// One whose `meta.version` is below 1.
    OldRuntimePolicy,
    /// JSON with `hashes`.
    JsonAllowlist,
    /// Lines of a digest and a path.
    FlatAllowlist,
}

/// A part of a policy.
#[napi(string_enum = "kebab-case")]
pub enum PolicySection {
    /// Files, by path.
    Digests,
    /// Keys, by keyring.
    Keyrings,
    /// Other buffers, by name.
    ImaBuf,
}

impl From<PolicySection> for Section {
    fn from(section: PolicySection) -> Self {
        match section {
            PolicySection::Digests => Self::Digests,
            PolicySection::Keyrings => Self::Keyrings,
            PolicySection::ImaBuf => Self::Buffers,
        }
    }
}

/// A digest that is listed for a name.
#[napi(object, object_from_js = false)]
pub struct ListedRow {
    /// By the kernel's name; none if no algorithm has digests of this length.
    pub algorithm: Option<&'static str>,
    /// Lower-case hex.
    pub digest: String,
    /// The line of the name, counted from 1.
    pub line: f64,
}

/// A name that is nearly the one that was asked for.
#[napi(object, object_from_js = false)]
pub struct NearRow {
    /// How they differ.
    pub kind: &'static str,
    /// The name, escaped for one line.
    pub name: String,
}

/// Names that are nearly the one that was asked for, at most.
const MAX_NEAR: usize = 16;

/// Something that is wrong with a policy.
#[napi(object, object_from_js = false)]
pub struct PolicyProblemRow {
    /// Which kind.
    pub code: &'static str,
    /// Whether a Keylime verifier refuses the policy for it.
    pub is_refused: bool,
    /// Where, as `digests["/usr/bin/x"][0], line 12`.
    pub at: String,
    /// What, as half a sentence.
    pub problem: &'static str,
}

/// What is wrong with a policy: the first problems, and how many there are.
#[napi(object, object_from_js = false)]
pub struct PolicyProblems {
    /// The first.
    pub problems: Vec<PolicyProblemRow>,
    /// All of them.
    pub total: f64,
}

#[napi]
impl LoadedPolicy {
    /// What it turned out to be.
    #[napi(getter)]
    #[must_use]
    pub fn shape(&self) -> PolicyShape {
        match self.policy.shape() {
            Shape::RuntimePolicy => PolicyShape::RuntimePolicy,
            Shape::OldRuntimePolicy => PolicyShape::OldRuntimePolicy,
            Shape::JsonAllowlist => PolicyShape::JsonAllowlist,
            Shape::FlatAllowlist | Shape::Allowlist => PolicyShape::FlatAllowlist,
        }
    }

    /// Whether it is in an envelope.
    #[napi(getter)]
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.policy.signature() != SignatureStatus::Unsigned
    }

    /// Number of names in a section.
    #[napi]
    #[must_use]
    pub fn count(&self, section: PolicySection) -> f64 {
        let count = self.policy.section(section.into()).len();
        number(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// The exclude patterns.
    #[napi(getter)]
    #[must_use]
    pub fn excludes(&self) -> Vec<String> {
        self.policy.excludes().map(str::to_owned).collect()
    }

    /// The digests that are listed for a name, as it stands in a measurement list; none if it is not listed.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn listed(&self, section: PolicySection, name: Buffer) -> Option<Vec<ListedRow>> {
        let listing = self.policy.section(section.into()).get(&name)?;
        Some(listing.digests().map(|digest| listed_row(&digest)).collect())
    }

    /// Names that are nearly this one, and for which this digest is listed.
    ///
    /// # Errors
    /// An unknown algorithm.
    #[napi(catch_unwind)]
    pub fn near(
        &self,
        section: PolicySection,
        name: Buffer,
        algorithm: String,
        digest: Buffer,
    ) -> napi::Result<Vec<NearRow>> {
        let set = PolicySet::new(vec![Arc::clone(&self.policy)]);
        let algorithm = crate::list::algorithm(&algorithm)?;
        let near = set.near(section.into(), &name, algorithm, &digest, MAX_NEAR);
        let has_digest = |near: &&Near<'_>| near.digest.is_some_and(|listed| listed.bytes == &*digest);
        Ok(near
            .iter()
            .filter(has_digest)
            .map(|near| NearRow {
                kind: near.kind.name(),
                name: Escaped(near.path).to_string(),
            })
            .collect())
    }

    /// What is wrong with it.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn problems(&self, max: u32) -> PolicyProblems {
        let validation = self.policy.validate(usize::try_from(max).unwrap_or(usize::MAX));
        PolicyProblems {
            problems: validation.problems.iter().map(problem_row).collect(),
            total: number(validation.total()),
        }
    }
}

fn listed_row(digest: &ListedDigest<'_>) -> ListedRow {
    ListedRow {
        algorithm: digest.algorithm.map(|algorithm| algorithm.name()),
        digest: ima_assay_digest::hex(digest.bytes),
        line: number(digest.line),
    }
}

fn problem_row(problem: &Problem) -> PolicyProblemRow {
    PolicyProblemRow {
        code: problem.code.name(),
        is_refused: problem.code.is_refused_by_keylime(),
        at: problem.location.to_string(),
        problem: problem.problem,
    }
}

/// Loading a policy.
pub struct LoadTask {
    file: Vec<u8>,
    keys: Vec<Vec<u8>>,
    control: Arc<Shared>,
}

impl Task for LoadTask {
    type Output = Policy;
    type JsValue = LoadedPolicy;

    fn compute(&mut self) -> napi::Result<Policy> {
        guarded(|| {
            evidence::load_policy(&self.file, &self.keys, &self.control).map_err(|error| explained(&error))
        })
    }

    fn resolve(&mut self, _env: Env, policy: Policy) -> napi::Result<LoadedPolicy> {
        Ok(LoadedPolicy {
            policy: Arc::new(policy),
        })
    }
}

/// Reads a policy or an allowlist; `-` is standard input. One of the keys must have signed it, if there are any.
///
/// # Errors
/// By the promise, all that is wrong with it.
#[napi(catch_unwind, ts_return_type = "Promise<LoadedPolicy>")]
pub fn load_policy(file: Buffer, keys: Vec<Buffer>, control: &Control) -> AsyncTask<LoadTask> {
    AsyncTask::new(LoadTask {
        file: file.into(),
        keys: names(&keys),
        control: Arc::clone(&control.shared),
    })
}

/// A pattern of an exclude list.
#[napi(object, object_from_js = false)]
pub struct ExcludePatternRow {
    /// The regular expression.
    pub pattern: String,
    /// Its line, counted from 1.
    pub line: f64,
}

/// Reads an exclude list that a policy is made with, and compiles its patterns.
///
/// # Errors
/// All bad lines at once.
#[napi(catch_unwind)]
pub fn parse_exclude_list(text: Buffer, input: Buffer) -> napi::Result<Vec<ExcludePatternRow>> {
    let set = read_limited_exclude_list(&text, &input).map_err(|error| explained(&error))?;
    Ok((0..set.len())
        .filter_map(|index| set.pattern(index))
        .map(|pattern| ExcludePatternRow {
            pattern: pattern.text.clone(),
            line: number(pattern.line.unwrap_or(0)),
        })
        .collect())
}
