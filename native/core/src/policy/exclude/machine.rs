//! The backtracking engine: runs a program on a text, with Python's order of tries.
//!
//! It is for the few patterns that need it, and for names that are not UTF-8. Where earlier matches cannot
//! matter, a split that has failed at a place is not tried there again, so that no pattern can explode; where
//! they can, only the limit of steps helps.

use super::meaning::{Case, Place};
use super::program::{Program, Step};
use super::unicode;

/// The limit of steps, or of memory, is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undecided;

/// Bits of memory for failed splits: 16 MiB.
const MAX_MARKS: usize = 1 << 27;

/// Buffers that are used again for each run.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    frames: Vec<Frame>,
    slots: Vec<Option<usize>>,
    /// One bit for each split and place: tried, and not matched so far.
    marks: Vec<u64>,
    /// The words of `marks` that have bits set, with the bits.
    marked: Vec<(usize, u64)>,
}

/// What to do if what is tried now fails.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Try { step: usize, at: usize },
    Restore { slot: usize, old: Option<usize> },
}

/// Whether a start of the text fits the program.
///
/// # Errors
/// [`Undecided`] after `max_steps` steps.
pub(super) fn run(
    program: &Program,
    text: &[u32],
    max_steps: u64,
    buffers: &mut Buffers,
) -> Result<bool, Undecided> {
    buffers.frames.clear();
    buffers.slots.clear();
    buffers.slots.resize(program.slots, None);
    let places = text.len().saturating_add(1);
    if !program.has_memory {
        let bits = program.splits.saturating_mul(places);
        if bits > MAX_MARKS {
            return Err(Undecided);
        }
        let words = bits.div_ceil(64);
        if buffers.marks.len() < words {
            buffers.marks.resize(words, 0);
        }
    }
    let mut run = Run {
        program,
        text,
        places,
        steps_left: max_steps,
        buffers,
    };
    let end = run.attempt(0, 0);
    run.forget_marks(0);
    end.map(|end| end.is_some())
}

struct Run<'r> {
    program: &'r Program,
    text: &'r [u32],
    places: usize,
    steps_left: u64,
    buffers: &'r mut Buffers,
}

