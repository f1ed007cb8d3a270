//! A policy that was read.

use ima_assay_digest::Algorithm;

use super::error::PolicyError;
use super::location::Location;
use super::map::{DigestMap, Full, Quirks, Repeat};
use super::problem::Problem;
use super::writing::Writing;
use crate::allowlist::Allowlist;

/// What is known about a policy's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureStatus {
    /// The policy came without an envelope.
    Unsigned,
    /// It came in an envelope, and nobody checked the signatures.
    Unchecked,
    /// A signature is good.
    Verified,
    /// No signature is good.
    Failed,
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Keylime's runtime policy.
    RuntimePolicy,
    /// A runtime policy whose `meta.version` is below 1. A verifier takes it as it is; Keylime's converter
    /// upgrades it.
    OldRuntimePolicy,
    /// JSON with `hashes`, which Keylime's converter makes a policy of.
    JsonAllowlist,
    /// Lines of a digest and a path, which Keylime's converter makes a policy of.
    FlatAllowlist,
    /// No file, but an allowlist in memory.
    Allowlist,
}

impl Shape {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RuntimePolicy => "runtime-policy",
            Self::OldRuntimePolicy => "old-policy",
            Self::JsonAllowlist => "json-allowlist",
            Self::FlatAllowlist => "allowlist",
            Self::Allowlist => "memory",
        }
    }
}

/// The three maps of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `digests`: files, by path.
    Digests,
    /// `keyrings`: keys, by the keyring they are loaded on.
    Keyrings,
    /// `ima-buf`: other buffers, by name.
    Buffers,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Digests, Self::Keyrings, Self::Buffers];

    /// The key in a runtime policy.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Digests => "digests",
            Self::Keyrings => "keyrings",
            Self::Buffers => "ima-buf",
        }
    }
}

/// `meta`: which format, and who made it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// `version`.
    pub version: Option<i64>,
    /// `generator`: 0 unknown, 1 an empty policy, 2 an upgraded one, 3 any other tool.
    pub generator: Option<i64>,
    /// `timestamp`, as it stands there.
    pub timestamp: Option<String>,
}

/// Texts, one after the other in one piece of memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    text: String,
    /// Where each ends in `text`.
    ends: Vec<u32>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) -> Result<(), Full> {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).map_err(|_| Full)?);
        Ok(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let at = |offset: &u32| usize::try_from(*offset).unwrap_or(usize::MAX);
        starts
            .zip(&self.ends)
            .map(move |(start, end)| self.text.get(at(start)..at(end)).unwrap_or_default())
    }
}

/// A runtime policy or an allowlist, ready for lookups. [`read`](super::read) makes one from a file.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) origin: Vec<u8>,
    pub(super) shape: Shape,
    pub(super) signature: SignatureStatus,
    pub(super) meta: Meta,
    pub(super) release: Option<i64>,
    pub(super) digests: DigestMap,
    pub(super) keyrings: DigestMap,
    pub(super) buffers: DigestMap,
    pub(super) excludes: Texts,
    pub(super) ignored_keyrings: Texts,
    pub(super) log_hash_algorithm: Option<String>,
    pub(super) verification_keys: String,
    /// The keys that the file has, with dots between.
    pub(super) present: Vec<&'static str>,
    /// What was found wrong while reading, beside the digests.
    pub(super) notes: Vec<Problem>,
}

impl Policy {
    /// A policy without anything in it.
    pub(super) fn new(origin: &[u8], shape: Shape, assumed: Option<Algorithm>) -> Self {
        Self {
            origin: origin.to_vec(),
            shape,
            signature: SignatureStatus::Unsigned,
            meta: Meta::default(),
            release: None,
            digests: DigestMap::new(assumed),
            keyrings: DigestMap::new(assumed),
            buffers: DigestMap::new(assumed),
            excludes: Texts::default(),
            ignored_keyrings: Texts::default(),
            log_hash_algorithm: None,
            verification_keys: String::new(),
            present: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The name of the file or image, as the caller gave it.
    #[must_use]
    pub fn origin(&self) -> &[u8] {
        &self.origin
    }

    /// What the file turned out to be.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether it came in an envelope, and what the caller's check said of the signatures.
    #[must_use]
    pub fn signature(&self) -> SignatureStatus {
        self.signature
    }

    /// `meta`.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// `release`, a number for the policy's author; none if it is missing or no whole number.
    #[must_use]
    pub fn release(&self) -> Option<i64> {
        self.release
    }

    /// `digests`, `keyrings` or `ima-buf`.
    #[must_use]
    pub fn section(&self, section: Section) -> &DigestMap {
        match section {
            Section::Digests => &self.digests,
            Section::Keyrings => &self.keyrings,
            Section::Buffers => &self.buffers,
        }
    }

    pub(super) fn section_mut(&mut self, section: Section) -> &mut DigestMap {
        match section {
            Section::Digests => &mut self.digests,
            Section::Keyrings => &mut self.keyrings,
            Section::Buffers => &mut self.buffers,
        }
    }

    /// `excludes`, in their order, as they are written.
    pub fn excludes(&self) -> impl Iterator<Item = &str> {
        self.excludes.iter()
    }

    /// `ima.ignored_keyrings`; `*` stands for all.
    pub fn ignored_keyrings(&self) -> impl Iterator<Item = &str> {
        self.ignored_keyrings.iter()
    }

    /// `ima.log_hash_alg`, the algorithm of template hashes, as it is written; none if it is missing.
    #[must_use]
    pub fn log_hash_algorithm(&self) -> Option<&str> {
        self.log_hash_algorithm.as_deref()
    }

    /// `verification-keys`: an IMA keyring as JSON text, or nothing.
    #[must_use]
    pub fn verification_keys(&self) -> &str {
        &self.verification_keys
    }

    /// Whether the file has a key of the format, as `digests` or `ima.log_hash_alg`. A value of `null` counts
    /// as none.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.present.contains(&key)
    }

    /// The rows of an allowlist, as one policy for each of its origins.
    ///
    /// # Errors
    /// [`PolicyError::TooManyEntries`] beyond what 32-bit offsets can address.
    pub fn from_allowlist(list: &Allowlist) -> Result<Vec<Self>, PolicyError> {
        let mut policies: Vec<Self> = list
            .origins()
            .iter()
            .map(|origin| Self::new(origin, Shape::Allowlist, None))
            .collect();
        for row in list.rows() {
            let Some(policy) = policies.get_mut(row.origin) else {
                continue;
            };
            let writing = Writing::of_row(false, false, row.digest.len());
            let digests = &mut policy.digests;
            digests
                .begin(row.path, 0, Repeat::Adds, Quirks::default())
                .map_err(|Full| PolicyError::TooManyEntries {
                    location: Location::of_key(Section::Digests.key()),
                    limit: digests.len(),
                })?;
            digests.push(row.digest, Some(row.algorithm), writing);
        }
        for policy in &mut policies {
            policy.digests.shrink();
        }
        Ok(policies)
    }
}
