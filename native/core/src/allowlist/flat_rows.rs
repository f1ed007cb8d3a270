//! Rows of a flat allowlist, in every dialect that is in use.
//!
//! ```text
//! 5891b5…be03  /usr/bin/hello              sha256sum, text mode
//! 5891b5…be03 */usr/bin/hello              sha256sum, binary mode
//! \5891b5…be03  /tmp/a\nb                  a name with a line break or a backslash
//! sha256:5891B5…BE03  boot_aggregate       an algorithm, upper case
//! a7d52a…3d5a %keyring:.ima                a key on a keyring
//! ```

use std::borrow::Cow;

use ima_assay_digest::{Algorithm, Digest, decode_hex_into};

use super::AllowlistError;

/// What UTF-8 text from some editors begins with.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Before the name of a keyring, in the path's place.
const KEYRING: &[u8] = b"%keyring:";

/// A row of a flat allowlist, and how it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatRow<'a> {
    /// Counted from 1.
    pub line: u64,
    /// The digest. Without a name before it, its algorithm is the one in use for its length.
    pub digest: Digest,
    /// Whether the row names the algorithm.
    pub is_algorithm_named: bool,
    /// Whether the digest has upper-case digits.
    pub is_upper_case: bool,
    /// Whether the row has the `*` of binary mode, which is no part of the path.
    pub is_binary: bool,
    /// Whether the row began with a backslash: the path was escaped, as coreutils do.
    pub is_escaped: bool,
    /// The path as the row means it: without escapes, with its blanks.
    pub path: Cow<'a, [u8]>,
}

impl FlatRow<'_> {
    /// The keyring, if the row is a key's rather than a file's.
    #[must_use]
    pub fn keyring(&self) -> Option<&[u8]> {
        self.path.strip_prefix(KEYRING)
    }
}

/// Reads a flat allowlist row by row; blank lines are passed over.
///
/// # Errors
/// For each line that is no row, [`AllowlistError::LineMalformed`].
pub fn flat_rows(text: &[u8]) -> impl Iterator<Item = Result<FlatRow<'_>, AllowlistError>> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut digest = Vec::new();
    (1..)
        .zip(text.split(|&byte| byte == b'\n'))
        .map(|(line, text)| (line, text.strip_suffix(b"\r").unwrap_or(text)))
        .filter(|(_, text)| !text.iter().all(u8::is_ascii_whitespace))
        .map(move |(line, text)| {
            parse_line(line, text, &mut digest)
                .map_err(|problem| AllowlistError::LineMalformed { line, problem })
        })
}

fn parse_line<'a>(line: u64, text: &'a [u8], scratch: &mut Vec<u8>) -> Result<FlatRow<'a>, &'static str> {
    let (is_escaped, text) = match text.strip_prefix(b"\\") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let text = text.trim_ascii_start();
    let blank = text
        .iter()
        .position(u8::is_ascii_whitespace)
        .ok_or("no path after the digest")?;
    let (digest, rest) = text.split_at_checked(blank).ok_or("no path after the digest")?;
    let (named, hex) = split_algorithm(digest)?;
    scratch.clear();
    decode_hex_into(hex, scratch).map_err(|_| "the digest is not hexadecimal")?;
    let algorithm = named
        .or_else(|| algorithm_by_length(scratch.len()))
        .ok_or("no hash algorithm has digests of this length")?;
    let digest =
        Digest::new(algorithm, scratch).map_err(|_| "the digest's length does not fit its algorithm")?;
    let (is_binary, path) = split_mode(rest);
    if path.is_empty() {
        return Err("no path after the digest");
    }
    if path.contains(&0) {
        return Err("the path has a NUL byte");
    }
    if path == KEYRING {
        return Err("the keyring has no name");
    }
    Ok(FlatRow {
        line,
        digest,
        is_algorithm_named: named.is_some(),
        is_upper_case: hex.iter().any(u8::is_ascii_uppercase),
        is_binary,
        is_escaped,
        path: if is_escaped {
            Cow::Owned(unescape(path)?)
        } else {
            Cow::Borrowed(path)
        },
    })
}

/// The algorithm before a colon, if any, and the digits.
fn split_algorithm(digest: &[u8]) -> Result<(Option<Algorithm>, &[u8]), &'static str> {
    let Some(colon) = digest.iter().position(|&byte| byte == b':') else {
        return Ok((None, digest));
    };
    let (name, hex) = digest.split_at_checked(colon).ok_or("no digest")?;
    let name = std::str::from_utf8(name).map_err(|_| "unknown hash algorithm")?;
    let algorithm = name.parse().map_err(|_| "unknown hash algorithm")?;
    Ok((Some(algorithm), hex.get(1..).unwrap_or_default()))
}

