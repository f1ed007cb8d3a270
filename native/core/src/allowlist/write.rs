//! Writing an allowlist piece by piece, so that no format ever needs the whole text in memory.

use std::ops::Range;
use std::sync::Arc;

use super::{Allowlist, AllowlistError, Listed};

/// A way to write an allowlist: a head, each path with its rows, a tail.
pub trait Format: Send {
    /// What comes before the first path.
    fn head(&self, list: &Allowlist, out: &mut Vec<u8>);

    /// One path with all its rows. `is_first` tells whether a separator is due.
    ///
    /// # Errors
    /// [`AllowlistError`]: the format cannot write this path; nothing was written.
    fn path(&self, rows: &[Listed<'_>], is_first: bool, out: &mut Vec<u8>) -> Result<(), AllowlistError>;

    /// What comes after the last path.
    fn tail(&self, out: &mut Vec<u8>);
}

/// Writes an allowlist in one format, in pieces of a chosen size.
pub struct Writer {
    list: Arc<Allowlist>,
    format: Box<dyn Format>,
    keep_going: bool,
    state: State,
    /// What could not be written, with `keep_going`.
    omitted: Vec<AllowlistError>,
}

enum State {
    Head,
    Paths { next_row: usize, is_first: bool },
    Done,
}

impl Writer {
    /// Starts at the head. With `keep_going`, what the format cannot write is left out and listed.
    #[must_use]
    pub fn new(list: Arc<Allowlist>, format: Box<dyn Format>, keep_going: bool) -> Self {
        Self {
            list,
            format,
            keep_going,
            state: State::Head,
            omitted: Vec::new(),
        }
    }

    /// The next piece, of at least `wanted_bytes` unless it is the last; none at the end.
    ///
    /// # Errors
    /// [`AllowlistError`] for a path the format cannot write, unless it keeps going.
    pub fn next_piece(&mut self, wanted_bytes: usize) -> Result<Option<Vec<u8>>, AllowlistError> {
        let mut out = Vec::with_capacity(wanted_bytes.saturating_add(wanted_bytes / 8));
        loop {
            match self.state {
                State::Head => {
                    self.format.head(&self.list, &mut out);
                    self.state = State::Paths {
                        next_row: 0,
                        is_first: true,
                    };
                }
                State::Paths { next_row, .. } if next_row >= self.list.len() => {
                    self.format.tail(&mut out);
                    self.state = State::Done;
                }
                State::Paths { next_row, is_first } => {
                    let range = self.list.rows_of_path(next_row);
                    let next_row = range.end.max(next_row.saturating_add(1));
                    let wrote = self.write_path(range, is_first, &mut out)?;
                    self.state = State::Paths {
                        next_row,
                        is_first: is_first && !wrote,
                    };
                }
                State::Done => return Ok((!out.is_empty()).then_some(out)),
            }
            if out.len() >= wanted_bytes {
                return Ok(Some(out));
            }
        }
    }

    /// What was left out so far.
    #[must_use]
    pub fn omitted(&self) -> &[AllowlistError] {
        &self.omitted
    }

    fn write_path(
        &mut self,
        range: Range<usize>,
        is_first: bool,
        out: &mut Vec<u8>,
    ) -> Result<bool, AllowlistError> {
        let rows: Vec<Listed<'_>> = range.filter_map(|index| self.list.get(index)).collect();
        match self.format.path(&rows, is_first, out) {
            Ok(()) => Ok(true),
            Err(error) if self.keep_going => {
                self.omitted.push(error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Builder, Flat};
    use super::*;
    use ima_assay_digest::{Algorithm, hash};

    fn sample() -> Arc<Allowlist> {
        let mut builder = Builder::default();
        let origin = builder.origin(b"image");
        for path in ["/a", "/b\nc", "/d"] {
            builder.insert(path.as_bytes(), &hash(Algorithm::Sha256, b"x"), origin, None);
        }
        Arc::new(builder.build())
    }

    fn pieces(writer: &mut Writer, wanted: usize) -> Result<Vec<u8>, AllowlistError> {
        let mut all = Vec::new();
        while let Some(piece) = writer.next_piece(wanted)? {
            all.extend(piece);
        }
        Ok(all)
    }

    #[test]
    fn pieces_of_any_size_add_up_to_the_same_text() {
        let whole = pieces(
            &mut Writer::new(sample(), Box::new(Flat::default()), true),
            1 << 20,
        );
        let whole = whole.unwrap_or_default();
        for wanted in [1, 7, 100] {
            let text = pieces(
                &mut Writer::new(sample(), Box::new(Flat::default()), true),
                wanted,
            )
            .unwrap();
            assert_eq!(text, whole);
        }
    }

    #[test]
    fn a_path_that_cannot_be_written_is_an_error_or_a_listed_omission() {
        let mut strict = Writer::new(sample(), Box::new(Flat::default()), false);
        assert!(matches!(
            pieces(&mut strict, 10),
            Err(AllowlistError::PathUnlistable { .. })
        ));
        let mut lenient = Writer::new(sample(), Box::new(Flat::default()), true);
        let text = pieces(&mut lenient, 10).unwrap();
        assert_eq!(lenient.omitted().len(), 1);
        assert_eq!(text.split(|&byte| byte == b'\n').count(), 3);
    }
}
