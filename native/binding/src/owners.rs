//! Which packages files of an image belong to, off the main thread.

use std::sync::Arc;

use ima_assay_core::image::package::owners;
use ima_assay_core::image::{self, ExtractOptions, SourceError};
use ima_assay_digest::Control as Shared;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;

use crate::control::Control;
use crate::error::{explained, guarded};
use crate::extract::ExtractArguments;

/// A look into databases under way.
pub struct OwnersTask {
    source: Vec<u8>,
    paths: Vec<Vec<u8>>,
    options: ExtractOptions,
    control: Arc<Shared>,
}

impl Task for OwnersTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        guarded(|| {
            let source = image::open(&self.source, &self.options.limits, &self.control)
                .map_err(|error| explained(&error))?;
            let found = owners(source.as_ref(), &self.paths, &self.options, &self.control);
            let found = found.map_err(|error| {
                explained(&SourceError {
                    input: self.source.clone(),
                    error,
                })
            })?;
            Ok(found.to_json().to_string())
        })
    }

    fn resolve(&mut self, _env: Env, owners: String) -> napi::Result<String> {
        Ok(owners)
    }
}

/// Says as JSON text which packages of an image have the files at these paths.
///
/// # Errors
/// By the promise, all that keeps the image from being scanned.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn package_owners(
    source: Buffer,
    paths: Vec<Buffer>,
    options: ExtractArguments,
    control: &Control,
) -> napi::Result<AsyncTask<OwnersTask>> {
    Ok(AsyncTask::new(OwnersTask {
        source: source.to_vec(),
        paths: paths.iter().map(|path| path.to_vec()).collect(),
        options: options.into_options()?,
        control: Arc::clone(&control.shared),
    }))
}
