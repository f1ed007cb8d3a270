//! Reads one line after the other out of the ASCII form, and several as one entry where the template hash
//! shows that they are.

use ima_assay_digest::decode_hex_into;

use super::ascii::{Rebuilt, head, rebuild};
use super::binary::PCRS;
use super::entry::Notes;
use super::error::ListError;
use super::fault::{At, Fault, Problem};
use super::order::ByteOrder;
use super::reader::{Draft, Place, Reader, State, Step, Work, is_zero};

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
    /// Whether the template hash shows that the template data was put together rightly.
    is_proven: bool,
    /// What is wrong with the columns.
    data: Result<(), Problem>,
}

impl Reader<'_> {
    pub(super) fn ascii_step(&mut self) -> Result<Step, ListError> {
        self.work.known = None;
        loop {
            let (len, has_line_end) = match self.line_from(0)? {
                Line::Ended(len) => (len, true),
                Line::Last(len) => (len, false),
                Line::TooLong => {
                    let at = self.count_line()?;
                    self.window.skip_line()?;
                    self.ascii.lines = self.ascii.lines.saturating_add(1);
                    let limit = self.limits.max_entry_bytes;
                    let problem = Problem::EntryTooLong { limit };
                    return Ok(Step::Fault(Fault { at, problem }));
                }
            };
            // Nothing the kernel writes, and nothing lost: an editor left it, or it is of a name whose entry
            // could not be put together and has a fault.
            let is_blank = matches!(self.window.bytes().get(..len), Some([] | [b'\r']));
            if !is_blank {
                return self.line(len, has_line_end);
            }
            self.take_lines(len, 1);
            if !has_line_end {
                self.state = State::Done;
                return Ok(Step::End);
            }
        }
    }

    /// Looks at lines that are in memory already for one that shows the byte order: an entry before it would
    /// else be put together in the wrong one if nothing shows its own.
    pub(super) fn foresee_ascii(&mut self) {
        let Self { window, work, .. } = self;
        for line in window.bytes().split(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Ok((_, Ok(columns_at))) = work.read_head(line) {
                work.prove(line, columns_at);
            }
            if work.identity.is_proven() {
                break;
            }
        }
    }

    fn count_line(&mut self) -> Result<At, ListError> {
        self.count(Some(self.ascii.lines.saturating_add(1)))
    }

    /// Goes on behind so many bytes and the line end behind them.
    fn take_lines(&mut self, len: usize, lines: u32) {
        self.window.take(len.saturating_add(1));
        self.ascii.lines = self.ascii.lines.saturating_add(lines.into());
        let credit = u64::try_from(len).unwrap_or(u64::MAX);
        let credit = credit.saturating_mul(JOIN_CREDIT_FACTOR);
        self.ascii.join_credit = self.ascii.join_credit.saturating_add(credit);
    }

    /// Reads an entry that starts with a line of `len` bytes.
    fn line(&mut self, len: usize, has_line_end: bool) -> Result<Step, ListError> {
        let at = self.count_line()?;
        let line = self.window.bytes().get(..len).unwrap_or_default();
        let (pcr, columns_at) = match self.work.read_head(line) {
            Ok(head) => head,
            Err(problem) => {
                self.take_lines(len, 1);
                // A line that is cut off looks like anything.
                let problem = if has_line_end {
                    problem
                } else {
                    Problem::LineTruncated
                };
                return Ok(Step::Fault(Fault { at, problem }));
            }
        };
        let mut joined = Joined {
            len,
            has_line_end,
            notes: Notes::default(),
            is_proven: false,
            data: columns_at.map(|_| ()),
        };
        if let Ok(columns_at) = columns_at {
            self.join(columns_at, &mut joined)?;
        }
        self.take_lines(joined.len, joined.notes.line_ends_in_name.saturating_add(1));
        let is_violation = is_zero(&self.work.recorded);
        let mut problem = joined.data.err();
        if !joined.has_line_end && !joined.is_proven {
            problem = Some(Problem::LineTruncated);
            if !is_violation {
                let problem = Problem::LineTruncated;
                return Ok(Step::Fault(Fault { at, problem }));
            }
        }
        let has_data = !self.work.spans.is_empty();
        if has_data && problem.is_none() {
            let order = self.work.identity.order();
            problem = self.work.field_problem(&self.work.data, order);
        }
        Ok(Step::Entry(Draft {
            at,
            pcr,
            recorded: Place::Work,
            is_violation,
            data: has_data.then_some(Place::Work),
            problem,
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
    fn join(&mut self, columns_at: Option<usize>, joined: &mut Joined) -> Result<(), ListError> {
        let Self {
            window, work, ascii, ..
        } = self;
        let line = window.bytes().get(..joined.len).unwrap_or_default();
        let without_cr = line.strip_suffix(b"\r");
        // A violation has no hash to show that its line ends in CR LF. Other lines may have shown it.
        let known_cr = without_cr.filter(|_| ascii.has_carriage_returns);
        let mut has_carriage_return = known_cr.is_some();
        let mut rebuilt = work.prove(known_cr.unwrap_or(line), columns_at);
        if rebuilt.is_none() && !is_zero(&work.recorded) {
            let other = if has_carriage_return {
                Some(line)
            } else {
                without_cr
            };
            rebuilt = other.and_then(|line| work.prove(line, columns_at));
            if rebuilt.is_some() {
                has_carriage_return = !has_carriage_return;
                ascii.has_carriage_returns = has_carriage_return;
            } else if joined.has_line_end && work.has_name() {
                rebuilt = self.join_lines(columns_at, joined)?;
                has_carriage_return &= rebuilt.is_none();
            }
        }
        joined.is_proven = rebuilt.is_some();
        let work = &mut self.work;
        let rebuilt = match rebuilt {
            Some(rebuilt) => rebuilt,
            // The last attempt is not the one that counts.
            None => {
                let len = joined.len.saturating_sub(has_carriage_return.into());
                let line = self.window.bytes().get(..len).unwrap_or_default();
                match work.rebuild(line, columns_at, work.identity.order()) {
                    Ok(rebuilt) => {
                        joined.data = rebuilt.doubt.map_or(Ok(()), Err);
                        rebuilt
                    }
                    Err(problem) => {
                        work.spans.clear();
                        joined.data = Err(problem);
                        return Ok(());
                    }
                }
            }
        };
        joined.notes.has_carriage_return = has_carriage_return;
        joined.notes.has_restored_blanks = rebuilt.has_restored_blanks;
        joined.notes.has_upper_case = rebuilt.has_upper_case || work.has_upper_case_hash;
        Ok(())
    }

    /// Tries the line together with those behind it. That comes before these are read as entries: the name of
    /// a file can hold a line that is a perfect entry, and was never measured.
    fn join_lines(
        &mut self,
        columns_at: Option<usize>,
        joined: &mut Joined,
    ) -> Result<Option<Rebuilt>, ListError> {
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
            let Some(credit) = self.ascii.join_credit.checked_sub(cost) else {
                break;
            };
            self.ascii.join_credit = credit;
            let lines = self.window.bytes().get(..end).unwrap_or_default();
            let rebuilt = self.work.prove(lines, columns_at);
            if rebuilt.is_some() {
                joined.len = end;
                joined.has_line_end = has_line_end;
                joined.notes.line_ends_in_name = line_ends;
                return Ok(rebuilt);
            }
            if !has_line_end {
                break;
            }
        }
        Ok(None)
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
        self.spans.clear();
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

    /// Puts template data together from this line, if it has the recorded template hash then.
    fn prove(&mut self, line: &[u8], columns_at: Option<usize>) -> Option<Rebuilt> {
        if is_zero(&self.recorded) {
            return None;
        }
        let shows_order = !self.template.is_legacy();
        let (order, other_order) = (self.identity.order(), self.identity.other_order());
        let mut attempt = |order| {
            let rebuilt = self.rebuild(line, columns_at, order).ok()?;
            self.known = self
                .identity
                .prove(&self.recorded, &self.data, order, shows_order);
            self.known.is_some().then_some(rebuilt)
        };
        attempt(order).or_else(|| attempt(other_order.filter(|_| shows_order)?))
    }
}
