//! Files of policies, looked at and signed, off the main thread.

use std::sync::Arc;

use ima_assay_core::measurement::Limits;
use ima_assay_core::policy_files::{ExplainSources, check_policy, envelope_for, explain_files, lint_policy};
use ima_assay_core::signature::{Envelope, EnvelopeSignature};
use ima_assay_digest::Control as Shared;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;

use crate::allowlist::Allowlist;
use crate::control::Control;
use crate::error::{explained, guarded};
use crate::list::{ListLimitArguments, names};

/// Looking at one policy; the result is JSON text.
pub struct InspectTask {
    name: Vec<u8>,
    work: Work,
    control: Arc<Shared>,
}

enum Work {
    Check { keys: Vec<Vec<u8>> },
    Lint { lists: Vec<Vec<u8>>, limits: Limits },
    Explain { sources: ExplainSources },
}

impl Task for InspectTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        guarded(|| {
            match &self.work {
                Work::Check { keys } => check_policy(&self.name, keys, &self.control),
                Work::Explain { sources } => explain_files(&self.name, sources, &self.control),
                Work::Lint { lists, limits } => lint_policy(&self.name, lists, limits, &self.control),
            }
            .map(|result| result.to_string())
            .map_err(|error| explained(&error))
        })
    }

    fn resolve(&mut self, _env: Env, json: String) -> napi::Result<String> {
        Ok(json)
    }
}

/// Checks who signed a policy, and whether a verifier would take it; JSON text.
///
/// # Errors
/// By the promise, all that is wrong with the files.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn check_policy_file(name: Buffer, keys: Vec<Buffer>, control: &Control) -> AsyncTask<InspectTask> {
    AsyncTask::new(InspectTask {
        name: name.into(),
        work: Work::Check { keys: names(&keys) },
        control: Arc::clone(&control.shared),
    })
}

/// Looks for what is likely to be a mistake in a policy; JSON text.
///
/// # Errors
/// By the promise, all that is wrong with the files.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn lint_policy_file(
    name: Buffer,
    lists: Vec<Buffer>,
    limits: ListLimitArguments,
    control: &Control,
) -> AsyncTask<InspectTask> {
    AsyncTask::new(InspectTask {
        name: name.into(),
        work: Work::Lint {
            lists: names(&lists),
            limits: limits.into_limits(),
        },
        control: Arc::clone(&control.shared),
    })
}

/// Tells who lists a path or a digest, what excludes it, and what is nearly it; JSON text.
///
/// # Errors
/// By the promise, all that is wrong with the files.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn explain_policies(
    question: Buffer,
    images: Vec<&Allowlist>,
    policies: Vec<Buffer>,
    exclude_lists: Vec<Buffer>,
    control: &Control,
) -> AsyncTask<InspectTask> {
    AsyncTask::new(InspectTask {
        name: question.into(),
        work: Work::Explain {
            sources: ExplainSources {
                policies: names(&policies),
                exclude_lists: names(&exclude_lists),
                images: images.iter().map(|image| Arc::clone(&image.list)).collect(),
            },
        },
        control: Arc::clone(&control.shared),
    })
}

/// An envelope that is to be signed.
#[napi]
pub struct PolicyEnvelope {
    envelope: Envelope,
}

#[napi]
impl PolicyEnvelope {
    /// Number of signatures so far.
    #[napi(getter)]
    #[must_use]
    pub fn signature_count(&self) -> u32 {
        u32::try_from(self.envelope.signatures.len()).unwrap_or(u32::MAX)
    }

    /// What is to be signed, with ECDSA over its SHA-256.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn signed_bytes(&self) -> Buffer {
        self.envelope.signed_bytes().into()
    }

    /// Adds a signature, DER.
    #[napi(catch_unwind)]
    pub fn add_signature(&mut self, key_id: String, signature: Buffer) {
        self.envelope.signatures.push(EnvelopeSignature {
            key_id: Some(key_id),
            signature: signature.into(),
        });
    }

    /// The envelope as Keylime writes it.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn to_json(&self) -> Buffer {
        self.envelope.to_json().into()
    }
}

/// Reading what is to be signed.
pub struct EnvelopeTask {
    name: Vec<u8>,
    control: Arc<Shared>,
}

impl Task for EnvelopeTask {
    type Output = Envelope;
    type JsValue = PolicyEnvelope;

    fn compute(&mut self) -> napi::Result<Envelope> {
        guarded(|| envelope_for(&self.name, &self.control).map_err(|error| explained(&error)))
    }

    fn resolve(&mut self, _env: Env, envelope: Envelope) -> napi::Result<PolicyEnvelope> {
        Ok(PolicyEnvelope { envelope })
    }
}

/// The envelope that a policy is to be signed in: a new one, or the one that it is in.
///
/// # Errors
/// By the promise, all that is wrong with the file.
#[napi(catch_unwind, ts_return_type = "Promise<PolicyEnvelope>")]
pub fn open_envelope(name: Buffer, control: &Control) -> AsyncTask<EnvelopeTask> {
    AsyncTask::new(EnvelopeTask {
        name: name.into(),
        control: Arc::clone(&control.shared),
    })
}
