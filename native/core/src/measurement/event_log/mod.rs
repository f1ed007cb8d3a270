//! The firmware's event log, replayed: `binary_bios_measurements` tells what PCR 0 to 9 held before the kernel
//! took its boot aggregate of them.
//!
//! ```text
//! SHA-1 log     u32 PCR │ u32 type │ 20 bytes digest │ u32 length │ event
//! crypto agile  the same, once: type 3, event "Spec ID Event03" NUL │ … │ u32 n │ n × (u16 algorithm, u16 length) │ …
//!         then  u32 PCR │ u32 type │ u32 n │ n × (u16 algorithm, digest) │ u32 length │ event
//! ```
//!
//! Little-endian. Only digests are replayed: what events say of themselves is nobody's promise, save for one
//! that tells where PCR 0 starts. Source: TCG PC Client Platform Firmware Profile 1.06, 10.2 to 10.4.

mod error;

pub use error::EventLogError;

use std::io::Read;

use ima_assay_digest::{Algorithm, Digest, ShortHasher};

use super::compression::Unpacked;
use super::limits::Limits;
use super::order::ByteOrder;
use super::replay::{PCRS, Pcrs, at_reset};
use super::window::Window;

/// An event that is logged and not extended.
const EV_NO_ACTION: u32 = 3;

/// Start of the event that says how the others are written.
const SPEC_ID: &[u8] = b"Spec ID Event03\0";
/// Bytes between [`SPEC_ID`] and the number of algorithms: platform class, version, size of integers.
const SPEC_ID_FIXED_BYTES: usize = 8;

/// Start of the event that says from which locality the TPM was started; one byte follows.
const STARTUP_LOCALITY: &[u8] = b"StartupLocality\0";

const ORDER: ByteOrder = ByteOrder::Little;

/// What a replayed event log comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLog {
    /// All PCRs of the banks that the log has digests for.
    pub pcrs: Pcrs,
    /// How many events there are.
    pub events: u64,
    /// The locality in which PCR 0 starts, if the log tells.
    pub startup_locality: Option<u8>,
    /// TPM numbers of hash algorithms that the log has digests of and that are not known here.
    pub unknown_algorithms: Vec<u16>,
}

/// Replays an event log. [`Limits::max_entry_bytes`] and [`Limits::max_entries`] bound its events.
///
/// # Errors
/// [`EventLogError`]: half an event log says nothing of what PCRs hold.
pub fn replay_event_log<'r>(
    source: impl Read + Send + 'r,
    limits: &Limits,
) -> Result<EventLog, EventLogError> {
    let mut log = Log {
        window: Window::new(Unpacked::new(Box::new(source), limits)?),
        limits,
        banks: vec![Bank::new(TPM_SHA1, Algorithm::Sha1.len())],
        is_agile: false,
        events: 0,
        startup_locality: None,
        is_pcr0_extended: false,
    };
    while log.event()? {}
    if log.events == 0 {
        return Err(EventLogError::Empty);
    }
    Ok(log.finish())
}

/// TPM numbers of hash algorithms (TCG Algorithm Registry).
const TPM_ALGORITHMS: [(u16, Algorithm); 8] = [
    (TPM_SHA1, Algorithm::Sha1),
    (0x000b, Algorithm::Sha256),
    (0x000c, Algorithm::Sha384),
    (0x000d, Algorithm::Sha512),
    (0x0012, Algorithm::Sm3),
    (0x0027, Algorithm::Sha3_256),
    (0x0028, Algorithm::Sha3_384),
    (0x0029, Algorithm::Sha3_512),
];
const TPM_SHA1: u16 = 0x0004;

/// The PCRs of one algorithm.
struct Bank {
    number: u16,
    digest_bytes: usize,
    /// None if the algorithm is not known: its digests are passed over.
    hasher: Option<ShortHasher>,
    values: Vec<Vec<u8>>,
    /// Where its digest is in the event that is read.
    digest: Option<std::ops::Range<usize>>,
}

