//! Patterns for an automaton that reads each byte of a name once.

use std::sync::Arc;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Look, Repetition};

use super::charset::CharSet;
use super::meaning::{Part, Place};

/// A pattern as an automaton can take it.
pub(super) struct Linear {
    pub(super) hir: Hir,
    /// It asks where words begin or end, which the automaton knows for ASCII alone.
    pub(super) needs_ascii: bool,
}

impl Linear {
    /// Matches every name.
    pub(super) fn anything() -> Self {
        Self {
            hir: Hir::empty(),
            needs_ascii: false,
        }
    }
}

/// The pattern for an automaton over UTF-8; none if it needs backtracking.
pub(super) fn linear(part: &Part) -> Option<Linear> {
    let mut needs_ascii = false;
    let hir = hir(part, true, &mut needs_ascii)?;
    Some(Linear { hir, needs_ascii })
}

/// `is_last`: nothing comes after it, so that it does not matter how much it takes.
fn hir(part: &Part, is_last: bool, needs_ascii: &mut bool) -> Option<Hir> {
    Some(match part {
        Part::One(code) => match char::from_u32(*code) {
            Some(character) => Hir::literal(character.encode_utf8(&mut [0; 4]).as_bytes()),
            // A surrogate: no UTF-8 has it.
            None => Hir::fail(),
        },
        Part::Set(set) => class(set),
        Part::Place(place) => match place {
            Place::TextStart => Hir::look(Look::Start),
            Place::TextEnd => Hir::look(Look::End),
            Place::LineStart => Hir::look(Look::StartLF),
            Place::LineEnd => Hir::look(Look::EndLF),
            Place::FinalLineEnd if is_last => Hir::alternation(vec![
                Hir::look(Look::End),
                Hir::concat(vec![Hir::literal(*b"\n"), Hir::look(Look::End)]),
            ]),
            Place::FinalLineEnd => return None,
            Place::Boundary { is_negated, is_ascii } => {
                *needs_ascii |= !is_ascii;
                Hir::look(if *is_negated {
                    Look::WordAsciiNegate
                } else {
                    Look::WordAscii
                })
            }
        },
        Part::Sequence(parts) => {
            let last = parts.len().checked_sub(1);
            let parts = parts.iter().enumerate().map(|(at, part)| {
                let is_last = is_last && Some(at) == last;
                hir(part, is_last, needs_ascii)
            });
            Hir::concat(parts.collect::<Option<_>>()?)
        }
        Part::Alternation(parts) => {
            let parts = parts.iter().map(|part| hir(part, is_last, needs_ascii));
            Hir::alternation(parts.collect::<Option<_>>()?)
        }
        Part::Repeat {
            part,
            min,
            max,
            is_lazy,
        } => Hir::repetition(Repetition {
            min: *min,
            max: *max,
            greedy: !is_lazy,
            sub: Box::new(hir(part, false, needs_ascii)?),
        }),
        Part::Capture(_, part) => hir(part, is_last, needs_ascii)?,
        Part::Look { .. } | Part::Atomic(_) | Part::BackReference(..) | Part::Conditional { .. } => {
            return None;
        }
    })
}

fn class(set: &Arc<CharSet>) -> Hir {
    let runs = set.runs().iter().flat_map(|&[first, last]| {
        // Without the surrogates.
        let before = (first, last.min(0xd7ff));
        let after = (first.max(0xe000), last);
        [before, after].into_iter().filter_map(|(first, last)| {
            let run = (char::from_u32(first)?, char::from_u32(last)?);
            (run.0 <= run.1).then(|| ClassUnicodeRange::new(run.0, run.1))
        })
    });
    Hir::class(Class::Unicode(ClassUnicode::new(runs)))
}
