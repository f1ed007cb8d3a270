//! Names, and the digests listed for each: what `digests`, `keyrings` and `ima-buf` of a policy hold.
//!
//! A policy has a hundred thousand paths and more, and a verification asks for each entry of a list. So names
//! and digests lie one after the other in one piece of memory, and a hash table of entry numbers finds a name:
//! nothing is allocated for a name or for a lookup, and a lookup touches few cache lines.
//!
//! ```text
//! name │ row │ row │ … │ next name │ row │ …      see the rows' own file
//! ```

use std::hash::BuildHasher as _;
use std::sync::OnceLock;

use hashbrown::hash_table::Entry as Slot;
use hashbrown::{DefaultHashBuilder, HashTable};
use ima_assay_digest::Algorithm;

use super::near::NearIndex;
use super::row::{HEAD_LEN, Row, Rows, head};
use super::writing::Writing;
use crate::allowlist::algorithm_by_length;

/// No earlier entry of the same name.
const NONE: u32 = u32::MAX;

/// Digests by name.
#[derive(Debug, Clone, Default)]
pub struct DigestMap {
    /// What digests of this algorithm's length are taken for, where a policy does not say.
    assumed: Option<Algorithm>,
    /// Names and digests, as the picture shows.
    arena: Vec<u8>,
    entries: Vec<Entry>,
    /// The last entry of each name.
    index: HashTable<u32>,
    /// Seeded at random: names in a hostile measurement list cannot be made to collide.
    hasher: DefaultHashBuilder,
    /// Built when a near miss is first looked for.
    near: OnceLock<NearIndex>,
}

/// A name with its digests, once in the file.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// In the arena; the entry ends where the next one begins.
    at: u32,
    name_len: u32,
    line: u32,
    /// An earlier entry of the same name, whose digests count too.
    earlier: u32,
    quirks: Quirks,
}

/// What is odd about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Quirks {
    /// A later member of the same JSON object has the same name and takes its place.
    pub is_replaced: bool,
    /// Its value is the text of a digest rather than a list.
    pub is_bare: bool,
    /// A flat row had the `*` of binary mode.
    pub is_binary: bool,
    /// A flat row was escaped.
    pub is_escaped: bool,
    /// A flat row had blanks where IMA writes underscores.
    pub is_respelled: bool,
}

/// What happens to the digests that a name already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// They are replaced, as in a JSON object.
    Replaces,
    /// They stay, as in a flat list.
    Adds,
}

