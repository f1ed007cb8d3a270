//! The flat allowlist, as `sha256sum` writes it.
//!
//! ```text
//! 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  /usr/bin/hello
//! └ hex digest                                                    └ two blanks, path to the line's end
//! ```

use std::borrow::Cow;

use ima_assay_digest::encode_hex;

use super::{Allowlist, AllowlistError, Builder, Format, Listed, flat_rows};

/// The entry that stands for the boot.
const BOOT_AGGREGATE: &[u8] = b"boot_aggregate";

/// Writes the flat form: `HEX␠␠PATH`, the path as IMA spells it, one line for each digest of a path. The boot
/// aggregate comes first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flat {
    /// Writes `ALGORITHM:` before each digest, so that the length need not tell.
    pub names_algorithms: bool,
    /// Writes a path with a line break or a backslash as coreutils do, behind a backslash. Keylime reads no such
    /// rows.
    pub escapes: bool,
}

impl Format for Flat {
    fn head(&self, list: &Allowlist, out: &mut Vec<u8>) {
        self.rows(b"", BOOT_AGGREGATE, list.rows_of(BOOT_AGGREGATE), out);
    }

    fn path(&self, rows: &[Listed<'_>], _is_first: bool, out: &mut Vec<u8>) -> Result<(), AllowlistError> {
        let Some(first) = rows.first().filter(|row| row.path != BOOT_AGGREGATE) else {
            return Ok(());
        };
        let unlistable = |problem| AllowlistError::PathUnlistable {
            path: first.raw_path.to_vec(),
            format: "a flat allowlist",
            problem,
        };
        let path = if self.escapes {
            escaped(first.path)
        } else {
            Cow::Borrowed(first.path)
        };
        if breaks_a_line(&path) {
            return Err(unlistable("it has what some reader takes for the end of a line"));
        }
        if matches!(path.first(), None | Some(b' ' | b'\t' | b'*')) {
            return Err(unlistable(
                "its first character would be taken for a part of the separator",
            ));
        }
        let mark: &[u8] = match path {
            Cow::Owned(_) => b"\\",
            Cow::Borrowed(_) => b"",
        };
        self.rows(mark, &path, rows.iter().copied(), out);
        Ok(())
    }

    fn tail(&self, _out: &mut Vec<u8>) {}
}

impl Flat {
    fn rows<'a>(self, mark: &[u8], path: &[u8], rows: impl Iterator<Item = Listed<'a>>, out: &mut Vec<u8>) {
        let mut last = None;
        for row in rows {
            // The same digest from another origin is the same line.
            if last.replace((row.algorithm, row.digest)) != Some((row.algorithm, row.digest)) {
                out.extend_from_slice(mark);
                if self.names_algorithms {
                    out.extend_from_slice(row.algorithm.name().as_bytes());
                    out.push(b':');
                }
                encode_hex(row.digest, out);
                out.extend_from_slice(b"  ");
                out.extend_from_slice(path);
                out.push(b'\n');
            }
        }
    }
}

/// The path as coreutils write it on a line that begins with a backslash; borrowed if it needs none.
fn escaped(path: &[u8]) -> Cow<'_, [u8]> {
    if !path.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'\\')) {
        return Cow::Borrowed(path);
    }
    let mut text = Vec::with_capacity(path.len().saturating_add(8));
    for &byte in path {
        match byte {
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            b'\\' => text.extend_from_slice(b"\\\\"),
            byte => text.push(byte),
        }
    }
    Cow::Owned(text)
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
    for row in flat_rows(text) {
        match row {
            Ok(row) => {
                rows = rows.saturating_add(1);
                builder.insert(&row.path, &row.digest, origin, None);
            }
            Err(error) => errors.push(error),
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

#[cfg(test)]
mod tests {
    use super::*;
    use ima_assay_digest::{Algorithm, hash};

    const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

    #[test]
    fn paths_are_kept_as_the_list_has_them_and_spelled_as_ima_does() {
        let list = parse_flat(format!("{SHA256}  /a b\n{SHA256} */c").as_bytes(), b"list").unwrap();
        let paths: Vec<_> = list.rows().map(|row| (row.path, row.raw_path)).collect();
        let expected: [(&[u8], &[u8]); 2] = [(b"/a_b", b"/a b"), (b"/c", b"/c")];
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_path_that_would_break_its_line_is_not_written() {
        for (path, is_written) in [
            ("/a\nb", false),
            ("/a\r", false),
            ("/a\rb", false),
            ("/a\u{2028}b", false),
            ("/a\tb", true),
        ] {
            let mut builder = Builder::default();
            let origin = builder.origin(b"image");
            builder.insert(
                path.as_bytes(),
                &hash(Algorithm::Sha256, b"hello\n"),
                origin,
                None,
            );
            let list = builder.build();
            let mut out = Vec::new();
            let outcome = Flat::default().path(&list.rows().collect::<Vec<_>>(), true, &mut out);
            assert_eq!(outcome.is_ok(), is_written, "{path:?}");
            if is_written {
                let again = parse_flat(&out, b"image").unwrap();
                assert_eq!(again.get(0).map(|row| row.path), Some(path.as_bytes()));
            }
        }
    }

    #[test]
    fn every_bad_line_is_an_error_and_so_is_none_at_all() {
        let text = format!("{SHA256}  /a\nzz  /b\n{SHA256}\n");
        assert_eq!(parse_flat(text.as_bytes(), b"list").unwrap_err().len(), 2);
        assert_eq!(
            parse_flat(b"\n \n", b"list").unwrap_err(),
            [AllowlistError::Empty]
        );
    }
}
