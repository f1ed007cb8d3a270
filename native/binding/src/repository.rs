//! What is to be fetched of a repository of packages, off the main thread.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use ima_assay_core::image::Limits;
use ima_assay_core::image::SourceError;
use ima_assay_core::image::package::missing_of_repository as missing;
use ima_assay_digest::Control as Shared;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::control::Control;
use crate::error::{explained, guarded};
use crate::extract::LimitArguments;

/// A look at a repository under way.
pub struct MissingTask {
    directory: Vec<u8>,
    limits: Limits,
    control: Arc<Shared>,
}

impl Task for MissingTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        guarded(|| {
            let directory = Path::new(OsStr::from_bytes(&self.directory));
            let files = missing(directory, &self.limits, &self.control).map_err(|error| {
                explained(&SourceError {
                    input: self.directory.clone(),
                    error,
                })
            })?;
            let files: Vec<Value> = files
                .into_iter()
                .map(|file| json!({"path": file.path, "sizeBytes": file.size_bytes}))
                .collect();
            Ok(Value::from(files).to_string())
        })
    }

    fn resolve(&mut self, _env: Env, files: String) -> napi::Result<String> {
        Ok(files)
    }
}

/// Says as JSON text which files a directory lacks that has the index of a repository.
///
/// # Errors
/// By the promise, what is wrong with the metadata that are there.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
#[must_use]
pub fn missing_of_repository(
    directory: Buffer,
    limits: LimitArguments,
    control: &Control,
) -> AsyncTask<MissingTask> {
    AsyncTask::new(MissingTask {
        directory: directory.to_vec(),
        limits: limits.into_limits(),
        control: Arc::clone(&control.shared),
    })
}
