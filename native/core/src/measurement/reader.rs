//! Reads a list entry by entry, in memory that does not grow with it.

use std::io::Read;

use ima_assay_digest::Digest;

use super::binary::Layout;
use super::compression::Unpacked;
use super::entry::{Entry, Item, Notes, Span};
use super::error::ListError;
use super::fault::{At, Fault, Problem};
use super::field::Field;
use super::format::{self, Detected, Encoding, Format, HEAD_BYTES, Identity, KEXEC_HEADER_BYTES, Kexec};
use super::limits::Limits;
use super::order::ByteOrder;
use super::template::Template;
use super::window::{Told, Window};

/// Where a list, or a part of one, is read from.
pub type Source<'r> = Box<dyn Read + Send + 'r>;

/// Reads a measurement list.
///
/// The form is told by the bytes: ASCII or binary, byte order, which bank's file, gzip, xz or zstd. Several
/// sources are parts of one list, in order: kernels since 7.2 can hand out a list in parts.
pub struct Reader<'r> {
    /// The parts that are still to come.
    sources: std::vec::IntoIter<Source<'r>>,
    pub(super) limits: Limits,
    /// The part that is read.
    pub(super) window: Window<'r>,
    pub(super) state: State,
    pub(super) ascii: AsciiForm,
    pub(super) layout: Layout,
    /// The rest of a buffer carried over kexec.
    pub(super) kexec: Option<Kexec>,
    encoding: Encoding,
    segment: u32,
    /// Entries before the next one.
    pub(super) entries: u64,
    pub(super) work: Work,
    /// The text of what was read last.
    told: Told,
    /// The text behind the last entry of the parts so far.
    rest: Vec<u8>,
}

/// The bytes of the ASCII form up to the end of an entry, or of what is there instead of one: its lines, and blank
/// ones before them. The last line end is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'a> {
    /// The form is binary.
    Binary,
    /// There were more than two megabytes of blank lines, or a line is too long.
    Lost,
    /// The text.
    Known(&'a [u8]),
}

/// What the next step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ascii,
    Binary,
    /// Nothing more can be found in this part.
    Done,
}

/// What has to be remembered from one line to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsciiForm {
    /// Lines before the next one.
    pub(super) lines: u64,
    /// Whether lines were shown to end in CR LF.
    pub(super) has_carriage_returns: bool,
    /// Bytes that may be hashed to find out which lines belong together.
    pub(super) join_credit: u64,
}

/// The parts of an entry that do not stand in the list as they are used.
#[derive(Default)]
pub(super) struct Work {
    pub(super) template: Template,
    pub(super) identity: Identity,
    /// The template hash, out of the ASCII form.
    pub(super) recorded: Vec<u8>,
    pub(super) has_upper_case_hash: bool,
    /// Template data that was put together.
    pub(super) data: Vec<u8>,
    pub(super) spans: Vec<Span>,
    /// The recomputed template hash, if it was needed.
    pub(super) known: Option<Digest>,
}

/// An entry before it borrows.
pub(super) struct Draft {
    pub(super) at: At,
    pub(super) pcr: u32,
    pub(super) recorded: Place,
    pub(super) is_violation: bool,
    pub(super) data: Option<Place>,
    pub(super) problem: Option<Problem>,
    pub(super) notes: Notes,
    pub(super) legacy_name_bytes: Option<usize>,
}

/// Where the bytes of a part of an entry are.
pub(super) enum Place {
    /// In the window, at a range that `take` gave.
    Window(std::ops::Range<usize>),
    /// In [`Work`].
    Work,
}

/// What reading on came to.
pub(super) enum Step {
    Entry(Draft),
    Fault(Fault),
    /// The end of a part.
    End,
}

impl<'r> Reader<'r> {
    /// A reader of one list in one piece.
    ///
    /// # Errors
    /// [`ListError`], if it cannot be a list.
    pub fn new(source: impl Read + Send + 'r, limits: Limits) -> Result<Self, ListError> {
        Self::of_segments(vec![Box::new(source)], limits)
    }