impl Run<'_> {
    /// Runs from a step at a place to the next `Accept`, and tells at which place that is reached.
    /// Recurses only as deep as groups are nested.
    fn attempt(&mut self, mut step: usize, mut at: usize) -> Result<Option<usize>, Undecided> {
        let floor = self.buffers.frames.len();
        let first_mark = self.buffers.marked.len();
        loop {
            self.spend(1)?;
            let next = step.saturating_add(1);
            let follow = match self.program.steps.get(step) {
                Some(Step::One(code)) if self.text.get(at) == Some(code) => {
                    Some((next, at.saturating_add(1)))
                }
                Some(Step::Set(set)) if self.text.get(at).is_some_and(|&code| set.contains(code)) => {
                    Some((next, at.saturating_add(1)))
                }
                Some(Step::Place(place)) if holds(*place, self.text, at) => Some((next, at)),
                Some(Step::Jump { to }) => Some((*to, at)),
                Some(Step::Split { to, or_to, number }) if self.is_new(*number, at) => {
                    self.buffers.frames.push(Frame::Try { step: *or_to, at });
                    Some((*to, at))
                }
                Some(Step::Save { slot }) => {
                    self.save(*slot, at);
                    Some((next, at))
                }
                Some(Step::RoundEnd { slot, to }) => {
                    let took_nothing = self.slot(*slot) == Some(at);
                    Some((if took_nothing { *to } else { next }, at))
                }
                Some(Step::BackReference { group, case }) => {
                    self.repeated(*group, *case, at)?.map(|end| (next, end))
                }
                Some(Step::Condition { group, or_to }) => {
                    let has_matched = self.group(*group).is_some();
                    Some((if has_matched { next } else { *or_to }, at))
                }
                Some(Step::Look {
                    behind,
                    is_negated,
                    to,
                }) => {
                    let matches = match at.checked_sub(*behind) {
                        Some(start) => self.attempt(next, start)?.is_some(),
                        None => false,
                    };
                    (matches != *is_negated).then_some((*to, at))
                }
                Some(Step::Atomic { to }) => self.attempt(next, at)?.map(|end| (*to, end)),
                Some(Step::Accept) => {
                    self.keep_restores(floor);
                    self.forget_marks(first_mark);
                    return Ok(Some(at));
                }
                _ => None,
            };
            match follow.or_else(|| self.next_try(floor)) {
                Some(follow) => (step, at) = follow,
                None => return Ok(None),
            }
        }
    }

    fn spend(&mut self, steps: u64) -> Result<(), Undecided> {
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(Undecided)?;
        Ok(())
    }

    /// Goes back to the last split that has another way, and undoes what was remembered since.
    fn next_try(&mut self, floor: usize) -> Option<(usize, usize)> {
        while self.buffers.frames.len() > floor {
            match self.buffers.frames.pop()? {
                Frame::Try { step, at } => return Some((step, at)),
                Frame::Restore { slot, old } => self.set_slot(slot, old),
            }
        }
        None
    }

    /// What was matched by itself is final, but what it remembered is undone if what follows fails.
    fn keep_restores(&mut self, floor: usize) {
        let mut kept = floor;
        for at in floor..self.buffers.frames.len() {
            if matches!(self.buffers.frames.get(at), Some(Frame::Restore { .. })) {
                self.buffers.frames.swap(kept, at);
                kept = kept.saturating_add(1);
            }
        }
        self.buffers.frames.truncate(kept);
    }

    /// Whether the split was not tried at this place before.
    fn is_new(&mut self, number: usize, at: usize) -> bool {
        if self.program.has_memory {
            return true;
        }
        let bit = number.saturating_mul(self.places).saturating_add(at);
        let (word, mask) = (bit >> 6, 1_u64.rotate_left(u32::try_from(bit & 63).unwrap_or(0)));
        let Some(marks) = self.buffers.marks.get_mut(word) else {
            return true;
        };
        let is_new = *marks & mask == 0;
        if is_new {
            *marks |= mask;
            self.buffers.marked.push((word, mask));
        }
        is_new
    }

    /// Forgets the marks since the `first`: they are no failures once something has matched.
    fn forget_marks(&mut self, first: usize) {
        for (word, mask) in self.buffers.marked.drain(first..) {
            if let Some(marks) = self.buffers.marks.get_mut(word) {
                *marks &= !mask;
            }
        }
    }

    fn slot(&self, slot: usize) -> Option<usize> {
        self.buffers.slots.get(slot).copied().flatten()
    }

    fn set_slot(&mut self, slot: usize, value: Option<usize>) {
        if let Some(place) = self.buffers.slots.get_mut(slot) {
            *place = value;
        }
    }

    fn save(&mut self, slot: usize, at: usize) {
        let old = self.slot(slot);
        self.buffers.frames.push(Frame::Restore { slot, old });
        self.set_slot(slot, Some(at));
    }

    /// Start and end of what a group has matched last.
    fn group(&self, group: usize) -> Option<(usize, usize)> {
        let start = group.saturating_mul(2);
        let span = (self.slot(start)?, self.slot(start.saturating_add(1))?);
        // A group that is open for another round has no text yet.
        (span.0 <= span.1).then_some(span)
    }

    /// The place after the text of a group, if it stands here again.
    fn repeated(&mut self, group: usize, case: Case, at: usize) -> Result<Option<usize>, Undecided> {
        let Some((start, end)) = self.group(group) else {
            return Ok(None);
        };
        let earlier = self.text.get(start..end).unwrap_or_default();
        self.spend(u64::try_from(earlier.len()).unwrap_or(u64::MAX))?;
        let after = at.saturating_add(earlier.len());
        let Some(here) = self.text.get(at..after) else {
            return Ok(None);
        };
        let same = |(&one, &other): (&u32, &u32)| match case {
            Case::Same => one == other,
            Case::IgnoredInAscii => ascii_lower(one) == ascii_lower(other),
            Case::Ignored => unicode::lower(one) == unicode::lower(other),
        };
        Ok(earlier.iter().zip(here).all(same).then_some(after))
    }
}

fn ascii_lower(code: u32) -> u32 {
    match code {
        0x41..=0x5a => code | 0x20,
        _ => code,
    }
}

fn holds(place: Place, text: &[u32], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before)).copied();
    let here = text.get(at).copied();
    let line_feed = Some(u32::from('\n'));
    match place {
        Place::TextStart => before.is_none(),
        Place::TextEnd => here.is_none(),
        Place::LineStart => before.is_none() || before == line_feed,
        Place::LineEnd => here.is_none() || here == line_feed,
        Place::FinalLineEnd => here.is_none() || (here == line_feed && at.saturating_add(1) == text.len()),
        Place::Boundary { is_negated, is_ascii } => {
            let is_word = |code: Option<u32>| {
                code.is_some_and(|code| {
                    if is_ascii && code > 0x7f {
                        return false;
                    }
                    unicode::is_word(code)
                })
            };
            // In Python neither `\b` nor `\B` holds in the empty text.
            !text.is_empty() && (is_word(before) != is_word(here)) != is_negated
        }
    }
}
