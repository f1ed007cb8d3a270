//! Cuts a pattern into characters and escapes, one ahead, as Python's parser sees it.

use std::str::Chars;

use super::fault::{Construct, Fault};
use crate::policy::exclude::PatternError;

/// A character, or a backslash with the character after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Char(char),
    Escape(char),
}

impl Token {
    /// Characters of the pattern.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Char(_) => 1,
            Self::Escape(_) => 2,
        }
    }
}

/// A token and where it starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) start: usize,
}

/// The tokens of a pattern. Positions count characters from 0.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'p> {
    rest: Chars<'p>,
    next: Option<Token>,
    position: usize,
}

impl<'p> Tokens<'p> {
    pub(super) fn new(pattern: &'p str) -> Result<Self, PatternError> {
        let mut tokens = Self {
            rest: pattern.chars(),
            next: None,
            position: 0,
        };
        tokens.fetch()?;
        Ok(tokens)
    }

    fn fetch(&mut self) -> Result<(), PatternError> {
        self.next = match self.rest.next() {
            Some('\\') => {
                let escaped = self.rest.next().ok_or(PatternError::Invalid {
                    fault: Fault::EscapeBad,
                    position: self.position,
                })?;
                Some(Token::Escape(escaped))
            }
            character => character.map(Token::Char),
        };
        Ok(())
    }

    /// The next token, left where it is.
    pub(super) fn peek(&self) -> Option<Token> {
        self.next
    }

    /// Takes the next token.
    ///
    /// # Errors
    /// [`Fault::EscapeBad`] if a lone backslash comes after it.
    pub(super) fn take(&mut self) -> Result<Option<Token>, PatternError> {
        let token = self.next;
        self.position = self.position.saturating_add(token.map_or(0, Token::len));
        self.fetch()?;
        Ok(token)
    }

    /// Takes the next token and tells where it starts.
    pub(super) fn take_placed(&mut self) -> Result<Option<Placed>, PatternError> {
        let start = self.position;
        Ok(self.take()?.map(|token| Placed { token, start }))
    }

    /// Takes the next token if it is this character.
    pub(super) fn eat(&mut self, character: char) -> Result<bool, PatternError> {
        let is_next = self.next == Some(Token::Char(character));
        if is_next {
            self.take()?;
        }
        Ok(is_next)
    }

    /// Takes up to `max` characters for which `wanted` holds.
    pub(super) fn take_while(
        &mut self,
        max: usize,
        wanted: impl Fn(char) -> bool,
    ) -> Result<String, PatternError> {
        let mut taken = String::new();
        for _ in 0..max {
            match self.next {
                Some(Token::Char(character)) if wanted(character) => taken.push(character),
                _ => break,
            }
            self.take()?;
        }
        Ok(taken)
    }

    /// Where the next token starts.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// A fault `before` characters before the next token.
    pub(super) fn fault(&self, fault: Fault, before: usize) -> PatternError {
        PatternError::Invalid {
            fault,
            position: self.position.saturating_sub(before),
        }
    }

    /// Takes up to `terminator`, and that too. What is before it is returned, as it is written.
    pub(super) fn take_until(&mut self, terminator: char, missing: Fault) -> Result<String, PatternError> {
        let mut taken = String::new();
        loop {
            match self.take()? {
                None if taken.is_empty() => return Err(self.fault(missing, 0)),
                None => return Err(self.fault(Fault::NameUnterminated, taken.chars().count())),
                Some(Token::Char(character)) if character == terminator => break,
                Some(Token::Char(character)) => taken.push(character),
                Some(Token::Escape(character)) => taken.extend(['\\', character]),
            }
        }
        if taken.is_empty() {
            return Err(self.fault(missing, 1));
        }
        Ok(taken)
    }

    /// A construct that is not supported, `before` characters before the next token.
    pub(super) fn unsupported(&self, construct: Construct, before: usize) -> PatternError {
        PatternError::Unsupported {
            construct,
            position: self.position.saturating_sub(before),
        }
    }
}
