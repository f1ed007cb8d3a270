//! The signature of a quote.
//!
//! ```text
//! u16 0014 RSASSA | u16 hash | TPM2B signature
//! u16 0016 RSAPSS | u16 hash | TPM2B signature
//! u16 0018 ECDSA  | u16 hash | TPM2B r | TPM2B s
//! ```

use std::fmt;

use ima_assay_digest::{Algorithm, Digest};

use super::QuoteError;
use crate::public_key::{MAX_RSA_BYTES, PublicKey, Refusal, Scheme};
use crate::tpm::{Reader, algorithm};

/// `MAX_ECC_KEY_BYTES`.
const MAX_NUMBER_BYTES: usize = 128;

/// How a TPM signs a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteScheme {
    /// RSASSA: PKCS #1 v1.5.
    Rsassa,
    /// RSAPSS.
    Rsapss,
    /// ECDSA.
    Ecdsa,
}

impl QuoteScheme {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rsassa, Self::Rsapss, Self::Ecdsa];

    /// The name that tpm2-tools and Keylime use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rsassa => "rsassa",
            Self::Rsapss => "rsapss",
            Self::Ecdsa => "ecdsa",
        }
    }

    /// The scheme of this name, as tpm2-tools and Keylime write it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    /// The scheme of this number.
    pub(super) fn from_id(id: u16) -> Option<Self> {
        match id {
            algorithm::RSASSA => Some(Self::Rsassa),
            algorithm::RSAPSS => Some(Self::Rsapss),
            algorithm::ECDSA => Some(Self::Ecdsa),
            _ => None,
        }
    }
}

impl fmt::Display for QuoteScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The signature of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuoteSignature<'a> {
    scheme: QuoteScheme,
    hash: Algorithm,
    value: Value<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value<'a> {
    /// One number, or DER of two.
    Bytes(&'a [u8]),
    Numbers {
        r: &'a [u8],
        s: &'a [u8],
    },
}

impl<'a> QuoteSignature<'a> {
    /// Reads a `TPMT_SIGNATURE`: `tpm2_quote -s`, and Keylime. All bytes must be used up.
    ///
    /// # Errors
    /// [`QuoteError::SchemeUnsupported`] names the schemes that TPMs have and that nothing here verifies.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, QuoteError> {
        let mut reader = Reader::new("TPMT_SIGNATURE", bytes);
        let id = reader.u16()?;
        let scheme = QuoteScheme::from_id(id).ok_or(QuoteError::SchemeUnsupported {
            id,
            name: algorithm::name(id),
        })?;
        let offset = reader.offset();
        let hash_id = reader.u16()?;
        let hash =
            algorithm::hash(hash_id).ok_or(reader.unknown("hash algorithm", offset, u64::from(hash_id)))?;
        let value = match scheme {
            QuoteScheme::Rsassa | QuoteScheme::Rsapss => {
                Value::Bytes(reader.sized("signature", MAX_RSA_BYTES)?)
            }
            QuoteScheme::Ecdsa => Value::Numbers {
                r: reader.sized("signatureR", MAX_NUMBER_BYTES)?,
                s: reader.sized("signatureS", MAX_NUMBER_BYTES)?,
            },
        };
        reader.end()?;
        Ok(Self { scheme, hash, value })
    }

    /// A signature as `tpm2_quote -f plain` writes it: the bytes of an RSA one, DER of an ECDSA one. Such a file
    /// names neither scheme nor hash.
    #[must_use]
    pub fn plain(scheme: QuoteScheme, hash: Algorithm, bytes: &'a [u8]) -> Self {
        Self {
            scheme,
            hash,
            value: Value::Bytes(bytes),
        }
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> QuoteScheme {
        self.scheme
    }

    /// The hash algorithm, of the signature and of `pcrDigest`.
    #[must_use]
    pub fn hash(&self) -> Algorithm {
        self.hash
    }

    pub(super) fn verify(&self, key: &PublicKey, digest: &Digest) -> Result<(), Refusal> {
        let scheme = match self.scheme {
            QuoteScheme::Rsassa => Scheme::Pkcs1v15,
            QuoteScheme::Rsapss => Scheme::Pss,
            QuoteScheme::Ecdsa => Scheme::Ecdsa,
        };
        match self.value {
            Value::Bytes(bytes) => key.verify(scheme, digest, bytes),
            Value::Numbers { r, s } => key.verify_ecdsa_numbers(digest, r, s),
        }
    }
}
