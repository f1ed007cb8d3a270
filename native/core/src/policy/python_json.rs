//! JSON as Python's `json.dumps` writes it: `", "` and `": "` between, everything outside ASCII escaped.
//!
//! A policy written so is byte for byte what Keylime's own tools would write, and diffs stay small.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut units = [0; 2];
        let mut rest = fragment;
        while let Some(at) = rest.find(|character| !matches!(character, ' '..='~')) {
            let (plain, tail) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            let mut characters = tail.chars();
            if let Some(character) = characters.next() {
                for unit in character.encode_utf16(&mut units) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

/// Appends `value` in Python's dialect. Only values that can be JSON are given, and a vector takes
/// everything, so nothing can fail.
pub(crate) fn write<T: ?Sized + Serialize>(value: &T, out: &mut Vec<u8>) {
    let _ = value.serialize(&mut Serializer::with_formatter(out, Python));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_python_does() {
        // Expected values: Python 3.11, json.dumps.
        let rows = [
            ("/usr/bin/x", r#""/usr/bin/x""#),
            ("caf\u{e9}", r#""caf\u00e9""#),
            ("\u{1f511}", r#""\ud83d\udd11""#),
            ("a\u{7f}\"\\\n\u{1}", r#""a\u007f\"\\\n\u0001""#),
        ];
        for (text, expected) in rows {
            let mut out = Vec::new();
            write(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
