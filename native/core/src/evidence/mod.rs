//! Evidence in files: each is read within bounds, told by its content, and handed to [`verify`].
//!
//! ```text
//! list, policies, exclude lists, PCR values, quote, keys ─► bytes ─► parsed ─► verify ─► Report
//! ```

mod error;
mod list;
mod parts;
mod read;

use std::sync::Arc;

use ima_assay_digest::Control;

pub use error::EvidenceError;
pub use list::{Filter, ListStream, Piece, Show, describe_fault, list_stats, replay_list};
pub use parts::{Files, QuoteFiles, QuoteForm};
pub use read::{read_exclude_list, read_limited_exclude_list};

pub(crate) use read::Reader as FileReader;

use crate::input::Input;
use crate::measurement::Source;
use crate::policy::{Policy, PolicySet};
use crate::quote::Accepted;
use crate::verify::{Evidence, Options, QuoteEvidence, Report, verify};

/// Verifies what is in files.
///
/// # Errors
/// [`EvidenceError`]: a file cannot be read or is not what it is given for; there is nothing to verify with; the
/// caller has asked to stop.
pub fn verify_files(
    files: &Files,
    policies: &PolicySet,
    options: &Options,
    control: &Arc<Control>,
) -> Result<Report, EvidenceError> {
    let reader = read::Reader { control };
    let quote = files
        .quote
        .as_ref()
        .map(|quote| reader.quote(quote))
        .transpose()?;
    let mut evidence = Evidence::new(open_list(&files.list, control)?, policies);
    evidence.excludes = reader.exclude_lists(&files.exclude_lists)?;
    evidence.pcrs = reader.pcr_values(files, quote.as_ref())?;
    evidence.keys = reader.keys(&files.keys)?;
    if let Some(name) = &files.event_log {
        let candidates = list::boot_aggregates_of(name, &options.limits, control)?;
        evidence.boot_aggregates = candidates.iter().map(|candidate| candidate.digest).collect();
    }
    let signature = quote.as_ref().map(read::Quote::signature).transpose()?;
    evidence.quote = quote
        .as_ref()
        .zip(signature)
        .map(|(quote, signature)| QuoteEvidence {
            message: &quote.message,
            signature,
            key: &quote.key,
            accepted: if quote.allows_sha1 {
                read::with_sha1(Accepted::default())
            } else {
                Accepted::default()
            },
            nonce: quote.nonce.as_deref(),
        });
    let report = verify(evidence, options);
    if control.is_cancelled() {
        return Err(EvidenceError::Cancelled);
    }
    report.map_err(|error| EvidenceError::Verify {
        list: files.list.first().cloned().unwrap_or_default(),
        error: Box::new(error),
    })
}

/// Reads a policy or an allowlist of any shape. Where names of files with keys are given, one of the keys must have
/// signed it.
///
/// # Errors
/// [`EvidenceError`]: it cannot be read, is none, or is not signed by any of the keys; the caller has asked to stop.
pub fn load_policy(name: &[u8], keys: &[Vec<u8>], control: &Arc<Control>) -> Result<Policy, EvidenceError> {
    let reader = read::Reader { control };
    reader.policy(name, &reader.envelope_keys(keys)?, None)
}

/// The parts of a list, opened.
///
/// # Errors
/// [`EvidenceError::Unreadable`].
pub fn open_list(names: &[Vec<u8>], control: &Arc<Control>) -> Result<Vec<Source<'static>>, EvidenceError> {
    names
        .iter()
        .map(|name| {
            let input = Input::open(name, control).map_err(|error| EvidenceError::Unreadable {
                input: name.clone(),
                error,
            })?;
            let source: Source<'static> = Box::new(input);
            Ok(source)
        })
        .collect()
}
