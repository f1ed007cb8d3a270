//! A policy that is complete, and the forms it can be written in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ima_assay_digest::{Algorithm, Digest, hex};
use serde_json::{Map, Value, json};

use super::{ComposeError, Draft, Named, Note, Origin};
use crate::allowlist::{Allowlist, AllowlistError, Flat, Format, Json, Listed, Writer};
use crate::path::Escaped;
use crate::policy::runtime::MIN_DIGEST_BYTES;
use crate::policy::{Dialect, PolicySettings, RuntimePolicy, Section, Shape};

/// How a policy is written.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Keylime's JSON, current or older.
    Json(Dialect),
    /// A flat allowlist, with a row `%keyring:NAME` for each key.
    Flat(Flat),
}

/// What may be left out in writing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Omissions {
    /// What the form has no place for, such as the patterns in a flat list.
    pub lossy: bool,
    /// Single paths that the form cannot write; the writer lists them.
    pub keep_going: bool,
}

/// A policy that is complete: everything sorted and unique.
#[derive(Debug, Clone)]
pub struct Composed {
    pub(in crate::policy) digests: Arc<Allowlist>,
    pub(in crate::policy) keyrings: Allowlist,
    pub(in crate::policy) buffers: Allowlist,
    excludes: Named,
    ignored_keyrings: Named,
    verification_keys: String,
    key_ids: BTreeSet<u32>,
    log_hash_algorithm: Option<String>,
    release: u64,
    timestamp: Option<String>,
    is_upgraded: bool,
    origins: Vec<Origin>,
    notes: Vec<Note>,
}

/// In place of a path, before the name of a keyring.
const KEYRING: &[u8] = b"%keyring:";

impl Draft {
    /// Sorts everything.
    #[must_use]
    pub fn finish(self) -> Composed {
        let of_claim = self.log_hash_algorithm.map(|claim| claim.value);
        Composed {
            digests: Arc::new(self.digests.build()),
            keyrings: self.keyrings.build(),
            buffers: self.buffers.build(),
            excludes: self.excludes,
            ignored_keyrings: self.ignored_keyrings,
            verification_keys: self.keys.to_text(),
            key_ids: self.keys.0.into_keys().map(|(id, _)| id).collect(),
            log_hash_algorithm: self.choices.log_hash_algorithm.or(of_claim),
            release: self
                .choices
                .release
                .or(self.release.map(|claim| claim.value))
                .unwrap_or_default(),
            timestamp: self.timestamp,
            is_upgraded: self.is_upgraded,
            origins: self.origins,
            notes: self.notes,
        }
    }
}

impl Composed {
    /// The digests of a section, with their origins: indices into [`Composed::origins`].
    #[must_use]
    pub fn section(&self, section: Section) -> &Allowlist {
        match section {
            Section::Digests => &self.digests,
            Section::Keyrings => &self.keyrings,
            Section::Buffers => &self.buffers,
        }
    }

    /// The sources.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// What a person should know.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// `excludes`.
    pub fn excludes(&self) -> impl Iterator<Item = &str> {
        self.excludes.keys().map(String::as_str)
    }

    /// `ima.ignored_keyrings`.
    pub fn ignored_keyrings(&self) -> impl Iterator<Item = &str> {
        self.ignored_keyrings.keys().map(String::as_str)
    }

    /// The ids of `verification-keys`.
    pub fn key_ids(&self) -> impl Iterator<Item = u32> {
        self.key_ids.iter().copied()
    }

    /// `ima.log_hash_alg`.
    #[must_use]
    pub fn log_hash_algorithm(&self) -> &str {
        self.log_hash_algorithm.as_deref().unwrap_or("sha1")
    }

    /// `release`.
    #[must_use]
    pub fn release(&self) -> u64 {
        self.release
    }

    /// The latest timestamp of the sources.
    #[must_use]
    pub fn timestamp(&self) -> Option<&str> {
        self.timestamp.as_deref()
    }

    /// Whether a source was a policy of version 0.
    #[must_use]
    pub fn is_upgraded(&self) -> bool {
        self.is_upgraded
    }

