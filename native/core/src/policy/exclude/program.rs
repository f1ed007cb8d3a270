//! Patterns as instructions for the backtracking engine.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::charset::CharSet;
use super::meaning::{Case, Part, Place};

/// One step of a match. Numbers named `to` are indices of instructions.
#[derive(Debug, Clone)]
pub(super) enum Step {
    One(u32),
    Set(Arc<CharSet>),
    Place(Place),
    Jump {
        to: usize,
    },
    /// First `to`, and if that fails `or_to`. `number`: which split of the program it is.
    Split {
        to: usize,
        or_to: usize,
        number: usize,
    },
    /// Remembers the place in the text.
    Save {
        slot: usize,
    },
    /// The end of a round of a repeat: a round that took nothing is the last.
    RoundEnd {
        slot: usize,
        to: usize,
    },
    BackReference {
        group: usize,
        case: Case,
    },
    /// Goes on if the group has matched, to `or_to` otherwise.
    Condition {
        group: usize,
        or_to: usize,
    },
    /// What has to match here, or must not, up to `Accept` before `to`.
    Look {
        behind: usize,
        is_negated: bool,
        to: usize,
    },
    /// What is matched once and for all, up to `Accept` before `to`.
    Atomic {
        to: usize,
    },
    Accept,
}

/// A pattern for the backtracking engine.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) splits: usize,
    /// Places to remember: two for each group that something refers to, then one for each repeat that can take nothing.
    pub(super) slots: usize,
    /// Whether what was matched earlier can matter later. If not, one try at each split and place is enough.
    pub(super) has_memory: bool,
    /// Whether there are parts that are matched by themselves.
    pub(super) has_nested: bool,
}

/// The program of a pattern.
pub(super) fn program(part: &Part) -> Program {
    let mut groups = BTreeSet::new();
    groups_in_use(part, &mut groups);
    let groups: Vec<u32> = groups.into_iter().collect();
    let mut writer = Writer {
        program: Program {
            steps: Vec::new(),
            splits: 0,
            slots: groups.len().saturating_mul(2),
            has_memory: !groups.is_empty(),
            has_nested: false,
        },
        groups,
    };
    writer.part(part);
    writer.push(Step::Accept);
    writer.program
}

/// The groups that something refers to. Only these are remembered.
fn groups_in_use(part: &Part, groups: &mut BTreeSet<u32>) {
    match part {
        Part::BackReference(group, _) => {
            groups.insert(*group);
        }
        Part::Conditional { group, yes, no } => {
            groups.insert(*group);
            groups_in_use(yes, groups);
            groups_in_use(no, groups);
        }
        Part::Sequence(parts) | Part::Alternation(parts) => {
            parts.iter().for_each(|part| groups_in_use(part, groups));
        }
        Part::Repeat { part, .. } | Part::Capture(_, part) | Part::Look { part, .. } | Part::Atomic(part) => {
            groups_in_use(part, groups);
        }
        Part::One(_) | Part::Set(_) | Part::Place(_) => {}
    }
}

/// Whether the part can match without taking a character.
fn can_be_empty(part: &Part) -> bool {
    match part {
        Part::One(_) | Part::Set(_) => false,
        Part::Place(_) | Part::Look { .. } | Part::BackReference(..) => true,
        Part::Sequence(parts) => parts.iter().all(can_be_empty),
        Part::Alternation(parts) => parts.iter().any(can_be_empty),
        Part::Repeat { part, min, .. } => *min == 0 || can_be_empty(part),
        Part::Capture(_, part) | Part::Atomic(part) => can_be_empty(part),
        Part::Conditional { yes, no, .. } => can_be_empty(yes) || can_be_empty(no),
    }
}

struct Writer {
    program: Program,
    /// Numbers of the groups that are remembered, in order.
    groups: Vec<u32>,
}

impl Writer {
    fn next(&self) -> usize {
        self.program.steps.len()
    }

    fn push(&mut self, step: Step) -> usize {
        let at = self.next();
        self.program.steps.push(step);
        at
    }

    /// Which of the groups that are remembered it is.
    fn group(&self, number: u32) -> Option<usize> {
        self.groups.binary_search(&number).ok()
    }

    /// A split whose two ways are not known yet.
    fn split(&mut self) -> usize {
        let number = self.program.splits;
        self.program.splits = number.saturating_add(1);
        self.push(Step::Split {
            to: 0,
            or_to: 0,
            number,
        })
    }

