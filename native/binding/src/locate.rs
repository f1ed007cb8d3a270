//! Where paths lead in an initramfs, off the main thread.

use std::sync::Arc;

use ima_assay_core::image::Limits;
use ima_assay_core::image::initramfs;
use ima_assay_digest::Control as Shared;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::control::Control;
use crate::error::{explained, guarded};

/// A look-up under way.
pub struct LocateTask {
    source: Vec<u8>,
    paths: Vec<Vec<u8>>,
    control: Arc<Shared>,
}

impl Task for LocateTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        guarded(|| {
            let located = initramfs::locate(&self.source, &self.paths, &Limits::default(), &self.control)
                .map_err(|error| explained(&error))?;
            let answers = located.into_iter().map(|located| match located {
                Ok(location) => json!({
                    "directory": String::from_utf8_lossy(&location.directory),
                    "missing": String::from_utf8_lossy(&location.missing),
                    "standing": location.standing.map(initramfs::Standing::name),
                }),
                Err(refusal) => json!({ "refusal": refusal.to_string() }),
            });
            Ok(answers.collect::<Value>().to_string())
        })
    }

    fn resolve(&mut self, _env: Env, answers: String) -> napi::Result<String> {
        Ok(answers)
    }
}

/// Says where absolute paths without `.` and `..` lead in an initramfs, as JSON text: an answer for each. What is no
/// UTF-8 in it is replaced.
///
/// # Errors
/// By the promise, all that is wrong with the image.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
#[must_use]
pub fn locate(source: Buffer, paths: Vec<Buffer>, control: &Control) -> AsyncTask<LocateTask> {
    AsyncTask::new(LocateTask {
        source: source.to_vec(),
        paths: paths.iter().map(|path| path.to_vec()).collect(),
        control: Arc::clone(&control.shared),
    })
}