impl Bank {
    fn new(number: u16, digest_bytes: usize) -> Self {
        let algorithm = TPM_ALGORITHMS.iter().find(|(known, _)| *known == number);
        let start = |index| at_reset(index).iter().copied().take(digest_bytes).collect();
        Self {
            number,
            digest_bytes,
            hasher: algorithm.map(|(_, algorithm)| ShortHasher::new(*algorithm)),
            values: (0..PCRS).map(start).collect(),
            digest: None,
        }
    }

    fn value(&mut self, index: u32) -> Option<&mut Vec<u8>> {
        self.values.get_mut(usize::try_from(index).ok()?)
    }

    fn extend(&mut self, index: u32, digest: &[u8]) {
        let Some(mut hasher) = self.hasher.take() else {
            return;
        };
        if let Some(value) = self.value(index) {
            value.extend_from_slice(digest);
            let extended = hasher.hash(value);
            value.clear();
            value.extend_from_slice(extended.bytes());
        }
        self.hasher = Some(hasher);
    }
}

struct Log<'r, 'l> {
    window: Window<'r>,
    limits: &'l Limits,
    banks: Vec<Bank>,
    is_agile: bool,
    events: u64,
    startup_locality: Option<u8>,
    is_pcr0_extended: bool,
}

impl Log<'_, '_> {
    /// Replays the next event. False at the end.
    fn event(&mut self) -> Result<bool, EventLogError> {
        if !self.window.fill(1)? || self.is_padding()? {
            return Ok(false);
        }
        if self.events >= self.limits.max_entries {
            return Err(EventLogError::TooManyEvents {
                limit: self.limits.max_entries,
            });
        }
        self.events = self.events.saturating_add(1);
        let mut at = 0;
        let pcr = self.number(&mut at)?;
        let event_type = self.number(&mut at)?;
        if self.is_agile {
            self.find_digests(&mut at)?;
        } else if let [bank] = self.banks.as_mut_slice() {
            let start = at;
            at = at.saturating_add(bank.digest_bytes);
            bank.digest = Some(start..at);
        }
        let len = self.number(&mut at)?;
        let start = at;
        self.skip(&mut at, usize::try_from(len).unwrap_or(usize::MAX))?;
        if event_type == EV_NO_ACTION {
            self.no_action(start, at)?;
        } else if pcr >= PCRS {
            let (event, offset) = self.here();
            return Err(EventLogError::PcrOutOfRange { event, offset, pcr });
        } else {
            self.extend(pcr)?;
        }
        self.window.take(at);
        Ok(true)
    }

    /// Number and offset of the event that is read.
    fn here(&self) -> (u64, u64) {
        (self.events, self.window.offset())
    }

    /// Goes on over `len` bytes, which have to be there.
    fn skip(&mut self, at: &mut usize, len: usize) -> Result<(), EventLogError> {
        let (event, offset) = self.here();
        let end = at.saturating_add(len);
        let limit = self.limits.max_entry_bytes;
        if end > limit {
            return Err(EventLogError::EventTooLong { event, offset, limit });
        }
        if !self.window.fill(end)? {
            let missing = end.saturating_sub(self.window.bytes().len());
            return Err(EventLogError::Truncated {
                event,
                offset,
                missing,
            });
        }
        *at = end;
        Ok(())
    }

    fn number(&mut self, at: &mut usize) -> Result<u32, EventLogError> {
        let start = *at;
        self.skip(at, 4)?;
        let bytes = self.window.bytes().get(start..*at).unwrap_or_default();
        Ok(ORDER.first_u32(bytes).unwrap_or(0))
    }

    /// Finds the digest of each bank.
    fn find_digests(&mut self, at: &mut usize) -> Result<(), EventLogError> {
        let (event, offset) = self.here();
        for bank in &mut self.banks {
            bank.digest = None;
        }
        for _ in 0..self.number(at)? {
            let start = *at;
            self.skip(at, 2)?;
            let bytes = self.window.bytes().get(start..*at).unwrap_or_default();
            let algorithm = bytes.first_chunk().map_or(0, |bytes| ORDER.u16(*bytes));
            let Some(bank) = self.banks.iter().position(|bank| bank.number == algorithm) else {
                return Err(EventLogError::AlgorithmUnannounced {
                    event,
                    offset,
                    algorithm,
                });
            };
            let start = *at;
            let digest_bytes = self.banks.get(bank).map_or(0, |bank| bank.digest_bytes);
            self.skip(at, digest_bytes)?;
            let bank = self.banks.get_mut(bank);
            if bank.and_then(|bank| bank.digest.replace(start..*at)).is_some() {
                return Err(EventLogError::DigestsUneven { event, offset });
            }
        }
        Ok(())
    }

