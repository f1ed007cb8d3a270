//! What can be said of a pattern because only the start of a name has to fit.

use std::sync::Arc;

use super::charset::CharSet;
use super::meaning::{Part, Place};

/// The part without what it may as well leave out at its end: `/tmp/.*` matches the same names as `/tmp/`.
/// This is what keeps automata small, and keeps them from reading names to their ends.
pub(super) fn without_tail(part: Part) -> Part {
    match part {
        Part::Sequence(mut parts) => {
            while let Some(last) = parts.pop() {
                let last = without_tail(last);
                if !last.is_empty() {
                    // `$$` says nothing that `$` does not, and only a `$` at the end is easy.
                    while is_end(&last) && matches!(parts.last(), Some(Part::Place(Place::FinalLineEnd))) {
                        parts.pop();
                    }
                    parts.push(last);
                    break;
                }
            }
            Part::Sequence(parts)
        }
        Part::Alternation(parts) => {
            let parts: Vec<Part> = parts.into_iter().map(without_tail).collect();
            if parts.iter().any(Part::is_empty) {
                Part::EMPTY
            } else {
                Part::Alternation(parts)
            }
        }
        Part::Capture(number, part) => match without_tail(*part) {
            part if part.is_empty() => Part::EMPTY,
            part => Part::Capture(number, Box::new(part)),
        },
        Part::Atomic(part) => without_tail(*part),
        Part::Repeat { min: 0, .. } => Part::EMPTY,
        Part::Repeat { part, min: 1, .. } => without_tail(*part),
        Part::Repeat {
            part, min, is_lazy, ..
        } => {
            if without_tail((*part).clone()).is_empty() {
                return Part::EMPTY;
            }
            Part::Repeat {
                part,
                min,
                max: Some(min),
                is_lazy,
            }
        }
        part => part,
    }
}

fn is_end(part: &Part) -> bool {
    matches!(part, Part::Place(Place::FinalLineEnd | Place::TextEnd))
}

/// The characters that every name starts with that the part matches. True if that is all it asks for.
pub(super) fn literal_prefix(part: &Part, prefix: &mut String) -> bool {
    match part {
        Part::One(code) => match char::from_u32(*code) {
            Some(character) => {
                prefix.push(character);
                true
            }
            None => false,
        },
        Part::Place(Place::TextStart) => prefix.is_empty(),
        Part::Sequence(parts) => parts.iter().all(|part| literal_prefix(part, prefix)),
        Part::Capture(_, part) => literal_prefix(part, prefix),
        Part::Atomic(part) => literal_prefix(part, prefix),
        Part::Repeat { part, min: 1.., .. } => {
            literal_prefix(part, prefix);
            false
        }
        _ => false,
    }
}

/// Whether the part matches every name that starts with one that it matches.
pub(super) fn is_open_ended(part: &Part) -> bool {
    match part {
        Part::One(_) | Part::Set(_) | Part::Place(Place::TextStart | Place::LineStart) => true,
        Part::Sequence(parts) | Part::Alternation(parts) => parts.iter().all(is_open_ended),
        Part::Repeat { part, .. } | Part::Capture(_, part) => is_open_ended(part),
        _ => false,
    }
}

/// A pattern that matches all that this one matches, and more, and needs no backtracking.
pub(super) fn looser(part: &Part) -> Part {
    let all = |parts: &[Part]| parts.iter().map(looser).collect();
    match part {
        Part::Sequence(parts) => Part::Sequence(all(parts)),
        Part::Alternation(parts) => Part::Alternation(all(parts)),
        Part::Repeat {
            part,
            min,
            max,
            is_lazy,
        } => Part::Repeat {
            part: Box::new(looser(part)),
            min: *min,
            max: *max,
            is_lazy: *is_lazy,
        },
        Part::Capture(_, part) | Part::Atomic(part) => looser(part),
        Part::Look { .. } | Part::Place(Place::Boundary { .. } | Place::FinalLineEnd) => Part::EMPTY,
        Part::BackReference(..) => Part::Repeat {
            part: Box::new(Part::Set(Arc::new(CharSet::default().negated()))),
            min: 0,
            max: None,
            is_lazy: false,
        },
        Part::Conditional { yes, no, .. } => Part::Alternation(vec![looser(yes), looser(no)]),
        Part::One(_) | Part::Set(_) | Part::Place(_) => part.clone(),
    }
}

/// How a part can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beginning {
    /// With the character that was asked for.
    pub(super) can_be: bool,
    /// With nothing, so that what comes after it decides.
    pub(super) can_be_empty: bool,
}

/// Whether the part can begin with this character. May say so of one that cannot, never the other way round.
pub(super) fn beginning(part: &Part, code: u32) -> Beginning {
    let nothing = Beginning {
        can_be: false,
        can_be_empty: true,
    };
    let of = |can_be| Beginning {
        can_be,
        can_be_empty: false,
    };
    match part {
        Part::One(one) => of(*one == code),
        Part::Set(set) => of(set.contains(code)),
        Part::Sequence(parts) => {
            let mut can_be = false;
            for part in parts {
                let next = beginning(part, code);
                can_be |= next.can_be;
                if !next.can_be_empty {
                    return of(can_be);
                }
            }
            Beginning {
                can_be,
                can_be_empty: true,
            }
        }
        Part::Alternation(parts) => parts
            .iter()
            .map(|part| beginning(part, code))
            .fold(of(false), either),
        Part::Conditional { yes, no, .. } => either(beginning(yes, code), beginning(no, code)),
        Part::Capture(_, part) | Part::Atomic(part) => beginning(part, code),
        Part::Repeat { max: Some(0), .. } => nothing,
        Part::Repeat { part, min, .. } => {
            let inner = beginning(part, code);
            Beginning {
                can_be: inner.can_be,
                can_be_empty: inner.can_be_empty || *min == 0,
            }
        }
        Part::BackReference(..) => Beginning {
            can_be: true,
            can_be_empty: true,
        },
        Part::Place(_) | Part::Look { .. } => nothing,
    }
}

fn either(one: Beginning, other: Beginning) -> Beginning {
    Beginning {
        can_be: one.can_be || other.can_be,
        can_be_empty: one.can_be_empty || other.can_be_empty,
    }
}

/// Size with counted repeats written out, as [`super::ExcludeLimits::max_size`] counts.
pub(super) fn size(part: &Part) -> u64 {
    let inner = match part {
        Part::One(_) | Part::Place(_) | Part::BackReference(..) => 0,
        Part::Set(set) => match set.runs() {
            [.., [_, last]] if *last > 0x7f => u64::try_from(set.runs().len())
                .unwrap_or(u64::MAX)
                .saturating_mul(4)
                .saturating_add(7),
            _ => 0,
        },
        Part::Sequence(parts) | Part::Alternation(parts) => {
            parts.iter().map(size).fold(0, u64::saturating_add)
        }
        Part::Capture(_, part) | Part::Atomic(part) | Part::Look { part, .. } => size(part),
        Part::Conditional { yes, no, .. } => size(yes).saturating_add(size(no)),
        Part::Repeat { part, min, max, .. } => {
            let rounds = max.unwrap_or(min.saturating_add(1)).max(*min);
            size(part).saturating_mul(rounds.into())
        }
    };
    inner.saturating_add(1)
}
