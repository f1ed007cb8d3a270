//! Reads a pattern from left to right: sequences, repeats and escapes.

use std::collections::BTreeMap;

use super::ast::{At, Class, Flags, Greed, Item, Node};
use super::fault::{Construct, Fault};
use super::groups::Inside;
use super::tokens::{Token, Tokens};
use super::width::Width;
use crate::policy::exclude::PatternError;

/// Python's count for "without end", which cannot be written.
const ENDLESS: u32 = u32::MAX;

/// A pattern that Python takes.
#[derive(Debug)]
pub(in super::super) struct Parsed {
    pub(in super::super) node: Node,
    /// Those that hold for the whole pattern.
    pub(in super::super) flags: Flags,
    /// The groups that have names.
    pub(in super::super) names: BTreeMap<String, u32>,
    /// Whether it refers to a group by its number.
    pub(in super::super) has_numbers: bool,
}

/// Reads a pattern.
///
/// # Errors
/// [`PatternError::Invalid`] with the fault and the place that Python finds; [`PatternError::Unsupported`];
/// [`PatternError::TooDeep`] for groups more than `max_depth` inside one another.
pub(in super::super) fn parse(pattern: &str, max_depth: usize) -> Result<Parsed, PatternError> {
    let mut parser = Parser {
        tokens: Tokens::new(pattern)?,
        flags: Flags::default(),
        names: BTreeMap::new(),
        groups: vec![None],
        look_behind_from: None,
        conditions: Vec::new(),
        late: None,
        has_numbers: false,
        depth_left: max_depth,
        max_depth,
    };
    let node = parser.alternation(Inside::Nothing, false)?;
    if parser.flags.has(Flags::ASCII) && parser.flags.has(Flags::UNICODE) {
        return Err(parser.tokens.fault(Fault::FlagsBad, 0));
    }
    if parser.tokens.peek().is_some() {
        return Err(parser.tokens.fault(Fault::ParenthesisUnbalanced, 0));
    }
    let groups = u32::try_from(parser.groups.len()).unwrap_or(u32::MAX);
    if let Some(&(_, position)) = parser.conditions.iter().find(|(group, _)| *group >= groups) {
        return Err(PatternError::Invalid {
            fault: Fault::GroupReferenceInvalid,
            position,
        });
    }
    match parser.late {
        Some(error) => Err(error),
        None => Ok(Parsed {
            node,
            flags: parser.flags,
            names: parser.names,
            has_numbers: parser.has_numbers,
        }),
    }
}

pub(super) struct Parser<'p> {
    pub(super) tokens: Tokens<'p>,
    /// Flags of the whole pattern so far.
    pub(super) flags: Flags,
    pub(super) names: BTreeMap<String, u32>,
    /// The width of each group, by number; none for group 0 and for groups that are still open.
    pub(super) groups: Vec<Option<Width>>,
    /// Inside a look-behind: the number of its first group.
    pub(super) look_behind_from: Option<u32>,
    /// Groups that conditions ask for, and where.
    pub(super) conditions: Vec<(u32, usize)>,
    /// A fault that Python finds only when the pattern is otherwise sound.
    pub(super) late: Option<PatternError>,
    pub(super) has_numbers: bool,
    pub(super) depth_left: usize,
    pub(super) max_depth: usize,
}

