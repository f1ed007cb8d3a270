//! `verify`, off the main thread.

use std::sync::Arc;

use ima_assay_core::evidence::{Files, QuoteFiles, QuoteForm, verify_files};
use ima_assay_core::policy::PolicySet;
use ima_assay_core::verify::{Options, Rules};
use ima_assay_digest::Control as Shared;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;

use crate::control::Control;
use crate::error::{explained, guarded};
use crate::list::{ListLimitArguments, algorithm, names};
use crate::policy::LoadedPolicy;

/// Files of evidence; `-` is standard input.
#[napi(object, object_to_js = false)]
pub struct EvidenceArguments {
    /// The measurement list, in its parts.
    pub list: Vec<Buffer>,
    /// Exclude lists.
    pub exclude_lists: Vec<Buffer>,
    /// Files with PCR values.
    pub pcr_files: Vec<Buffer>,
    /// PCR values, `BANK:INDEX=HEX`.
    pub pcr_values: Vec<String>,
    /// A quote.
    pub quote: Option<QuoteArguments>,
    /// Keys of file signatures.
    pub keys: Vec<Buffer>,
    /// The firmware's event log.
    pub event_log: Option<Buffer>,
}

/// Where a quote is: `message` and `signature`, or `keylime`.
#[napi(object, object_to_js = false)]
pub struct QuoteArguments {
    /// `tpm2_quote -m`.
    pub message: Option<Buffer>,
    /// `tpm2_quote -s`.
    pub signature: Option<Buffer>,
    /// Keylime's quote string or an agent's answer.
    pub keylime: Option<Buffer>,
    /// The attestation key.
    pub key: Buffer,
    /// The nonce, in bytes.
    pub nonce: Option<Buffer>,
    /// Accept a signature over SHA-1.
    pub allows_sha1: bool,
}

/// How to verify.
#[napi(object, object_to_js = false)]
pub struct VerifyArguments {
    /// By Keylime's rules, not ours.
    pub keylime_rules: bool,
    /// Findings that the report holds.
    pub max_findings: u32,
    /// PCRs that entries may be extended into.
    pub pcrs: Vec<u32>,
    /// Banks to replay; none for those with a value.
    pub banks: Vec<String>,
    /// Let violations pass.
    pub allows_violations: bool,
    /// Let buffers that no policy lists pass.
    pub allows_buffers: bool,
    /// Upper bounds.
    pub limits: ListLimitArguments,
}

impl EvidenceArguments {
    fn into_files(self) -> Files {
        Files {
            list: names(&self.list),
            exclude_lists: names(&self.exclude_lists),
            pcr_files: names(&self.pcr_files),
            pcr_values: self.pcr_values,
            quote: self.quote.map(QuoteArguments::into_files),
            keys: names(&self.keys),
            event_log: self.event_log.map(Into::into),
        }
    }
}

impl QuoteArguments {
    fn into_files(self) -> QuoteFiles {
        QuoteFiles {
            form: match self.keylime {
                Some(name) => QuoteForm::Keylime(name.into()),
                None => QuoteForm::Tpm {
                    message: self.message.map(Into::into).unwrap_or_default(),
                    signature: self.signature.map(Into::into).unwrap_or_default(),
                },
            },
            key: self.key.into(),
            nonce: self.nonce.map(Into::into),
            allows_sha1: self.allows_sha1,
        }
    }
}

impl VerifyArguments {
    fn into_options(self) -> napi::Result<Options> {
        let banks: Vec<_> = self
            .banks
            .iter()
            .map(|name| algorithm(name))
            .collect::<napi::Result<_>>()?;
        Ok(Options {
            rules: if self.keylime_rules {
                Rules::Keylime
            } else {
                Rules::Strict
            },
            max_findings: usize::try_from(self.max_findings).unwrap_or(usize::MAX),
            pcrs: self
                .pcrs
                .iter()
                .map(|index| u8::try_from(*index).unwrap_or(u8::MAX))
                .collect(),
            banks: Some(banks).filter(|banks| !banks.is_empty()),
            violations_fail: !self.allows_violations,
            buffers_fail: !self.allows_buffers,
            limits: self.limits.into_limits(),
            ..Options::default()
        })
    }
}

/// A verification under way.
pub struct VerifyTask {
    files: Files,
    policies: PolicySet,
    options: Options,
    control: Arc<Shared>,
}

impl Task for VerifyTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        guarded(|| {
            verify_files(&self.files, &self.policies, &self.options, &self.control)
                .map(|report| report.to_json())
                .map_err(|error| explained(&error))
        })
    }

    fn resolve(&mut self, _env: Env, report: String) -> napi::Result<String> {
        Ok(report)
    }
}

/// Verifies a measurement list; the report is JSON text.
///
/// # Errors
/// An unknown bank; by the promise, all that is wrong with the evidence.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn verify(
    evidence: EvidenceArguments,
    policies: Vec<&LoadedPolicy>,
    options: VerifyArguments,
    control: &Control,
) -> napi::Result<AsyncTask<VerifyTask>> {
    Ok(AsyncTask::new(VerifyTask {
        files: evidence.into_files(),
        policies: PolicySet::new(policies.iter().map(|loaded| Arc::clone(&loaded.policy)).collect()),
        options: options.into_options()?,
        control: Arc::clone(&control.shared),
    }))
}
