//! Measurement lists in files: shown, converted, counted and replayed.

use std::sync::Arc;

use ima_assay_digest::{Algorithm, Control};
use serde_json::{Map, Value, json};

use super::error::EvidenceError;
use super::open_list;
use crate::error::Explain as _;
use crate::input::Input;
use crate::measurement::{
    BootAggregate, Check, Counts, Encoding, Entry, Fault, Form, Format, Hashes, Item, Limits, ListError,
    Reader, Replay, ReplayOptions, Rule, Stats, bank_name, boot_aggregates, replay_event_log,
};
use crate::path::Escaped;

/// Faults that a result lists; the rest is counted.
const MAX_FAULTS: usize = 1000;

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// A line of JSON each.
    Json,
    /// A line of text each, for people.
    Text,
    /// As the kernel does, in one of its forms, with the template hashes of a bank or those of the list.
    Kernel(Form, Option<Algorithm>),
}

/// Which entries are wanted. What is not set does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The first entry, counted from 1.
    pub from: Option<u64>,
    /// The last one.
    pub to: Option<u64>,
    /// The PCR.
    pub pcr: Option<u32>,
    /// The template.
    pub template: Option<Vec<u8>>,
    /// What the name begins with.
    pub path: Option<Vec<u8>>,
    /// Only violations.
    pub violations: bool,
}

impl Filter {
    fn wants(&self, entry: &Entry<'_>) -> bool {
        self.from.is_none_or(|from| entry.number() >= from)
            && self.pcr.is_none_or(|pcr| entry.pcr() == pcr)
            && self
                .template
                .as_ref()
                .is_none_or(|template| entry.template() == template)
            && (!self.violations || entry.is_violation())
            && self
                .path
                .as_ref()
                .is_none_or(|path| entry.name().is_some_and(|name| name.starts_with(path)))
    }
}

/// Some of a list.
#[derive(Debug, Default)]
pub struct Piece {
    /// Whole entries.
    pub text: Vec<u8>,
    /// What stood between them and is no entry.
    pub faults: Vec<Fault>,
    /// Entries that were read for it, wanted or not.
    pub entries: u64,
    /// How many of those that are wanted have a wrong template hash.
    pub mismatches: u64,
    /// The number of the first of them.
    pub first_mismatch: Option<u64>,
}

/// A list that is read piece by piece.
pub struct ListStream {
    reader: Reader<'static>,
    name: Vec<u8>,
    control: Arc<Control>,
    has_ended: bool,
}

impl ListStream {
    /// Opens a list, in its parts.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn open(names: &[Vec<u8>], limits: &Limits, control: &Arc<Control>) -> Result<Self, EvidenceError> {
        let name = names.first().cloned().unwrap_or_default();
        let reader = Reader::of_segments(open_list(names, control)?, limits.clone())
            .map_err(|error| stopped_or(error, &name, control))?;
        Ok(Self {
            reader,
            name,
            control: Arc::clone(control),
            has_ended: false,
        })
    }

    /// The form that was found.
    #[must_use]
    pub fn format(&self) -> Format {
        self.reader.format()
    }

    /// The next entries, about `wanted_bytes` of them or fewer at the end; none after it.
    ///
    /// # Errors
    /// [`EvidenceError`]: the list cannot be read further; or, in one of the kernel's forms, there is something
    /// that cannot be written so.
    pub fn next_piece(
        &mut self,
        show: Show,
        filter: &Filter,
        wanted_bytes: usize,
    ) -> Result<Option<Piece>, EvidenceError> {
        let mut piece = Piece::default();
        while !self.has_ended && piece.text.len() < wanted_bytes && piece.faults.len() < MAX_FAULTS {
            let item = self
                .reader
                .next()
                .map_err(|error| stopped_or(error, &self.name, &self.control))?;
            match item {
                None => self.has_ended = true,
                Some(Item::Entry(entry)) => {
                    piece.entries = piece.entries.saturating_add(1);
                    if filter.to.is_some_and(|to| entry.number() > to) {
                        self.has_ended = true;
                    } else if filter.wants(&entry) {
                        let (entry, differs) = entry.with_hash_checked();
                        if differs {
                            piece.mismatches = piece.mismatches.saturating_add(1);
                            piece.first_mismatch.get_or_insert(entry.number());
                        }
                        write(&entry, show, &self.name, &mut piece.text)?;
                    }
                }
                Some(Item::Fault(fault)) if matches!(show, Show::Kernel(..)) => {
                    return Err(EvidenceError::malformed(&self.name, fault));
                }
                Some(Item::Fault(fault)) => piece.faults.push(fault),
            }
        }
        let is_empty = piece.entries == 0 && piece.faults.is_empty();
        Ok(Some(piece).filter(|_| !(is_empty && self.has_ended)))
    }
}