    fn extend(&mut self, pcr: u32) -> Result<(), EventLogError> {
        let (event, offset) = self.here();
        self.is_pcr0_extended |= pcr == 0;
        let bytes = self.window.bytes();
        for bank in &mut self.banks {
            let digest = bank.digest.take().and_then(|range| bytes.get(range));
            let digest = digest.ok_or(EventLogError::DigestsUneven { event, offset })?;
            bank.extend(pcr, digest);
        }
        Ok(())
    }

    /// Takes note of an event that only says something, in so many bytes of the window.
    fn no_action(&mut self, start: usize, end: usize) -> Result<(), EventLogError> {
        let (event, offset) = self.here();
        let said = self.window.bytes().get(start..end).unwrap_or_default();
        if let (1, Some(spec)) = (event, said.strip_prefix(SPEC_ID)) {
            self.banks = announced(spec).ok_or(EventLogError::HeaderMalformed)?;
            self.is_agile = true;
        } else if let Some(&[locality]) = said.strip_prefix(STARTUP_LOCALITY) {
            if self.is_pcr0_extended || self.startup_locality.is_some() {
                return Err(EventLogError::LocalityLate { event, offset });
            }
            self.startup_locality = Some(locality);
            for bank in &mut self.banks {
                if let Some(last) = bank.value(0).and_then(|value| value.last_mut()) {
                    *last = locality;
                }
            }
        }
        Ok(())
    }

    /// Whether there is nothing but padding up to the end: firmware hands out a table larger than its log.
    fn is_padding(&mut self) -> Result<bool, EventLogError> {
        self.window.fill(PADDING_BYTES)?;
        match self.window.bytes().get(..PADDING_BYTES) {
            Some(start @ &[byte @ (0 | 0xff), ..]) if start.iter().all(|other| *other == byte) => {
                let (event, offset) = (self.events.saturating_add(1), self.window.offset());
                match self.window.only_follows(byte)? {
                    true => Ok(true),
                    false => Err(EventLogError::DigestsUneven { event, offset }),
                }
            }
            _ => Ok(false),
        }
    }

    fn finish(self) -> EventLog {
        let mut pcrs = Pcrs::default();
        let mut unknown_algorithms = Vec::new();
        for bank in self.banks {
            let Some(hasher) = &bank.hasher else {
                unknown_algorithms.push(bank.number);
                continue;
            };
            for (index, value) in (0..).zip(&bank.values) {
                if let Ok(value) = Digest::new(hasher.algorithm(), value) {
                    pcrs.insert(index, value);
                }
            }
        }
        EventLog {
            pcrs,
            events: self.events,
            startup_locality: self.startup_locality,
            unknown_algorithms,
        }
    }
}

/// So many equal bytes begin no event: PCR 0, type 0, no digests and no event are no measurement.
const PADDING_BYTES: usize = 16;

/// The banks that the first event announces.
fn announced(spec: &[u8]) -> Option<Vec<Bank>> {
    let (count, mut rest) = spec.get(SPEC_ID_FIXED_BYTES..)?.split_first_chunk()?;
    let mut banks: Vec<Bank> = Vec::new();
    for _ in 0..ORDER.u32(*count) {
        let (number, after) = rest.split_first_chunk()?;
        let (len, after) = after.split_first_chunk()?;
        rest = after;
        let (number, len) = (ORDER.u16(*number), usize::from(ORDER.u16(*len)));
        let bank = Bank::new(number, len);
        let is_sound = bank
            .hasher
            .as_ref()
            .is_none_or(|hasher| hasher.algorithm().len() == len);
        if !is_sound || banks.iter().any(|bank| bank.number == number) {
            return None;
        }
        banks.push(bank);
    }
    (!banks.is_empty()).then_some(banks)
}
