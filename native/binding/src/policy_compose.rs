//! Policies that are put together, off the main thread.

use std::sync::Arc;

use ima_assay_core::allowlist::{Allowlist as List, Flat};
use ima_assay_core::measurement::Limits;
use ima_assay_core::policy::compare::{DiffFace, Scope, compare};
use ima_assay_core::policy::compose::{Choices, Composed, Form, ListWants, Omissions, WriteError};
use ima_assay_core::policy::{Dialect, Section};
use ima_assay_core::policy_files::{Addition, Sources, compose_files};
use ima_assay_digest::{Control as Shared, Digest};
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::json;

use crate::allowlist::{Allowlist, Writer};
use crate::control::Control;
use crate::error::{explained, guarded, plain};
use crate::extract::whole;
use crate::list::{ListLimitArguments, algorithm, names};

/// What a policy is made from. Names of files; `-` is standard input.
#[napi(object, object_to_js = false)]
pub struct SourceArguments {
    /// Runtime policies and allowlists of any shape.
    pub policies: Vec<Buffer>,
    /// Keys that one of must have signed each policy.
    pub policy_keys: Vec<Buffer>,
    /// Take an empty file for an allowlist without rows.
    pub allows_empty: bool,
    /// The algorithm of digests of its length, where a policy does not name it.
    pub assumed_algorithm: Option<String>,
    /// Measurement lists.
    pub lists: Vec<Buffer>,
    /// Take digests of files from the lists.
    pub list_digests: bool,
    /// Take digests of keys from them.
    pub list_keyrings: bool,
    /// Take digests of other buffers.
    pub list_buffers: bool,
    /// Single digests.
    pub additions: Vec<AdditionArguments>,
    /// Exclude lists.
    pub exclude_lists: Vec<Buffer>,
    /// Exclude patterns.
    pub excludes: Vec<String>,
    /// Keys of file signatures.
    pub keys: Vec<Buffer>,
    /// Keyrings that are not checked.
    pub ignored_keyrings: Vec<String>,
    /// `ima.log_hash_alg`, if the caller decides it.
    pub log_hash_algorithm: Option<String>,
    /// `release`, if the caller decides it.
    pub release: Option<f64>,
}

/// A digest that is added.
#[napi(object, object_to_js = false)]
pub struct AdditionArguments {
    /// `digests`, `keyrings` or `ima-buf`.
    pub section: String,
    /// The path, keyring or buffer.
    pub name: Buffer,
    /// The algorithm.
    pub algorithm: String,
    /// The digest.
    pub digest: Buffer,
    /// Who asks for it.
    pub origin: String,
}

impl AdditionArguments {
    fn into_addition(self) -> napi::Result<Addition> {
        let digest = Digest::new(algorithm(&self.algorithm)?, &self.digest).map_err(|_| {
            plain(
                "DIGEST_UNLISTABLE",
                "a digest is not as long as its algorithm makes them",
                None,
            )
        })?;
        Ok(Addition {
            section: match self.section.as_str() {
                "keyrings" => Section::Keyrings,
                "ima-buf" => Section::Buffers,
                _ => Section::Digests,
            },
            name: self.name.into(),
            digest,
            origin: self.origin.into_bytes(),
        })
    }
}

impl SourceArguments {
    fn into_sources(self, images: Vec<Arc<List>>) -> napi::Result<Sources> {
        Ok(Sources {
            images,
            policies: names(&self.policies),
            policy_keys: names(&self.policy_keys),
            allows_empty: self.allows_empty,
            assumed_algorithm: self.assumed_algorithm.map(|name| algorithm(&name)).transpose()?,
            lists: names(&self.lists),
            list_wants: Some(ListWants {
                digests: self.list_digests,
                keyrings: self.list_keyrings,
                buffers: self.list_buffers,
            }),
            additions: self
                .additions
                .into_iter()
                .map(AdditionArguments::into_addition)
                .collect::<napi::Result<_>>()?,
            exclude_lists: names(&self.exclude_lists),
            excludes: self.excludes,
            keys: names(&self.keys),
            ignored_keyrings: self.ignored_keyrings,
            choices: Choices {
                log_hash_algorithm: self.log_hash_algorithm,
                release: self.release.map(whole),
            },
        })
    }
}

/// Putting a policy together.
pub struct ComposeTask {
    sources: Option<Sources>,
    limits: Limits,
    control: Arc<Shared>,
}

impl Task for ComposeTask {
    type Output = Composed;
    type JsValue = ComposedPolicy;

    fn compute(&mut self) -> napi::Result<Composed> {
        guarded(|| {
            compose_files(
                self.sources.take().unwrap_or_default(),
                &self.limits,
                &self.control,
            )
            .map(ima_assay_core::policy::compose::Draft::finish)
            .map_err(|error| explained(&error))
        })
    }

    fn resolve(&mut self, _env: Env, composed: Composed) -> napi::Result<ComposedPolicy> {
        Ok(ComposedPolicy {
            composed: Arc::new(composed),
        })
    }
}

/// Puts a policy together.
///
/// # Errors
/// An unknown algorithm; by the promise, all that is wrong with the sources.
#[napi(catch_unwind, ts_return_type = "Promise<ComposedPolicy>")]
pub fn compose_policy(
    images: Vec<&Allowlist>,
    sources: SourceArguments,
    limits: ListLimitArguments,
    control: &Control,
) -> napi::Result<AsyncTask<ComposeTask>> {
    let images = images.iter().map(|image| Arc::clone(&image.list)).collect();
    Ok(AsyncTask::new(ComposeTask {
        sources: Some(sources.into_sources(images)?),
        limits: limits.into_limits(),
        control: Arc::clone(&control.shared),
    }))
}

