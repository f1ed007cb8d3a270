//! Why PCR values cannot be read.

use ima_assay_digest::{Algorithm, Digest};

use crate::error::{Explain, Place};
use crate::tpm::TpmError;

/// Why PCR values cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PcrError {
    /// A line that does not fit the form the file is in.
    #[error("line {line}: {problem}")]
    LineMalformed {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value that is longer or shorter than those of its bank.
    #[error("PCR {index} of the {bank} bank: a value of {found} bytes, it should have {}", bank.len())]
    ValueLength {
        /// The bank.
        bank: Algorithm,
        /// The PCR.
        index: u8,
        /// Bytes of the value.
        found: usize,
        /// The line, for text.
        line: Option<u64>,
    },
    /// Two values of one PCR.
    #[error("PCR {index} of the {} bank has two values: {first} and {second}", first.algorithm())]
    Conflict {
        /// The PCR.
        index: u8,
        /// The value that was there first.
        first: Box<Digest>,
        /// The other one.
        second: Box<Digest>,
    },
    /// The form does not name the bank, nor does anything else.
    #[error("PCR values of which bank?")]
    BankUntold,
    /// The form does not name the PCR, nor does anything else.
    #[error("the value of which PCR?")]
    IndexUntold,
    /// Values one after another, without any names.
    #[error("PCR values without a selection that says whose they are")]
    SelectionUntold,
    /// A bank whose algorithm is unknown here, so that its values cannot be told apart.
    #[error("a bank with the unknown algorithm {id:#06x}")]
    BankUnknown {
        /// The `TPM_ALG_ID`.
        id: u16,
    },
    /// Values one after another, and not as many bytes as the selection asks for.
    #[error("{found} bytes of PCR values, {expected} are selected")]
    LengthWrong {
        /// Bytes that the selected PCRs have.
        expected: usize,
        /// Bytes in the file.
        found: usize,
    },
    /// Not as many values as PCRs are selected.
    #[error("{found} PCR values, {expected} are selected")]
    CountWrong {
        /// PCRs that are selected.
        expected: usize,
        /// Values in the file.
        found: usize,
    },
    /// Text in none of the known forms.
    #[error("no known form of PCR values")]
    FormUnknown,
    /// The file is larger than any file of PCR values.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// There is no value at all.
    #[error("no PCR value in it")]
    Empty,
    /// A binary form that is cut or damaged.
    #[error(transparent)]
    Structure(#[from] TpmError),
}

impl Explain for PcrError {
    fn code(&self) -> &'static str {
        match self {
            Self::LineMalformed { .. } => "PCR_LINE_MALFORMED",
            Self::ValueLength { .. } => "PCR_VALUE_LENGTH",
            Self::Conflict { .. } => "PCR_CONFLICT",
            Self::BankUntold => "PCR_BANK_UNTOLD",
            Self::IndexUntold => "PCR_INDEX_UNTOLD",
            Self::SelectionUntold => "PCR_SELECTION_UNTOLD",
            Self::BankUnknown { .. } => "PCR_BANK_UNKNOWN",
            Self::LengthWrong { .. } => "PCR_LENGTH_WRONG",
            Self::CountWrong { .. } => "PCR_COUNT_WRONG",
            Self::FormUnknown => "PCR_FORM_UNKNOWN",
            Self::TooLarge { .. } => "PCR_FILE_TOO_LARGE",
            Self::Empty => "PCR_EMPTY",
            Self::Structure(error) => error.code(),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::LineMalformed { line, .. } | Self::ValueLength { line: Some(line), .. } => Place {
                line: Some(*line),
                ..Place::default()
            },
            Self::Structure(error) => error.place(),
            _ => Place::default(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::LineMalformed { .. } | Self::FormUnknown => {
                "give the output of tpm2_pcrread, the file of tpm2_quote -o, or lines BANK:INDEX=HEX"
            }
            Self::ValueLength { .. } => "the value is cut, or belongs to another bank",
            Self::Conflict { .. } => "give the values of one moment only",
            Self::BankUntold => "name the bank, for example sha256",
            Self::IndexUntold => "name the PCR, as in sha256:10=HEX",
            Self::SelectionUntold => "give the quote's message, or the selection, as in sha256:0,10",
            Self::BankUnknown { .. } => "quote banks of sha1, sha256, sha384, sha512, sm3 or sha3",
            Self::LengthWrong { .. } | Self::CountWrong { .. } => {
                "the file is cut, or belongs to another quote or selection"
            }
            Self::TooLarge { .. } | Self::Empty => "check that the file is what it is given for",
            Self::Structure(error) => return error.hint(),
        })
    }
}
