//! Reads one line after the other out of the ASCII form, and several as one entry where the template hash
//! shows that they are.

use ima_assay_digest::{Digest, decode_hex_into};

use super::ascii::{Rebuilt, head, rebuild};
use super::binary::PCRS;
use super::entry::Notes;
use super::error::ListError;
use super::fault::{Fault, Problem};
use super::format::Encoding;
use super::order::ByteOrder;
use super::reader::{AsciiForm, Draft, State, Place, Reader, Step, Work, is_zero};

/// Bytes a name may have (Linux, `PATH_MAX`), and ` (deleted)` behind it.
const MAX_NAME_BYTES: usize = 4096 + 10;

/// Bytes that may be hashed to join lines, for each byte read: a hostile list makes us work so much more
/// than any other, and no more.
const JOIN_CREDIT_FACTOR: u64 = 16;

/// A line, from the start of the window.
#[derive(Clone, Copy)]
enum Line {
    /// So many bytes, and a line end behind them.
    Ended(usize),
    /// So many bytes up to the end of the list.
    Last(usize),
    /// More bytes than an entry may have.
    TooLong,
}

/// Lines that make one entry.
struct Joined {
    /// Bytes, the last line end not included.
    len: usize,
    has_line_end: bool,
    notes: Notes,
    proof: Option<Proof>,
    problem: Option<Problem>,
    has_data: bool,
}

/// The template hash that shows that the template data was put together rightly, and how it was.
type Proof = (Digest, Rebuilt);

