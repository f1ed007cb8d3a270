//! Why bytes are no structure of a TPM.

use crate::error::{Explain, Place};

/// Why bytes are no structure of a TPM. Offsets count from the start of the bytes that were given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// The bytes end too early.
    #[error("{structure}: {missing} bytes are missing at byte {offset}")]
    Truncated {
        /// The structure, as the TPM's specification calls it.
        structure: &'static str,
        /// Where the field starts that does not fit.
        offset: u64,
        /// Bytes of it that are not there.
        missing: u64,
    },
    /// More bytes than the structure has.
    #[error("{structure}: ends at byte {offset}, and {count} bytes follow")]
    Trailing {
        /// The structure.
        structure: &'static str,
        /// Where it ends.
        offset: u64,
        /// Bytes after it.
        count: u64,
    },
    /// A size or a count is beyond what the specification allows.
    #[error("{structure}: {field} at byte {offset} is {found}, and at most {limit} is possible")]
    TooLarge {
        /// The structure.
        structure: &'static str,
        /// The field, as the specification calls it.
        field: &'static str,
        /// Where it stands.
        offset: u64,
        /// Its value.
        found: u64,
        /// The largest possible one.
        limit: u64,
    },
    /// Text that selects no PCRs.
    #[error("PCR selection \"{}\": {problem}", text.escape_debug())]
    SelectionMalformed {
        /// The text.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A number that means nothing here.
    #[error("{structure}: {field} at byte {offset} is {found:#06x}, which is unknown or not supported")]
    Unknown {
        /// The structure.
        structure: &'static str,
        /// The field.
        field: &'static str,
        /// Where it stands.
        offset: u64,
        /// Its value.
        found: u64,
    },
}

impl Explain for TpmError {
    fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "TPM_TRUNCATED",
            Self::Trailing { .. } => "TPM_TRAILING",
            Self::TooLarge { .. } => "TPM_TOO_LARGE",
            Self::SelectionMalformed { .. } => "PCR_SELECTION_MALFORMED",
            Self::Unknown { .. } => "TPM_UNKNOWN",
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Truncated { offset, .. }
            | Self::Trailing { offset, .. }
            | Self::TooLarge { offset, .. }
            | Self::Unknown { offset, .. } => Place {
                offset_bytes: Some(*offset),
                ..Place::default()
            },
            Self::SelectionMalformed { .. } => Place::default(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Truncated { .. } => "the file is cut; copy it again",
            Self::Trailing { .. } => {
                "check that the file is what it is given for, and copy it in binary mode"
            }
            Self::SelectionMalformed { .. } => "write it as tpm2-tools do: sha256:0,7,10+sha1:all",
            Self::TooLarge { .. } | Self::Unknown { .. } => "check that the file is what it is given for",
        })
    }
}