/// Whether binary mode was marked, and the path. `rest` begins with the blank or tab after the digest; the
/// mode's mark follows: a blank for text, `*` for binary.
fn split_mode(rest: &[u8]) -> (bool, &[u8]) {
    match rest.get(1..).unwrap_or_default() {
        [b'*', path @ ..] => (true, path.trim_ascii_start()),
        [b' ', path @ ..] | path => (false, path.trim_ascii_start()),
    }
}

/// The algorithm that digests of this many bytes are taken for: of each length the one in use.
pub(crate) fn algorithm_by_length(bytes: usize) -> Option<Algorithm> {
    [
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::Sha224,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
    ]
    .into_iter()
    .find(|algorithm| algorithm.len() == bytes)
}

/// Undoes the escapes of coreutils: a line that starts with a backslash has `\\`, `\n` and `\r`.
fn unescape(path: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut bytes = path.iter();
    let mut plain = Vec::with_capacity(path.len());
    while let Some(&byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'\\') => b'\\',
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                _ => return Err("unknown escape in the path"),
            },
            byte => byte,
        });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    const SHA1: &str = "f572d396fae9206628714fb2ce00f72e94f2258f";

    #[test]
    fn every_dialect_of_a_row_is_read() {
        let upper = SHA256.to_uppercase();
        let rows: [(&str, String, &str, Algorithm); 11] = [
            ("text mode", format!("{SHA256}  /a"), "/a", Algorithm::Sha256),
            ("binary mode", format!("{SHA256} */a"), "/a", Algorithm::Sha256),
            ("tab", format!("{SHA256}\t/a"), "/a", Algorithm::Sha256),
            ("one blank", format!("{SHA256} /a"), "/a", Algorithm::Sha256),
            ("upper case", format!("{upper}  /a"), "/a", Algorithm::Sha256),
            ("sha1 by length", format!("{SHA1}  /a"), "/a", Algorithm::Sha1),
            ("named", format!("sm3:{SHA256}  /a"), "/a", Algorithm::Sm3),
            ("CR LF", format!("{SHA256}  /a\r"), "/a", Algorithm::Sha256),
            (
                "byte order mark",
                format!("\u{feff}{SHA256}  /a"),
                "/a",
                Algorithm::Sha256,
            ),
            (
                "escaped",
                format!("\\{SHA256}  /a\\nb\\\\c"),
                "/a\nb\\c",
                Algorithm::Sha256,
            ),
            (
                "blank inside",
                format!("{SHA256}  /a b"),
                "/a b",
                Algorithm::Sha256,
            ),
        ];
        for (why, line, path, algorithm) in rows {
            let rows: Vec<_> = flat_rows(line.as_bytes()).map(Result::unwrap).collect();
            assert_eq!(rows.len(), 1, "{why}");
            assert_eq!(
                (&*rows[0].path, rows[0].digest.algorithm()),
                (path.as_bytes(), algorithm),
                "{why}"
            );
            let is_written_so = (
                rows[0].is_upper_case,
                rows[0].is_algorithm_named,
                rows[0].is_binary,
                rows[0].is_escaped,
            );
            let expected = (
                why == "upper case",
                why == "named",
                why == "binary mode",
                why == "escaped",
            );
            assert_eq!(is_written_so, expected, "{why}");
        }
    }

    #[test]
    fn a_row_of_a_key_names_its_keyring() {
        let text = format!("{SHA256} %keyring:.ima\n{SHA1}  /%keyring:x\n{SHA1}  %other:x\n");
        let keyrings: Vec<_> = flat_rows(text.as_bytes())
            .map(|row| row.unwrap().keyring().map(<[u8]>::to_vec))
            .collect();
        assert_eq!(keyrings, [Some(b".ima".to_vec()), None, None]);
    }

    #[test]
    fn every_bad_line_is_reported_with_its_number() {
        let text = format!(
            "{SHA256}  /a\n\nzz  /b\n{SHA256}\nabcd  /c\nsha1:{SHA256}  /d\nx:00  /e\n# note\n\
             {SHA1}  %keyring:\n\\{SHA1}  /a\\tb\n{SHA1}  /a\0b\n"
        );
        let problems: Vec<_> = flat_rows(text.as_bytes())
            .filter_map(|row| match row.err()? {
                AllowlistError::LineMalformed { line, problem } => Some((line, problem)),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(
            problems,
            [
                (3, "the digest is not hexadecimal"),
                (4, "no path after the digest"),
                (5, "no hash algorithm has digests of this length"),
                (6, "the digest's length does not fit its algorithm"),
                (7, "unknown hash algorithm"),
                (8, "the digest is not hexadecimal"),
                (9, "the keyring has no name"),
                (10, "unknown escape in the path"),
                (11, "the path has a NUL byte"),
            ]
        );
    }
}
