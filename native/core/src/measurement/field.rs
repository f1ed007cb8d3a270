//! Fields: the bytes that are hashed, what they mean, and how the ASCII form shows them.
//!
//! ```text
//! shown as            bytes held                   ASCII
//! digest              the digest                   hexadecimal
//! digest, tagged      [type:]algorithm ':' NUL …   [type:]algorithm ':' hexadecimal
//! text                text NUL                     the text
//! bytes               any                          hexadecimal
//! number              2 or 4, the list's order     decimal
//! ```
//!
//! Source: Linux, `security/integrity/ima/ima_template_lib.c`.

use std::io::Write as _;

use ima_assay_digest::{Algorithm, decode_hex_into, encode_hex};

use super::fault::Problem;
use super::order::ByteOrder;
use super::template::FieldId;

/// How the bytes of a field are made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A SHA-1 or MD5 digest and nothing else.
    Digest,
    /// A digest behind the name of its algorithm and, in `d-ngv2`, of its type.
    TaggedDigest,
    /// Text that ends in a NUL byte.
    Text,
    /// Anything.
    Bytes,
    /// A number in the byte order of the list.
    Number {
        /// 2 or 4.
        size_bytes: usize,
    },
}

/// A field of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Which it is.
    pub id: FieldId,
    /// Its bytes as they are hashed, without their length.
    pub bytes: &'a [u8],
    /// The byte order of its numbers.
    pub byte_order: ByteOrder,
}

/// What a field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A digest or a number that is not there.
    Absent,
    /// What `d`, `d-ng`, `d-ngv2` and `d-modsig` hold.
    Digest(FileDigest<'a>),
    /// The text without its NUL byte; any bytes but NUL.
    Text(&'a [u8]),
    /// What `iuid`, `igid` and `imode` hold.
    Number(u32),
    /// All other fields, and those that are not made up as they should be.
    Bytes(&'a [u8]),
}

/// A digest, as a list names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileDigest<'a> {
    /// `ima` or `verity`, in `d-ngv2`. With `verity` it is the digest of a fs-verity descriptor, not of the
    /// file's bytes.
    pub digest_type: Option<&'a [u8]>,
    /// The name of the algorithm; none in `d`, and where the list leaves it empty.
    pub algorithm_name: Option<&'a [u8]>,
    /// The digest, of any length.
    pub digest: &'a [u8],
}

impl<'a> FileDigest<'a> {
    /// The algorithm, if its name is known.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self.algorithm_name? {
            b"sha256" => Some(Algorithm::Sha256),
            b"sha1" => Some(Algorithm::Sha1),
            name => std::str::from_utf8(name).ok()?.parse().ok(),
        }
    }

    /// Whether the digest is of the length its algorithm gives. What is not known is taken as it is.
    #[must_use]
    pub fn has_right_length(&self) -> bool {
        self.algorithm()
            .is_none_or(|algorithm| algorithm.len() == self.digest.len())
    }

    /// A digest without a tag, as in `d`.
    fn plain(bytes: &'a [u8]) -> Self {
        Self {
            digest_type: None,
            algorithm_name: None,
            digest: bytes,
        }
    }

    /// The parts of `[type:][algorithm]:NUL digest`: all up to the NUL is the tag, its last colon is
    /// dropped, and what is left is split at its last colon.
    fn tagged(bytes: &'a [u8]) -> Option<Self> {
        let nul = bytes.iter().position(|&byte| byte == 0)?;
        let (tag, digest) = bytes.split_at_checked(nul)?;
        let tag = tag.strip_suffix(b":")?;
        let digest = digest.get(1..)?;
        let (digest_type, algorithm) = match tag.iter().rposition(|&byte| byte == b':') {
            Some(colon) => (tag.get(..colon), tag.get(colon.saturating_add(1)..)?),
            None => (None, tag),
        };
        Some(Self {
            digest_type,
            algorithm_name: Some(algorithm).filter(|name| !name.is_empty()),
            digest,
        })
    }
}

