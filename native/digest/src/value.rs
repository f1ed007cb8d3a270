//! A digest: the value, together with the algorithm that made it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::Algorithm;

/// Longest digest of the table, in bytes.
pub const MAX_LEN: usize = 64;

/// The value of a hash function, 16 to 64 bytes, and which function made it.
#[derive(Clone, Copy)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; MAX_LEN],
}

/// Why bytes or text are no digest of the wanted algorithm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The number of bytes does not fit the algorithm.
    #[error("{algorithm} has digests of {} bytes, not {found}", .algorithm.len())]
    WrongLength {
        /// The algorithm the digest should be of.
        algorithm: Algorithm,
        /// Bytes that were given.
        found: usize,
    },
    /// A character that is no hex digit, or half a byte at the end.
    #[error("not a hex digest: {problem} at character {position}")]
    NotHex {
        /// Characters before the fault, counted from 0.
        position: usize,
        /// What stands there.
        problem: &'static str,
    },
}

impl Digest {
    /// A digest from its bytes.
    ///
    /// # Errors
    /// [`DigestError::WrongLength`].
    pub fn new(algorithm: Algorithm, value: &[u8]) -> Result<Self, DigestError> {
        let wrong = DigestError::WrongLength {
            algorithm,
            found: value.len(),
        };
        if value.len() != algorithm.len() {
            return Err(wrong);
        }
        let mut bytes = [0; MAX_LEN];
        bytes.get_mut(..value.len()).ok_or(wrong)?.copy_from_slice(value);
        Ok(Self { algorithm, bytes })
    }

    /// The first `algorithm.len()` bytes of an implementation's output.
    pub(crate) fn truncated(algorithm: Algorithm, output: &[u8]) -> Self {
        let mut bytes = [0; MAX_LEN];
        let len = algorithm.len();
        if let (Some(to), Some(from)) = (bytes.get_mut(..len), output.get(..len)) {
            to.copy_from_slice(from);
        }
        Self { algorithm, bytes }
    }

    /// A digest from its value and zeros behind it.
    pub(crate) fn from_padded(algorithm: Algorithm, bytes: [u8; MAX_LEN]) -> Self {
        Self { algorithm, bytes }
    }

    /// A digest from hex digits of either case.
    ///
    /// # Errors
    /// [`DigestError::NotHex`], [`DigestError::WrongLength`].
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, DigestError> {
        Self::new(algorithm, &decode_hex(hex.as_bytes())?)
    }

    /// The algorithm that made it.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The value, `algorithm().len()` bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.algorithm.len()).unwrap_or(&self.bytes)
    }

    /// The value, with zeros behind it up to the longest there are.
    #[must_use]
    pub fn padded(&self) -> &[u8; MAX_LEN] {
        &self.bytes
    }
}

/// Bytes from hex digits of either case.
///
/// # Errors
/// [`DigestError::NotHex`] with the first position that is wrong.
pub fn decode_hex(hex: &[u8]) -> Result<Vec<u8>, DigestError> {
    let mut bytes = Vec::new();
    decode_hex_into(hex, &mut bytes)?;
    Ok(bytes)
}

/// Bytes from hex digits of either case, appended to `out`, which stays as it was if there is an error.
///
/// # Errors
/// [`DigestError::NotHex`] with the first position that is wrong.
pub fn decode_hex_into(hex: &[u8], out: &mut Vec<u8>) -> Result<(), DigestError> {
    let (pairs, half) = hex.as_chunks();
    let start = out.len();
    let mut seen = 0;
    out.extend(pairs.iter().map(|&[high, low]| {
        let (high, low) = (nibble(high), nibble(low));
        seen |= high | low;
        high << 4 | low
    }));
    if seen < 16 && half.is_empty() {
        return Ok(());
    }
    out.truncate(start);
    let wrong = hex.iter().position(|&digit| nibble(digit) == NO_DIGIT);
    Err(match wrong {
        Some(position) => DigestError::NotHex {
            position,
            problem: "no hex digit",
        },
        None => DigestError::NotHex {
            position: hex.len().saturating_sub(1),
            problem: "half a byte",
        },
    })
}

/// What stands in [`NIBBLES`] for all that is no hex digit.
const NO_DIGIT: u8 = 0xff;

/// The value of each character as a hex digit.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [NO_DIGIT; 256];
    let mut value = 0_u8;
    #[expect(
        clippy::indexing_slicing,
        clippy::as_conversions,
        reason = "evaluated by the compiler"
    )]
    while value < 16 {
        nibbles[b"0123456789abcdef"[value as usize] as usize] = value;
        nibbles[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    nibbles
};

fn nibble(digit: u8) -> u8 {
    NIBBLES.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT)
}

/// Lower-case hex digits of bytes, appended to `out`.
pub fn encode_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'?');
    out.extend(
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]),
    );
}

/// Bytes as lower-case hex digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = Vec::with_capacity(bytes.len().saturating_mul(2));
    encode_hex(bytes, &mut digits);
    String::from_utf8(digits).unwrap_or_default()
}

impl fmt::Display for Digest {
    /// Lower-case hex digits, without the algorithm.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex = Vec::new();
        encode_hex(self.bytes(), &mut hex);
        f.write_str(str::from_utf8(&hex).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.algorithm)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.bytes() == other.bytes()
    }
}

impl Eq for Digest {}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Digest {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.algorithm, self.bytes()).cmp(&(other.algorithm, other.bytes()))
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.algorithm.hash(state);
        self.bytes().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_in_and_out_in_lower_case() {
        let hex = "0123456789ABCDEF0123456789abcdef";
        let digest = Digest::from_hex(Algorithm::Md5, hex).unwrap();
        assert_eq!(digest.to_string(), hex.to_lowercase());
        assert_eq!(format!("{digest:?}"), format!("md5:{}", hex.to_lowercase()));
    }

    #[test]
    fn what_is_no_digest_says_where() {
        let rows: [(&str, DigestError); 3] = [
            (
                "zz",
                DigestError::NotHex {
                    position: 0,
                    problem: "no hex digit",
                },
            ),
            (
                "abc",
                DigestError::NotHex {
                    position: 2,
                    problem: "half a byte",
                },
            ),
            (
                "abcd",
                DigestError::WrongLength {
                    algorithm: Algorithm::Sha1,
                    found: 2,
                },
            ),
        ];
        for (hex, error) in rows {
            assert_eq!(Digest::from_hex(Algorithm::Sha1, hex), Err(error), "{hex}");
        }
    }
}