    /// The algorithms of the digests of files.
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let used: BTreeSet<Algorithm> = self.digests.rows().map(|row| row.algorithm).collect();
        used.into_iter().collect()
    }

    /// What a flat allowlist has no place for.
    #[must_use]
    pub fn beyond_flat(&self) -> Vec<String> {
        let count = |count: usize, what: &str| (count > 0).then(|| format!("{what} ({count})"));
        let log_algorithm = self
            .log_hash_algorithm
            .as_ref()
            .filter(|algorithm| *algorithm != "sha1")
            .map(|algorithm| format!("log_hash_alg {algorithm}"));
        let release = (self.release > 0).then(|| format!("release {}", self.release));
        [
            count(self.excludes.len(), "excludes"),
            count(self.ignored_keyrings.len(), "ignored keyrings"),
            count(self.buffers.len(), "buffers"),
            count(self.key_ids.len(), "verification keys"),
            log_algorithm,
            release,
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Writes it, with `timestamp` or, without one, the latest of the sources'.
    ///
    /// # Errors
    /// [`ComposeError::Lossy`]; [`AllowlistError`] for a keyring or buffer with a name that cannot be written.
    pub fn writer(
        &self,
        form: Form,
        timestamp: Option<String>,
        omissions: Omissions,
    ) -> Result<Writer, WriteError> {
        let (list, format): (_, Box<dyn Format>) = match form {
            Form::Json(dialect) => {
                let settings = self.settings(timestamp)?;
                let list = Arc::clone(&self.digests);
                (list, Box::new(RuntimePolicy { settings, dialect }))
            }
            Form::Flat(flat) => {
                let lost = self.beyond_flat();
                if !lost.is_empty() && !omissions.lossy {
                    return Err(WriteError::Compose(ComposeError::Lossy {
                        form: "a flat allowlist",
                        what: lost,
                    }));
                }
                (self.with_keyring_rows()?, Box::new(flat))
            }
        };
        Ok(Writer::new(list, format, omissions.keep_going))
    }

    fn settings(&self, timestamp: Option<String>) -> Result<PolicySettings, WriteError> {
        let texts = |named: &Named| named.keys().cloned().collect();
        Ok(PolicySettings {
            timestamp: timestamp.or_else(|| self.timestamp.clone()),
            release: self.release,
            excludes: texts(&self.excludes),
            keyrings: sets(&self.keyrings, "a keyring in a runtime policy")?,
            ima_buf: sets(&self.buffers, "a buffer in a runtime policy")?,
            ignored_keyrings: texts(&self.ignored_keyrings),
            log_hash_algorithm: self.log_hash_algorithm.clone(),
            verification_keys: self.verification_keys.clone(),
        })
    }

    /// The digests with a row for each key.
    fn with_keyring_rows(&self) -> Result<Arc<Allowlist>, WriteError> {
        // In bytewise order these would be the first with this beginning.
        if let Some(row) = self.digests.rows().find(|row| row.path.starts_with(KEYRING)) {
            return Err(WriteError::Allowlist(AllowlistError::PathUnlistable {
                path: row.raw_path.to_vec(),
                format: "a flat allowlist",
                problem: "it would be taken for a keyring",
            }));
        }
        if self.keyrings.is_empty() {
            return Ok(Arc::clone(&self.digests));
        }
        let mut builder = crate::allowlist::Builder::default();
        for row in self.digests.rows() {
            builder.insert_row(&row, 0);
        }
        for row in self.keyrings.rows() {
            let name = [KEYRING, row.path].concat();
            // Lengths were checked when the row was made.
            if let Ok(digest) = Digest::new(row.algorithm, row.digest) {
                builder.insert(&name, &digest, 0, None);
            }
        }
        Ok(Arc::new(builder.build()))
    }

    /// Writes where everything comes from, as JSON: `sources`, each with its `kind`, patterns, keyrings and
    /// buffers, and `files`, each digest with the index of its source.
    #[must_use]
    pub fn provenance(&self) -> Writer {
        let sources = (0..)
            .zip(&self.origins)
            .map(|(index, origin)| self.describe(index, origin))
            .collect();
        Writer::new(Arc::clone(&self.digests), Box::new(Json { sources }), false)
    }

    fn describe(&self, index: u32, origin: &Origin) -> Value {
        let mut source = Map::new();
        source.insert(
            "name".to_owned(),
            String::from_utf8_lossy(&origin.name).into_owned().into(),
        );
        source.insert("kind".to_owned(), origin.kind.name().into());
        let mut set = |key: &str, value: Value| {
            let is_empty = match &value {
                Value::Array(items) => items.is_empty(),
                Value::Object(members) => members.is_empty(),
                _ => false,
            };
            if !is_empty {
                source.insert(key.to_owned(), value);
            }
        };
        let texts = |named: &Named| {
            named
                .iter()
                .filter(|(_, origins)| origins.contains(&index))
                .map(|(text, _)| text.clone().into())
                .collect::<Vec<Value>>()
        };
        let maps = |list: &Allowlist| {
            let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let of_origin = |row: &Listed<'_>| u32::try_from(row.origin) == Ok(index);
            for row in list.rows().filter(of_origin) {
                names
                    .entry(Escaped(row.path).to_string())
                    .or_default()
                    .push(hex(row.digest));
            }
            json!(names)
        };
        set("excludes", texts(&self.excludes).into());
        set("ignoredKeyrings", texts(&self.ignored_keyrings).into());
        set("keyrings", maps(&self.keyrings));
        set("imaBuf", maps(&self.buffers));
        Value::Object(source)
    }
}

impl Composed {
    /// Counts and notes, as JSON for other languages:
    ///
    /// ```text
    /// {"paths":N,"digests":N,"keyrings":N,"imaBuf":N,"excludes":N,"ignoredKeyrings":[…],"verificationKeys":["hex"],
    ///  "algorithms":[…],"logHashAlgorithm":"sha1","release":0,"timestamp":"…"|null,"isUpgraded":false,
    ///  "beyondFlat":[…],"origins":[{"name":"…","kind":"…","shape":"…"|null}],"notes":[{"code":"…","origin":"…","count":N,"text":"…"}]}
    /// ```
    #[must_use]
    pub fn summary(&self) -> Value {
        let (paths, digests) = count(&self.digests);
        let algorithms = self.algorithms();
        json!({
            "paths": paths,
            "digests": digests,
            "keyrings": count(&self.keyrings).1,
            "imaBuf": count(&self.buffers).1,
            "excludes": self.excludes.len(),
            "ignoredKeyrings": self.ignored_keyrings().collect::<Vec<_>>(),
            "verificationKeys": self.key_ids().map(|id| format!("{id:08x}")).collect::<Vec<_>>(),
            "algorithms": algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>(),
            "logHashAlgorithm": self.log_hash_algorithm(),
            "release": self.release,
            "timestamp": self.timestamp,
            "isUpgraded": self.is_upgraded,
            "beyondFlat": self.beyond_flat(),
            "origins": self.origins.iter().map(|origin| json!({
                "name": String::from_utf8_lossy(&origin.name),
                "kind": origin.kind.name(),
                "shape": origin.shape.map(Shape::name),
            })).collect::<Vec<_>>(),
            "notes": self.notes.iter().map(|note| json!({
                "code": note.code,
                "origin": String::from_utf8_lossy(&note.origin),
                "count": note.count,
                "text": note.text,
            })).collect::<Vec<_>>(),
        })
    }
}

/// Names in a list, and digests of them: what several sources have counts once.
fn count(list: &Allowlist) -> (u64, u64) {
    let (mut names, mut digests): (u64, u64) = (0, 0);
    let mut last = None;
    for row in list.rows() {
        let this = (row.path, row.algorithm, row.digest);
        let before = last.replace(this);
        names = names.saturating_add((before.map(|(path, ..)| path) != Some(row.path)).into());
        digests = digests.saturating_add((before != Some(this)).into());
    }
    (names, digests)
}

/// Why a policy cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The form has no place for something.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// A name or digest that the form cannot write.
    #[error(transparent)]
    Allowlist(#[from] AllowlistError),
}

/// Digests by name, which has to be text.
fn sets(
    list: &Allowlist,
    format: &'static str,
) -> Result<BTreeMap<String, BTreeSet<String>>, AllowlistError> {
    let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in list.rows() {
        let name = std::str::from_utf8(row.path).map_err(|_| AllowlistError::PathUnlistable {
            path: row.raw_path.to_vec(),
            format,
            problem: "it is not UTF-8, and Keylime reads policies as text",
        })?;
        if row.digest.len() < MIN_DIGEST_BYTES {
            return Err(AllowlistError::DigestUnlistable {
                path: row.raw_path.to_vec(),
                format,
                algorithm: row.algorithm.name(),
                problem: "Keylime wants 40 hex digits or more",
            });
        }
        match sets.get_mut(name) {
            Some(set) => {
                set.insert(hex(row.digest));
            }
            None => {
                sets.insert(name.to_owned(), BTreeSet::from([hex(row.digest)]));
            }
        }
    }
    Ok(sets)
}
