//! Allowlists: which digests a path may have, and which image each came from.
//!
//! Kept as rows over two arenas rather than as a map of maps: a root filesystem has a million files,
//! and an extraction has to fit into little memory.

mod error;
mod flat;
mod flat_rows;
mod json;
mod mtree;
mod write;

use std::collections::HashMap;
use std::ops::Range;

use ima_assay_digest::{Algorithm, Digest};

use crate::path::ima_spelling;

pub use error::AllowlistError;
pub use flat::{Flat, parse_flat};
pub(crate) use flat_rows::{BYTE_ORDER_MARK, algorithm_by_length};
pub use flat_rows::{FlatRow, flat_rows};
pub use json::Json;
pub use mtree::Mtree;
pub use write::{Format, Writer};

/// Digests by path, each with its origin. Always sorted: bytewise by path as IMA spells it, then by
/// algorithm, digest and origin.
#[derive(Debug, Clone, Default)]
pub struct Allowlist {
    origins: Vec<Vec<u8>>,
    /// Arena of paths.
    paths: Vec<u8>,
    /// Arena of digests.
    digests: Vec<u8>,
    rows: Vec<Row>,
    /// Signatures of files, by origin and by the path as the image has it.
    signatures: HashMap<u32, HashMap<Vec<u8>, Signatures>>,
}

/// What an image says of a file beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileFacts {
    /// `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// The signatures that a file has in its attributes, each as the attribute is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signatures {
    /// `security.ima`: over the digest of its bytes.
    pub ima: Option<Vec<u8>>,
    /// `security.evm`: over its owner, group, mode and other attributes.
    pub evm: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// The path as IMA spells it, in `paths`.
    path_at: usize,
    path_len: u32,
    /// The path as the image has it, in `paths`: the same bytes unless it has a blank.
    raw_at: usize,
    algorithm: Algorithm,
    origin: u32,
    /// In `digests`.
    digest_at: usize,
    facts: Option<FileFacts>,
}

/// One digest of a path, from one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The path as IMA spells it.
    pub path: &'a [u8],
    /// The path as the image has it.
    pub raw_path: &'a [u8],
    /// The hash algorithm.
    pub algorithm: Algorithm,
    /// `algorithm.len()` bytes.
    pub digest: &'a [u8],
    /// Index into [`Allowlist::origins`].
    pub origin: usize,
    /// What the image says of the file; none for what was read from a list.
    pub facts: Option<FileFacts>,
    /// Its signatures, if it has any and they were asked for.
    pub signatures: Option<&'a Signatures>,
}

impl Allowlist {
    /// Names of the images and lists the digests came from.
    #[must_use]
    pub fn origins(&self) -> &[Vec<u8>] {
        &self.origins
    }

