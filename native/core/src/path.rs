//! Paths inside images: bytes first, text second.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Shows a path on one line: control characters and bytes that are no UTF-8 are escaped, so that a
/// hostile name can neither forge a line of output nor drive a terminal.
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if is_deceptive(character) || character == '\\' {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    f.write_char(character)?;
                }
            }
            chunk
                .invalid()
                .iter()
                .try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

/// Whether a character moves the cursor, ends a line or turns the direction of text around.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A path as IMA writes it into a measurement list: every blank becomes an underscore, nothing else
/// changes (Linux, `ima_template_lib.c`, `ima_write_template_field_data`).
#[must_use]
pub fn ima_spelling(path: &[u8]) -> Cow<'_, [u8]> {
    if path.contains(&b' ') {
        Cow::Owned(
            path.iter()
                .map(|&byte| if byte == b' ' { b'_' } else { byte })
                .collect(),
        )
    } else {
        Cow::Borrowed(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_on_one_line_without_control_characters() {
        let rows: [(&[u8], &str); 5] = [
            (b"/usr/bin/x y", "/usr/bin/x y"),
            ("/caf\u{e9}".as_bytes(), "/caf\u{e9}"),
            (b"/a\nb\x1b[2J\\", "/a\\nb\\u{1b}[2J\\\\"),
            (b"/\xff\xfe", "/\\xff\\xfe"),
            ("/\u{202e}gpj.exe".as_bytes(), "/\\u{202e}gpj.exe"),
        ];
        for (path, shown) in rows {
            assert_eq!(Escaped(path).to_string(), shown);
        }
    }

    #[test]
    fn only_blanks_change_in_ima_spelling() {
        assert_eq!(&*ima_spelling(b"/a b  c\t_"), b"/a_b__c\t_");
        assert!(matches!(ima_spelling(b"/a_b"), Cow::Borrowed(_)));
    }
}
