//! Keys of JSON objects: those of the format, and names.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, Visitor};

use super::json::Reader;
use crate::policy::loaded::Section;
use crate::policy::map::Full;

/// A seed for the key of a JSON object: its text if it is Unicode, which all keys of the format are.
pub(super) struct Key<'r, 'de>(pub(super) &'r mut Reader<'de>);

impl<'de> DeserializeSeed<'de> for Key<'_, 'de> {
    type Value = Cow<'de, [u8]>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, 'de> {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_bytes<E>(self, key: &'de [u8]) -> Result<Self::Value, E> {
        self.0.lines.advance(key);
        self.0.has_control_character |= has_control_character(key);
        Ok(Cow::Borrowed(key))
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        self.0.has_control_character |= has_control_character(key);
        Ok(Cow::Owned(key.to_vec()))
    }
}

/// A seed for a name of a section, which starts an entry.
pub(super) struct Name<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) section: Section,
}

impl<'de> DeserializeSeed<'de> for Name<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Name<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_bytes<E: de::Error>(self, name: &'de [u8]) -> Result<(), E> {
        self.reader.lines.advance(name);
        self.reader.is_line_unknown = false;
        self.insert(name)
    }

    fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<(), E> {
        self.reader.is_line_unknown = true;
        match without_surrogates(name) {
            Some(name) => self.insert(&name),
            None => self.insert(name),
        }
    }
}

impl Name<'_, '_> {
    fn insert<E: de::Error>(self, name: &[u8]) -> Result<(), E> {
        let Self { reader, section } = self;
        reader.has_control_character |= has_control_character(name);
        reader.count()?;
        reader.begin(section, name).map_err(|Full| reader.too_many())
    }
}

fn has_control_character(text: &[u8]) -> bool {
    text.iter().fold(false, |has, byte| has | (*byte < b' '))
}

/// Python keeps a byte that is no UTF-8 as a lone surrogate, U+DC80 to U+DCFF, and writes it to JSON as such:
/// this gives the byte back. None if there is nothing to replace.
fn without_surrogates(name: &[u8]) -> Option<Vec<u8>> {
    let mut rest = name;
    let mut plain = Vec::new();
    // The parser gives surrogates as three bytes, as if they were characters: ED B2 80 to ED B3 BF.
    while let Some(at) = rest
        .windows(3)
        .position(|bytes| matches!(bytes, [0xed, 0xb2 | 0xb3, 0x80..=0xbf]))
    {
        let (before, surrogate) = rest.split_at_checked(at)?;
        let [_, middle, last, after @ ..] = surrogate else {
            return None;
        };
        plain.extend_from_slice(before);
        plain.push((middle & 0b11) << 6 | last & 0x3f);
        rest = after;
    }
    if rest.len() == name.len() {
        return None;
    }
    plain.extend_from_slice(rest);
    Some(plain)
}
