//! One visitor for every kind of JSON value.
//!
//! A handler says what it does with an object, an array or text, and every other value is an error that tells
//! where it stands, what belongs there and what was found.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::json::Reader;

/// Takes a JSON value at one place of a policy.
pub(super) trait Handler<'de>: Sized {
    /// What is made of the value.
    type Value;

    /// What belongs there, for the error.
    const EXPECTED: &'static str;

    /// Where faults are noted.
    fn reader(&mut self) -> &mut Reader<'de>;

    fn object<A: MapAccess<'de>>(mut self, _members: A) -> Result<Self::Value, A::Error> {
        Err(self.reader().wrong_type(Self::EXPECTED, "an object"))
    }

    fn array<A: SeqAccess<'de>>(mut self, _items: A) -> Result<Self::Value, A::Error> {
        Err(self.reader().wrong_type(Self::EXPECTED, "an array"))
    }

    fn text<E: de::Error>(mut self, _text: &str) -> Result<Self::Value, E> {
        Err(self.reader().wrong_type(Self::EXPECTED, "text"))
    }

    /// Text without escapes, which lies in the file as it is.
    fn borrowed_text<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        self.text(text)
    }

    fn null<E: de::Error>(mut self) -> Result<Self::Value, E> {
        Err(self.reader().wrong_type(Self::EXPECTED, "null"))
    }
}

/// A seed that gives the next value to a handler.
pub(super) struct Expect<H>(pub(super) H);

impl<'de, H: Handler<'de>> DeserializeSeed<'de> for Expect<H> {
    type Value = H::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, H: Handler<'de>> Visitor<'de> for Expect<H> {
    type Value = H::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(H::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        self.0.object(members)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        self.0.array(items)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        self.0.text(text)
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        self.0.borrowed_text(text)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        self.0.null()
    }

    fn visit_bool<E: de::Error>(mut self, _value: bool) -> Result<Self::Value, E> {
        Err(self.0.reader().wrong_type(H::EXPECTED, "a truth value"))
    }

    fn visit_i64<E: de::Error>(mut self, _value: i64) -> Result<Self::Value, E> {
        Err(self.0.reader().wrong_type(H::EXPECTED, "a number"))
    }

    fn visit_u64<E: de::Error>(mut self, _value: u64) -> Result<Self::Value, E> {
        Err(self.0.reader().wrong_type(H::EXPECTED, "a number"))
    }

    fn visit_f64<E: de::Error>(mut self, _value: f64) -> Result<Self::Value, E> {
        Err(self.0.reader().wrong_type(H::EXPECTED, "a number"))
    }
}
