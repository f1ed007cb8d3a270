//! Measurement lists: read, checked, printed, replayed.
mod ascii;
mod binary;
mod boot_aggregate;
mod compare;
mod compression;
mod entry;
mod error;
mod event_log;
mod fault;
mod field;
mod format;
mod limits;
mod order;
mod print;
mod read_ascii;
mod read_binary;
mod reader;
mod replay;
mod show;
mod stats;
mod template;
#[cfg(test)]
mod tests;
mod window;

pub use boot_aggregate::{BootAggregate, boot_aggregates};
pub use compare::{Difference, DifferenceKind, first_difference};
pub use compression::Compression;
pub use entry::{Check, Entry, Item, Notes};
pub use error::ListError;
pub use event_log::{EventLog, EventLogError, replay_event_log};
pub use fault::{At, Fault, Problem};
pub use field::{Field, FieldKind, FileDigest, Value};
pub use format::{Encoding, Format, ListHash};
pub use limits::Limits;
pub use order::ByteOrder;
pub use print::{Form, PrintError};
pub use reader::{Reader, Source};
pub use replay::{
    Composite, Hashes, Match, Outcome, PCRS, PcrValue, Pcrs, Replay, ReplayError, ReplayOptions, Rule,
    bank_name,
};
pub use stats::{Counts, Stats};
pub use template::FieldId;
