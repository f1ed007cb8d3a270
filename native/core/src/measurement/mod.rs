//! Measurement lists: what the kernel measured, read, checked, printed and replayed.
//!
//! ```
//! use ima_assay_core::measurement::{Check, Hashes, Item, Limits, Reader, Replay, ReplayOptions, Rule};
//! use ima_assay_digest::Algorithm;
//!
//! let list = b"10 9dc9aecd13d7bfb7ce2e30ef2f01af56ab8b4bc8 ima-ng \
//!     sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb /usr/bin/true\n";
//! let mut reader = Reader::new(&list[..], Limits::default())?;
//! let mut replay = Replay::new(ReplayOptions::default())?;
//! while let Some(item) = reader.next()? {
//!     match item {
//!         Item::Entry(entry) => {
//!             assert_eq!(replay.extend(&entry), Check::Matches);
//!             assert_eq!(entry.name(), Some(&b"/usr/bin/true"[..]));
//!             assert!(entry.fault().is_none());
//!         }
//!         Item::Fault(fault) => println!("{fault}"),
//!     }
//! }
//! let outcome = replay.finish();
//! let pcr = outcome.value(Algorithm::Sha256, 10, Rule::PerBank, Hashes::Recomputed).unwrap();
//! assert_eq!(pcr.to_string(), "e24b802de8a5228ba6560839bba1289bc43f9649e8d2ba094356ac770bd0e1fb");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What may be believed
//!
//! A list is hearsay until its replay has reached PCR values that a TPM vouches for. Before that a template hash
//! that is right shows that fields belong together, and nothing more: anybody can compute it. The PCR and the
//! template's name are in no hash at all; a wrong PCR shows in the replay, a wrong name does not.
//!
//! # Faults and errors
//!
//! What is wrong with an entry is a [`Fault`], which is data: reading goes on where the next entry can be found.
//! An entry whose parts can be told apart is given together with its fault, so that it can be extended; its
//! [`Entry::name`] and [`Entry::file_digest`] are given only where they are whole. A [`ListError`] means that nothing
//! more can be read. A list that is cut off is never merely shorter, save where it ends between entries.
//!
//! # Memory and time
//!
//! Both readers hold one entry and a read-ahead of 256 KiB; nothing is allocated for an entry. Every bound is in
//! [`Limits`].

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
pub use reader::{Reader, Source, Text};
pub use replay::{
    Composite, Hashes, Match, Outcome, PCRS, PcrValue, Pcrs, Replay, ReplayError, ReplayOptions, Rule,
    bank_name,
};
pub use stats::{Counts, Stats};
pub use template::FieldId;
