//! The headers of an RPM package: tables of values by tag.
//!
//! ```text
//! 0  magic 8e ad e8 01, four zero bytes
//! 8  number of entries, bytes of data       32 bits, as all numbers big endian
//! 16 entries of 16 bytes: tag, type, offset in the data, count
//!    data
//! ```
//!
//! Source: rpm 4.18, `docs/manual/format.md`, `lib/header.c`.

use std::collections::BTreeMap;

use super::super::error::PackageError;

/// Magic, version and reserved bytes.
const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];

/// Bytes before the entries.
pub(super) const INTRO_BYTES: usize = 16;

const ENTRY_BYTES: usize = 16;

/// Entries of a header (rpm's `HEADER_TAGS_MAX`).
const MAX_ENTRIES: u32 = 0xffff;

/// Bytes of data; rpm takes four times as much, and the largest packages have some MiB.
const MAX_DATA_BYTES: u32 = 64 << 20;

/// Types of values that are read here.
const INT16: u32 = 3;
const INT32: u32 = 4;
const INT64: u32 = 5;
const STRING: u32 = 6;
const BINARY: u32 = 7;
const STRINGS: u32 = 8;
const TRANSLATED: u32 = 9;

#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: u32,
    at: usize,
    count: usize,
}

/// A header.
#[derive(Debug)]
pub(in crate::image::package) struct Header {
    offset: u64,
    /// As it is in the file.
    pub(super) bytes: Vec<u8>,
    data_at: usize,
    entries: BTreeMap<u32, Entry>,
}

