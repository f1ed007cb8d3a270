//! How many characters a part of a pattern can match, counted as Python counts.

use super::ast::Node;

/// Where Python stops counting.
const MOST: u128 = 1 << 64;

/// Fewest and most characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Width {
    pub(super) min: u128,
    pub(super) max: u128,
}

impl Width {
    fn plus(self, other: Self) -> Self {
        Self {
            min: self.min.saturating_add(other.min).min(MOST),
            max: self.max.saturating_add(other.max).min(MOST),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

/// The width of a node. `groups` has the widths of the groups that are closed.
pub(super) fn width(node: &Node, groups: &[Option<Width>]) -> Width {
    match node {
        Node::Literal(_) | Node::Any { .. } | Node::Set { .. } => Width { min: 1, max: 1 },
        Node::At(_) | Node::Look { .. } => Width::default(),
        Node::Sequence(nodes) => nodes
            .iter()
            .fold(Width::default(), |sum, node| sum.plus(width(node, groups))),
        Node::Alternation(nodes) => nodes
            .iter()
            .map(|node| width(node, groups))
            .reduce(Width::or)
            .unwrap_or_default(),
        Node::Group { node, .. } | Node::Atomic(node) => width(node, groups),
        Node::Repeat { node, min, max, .. } => {
            let one = width(node, groups);
            Width {
                min: one.min.saturating_mul(u128::from(*min)).min(MOST),
                max: match max {
                    Some(max) => one.max.saturating_mul(u128::from(*max)).min(MOST),
                    None if one.max == 0 => 0,
                    None => MOST,
                },
            }
        }
        Node::BackReference(group) => usize::try_from(*group)
            .ok()
            .and_then(|group| groups.get(group).copied().flatten())
            .unwrap_or_default(),
        Node::Conditional { yes, no, .. } => width(yes, groups).or(width(no, groups)),
    }
}
