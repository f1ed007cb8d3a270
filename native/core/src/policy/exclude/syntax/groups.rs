//! `(…)` and everything that starts with `(?`

use super::ast::{Flags, Node};
use super::fault::{Construct, Fault};
use super::parser::Parser;
use super::tokens::Token;
use super::width::width;
use crate::policy::exclude::PatternError;

/// The most groups a pattern may have in Python, plus one.
const MAX_GROUPS: u32 = 0x3fff_ffff;

/// What an alternation is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Nothing,
    Group,
}

impl Parser<'_> {
    /// A group, after its parenthesis at `start`. None for what matches nothing by itself: comments, and flags
    /// for the whole pattern, which are allowed only if it `is_start`.
    pub(super) fn group(
        &mut self,
        start: usize,
        verbose: bool,
        is_start: bool,
    ) -> Result<Option<Node>, PatternError> {
        let none = Flags::default();
        if !self.tokens.eat('?')? {
            return self.captured(start, verbose, None).map(Some);
        }
        let sign = self.extension()?;
        let Token::Char(sign) = sign else {
            return Err(self.tokens.fault(Fault::ExtensionUnknown, 3));
        };
        match sign {
            'P' => self.named(start, verbose).map(Some),
            ':' => self.plain(start, verbose, none, none).map(Some),
            '#' => self.comment(start).map(|()| None),
            '=' | '!' => self.look(start, verbose, sign == '!', false).map(Some),
            '<' => match self.extension()? {
                Token::Char(sign @ ('=' | '!')) => self.look(start, verbose, sign == '!', true).map(Some),
                token => Err(self
                    .tokens
                    .fault(Fault::ExtensionUnknown, token.len().saturating_add(2))),
            },
            '(' => self.conditional(start, verbose).map(Some),
            '>' => {
                let node = self.nested(verbose)?;
                self.close(start)?;
                Ok(Some(Node::Atomic(Box::new(node))))
            }
            '-' | 'L' => self.flagged(start, sign, verbose, is_start),
            letter if Flags::of_letter(letter).is_some() => self.flagged(start, letter, verbose, is_start),
            _ => Err(self.tokens.fault(Fault::ExtensionUnknown, 2)),
        }
    }

    /// The token that tells what kind of group it is.
    fn extension(&mut self) -> Result<Token, PatternError> {
        let token = self.tokens.take()?;
        token.ok_or_else(|| self.tokens.fault(Fault::UnexpectedEnd, 0))
    }

    /// What is inside of a group.
    fn nested(&mut self, verbose: bool) -> Result<Node, PatternError> {
        self.deeper(|parser| parser.alternation(Inside::Group, verbose))
    }

    fn deeper(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Node, PatternError>,
    ) -> Result<Node, PatternError> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(PatternError::TooDeep {
            max: self.max_depth,
            position: self.tokens.position(),
        })?;
        let node = parse(self)?;
        self.depth_left = self.depth_left.saturating_add(1);
        Ok(node)
    }

    fn close(&mut self, start: usize) -> Result<(), PatternError> {
        if self.tokens.eat(')')? {
            return Ok(());
        }
        Err(PatternError::Invalid {
            fault: Fault::GroupUnterminated,
            position: start,
        })
    }

    fn captured(&mut self, start: usize, verbose: bool, name: Option<String>) -> Result<Node, PatternError> {
        let number = self.group_count();
        if let Some(name) = name {
            let before = name.chars().count().saturating_add(1);
            if self.names.insert(name, number).is_some() {
                return Err(self.tokens.fault(Fault::GroupNameTaken, before));
            }
        }
        self.groups.push(None);
        let node = self.nested(verbose)?;
        self.close(start)?;
        let width = width(&node, &self.groups);
        if let Some(closed) = usize::try_from(number)
            .ok()
            .and_then(|number| self.groups.get_mut(number))
        {
            *closed = Some(width);
        }
        let none = Flags::default();
        Ok(Node::Group {
            number: Some(number),
            add: none,
            remove: none,
            node: Box::new(node),
        })
    }

    /// The number that the next group gets.
    fn group_count(&self) -> u32 {
        u32::try_from(self.groups.len()).unwrap_or(u32::MAX)
    }

    fn plain(
        &mut self,
        start: usize,
        verbose: bool,
        add: Flags,
        remove: Flags,
    ) -> Result<Node, PatternError> {
        let verbose = (verbose || add.has(Flags::VERBOSE)) && !remove.has(Flags::VERBOSE);
        let node = self.nested(verbose)?;
        self.close(start)?;
        Ok(Node::Group {
            number: None,
            add,
            remove,
            node: Box::new(node),
        })
    }

    /// `(?P<name>…)` and `(?P=name)`
    fn named(&mut self, start: usize, verbose: bool) -> Result<Node, PatternError> {
        if self.tokens.eat('<')? {
            let name = self.tokens.take_until('>', Fault::GroupNameMissing)?;
            self.check_name(&name)?;
            return self.captured(start, verbose, Some(name));
        }
        if self.tokens.eat('=')? {
            let name = self.tokens.take_until(')', Fault::GroupNameMissing)?;
            self.check_name(&name)?;
            let group = self.group_of_name(&name)?;
            self.reference(group, name.chars().count().saturating_add(1))?;
            return Ok(Node::BackReference(group));
        }
        let token = self.extension()?;
        Err(self
            .tokens
            .fault(Fault::ExtensionUnknown, token.len().saturating_add(2)))
    }

    /// Checks a name that was just read together with the sign after it.
    fn check_name(&self, name: &str) -> Result<(), PatternError> {
        let before = name.chars().count().saturating_add(1);
        if is_identifier(name) {
            Ok(())
        } else if may_be_identifier(name) {
            Err(self.tokens.unsupported(Construct::GroupNameNotAscii, before))
        } else {
            Err(self.tokens.fault(Fault::GroupNameBad, before))
        }
    }

    fn group_of_name(&self, name: &str) -> Result<u32, PatternError> {
        let before = name.chars().count().saturating_add(1);
        let group = self.names.get(name).copied();
        group.ok_or_else(|| self.tokens.fault(Fault::GroupNameUnknown, before))
    }

    fn comment(&mut self, start: usize) -> Result<(), PatternError> {
        loop {
            match self.tokens.take()? {
                Some(Token::Char(')')) => return Ok(()),
                Some(_) => {}
                None => {
                    return Err(PatternError::Invalid {
                        fault: Fault::CommentUnterminated,
                        position: start,
                    });
                }
            }
        }
    }

    fn look(
        &mut self,
        start: usize,
        verbose: bool,
        is_negated: bool,
        is_behind: bool,
    ) -> Result<Node, PatternError> {
        let outer = self.look_behind_from;
        if is_behind && outer.is_none() {
            self.look_behind_from = Some(self.group_count());
        }
        let node = self.nested(verbose)?;
        self.look_behind_from = outer;
        self.close(start)?;
        let behind = if is_behind { self.behind(&node, start) } else { 0 };
        Ok(Node::Look {
            behind,
            is_negated,
            node: Box::new(node),
        })
    }

    /// How far a look-behind looks. If that is not one number, Python says so after everything else.
    fn behind(&mut self, node: &Node, start: usize) -> u32 {
        let width = width(node, &self.groups);
        let fault = match u32::try_from(width.min) {
            Ok(behind) if width.min == width.max => return behind,
            Ok(_) => Fault::LookBehindWidth,
            Err(_) => Fault::LookBehindTooFar,
        };
        // It looks from the outside in and from left to right, while inner groups are closed first here.
        let is_first = match self.late {
            Some(PatternError::Invalid { position, .. }) => start < position,
            _ => true,
        };
        if is_first {
            self.late = Some(PatternError::Invalid {
                fault,
                position: start,
            });
        }
        0
    }

    /// `(?(1)yes|no)`, `(?(name)yes|no)`
    fn conditional(&mut self, start: usize, verbose: bool) -> Result<Node, PatternError> {
        let name = self.tokens.take_until(')', Fault::GroupNameMissing)?;
        let group = self.condition(&name)?;
        self.look_behind_reference(group)?;
        let yes = self.deeper(|parser| parser.sequence(verbose, false))?;
        let no = if self.tokens.eat('|')? {
            let no = self.deeper(|parser| parser.sequence(verbose, false))?;
            if self.tokens.peek() == Some(Token::Char('|')) {
                return Err(self.tokens.fault(Fault::ConditionalBranches, 0));
            }
            no
        } else {
            Node::EMPTY
        };
        self.close(start)?;
        Ok(Node::Conditional {
            group,
            yes: Box::new(yes),
            no: Box::new(no),
        })
    }

    fn condition(&mut self, name: &str) -> Result<u32, PatternError> {
        let before = name.chars().count().saturating_add(1);
        if is_identifier(name) {
            return self.group_of_name(name);
        }
        if name.chars().all(|character| character.is_ascii_digit()) {
            // Too many digits for a number are too many for a group.
            let group: u32 = name.parse().unwrap_or(u32::MAX);
            if group == 0 {
                return Err(self.tokens.fault(Fault::GroupNumberBad, before));
            }
            if group >= MAX_GROUPS {
                return Err(self.tokens.fault(Fault::GroupReferenceInvalid, before));
            }
            self.has_numbers = true;
            let position = self.tokens.position().saturating_sub(before);
            self.conditions.push((group, position));
            return Ok(group);
        }
        if may_be_identifier(name) {
            return Err(self.tokens.unsupported(Construct::GroupNameNotAscii, before));
        }
        if may_be_number(name) {
            return Err(self.tokens.unsupported(Construct::GroupNumberSpelling, before));
        }
        Err(self.tokens.fault(Fault::GroupNameBad, before))
    }

    /// `(?flags)`, `(?flags:…)`, `(?flags-flags:…)`, from the first flag on.
    fn flagged(
        &mut self,
        start: usize,
        first: char,
        verbose: bool,
        is_start: bool,
    ) -> Result<Option<Node>, PatternError> {
        let mut add = Flags::default();
        let mut next = first;
        while next != '-' {
            // Python has the flag `L` for patterns of bytes alone.
            let flag = Flags::of_letter(next).ok_or_else(|| self.tokens.fault(Fault::FlagsBad, 0))?;
            add = add.with(flag);
            if flag.has(Flags::TYPES) && add.and(Flags::TYPES) != flag {
                return Err(self.tokens.fault(Fault::FlagsBad, 0));
            }
            next = match self.flag_or(&[')', '-', ':'])? {
                ')' => return self.global_flags(start, add, is_start).map(|()| None),
                ':' => break,
                next => next,
            };
        }
        if add.has(Flags::TEMPLATE) {
            return Err(self.tokens.fault(Fault::FlagsBad, 1));
        }
        let mut remove = Flags::default();
        if next == '-' {
            next = self.flag_or(&[])?;
            while next != ':' {
                let flag = Flags::of_letter(next).filter(|flag| !flag.has(Flags::TYPES));
                remove = remove.with(flag.ok_or_else(|| self.tokens.fault(Fault::FlagsBad, 0))?);
                next = self.flag_or(&[':'])?;
            }
        }
        if remove.has(Flags::TEMPLATE) || add.has(remove) {
            return Err(self.tokens.fault(Fault::FlagsBad, 1));
        }
        self.plain(start, verbose, add, remove).map(Some)
    }

    /// The next flag, or one of these signs.
    fn flag_or(&mut self, signs: &[char]) -> Result<char, PatternError> {
        match self.tokens.take()? {
            None => Err(self.tokens.fault(Fault::FlagsUnterminated, 0)),
            Some(Token::Char(next))
                if signs.contains(&next) || next == 'L' || Flags::of_letter(next).is_some() =>
            {
                Ok(next)
            }
            Some(Token::Char(letter)) if letter.is_alphabetic() => {
                Err(self.tokens.fault(Fault::FlagUnknown, 1))
            }
            Some(token) => Err(self.tokens.fault(Fault::FlagsUnterminated, token.len())),
        }
    }

    fn global_flags(&mut self, start: usize, add: Flags, is_start: bool) -> Result<(), PatternError> {
        if !is_start {
            return Err(PatternError::Invalid {
                fault: Fault::GlobalFlagsNotFirst,
                position: start,
            });
        }
        if add.has(Flags::TEMPLATE) {
            return Err(PatternError::Unsupported {
                construct: Construct::TemplateFlag,
                position: start,
            });
        }
        self.flags = self.flags.with(add);
        Ok(())
    }
}

/// Whether Python takes the name for an identifier; of ASCII only.
fn is_identifier(name: &str) -> bool {
    name.is_ascii() && may_be_identifier(name)
}

/// The same for what has other characters, which may or may not be letters.
fn may_be_identifier(name: &str) -> bool {
    let is_good =
        |character: char| character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii();
    name.chars().all(is_good) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Whether Python may make a number of it: signs, blanks around it, underscores inside, digits of all scripts.
fn may_be_number(name: &str) -> bool {
    name.chars().any(|character| character.is_numeric())
        && !name.starts_with('-')
        && name.chars().all(|character| {
            character.is_numeric() || character.is_whitespace() || matches!(character, '+' | '_')
        })
}
