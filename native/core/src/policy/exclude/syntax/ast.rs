//! What a pattern says, as a tree.

/// Options of a pattern or a part of it: `i`, `m`, `s`, `x`, `a` and `u`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Flags(u8);

impl Flags {
    pub(in super::super) const IGNORE_CASE: Self = Self(1);
    pub(in super::super) const MULTI_LINE: Self = Self(2);
    pub(in super::super) const DOT_ALL: Self = Self(4);
    pub(in super::super) const VERBOSE: Self = Self(8);
    pub(in super::super) const ASCII: Self = Self(16);
    pub(in super::super) const UNICODE: Self = Self(32);
    /// Known to Python, and refused.
    pub(super) const TEMPLATE: Self = Self(64);
    /// Which characters are letters: only one of these can hold.
    pub(super) const TYPES: Self = Self(Self::ASCII.0 | Self::UNICODE.0);

    pub(super) fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'i' => Self::IGNORE_CASE,
            'm' => Self::MULTI_LINE,
            's' => Self::DOT_ALL,
            'x' => Self::VERBOSE,
            'a' => Self::ASCII,
            'u' => Self::UNICODE,
            't' => Self::TEMPLATE,
            _ => return None,
        })
    }

    /// Whether any of `other` is set.
    pub(in super::super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags inside a group that sets `add` and clears `remove`.
    pub(in super::super) fn inside(self, add: Self, remove: Self) -> Self {
        let kept = if add.has(Self::TYPES) {
            self.0 & !Self::TYPES.0
        } else {
            self.0
        };
        Self((kept | add.0) & !remove.0)
    }
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Node {
    /// One character. May be a surrogate, which no text has.
    Literal(u32),
    /// `.`, and where it stands.
    Any { position: usize },
    /// `[…]`, or a class such as `\d`.
    Set { is_negated: bool, items: Vec<Item> },
    /// An assertion about the place alone.
    At(At),
    /// One after the other; none for the empty pattern.
    Sequence(Vec<Node>),
    /// The first of these that fits.
    Alternation(Vec<Node>),
    /// `(…)`, `(?:…)`, `(?P<name>…)`, `(?flags:…)`
    Group {
        number: Option<u32>,
        add: Flags,
        remove: Flags,
        node: Box<Node>,
    },
    /// `*`, `+`, `?`, `{m,n}`
    Repeat {
        node: Box<Node>,
        min: u32,
        /// None: without end.
        max: Option<u32>,
        greed: Greed,
    },
    /// `(?=…)`, `(?!…)`, `(?<=…)`, `(?<!…)`
    Look {
        /// Characters to go back first.
        behind: u32,
        is_negated: bool,
        node: Box<Node>,
    },
    /// `(?>…)`
    Atomic(Box<Node>),
    /// `\1`, `(?P=name)`
    BackReference(u32),
    /// `(?(1)yes|no)`
    Conditional {
        group: u32,
        yes: Box<Node>,
        no: Box<Node>,
    },
}

/// An element of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Item {
    Literal(u32),
    /// First and last.
    Range(u32, u32),
    Class(Class),
    /// What is not in the class.
    NotClass(Class),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Class {
    Digit,
    Space,
    Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum At {
    /// `^`
    LineStart,
    /// `$`
    LineEnd,
    /// `\A`
    TextStart,
    /// `\Z`
    TextEnd,
    /// `\b`
    WordBoundary,
    /// `\B`
    NotWordBoundary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Greed {
    /// As many as possible first.
    Greedy,
    /// As few as possible first.
    Lazy,
    /// As many as possible, and never fewer.
    Possessive,
}

impl Node {
    /// The empty pattern.
    pub(in super::super) const EMPTY: Self = Self::Sequence(Vec::new());

    /// Nodes in a row as one.
    pub(in super::super) fn sequence(mut nodes: Vec<Self>) -> Self {
        match (nodes.pop(), nodes.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                nodes.extend(last);
                Self::Sequence(nodes)
            }
        }
    }
}
