//! The text that Keylime would be given for an entry: the kernel's ASCII form, unsound names and all.

use std::io::Write as _;

use ima_assay_digest::encode_hex;

use crate::measurement::{Entry, Field, FieldKind, Value};

/// Puts the text of an entry into `out`, without the line end. False if it has no text: its fields are not known.
pub(super) fn print(entry: &Entry<'_>, out: &mut Vec<u8>) -> bool {
    out.clear();
    // Writing to a vector cannot fail.
    let _ = write!(out, "{:2} ", entry.pcr());
    encode_hex(entry.recorded_hash(), out);
    out.push(b' ');
    out.extend_from_slice(entry.template());
    let mut has_fields = false;
    for field in entry.fields() {
        has_fields = true;
        out.push(b' ');
        print_field(&field, out);
    }
    let notes = entry.notes();
    if notes.has_restored_blanks {
        out.truncate(out.trim_ascii_end().len());
    }
    if notes.has_carriage_return {
        out.push(b'\r');
    }
    has_fields
}

fn print_field(field: &Field<'_>, out: &mut Vec<u8>) {
    match (field.id.kind(), field.value()) {
        (_, Value::Absent) => {}
        (_, Value::Number(number)) => {
            let _ = write!(out, "{number}");
        }
        (FieldKind::TaggedDigest, Value::Digest(digest)) => {
            let tag = field.text_to_show();
            if tag != b":" {
                out.extend_from_slice(tag);
            }
            encode_hex(digest.digest, out);
        }
        (FieldKind::Text, _) => out.extend_from_slice(field.text_to_show()),
        _ => encode_hex(field.bytes, out),
    }
}
