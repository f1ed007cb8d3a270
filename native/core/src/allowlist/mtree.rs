//! mtree manifests, for `bsdtar`, `gomtree` and the like.
//!
//! ```text
//! #mtree
//! ./usr/bin/with\040space type=file mode=0755 uid=0 gid=0 size=6 sha256digest=5891b5b5…
//! ```

use std::io::Write as _;

use ima_assay_digest::{Algorithm, encode_hex};

use super::{Allowlist, AllowlistError, Format, Listed};

/// Writes an mtree manifest: paths as the image has them, escaped as vis(3) does.
pub struct Mtree;

impl Format for Mtree {
    fn head(&self, _list: &Allowlist, out: &mut Vec<u8>) {
        out.extend_from_slice(b"#mtree\n");
    }

    fn path(&self, rows: &[Listed<'_>], _is_first: bool, out: &mut Vec<u8>) -> Result<(), AllowlistError> {
        if let Some((row, algorithm)) = rows
            .iter()
            .find_map(|row| keyword(row.algorithm).err().map(|algorithm| (row, algorithm)))
        {
            return Err(AllowlistError::DigestUnlistable {
                path: row.raw_path.to_vec(),
                format: "mtree",
                algorithm,
                problem: "it has no keyword for it",
            });
        }
        // A line for each version of the file; its digests are keywords beside one another.
        let mut rest: Vec<&Listed<'_>> = rows.iter().collect();
        while let Some(first) = rest.first().copied() {
            let is_same = |row: &&Listed<'_>| {
                (row.raw_path, row.origin, row.facts) == (first.raw_path, first.origin, first.facts)
            };
            write_path(first.raw_path, out);
            out.extend_from_slice(b" type=file");
            if let Some(facts) = first.facts {
                // Writing to a vector cannot fail.
                let _ = write!(
                    out,
                    " mode={:04o} uid={} gid={} size={}",
                    facts.mode & 0o7777,
                    facts.uid,
                    facts.gid,
                    facts.size_bytes
                );
            }
            for row in rest.iter().filter(|row| is_same(row)) {
                let _ = write!(out, " {}=", keyword(row.algorithm).unwrap_or_default());
                encode_hex(row.digest, out);
            }
            out.push(b'\n');
            rest.retain(|row| !is_same(row));
        }
        Ok(())
    }

    fn tail(&self, _out: &mut Vec<u8>) {}
}

/// mtree's keyword for a digest, or the name of the algorithm it has none for.
fn keyword(algorithm: Algorithm) -> Result<&'static str, &'static str> {
    Ok(match algorithm {
        Algorithm::Md5 => "md5digest",
        Algorithm::Sha1 => "sha1digest",
        Algorithm::Rmd160 => "rmd160digest",
        Algorithm::Sha256 => "sha256digest",
        Algorithm::Sha384 => "sha384digest",
        Algorithm::Sha512 => "sha512digest",
        other => return Err(other.name()),
    })
}

/// `./` and the path, with what mtree readers would trip over as three octal digits.
fn write_path(path: &[u8], out: &mut Vec<u8>) {
    out.push(b'.');
    for &byte in path {
        if byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'=' | b'*' | b'?' | b'[') {
            out.push(byte);
        } else {
            let _ = write!(out, "\\{byte:03o}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Builder, FileFacts};
    use super::*;
    use ima_assay_digest::hash;

    #[test]
    fn a_file_is_a_line_with_all_its_digests() {
        let mut builder = Builder::default();
        let origin = builder.origin(b"image");
        let facts = Some(FileFacts {
            mode: 0o100_755,
            uid: 0,
            gid: 5,
            size_bytes: 6,
        });
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256] {
            builder.insert(b"/a b\\\xff", &hash(algorithm, b"hello\n"), origin, facts);
        }
        let list = builder.build();
        let mut out = Vec::new();
        Mtree
            .path(&list.rows().collect::<Vec<_>>(), true, &mut out)
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "./a\\040b\\134\\377 type=file mode=0755 uid=0 gid=5 size=6 \
             sha1digest=f572d396fae9206628714fb2ce00f72e94f2258f \
             sha256digest=5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\n"
        );
    }
}