/// A table that 32-bit offsets cannot address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl DigestMap {
    /// An empty map. Digests of `assumed`'s length are taken for its, unless their algorithm is named.
    pub(super) fn new(assumed: Option<Algorithm>) -> Self {
        Self {
            assumed,
            ..Self::default()
        }
    }

    /// Starts an entry; the digests that are pushed next are its own.
    pub(super) fn begin(
        &mut self,
        name: &[u8],
        line: u32,
        repeat: Repeat,
        quirks: Quirks,
    ) -> Result<(), Full> {
        let id = u32::try_from(self.entries.len()).map_err(|_| Full)?;
        let name_len = u32::try_from(name.len()).map_err(|_| Full)?;
        let at = u32::try_from(self.arena.len()).map_err(|_| Full)?;
        let mut earlier = NONE;
        let Self {
            arena,
            entries,
            index,
            hasher,
            ..
        } = self;
        let slot = index.entry(
            hasher.hash_one(name),
            |&other| name_of(arena, entries, other) == name,
            |&other| hasher.hash_one(name_of(arena, entries, other)),
        );
        match slot {
            Slot::Vacant(slot) => {
                slot.insert(id);
            }
            Slot::Occupied(mut slot) => {
                let last = std::mem::replace(slot.get_mut(), id);
                match repeat {
                    Repeat::Adds => earlier = last,
                    Repeat::Replaces => {
                        if let Some(last) = usize::try_from(last).ok().and_then(|last| entries.get_mut(last))
                        {
                            last.quirks.is_replaced = true;
                        }
                    }
                }
            }
        }
        arena.extend_from_slice(name);
        entries.push(Entry {
            at,
            name_len,
            line,
            earlier,
            quirks,
        });
        Ok(())
    }

    /// Adds a digest as a policy writes it to the last entry.
    pub(super) fn push_text(&mut self, text: &str) {
        let at = self.arena.len();
        self.arena.extend_from_slice(&[0; HEAD_LEN]);
        let (algorithm, writing) = Writing::read(text, &mut self.arena);
        let len = self.arena.len().saturating_sub(at).saturating_sub(HEAD_LEN);
        if let Some(bytes) = self.arena.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *bytes = head(len, algorithm, writing);
        }
    }

    /// Adds a digest to the last entry.
    pub(super) fn push(&mut self, digest: &[u8], algorithm: Option<Algorithm>, writing: Writing) {
        self.arena
            .extend_from_slice(&head(digest.len(), algorithm, writing));
        self.arena.extend_from_slice(digest);
    }

    /// Makes room for as many names as a file of this size usually has, so that the index need not grow.
    pub(super) fn expect_file_of(&mut self, bytes: usize) {
        let Self {
            arena,
            entries,
            index,
            hasher,
            ..
        } = self;
        index.reserve(bytes / USUAL_BYTES_A_NAME, |&id| {
            hasher.hash_one(name_of(arena, entries, id))
        });
    }

    /// Gives back what was reserved and not used.
    pub(super) fn shrink(&mut self) {
        self.arena.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// Corrects the line of the last entry.
    pub(super) fn set_last_line(&mut self, line: u32) {
        if let Some(entry) = self.entries.last_mut() {
            entry.line = line;
        }
    }

    /// Marks the last entry's value as bare text where a list belongs.
    pub(super) fn mark_last_bare(&mut self) {
        if let Some(entry) = self.entries.last_mut() {
            entry.quirks.is_bare = true;
        }
    }

    /// Number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether it has no name at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// What is listed for a name, compared byte by byte.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<Listing<'_>> {
        let hash = self.hasher.hash_one(name);
        let is_same = |&id: &u32| name_of(&self.arena, &self.entries, id) == name;
        let last = self.entry(*self.index.find(hash, is_same)?)?;
        Some(Listing { last })
    }

    /// Every name with what is listed for it, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = Listing<'_>> {
        self.entries()
            .filter(|entry| entry.entry.earlier == NONE && !entry.quirks().is_replaced)
            .filter_map(|entry| self.get(entry.name()))
    }

    /// Every entry, in the file's order.
    pub(super) fn entries(&self) -> impl Iterator<Item = EntryView<'_>> {
        (0..)
            .zip(&self.entries)
            .map(|(id, entry)| EntryView { map: self, id, entry })
    }

    pub(super) fn entry(&self, id: u32) -> Option<EntryView<'_>> {
        let entry = self.entries.get(usize::try_from(id).ok()?)?;
        Some(EntryView { map: self, id, entry })
    }

    /// The entry that was started last.
    pub(super) fn last_entry(&self) -> Option<EntryView<'_>> {
        self.entry(u32::try_from(self.entries.len()).ok()?.checked_sub(1)?)
    }

    /// The index for near misses, built at the first call.
    pub(super) fn near(&self) -> &NearIndex {
        self.near.get_or_init(|| NearIndex::new(self))
    }

    fn algorithm_by_length(&self, bytes: usize) -> Option<Algorithm> {
        self.assumed
            .filter(|algorithm| algorithm.len() == bytes)
            .or_else(|| algorithm_by_length(bytes))
    }
}

/// Path, digest and JSON of a usual entry, rather more than less.
const USUAL_BYTES_A_NAME: usize = 128;

