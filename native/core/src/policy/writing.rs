//! How a digest is written in a policy, and whether Keylime would take it.

use ima_assay_digest::{Algorithm, MAX_LEN, decode_hex_into};

/// Fewest hex digits of a digest in Keylime's schema.
const MIN_DIGITS: usize = 40;
/// Most hex digits of a digest in Keylime's schema.
const MAX_DIGITS: usize = 128;

/// What is unusual about a digest's text: a set, since text can be wrong in several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Writing(u8);

impl Writing {
    /// Nothing: lower-case hex digits of a length that Keylime takes.
    pub(super) const PLAIN: Self = Self(0);
    /// An algorithm and a colon stand before the digits.
    pub(super) const PREFIXED: Self = Self(1);
    /// There are upper-case digits.
    pub(super) const UPPER_CASE: Self = Self(1 << 1);
    /// A line feed follows.
    pub(super) const LINE_FEED: Self = Self(1 << 2);
    /// It is no hex number.
    pub(super) const NOT_HEX: Self = Self(1 << 3);
    /// Half a byte is left over.
    pub(super) const ODD: Self = Self(1 << 4);
    /// Fewer than 40 digits.
    pub(super) const SHORT: Self = Self(1 << 5);
    /// More than 128 digits.
    pub(super) const LONG: Self = Self(1 << 6);
    /// The length is not that of the algorithm before the colon.
    pub(super) const WRONG_LENGTH: Self = Self(1 << 7);

    /// Reads a digest's text: its bytes are appended to `out` if it is one, and the algorithm is given if it is
    /// named.
    pub(super) fn read(text: &str, out: &mut Vec<u8>) -> (Option<Algorithm>, Self) {
        // One digest in a million has a colon or a line feed: look for them only if it is no hex.
        if text.len() <= MAX_DIGITS && decode_hex_into(text.as_bytes(), out).is_ok() {
            return (None, Self::of_digits(text));
        }
        let (text, line_feed) = match text.strip_suffix('\n') {
            Some(text) => (text, Self::LINE_FEED),
            None => (text, Self::PLAIN),
        };
        let (name, digits) = match text.split_once(':') {
            Some((name, digits)) => (Some(name), digits),
            None => (None, text),
        };
        let prefixed = name.map_or(Self::PLAIN, |_| Self::PREFIXED);
        let writing = line_feed.with(prefixed).with(Self::of_digits(digits));
        let Ok(algorithm) = name.map(str::parse::<Algorithm>).transpose() else {
            return (None, writing.with(Self::NOT_HEX));
        };
        if algorithm.is_some_and(|algorithm| algorithm.len().checked_mul(2) != Some(digits.len())) {
            return (algorithm, writing.with(Self::WRONG_LENGTH));
        }
        if digits.len() > MAX_LEN.saturating_mul(2) || writing.has(Self::ODD) {
            return (algorithm, writing);
        }
        match decode_hex_into(digits.as_bytes(), out) {
            Ok(()) => (algorithm, writing),
            Err(_) => (algorithm, writing.with(Self::NOT_HEX)),
        }
    }

    fn of_digits(digits: &str) -> Self {
        let is = |condition, flag| if condition { flag } else { Self::PLAIN };
        let is_hex = digits
            .bytes()
            .fold(true, |is_hex, digit| is_hex & digit.is_ascii_hexdigit());
        is(!is_hex || digits.is_empty(), Self::NOT_HEX)
            .with(is(
                is_hex && digits.bytes().any(|digit| digit.is_ascii_uppercase()),
                Self::UPPER_CASE,
            ))
            .with(is(is_hex && digits.len() % 2 == 1, Self::ODD))
            .with(is(digits.len() < MIN_DIGITS, Self::SHORT))
            .with(is(digits.len() > MAX_DIGITS, Self::LONG))
    }

    /// How a digest of a flat list would be written in a policy.
    pub(super) fn of_row(is_prefixed: bool, is_upper_case: bool, bytes: usize) -> Self {
        let is = |condition, flag| if condition { flag } else { Self::PLAIN };
        is(is_prefixed, Self::PREFIXED)
            .with(is(is_upper_case, Self::UPPER_CASE))
            .with(is(bytes < MIN_DIGITS / 2, Self::SHORT))
    }

    /// The set as a byte.
    pub(super) fn bits(self) -> u8 {
        self.0
    }

    /// The set that [`Self::bits`] gave.
    pub(super) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Both.
    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `flags` is set.
    pub(super) fn has(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// Whether Keylime's comparison of text can ever find it equal to a digest.
    pub(super) fn is_plain(self) -> bool {
        !self.has(
            Self::PREFIXED
                .with(Self::UPPER_CASE)
                .with(Self::LINE_FEED)
                .with(Self::NOT_HEX)
                .with(Self::ODD),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unusual_about_a_digest_is_told() {
        let sha1 = "f572d396fae9206628714fb2ce00f72e94f2258f";
        let rows: [(String, usize, Writing); 13] = [
            (sha1.to_owned(), 20, Writing::PLAIN),
            (sha1.to_uppercase(), 20, Writing::UPPER_CASE),
            (format!("sha1:{sha1}"), 20, Writing::PREFIXED),
            (
                format!("sm3:{sha1}"),
                0,
                Writing::PREFIXED.with(Writing::WRONG_LENGTH),
            ),
            (format!("x:{sha1}"), 0, Writing::PREFIXED.with(Writing::NOT_HEX)),
            (format!("{sha1}\n"), 20, Writing::LINE_FEED),
            (format!("{sha1}0"), 0, Writing::ODD),
            (format!("{sha1}00"), 21, Writing::PLAIN),
            (format!("{sha1} "), 0, Writing::NOT_HEX),
            (String::new(), 0, Writing::NOT_HEX.with(Writing::SHORT)),
            ("0".repeat(128), 64, Writing::PLAIN),
            ("0".repeat(130), 0, Writing::LONG),
            ("#".to_owned(), 0, Writing::NOT_HEX.with(Writing::SHORT)),
        ];
        for (text, bytes, expected) in rows {
            let mut out = vec![1];
            let (_, writing) = Writing::read(&text, &mut out);
            assert_eq!((out.len() - 1, writing), (bytes, expected), "{text}");
        }
    }
}
