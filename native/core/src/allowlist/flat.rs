//! The flat allowlist, as `sha256sum` writes it.
//!
//! ```text
//! 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  /usr/bin/hello
//! └ hex digest                                                    └ two blanks, path to the line's end
//! ```

use ima_assay_digest::encode_hex;

use super::{Allowlist, AllowlistError, Builder, Format, Listed, flat_rows};

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
            let outcome = Flat.path(&list.rows().collect::<Vec<_>>(), true, &mut out);
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
