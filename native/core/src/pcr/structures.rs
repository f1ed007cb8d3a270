//! The binary forms.
//!
//! ```text
//! serialized   little endian, structures of fixed size
//!              u32 count, 16 × { u16 hash, u8 n, byte bitmap[4], pad }            132 bytes
//!              u32 lists, each { u32 count, 8 × { u16 size, byte[64] } }          532 bytes each
//! marshaled    big endian, as long as needed
//!              u32 count, { u16 hash, u8 n, byte bitmap[n] }
//!              u32 lists, each { u32 count, { u16 size, byte[size] } }
//! values       the values and nothing else
//! ```

use ima_assay_digest::{Digest, MAX_LEN};

use super::{PcrContext, PcrError, PcrFile, PcrForm, PcrValues};
use crate::tpm::{BankSelection, MAX_BANKS, PcrMask, PcrSelection, Reader, TpmError, algorithm};

/// `TPML_DIGEST` has room for this many.
const DIGESTS_IN_LIST: u32 = 8;
/// Bytes that a bitmap has in the C structure.
const BITMAP_BYTES: u8 = 4;

pub(super) fn parse(bytes: &[u8], context: &PcrContext<'_>) -> Result<PcrFile, PcrError> {
    match *bytes {
        [count @ 1..=16, 0, 0, 0, low, high, 0..=BITMAP_BYTES, ..]
            if algorithm::hash(u16::from_le_bytes([low, high])).is_some() && count > 0 =>
        {
            let (selection, values) = serialized(bytes)?;
            named(PcrForm::Serialized, selection, &values, context)
        }
        [0, 0, 0, 1..=16, high, low, 0..=BITMAP_BYTES, ..]
            if algorithm::hash(u16::from_be_bytes([high, low])).is_some() =>
        {
            let (selection, values) = marshaled(bytes)?;
            named(PcrForm::Marshaled, selection, &values, context)
        }
        _ => {
            let selection = context.selection.ok_or(PcrError::SelectionUntold)?;
            Ok(PcrFile {
                form: PcrForm::Values,
                values: arrange(selection, &cut(bytes, selection)?)?,
                selection: None,
                selection_differs: false,
            })
        }
    }
}

/// A file with a selection of its own, which only counts where no quote has one.
fn named(
    form: PcrForm,
    selection: PcrSelection,
    values: &[&[u8]],
    context: &PcrContext<'_>,
) -> Result<PcrFile, PcrError> {
    Ok(PcrFile {
        form,
        values: arrange(context.selection.unwrap_or(&selection), values)?,
        selection_differs: context
            .selection
            .is_some_and(|quoted| !quoted.selects_the_same(&selection)),
        selection: Some(selection),
    })
}

/// Gives each value its bank and index.
fn arrange(selection: &PcrSelection, values: &[&[u8]]) -> Result<PcrValues, PcrError> {
    if selection.len() != values.len() {
        return Err(PcrError::CountWrong {
            expected: selection.len(),
            found: values.len(),
        });
    }
    let mut arranged = PcrValues::default();
    for ((selected, index), value) in selection.pcrs().zip(values) {
        let bank = bank_of(selected)?;
        let value = Digest::new(bank, value).map_err(|_| PcrError::ValueLength {
            bank,
            index,
            found: value.len(),
            line: None,
        })?;
        arranged.insert(index, value)?;
    }
    Ok(arranged)
}

fn bank_of(selected: BankSelection) -> Result<ima_assay_digest::Algorithm, PcrError> {
    selected.bank().ok_or(PcrError::BankUnknown {
        id: selected.algorithm_id,
    })
}

/// Cuts values that follow each other without any sizes.
fn cut<'a>(bytes: &'a [u8], selection: &PcrSelection) -> Result<Vec<&'a [u8]>, PcrError> {
    let lens = selection
        .pcrs()
        .map(|(selected, _)| bank_of(selected).map(ima_assay_digest::Algorithm::len))
        .collect::<Result<Vec<_>, _>>()?;
    let expected = lens.iter().fold(0_usize, |sum, len| sum.saturating_add(*len));
    if expected != bytes.len() {
        return Err(PcrError::LengthWrong {
            expected,
            found: bytes.len(),
        });
    }
    let mut rest = bytes;
    Ok(lens
        .into_iter()
        .filter_map(|len| {
            let (value, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(value)
        })
        .collect())
}

fn serialized(bytes: &[u8]) -> Result<(PcrSelection, Vec<&[u8]>), TpmError> {
    let mut reader = Reader::new("serialized PCR values", bytes);
    let count = bounded_le(&mut reader, "count of banks", MAX_BANKS)?;
    let mut banks = Vec::new();
    for slot in 0..MAX_BANKS {
        let algorithm_id = reader.u16_le()?;
        let offset = reader.offset();
        let len = reader.u8()?;
        let bitmap = reader.take(usize::from(BITMAP_BYTES))?;
        reader.take(1)?;
        // Slots beyond the count hold whatever was in memory.
        if slot < count {
            let used = bitmap.get(..usize::from(len)).ok_or_else(|| {
                reader.too_large("sizeofSelect", offset, u64::from(len), u64::from(BITMAP_BYTES))
            })?;
            let pcrs = PcrMask::from_bitmap(used);
            banks.push(BankSelection { algorithm_id, pcrs });
        }
    }
    let mut values = Vec::new();
    for _ in 0..reader.u32_le()? {
        let count = bounded_le(&mut reader, "count of digests", DIGESTS_IN_LIST)?;
        for slot in 0..DIGESTS_IN_LIST {
            let offset = reader.offset();
            let size = reader.u16_le()?;
            let buffer = reader.take(MAX_LEN)?;
            if slot < count {
                let value = buffer.get(..usize::from(size)).ok_or_else(|| {
                    let limit = u64::try_from(MAX_LEN).unwrap_or(u64::MAX);
                    reader.too_large("size of a digest", offset, u64::from(size), limit)
                })?;
                values.push(value);
            }
        }
    }
    reader.end()?;
    Ok((PcrSelection::new(banks), values))
}

fn bounded_le(reader: &mut Reader<'_>, field: &'static str, limit: u32) -> Result<u32, TpmError> {
    let offset = reader.offset();
    match reader.u32_le()? {
        count if count > limit => Err(reader.too_large(field, offset, u64::from(count), u64::from(limit))),
        count => Ok(count),
    }
}

fn marshaled(bytes: &[u8]) -> Result<(PcrSelection, Vec<&[u8]>), TpmError> {
    let mut reader = Reader::new("marshaled PCR values", bytes);
    let selection = PcrSelection::read(&mut reader)?;
    let mut values = Vec::new();
    for _ in 0..reader.u32()? {
        for _ in 0..reader.count("count of digests", DIGESTS_IN_LIST)? {
            values.push(reader.sized("size of a digest", MAX_LEN)?);
        }
    }
    reader.end()?;
    Ok((selection, values))
}
