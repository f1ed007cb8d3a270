//! Keylime runtime policies: written from an allowlist, read, checked and looked up.
//!
//! ```
//! use ima_assay_core::policy::{Judgement, PolicySet, ReadOptions, Section, read};
//! use ima_assay_digest::{Algorithm, hash};
//!
//! let list = b"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  /usr/bin/hello\n";
//! let set = PolicySet::new(vec![read(list, b"allowlist.txt", &ReadOptions::default())?]);
//!
//! let digest = hash(Algorithm::Sha256, b"hello\n");
//! let judgement = set.judge(Section::Digests, b"/usr/bin/hello", Algorithm::Sha256, digest.bytes());
//! assert!(matches!(judgement, Judgement::Listed(_)));
//! # Ok::<(), ima_assay_core::policy::PolicyError>(())
//! ```
//!
//! The way of a file: [`read`] gives a [`Policy`] or an error; [`Policy::validate`] tells what is wrong with it all
//! the same, and whether Keylime would refuse it; a [`PolicySet`] answers for several of them together; and
//! [`Policy::keylime`] is the policy as Keylime sees it.

pub mod compare;
pub mod compose;
mod error;
pub mod exclude;
pub mod explain;
mod index;
mod keylime;
mod lint;
mod loaded;
mod location;
mod map;
mod near;
mod problem;
pub(crate) mod python_json;
mod read;
mod row;
mod runtime;
#[cfg(test)]
mod tests;
mod validate;
mod writing;

pub use error::{PolicyError, RejectedLine};
pub use index::{Candidate, Exclude, Judgement, PolicySet};
pub use keylime::{KeylimeAnswer, KeylimeStanding, KeylimeView};
pub use lint::{LintFacts, LintReport, PolicyLint, Severity};
pub use loaded::{Meta, Policy, Section, Shape, SignatureStatus};
pub use location::Location;
pub use map::{DigestMap, ListedDigest, ListedDigests, Listing};
pub use near::{Near, NearKind};
pub use problem::{Problem, ProblemCode, Validation};
pub use read::{CheckSignatures, ReadLimits, ReadOptions, read, read_envelope};
pub use runtime::{Dialect, PolicySettings, RuntimePolicy};
