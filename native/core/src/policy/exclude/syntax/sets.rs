//! `[…]`

use super::ast::{Item, Node};
use super::fault::Fault;
use super::parser::{Parser, class_of};
use super::tokens::{Placed, Token};
use crate::policy::exclude::PatternError;

impl Parser<'_> {
    /// A set, after its opening bracket at `start`.
    pub(super) fn set(&mut self, start: usize) -> Result<Node, PatternError> {
        let unterminated = PatternError::Invalid {
            fault: Fault::SetUnterminated,
            position: start,
        };
        let is_negated = self.tokens.eat('^')?;
        let mut items = Vec::new();
        loop {
            let this = self.tokens.take_placed()?.ok_or(unterminated)?;
            // A bracket right after the opening one is a character.
            if this.token == Token::Char(']') && !items.is_empty() {
                break;
            }
            let first = self.item(this)?;
            if !self.tokens.eat('-')? {
                items.push(first);
                continue;
            }
            let that = self.tokens.take_placed()?.ok_or(unterminated)?;
            if that.token == Token::Char(']') {
                items.extend([first, Item::Literal('-'.into())]);
                break;
            }
            let last = self.item(that)?;
            match (first, last) {
                (Item::Literal(first), Item::Literal(last)) if first <= last => {
                    items.push(Item::Range(first, last));
                }
                _ => {
                    let before = this.token.len().saturating_add(that.token.len());
                    return Err(self.tokens.fault(Fault::RangeBad, before.saturating_add(1)));
                }
            }
        }
        Ok(Node::Set { is_negated, items })
    }

    fn item(&mut self, Placed { token, start }: Placed) -> Result<Item, PatternError> {
        match token {
            Token::Char(character) => Ok(Item::Literal(character.into())),
            Token::Escape(character) => match class_of(character) {
                Some(item) => Ok(item),
                None => self.escaped_character(character, start).map(Item::Literal),
            },
        }
    }
}
