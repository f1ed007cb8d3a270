//! What was met in an image, and how programs see it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Fact, File, ImageError, Layer, Note, Skip};
use crate::error::Explain as _;
use crate::path::Escaped;

/// Omissions and notes that are kept; the rest is counted. A hostile image could make millions.
pub const MAX_LISTED: usize = 10_000;

/// What was met in one image.
#[derive(Debug, Default)]
pub struct Summary {
    /// The image, as the caller named it.
    pub name: Vec<u8>,
    /// What it is made of.
    pub layer: Layer,
    /// Regular files listed.
    pub files: u64,
    /// Sum of their sizes, in bytes.
    pub bytes: u64,
    /// How often something was left out on purpose, by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// What could not be read, with `keep_going`; the first [`MAX_LISTED`] of them.
    pub omitted: Vec<ImageError>,
    /// How many could not be read.
    pub omitted_count: u64,
    /// What a person should know; the first [`MAX_LISTED`].
    pub notes: Vec<Note>,
    /// How many notes there were.
    pub note_count: u64,
}

impl Summary {
    pub(super) fn count(&mut self, file: &File) {
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(file.size_bytes);
    }

    pub(super) fn skip(&mut self, skip: Skip) {
        let count = self.skipped.entry(skip).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn note(&mut self, note: Note) {
        self.note_count = self.note_count.saturating_add(1);
        if self.notes.len() < MAX_LISTED {
            self.notes.push(note);
        }
    }

    pub(super) fn omit(&mut self, error: ImageError) {
        self.omitted_count = self.omitted_count.saturating_add(1);
        if self.omitted.len() < MAX_LISTED {
            self.omitted.push(error);
        }
    }

    /// Adds what is inside a file of the image as one of its layers.
    pub(super) fn take_in(&mut self, inside: Self, path: &[u8]) {
        self.files = self.files.saturating_add(inside.files);
        self.bytes = self.bytes.saturating_add(inside.bytes);
        for (skip, more) in inside.skipped {
            let count = self.skipped.entry(skip).or_default();
            *count = count.saturating_add(more);
        }
        // Beyond those that are kept there may be more of both.
        let listed = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let omitted = inside.omitted_count.saturating_sub(listed(inside.omitted.len()));
        let notes = inside.note_count.saturating_sub(listed(inside.notes.len()));
        self.omitted_count = self.omitted_count.saturating_add(omitted);
        self.note_count = self.note_count.saturating_add(notes);
        inside.omitted.into_iter().for_each(|error| self.omit(error));
        inside.notes.into_iter().for_each(|note| self.note(note));
        let mut layer = inside.layer;
        layer.offset_bytes = None;
        layer
            .facts
            .insert(0, ("path", Fact::Text(Escaped(path).to_string())));
        self.layer.layers.push(layer);
    }

    /// The summary as JSON: the objects of `sources` in the JSON form of an allowlist.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let skipped: Map<String, Value> = self
            .skipped
            .iter()
            .map(|(skip, count)| (skip.name().to_owned(), (*count).into()))
            .collect();
        let omitted: Vec<Value> = self.omitted.iter().map(describe_omission).collect();
        json!({
            "name": String::from_utf8_lossy(&self.name),
            "files": self.files,
            "bytes": self.bytes,
            "skipped": skipped,
            "omitted": {"count": self.omitted_count, "first": omitted},
            "notes": {"count": self.note_count, "first": self.notes.iter().map(describe_note).collect::<Vec<_>>()},
            "layer": describe_layer(&self.layer),
        })
    }
}

fn describe_omission(error: &ImageError) -> Value {
    let place = error.place();
    json!({
        "code": error.code(),
        "problem": error.to_string(),
        "path": place.path.map(|path| Escaped(&path).to_string()),
        "offsetBytes": place.offset_bytes,
    })
}

fn describe_note(note: &Note) -> Value {
    json!({
        "code": note.code,
        "text": note.text,
        "path": note.path.as_ref().map(|path| Escaped(path).to_string()),
        "offsetBytes": note.offset_bytes,
    })
}

fn describe_layer(layer: &Layer) -> Value {
    let facts: Map<String, Value> = layer
        .facts
        .iter()
        .map(|(name, fact)| {
            let value = match fact {
                Fact::Number(number) => (*number).into(),
                Fact::Text(text) => text.as_str().into(),
            };
            ((*name).to_owned(), value)
        })
        .collect();
    json!({
        "kind": layer.kind,
        "offsetBytes": layer.offset_bytes,
        "sizeBytes": layer.size_bytes,
        "facts": facts,
        "layers": layer.layers.iter().map(describe_layer).collect::<Vec<_>>(),
    })
}
