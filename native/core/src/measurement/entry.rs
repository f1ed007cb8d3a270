//! An entry, borrowed from the reader until the next one is asked for.

use ima_assay_digest::{Algorithm, Digest, ShortHasher};

use super::fault::{At, Fault, Problem};
use super::field::{Field, FileDigest, Value};
use super::format::ListHash;
use super::order::ByteOrder;
use super::reader::Text;
use super::template::FieldId;

/// What comes next in a list.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    /// An entry. It may have a fault nevertheless: [`Entry::fault`].
    Entry(Entry<'a>),
    /// Something that is no entry and should have been one, or the reason why there are no more.
    Fault(Fault),
}

/// An entry of a measurement list.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    pub(super) at: At,
    pub(super) pcr: u32,
    pub(super) recorded: &'a [u8],
    pub(super) is_violation: bool,
    pub(super) template: &'a [u8],
    pub(super) field_ids: &'a [FieldId],
    pub(super) spans: &'a [Span],
    pub(super) data: Option<&'a [u8]>,
    pub(super) problem: Option<Problem>,
    pub(super) list_hash: ListHash,
    pub(super) byte_order: ByteOrder,
    /// The recomputed template hash, if the reader needed it.
    pub(super) known: Option<&'a Digest>,
    pub(super) notes: Notes,
    pub(super) legacy_name_bytes: Option<usize>,
    pub(super) text: Text<'a>,
}

/// Where a field is in the template data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What the reader had to put right in an entry of the ASCII form. All but the case of letters and the mark
/// is proven by the template hash, save in a violation, which has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    /// Line ends inside the name: it stands on so many lines more.
    pub line_ends_in_name: u32,
    /// The line ends in CR LF.
    pub has_carriage_return: bool,
    /// The blanks before empty fields at its end were cut off.
    pub has_restored_blanks: bool,
    /// Hex digits are upper-case letters.
    pub has_upper_case: bool,
}

/// What recomputing the template hash says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The template data has the recorded hash.
    Matches,
    /// It has another: [`Problem::HashDiffers`].
    Differs,
    /// A violation has no hash: nothing vouches for its fields.
    Violation,
    /// The template data is not known: the fault of the entry tells why.
    Unknown,
}

impl<'a> Entry<'a> {
    /// Its number, counted from 1 through all segments.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.at.entry
    }

    /// Where it stands.
    #[must_use]
    pub fn at(&self) -> At {
        self.at
    }

    /// The PCR it was extended into, 0 to 23. No hash covers this number; only the replay does.
    #[must_use]
    pub fn pcr(&self) -> u32 {
        self.pcr
    }

    /// The template hash as it stands in the list.
    #[must_use]
    pub fn recorded_hash(&self) -> &'a [u8] {
        self.recorded
    }

    /// What the template hashes of the list are.
    #[must_use]
    pub fn list_hash(&self) -> ListHash {
        self.list_hash
    }

    /// The byte order of the numbers inside its template data.
    #[must_use]
    pub fn byte_order(&self) -> ByteOrder {
        self.byte_order
    }

    /// The name of the template, or its format. No hash covers it.
    #[must_use]
    pub fn template(&self) -> &'a [u8] {
        self.template
    }

    /// Whether it is a violation: the template hash is zero, and ones were extended.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        self.is_violation
    }

    /// How it stands in the ASCII form, with what is before it.
    #[must_use]
    pub fn text(&self) -> Text<'a> {
        self.text
    }

    /// The bytes that are hashed. None if the ASCII form does not tell them.
    #[must_use]
    pub fn data(&self) -> Option<&'a [u8]> {
        self.data
    }

    /// The fields in their order; none if the template is unknown or the data does not fit it.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let (data, byte_order) = (self.data.unwrap_or_default(), self.byte_order);
        self.field_ids
            .iter()
            .zip(self.spans)
            .map(move |(&id, span)| Field {
                id,
                bytes: data.get(span.start..span.end).unwrap_or_default(),
                byte_order,
            })
    }

    /// The field with this id.
    #[must_use]
    pub fn field(&self, id: FieldId) -> Option<Field<'a>> {
        self.fields().find(|field| field.id == id)
    }

    /// The bytes of the field with this id; none if there is no such field, or nothing in it.
    #[must_use]
    pub fn bytes(&self, id: FieldId) -> Option<&'a [u8]> {
        self.field(id)
            .map(|field| field.bytes)
            .filter(|bytes| !bytes.is_empty())
    }

    /// The name of the file, or of what else was measured (`n-ng`, `n`). None if it is not well-formed: what
    /// is looked up must be the whole name.
    #[must_use]
    pub fn name(&self) -> Option<&'a [u8]> {
        match self.fields().find(|field| field.id.is_name())?.value() {
            Value::Text(name) => Some(name),
            _ => None,
        }
    }

    /// The digest of what was measured (`d-ng`, `d-ngv2`, `d`), if it is well-formed.
    #[must_use]
    pub fn file_digest(&self) -> Option<FileDigest<'a>> {
        match self.fields().find(|field| field.id.is_file_digest())?.value() {
            Value::Digest(digest) => Some(digest),
            _ => None,
        }
    }

    /// The first thing that is wrong with it, although it could be told from its neighbours. That the
    /// template hash differs is not among these: see [`Entry::check`].
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.problem.map(|problem| Fault { at: self.at, problem })
    }

    /// What the reader had to put right.
    #[must_use]
    pub fn notes(&self) -> Notes {
        self.notes
    }

    /// The hash of the template data, by any algorithm.
    #[must_use]
    pub fn template_hash(&self, algorithm: Algorithm) -> Option<Digest> {
        self.known
            .filter(|known| known.algorithm() == algorithm)
            .copied()
            .or_else(|| self.data.map(|data| ShortHasher::new(algorithm).hash(data)))
    }

    /// Recomputes the template hash. [`super::Replay::extend`] says the same at less cost.
    #[must_use]
    pub fn check(&self) -> Check {
        let is_needed = !self.is_violation;
        let computed = is_needed.then(|| self.template_hash(self.list_hash.algorithm()));
        self.check_against(computed.flatten().as_ref())
    }

    /// The entry with a wrong template hash among its faults, for whoever shows it; and whether it has one.
    #[must_use]
    pub fn with_hash_checked(mut self) -> (Self, bool) {
        let differs = self.check() == Check::Differs;
        if differs {
            self.problem = self.problem.or(Some(Problem::HashDiffers));
        }
        (self, differs)
    }

    /// What a recomputed template hash says.
    pub(super) fn check_against(&self, computed: Option<&Digest>) -> Check {
        if self.is_violation {
            return Check::Violation;
        }
        match computed {
            None => Check::Unknown,
            Some(digest) if self.list_hash.hashed(self.recorded) == Some(digest.bytes()) => Check::Matches,
            Some(_) => Check::Differs,
        }
    }
}