fn write(entry: &Entry<'_>, show: Show, name: &[u8], out: &mut Vec<u8>) -> Result<(), EvidenceError> {
    match show {
        Show::Json => entry.print_json(out),
        Show::Text => entry.print_text(out),
        Show::Kernel(form, bank) => entry
            .print(form, bank, out)
            .map_err(|error| EvidenceError::malformed(name, error))?,
    }
    Ok(())
}

fn stopped_or(error: ListError, name: &[u8], control: &Control) -> EvidenceError {
    if control.is_cancelled() {
        EvidenceError::Cancelled
    } else {
        EvidenceError::malformed(name, error)
    }
}

/// Calls `take` with each item of a list.
fn each(
    names: &[Vec<u8>],
    limits: &Limits,
    control: &Arc<Control>,
    mut take: impl FnMut(Item<'_>),
) -> Result<Format, EvidenceError> {
    let mut stream = ListStream::open(names, limits, control)?;
    loop {
        match stream.reader.next() {
            Ok(Some(item)) => take(item),
            Ok(None) => return Ok(stream.format()),
            Err(error) => return Err(stopped_or(error, &stream.name, control)),
        }
    }
}

/// Replays a list into banks, and the event log of the firmware if there is one. As JSON:
///
/// ```text
/// {"entries":N,"violations":N,"pcrs":[{"bank":"sha256","index":10,"value":"hex"}]}
/// ```
///
/// and, where there are any: `mismatches` (entries with a wrong template hash) and `firstMismatch`, `faults`, and `bootAggregates` (what
/// the event log gives, and whether the list begins with it).
///
/// # Errors
/// [`EvidenceError`].
pub fn replay_list(
    names: &[Vec<u8>],
    banks: &[Algorithm],
    event_log: Option<&[u8]>,
    limits: &Limits,
    control: &Arc<Control>,
) -> Result<Value, EvidenceError> {
    let candidates = event_log
        .map(|name| boot_aggregates_of(name, limits, control))
        .transpose()?;
    let name = names.first().cloned().unwrap_or_default();
    let mut options = ReplayOptions {
        padded: false,
        ..ReplayOptions::default()
    };
    if !banks.is_empty() {
        options.banks = banks.to_vec();
    }
    let mut replay = Replay::new(options).map_err(|error| EvidenceError::malformed(&name, error))?;
    let mut mismatches: u64 = 0;
    let mut first_mismatch = None;
    let mut faults = Faults::default();
    let mut first_digest = None;
    each(names, limits, control, |item| match item {
        Item::Entry(entry) => {
            if replay.extend(&entry) == Check::Differs {
                mismatches = mismatches.saturating_add(1);
                first_mismatch.get_or_insert(entry.number());
            }
            if entry.number() == 1 && entry.is_named_boot_aggregate() {
                let known = candidates.iter().flatten();
                first_digest = entry
                    .file_digest()
                    .map(|digest| known.map(|candidate| candidate.is(&digest)).collect::<Vec<_>>());
            }
            faults.extend(entry.fault());
        }
        Item::Fault(fault) => faults.extend(Some(fault)),
    })?;
    let outcome = replay.finish();
    let pcrs: Vec<Value> = outcome
        .values()
        .filter(|value| value.rule == Rule::PerBank && value.hashes == Hashes::Recomputed)
        .map(|value| {
            let mut pcr = Map::new();
            pcr.insert("bank".to_owned(), bank_name(value.bank).into());
            pcr.insert("index".to_owned(), value.index.into());
            match value.value {
                Ok(digest) => pcr.insert("value".to_owned(), digest.to_string().into()),
                Err(entry) => {
                    pcr.insert("value".to_owned(), Value::Null);
                    pcr.insert("unknownFrom".to_owned(), entry.into())
                }
            };
            Value::Object(pcr)
        })
        .collect();
    let mut result = Map::new();
    result.insert("entries".to_owned(), outcome.entries().into());
    result.insert("violations".to_owned(), outcome.violations().into());
    result.insert("pcrs".to_owned(), pcrs.into());
    if let Some(candidates) = candidates {
        let matches = first_digest.unwrap_or_default();
        let shown = candidates.iter().enumerate().map(|(index, candidate)| {
            json!({
                "bank": bank_name(candidate.digest.algorithm()),
                "lastPcr": candidate.last_pcr,
                "value": candidate.digest.to_string(),
                "isFirstEntry": matches.get(index).copied().unwrap_or(false),
            })
        });
        result.insert("bootAggregates".to_owned(), shown.collect());
    }
    if mismatches > 0 {
        result.insert("mismatches".to_owned(), mismatches.into());
        result.insert("firstMismatch".to_owned(), first_mismatch.into());
    }
    if faults.count > 0 {
        result.insert("faults".to_owned(), faults.to_json());
    }
    Ok(Value::Object(result))
}

/// What a boot aggregate can be after the boot that an event log records.
pub(super) fn boot_aggregates_of(
    name: &[u8],
    limits: &Limits,
    control: &Arc<Control>,
) -> Result<Vec<BootAggregate>, EvidenceError> {
    let input = Input::open(name, control).map_err(|error| EvidenceError::Unreadable {
        input: name.to_vec(),
        error,
    })?;
    let log = replay_event_log(input, limits).map_err(|error| EvidenceError::malformed(name, error))?;
    Ok(boot_aggregates(&log.pcrs))
}

/// Counts what a list is made of. As JSON, an object with a member for each count.
///
/// # Errors
/// [`EvidenceError`].
pub fn list_stats(
    names: &[Vec<u8>],
    limits: &Limits,
    control: &Arc<Control>,
) -> Result<Value, EvidenceError> {
    let mut stats = Stats::default();
    let format = each(names, limits, control, |item| stats.add(&item))?;
    Ok(json!({
        "format": match format.encoding {
            Encoding::Ascii => "ascii",
            Encoding::Binary => "binary",
            Encoding::Kexec => "kexec",
        },
        "templateHash": bank_name(format.hash.algorithm()),
        "compression": format.compression.map(|compression| compression.name()),
        "entries": stats.entries,
        "violations": stats.violations,
        "bootAggregates": stats.boot_aggregates,
        "signatures": stats.signatures,
        "buffers": stats.buffers,
        "templates": counts(&stats.templates, |name| Escaped(name).to_string()),
        "pcrs": counts(&stats.pcrs, ToString::to_string),
        "algorithms": counts(&stats.algorithms, |name| Escaped(name).to_string()),
        "faults": counts(&stats.faults, |code| (*code).to_owned()),
    }))
}

fn counts<K>(counts: &Counts<K>, name: impl Fn(&K) -> String) -> Value {
    let mut members: Map<String, Value> = counts
        .counts
        .iter()
        .map(|(key, count)| (name(key), (*count).into()))
        .collect();
    if counts.other > 0 {
        members.insert("(others)".to_owned(), counts.other.into());
    }
    Value::Object(members)
}

/// Faults, the first of them kept.
#[derive(Default)]
struct Faults {
    first: Vec<Fault>,
    count: u64,
}

impl Faults {
    fn extend(&mut self, fault: Option<Fault>) {
        let Some(fault) = fault else { return };
        self.count = self.count.saturating_add(1);
        if self.first.len() < MAX_FAULTS {
            self.first.push(fault);
        }
    }

    fn to_json(&self) -> Value {
        json!({"count": self.count, "first": self.first.iter().map(describe_fault).collect::<Vec<_>>()})
    }
}

/// A fault as JSON: `{entry, code, problem, offsetBytes, line?, hint?}`.
#[must_use]
pub fn describe_fault(fault: &Fault) -> Value {
    let mut members = Map::new();
    members.insert("entry".to_owned(), fault.at.entry.into());
    members.insert("code".to_owned(), fault.code().into());
    members.insert("problem".to_owned(), fault.to_string().into());
    members.insert("offsetBytes".to_owned(), fault.at.offset_bytes.into());
    if let Some(line) = fault.at.line {
        members.insert("line".to_owned(), line.into());
    }
    if let Some(hint) = fault.hint() {
        members.insert("hint".to_owned(), hint.into());
    }
    Value::Object(members)
}
