//! Keeps the text of the last lines of a list while it is read: Keylime reads lines as they stand, and an entry no
//! longer says how its line stood there.

use std::io::{self, Read};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::measurement::{At, Source};

/// What compressed lists start with (gzip, xz, zstd): offsets of entries do not count these bytes.
const COMPRESSED: [&[u8]; 3] = [b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];

/// Bytes of a list that are kept beyond what entries may have.
const SPARE_BYTES: usize = 2 << 20;

/// The tapes of all parts of a list.
pub(super) struct Tapes(Vec<Shared>);

/// A tape that the reader writes and the verification reads, in turn and on one thread.
type Shared = Arc<Mutex<Tape>>;

/// The bytes of one part from where its text was last asked for.
#[derive(Default)]
struct Tape {
    bytes: Vec<u8>,
    /// Bytes of the part before these.
    before: u64,
    /// Where in them the text starts that was not asked for yet.
    told: usize,
    limit: usize,
    is_begun: bool,
    /// Nothing is kept: the part is no plain text, or has a line that is too long.
    is_off: bool,
}

struct Taped<'r> {
    source: Source<'r>,
    tape: Shared,
}

impl Read for Taped<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(room)?;
        lock(&self.tape).push(room.get(..len).unwrap_or_default());
        Ok(len)
    }
}

impl Tapes {
    /// Puts a tape to each part of a list.
    pub(super) fn of(list: Vec<Source<'_>>, max_entry_bytes: usize) -> (Vec<Source<'_>>, Self) {
        let mut tapes = Vec::new();
        let taped = list.into_iter().map(|source| {
            let tape = Arc::new(Mutex::new(Tape {
                limit: max_entry_bytes.saturating_mul(3).saturating_add(SPARE_BYTES),
                ..Tape::default()
            }));
            tapes.push(Arc::clone(&tape));
            let taped: Source<'_> = Box::new(Taped { source, tape });
            taped
        });
        (taped.collect(), Self(tapes))
    }

    /// The text up to the end of an entry that stands on so many lines, without its line end, and with all before
    /// it that was not asked for. None where it is not known.
    pub(super) fn text(&self, at: At, lines: u32) -> Option<Text<'_>> {
        let tape = self.0.get(usize::try_from(at.segment).ok()?.checked_sub(1)?)?;
        let mut tape = lock(tape);
        let range = tape.tell(at, lines)?;
        Some(Text { tape, range })
    }

    /// The text behind the last entry of each part.
    pub(super) fn rest(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        for tape in &self.0 {
            let tape = lock(tape);
            if !tape.is_off {
                rest.extend_from_slice(tape.bytes.get(tape.told..).unwrap_or_default());
                rest.push(b'\n');
            }
        }
        rest
    }
}

/// Some of a tape. No more can be written to it as long as this is held.
pub(super) struct Text<'t> {
    tape: MutexGuard<'t, Tape>,
    range: std::ops::Range<usize>,
}

impl Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.tape.bytes.get(self.range.clone()).unwrap_or_default()
    }
}

fn lock(tape: &Shared) -> MutexGuard<'_, Tape> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tape {
    fn push(&mut self, bytes: &[u8]) {
        if !self.is_begun && !bytes.is_empty() {
            self.is_begun = true;
            self.is_off = COMPRESSED.iter().any(|magic| bytes.starts_with(magic));
        }
        if self.is_off {
            return;
        }
        let told = self.told;
        self.bytes.drain(..told);
        self.before = self
            .before
            .saturating_add(u64::try_from(told).unwrap_or(u64::MAX));
        self.told = 0;
        if self.bytes.len().saturating_add(bytes.len()) > self.limit {
            self.turn_off();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn turn_off(&mut self) {
        self.is_off = true;
        self.bytes = Vec::new();
    }

    fn tell(&mut self, at: At, lines: u32) -> Option<std::ops::Range<usize>> {
        if at.line.is_none() {
            self.turn_off();
        }
        if self.is_off {
            return None;
        }
        let mut end = usize::try_from(at.offset_bytes.checked_sub(self.before)?).ok()?;
        for line in 0..lines {
            if line > 0 {
                end = end.saturating_add(1);
            }
            let rest = self.bytes.get(end..)?;
            end = end.saturating_add(memchr::memchr(b'\n', rest).unwrap_or(rest.len()));
        }
        let start = self.told;
        self.told = end.saturating_add(1).min(self.bytes.len());
        (start <= end).then_some(start..end)
    }
}
