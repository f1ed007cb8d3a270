//! Reads one record after the other out of the binary form.

use std::ops::Range;

use super::binary::{Body, LEGACY_DIGEST_BYTES, LEGACY_NAME_BYTES, Layout, PCRS, Parsed, Record, parse};
use super::entry::{Notes, Span};
use super::error::ListError;
use super::fault::{Fault, Problem};
use super::field::up_to_nul;
use super::order::ByteOrder;
use super::reader::{Draft, Place, Reader, State, Step, Work, is_zero};
use super::template::FieldId;

impl Reader<'_> {
    pub(super) fn binary_step(&mut self) -> Result<Step, ListError> {
        self.work.known = None;
        let room = self.room();
        let parsed = self.parse_here(self.layout, room)?;
        let parsed = match parsed {
            Parsed::Record(Record {
                body: Body::Data(_), ..
            }) => parsed,
            parsed => self.parse_legacy(parsed, room)?,
        };
        match parsed {
            Parsed::Record(record) => self.record(&record),
            Parsed::Short { needed } => self.ended(needed),
            Parsed::Broken(problem) => {
                let at = self.here();
                self.state = State::Done;
                if self.window.only_follows(0)? {
                    let problem = Problem::OnlyNuls;
                    return Ok(Step::Fault(Fault { at, problem }));
                }
                self.count(None)?;
                Ok(Step::Fault(Fault { at, problem }))
            }
        }
    }

    /// Bytes in which records can be.
    fn room(&self) -> usize {
        self.kexec.map_or(usize::MAX, |kexec| {
            usize::try_from(kexec.size_bytes).unwrap_or(usize::MAX)
        })
    }

    /// The record that starts here, within so many bytes.
    fn parse_here(&mut self, layout: Layout, room: usize) -> Result<Parsed, ListError> {
        loop {
            let bytes = self.window.bytes();
            match parse(bytes.get(..room).unwrap_or(bytes), layout) {
                Parsed::Short { needed } if needed <= room && self.window.fill(needed)? => {}
                parsed => return Ok(parsed),
            }
        }
    }

    /// A record of the template `ima` does not say how long its digest is. It is SHA-1's unless only with
    /// that of MD5 the template hash is right.
    fn parse_legacy(&mut self, parsed: Parsed, room: usize) -> Result<Parsed, ListError> {
        if let Parsed::Record(record) = &parsed {
            let hash = self.window.bytes().get(record.hash.clone()).unwrap_or_default();
            if is_zero(hash) || self.prove_legacy(record) {
                return Ok(parsed);
            }
        }
        let [_, md5_bytes] = LEGACY_DIGEST_BYTES;
        let layout = Layout {
            legacy_digest_bytes: md5_bytes,
            ..self.layout
        };
        match self.parse_here(layout, room)? {
            Parsed::Record(record) if self.prove_legacy(&record) => Ok(Parsed::Record(record)),
            _ => Ok(parsed),
        }
    }

    fn prove_legacy(&mut self, record: &Record) -> bool {
        let Self { window, work, .. } = self;
        let bytes = window.bytes();
        let hash = bytes.get(record.hash.clone()).unwrap_or_default();
        if work.pad_legacy(record, bytes).is_err() {
            return false;
        }
        let order = work.identity.order();
        work.known = work.identity.prove(hash, &work.data, order, false);
        work.known.is_some()
    }

    fn record(&mut self, record: &Record) -> Result<Step, ListError> {
        let at = self.count(None)?;
        if let Some(kexec) = &mut self.kexec {
            let len = u64::try_from(record.len).unwrap_or(u64::MAX);
            kexec.size_bytes = kexec.size_bytes.saturating_sub(len);
        }
        let taken = self.window.take(record.len);
        if record.pcr >= PCRS {
            let problem = Problem::PcrOutOfRange { pcr: record.pcr };
            return Ok(Step::Fault(Fault { at, problem }));
        }
        let Self {
            window, work, layout, ..
        } = self;
        let bytes = window.taken(taken.clone());
        let hash = bytes.get(record.hash.clone()).unwrap_or_default();
        let is_violation = is_zero(hash);
        work.template
            .select(bytes.get(record.template.clone()).unwrap_or_default());
        let in_window = |range: &Range<usize>| {
            let start = taken.start.saturating_add(range.start);
            Place::Window(start..taken.start.saturating_add(range.end))
        };
        let order = layout.order;
        let (data, problem) = match &record.body {
            Body::Data(range) => {
                let data = bytes.get(range.clone()).unwrap_or_default();
                let problem = work
                    .split(data, order)
                    .or_else(|| work.field_problem(data, order));
                if !is_violation && !work.identity.is_hash_proven() {
                    work.known = work.identity.prove(hash, data, order, false);
                }
                (Some(in_window(range)), problem)
            }
            Body::Legacy { .. } => match work.pad_legacy(record, bytes) {
                Ok(problem) => (
                    Some(Place::Work),
                    problem.or_else(|| work.field_problem(&work.data, order)),
                ),
                Err(problem) => {
                    work.spans.clear();
                    (None, Some(problem))
                }
            },
        };
        let legacy_name_bytes = match &record.body {
            Body::Legacy { name, .. } => Some(name.len()),
            Body::Data(_) => None,
        };
        Ok(Step::Entry(Draft {
            at,
            pcr: record.pcr,
            recorded: in_window(&record.hash),
            is_violation,
            data,
            problem,
            notes: Notes::default(),
            legacy_name_bytes,
        }))
    }

    /// What it means that there is no whole record any more.
    fn ended(&mut self, needed: usize) -> Result<Step, ListError> {
        let at = self.here();
        let have = self.window.bytes().len().min(self.room());
        self.state = State::Done;
        let problem = if have == 0 {
            self.kexec.and_then(|kexec| {
                let (claimed, found) = (kexec.entries, self.entries.saturating_sub(kexec.entries_before));
                match kexec.size_bytes {
                    0 if claimed == found => None,
                    0 => Some(Problem::KexecCount { claimed, found }),
                    missing => Some(Problem::KexecTruncated { missing }),
                }
            })
        } else if self.window.only_follows(0)? {
            Some(Problem::OnlyNuls)
        } else {
            self.count(None)?;
            let missing = needed.saturating_sub(have);
            Some(Problem::Truncated {
                missing: u64::try_from(missing).unwrap_or(u64::MAX),
            })
        };
        Ok(problem.map_or(Step::End, |problem| Step::Fault(Fault { at, problem })))
    }
}

