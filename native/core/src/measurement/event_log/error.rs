//! Why an event log cannot be replayed.

use super::super::error::ListError;
use crate::error::{Explain, Place};

/// Why an event log cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventLogError {
    /// It cannot be read.
    #[error(transparent)]
    Source(#[from] ListError),
    /// There is no event.
    #[error("the event log is empty")]
    Empty,
    /// It ends inside an event.
    #[error("event {event} at byte {offset}: the event log ends {missing} bytes before its end, or earlier")]
    Truncated {
        /// Counted from 1.
        event: u64,
        /// Bytes before it.
        offset: u64,
        /// Bytes that are missing.
        missing: usize,
    },
    /// The event that should say how the others are written does not.
    #[error("the first event does not name the hash algorithms as it should")]
    HeaderMalformed,
    /// An event that is too long.
    #[error("event {event} at byte {offset}: more than {limit} bytes")]
    EventTooLong {
        /// Counted from 1.
        event: u64,
        /// Bytes before it.
        offset: u64,
        /// Bytes it may have.
        limit: usize,
    },
    /// More events than allowed.
    #[error("more than {limit} events")]
    TooManyEvents {
        /// How many are allowed.
        limit: u64,
    },
    /// A PCR that no TPM has.
    #[error("event {event} at byte {offset}: there is no PCR {pcr}")]
    PcrOutOfRange {
        /// Counted from 1.
        event: u64,
        /// Bytes before it.
        offset: u64,
        /// The number of the PCR.
        pcr: u32,
    },
    /// A digest by an algorithm that the first event does not name: where the next one starts is not known.
    #[error("event {event} at byte {offset}: the first event does not name algorithm {algorithm:#06x}")]
    AlgorithmUnannounced {
        /// Counted from 1.
        event: u64,
        /// Bytes before it.
        offset: u64,
        /// The TPM's number of the algorithm.
        algorithm: u16,
    },
    /// An event without, or with more than, one digest of a bank.
    #[error("event {event} at byte {offset}: not one digest for each bank")]
    DigestsUneven {
        /// Counted from 1.
        event: u64,
        /// Bytes before it.
        offset: u64,
    },
    /// PCR 0 would start anew after it was extended.
    #[error("event {event} at byte {offset}: the startup locality comes after PCR 0 was extended")]
    LocalityLate {
        /// Counted from 1.
        event: u64,
        /// Bytes before it.
        offset: u64,
    },
}

impl Explain for EventLogError {
    fn code(&self) -> &'static str {
        match self {
            Self::Source(error) => error.code(),
            Self::Empty => "EVENT_LOG_EMPTY",
            Self::Truncated { .. } => "EVENT_LOG_TRUNCATED",
            Self::TooManyEvents { .. } => "TOO_MANY_EVENTS",
            Self::EventTooLong { .. } => "EVENT_TOO_LONG",
            Self::HeaderMalformed => "EVENT_LOG_HEADER_MALFORMED",
            Self::PcrOutOfRange { .. } => "EVENT_PCR_UNKNOWN",
            Self::AlgorithmUnannounced { .. } => "EVENT_ALGORITHM_UNKNOWN",
            Self::DigestsUneven { .. } => "EVENT_DIGESTS_UNEVEN",
            Self::LocalityLate { .. } => "EVENT_LOCALITY_LATE",
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Source(error) => error.place(),
            Self::Empty | Self::HeaderMalformed | Self::TooManyEvents { .. } => Place::default(),
            Self::Truncated { event, offset, .. }
            | Self::EventTooLong { event, offset, .. }
            | Self::PcrOutOfRange { event, offset, .. }
            | Self::AlgorithmUnannounced { event, offset, .. }
            | Self::DigestsUneven { event, offset }
            | Self::LocalityLate { event, offset } => Place {
                offset_bytes: Some(*offset),
                entry: Some(*event),
                ..Place::default()
            },
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Source(error) => error.hint(),
            // No firmware has such a first event: it is another kind of file.
            Self::EventTooLong { event, .. } if *event > 1 => {
                Some("raise the limit if the event log is genuine")
            }
            Self::TooManyEvents { .. } => Some("raise the limit if the event log is genuine"),
            _ => Some("give binary_bios_measurements of /sys/kernel/security/tpm0, read to its end"),
        }
    }
}