/// How a policy is written.
#[napi(string_enum = "kebab-case")]
pub enum PolicyForm {
    /// Version 1.
    RuntimePolicy,
    /// Version 1, marked as upgraded from an older one.
    UpgradedPolicy,
    /// Version 0.
    OldPolicy,
    /// JSON with `hashes`.
    JsonAllowlist,
    /// Rows of digest and path.
    Allowlist,
}

/// What may be left out, and how rows of a flat list are written.
#[napi(object, object_to_js = false)]
pub struct PolicyWriting {
    /// `meta.timestamp`; the latest of the sources' without one.
    pub timestamp: Option<String>,
    /// Leave out what the form has no place for.
    pub lossy: bool,
    /// Leave out and list single paths that the form cannot write.
    pub keep_going: bool,
    /// `ALGORITHM:` before each digest of a flat list.
    pub names_algorithms: bool,
    /// Escapes of coreutils in a flat list.
    pub escapes: bool,
}

/// A policy that is complete.
#[napi]
pub struct ComposedPolicy {
    pub(crate) composed: Arc<Composed>,
}

#[napi]
impl ComposedPolicy {
    /// Counts and notes, as JSON text.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn summary(&self) -> String {
        self.composed.summary().to_string()
    }

    /// The digests of files.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn allowlist(&self) -> Allowlist {
        let list = Arc::new(self.composed.section(Section::Digests).clone());
        let sources = list
            .origins()
            .iter()
            .map(|name| json!({"name": String::from_utf8_lossy(name)}))
            .collect();
        Allowlist { list, sources }
    }

    /// Writes it.
    ///
    /// # Errors
    /// What the form has no place for, or cannot write.
    #[napi(catch_unwind)]
    pub fn write(&self, form: PolicyForm, writing: PolicyWriting) -> napi::Result<Writer> {
        let form = match form {
            PolicyForm::RuntimePolicy => Form::Json(Dialect::Current),
            PolicyForm::UpgradedPolicy => Form::Json(Dialect::Upgraded),
            PolicyForm::OldPolicy => Form::Json(Dialect::Old),
            PolicyForm::JsonAllowlist => Form::Json(Dialect::JsonAllowlist),
            PolicyForm::Allowlist => Form::Flat(Flat {
                names_algorithms: writing.names_algorithms,
                escapes: writing.escapes,
            }),
        };
        let omissions = Omissions {
            lossy: writing.lossy,
            keep_going: writing.keep_going,
        };
        guarded(|| {
            self.composed
                .writer(form, writing.timestamp, omissions)
                .map(Writer::of)
                .map_err(|error| match error {
                    WriteError::Compose(error) => explained(&error),
                    WriteError::Allowlist(error) => explained(&error),
                })
        })
    }

    /// Writes where everything comes from, as JSON.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn provenance(&self) -> Writer {
        Writer::of(self.composed.provenance())
    }
}

/// How differences are shown.
#[napi(string_enum = "kebab-case")]
pub enum DifferenceFace {
    /// Lines for people.
    Text,
    /// The same with ANSI colours.
    Coloured,
    /// JSON.
    Json,
}

/// What differs between two policies.
#[napi(object, object_from_js = false)]
pub struct PolicyDifference {
    /// Whether nothing does.
    pub is_same: bool,
    /// What does, in the face that was asked for.
    pub text: Buffer,
}

/// Comparing two policies.
pub struct CompareTask {
    left: (Arc<Composed>, String),
    right: (Arc<Composed>, String),
    scope: Scope,
    face: DiffFace,
}

impl Task for CompareTask {
    type Output = (bool, Vec<u8>);
    type JsValue = PolicyDifference;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        guarded(|| {
            let differences = compare(&self.left.0, &self.right.0, self.scope);
            let text = differences.show(self.left.1.as_bytes(), self.right.1.as_bytes(), self.face);
            Ok((differences.is_empty(), text))
        })
    }

    fn resolve(&mut self, _env: Env, (is_same, text): Self::Output) -> napi::Result<PolicyDifference> {
        Ok(PolicyDifference {
            is_same,
            text: text.into(),
        })
    }
}

/// Compares two policies; with `files_only` only the digests of files, as against an image.
///
/// # Errors
/// None but those of the boundary.
#[napi(catch_unwind, ts_return_type = "Promise<PolicyDifference>")]
pub fn compare_policies(
    left: &ComposedPolicy,
    left_name: String,
    right: &ComposedPolicy,
    right_name: String,
    files_only: bool,
    face: DifferenceFace,
) -> AsyncTask<CompareTask> {
    AsyncTask::new(CompareTask {
        left: (Arc::clone(&left.composed), left_name),
        right: (Arc::clone(&right.composed), right_name),
        scope: if files_only {
            Scope::Files
        } else {
            Scope::Everything
        },
        face: match face {
            DifferenceFace::Text => DiffFace::Text { is_coloured: false },
            DifferenceFace::Coloured => DiffFace::Text { is_coloured: true },
            DifferenceFace::Json => DiffFace::Json,
        },
    })
}
