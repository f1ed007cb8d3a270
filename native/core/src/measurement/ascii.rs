//! The ASCII form: one line an entry, single blanks between columns, an empty column for an empty field.
//!
//! ```text
//! 10 cd258b7994658b2082abe0ee3fe7df16ccca714f ima-sig sha256:ca97…48bb /bin/a ↵
//! │  └ template hash                          │       └ fields, here the last one empty
//! └ PCR, two columns wide                     └ template
//! ```
//!
//! What is shown is not what is hashed: the template data is put together again from the columns. Only the
//! template hash tells whether that went well, and whether a name has line ends in it, which are not escaped.

use super::binary::LEGACY_NAME_BYTES;
use super::entry::Span;
use super::fault::Problem;
use super::field::{FieldKind, parse_ascii};
use super::order::ByteOrder;
use super::template::{FieldId, Template};

/// The columns that every line has.
pub(super) struct Head<'a> {
    pub(super) pcr: u32,
    /// The template hash in hexadecimal.
    pub(super) hash: &'a [u8],
    /// The template, and where the columns of its fields start in the line, if there are any.
    pub(super) template: Result<(&'a [u8], Option<usize>), Problem>,
}

/// The first column, and where the next one starts, if there is one.
fn column(text: &[u8]) -> (&[u8], Option<usize>) {
    match memchr::memchr(b' ', text) {
        Some(blank) => (
            text.get(..blank).unwrap_or_default(),
            Some(blank.saturating_add(1)),
        ),
        None => (text, None),
    }
}

/// The columns at the start of a line.
pub(super) fn head(line: &[u8]) -> Result<Head<'_>, Problem> {
    let text = line.strip_prefix(b" ").unwrap_or(line);
    let (pcr, next) = column(text);
    if pcr.contains(&b'\t') {
        return Err(Problem::TabSeparated);
    }
    let pcr = number(pcr).ok_or(Problem::PcrMalformed)?;
    let text = text
        .get(next.ok_or(Problem::ColumnsMissing)?..)
        .unwrap_or_default();
    let (hash, next) = column(text);
    if hash.is_empty() {
        return Err(Problem::BlankDoubled);
    }
    let template = match next.and_then(|next| text.get(next..)) {
        None => Err(Problem::ColumnsMissing),
        Some(text) => match column(text) {
            ([], _) => Err(Problem::BlankDoubled),
            (template, next) => {
                let text_at = line.len().saturating_sub(text.len());
                Ok((template, next.map(|next| text_at.saturating_add(next))))
            }
        },
    };
    Ok(Head { pcr, hash, template })
}

/// One to three decimal digits.
fn number(digits: &[u8]) -> Option<u32> {
    if !(1..=3).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit.saturating_sub(b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit.into()))
    })
}

/// What came of putting template data together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rebuilt {
    /// What is wrong unless the template hash says otherwise.
    pub(super) doubt: Option<Problem>,
    pub(super) has_restored_blanks: bool,
    pub(super) has_upper_case: bool,
}

/// Puts the template data together from the columns of the fields.
pub(super) fn rebuild(
    columns: Option<&[u8]>,
    template: &Template,
    order: ByteOrder,
    data: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<Rebuilt, Problem> {
    data.clear();
    spans.clear();
    let mut rebuilt = Rebuilt::default();
    let mut rest = columns;
    let mut fields = template.fields().iter().peekable();
    while let Some(&field) = fields.next() {
        let text = match rest {
            Some(text) if fields.peek().is_some() => {
                let (text, next) = column(text);
                rest = rest.and_then(|rest| rest.get(next?..));
                text
            }
            // The last field takes all that is left.
            Some(text) => {
                rebuilt.doubt = surplus(field, text, template)?;
                rest = None;
                text
            }
            None if field.may_be_empty() => {
                rebuilt.has_restored_blanks = true;
                b""
            }
            None => return Err(Problem::ColumnsMissing),
        };
        if text.is_empty() && !field.may_be_empty() && !field.is_name() {
            return Err(Problem::BlankDoubled);
        }
        rebuilt.has_upper_case |= has_upper_case(field, text);
        append(field, text, template, order, data, spans)?;
    }
    Ok(rebuilt)
}

/// What blanks in the last column mean: too many columns, or a name that a kernel before 3.13 wrote.
fn surplus(field: FieldId, text: &[u8], template: &Template) -> Result<Option<Problem>, Problem> {
    if !text.contains(&b' ') {
        return Ok(None);
    }
    let problem = if text.starts_with(b" ") {
        Problem::BlankDoubled
    } else {
        Problem::ColumnsSurplus
    };
    match field.is_name() {
        true => Ok((!template.is_legacy()).then_some(problem)),
        false => Err(problem),
    }
}

fn append(
    field: FieldId,
    text: &[u8],
    template: &Template,
    order: ByteOrder,
    data: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(), Problem> {
    let len_at = data.len();
    if !template.is_legacy() {
        data.extend([0; 4]);
    }
    let start = data.len();
    parse_ascii(field, text, order, data)?;
    let end = data.len();
    spans.push(Span { start, end });
    let len = end.saturating_sub(start);
    if !template.is_legacy() {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        if let Some(prefix) = data.get_mut(len_at..start) {
            prefix.copy_from_slice(&order.bytes(len));
        }
    } else if field.is_name() {
        if len > LEGACY_NAME_BYTES {
            return Err(Problem::LegacyNameLength { len: text.len() });
        }
        data.resize(start.saturating_add(LEGACY_NAME_BYTES), 0);
    }
    Ok(())
}

fn has_upper_case(field: FieldId, text: &[u8]) -> bool {
    let hex = match field.kind() {
        FieldKind::Digest | FieldKind::Bytes => text,
        FieldKind::TaggedDigest => {
            let colon = memchr::memrchr(b':', text);
            text.get(colon.unwrap_or(0)..).unwrap_or_default()
        }
        FieldKind::Text | FieldKind::Number { .. } => &[],
    };
    hex.iter().any(u8::is_ascii_uppercase)
}
