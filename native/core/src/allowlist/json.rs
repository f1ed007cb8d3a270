//! The allowlist as JSON, with all that is known of each file.

use std::io::Write as _;

use ima_assay_digest::hex;
use serde_json::{Value, json};

use super::{Allowlist, AllowlistError, Format, Listed};

/// Writes `{"schemaVersion":1,"sources":[…],"files":[…]}`, a line for each file. Every path can be
/// written: one that is no UTF-8 has its bytes beside it in hex.
pub struct Json {
    /// What `sources` says, an object for each origin, in their order.
    pub sources: Value,
}

impl Format for Json {
    fn head(&self, _list: &Allowlist, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "{{\"schemaVersion\":1,\n\"sources\":{},\n\"files\":[\n",
            self.sources
        );
    }

    fn path(&self, rows: &[Listed<'_>], is_first: bool, out: &mut Vec<u8>) -> Result<(), AllowlistError> {
        let Some(first) = rows.first() else { return Ok(()) };
        let mut file = json!({
            "path": String::from_utf8_lossy(first.path),
            "digests": rows.iter().map(describe).collect::<Vec<_>>(),
        });
        if let (Some(fields), Err(_)) = (file.as_object_mut(), std::str::from_utf8(first.path)) {
            fields.insert("path:bytes".to_owned(), hex(first.path).into());
        }
        if !is_first {
            out.extend_from_slice(b",\n");
        }
        let _ = write!(out, "{file}");
        Ok(())
    }

    fn tail(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]}\n");
    }
}

fn describe(row: &Listed<'_>) -> Value {
    let mut digest = json!({
        "algorithm": row.algorithm.name(),
        "digest": hex(row.digest),
        "source": row.origin,
    });
    if let (Some(fields), Some(facts)) = (digest.as_object_mut(), row.facts) {
        fields.insert("mode".to_owned(), format!("{:07o}", facts.mode).into());
        fields.insert("uid".to_owned(), facts.uid.into());
        fields.insert("gid".to_owned(), facts.gid.into());
        fields.insert("size".to_owned(), facts.size_bytes.into());
        if row.raw_path != row.path {
            fields.insert("name".to_owned(), String::from_utf8_lossy(row.raw_path).into());
        }
        if let Some(signatures) = row.signatures {
            for (name, signature) in [("signature", &signatures.ima), ("evmSignature", &signatures.evm)] {
                if let Some(signature) = signature {
                    fields.insert(name.to_owned(), hex(signature).into());
                }
            }
        }
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::super::{Builder, FileFacts, Writer};
    use super::*;
    use ima_assay_digest::{Algorithm, hash};
    use std::sync::Arc;

    #[test]
    fn every_path_is_written_and_the_whole_is_json() {
        let mut builder = Builder::default();
        let origin = builder.origin(b"image");
        let facts = Some(FileFacts {
            mode: 0o100_644,
            uid: 0,
            gid: 0,
            size_bytes: 1,
        });
        for path in [&b"/a b"[..], b"/\xff\n", b"/\"q\""] {
            builder.insert(path, &hash(Algorithm::Md5, b"x"), origin, facts);
        }
        let format = Box::new(Json {
            sources: json!([{"name": "image"}]),
        });
        let mut writer = Writer::new(Arc::new(builder.build()), format, false);
        let text = writer.next_piece(1 << 20).unwrap().unwrap();
        let parsed: Value = serde_json::from_slice(&text).unwrap();
        let paths: Vec<_> = parsed["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| &file["path"])
            .collect();
        assert_eq!(paths, ["/\"q\"", "/a_b", "/\u{fffd}\n"]);
        assert_eq!(parsed["files"][1]["digests"][0]["name"], "/a b");
        assert_eq!(parsed["files"][2]["path:bytes"], "2fff0a");
        assert_eq!(parsed["files"][0]["digests"][0]["mode"], "0100644");
    }
}
