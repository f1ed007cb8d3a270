//! Verification: a measurement list against policies, PCR values, a quote and keys.
//!
//! ```
//! use ima_assay_core::policy::{PolicySet, ReadOptions, read};
//! use ima_assay_core::verify::{Evidence, Options, Verdict, verify};
//!
//! let list = &b"10 c8acbfa06c0d5bf7696db445ba8489fa2393c0d5 ima-ng \
//!     sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 /usr/bin/hello\n"[..];
//! let allowlist = b"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  /usr/bin/hello\n";
//! let policies = PolicySet::new(vec![read(allowlist, b"allowlist.txt", &ReadOptions::default())?]);
//!
//! let report = verify(Evidence::new(vec![Box::new(list)], &policies), &Options::default())?;
//! assert_eq!(report.verdict(), Verdict::Pass);
//! assert_eq!(report.accepted.listed, 1);
//! assert!(report.unchecked.contains(&"quote signature: not given".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The list is read once, in memory that does not grow with it. Each entry goes the same way:
//!
//! ```text
//! entry ─► replay: is its template hash right? ─► what does it measure? ─┬─► strict rules   ─► findings
//!                                                                        └─► Keylime's      ─► differences
//! ```
//!
//! What decides without a policy: template hashes are recomputed, violations are findings, PCR values and quotes
//! are held against the replay, and if keys are given every file must carry a valid signature. Digests that
//! nothing was held against are named in [`Report::unchecked`]. With nothing at all to hold the list against there
//! is no verdict but [`VerifyError::NothingToVerifyWith`].

mod boot;
mod buffers;
mod context;
mod error;
mod evidence;
mod excludes;
mod finding;
mod goals;
mod json;
mod keylime;
mod listing;
mod pcrs;
mod quotes;
mod recorder;
mod report;
mod run;
mod signatures;
mod strict;
mod subject;
mod templates;
#[cfg(test)]
mod tests;
mod unchecked;

pub use error::VerifyError;
pub use evidence::{Evidence, ExcludeList, Options, QuoteEvidence, Rules};
pub use finding::{Difference, Finding, FindingCode, NearMiss};
pub use report::{Accepted, Excluded, ListReport, PcrReport, QuoteCheckReport, QuoteReport, Report, Verdict};
pub use run::verify;
