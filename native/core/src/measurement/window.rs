//! A part of a list in memory, moved along the list.

use std::ops::Range;

use super::compression::{Compression, Unpacked};
use super::error::ListError;

/// Bytes read at a time.
const READ_BYTES: usize = 256 << 10;

/// Bytes of text before the next entry that are kept: longer than a name with all its line ends.
const MAX_TEXT_BYTES: usize = 2 << 20;

/// The bytes between an entry and the one before it, its own included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// Where they are in memory.
    At(Range<usize>),
    /// There were too many to be kept.
    Lost,
}

/// The bytes from the next entry on, as many as are asked for. Positions count from the next entry.
pub(super) struct Window<'r> {
    source: Unpacked<'r>,
    buffer: Vec<u8>,
    /// Where the text starts that [`Window::tell`] gives next.
    told: usize,
    /// Whether some of that text was dropped that is not only line ends.
    is_text_lost: bool,
    /// Where the next entry starts in the buffer.
    start: usize,
    /// Where what was read ends.
    end: usize,
    /// Bytes of the list before `start`.
    offset: u64,
    is_at_end: bool,
}

impl<'r> Window<'r> {
    pub(super) fn new(source: Unpacked<'r>) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            told: 0,
            is_text_lost: false,
            start: 0,
            end: 0,
            offset: 0,
            is_at_end: false,
        }
    }

    pub(super) fn compression(&self) -> Option<Compression> {
        self.source.compression()
    }

    /// Bytes of the list before the next entry.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What is in memory from the next entry on.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The bytes of a range that [`Window::take`] gave, until more is read.
    pub(super) fn taken(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Reads until `len` bytes are in memory. False if the list ends before.
    pub(super) fn fill(&mut self, len: usize) -> Result<bool, ListError> {
        while self.bytes().len() < len {
            if !self.read_more()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads some bytes more. False at the end of the list.
    pub(super) fn read_more(&mut self) -> Result<bool, ListError> {
        if self.is_at_end {
            return Ok(false);
        }
        if self.start.saturating_sub(self.told) > MAX_TEXT_BYTES {
            let text = self.buffer.get(self.told..self.start).unwrap_or_default();
            self.is_text_lost |= text.iter().any(|&byte| byte != b'\n');
            self.told = self.start;
        }
        if self.told > 0 {
            self.buffer.copy_within(self.told..self.end, 0);
            self.end = self.end.saturating_sub(self.told);
            self.start = self.start.saturating_sub(self.told);
            self.told = 0;
        }
        // The buffer grows with what is there, never with what an entry claims.
        let room = self.end.saturating_add(READ_BYTES);
        if self.buffer.is_empty() {
            self.buffer = vec![0; room];
        } else if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let len = self.source.read(room)?;
        self.end = self.end.saturating_add(len);
        self.is_at_end = len == 0;
        Ok(len > 0)
    }

    /// Goes on to `len` bytes from here. Returns where in memory these are.
    pub(super) fn take(&mut self, len: usize) -> Range<usize> {
        let from = self.start;
        self.start = self.start.saturating_add(len).min(self.end);
        let taken = self.start.saturating_sub(from);
        self.offset = self
            .offset
            .saturating_add(u64::try_from(taken).unwrap_or(u64::MAX));
        from..self.start
    }

    /// All that was taken since this was last called, until more is read.
    pub(super) fn tell(&mut self) -> Told {
        let from = std::mem::replace(&mut self.told, self.start);
        if std::mem::take(&mut self.is_text_lost) {
            Told::Lost
        } else {
            Told::At(from..self.start)
        }
    }

    /// Takes all up to and with the next line end, or up to the end. True if there was a line end.
    pub(super) fn skip_line(&mut self) -> Result<bool, ListError> {
        loop {
            let bytes = self.bytes();
            if let Some(end) = memchr::memchr(b'\n', bytes) {
                self.take(end.saturating_add(1));
                return Ok(true);
            }
            self.take(bytes.len());
            if !self.read_more()? {
                return Ok(false);
            }
        }
    }

    /// Takes bytes of this value. True if there is nothing else up to the end.
    pub(super) fn only_follows(&mut self, value: u8) -> Result<bool, ListError> {
        loop {
            let bytes = self.bytes();
            if bytes.iter().any(|&byte| byte != value) {
                return Ok(false);
            }
            self.take(bytes.len());
            if !self.read_more()? {
                return Ok(true);
            }
        }
    }
}
