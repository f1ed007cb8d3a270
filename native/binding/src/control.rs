//! The handle by which JavaScript watches and stops native work.

use std::sync::Arc;

use ima_assay_digest::Control as Shared;
use napi_derive::napi;

/// Watches and stops one piece of work.
#[napi]
#[derive(Default)]
pub struct Control {
    pub(crate) shared: Arc<Shared>,
}

/// How far work has come. Byte counts are exact up to 2^53.
#[napi(object, object_from_js = false)]
pub struct ProgressCounters {
    /// Files hashed.
    pub files: f64,
    /// Bytes hashed.
    pub hashed_bytes: f64,
    /// Bytes read of inputs whose size is known.
    pub input_bytes: f64,
    /// Sum of the known sizes.
    pub input_total_bytes: f64,
}

#[napi]
impl Control {
    /// A handle for work that has not begun.
    #[napi(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop.
    #[napi]
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// The counters now.
    #[napi]
    #[must_use]
    pub fn progress(&self) -> ProgressCounters {
        let progress = self.shared.progress();
        ProgressCounters {
            files: number(progress.files),
            hashed_bytes: number(progress.hashed_bytes),
            input_bytes: number(progress.input_bytes),
            input_total_bytes: number(progress.input_total_bytes),
        }
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "JavaScript's numbers: exact up to 2^53"
)]
pub(crate) fn number(value: u64) -> f64 {
    value as f64
}