impl Reader<'_> {
    pub(super) fn ascii_step(&mut self, mut form: AsciiForm) -> Result<Step, ListError> {
        let line = loop {
            let line = self.line_from(0)?;
            let (len, has_line_end) = match line {
                Line::Ended(len) => (len, true),
                Line::Last(len) => (len, false),
                Line::TooLong => break line,
            };
            // Nothing the kernel writes, and nothing lost: an editor left it, or the end of a name whose
            // entry could not be put together.
            let is_blank = matches!(self.window.bytes().get(..len), Some([] | [b'\r']));
            if !is_blank {
                break line;
            }
            self.window.take(len.saturating_add(1));
            form.lines = form.lines.saturating_add(1);
            if !has_line_end {
                self.form = State::Done(Encoding::Ascii);
                return Ok(Step::End);
            }
        };
        let number = form.lines.saturating_add(1);
        let (len, has_line_end) = match line {
            Line::Ended(len) => (len, true),
            Line::Last(len) => (len, false),
            Line::TooLong => {
                let at = self.count(Some(number))?;
                self.window.skip_line()?;
                form.lines = number;
                self.form = State::Ascii(form);
                let limit = self.limits.max_entry_bytes;
                return Ok(Step::Fault(Fault {
                    at,
                    problem: Problem::EntryTooLong { limit },
                }));
            }
        };
        let at = self.count(Some(number))?;
        let line = self.window.bytes().get(..len).unwrap_or_default();
        let read = self.work.read_head(line);
        let (pcr, columns_at) = match read {
            Ok(head) => head,
            Err(problem) => {
                self.window.take(len.saturating_add(1));
                form.lines = number;
                self.form = State::Ascii(form);
                // A cut-off line looks like anything.
                let problem = if has_line_end { problem } else { Problem::LineTruncated };
                return Ok(Step::Fault(Fault { at, problem }));
            }
        };
        let bytes = u64::try_from(len).unwrap_or(u64::MAX);
        form.join_credit = form
            .join_credit
            .saturating_add(bytes.saturating_mul(JOIN_CREDIT_FACTOR));
        let is_violation = is_zero(&self.work.recorded);
        let joined = match columns_at {
            Err(problem) => Joined::unreadable(len, has_line_end, problem),
            Ok(at) => self.join(&mut form, at, len, has_line_end)?,
        };
        self.window.take(joined.len.saturating_add(1));
        let more_lines = u64::from(joined.notes.line_ends_in_name);
        form.lines = number.saturating_add(more_lines);
        self.form = State::Ascii(form);
        let mut problem = joined.problem;
        if !joined.has_line_end && joined.proof.is_none() {
            problem = Some(Problem::LineTruncated);
            if !is_violation {
                return Ok(Step::Fault(Fault {
                    at,
                    problem: Problem::LineTruncated,
                }));
            }
        }
        if joined.has_data {
            let order = self.work.identity.order();
            problem = problem.or_else(|| self.work.field_problem(&self.work.data, order));
        } else {
            self.work.spans.clear();
        }
        Ok(Step::Entry(Draft {
            at,
            pcr,
            recorded: Place::Work,
            is_violation,
            data: joined.has_data.then_some(Place::Work),
            problem,
            known: joined.proof.map(|(digest, _)| digest),
            notes: joined.notes,
            legacy_name_bytes: None,
        }))
    }

    /// The line that starts at a position of the window.
    fn line_from(&mut self, start: usize) -> Result<Line, ListError> {
        let mut searched = start;
        loop {
            let bytes = self.window.bytes();
            let rest = bytes.get(searched..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest).map(|end| searched.saturating_add(end));
            searched = bytes.len();
            let len = end.unwrap_or(searched);
            if len > self.limits.max_entry_bytes {
                return Ok(Line::TooLong);
            }
            match end {
                Some(end) => return Ok(Line::Ended(end)),
                None if !self.window.read_more()? => return Ok(Line::Last(len)),
                None => {}
            }
        }
    }

    /// Finds out how much of the list is one entry: the line as it is, without a CR at its end, or with lines
    /// behind it.
    fn join(
        &mut self,
        form: &mut AsciiForm,
        columns_at: Option<usize>,
        len: usize,
        has_line_end: bool,
    ) -> Result<Joined, ListError> {
        let Self { window, work, .. } = self;
        let line = window.bytes().get(..len).unwrap_or_default();
        let without_cr = line.strip_suffix(b"\r");
        // A violation has no hash to show that its line ends in CR LF. Other lines may have shown it.
        let known_cr = without_cr.filter(|_| form.has_carriage_returns);
        let mut joined = Joined {
            len,
            has_line_end,
            notes: Notes {
                has_carriage_return: known_cr.is_some(),
                ..Notes::default()
            },
            proof: work.prove(known_cr.unwrap_or(line), columns_at),
            problem: None,
            has_data: true,
        };
        if joined.proof.is_none() && !is_zero(&work.recorded) {
            let other = if known_cr.is_some() { Some(line) } else { without_cr };
            joined.proof = other.and_then(|line| work.prove(line, columns_at));
            if joined.proof.is_some() {
                joined.notes.has_carriage_return = known_cr.is_none();
                form.has_carriage_returns = known_cr.is_none();
            } else if has_line_end && work.has_name() {
                self.join_lines(form, columns_at, &mut joined)?;
            }
        }
        let rebuilt = match joined.proof {
            Some((_, rebuilt)) => Ok(rebuilt),
            // The last attempt is not the one that counts.
            None => {
                let Self { window, work, .. } = self;
                let line = window.bytes().get(..len).unwrap_or_default();
                let line = line.get(..len.saturating_sub(joined.notes.has_carriage_return.into()));
                work.rebuild(line.unwrap_or_default(), columns_at, work.identity.order())
            }
        };
        match rebuilt {
            Ok(rebuilt) => {
                joined.problem = rebuilt.doubt.filter(|_| joined.proof.is_none());
                joined.notes.has_restored_blanks = rebuilt.has_restored_blanks;
                joined.notes.has_upper_case = rebuilt.has_upper_case || self.work.has_upper_case_hash;
            }
            Err(problem) => {
                joined.problem = Some(problem);
                joined.has_data = false;
            }
        }
        Ok(joined)
    }

    /// Tries the line together with those behind it. That comes before these are read as entries: the name of
    /// a file can hold a line that is a perfect entry, and was never measured.
    fn join_lines(
        &mut self,
        form: &mut AsciiForm,
        columns_at: Option<usize>,
        joined: &mut Joined,
    ) -> Result<(), ListError> {
        let first = joined.len;
        let mut end = first;
        for line_ends in 1..=self.limits.max_joined_lines {
            let start = end.saturating_add(1);
            if start.saturating_sub(first) > MAX_NAME_BYTES {
                break;
            }
            let has_line_end;
            (end, has_line_end) = match self.line_from(start)? {
                Line::Ended(end) => (end, true),
                Line::Last(end) if end > start => (end, false),
                Line::Last(_) | Line::TooLong => break,
            };
            let cost = u64::try_from(end).unwrap_or(u64::MAX);
            let Some(left) = form.join_credit.checked_sub(cost) else {
                break;
            };
            form.join_credit = left;
            let lines = self.window.bytes().get(..end).unwrap_or_default();
            joined.proof = self.work.prove(lines, columns_at);
            if joined.proof.is_some() {
                joined.len = end;
                joined.has_line_end = has_line_end;
                joined.notes.line_ends_in_name = line_ends;
                joined.notes.has_carriage_return = false;
            }
            if joined.proof.is_some() || !has_line_end {
                break;
            }
        }
        Ok(())
    }
}

