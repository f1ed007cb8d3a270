//! Allowlists as JavaScript holds them: a handle, read in columns and written in pieces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ima_assay_core::allowlist::{
    Allowlist as List, Flat, Format, Json, Mtree, Writer as PieceWriter, parse_flat,
};
use ima_assay_core::policy::{PolicySettings, RuntimePolicy};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use serde_json::{Value, json};

use crate::control::number;
use crate::error::{explained, guarded, to_json};

/// Digests by path, each with its origin.
#[napi]
pub struct Allowlist {
    pub(crate) list: Arc<List>,
    /// What the JSON form says of the origins, an object for each.
    pub(crate) sources: Value,
}

/// Consecutive rows, a column for each field.
#[napi(object, object_from_js = false)]
pub struct Rows {
    /// Paths as IMA spells them, in UTF-8 or not, one behind another.
    pub paths: Buffer,
    /// Length of each path in bytes.
    pub path_lengths: Vec<u32>,
    /// Names of the algorithms.
    pub algorithms: Vec<&'static str>,
    /// Digests in lower-case hex.
    pub digests: Vec<String>,
    /// Index of each digest's origin.
    pub origins: Vec<u32>,
}

/// What a runtime policy holds beside its digests.
#[napi(object, object_to_js = false)]
pub struct PolicyArguments {
    /// `meta.timestamp`.
    pub timestamp: Option<String>,
    /// `release`.
    pub release: f64,
    /// `excludes`.
    pub excludes: Vec<String>,
    /// `keyrings`, as pairs of keyring and digest.
    pub keyrings: Vec<(String, String)>,
    /// `ima-buf`, as pairs of name and digest.
    pub ima_buf: Vec<(String, String)>,
    /// `ima.ignored_keyrings`.
    pub ignored_keyrings: Vec<String>,
    /// `verification-keys`.
    pub verification_keys: String,
}

#[napi]
impl Allowlist {
    /// Reads a flat allowlist.
    ///
    /// # Errors
    /// The first line that is no row.
    #[napi(factory, catch_unwind)]
    pub fn parse_flat(text: &[u8], origin: String) -> napi::Result<Self> {
        let list = parse_flat(text, origin.as_bytes()).map_err(|errors| match errors.first() {
            Some(error) => explained(error),
            None => napi::Error::from_reason("no error"),
        })?;
        Ok(Self {
            list: Arc::new(list),
            sources: json!([{"name": origin}]),
        })
    }

    /// The union of several allowlists.
    #[napi(factory, catch_unwind)]
    pub fn merge(lists: Vec<&Allowlist>) -> Self {
        let list = List::merge(lists.iter().map(|list| list.list.as_ref()));
        let known = |name: &[u8]| {
            lists.iter().find_map(|one| {
                let index = one.list.origins().iter().position(|origin| origin == name)?;
                one.sources.get(index).cloned()
            })
        };
        let sources = list
            .origins()
            .iter()
            .map(|name| known(name).unwrap_or_else(|| json!({"name": String::from_utf8_lossy(name)})))
            .collect();
        Self {
            list: Arc::new(list),
            sources,
        }
    }

    /// Number of rows: a digest of a path from an origin.
    #[napi(getter)]
    #[must_use]
    pub fn row_count(&self) -> f64 {
        number(u64::try_from(self.list.len()).unwrap_or(u64::MAX))
    }

    /// Names of the origins.
    #[napi(getter)]
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        self.list
            .origins()
            .iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
    }

    /// At most `count` rows from `start` on.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn rows(&self, start: u32, count: u32) -> Rows {
        let mut paths = Vec::new();
        let (mut path_lengths, mut algorithms) = (Vec::new(), Vec::new());
        let (mut digests, mut origins) = (Vec::new(), Vec::new());
        let indices = start..start.saturating_add(count);
        for row in indices.map_while(|index| self.list.get(usize::try_from(index).ok()?)) {
            paths.extend_from_slice(row.path);
            path_lengths.push(u32::try_from(row.path.len()).unwrap_or(u32::MAX));
            algorithms.push(row.algorithm.name());
            digests.push(ima_assay_digest::hex(row.digest));
            origins.push(u32::try_from(row.origin).unwrap_or(u32::MAX));
        }
        Rows {
            paths: paths.into(),
            path_lengths,
            algorithms,
            digests,
            origins,
        }
    }

    /// Writes the flat form.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn write_flat(&self, keep_going: bool) -> Writer {
        self.writer(Box::new(Flat::default()), keep_going)
    }

    /// Writes an mtree manifest.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn write_mtree(&self, keep_going: bool) -> Writer {
        self.writer(Box::new(Mtree), keep_going)
    }

    /// Writes JSON with all that is known of each file.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn write_json(&self, keep_going: bool) -> Writer {
        self.writer(
            Box::new(Json {
                sources: self.sources.clone(),
            }),
            keep_going,
        )
    }

    /// Writes a runtime policy.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn write_runtime_policy(&self, settings: PolicyArguments, keep_going: bool) -> Writer {
        self.writer(
            Box::new(RuntimePolicy {
                settings: settings.into_settings(),
                ..RuntimePolicy::default()
            }),
            keep_going,
        )
    }

    fn writer(&self, format: Box<dyn Format>, keep_going: bool) -> Writer {
        Writer {
            writer: PieceWriter::new(Arc::clone(&self.list), format, keep_going),
        }
    }
}

impl PolicyArguments {
    fn into_settings(self) -> PolicySettings {
        let sets = |pairs: Vec<(String, String)>| {
            let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (name, digest) in pairs {
                sets.entry(name).or_default().insert(digest);
            }
            sets
        };
        PolicySettings {
            timestamp: self.timestamp,
            release: crate::extract::whole(self.release),
            excludes: self.excludes,
            keyrings: sets(self.keyrings),
            ima_buf: sets(self.ima_buf),
            ignored_keyrings: self.ignored_keyrings,
            log_hash_algorithm: None,
            verification_keys: self.verification_keys,
        }
    }
}

/// Writes an allowlist piece by piece.
#[napi]
pub struct Writer {
    writer: PieceWriter,
}

impl Writer {
    pub(crate) fn of(writer: PieceWriter) -> Self {
        Self { writer }
    }
}

#[napi]
impl Writer {
    /// The next piece; nothing at the end.
    ///
    /// # Errors
    /// A path or digest the format cannot write, unless it keeps going.
    #[napi(catch_unwind)]
    pub fn next(&mut self, wanted_bytes: u32) -> napi::Result<Option<Buffer>> {
        guarded(|| {
            let wanted = usize::try_from(wanted_bytes).unwrap_or(usize::MAX);
            self.writer
                .next_piece(wanted)
                .map(|piece| piece.map(Buffer::from))
                .map_err(|error| explained(&error))
        })
    }

    /// What was left out, as JSON text.
    #[napi]
    #[must_use]
    pub fn omitted(&self) -> String {
        Value::from_iter(self.writer.omitted().iter().map(|error| to_json(error))).to_string()
    }
}