impl<'a> Field<'a> {
    /// What the field says. Bytes that are not made up as the field's should be stay bytes.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        let bytes = self.bytes;
        let value = match self.id.kind() {
            FieldKind::Bytes => None,
            _ if bytes.is_empty() && self.id.may_be_empty() => Some(match self.id.kind() {
                FieldKind::Text => Value::Text(bytes),
                _ => Value::Absent,
            }),
            FieldKind::Digest => Some(Value::Digest(FileDigest::plain(bytes))),
            FieldKind::TaggedDigest => FileDigest::tagged(bytes).map(Value::Digest),
            FieldKind::Text => text(bytes).map(Value::Text),
            FieldKind::Number { size_bytes } => number(bytes, size_bytes, self.byte_order).map(Value::Number),
        };
        value.unwrap_or(Value::Bytes(bytes))
    }

    /// The text up to the first NUL byte or the end. To show, never to look up.
    #[must_use]
    pub fn text_to_show(&self) -> &'a [u8] {
        up_to_nul(self.bytes)
    }

    /// What is wrong with the bytes, whatever their hash says.
    pub(super) fn problem(&self) -> Option<Problem> {
        let field = self.id;
        match (field.kind(), self.value()) {
            (FieldKind::Digest, Value::Digest(digest)) => {
                let is_known = matches!(digest.digest.len(), 16 | 20);
                (!is_known).then_some(Problem::DigestLength { field })
            }
            (_, Value::Digest(digest)) if !digest.has_right_length() => Some(Problem::DigestLength { field }),
            (FieldKind::TaggedDigest, Value::Bytes(_)) => Some(Problem::DigestUntagged { field }),
            (FieldKind::Text, Value::Bytes(bytes)) if bytes.contains(&0) => {
                Some(Problem::TextHasNul { field })
            }
            (FieldKind::Text, Value::Bytes(_)) => Some(Problem::TextUnterminated { field }),
            (FieldKind::Number { .. }, Value::Bytes(_)) => Some(Problem::NumberLength { field }),
            _ => None,
        }
    }

    /// Appends the field as the kernel shows it in the ASCII form.
    pub(super) fn print_ascii(&self, out: &mut Vec<u8>) {
        match (self.id.kind(), self.value()) {
            (_, Value::Absent) => {}
            (_, Value::Number(number)) => {
                // Writing to a vector cannot fail.
                let _ = write!(out, "{number}");
            }
            (FieldKind::TaggedDigest, Value::Digest(digest)) => {
                let tag = up_to_nul(self.bytes);
                if tag != b":" {
                    out.extend_from_slice(tag);
                }
                encode_hex(digest.digest, out);
            }
            (FieldKind::Text, _) => out.extend_from_slice(self.text_to_show()),
            _ => encode_hex(self.bytes, out),
        }
    }
}

pub(super) fn up_to_nul(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or(bytes)
}

fn text(bytes: &[u8]) -> Option<&[u8]> {
    bytes
        .strip_suffix(b"\0")
        .filter(|text| memchr::memchr(0, text).is_none())
}

fn number(bytes: &[u8], size_bytes: usize, order: ByteOrder) -> Option<u32> {
    if bytes.len() != size_bytes {
        return None;
    }
    match *bytes {
        [first, second] => Some(order.u16([first, second]).into()),
        _ => order.first_u32(bytes),
    }
}

/// Appends the bytes of a field that the ASCII form shows as `column`, without their length.
pub(super) fn parse_ascii(
    field: FieldId,
    column: &[u8],
    order: ByteOrder,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let not_hex = |_| Problem::FieldNotHex { field };
    match field.kind() {
        FieldKind::Digest | FieldKind::Bytes => decode_hex_into(column, out).map_err(not_hex),
        FieldKind::Text if column.is_empty() && field.may_be_empty() => Ok(()),
        FieldKind::Text => {
            out.extend_from_slice(column);
            out.push(0);
            Ok(())
        }
        _ if column.is_empty() => Ok(()),
        FieldKind::TaggedDigest => {
            let (tag, digest) = match memchr::memrchr(b':', column) {
                Some(colon) => column
                    .split_at_checked(colon.saturating_add(1))
                    .unwrap_or_default(),
                None => (&b":"[..], column),
            };
            out.extend_from_slice(tag);
            out.push(0);
            decode_hex_into(digest, out).map_err(not_hex)
        }
        FieldKind::Number { size_bytes } => {
            let not_number = Problem::FieldNotNumber { field };
            if !column.iter().all(u8::is_ascii_digit) {
                return Err(not_number);
            }
            let text = std::str::from_utf8(column).map_err(|_| not_number)?;
            let number: u32 = text.parse().map_err(|_| not_number)?;
            let bytes = order.bytes(number);
            match (size_bytes, order) {
                (2, _) if number > u32::from(u16::MAX) => return Err(not_number),
                (2, ByteOrder::Little) => out.extend(bytes.iter().take(2)),
                (2, ByteOrder::Big) => out.extend(bytes.iter().skip(2)),
                _ => out.extend(bytes),
            }
            Ok(())
        }
    }
}
