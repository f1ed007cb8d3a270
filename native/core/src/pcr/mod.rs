//! PCR values, in every form in which they are kept, told apart by their content.
//!
//! Nothing in these files is signed. A value counts once a quote's `pcrDigest` covers it, and it is the
//! selection inside the signed message that says which PCR a value belongs to.

mod error;
mod structures;
#[cfg(test)]
mod tests;
mod text;
mod values;

pub use error::PcrError;
pub use values::PcrValues;

use ima_assay_digest::Algorithm;

use crate::tpm::PcrSelection;

/// Largest file of PCR values, in bytes; every PCR of every bank as text is a tenth of it.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// A way to keep PCR values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PcrForm {
    /// Lines `BANK:INDEX=HEX`.
    BankLines,
    /// Lines `PCR-10: AB CD …`: TPM 1.2's `pcrs`, and what evmctl reads.
    PcrLines,
    /// What `tpm2_pcrread` prints.
    PcrRead,
    /// What `tpm2_quote` prints.
    QuoteOutput,
    /// One value: a file `pcr-BANK/INDEX` of sysfs.
    Sysfs,
    /// C structures as in memory, little endian: `tpm2_quote -o`.
    Serialized,
    /// Marshaled structures, big endian: `tpm2_quote -F marshaled`.
    Marshaled,
    /// Values one after another: `tpm2_pcrread -o`, `tpm2_quote -F values`.
    Values,
}

impl PcrForm {
    /// A short name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BankLines => "BANK:INDEX=HEX lines",
            Self::PcrLines => "PCR-INDEX lines",
            Self::PcrRead => "tpm2_pcrread output",
            Self::QuoteOutput => "tpm2_quote output",
            Self::Sysfs => "sysfs",
            Self::Serialized => "serialized",
            Self::Marshaled => "marshaled",
            Self::Values => "values",
        }
    }
}

/// What is known about a file of PCR values beside its content.
#[derive(Debug, Clone, Copy, Default)]
pub struct PcrContext<'a> {
    /// Its path; `…/pcr-sha256/10` tells bank and index of a sysfs file.
    pub path: Option<&'a [u8]>,
    /// The bank, for forms that do not name it.
    pub bank: Option<Algorithm>,
    /// The PCR, for a file with one value.
    pub index: Option<u8>,
    /// The selection of the quote these values belong to. It decides which PCR each value of a binary file
    /// belongs to, whatever the file itself says.
    pub selection: Option<&'a PcrSelection>,
}

/// A file of PCR values, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcrFile {
    /// The form it was in.
    pub form: PcrForm,
    /// The values, by bank and index.
    pub values: PcrValues,
    /// The selection in the file, if its form has one.
    pub selection: Option<PcrSelection>,
    /// Whether the file's selection is another one than the quote's. The quote's was used.
    pub selection_differs: bool,
}

/// Reads PCR values.
///
/// Text that is cut between two lines cannot be told from a shorter file: what is not there is missing where it
/// is needed.
///
/// # Errors
/// [`PcrError`]: the form is unknown, a value does not fit its bank, bank or index are nowhere named, or two
/// values of one PCR differ.
pub fn parse_pcr_values(bytes: &[u8], context: &PcrContext<'_>) -> Result<PcrFile, PcrError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(PcrError::TooLarge {
            limit: MAX_FILE_BYTES,
        });
    }
    let is_text = bytes
        .iter()
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let file = if is_text {
        text::parse(bytes, context)?
    } else {
        structures::parse(bytes, context)?
    };
    if file.values.is_empty() {
        return Err(PcrError::Empty);
    }
    Ok(file)
}
