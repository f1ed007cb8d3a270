//! The flat allowlist, as `sha256sum` writes it.
//!
//! ```text
//! 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  /usr/bin/hello
//! └ hex digest                                                    └ two blanks, path to the line's end
//! ```

use ima_assay_digest::{Algorithm, decode_hex, encode_hex};

use super::{Allowlist, AllowlistError, Builder, Format, Listed};

/// Writes the flat form: `HEX␠␠PATH`, the path as IMA spells it, one line for each digest of a path.
pub struct Flat;

impl Format for Flat {
    fn head(&self, _list: &Allowlist, _out: &mut Vec<u8>) {}

    fn path(&self, rows: &[Listed<'_>], _is_first: bool, out: &mut Vec<u8>) -> Result<(), AllowlistError> {
        if let Some(row) = rows.iter().find(|row| breaks_a_line(row.path)) {
            return Err(AllowlistError::PathUnlistable {
                path: row.raw_path.to_vec(),
                format: "a flat allowlist",
                problem: "it has what some reader takes for the end of a line",
            });
        }
        let mut last = None;
        for row in rows {
            // The same digest from another origin is the same line.
            if last.replace((row.algorithm, row.digest)) != Some((row.algorithm, row.digest)) {
                encode_hex(row.digest, out);
                out.extend_from_slice(b"  ");
                out.extend_from_slice(row.path);
                out.push(b'\n');
            }
        }
        Ok(())
    }

    fn tail(&self, _out: &mut Vec<u8>) {}
}

/// Whether a reader could see two lines in a path: a name may then add a row of its own making. Beside `\n`, what
/// Python's `splitlines` takes for line ends, which Keylime's converter uses.
fn breaks_a_line(path: &[u8]) -> bool {
    path.iter()
        .any(|byte| matches!(byte, b'\n' | 0x0b | 0x0c | b'\r' | 0x1c..=0x1e))
        || path
            .utf8_chunks()
            .any(|chunk| chunk.valid().contains(['\u{85}', '\u{2028}', '\u{2029}']))
}

/// Reads a flat allowlist: the output of `sha256sum` and its kin, in either mode, with their escapes,
/// and with an `ALGORITHM:` before the digest. Without one the length of the digest tells.
///
/// # Errors
/// Every line that is no row, as [`AllowlistError::LineMalformed`]; [`AllowlistError::Empty`].
pub fn parse_flat(text: &[u8], origin: &[u8]) -> Result<Allowlist, Vec<AllowlistError>> {
    let mut builder = Builder::default();
    let origin = builder.origin(origin);
    let mut errors = Vec::new();
    let mut rows: u64 = 0;
    for (line, text) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match parse_line(text) {
            Ok((algorithm, digest, path)) => {
                rows = rows.saturating_add(1);
                builder.push(&path, algorithm, &digest, origin, None);
            }
            Err(problem) => errors.push(AllowlistError::LineMalformed { line, problem }),
        }
    }
    if errors.is_empty() && rows == 0 {
        errors.push(AllowlistError::Empty);
    }
    if errors.is_empty() {
        Ok(builder.build())
    } else {
        Err(errors)
    }
}

type ParsedLine = (Algorithm, Vec<u8>, Vec<u8>);

fn parse_line(line: &[u8]) -> Result<ParsedLine, &'static str> {
    let (is_escaped, line) = match line.strip_prefix(b"\\") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let line = line.trim_ascii_start();
    let blank = line
        .iter()
        .position(u8::is_ascii_whitespace)
        .ok_or("no path after the digest")?;
    let (digest, rest) = line.split_at_checked(blank).ok_or("no path after the digest")?;
    let (algorithm, hex) = match digest.iter().position(|&byte| byte == b':') {
        Some(colon) => {
            let (name, hex) = digest.split_at_checked(colon).ok_or("no digest")?;
            let name = std::str::from_utf8(name).map_err(|_| "unknown hash algorithm")?;
            let algorithm = name.parse::<Algorithm>().map_err(|_| "unknown hash algorithm")?;
            (Some(algorithm), hex.get(1..).unwrap_or_default())
        }
        None => (None, digest),
    };
    let digest = decode_hex(hex).map_err(|_| "the digest is not hexadecimal")?;
    let algorithm = match algorithm {
        Some(algorithm) => algorithm,
        None => by_length(digest.len()).ok_or("no hash algorithm has digests of this length")?,
    };
    if digest.len() != algorithm.len() {
        return Err("the digest's length does not fit its algorithm");
    }
    // One blank or tab, then the mode's mark: a blank for text, `*` for binary.
    let path = rest.get(1..).unwrap_or_default();
    let path = match path {
        [b' ' | b'*', path @ ..] => path,
        path => path,
    };
    let path = path.trim_ascii_start();
    if path.is_empty() {
        return Err("no path after the digest");
    }
    if path.contains(&0) {
        return Err("the path has a NUL byte");
    }
    Ok((
        algorithm,
        digest,
        if is_escaped {
            unescape(path)?
        } else {
            path.to_vec()
        },
    ))
}

/// The algorithm that digests of this many bytes are taken for: of each length the one in use.
fn by_length(bytes: usize) -> Option<Algorithm> {
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
        let rows: [(&str, String, &str, Algorithm); 9] = [
            ("text mode", format!("{SHA256}  /a"), "/a", Algorithm::Sha256),
            ("binary mode", format!("{SHA256} */a"), "/a", Algorithm::Sha256),
            ("tab", format!("{SHA256}\t/a"), "/a", Algorithm::Sha256),
            (
                "upper case",
                format!("{}  /a", SHA256.to_uppercase()),
                "/a",
                Algorithm::Sha256,
            ),
            ("sha1 by length", format!("{SHA1}  /a"), "/a", Algorithm::Sha1),
            (
                "named algorithm",
                format!("sm3:{SHA256}  /a"),
                "/a",
                Algorithm::Sm3,
            ),
            ("CR LF", format!("{SHA256}  /a\r"), "/a", Algorithm::Sha256),
            (
                "escaped",
                format!("\\{SHA256}  /a\\nb\\\\c"),
                "/a\nb\\c",
                Algorithm::Sha256,
            ),
            (
                "blank inside",
                format!("{SHA256}  /a b"),
                "/a_b",
                Algorithm::Sha256,
            ),
        ];
        for (why, line, path, algorithm) in rows {
            let list = parse_flat(line.as_bytes(), b"list").unwrap();
            let row = list.get(0).unwrap();
            assert_eq!((row.path, row.algorithm), (path.as_bytes(), algorithm), "{why}");
        }
    }

    #[test]
    fn every_bad_line_is_reported_with_its_number() {
        let text = format!("{SHA256}  /a\n\nzz  /b\n{SHA256}\nabcd  /c\nsha1:{SHA256}  /d\nx:00  /e\n");
        let problems: Vec<_> = parse_flat(text.as_bytes(), b"list")
            .unwrap_err()
            .into_iter()
            .map(|error| match error {
                AllowlistError::LineMalformed { line, problem } => (line, problem),
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
            ]
        );
        assert_eq!(
            parse_flat(b"\n \n", b"list").unwrap_err(),
            [AllowlistError::Empty]
        );
    }
}
