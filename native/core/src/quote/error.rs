//! Why a quote, its signature or its key cannot be read.

use crate::error::{Explain, Place};
use crate::public_key::KeyError;
use crate::tpm::TpmError;

/// Why a quote, its signature or its key cannot be read. That a quote does not hold is no error but a result:
/// [`super::QuoteReport`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// A scheme that TPMs may have and nothing here verifies.
    #[error("signatures with {} are not supported", name.map_or_else(|| format!("scheme {id:#06x}"), str::to_owned))]
    SchemeUnsupported {
        /// `TPM_ALG_ID`.
        id: u16,
        /// Its name in the registry.
        name: Option<&'static str>,
    },
    /// A key that is neither RSA nor ECC.
    #[error("attestation keys of type {id:#06x} are not supported")]
    KeyTypeUnsupported {
        /// `TPM_ALG_ID`.
        id: u16,
    },
    /// Not exactly one key.
    #[error("{found} keys, one attestation key is needed")]
    KeyCount {
        /// How many.
        found: usize,
    },
    /// A public area that contradicts itself.
    #[error("no key: {problem}")]
    KeyMalformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A key that cannot be used.
    #[error("attestation key: {0}")]
    Key(#[from] KeyError),
    /// Text that is no quote of Keylime.
    #[error("no quote of Keylime: {problem}")]
    KeylimeMalformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A part of a quote of Keylime that cannot be unpacked.
    #[error("{part} of the quote: {problem}")]
    KeylimePartMalformed {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A part of a quote of Keylime that is larger than it can be.
    #[error("{part} of the quote: more than {limit} bytes")]
    KeylimePartTooLarge {
        /// Which part.
        part: &'static str,
        /// The limit.
        limit: usize,
    },
    /// JSON that is no answer of a Keylime agent.
    #[error("no answer of a Keylime agent: {problem}")]
    AnswerMalformed {
        /// The line, counted from 1, where the JSON breaks off.
        line: Option<u64>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Text that `tpm2_quote` did not print.
    #[error("no output of tpm2_quote: {problem}")]
    OutputMalformed {
        /// The line, counted from 1; 0 for the whole.
        line: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A structure that is cut or damaged.
    #[error(transparent)]
    Structure(#[from] TpmError),
}

impl Explain for QuoteError {
    fn code(&self) -> &'static str {
        match self {
            Self::SchemeUnsupported { .. } => "QUOTE_SCHEME_UNSUPPORTED",
            Self::KeyTypeUnsupported { .. } => "QUOTE_KEY_TYPE_UNSUPPORTED",
            Self::KeyCount { .. } => "QUOTE_KEY_COUNT",
            Self::KeyMalformed { .. } => "QUOTE_KEY_MALFORMED",
            Self::Key(error) => error.code(),
            Self::KeylimeMalformed { .. } => "KEYLIME_QUOTE_MALFORMED",
            Self::KeylimePartMalformed { .. } => "KEYLIME_QUOTE_PART_MALFORMED",
            Self::KeylimePartTooLarge { .. } => "KEYLIME_QUOTE_PART_TOO_LARGE",
            Self::AnswerMalformed { .. } => "KEYLIME_ANSWER_MALFORMED",
            Self::OutputMalformed { .. } => "QUOTE_OUTPUT_MALFORMED",
            Self::Structure(error) => error.code(),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Key(error) => error.place(),
            Self::Structure(error) => error.place(),
            Self::AnswerMalformed { line, .. } => Place {
                line: *line,
                ..Place::default()
            },
            Self::OutputMalformed { line, .. } => Place {
                line: Some(*line).filter(|&line| line > 0),
                ..Place::default()
            },
            _ => Place::default(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::SchemeUnsupported { .. } | Self::KeyTypeUnsupported { .. } => {
                "make a key that signs with rsassa, rsapss or ecdsa"
            }
            Self::KeyCount { .. } => "give the attestation key alone, without the certificates above it",
            Self::KeyMalformed { .. } => "write the public area anew, with tpm2_readpublic",
            Self::Key(error) => return error.hint(),
            Self::KeylimeMalformed { .. }
            | Self::KeylimePartMalformed { .. }
            | Self::KeylimePartTooLarge { .. }
            | Self::AnswerMalformed { .. } => "give the agent's answer as it was received",
            Self::OutputMalformed { .. } => "give all that tpm2_quote printed, or the files it wrote",
            Self::Structure(error) => return error.hint(),
        })
    }
}
