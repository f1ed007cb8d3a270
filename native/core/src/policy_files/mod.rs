//! Policies made from files, and files of policies looked at: each is read within bounds and told by its content.

mod check;
mod compose;
mod explain;
mod lint;

pub use check::{check_policy, envelope_for};
pub use compose::{Addition, Sources, compose_files};
pub use explain::{ExplainSources, explain_files};
pub use lint::lint_policy;

use ima_assay_digest::Control;

use crate::error::Explain;
use crate::evidence::EvidenceError;

fn stopped_or(name: &[u8], control: &Control, error: impl Explain + Send + Sync + 'static) -> EvidenceError {
    if control.is_cancelled() {
        EvidenceError::Cancelled
    } else {
        EvidenceError::malformed(name, error)
    }
}
