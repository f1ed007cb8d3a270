//! Measurement lists: read piece by piece, counted, replayed.

use std::sync::{Arc, Mutex, PoisonError};

use ima_assay_core::evidence::{self, Filter, ListStream, Piece, Show};
use ima_assay_core::measurement::{Form, Limits};
use ima_assay_digest::{Algorithm, Control as Shared};
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::Value;

use crate::control::{Control, number};
use crate::error::{explained, guarded, plain};
use crate::extract::whole;

/// Upper bounds on a list; one that is left out is the core's default.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct ListLimitArguments {
    /// Bytes of one entry.
    pub max_entry_bytes: Option<f64>,
    /// Entries.
    pub max_entries: Option<f64>,
    /// Bytes a compressed list may unpack to.
    pub max_unpacked_bytes: Option<f64>,
}

impl ListLimitArguments {
    pub(crate) fn into_limits(self) -> Limits {
        let mut limits = Limits::default();
        if let Some(bytes) = self.max_entry_bytes {
            limits.max_entry_bytes = usize::try_from(whole(bytes)).unwrap_or(usize::MAX);
        }
        if let Some(entries) = self.max_entries {
            limits.max_entries = whole(entries);
        }
        if let Some(bytes) = self.max_unpacked_bytes {
            limits.max_unpacked_bytes = whole(bytes);
        }
        limits
    }
}

/// Which entries are wanted.
#[napi(object, object_to_js = false)]
pub struct FilterArguments {
    /// The first entry, counted from 1.
    pub from: Option<f64>,
    /// The last one.
    pub to: Option<f64>,
    /// The PCR.
    pub pcr: Option<u32>,
    /// The template.
    pub template: Option<String>,
    /// What the name begins with.
    pub path: Option<Buffer>,
    /// Only violations.
    pub violations: bool,
}

/// How entries are written.
#[napi(string_enum = "kebab-case")]
pub enum ListFace {
    /// A line of JSON each.
    Json,
    /// A line of text each.
    Text,
    /// The kernel's ASCII form.
    Ascii,
    /// The kernel's binary form.
    Binary,
}

/// A measurement list that is read piece by piece.
#[napi]
pub struct MeasurementList {
    stream: Arc<Mutex<Option<ListStream>>>,
    control: Arc<Shared>,
}

/// Opening a list.
pub struct OpenTask {
    sources: Vec<Vec<u8>>,
    limits: Limits,
    control: Arc<Shared>,
}

impl Task for OpenTask {
    type Output = ListStream;
    type JsValue = MeasurementList;

    fn compute(&mut self) -> napi::Result<ListStream> {
        guarded(|| {
            ListStream::open(&self.sources, &self.limits, &self.control).map_err(|error| explained(&error))
        })
    }

    fn resolve(&mut self, _env: Env, stream: ListStream) -> napi::Result<MeasurementList> {
        Ok(MeasurementList {
            stream: Arc::new(Mutex::new(Some(stream))),
            control: Arc::clone(&self.control),
        })
    }
}

/// Opens a measurement list, in its parts. A name `-` is standard input.
///
/// # Errors
/// By the promise, all that is wrong with its beginning.
#[napi(catch_unwind, ts_return_type = "Promise<MeasurementList>")]
pub fn open_list(sources: Vec<Buffer>, limits: ListLimitArguments, control: &Control) -> AsyncTask<OpenTask> {
    AsyncTask::new(OpenTask {
        sources: names(&sources),
        limits: limits.into_limits(),
        control: Arc::clone(&control.shared),
    })
}

/// Some entries, and what stood between them and is none.
#[napi(object, object_from_js = false)]
pub struct ListPiece {
    /// Whole entries.
    pub text: Buffer,
    /// Faults, as JSON text.
    pub faults: String,
    /// Entries that were read, wanted or not.
    pub entries: f64,
    /// How many of those that are wanted have a wrong template hash.
    pub mismatches: f64,
    /// The number of the first of them.
    pub first_mismatch: Option<f64>,
}

/// Reading on in a list.
pub struct NextTask {
    stream: Arc<Mutex<Option<ListStream>>>,
    show: Show,
    filter: Filter,
    wanted: usize,
}

impl Task for NextTask {
    type Output = Option<Piece>;
    type JsValue = Option<ListPiece>;

    fn compute(&mut self) -> napi::Result<Option<Piece>> {
        guarded(|| {
            let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
            match stream.as_mut() {
                None => Ok(None),
                Some(stream) => stream
                    .next_piece(self.show, &self.filter, self.wanted)
                    .map_err(|error| explained(&error)),
            }
        })
    }

