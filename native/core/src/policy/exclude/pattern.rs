//! One exclude pattern, ready to be matched.

use super::linear::{Linear, linear};
use super::machine::{self, Buffers, Undecided};
use super::meaning::{Part, meaning};
use super::prefix::{beginning, is_open_ended, literal_prefix, looser, size, without_tail};
use super::program::{Program, program};
use super::syntax::{Flags, Node, Parsed, parse};
use super::{ExcludeLimits, ExcludePattern, PatternError};

/// What is known of a pattern once it is compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) source: ExcludePattern,
    /// Every name that matches starts with this.
    pub(super) prefix: String,
    pub(super) traits: Traits,
    /// Where it has a dot between two characters, which is likely to be meant as a dot.
    pub(super) dots: Vec<usize>,
    /// Whether no automaton can have it.
    pub(super) backtracks: bool,
    program: Program,
}

/// Properties of a pattern that do not depend on a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    /// It asks for nothing.
    pub(super) matches_everything: bool,
    /// It matches every name that starts with one that it matches.
    pub(super) is_open_ended: bool,
    /// It can match a name that starts with `/`.
    pub(super) can_match_path: bool,
}

/// A pattern, and what it says.
pub(super) struct Understood {
    part: Part,
    pub(super) size: u64,
    dots: Vec<usize>,
}

impl Compiled {
    pub(super) fn new(source: ExcludePattern, understood: &Understood, backtracks: bool) -> Self {
        let Understood { part, dots, .. } = understood;
        let mut prefix = String::new();
        literal_prefix(part, &mut prefix);
        let start = beginning(part, u32::from('/'));
        Self {
            source,
            traits: Traits {
                matches_everything: part.is_empty(),
                is_open_ended: is_open_ended(part),
                can_match_path: start.can_be || start.can_be_empty,
            },
            prefix,
            dots: dots.clone(),
            backtracks,
            program: program(part),
        }
    }

    /// Whether the backtracking engine finds that a name matches. `text` is the name in characters.
    pub(super) fn is_match(
        &self,
        name: &[u8],
        text: &[u32],
        limits: &ExcludeLimits,
        buffers: &mut Buffers,
    ) -> Result<bool, Undecided> {
        if !name.starts_with(self.prefix.as_bytes()) {
            return Ok(false);
        }
        // Without memory time grows with the product of both lengths alone.
        let is_steady = !self.program.has_memory && !self.program.has_nested;
        let max_steps = if is_steady {
            limits.max_steps.saturating_mul(ExcludeLimits::STEADY_FACTOR)
        } else {
            limits.max_steps
        };
        machine::run(&self.program, text, max_steps, buffers)
    }
}

/// Reads a pattern.
pub(super) fn read(text: &str, limits: &ExcludeLimits) -> Result<Parsed, PatternError> {
    if text.len() > limits.max_pattern_bytes {
        return Err(PatternError::TooLong {
            bytes: text.len(),
            max: limits.max_pattern_bytes,
        });
    }
    parse(text, limits.max_depth)
}

/// Works out what a pattern asks of the start of a name.
pub(super) fn understand(
    node: &Node,
    flags: Flags,
    limits: &ExcludeLimits,
) -> Result<Understood, PatternError> {
    let part = without_tail(meaning(node, flags, true)?);
    let size = size(&part);
    if size > limits.max_size {
        return Err(PatternError::TooLarge {
            size,
            max: limits.max_size,
        });
    }
    let mut dots = Vec::new();
    dots_in_words(node, &mut dots);
    Ok(Understood { part, size, dots })
}

/// Where a dot stands between two characters.
fn dots_in_words(node: &Node, dots: &mut Vec<usize>) {
    match node {
        Node::Sequence(nodes) => {
            for window in nodes.windows(3) {
                if let [Node::Literal(_), Node::Any { position }, Node::Literal(_)] = window {
                    dots.push(*position);
                }
            }
            nodes.iter().for_each(|node| dots_in_words(node, dots));
        }
        Node::Alternation(nodes) => nodes.iter().for_each(|node| dots_in_words(node, dots)),
        Node::Group { node, .. }
        | Node::Repeat { node, .. }
        | Node::Look { node, .. }
        | Node::Atomic(node) => {
            dots_in_words(node, dots);
        }
        Node::Conditional { yes, no, .. } => {
            dots_in_words(yes, dots);
            dots_in_words(no, dots);
        }
        Node::Literal(_) | Node::Any { .. } | Node::Set { .. } | Node::At(_) | Node::BackReference(_) => {}
    }
}

impl Understood {
    /// The pattern for an automaton; none if it needs backtracking.
    pub(super) fn linear(&self) -> Option<Linear> {
        linear(&self.part)
    }

    /// For an automaton that tells which names need not be tried.
    pub(super) fn looser(&self) -> Linear {
        linear(&without_tail(looser(&self.part))).unwrap_or_else(Linear::anything)
    }
}