fn name_of<'a>(arena: &'a [u8], entries: &[Entry], id: u32) -> &'a [u8] {
    usize::try_from(id)
        .ok()
        .and_then(|id| entries.get(id))
        .and_then(|entry| arena.get(offset(entry.at)..)?.get(..offset(entry.name_len)))
        .unwrap_or_default()
}

fn offset(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// What a map lists for a name.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    last: EntryView<'a>,
}

impl<'a> Listing<'a> {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.last.name()
    }

    /// The line of the file where the name stands, or stands last, counted from 1; 0 if there was no file.
    #[must_use]
    pub fn line(&self) -> u64 {
        u64::from(self.last.line())
    }

    /// Its digests, the last entry's first. Text that is no digest is left out; see
    /// [`Policy::validate`](super::Policy::validate).
    #[must_use]
    pub fn digests(&self) -> ListedDigests<'a> {
        ListedDigests {
            entry: self.last,
            rows: self.last.rows(),
        }
    }

    /// Its entries, the last first.
    pub(super) fn entries(&self) -> impl Iterator<Item = EntryView<'a>> {
        std::iter::successors(Some(self.last), EntryView::earlier)
    }
}

/// A digest that a policy lists for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedDigest<'a> {
    /// The value: 1 to 64 bytes.
    pub bytes: &'a [u8],
    /// The algorithm, named or taken from the length; none if no algorithm has this length.
    pub algorithm: Option<Algorithm>,
    /// Whether the policy names the algorithm. Runtime policies do not.
    pub is_algorithm_named: bool,
    /// Whether it is written as Keylime compares it: lower-case hex digits and nothing else.
    pub is_plain: bool,
    /// The line of its name in the file, counted from 1; 0 if there was no file.
    pub line: u64,
}

/// The digests of a name.
#[derive(Debug, Clone)]
pub struct ListedDigests<'a> {
    entry: EntryView<'a>,
    rows: Rows<'a>,
}

impl<'a> Iterator for ListedDigests<'a> {
    type Item = ListedDigest<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(digest) = self.rows.find_map(|row| self.entry.listed(&row)) {
                return Some(digest);
            }
            self.entry = self.entry.earlier()?;
            self.rows = self.entry.rows();
        }
    }
}

/// An entry, for what looks at how a policy is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryView<'a> {
    map: &'a DigestMap,
    id: u32,
    entry: &'a Entry,
}

impl<'a> EntryView<'a> {
    pub(super) fn name(&self) -> &'a [u8] {
        name_of(&self.map.arena, &self.map.entries, self.id)
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn line(&self) -> u32 {
        self.entry.line
    }

    pub(super) fn quirks(&self) -> Quirks {
        self.entry.quirks
    }

    /// Its own digests, those that are text only included.
    pub(super) fn rows(&self) -> Rows<'a> {
        let after = self.map.entries.get(offset(self.id).saturating_add(1));
        let end = after.map_or(self.map.arena.len(), |after| offset(after.at));
        let start = offset(self.entry.at).saturating_add(offset(self.entry.name_len));
        Rows(self.map.arena.get(start..end).unwrap_or_default())
    }

    /// Its own digests.
    pub(super) fn digests(self) -> impl Iterator<Item = ListedDigest<'a>> {
        self.rows().filter_map(move |row| self.listed(&row))
    }

    fn earlier(&self) -> Option<Self> {
        self.map.entry(self.entry.earlier)
    }

    fn listed(&self, row: &Row<'a>) -> Option<ListedDigest<'a>> {
        let by_length = || self.map.algorithm_by_length(row.digest.len());
        (!row.digest.is_empty()).then(|| ListedDigest {
            bytes: row.digest,
            algorithm: row.algorithm.or_else(by_length),
            is_algorithm_named: row.algorithm.is_some(),
            is_plain: row.writing.is_plain(),
            line: u64::from(self.entry.line),
        })
    }
}
