//! What a pattern means, with its flags worked in: the form that both engines are made from.

use std::sync::{Arc, LazyLock};

use super::PatternError;
use super::charset::CharSet;
use super::syntax::{At, Class, Flags, Greed, Item, Node};
use super::unicode;

/// A part of a pattern. There are no flags, and no groups but those that something refers to.
#[derive(Debug, Clone)]
pub(super) enum Part {
    One(u32),
    Set(Arc<CharSet>),
    Place(Place),
    Sequence(Vec<Part>),
    Alternation(Vec<Part>),
    Repeat {
        part: Box<Part>,
        min: u32,
        max: Option<u32>,
        is_lazy: bool,
    },
    /// A group whose text can be asked for later.
    Capture(u32, Box<Part>),
    Look {
        behind: u32,
        is_negated: bool,
        part: Box<Part>,
    },
    Atomic(Box<Part>),
    BackReference(u32, Case),
    Conditional {
        group: u32,
        yes: Box<Part>,
        no: Box<Part>,
    },
}

/// An assertion about a place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    TextStart,
    TextEnd,
    LineStart,
    LineEnd,
    /// `$`: the end, or before a line feed at the end.
    FinalLineEnd,
    Boundary {
        is_negated: bool,
        is_ascii: bool,
    },
}

/// How characters are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Same,
    IgnoredInAscii,
    Ignored,
}

impl Part {
    /// Matches always, and takes nothing.
    pub(super) const EMPTY: Self = Self::Sequence(Vec::new());

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Sequence(parts) if parts.is_empty())
    }
}

/// The meaning of a pattern under these flags.
///
/// # Errors
/// [`PatternError::CaseUnsupported`] where case is to be ignored and Python 3.11 does not keep its own rules.
pub(super) fn meaning(node: &Node, flags: Flags, keeps_groups: bool) -> Result<Part, PatternError> {
    let deeper = |node: &Node| meaning(node, flags, keeps_groups);
    let boxed = |node: &Node| deeper(node).map(Box::new);
    Ok(match node {
        Node::Literal(code) => one(*code, flags)?,
        Node::Any { .. } if flags.has(Flags::DOT_ALL) => Part::Set(Arc::clone(&ALL)),
        Node::Any { .. } => Part::Set(Arc::clone(&ALL_BUT_LINE_FEED)),
        Node::Set { is_negated, items } => set(*is_negated, items, flags)?,
        Node::At(at) => Part::Place(place(*at, flags)),
        Node::Sequence(nodes) => Part::Sequence(nodes.iter().map(deeper).collect::<Result<_, _>>()?),
        Node::Alternation(nodes) => Part::Alternation(nodes.iter().map(deeper).collect::<Result<_, _>>()?),
        Node::Group {
            number,
            add,
            remove,
            node,
        } => {
            let part = meaning(node, flags.inside(*add, *remove), keeps_groups)?;
            match number {
                Some(number) if keeps_groups => Part::Capture(*number, Box::new(part)),
                _ => part,
            }
        }
        Node::Repeat {
            node,
            min,
            max,
            greed,
        } => {
            let mut part = boxed(node)?;
            let is_possessive = *greed == Greed::Possessive;
            if is_possessive {
                // Each round is final, not only the whole.
                part = Box::new(Part::Atomic(part));
            }
            let repeat = Part::Repeat {
                part,
                min: *min,
                max: *max,
                is_lazy: *greed == Greed::Lazy,
            };
            if is_possessive {
                Part::Atomic(Box::new(repeat))
            } else {
                repeat
            }
        }
        Node::Look {
            behind,
            is_negated,
            node,
        } => Part::Look {
            behind: *behind,
            is_negated: *is_negated,
            part: boxed(node)?,
        },
        Node::Atomic(node) => Part::Atomic(boxed(node)?),
        Node::BackReference(group) => Part::BackReference(*group, case(flags)),
        Node::Conditional { group, yes, no } => Part::Conditional {
            group: *group,
            yes: boxed(yes)?,
            no: boxed(no)?,
        },
    })
}

fn case(flags: Flags) -> Case {
    if !flags.has(Flags::IGNORE_CASE) {
        Case::Same
    } else if flags.has(Flags::ASCII) {
        Case::IgnoredInAscii
    } else {
        Case::Ignored
    }
}

