//! The forms that are text.
//!
//! ```text
//! sha256:10=43513845…          BANK:INDEX=HEX lines, `#` for comments
//! PCR-10: 43 51 38 45 …        TPM 1.2's `pcrs`, evmctl
//!   sha256:                    tpm2_pcrread; older: `sha256 :`, no `0x`
//!     10: 0x43513845…
//! pcrs:                        tpm2_quote, after `quoted:` and `signature:`
//! 43513845…                    sysfs
//! ```

use ima_assay_digest::{Algorithm, Digest, decode_hex};

use super::{PcrContext, PcrError, PcrFile, PcrForm, PcrValues};
use crate::tpm::MAX_PCRS;

/// A line with its number and without blanks around it.
type Line<'a> = (u64, &'a str);

pub(super) fn parse(bytes: &[u8], context: &PcrContext<'_>) -> Result<PcrFile, PcrError> {
    let text = str::from_utf8(bytes).map_err(|_| PcrError::FormUnknown)?;
    let lines: Vec<Line<'_>> = (1..)
        .zip(text.lines().map(str::trim))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let form = form_of(&lines)?;
    let values = match form {
        PcrForm::BankLines => bank_lines(&lines)?,
        PcrForm::PcrLines => pcr_lines(&lines, context, text.ends_with('\n'))?,
        PcrForm::Sysfs => sysfs(&lines, context)?,
        _ => sections(&lines)?,
    };
    Ok(PcrFile {
        form,
        values,
        selection: None,
        selection_differs: false,
    })
}

fn form_of(lines: &[Line<'_>]) -> Result<PcrForm, PcrError> {
    let (_, first) = lines.first().ok_or(PcrError::Empty)?;
    Ok(if first.contains('=') {
        PcrForm::BankLines
    } else if first.starts_with("PCR-") {
        PcrForm::PcrLines
    } else if first.starts_with("quoted:") {
        PcrForm::QuoteOutput
    } else if first.contains(':') {
        PcrForm::PcrRead
    } else if lines.len() == 1 && first.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        PcrForm::Sysfs
    } else {
        return Err(PcrError::FormUnknown);
    })
}

fn bank_lines(lines: &[Line<'_>]) -> Result<PcrValues, PcrError> {
    let mut values = PcrValues::default();
    for &(line, text) in lines {
        let malformed = |problem| PcrError::LineMalformed { line, problem };
        let (name, hex) = text.split_once('=').ok_or(malformed("no `=`"))?;
        let (bank, index) = name.split_once(':').ok_or(malformed("no `:` after the bank"))?;
        let bank = bank_named(bank, line)?;
        insert(&mut values, bank, index_of(index, line)?, hex, line)?;
    }
    Ok(values)
}

fn pcr_lines(
    lines: &[Line<'_>],
    context: &PcrContext<'_>,
    is_last_line_whole: bool,
) -> Result<PcrValues, PcrError> {
    let told = context
        .bank
        .or_else(|| path_names(context.path?).map(|(bank, _)| bank));
    let mut values = PcrValues::default();
    let mut guessed = None;
    for (number, &(line, text)) in (1..).zip(lines) {
        let malformed = |problem| PcrError::LineMalformed { line, problem };
        let rest = text.strip_prefix("PCR-").ok_or(malformed("no `PCR-`"))?;
        let (index, hex) = rest.split_once(':').ok_or(malformed("no `:` after the PCR"))?;
        let bank = match told.or(guessed) {
            Some(bank) => bank,
            // Half a sha256 value looks like a sha1 one: a line that may be cut says nothing about its bank.
            None if number == lines.len() && !is_last_line_whole => return Err(PcrError::BankUntold),
            None => by_digits(hex).ok_or(PcrError::BankUntold)?,
        };
        guessed = Some(bank);
        insert(&mut values, bank, index_of(index, line)?, hex, line)?;
    }
    Ok(values)
}

/// The bank whose values are this long: of each length the one in use.
fn by_digits(hex: &str) -> Option<Algorithm> {
    let digits = hex.bytes().filter(u8::is_ascii_hexdigit).count();
    [
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
    ]
    .into_iter()
    .find(|bank| bank.len().checked_mul(2) == Some(digits))
}

fn sysfs(lines: &[Line<'_>], context: &PcrContext<'_>) -> Result<PcrValues, PcrError> {
    let named = context.path.and_then(path_names);
    let bank = context.bank.or(named.map(|(bank, _)| bank));
    let index = context.index.or(named.map(|(_, index)| index));
    let mut values = PcrValues::default();
    for &(line, hex) in lines {
        let bank = bank.ok_or(PcrError::BankUntold)?;
        insert(&mut values, bank, index.ok_or(PcrError::IndexUntold)?, hex, line)?;
    }
    Ok(values)
}

/// Bank and index in `…/pcr-sha256/10`.
fn path_names(path: &[u8]) -> Option<(Algorithm, u8)> {
    let mut parts = str::from_utf8(path).ok()?.rsplit('/');
    let index = parts.next()?;
    let bank = parts.next()?.strip_prefix("pcr-")?;
    Some((bank.parse().ok()?, index.parse().ok()?))
}

/// What `tpm2_pcrread` and `tpm2_quote` print: a bank's name, then its PCRs.
fn sections(lines: &[Line<'_>]) -> Result<PcrValues, PcrError> {
    let mut values = PcrValues::default();
    let mut bank = None;
    for &(line, text) in lines {
        let malformed = |problem| PcrError::LineMalformed { line, problem };
        let (key, value) = text.split_once(':').ok_or(malformed("no `:`"))?;
        match (key.trim_end(), value.trim_start()) {
            ("quoted" | "alg" | "sig" | "calcDigest", _) | ("signature" | "pcrs", "") => bank = None,
            (name, "") => bank = Some(bank_named(name, line)?),
            (index, hex) => {
                let bank = bank.ok_or(malformed("a value before any bank"))?;
                let hex = hex.strip_prefix("0x").unwrap_or(hex);
                insert(&mut values, bank, index_of(index, line)?, hex, line)?;
            }
        }
    }
    Ok(values)
}

fn bank_named(name: &str, line: u64) -> Result<Algorithm, PcrError> {
    let problem = "no bank has this name";
    name.trim()
        .parse()
        .map_err(|_| PcrError::LineMalformed { line, problem })
}

fn index_of(text: &str, line: u64) -> Result<u8, PcrError> {
    let text = text.trim();
    Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|&index| index < MAX_PCRS)
        .ok_or(PcrError::LineMalformed {
            line,
            problem: "no PCR has this number",
        })
}

/// Hex digits with or without blanks between the bytes.
fn insert(values: &mut PcrValues, bank: Algorithm, index: u8, hex: &str, line: u64) -> Result<(), PcrError> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
    let bytes = decode_hex(&digits).map_err(|_| PcrError::LineMalformed {
        line,
        problem: "the value is not hexadecimal",
    })?;
    let value = Digest::new(bank, &bytes).map_err(|_| PcrError::ValueLength {
        bank,
        index,
        found: bytes.len(),
        line: Some(line),
    })?;
    values.insert(index, value)
}