    /// A reader of a list in several parts, in their order. Each may have its own form.
    ///
    /// # Errors
    /// [`ListError`], if the first cannot be a list.
    pub fn of_segments(sources: Vec<Source<'r>>, limits: Limits) -> Result<Self, ListError> {
        let mut sources = sources.into_iter();
        let first = sources.next().unwrap_or_else(|| Box::new(std::io::empty()));
        let mut reader = Self {
            sources,
            window: Window::new(Unpacked::new(first, &limits)?),
            state: State::Done,
            encoding: Encoding::Ascii,
            ascii: AsciiForm::default(),
            layout: Layout::new(ByteOrder::Little, 20, &limits),
            kexec: None,
            limits,
            segment: 1,
            entries: 0,
            work: Work::default(),
            told: Told::At(0..0),
            rest: Vec::new(),
        };
        reader.begin()?;
        Ok(reader)
    }

    /// Counts on from another list: the next entry has the number `entries + 1`. For a part of a list whose
    /// beginning was verified before.
    #[must_use]
    pub fn after_entries(mut self, entries: u64) -> Self {
        self.entries = self.entries.saturating_add(entries);
        self.count_from_here();
        self
    }

    fn count_from_here(&mut self) {
        if let Some(kexec) = &mut self.kexec {
            kexec.entries_before = self.entries;
        }
    }

    /// The form of the part that was read last. What it says of hashes is better founded with every entry.
    #[must_use]
    pub fn format(&self) -> Format {
        Format {
            encoding: self.encoding,
            byte_order: self.work.identity.order(),
            hash: self.work.identity.hash(),
            is_proven: self.work.identity.is_proven(),
            compression: self.window.compression(),
        }
    }