fn place(at: At, flags: Flags) -> Place {
    let is_multi_line = flags.has(Flags::MULTI_LINE);
    let is_ascii = flags.has(Flags::ASCII);
    match at {
        At::LineStart if is_multi_line => Place::LineStart,
        At::LineStart | At::TextStart => Place::TextStart,
        At::LineEnd if is_multi_line => Place::LineEnd,
        At::LineEnd => Place::FinalLineEnd,
        At::TextEnd => Place::TextEnd,
        At::WordBoundary => Place::Boundary {
            is_negated: false,
            is_ascii,
        },
        At::NotWordBoundary => Place::Boundary {
            is_negated: true,
            is_ascii,
        },
    }
}

fn one(code: u32, flags: Flags) -> Result<Part, PatternError> {
    let case = case(flags);
    if case == Case::Same {
        return Ok(Part::One(code));
    }
    if code > 0xffff && !unicode::same_but_case(code).is_empty() {
        return Err(PatternError::CaseUnsupported { code });
    }
    let has_case = match case {
        Case::Ignored => !unicode::same_but_case(code).is_empty(),
        _ => char::from_u32(code).is_some_and(|character| character.is_ascii_alphabetic()),
    };
    if !has_case {
        return Ok(Part::One(code));
    }
    let set = match case {
        Case::Ignored => CharSet::new(
            unicode::same_but_case(code)
                .iter()
                .map(|&same| [same, same])
                .collect(),
        ),
        _ => CharSet::one(code).with_both_cases(true),
    };
    Ok(Part::Set(Arc::new(set)))
}

fn set(is_negated: bool, items: &[Item], flags: Flags) -> Result<Part, PatternError> {
    let is_ascii = flags.has(Flags::ASCII);
    if let (false, [Item::Class(class)]) | (true, [Item::NotClass(class)]) = (is_negated, items) {
        return Ok(Part::Set(class_set(*class, false, is_ascii)));
    }
    if let (true, [Item::Class(class)]) | (false, [Item::NotClass(class)]) = (is_negated, items) {
        return Ok(Part::Set(class_set(*class, true, is_ascii)));
    }
    if let (false, [Item::Literal(code)]) = (is_negated, items) {
        return one(*code, flags);
    }
    let case = case(flags);
    let mut listed = Vec::new();
    let mut classes = Vec::new();
    for item in items {
        match item {
            Item::Literal(code) => listed.push([*code, *code]),
            Item::Range(first, last) => listed.push([*first, *last]),
            Item::Class(class) => classes.extend(class_set(*class, false, is_ascii).runs()),
            Item::NotClass(class) => classes.extend(class_set(*class, true, is_ascii).runs()),
        }
    }
    let is_beyond = |&&[first, last]: &&[u32; 2]| {
        last > 0xffff && (first != last || !unicode::same_but_case(first).is_empty())
    };
    if case != Case::Same
        && let Some(&[_, code]) = listed.iter().find(is_beyond)
    {
        return Err(PatternError::CaseUnsupported { code });
    }
    let listed = CharSet::new(listed);
    let listed = match case {
        Case::Same => listed,
        Case::IgnoredInAscii => listed.with_both_cases(true),
        Case::Ignored => listed.with_both_cases(false),
    };
    // Python asks for the class of the character, not of its other case.
    classes.extend(listed.runs());
    let set = CharSet::new(classes);
    Ok(Part::Set(Arc::new(if is_negated { set.negated() } else { set })))
}

static ALL: LazyLock<Arc<CharSet>> = LazyLock::new(|| Arc::new(CharSet::default().negated()));
static ALL_BUT_LINE_FEED: LazyLock<Arc<CharSet>> =
    LazyLock::new(|| Arc::new(CharSet::one(u32::from('\n')).negated()));

/// The six classes of Unicode are made once: `\w` alone has 734 runs.
fn class_set(class: Class, is_negated: bool, is_ascii: bool) -> Arc<CharSet> {
    static CLASSES: LazyLock<[[Arc<CharSet>; 2]; 3]> = LazyLock::new(|| {
        [unicode::digit_runs(), unicode::space_runs(), unicode::word_runs()].map(|runs| {
            let set = CharSet::new(runs.to_vec());
            let negated = set.negated();
            [Arc::new(set), Arc::new(negated)]
        })
    });
    if is_ascii {
        let runs: &[(char, char)] = match class {
            Class::Digit => &[('0', '9')],
            Class::Space => &[('\t', '\r'), (' ', ' ')],
            Class::Word => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        };
        let runs = runs.iter().map(|&(first, last)| [first.into(), last.into()]);
        let set = CharSet::new(runs.collect());
        return Arc::new(if is_negated { set.negated() } else { set });
    }
    let [digit, space, word] = &*CLASSES;
    let [set, negated] = match class {
        Class::Digit => digit,
        Class::Space => space,
        Class::Word => word,
    };
    Arc::clone(if is_negated { negated } else { set })
}