impl Work {
    /// Finds the fields in template data.
    fn split(&mut self, data: &[u8], order: ByteOrder) -> Option<Problem> {
        self.spans.clear();
        let problem = split(data, self.template.fields(), order, &mut self.spans);
        if problem.is_some() {
            self.spans.clear();
        }
        problem
    }

    /// Puts together what is hashed of a record of the template `ima`: the digest, and the name with NUL bytes
    /// up to 256. Says what is wrong with the name.
    fn pad_legacy(&mut self, record: &Record, bytes: &[u8]) -> Result<Option<Problem>, Problem> {
        self.data.clear();
        self.spans.clear();
        let Body::Legacy { digest, name } = &record.body else {
            return Ok(None);
        };
        if name.len() > LEGACY_NAME_BYTES {
            return Err(Problem::LegacyNameLength { len: name.len() });
        }
        let name = bytes.get(name.clone()).unwrap_or_default();
        let text = up_to_nul(name);
        let padding = name.get(text.len()..).unwrap_or_default();
        self.data
            .extend_from_slice(bytes.get(digest.clone()).unwrap_or_default());
        let start = self.data.len();
        self.data.extend_from_slice(text);
        let padded = start.saturating_add(LEGACY_NAME_BYTES);
        self.spans.push(Span { start: 0, end: start });
        self.spans.push(Span {
            start,
            end: self.data.len().saturating_add(1).min(padded),
        });
        self.data.resize(padded, 0);
        let field = FieldId::N;
        Ok((!is_zero(padding)).then_some(Problem::TextHasNul { field }))
    }
}

fn split(data: &[u8], fields: &[FieldId], order: ByteOrder, spans: &mut Vec<Span>) -> Option<Problem> {
    if fields.is_empty() {
        return Some(Problem::TemplateUnknown);
    }
    let mut at = 0_usize;
    for &field in fields {
        let rest = data.get(at..).unwrap_or_default();
        let Some(len) = order.first_u32(rest) else {
            return Some(Problem::FieldMissing { field });
        };
        let start = at.saturating_add(4);
        let end = start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        if end > data.len() {
            return Some(Problem::FieldTooLong { field });
        }
        spans.push(Span { start, end });
        at = end;
    }
    let len = data.len().saturating_sub(at);
    (len > 0).then_some(Problem::DataLeftOver { len })
}
