//! What `tpm2_quote` prints: the same quote again, as text.
//!
//! ```text
//! quoted: ff54434780180022…
//! signature:
//!   alg: rsassa
//!   sig: 4e…                    the bytes of an RSA signature, DER of an ECDSA one; the hash is not named
//! pcrs:
//!   sha256:
//!     10: 0x…
//! calcDigest: …
//! ```

use ima_assay_digest::{Algorithm, decode_hex};

use super::{QuoteError, QuoteScheme, QuoteSignature};

/// The message and signature that `tpm2_quote` printed. [`crate::pcr::parse_pcr_values`] reads the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteOutput {
    /// `TPMS_ATTEST`.
    pub message: Vec<u8>,
    /// The scheme of the signature.
    pub scheme: QuoteScheme,
    /// The signature, plain.
    pub signature: Vec<u8>,
}

impl QuoteOutput {
    /// Reads what `tpm2_quote` printed.
    ///
    /// # Errors
    /// [`QuoteError::OutputMalformed`], [`QuoteError::SchemeUnsupported`].
    pub fn parse(text: &str) -> Result<Self, QuoteError> {
        let (line, message) = value_of(text, "quoted")?;
        let message = bytes(line, message)?;
        let (line, scheme) = value_of(text, "alg")?;
        let scheme = QuoteScheme::from_name(scheme).ok_or(QuoteError::OutputMalformed {
            line,
            problem: "the scheme is none of rsassa, rsapss and ecdsa",
        })?;
        let (line, signature) = value_of(text, "sig")?;
        Ok(Self {
            message,
            scheme,
            signature: bytes(line, signature)?,
        })
    }

    /// The signature, with the hash algorithm that the caller knows.
    #[must_use]
    pub fn signature(&self, hash: Algorithm) -> QuoteSignature<'_> {
        QuoteSignature::plain(self.scheme, hash, &self.signature)
    }
}

/// The value after `key: `, and its line.
fn value_of<'a>(text: &'a str, key: &'static str) -> Result<(u64, &'a str), QuoteError> {
    (1..)
        .zip(text.lines())
        .find_map(|(line, text)| {
            let (found, value) = text.split_once(':')?;
            (found.trim() == key).then_some((line, value.trim()))
        })
        .ok_or(QuoteError::OutputMalformed {
            line: 0,
            problem: "`quoted`, `alg` or `sig` is not there",
        })
}

fn bytes(line: u64, hex: &str) -> Result<Vec<u8>, QuoteError> {
    decode_hex(hex.as_bytes()).map_err(|_| QuoteError::OutputMalformed {
        line,
        problem: "the value is not hexadecimal",
    })
}