impl Joined {
    fn unreadable(len: usize, has_line_end: bool, problem: Problem) -> Self {
        Self {
            len,
            has_line_end,
            notes: Notes::default(),
            proof: None,
            problem: Some(problem),
            has_data: false,
        }
    }
}

/// The PCR, and where the columns of the fields start or why they cannot be read.
type ReadHead = (u32, Result<Option<usize>, Problem>);

impl Work {
    /// Takes the columns that every line has. An error means that there is nothing to extend.
    fn read_head(&mut self, line: &[u8]) -> Result<ReadHead, Problem> {
        let head = head(line)?;
        if head.pcr >= PCRS {
            return Err(Problem::PcrOutOfRange { pcr: head.pcr });
        }
        self.recorded.clear();
        decode_hex_into(head.hash, &mut self.recorded).map_err(|_| Problem::HashNotHex)?;
        if !self.identity.admits(self.recorded.len()) {
            return Err(Problem::HashLength {
                found: self.recorded.len(),
                expected: self.identity.hash().len(),
            });
        }
        self.has_upper_case_hash = head.hash.iter().any(u8::is_ascii_uppercase);
        let (template, columns_at) = match head.template {
            Ok((template, columns_at)) => (template, Ok(columns_at)),
            Err(problem) => (&[][..], Err(problem)),
        };
        self.template.select(template);
        let columns_at = if memchr::memchr(0, line).is_some() {
            Err(Problem::LineHasNul)
        } else if columns_at.is_ok() && self.template.fields().is_empty() {
            Err(Problem::TemplateUnknown)
        } else {
            columns_at
        };
        Ok((head.pcr, columns_at))
    }

    fn has_name(&self) -> bool {
        self.template.fields().iter().any(|field| field.is_name())
    }

    fn rebuild(
        &mut self,
        line: &[u8],
        columns_at: Option<usize>,
        order: ByteOrder,
    ) -> Result<Rebuilt, Problem> {
        let columns = columns_at.and_then(|at| line.get(at..));
        rebuild(columns, &self.template, order, &mut self.data, &mut self.spans)
    }

    /// Whether the data put together from this line has the recorded template hash.
    fn prove(&mut self, line: &[u8], columns_at: Option<usize>) -> Option<Proof> {
        if is_zero(&self.recorded) {
            return None;
        }
        let shows_order = !self.template.is_legacy();
        let (order, other_order) = (self.identity.order(), self.identity.other_order());
        let mut attempt = |order| {
            let rebuilt = self.rebuild(line, columns_at, order).ok()?;
            let known = self.identity.prove(&self.recorded, &self.data, order, shows_order)?;
            Some((known, rebuilt))
        };
        attempt(order).or_else(|| attempt(other_order.filter(|_| shows_order)?))
    }
}
