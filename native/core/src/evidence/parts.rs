//! Which files there are.

/// Names of files; `-` is standard input.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The measurement list, in its parts.
    pub list: Vec<Vec<u8>>,
    /// Exclude lists.
    pub exclude_lists: Vec<Vec<u8>>,
    /// Files with PCR values.
    pub pcr_files: Vec<Vec<u8>>,
    /// PCR values as text, `BANK:INDEX=HEX`.
    pub pcr_values: Vec<String>,
    /// A quote.
    pub quote: Option<QuoteFiles>,
    /// Keys of file signatures.
    pub keys: Vec<Vec<u8>>,
    /// The firmware's event log, `binary_bios_measurements`.
    pub event_log: Option<Vec<u8>>,
}

/// Where a quote is.
#[derive(Debug, Clone)]
pub struct QuoteFiles {
    /// Which files.
    pub form: QuoteForm,
    /// The attestation key.
    pub key: Vec<u8>,
    /// The nonce that was asked with, in bytes.
    pub nonce: Option<Vec<u8>>,
    /// Whether a signature over SHA-1 is accepted.
    pub allows_sha1: bool,
}

/// How a quote is kept.
#[derive(Debug, Clone)]
pub enum QuoteForm {
    /// `tpm2_quote`'s message and signature.
    Tpm {
        /// `-m`.
        message: Vec<u8>,
        /// `-s`.
        signature: Vec<u8>,
    },
    /// Keylime's quote string, or an agent's JSON answer with it.
    Keylime(Vec<u8>),
}