/// How many bytes follow the first [`INTRO_BYTES`] of a header at `offset`.
///
/// # Errors
/// [`PackageError::RpmMalformed`].
pub(super) fn body_bytes(intro: &[u8; INTRO_BYTES], offset: u64) -> Result<usize, PackageError> {
    let malformed = |problem| PackageError::RpmMalformed { offset, problem };
    if !intro.starts_with(&MAGIC) {
        return Err(malformed("no header of a package"));
    }
    let (entries, data) = (number(intro, 8), number(intro, 12));
    match (entries, data) {
        (Some(entries @ 1..=MAX_ENTRIES), Some(data @ 0..=MAX_DATA_BYTES)) => {
            let entries = usize::try_from(entries).unwrap_or(usize::MAX);
            let data = usize::try_from(data).unwrap_or(usize::MAX);
            Ok(entries.saturating_mul(ENTRY_BYTES).saturating_add(data))
        }
        _ => Err(malformed("a header of no size that packages have")),
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes))
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Header {
    /// Reads a header at `offset`, all of whose bytes are there.
    ///
    /// # Errors
    /// [`PackageError::RpmMalformed`].
    pub(super) fn parse(bytes: Vec<u8>, offset: u64) -> Result<Self, PackageError> {
        let malformed = |problem| PackageError::RpmMalformed { offset, problem };
        let count = number(&bytes, 8).map_or(0, index);
        let data_at = count.saturating_mul(ENTRY_BYTES).saturating_add(INTRO_BYTES);
        let data_len = bytes.len().saturating_sub(data_at);
        let mut entries = BTreeMap::new();
        let table = bytes.get(INTRO_BYTES..data_at).unwrap_or_default();
        for entry in table.as_chunks::<ENTRY_BYTES>().0 {
            let field = |at| number(entry, at).unwrap_or(u32::MAX);
            let (tag, kind, at, count) = (field(0), field(4), index(field(8)), index(field(12)));
            if at > data_len || count == 0 {
                return Err(malformed("a value that lies beyond the header, or none"));
            }
            if entries.insert(tag, Entry { kind, at, count }).is_some() {
                return Err(malformed("a tag that is there twice"));
            }
        }
        Ok(Self {
            offset,
            bytes,
            data_at,
            entries,
        })
    }

    /// Reads a header as rpm's database has it: without the first half of its intro.
    ///
    /// # Errors
    /// [`PackageError::RpmMalformed`].
    pub(in crate::image::package) fn of_database(blob: &[u8]) -> Result<Self, PackageError> {
        let bytes = [&MAGIC, blob].concat();
        let malformed = PackageError::RpmMalformed {
            offset: 0,
            problem: "a header that is cut, or goes on behind its end",
        };
        let Some((intro, body)) = bytes.split_first_chunk() else {
            return Err(malformed);
        };
        match body_bytes(intro, 0)? == body.len() {
            true => Self::parse(bytes, 0),
            false => Err(malformed),
        }
    }

    fn malformed(&self, problem: &'static str) -> PackageError {
        PackageError::RpmMalformed {
            offset: self.offset,
            problem,
        }
    }

    fn entry(&self, tag: u32, kinds: &[u32]) -> Result<Option<(Entry, &[u8])>, PackageError> {
        let Some(entry) = self.entries.get(&tag) else {
            return Ok(None);
        };
        if !kinds.contains(&entry.kind) {
            return Err(self.malformed("a value of another type than its tag has"));
        }
        let data = self.bytes.get(self.data_at.saturating_add(entry.at)..);
        Ok(Some((*entry, data.unwrap_or_default())))
    }

    /// Whether there is such a value.
    pub(super) fn has(&self, tag: u32) -> bool {
        self.entries.contains_key(&tag)
    }

    /// All strings of a value; none, where there is no such value.
    ///
    /// # Errors
    /// [`PackageError::RpmMalformed`].
    pub(in crate::image::package) fn strings(&self, tag: u32) -> Result<Vec<&[u8]>, PackageError> {
        let Some((entry, mut data)) = self.entry(tag, &[STRING, STRINGS, TRANSLATED])? else {
            return Ok(Vec::new());
        };
        let count = if entry.kind == STRING { 1 } else { entry.count };
        let mut strings = Vec::new();
        for _ in 0..count {
            let end = memchr::memchr(0, data).ok_or_else(|| self.malformed("a text without an end"))?;
            strings.push(data.get(..end).unwrap_or_default());
            data = data.get(end.saturating_add(1)..).unwrap_or_default();
        }
        Ok(strings)
    }

    /// The first string of a value.
    ///
    /// # Errors
    /// [`PackageError::RpmMalformed`].
    pub(in crate::image::package) fn string(&self, tag: u32) -> Result<Option<&[u8]>, PackageError> {
        Ok(self.strings(tag)?.first().copied())
    }

    /// The bytes of a value.
    ///
    /// # Errors
    /// [`PackageError::RpmMalformed`].
    pub(super) fn binary(&self, tag: u32) -> Result<Option<&[u8]>, PackageError> {
        let Some((entry, data)) = self.entry(tag, &[BINARY])? else {
            return Ok(None);
        };
        let bytes = data.get(..entry.count);
        bytes
            .map(Some)
            .ok_or_else(|| self.malformed("a value that ends beyond the header"))
    }

    /// All numbers of a value; none, where there is no such value.
    ///
    /// # Errors
    /// [`PackageError::RpmMalformed`].
    pub(in crate::image::package) fn numbers(&self, tag: u32) -> Result<Vec<u64>, PackageError> {
        let Some((entry, data)) = self.entry(tag, &[INT16, INT32, INT64])? else {
            return Ok(Vec::new());
        };
        let width: usize = match entry.kind {
            INT16 => 2,
            INT32 => 4,
            _ => 8,
        };
        let bytes = entry.count.checked_mul(width).and_then(|len| data.get(..len));
        let bytes = bytes.ok_or_else(|| self.malformed("a value that ends beyond the header"))?;
        let value = |chunk: &[u8]| {
            chunk
                .iter()
                .fold(0, |value: u64, byte| value << 8 | u64::from(*byte))
        };
        Ok(bytes.chunks_exact(width).map(value).collect())
    }
}