    fn resolve(&mut self, _env: Env, piece: Option<Piece>) -> napi::Result<Option<ListPiece>> {
        Ok(piece.map(|piece| ListPiece {
            text: piece.text.into(),
            faults: Value::from_iter(piece.faults.iter().map(evidence::describe_fault)).to_string(),
            entries: number(piece.entries),
            mismatches: number(piece.mismatches),
            first_mismatch: piece.first_mismatch.map(number),
        }))
    }
}

#[napi]
impl MeasurementList {
    /// The next entries; nothing at the end.
    ///
    /// # Errors
    /// An unknown bank; by the promise, all that is wrong with the list.
    #[napi(catch_unwind, ts_return_type = "Promise<ListPiece | null>")]
    pub fn next(
        &self,
        face: ListFace,
        bank: Option<String>,
        filter: FilterArguments,
        wanted_bytes: u32,
    ) -> napi::Result<AsyncTask<NextTask>> {
        let bank = bank.map(|name| algorithm(&name)).transpose()?;
        Ok(AsyncTask::new(NextTask {
            stream: Arc::clone(&self.stream),
            show: match face {
                ListFace::Json => Show::Json,
                ListFace::Text => Show::Text,
                ListFace::Ascii => Show::Kernel(Form::Ascii, bank),
                ListFace::Binary => Show::Kernel(Form::Binary, bank),
            },
            filter: Filter {
                from: filter.from.map(whole),
                to: filter.to.map(whole),
                pcr: filter.pcr,
                template: filter.template.map(String::into_bytes),
                path: filter.path.map(Into::into),
                violations: filter.violations,
            },
            wanted: usize::try_from(wanted_bytes).unwrap_or(usize::MAX),
        }))
    }

    /// Closes its files.
    #[napi]
    pub fn close(&self) {
        self.control.cancel();
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Work on a whole list that ends in JSON text.
pub struct ListTask {
    work: Work,
    sources: Vec<Vec<u8>>,
    limits: Limits,
    control: Arc<Shared>,
}

enum Work {
    Replay {
        banks: Vec<Algorithm>,
        event_log: Option<Vec<u8>>,
    },
    Stats,
}

impl Task for ListTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        guarded(|| {
            let (sources, limits, control) = (&self.sources, &self.limits, &self.control);
            match &self.work {
                Work::Replay { banks, event_log } => {
                    evidence::replay_list(sources, banks, event_log.as_deref(), limits, control)
                }
                Work::Stats => evidence::list_stats(sources, limits, control),
            }
            .map(|result| result.to_string())
            .map_err(|error| explained(&error))
        })
    }

    fn resolve(&mut self, _env: Env, json: String) -> napi::Result<String> {
        Ok(json)
    }
}

/// Replays a list, as JSON text. No bank at all stands for the usual ones.
///
/// # Errors
/// An unknown bank; by the promise, all that is wrong with the list or the event log.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn replay_list(
    sources: Vec<Buffer>,
    banks: Vec<String>,
    event_log: Option<Buffer>,
    limits: ListLimitArguments,
    control: &Control,
) -> napi::Result<AsyncTask<ListTask>> {
    Ok(AsyncTask::new(ListTask {
        work: Work::Replay {
            banks: banks
                .iter()
                .map(|name| algorithm(name))
                .collect::<napi::Result<_>>()?,
            event_log: event_log.map(Into::into),
        },
        sources: names(&sources),
        limits: limits.into_limits(),
        control: Arc::clone(&control.shared),
    }))
}

/// Counts what a list is made of, as JSON text.
///
/// # Errors
/// By the promise, all that is wrong with the list.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn list_stats(
    sources: Vec<Buffer>,
    limits: ListLimitArguments,
    control: &Control,
) -> AsyncTask<ListTask> {
    AsyncTask::new(ListTask {
        work: Work::Stats,
        sources: names(&sources),
        limits: limits.into_limits(),
        control: Arc::clone(&control.shared),
    })
}

pub(crate) fn names(sources: &[Buffer]) -> Vec<Vec<u8>> {
    sources.iter().map(|name| name.to_vec()).collect()
}

pub(crate) fn algorithm(name: &str) -> napi::Result<Algorithm> {
    name.parse().map_err(|error: ima_assay_digest::UnknownAlgorithm| {
        plain(
            "ALGORITHM_UNKNOWN",
            &error.to_string(),
            Some("`ima-assay doctor` lists the known ones"),
        )
    })
}
