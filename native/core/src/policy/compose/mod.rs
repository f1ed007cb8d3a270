//! One policy from many sources: images, allowlists, policies of any age, measurement lists, exclude lists, keys.
//!
//! ```text
//! Allowlist ─┐
//! Policy ────┤
//! Entry ─────┼─► Draft ─► Composed ─► runtime policy, older forms, flat allowlist, provenance
//! patterns ──┤
//! keys ──────┘
//! ```
//!
//! A draft is a union: what one source lists is listed. Neither order nor repetition matters for what is
//! written: names, digests, patterns and keys are sorted and unique. What can have one value only, and has two, is
//! an error unless the caller has chosen.

mod composed;
mod error;
mod keys;
mod list;
mod policy;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use ima_assay_digest::Digest;

pub use composed::{Composed, Form, Omissions, WriteError};
pub use error::ComposeError;
pub use list::{ListWants, Tally};
pub use policy::compile_excludes;

use crate::allowlist::{Allowlist, Builder};
use crate::policy::exclude::ExcludeSet;
use crate::policy::{Section, Shape};
use keys::Keys;

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginKind {
    /// An image.
    Image,
    /// A policy or allowlist of any shape.
    Policy,
    /// A measurement list.
    MeasurementList,
    /// An exclude list.
    ExcludeList,
    /// A file of keys.
    Keys,
    /// What the caller asked for himself.
    Request,
}

impl OriginKind {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Policy => "policy",
            Self::MeasurementList => "measurement-list",
            Self::ExcludeList => "exclude-list",
            Self::Keys => "keys",
            Self::Request => "request",
        }
    }
}

/// Where something comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The name, as the caller gave it.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: OriginKind,
    /// The shape of a policy.
    pub shape: Option<Shape>,
}

/// Something a person should know about a source that is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// A stable code, in `SCREAMING_SNAKE`.
    pub code: &'static str,
    /// The source.
    pub origin: Vec<u8>,
    /// How often.
    pub count: u64,
    /// One sentence.
    pub text: &'static str,
}

/// Settings that the caller decides, whatever the sources say.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// `ima.log_hash_alg`.
    pub log_hash_algorithm: Option<String>,
    /// `release`.
    pub release: Option<u64>,
}

/// What keyrings are ignored by, for provenance.
const IGNORED_OPTION: &[u8] = b"--ignored-keyrings";

/// A value that only one source may decide.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim<T> {
    value: T,
    origin: u32,
}

/// A policy that is being put together.
#[derive(Debug, Default)]
pub struct Draft {
    choices: Choices,
    origins: Vec<Origin>,
    digests: Builder,
    keyrings: Builder,
    buffers: Builder,
    excludes: Named,
    ignored_keyrings: Named,
    keys: Keys,
    log_hash_algorithm: Option<Claim<String>>,
    release: Option<Claim<u64>>,
    timestamp: Option<String>,
    is_upgraded: bool,
    notes: Vec<Note>,
}

/// Texts, each with the sources that have it.
type Named = BTreeMap<String, BTreeSet<u32>>;

impl Draft {
    /// An empty draft.
    #[must_use]
    pub fn new(choices: Choices) -> Self {
        Self {
            choices,
            ..Self::default()
        }
    }

    /// Adds the digests of an allowlist, with its origins.
    pub fn add_allowlist(&mut self, list: &Allowlist, kind: OriginKind) {
        let origins: Vec<u32> = list
            .origins()
            .iter()
            .map(|name| self.origin(name, kind))
            .collect();
        for row in list.rows() {
            let origin = origins.get(row.origin).copied().unwrap_or(u32::MAX);
            self.digests.insert_row(&row, origin);
        }
    }

    /// Adds patterns that were compiled already.
    pub fn add_excludes(&mut self, name: &[u8], kind: OriginKind, set: &ExcludeSet) {
        let origin = self.origin(name, kind);
        for pattern in (0..set.len()).filter_map(|index| set.pattern(index)) {
            note(&mut self.excludes, &pattern.text, origin);
        }
    }

    /// Adds one digest.
    pub fn add_digest(&mut self, section: Section, name: &[u8], digest: &Digest, origin: &[u8]) {
        let origin = self.origin(origin, OriginKind::Request);
        self.builder(section).insert(name, digest, origin, None);
    }

    /// Adds keyrings whose keys are not checked; `*` stands for all.
    pub fn ignore_keyrings<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            let origin = self.origin(IGNORED_OPTION, OriginKind::Request);
            note(&mut self.ignored_keyrings, name, origin);
        }
    }

    /// The number of an origin, new or not. It is the same in all three lists.
    fn origin(&mut self, name: &[u8], kind: OriginKind) -> u32 {
        let is_same = |known: &Origin| known.kind == kind && known.name == name;
        let index = self.origins.iter().position(is_same).unwrap_or_else(|| {
            for builder in [&mut self.digests, &mut self.keyrings, &mut self.buffers] {
                builder.new_origin(name);
            }
            self.origins.push(Origin {
                name: name.to_vec(),
                kind,
                shape: None,
            });
            self.origins.len().saturating_sub(1)
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    fn builder(&mut self, section: Section) -> &mut Builder {
        match section {
            Section::Digests => &mut self.digests,
            Section::Keyrings => &mut self.keyrings,
            Section::Buffers => &mut self.buffers,
        }
    }

    fn name_of(&self, origin: u32) -> Vec<u8> {
        usize::try_from(origin)
            .ok()
            .and_then(|index| self.origins.get(index))
            .map(|origin| origin.name.clone())
            .unwrap_or_default()
    }

    fn note(&mut self, code: &'static str, origin: &[u8], count: u64, text: &'static str) {
        if count > 0 {
            self.notes.push(Note {
                code,
                origin: origin.to_vec(),
                count,
                text,
            });
        }
    }
}

fn note(named: &mut Named, text: &str, origin: u32) {
    match named.get_mut(text) {
        Some(origins) => {
            origins.insert(origin);
        }
        None => {
            named.insert(text.to_owned(), BTreeSet::from([origin]));
        }
    }
}