    /// Entries so far, those included that could not be read.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The next entry, or what is there instead of it. None at the end.
    ///
    /// # Errors
    /// [`ListError`], after which there is nothing more to read.
    #[expect(
        clippy::should_implement_trait,
        reason = "an item borrows from the reader, which an iterator cannot express"
    )]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, ListError> {
        match self.step() {
            Ok(Step::Entry(draft)) => Ok(Some(Item::Entry(self.entry(draft)))),
            Ok(Step::Fault(fault)) => Ok(Some(Item::Fault(fault))),
            Ok(Step::End) => Ok(None),
            Err(error) => {
                self.state = State::Done;
                self.sources = Vec::new().into_iter();
                Err(error)
            }
        }
    }

    /// Reads on, from one part to the next.
    fn step(&mut self) -> Result<Step, ListError> {
        loop {
            let step = match self.state {
                State::Ascii => self.ascii_step()?,
                State::Binary => self.binary_step()?,
                State::Done => Step::End,
            };
            if !matches!(step, Step::End) {
                self.told = self.window.tell();
                return Ok(step);
            }
            self.state = State::Done;
            self.keep_rest();
            let Some(source) = self.sources.next() else {
                return Ok(Step::End);
            };
            self.window = Window::new(Unpacked::new(source, &self.limits)?);
            self.segment = self.segment.saturating_add(1);
            self.begin()?;
        }
    }

    /// Keeps the text behind the last entry of a part that ends.
    fn keep_rest(&mut self) {
        let Self { rest, window, .. } = self;
        match window.tell() {
            Told::At(range) if self.encoding == Encoding::Ascii => {
                rest.extend_from_slice(window.taken(range));
                rest.push(b'\n');
            }
            Told::At(_) => {}
            Told::Lost => rest.extend_from_slice(b"\r\n"),
        }
    }

    /// The text of the item that [`Reader::next`] gave last.
    #[must_use]
    pub fn text(&self) -> Text<'_> {
        match (self.encoding, &self.told) {
            (Encoding::Binary | Encoding::Kexec, _) => Text::Binary,
            (Encoding::Ascii, Told::Lost) => Text::Lost,
            (Encoding::Ascii, Told::At(range)) => {
                let text = self.window.taken(range.clone());
                Text::Known(text.strip_suffix(b"\n").unwrap_or(text))
            }
        }
    }

    /// The text behind the last entry of each part that is over: blank lines, of too many only one.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// Finds out which form the part has.
    fn begin(&mut self) -> Result<(), ListError> {
        self.window.fill(HEAD_BYTES)?;
        self.work.identity = Identity::default();
        match format::detect(self.window.bytes(), &self.limits)? {
            Detected::Ascii { skip } => {
                self.window.take(skip);
                (self.state, self.encoding) = (State::Ascii, Encoding::Ascii);
                self.ascii = AsciiForm::default();
                self.foresee_ascii();
            }
            Detected::Binary { layout, kexec } => {
                self.work.identity.assume(layout.order, layout.hash_bytes);
                self.work.identity.order_is_seen();
                (self.state, self.encoding) = (State::Binary, Encoding::Binary);
                self.layout = layout;
                if kexec.is_some() {
                    self.window.take(KEXEC_HEADER_BYTES);
                    self.encoding = Encoding::Kexec;
                }
                self.kexec = kexec;
                self.count_from_here();
            }
        }
        Ok(())
    }

    /// Counts the entry that starts here.
    pub(super) fn count(&mut self, line: Option<u64>) -> Result<At, ListError> {
        if self.entries >= self.limits.max_entries {
            return Err(ListError::TooManyEntries {
                limit: self.limits.max_entries,
            });
        }
        self.entries = self.entries.saturating_add(1);
        Ok(At {
            entry: self.entries,
            segment: self.segment,
            offset_bytes: self.window.offset(),
            line,
        })
    }

    /// Where what would be the next entry stands.
    pub(super) fn here(&self) -> At {
        At {
            entry: self.entries.saturating_add(1),
            segment: self.segment,
            offset_bytes: self.window.offset(),
            line: None,
        }
    }

    fn entry(&self, draft: Draft) -> Entry<'_> {
        let work = &self.work;
        let find = |place, in_work| match place {
            Place::Window(range) => self.window.taken(range),
            Place::Work => in_work,
        };
        Entry {
            at: draft.at,
            pcr: draft.pcr,
            recorded: find(draft.recorded, &work.recorded),
            is_violation: draft.is_violation,
            template: work.template.name(),
            field_ids: work.template.fields(),
            spans: &work.spans,
            data: draft.data.map(|place| find(place, &work.data)),
            problem: draft.problem,
            list_hash: work.identity.hash(),
            byte_order: work.identity.order(),
            known: work.known.as_ref(),
            notes: draft.notes,
            legacy_name_bytes: draft.legacy_name_bytes,
            text: self.text(),
        }
    }
}

impl Default for AsciiForm {
    fn default() -> Self {
        Self {
            lines: 0,
            has_carriage_returns: false,
            join_credit: JOIN_CREDIT_BYTES,
        }
    }
}

/// Bytes that may be hashed to join lines, before the first line; each byte read gives more.
const JOIN_CREDIT_BYTES: u64 = 1 << 20;

impl Work {
    /// The first thing that is wrong with a field of this data.
    pub(super) fn field_problem(&self, data: &[u8], order: ByteOrder) -> Option<Problem> {
        let fields = self.template.fields().iter().zip(&self.spans);
        fields
            .map(|(&id, span)| Field {
                id,
                bytes: data.get(span.start..span.end).unwrap_or_default(),
                byte_order: order,
            })
            .find_map(|field| field.problem())
    }
}

/// Whether a template hash is that of a violation.
pub(super) fn is_zero(hash: &[u8]) -> bool {
    hash.iter().all(|&byte| byte == 0)
}