impl Parser<'_> {
    /// `a|b|c`, up to a closing parenthesis or the end.
    pub(super) fn alternation(&mut self, inside: Inside, mut verbose: bool) -> Result<Node, PatternError> {
        let mut branches = Vec::new();
        loop {
            let may_set_flags = inside == Inside::Nothing && branches.is_empty();
            branches.push(self.sequence(verbose, may_set_flags)?);
            if !self.tokens.eat('|')? {
                break;
            }
            if inside == Inside::Nothing {
                verbose = self.flags.has(Flags::VERBOSE);
            }
        }
        match (branches.pop(), branches.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                branches.extend(last);
                Ok(Node::Alternation(branches))
            }
        }
    }

    /// Everything up to `|`, `)` or the end.
    pub(super) fn sequence(&mut self, mut verbose: bool, may_set_flags: bool) -> Result<Node, PatternError> {
        let mut nodes: Vec<Node> = Vec::new();
        while let Some(token) = self.tokens.peek() {
            if matches!(token, Token::Char('|' | ')')) {
                break;
            }
            let start = self.tokens.position();
            self.tokens.take()?;
            if verbose && self.skips(token)? {
                continue;
            }
            let node = match token {
                Token::Escape(character) => self.escape(character, start)?,
                Token::Char('[') => self.set(start)?,
                Token::Char(sign @ ('?' | '*' | '+' | '{')) => {
                    match self.counts(sign)? {
                        Some(counts) => self.repeat(&mut nodes, counts, start)?,
                        None => nodes.push(Node::Literal(sign.into())),
                    }
                    continue;
                }
                Token::Char('.') => Node::Any { position: start },
                Token::Char('^') => Node::At(At::LineStart),
                Token::Char('$') => Node::At(At::LineEnd),
                Token::Char('(') => {
                    let is_start = may_set_flags && nodes.is_empty();
                    let node = self.group(start, verbose, is_start)?;
                    if is_start {
                        verbose = self.flags.has(Flags::VERBOSE);
                    }
                    match node {
                        Some(node) => node,
                        None => continue,
                    }
                }
                Token::Char(character) => Node::Literal(character.into()),
            };
            nodes.push(node);
        }
        Ok(Node::sequence(nodes))
    }

    /// Blanks and comments of the verbose form.
    fn skips(&mut self, token: Token) -> Result<bool, PatternError> {
        match token {
            Token::Char(' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') => Ok(true),
            Token::Char('#') => {
                while !matches!(self.tokens.take()?, None | Some(Token::Char('\n'))) {}
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// How often a repeat repeats; none for a brace that is only a brace.
    fn counts(&mut self, sign: char) -> Result<Option<(u32, Option<u32>)>, PatternError> {
        match sign {
            '?' => return Ok(Some((0, Some(1)))),
            '*' => return Ok(Some((0, None))),
            '+' => return Ok(Some((1, None))),
            _ => {}
        }
        if self.tokens.peek() == Some(Token::Char('}')) {
            return Ok(None);
        }
        let after_brace = self.tokens.clone();
        let is_digit = |character: char| character.is_ascii_digit();
        let min = self.tokens.take_while(usize::MAX, is_digit)?;
        let max = if self.tokens.eat(',')? {
            self.tokens.take_while(usize::MAX, is_digit)?
        } else {
            min.clone()
        };
        if !self.tokens.eat('}')? {
            self.tokens = after_brace;
            return Ok(None);
        }
        let number = |digits: &str| match digits.parse::<u32>() {
            Ok(number) if number < ENDLESS => Ok(Some(number)),
            _ if digits.is_empty() => Ok(None),
            _ => Err(after_brace.fault(Fault::RepeatTooLarge, 0)),
        };
        let (min, max) = (number(&min)?.unwrap_or(0), number(&max)?);
        if max.is_some_and(|max| max < min) {
            return Err(after_brace.fault(Fault::RepeatBoundsSwapped, 0));
        }
        Ok(Some((min, max)))
    }

    /// Puts a repeat around the last node.
    fn repeat(
        &mut self,
        nodes: &mut Vec<Node>,
        (min, max): (u32, Option<u32>),
        start: usize,
    ) -> Result<(), PatternError> {
        let fault = match nodes.last() {
            None | Some(Node::At(_)) => Some(Fault::NothingToRepeat),
            Some(Node::Repeat { .. }) => Some(Fault::MultipleRepeat),
            Some(_) => None,
        };
        if let Some(fault) = fault {
            return Err(PatternError::Invalid {
                fault,
                position: start,
            });
        }
        let greed = if self.tokens.eat('?')? {
            Greed::Lazy
        } else if self.tokens.eat('+')? {
            Greed::Possessive
        } else {
            Greed::Greedy
        };
        if let Some(node) = nodes.pop() {
            nodes.push(Node::Repeat {
                node: Box::new(node),
                min,
                max,
                greed,
            });
        }
        Ok(())
    }

    /// A backslash and the character after it, outside of a set.
    fn escape(&mut self, character: char, start: usize) -> Result<Node, PatternError> {
        let class = |item| Node::Set {
            is_negated: false,
            items: vec![item],
        };
        Ok(match character {
            'A' => Node::At(At::TextStart),
            'Z' => Node::At(At::TextEnd),
            'b' => Node::At(At::WordBoundary),
            'B' => Node::At(At::NotWordBoundary),
            '1'..='9' => return self.numbered(character, start),
            _ => match class_of(character) {
                Some(item) => class(item),
                None => Node::Literal(self.escaped_character(character, start)?),
            },
        })
    }

    /// `\1` to `\99`, or three octal digits.
    fn numbered(&mut self, first: char, start: usize) -> Result<Node, PatternError> {
        let mut digits = first.to_string();
        digits.push_str(&self.tokens.take_while(1, |next| next.is_ascii_digit())?);
        if digits.len() == 2 && digits.chars().all(is_octal) {
            digits.push_str(&self.tokens.take_while(1, is_octal)?);
            if digits.len() == 3 {
                return Ok(Node::Literal(self.octal(&digits, start)?));
            }
        }
        let group: u32 = digits.parse().unwrap_or(u32::MAX);
        if usize::try_from(group).is_ok_and(|group| group < self.groups.len()) {
            self.has_numbers = true;
            let before = digits.len().saturating_add(1);
            self.reference(group, before)?;
            return Ok(Node::BackReference(group));
        }
        Err(self.tokens.fault(Fault::GroupReferenceInvalid, digits.len()))
    }

    /// Checks that a group can be referred to. `before`: how far back Python points if it is open.
    pub(super) fn reference(&mut self, group: u32, before: usize) -> Result<(), PatternError> {
        if !self.is_closed(group) {
            return Err(self.tokens.fault(Fault::GroupOpen, before));
        }
        self.look_behind_reference(group)
    }

    pub(super) fn is_closed(&self, group: u32) -> bool {
        usize::try_from(group).is_ok_and(|group| self.groups.get(group).is_some_and(Option::is_some))
    }

    /// Inside a look-behind only groups from before it can be referred to.
    pub(super) fn look_behind_reference(&mut self, group: u32) -> Result<(), PatternError> {
        match self.look_behind_from {
            Some(_) if !self.is_closed(group) => Err(self.tokens.fault(Fault::GroupOpen, 0)),
            Some(first) if group >= first => Err(self.tokens.fault(Fault::GroupInSameLookBehind, 0)),
            _ => Ok(()),
        }
    }

    /// An escape that stands for one character, in a set or outside.
    pub(super) fn escaped_character(&mut self, character: char, start: usize) -> Result<u32, PatternError> {
        let bad = PatternError::Invalid {
            fault: Fault::EscapeBad,
            position: start,
        };
        Ok(match character {
            'a' => 0x07,
            'b' => 0x08,
            't' => 0x09,
            'n' => 0x0a,
            'v' => 0x0b,
            'f' => 0x0c,
            'r' => 0x0d,
            'x' => self.hexadecimal(2, start)?,
            'u' => self.hexadecimal(4, start)?,
            'U' => {
                let code = self.hexadecimal(8, start)?;
                if code > u32::from(char::MAX) {
                    return Err(bad);
                }
                code
            }
            'N' => {
                if !self.tokens.eat('{')? {
                    return Err(self.tokens.fault(Fault::CharacterNameMissing, 0));
                }
                self.tokens.take_until('}', Fault::CharacterNameMissing)?;
                return Err(PatternError::Unsupported {
                    construct: Construct::NamedCharacter,
                    position: start,
                });
            }
            '0'..='7' => {
                let mut digits = character.to_string();
                digits.push_str(&self.tokens.take_while(2, is_octal)?);
                self.octal(&digits, start)?
            }
            letter_or_digit if letter_or_digit.is_ascii_alphanumeric() => return Err(bad),
            sign => sign.into(),
        })
    }

    fn hexadecimal(&mut self, len: usize, start: usize) -> Result<u32, PatternError> {
        let digits = self.tokens.take_while(len, |next| next.is_ascii_hexdigit())?;
        match u32::from_str_radix(&digits, 16) {
            Ok(code) if digits.len() == len => Ok(code),
            _ => Err(PatternError::Invalid {
                fault: Fault::EscapeIncomplete,
                position: start,
            }),
        }
    }

    fn octal(&self, digits: &str, start: usize) -> Result<u32, PatternError> {
        match u32::from_str_radix(digits, 8) {
            Ok(code) if code <= 0o377 => Ok(code),
            _ => Err(PatternError::Invalid {
                fault: Fault::OctalOutOfRange,
                position: start,
            }),
        }
    }
}

fn is_octal(character: char) -> bool {
    matches!(character, '0'..='7')
}

/// The class that an escape stands for.
pub(super) fn class_of(character: char) -> Option<Item> {
    Some(match character {
        'd' => Item::Class(Class::Digit),
        'D' => Item::NotClass(Class::Digit),
        's' => Item::Class(Class::Space),
        'S' => Item::NotClass(Class::Space),
        'w' => Item::Class(Class::Word),
        'W' => Item::NotClass(Class::Word),
        _ => return None,
    })
}
