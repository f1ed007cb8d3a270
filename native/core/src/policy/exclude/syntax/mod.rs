//! The syntax of Python's `re`, of Python 3.11.

mod ast;
mod fault;
mod groups;
mod parser;
mod sets;
mod tokens;
mod width;

pub(super) use ast::{At, Class, Flags, Greed, Item, Node};
pub use fault::{Construct, Fault};
pub(super) use parser::{Parsed, parse};