    /// Number of rows: a digest of a path from an origin.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it lists nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row at `index`, in order.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Listed<'_>> {
        let row = self.rows.get(index)?;
        let raw_path = self.path(row.raw_at, row.path_len);
        let signatures = self.signatures.get(&row.origin);
        Some(Listed {
            path: self.path(row.path_at, row.path_len),
            raw_path,
            algorithm: row.algorithm,
            digest: self.digest(row),
            origin: usize::try_from(row.origin).unwrap_or(usize::MAX),
            facts: row.facts,
            signatures: signatures.and_then(|of| of.get(raw_path)),
        })
    }

    /// All rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Listed<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The rows of a path, as IMA spells it.
    pub fn rows_of(&self, path: &[u8]) -> impl Iterator<Item = Listed<'_>> {
        let start = self
            .rows
            .partition_point(|row| self.path(row.path_at, row.path_len) < path);
        let is_there = self.get(start).is_some_and(|row| row.path == path);
        let range = if is_there { self.rows_of_path(start) } else { 0..0 };
        range.filter_map(|index| self.get(index))
    }

    /// The rows of the path that row `start` belongs to, from `start` on.
    fn rows_of_path(&self, start: usize) -> Range<usize> {
        let Some(first) = self.get(start) else {
            return start..start;
        };
        let same = self
            .rows
            .get(start..)
            .unwrap_or_default()
            .iter()
            .take_while(|row| self.path(row.path_at, row.path_len) == first.path);
        start..start.saturating_add(same.count())
    }

    /// The union of several allowlists. Order does not matter for the digests; origins are numbered in
    /// the order given, equal names are one.
    #[must_use]
    pub fn merge<'a>(lists: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut builder = Builder::default();
        for list in lists {
            let origins: Vec<u32> = list.origins.iter().map(|name| builder.origin(name)).collect();
            for listed in list.rows() {
                let origin = origins.get(listed.origin).copied().unwrap_or(u32::MAX);
                builder.insert_row(&listed, origin);
            }
        }
        builder.build()
    }

    fn path(&self, at: usize, len: u32) -> &[u8] {
        slice(&self.paths, at, usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn digest(&self, row: &Row) -> &[u8] {
        slice(&self.digests, row.digest_at, row.algorithm.len())
    }
}

fn slice(arena: &[u8], at: usize, len: usize) -> &[u8] {
    arena.get(at..at.saturating_add(len)).unwrap_or_default()
}

/// Collects rows in any order.
#[derive(Debug, Default)]
pub struct Builder {
    list: Allowlist,
}

impl Builder {
    /// The number of an origin of this name, new or not.
    pub fn origin(&mut self, name: &[u8]) -> u32 {
        let origins = &mut self.list.origins;
        let index = origins.iter().position(|known| known == name).unwrap_or_else(|| {
            origins.push(name.to_vec());
            origins.len().saturating_sub(1)
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// The number of a new origin, whatever the names of the others.
    pub fn new_origin(&mut self, name: &[u8]) -> u32 {
        self.list.origins.push(name.to_vec());
        u32::try_from(self.list.origins.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Adds a row of another list, under an origin of this one.
    pub(crate) fn insert_row(&mut self, row: &Listed<'_>, origin: u32) {
        self.push(row.raw_path, row.algorithm, row.digest, origin, row.facts);
        if let Some(signatures) = row.signatures {
            self.sign(row.raw_path, origin, signatures);
        }
    }

    /// Adds the signatures of a file, spelled as the image has it.
    pub(crate) fn sign(&mut self, path: &[u8], origin: u32, signatures: &Signatures) {
        let of_origin = self.list.signatures.entry(origin).or_default();
        of_origin.insert(path.to_vec(), signatures.clone());
    }

    /// Adds a digest of a path, spelled as the image has it.
    pub fn insert(&mut self, path: &[u8], digest: &Digest, origin: u32, facts: Option<FileFacts>) {
        self.push(path, digest.algorithm(), digest.bytes(), origin, facts);
    }

    fn push(
        &mut self,
        path: &[u8],
        algorithm: Algorithm,
        digest: &[u8],
        origin: u32,
        facts: Option<FileFacts>,
    ) {
        let list = &mut self.list;
        let raw_at = list.paths.len();
        list.paths.extend_from_slice(path);
        let spelled = ima_spelling(path);
        let path_at = if *spelled == *path {
            raw_at
        } else {
            list.paths.len()
        };
        if path_at != raw_at {
            list.paths.extend_from_slice(&spelled);
        }
        let digest_at = list.digests.len();
        list.digests.extend_from_slice(digest);
        let path_len = u32::try_from(path.len()).unwrap_or(u32::MAX);
        list.rows.push(Row {
            path_at,
            path_len,
            raw_at,
            algorithm,
            origin,
            digest_at,
            facts,
        });
    }

    /// Sorts the rows; equal ones become one.
    #[must_use]
    pub fn build(self) -> Allowlist {
        let mut list = self.list;
        let mut rows = std::mem::take(&mut list.rows);
        let key = |row: &Row| {
            (
                list.path(row.path_at, row.path_len),
                row.algorithm,
                list.digest(row),
                row.origin,
                list.path(row.raw_at, row.path_len),
                row.facts,
            )
        };
        rows.sort_unstable_by(|left, right| key(left).cmp(&key(right)));
        rows.dedup_by(|left, right| key(left) == key(right));
        list.rows = rows;
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ima_assay_digest::hash;

    fn list(rows: &[(&str, &str)]) -> Allowlist {
        let mut builder = Builder::default();
        for (path, data) in rows {
            let origin = builder.origin(b"image");
            builder.insert(
                path.as_bytes(),
                &hash(Algorithm::Sha256, data.as_bytes()),
                origin,
                None,
            );
        }
        builder.build()
    }

    #[test]
    fn rows_are_sorted_by_the_path_as_ima_spells_it() {
        let list = list(&[
            ("/b", "1"),
            ("/a b", "2"),
            ("/a_b", "3"),
            ("/a!", "4"),
            ("/b", "1"),
        ]);
        let paths: Vec<_> = list.rows().map(|row| (row.path, row.raw_path)).collect();
        let expected: [(&[u8], &[u8]); 4] = [
            (b"/a!", b"/a!"),
            (b"/a_b", b"/a_b"),
            (b"/a_b", b"/a b"),
            (b"/b", b"/b"),
        ];
        assert_eq!(paths, expected);
        assert_eq!(list.rows_of_path(1), 1..3);
    }

    #[test]
    fn a_merge_is_the_union_whatever_the_order() {
        let (one, two) = (
            list(&[("/a", "1"), ("/b", "2")]),
            list(&[("/a", "1"), ("/a", "9")]),
        );
        let rows = |list: &Allowlist| {
            list.rows()
                .map(|row| (row.path.to_vec(), row.digest.to_vec()))
                .collect::<Vec<_>>()
        };
        let merged = Allowlist::merge([&one, &two]);
        assert_eq!(merged.len(), 3);
        assert_eq!(rows(&merged), rows(&Allowlist::merge([&two, &one])));
        assert_eq!(rows(&merged), rows(&Allowlist::merge([&merged, &one])));
    }
}