    /// Tells a split where to go: to `inside` first, or last if it `is_lazy`.
    fn aim(&mut self, split: usize, inside: usize, past: usize, is_lazy: bool) {
        if let Some(Step::Split { to, or_to, .. }) = self.program.steps.get_mut(split) {
            (*to, *or_to) = if is_lazy { (past, inside) } else { (inside, past) };
        }
    }

    /// Tells other steps where to go.
    fn aim_at_next(&mut self, steps: &[usize]) {
        let next = self.next();
        for &at in steps {
            if let Some(
                Step::Jump { to }
                | Step::RoundEnd { to, .. }
                | Step::Look { to, .. }
                | Step::Atomic { to }
                | Step::Condition { or_to: to, .. },
            ) = self.program.steps.get_mut(at)
            {
                *to = next;
            }
        }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::One(code) => {
                self.push(Step::One(*code));
            }
            Part::Set(set) => {
                self.push(Step::Set(Arc::clone(set)));
            }
            Part::Place(place) => {
                self.push(Step::Place(*place));
            }
            Part::Sequence(parts) => parts.iter().for_each(|part| self.part(part)),
            Part::Alternation(parts) => self.alternation(parts),
            Part::Repeat {
                part,
                min,
                max,
                is_lazy,
            } => self.repeat(part, *min, *max, *is_lazy),
            Part::Capture(number, part) => match self.group(*number) {
                Some(group) => {
                    let slot = group.saturating_mul(2);
                    self.push(Step::Save { slot });
                    self.part(part);
                    let slot = slot.saturating_add(1);
                    self.push(Step::Save { slot });
                }
                None => self.part(part),
            },
            Part::Look {
                behind,
                is_negated,
                part,
            } => {
                let look = Step::Look {
                    behind: usize::try_from(*behind).unwrap_or(usize::MAX),
                    is_negated: *is_negated,
                    to: 0,
                };
                self.nested(look, part);
            }
            Part::Atomic(part) => self.nested(Step::Atomic { to: 0 }, part),
            Part::BackReference(group, case) => {
                let group = self.group(*group).unwrap_or(usize::MAX);
                self.push(Step::BackReference { group, case: *case });
            }
            Part::Conditional { group, yes, no } => {
                let group = self.group(*group).unwrap_or(usize::MAX);
                let condition = self.push(Step::Condition { group, or_to: 0 });
                self.part(yes);
                let end = self.push(Step::Jump { to: 0 });
                self.aim_at_next(&[condition]);
                self.part(no);
                self.aim_at_next(&[end]);
            }
        }
    }

    fn nested(&mut self, step: Step, part: &Part) {
        self.program.has_nested = true;
        let start = self.push(step);
        self.part(part);
        self.push(Step::Accept);
        self.aim_at_next(&[start]);
    }

    fn alternation(&mut self, parts: &[Part]) {
        let mut ends = Vec::with_capacity(parts.len());
        let Some((last, others)) = parts.split_last() else {
            return;
        };
        for part in others {
            let split = self.split();
            let inside = self.next();
            self.part(part);
            ends.push(self.push(Step::Jump { to: 0 }));
            self.aim(split, inside, self.next(), false);
        }
        self.part(last);
        self.aim_at_next(&ends);
    }

    fn repeat(&mut self, part: &Part, min: u32, max: Option<u32>, is_lazy: bool) {
        for _ in 0..min {
            self.part(part);
        }
        let slot = can_be_empty(part).then(|| {
            let slot = self.program.slots;
            self.program.slots = slot.saturating_add(1);
            slot
        });
        let round = |writer: &mut Self| {
            let split = writer.split();
            let inside = writer.next();
            if let Some(slot) = slot {
                writer.push(Step::Save { slot });
            }
            writer.part(part);
            let end = slot.map(|slot| writer.push(Step::RoundEnd { slot, to: 0 }));
            (split, inside, end)
        };
        let mut rounds = Vec::new();
        match max {
            Some(max) => {
                for _ in min..max {
                    rounds.push(round(self));
                }
            }
            None => {
                let (split, inside, end) = round(self);
                self.push(Step::Jump { to: split });
                rounds.push((split, inside, end));
            }
        }
        let past = self.next();
        for (split, inside, end) in rounds {
            self.aim(split, inside, past, is_lazy);
            self.aim_at_next(end.as_slice());
        }
    }
}
