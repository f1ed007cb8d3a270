//! Shows entries to people and to programs.

use std::io::Write as _;

use ima_assay_digest::encode_hex;

use super::entry::Entry;
use super::field::{Field, FieldKind, FileDigest, Value};
use super::template::FieldId;
use crate::path::Escaped;

impl Entry<'_> {
    /// Appends the entry as a line of JSON:
    ///
    /// ```text
    /// {"entry":1,"pcr":10,"template":"ima-sig","templateHash":"hex","violation":false,
    ///  "fields":{"d-ng":{"algorithm":"sha256","digest":"hex"},"n-ng":"/usr/bin/x","sig":"hex"}}
    /// ```
    ///
    /// Fields by the kernel's ids. A text that is no UTF-8 has its bytes beside it, as `"n-ng:bytes":"hex"`; a
    /// digest or a number that is not there is `null`. An entry with a fault has `"fault":{"code","message"}`,
    /// and `"templateData":"hex"` if its fields cannot be told.
    pub fn print_json(&self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{{\"entry\":{},\"pcr\":{}", self.number(), self.pcr);
        text_member("template", self.template, self.template, out);
        hex_member("templateHash", self.recorded, out);
        let _ = write!(out, ",\"violation\":{},\"fields\":{{", self.is_violation);
        let fields_at = out.len();
        for field in self.fields() {
            field_member(&field, out);
        }
        // Each member brings the comma before it.
        if out.get(fields_at) == Some(&b',') {
            out.remove(fields_at);
        }
        out.push(b'}');
        if let Some(data) = self.data.filter(|_| self.spans.is_empty()) {
            hex_member("templateData", data, out);
        }
        if let Some(problem) = self.problem {
            let _ = write!(out, ",\"fault\":{{\"code\":\"{}\",\"message\":", problem.code());
            string(&problem.to_string(), out);
            out.push(b'}');
        }
        out.extend_from_slice(b"}\n");
    }

    /// Appends the entry as a line of text: number, PCR, template, then its fields, the digest and the name
    /// without their ids. Control characters are escaped.
    pub fn print_text(&self, out: &mut Vec<u8>) {
        let template = Escaped(self.template).to_string();
        let _ = write!(out, "{:>6}  {:>2}  {template}", self.number(), self.pcr);
        if self.is_violation {
            out.extend_from_slice(b"  violation");
        }
        for field in self.fields() {
            let is_plain = field.id.is_name() || field.id.is_file_digest();
            if field.bytes.is_empty() && !is_plain {
                continue;
            }
            out.extend_from_slice(b"  ");
            if !is_plain {
                let _ = write!(out, "{}=", field.id);
            }
            match (field.id, field.value()) {
                (_, Value::Text(text)) => {
                    let _ = write!(out, "{}", Escaped(text));
                }
                (FieldId::Buf, Value::Bytes(text)) if is_readable(text) => {
                    let _ = write!(out, "\"{}\"", Escaped(text));
                }
                _ if field.id.kind() == FieldKind::Text => {
                    let _ = write!(out, "{}", Escaped(field.bytes));
                }
                _ => {
                    let mut shown = Vec::new();
                    field.print_ascii(&mut shown);
                    let _ = write!(out, "{}", Escaped(&shown));
                }
            }
        }
        if let Some(problem) = self.problem {
            let _ = write!(out, "  [{}: {problem}]", problem.code());
        }
        out.push(b'\n');
    }
}

/// Whether a buffer is a text that can stand between quotes.
fn is_readable(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|&byte| matches!(byte, b' '..=b'~') && byte != b'"')
}

fn field_member(field: &Field<'_>, out: &mut Vec<u8>) {
    let name = field.id.name();
    match field.value() {
        Value::Absent => {
            let _ = write!(out, ",\"{name}\":null");
        }
        Value::Number(number) => {
            let _ = write!(out, ",\"{name}\":{number}");
        }
        Value::Digest(digest) => {
            let _ = write!(out, ",\"{name}\":{{");
            digest_members(&digest, out);
            out.push(b'}');
        }
        Value::Text(text) => text_member(name, text, text, out),
        Value::Bytes(bytes) if field.id.kind() == FieldKind::Text => {
            text_member(name, field.text_to_show(), bytes, out);
        }
        Value::Bytes(bytes) => hex_member(name, bytes, out),
    }
}

fn digest_members(digest: &FileDigest<'_>, out: &mut Vec<u8>) {
    let members = [("type", digest.digest_type), ("algorithm", digest.algorithm_name)];
    for (name, text) in members {
        if let Some(text) = text {
            let _ = write!(out, "\"{name}\":");
            string(&String::from_utf8_lossy(text), out);
            out.push(b',');
        }
    }
    out.extend_from_slice(b"\"digest\":\"");
    encode_hex(digest.digest, out);
    out.push(b'"');
}

fn hex_member(name: &str, bytes: &[u8], out: &mut Vec<u8>) {
    let _ = write!(out, ",\"{name}\":\"");
    encode_hex(bytes, out);
    out.push(b'"');
}

/// A text, and beside it the bytes that it should tell if it does not.
fn text_member(name: &str, text: &[u8], bytes: &[u8], out: &mut Vec<u8>) {
    let _ = write!(out, ",\"{name}\":");
    let shown = String::from_utf8_lossy(text);
    string(&shown, out);
    if shown.as_bytes() != bytes {
        hex_member(&format!("{name}:bytes"), bytes, out);
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    // A vector takes everything, and every string can be JSON.
    let _ = serde_json::to_writer(out, text);
}
