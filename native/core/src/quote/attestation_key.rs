//! The key a quote is verified with.
//!
//! ```text
//! u16 size | u16 type | u16 nameAlg | u32 attributes | TPM2B authPolicy | parameters | unique
//! └ TPM2B_PUBLIC only
//! RSA: symmetric | scheme | u16 bits | u32 exponent (0 = 65537)     unique: TPM2B modulus
//! ECC: symmetric | scheme | u16 curve | kdf                         unique: TPM2B x, TPM2B y
//! symmetric: u16 0010, or u16 algorithm, u16 bits, u16 mode         scheme, kdf: u16 0010, or u16 scheme, u16 hash
//! ```

use base64ct::{Base64, Encoding as _};
use ima_assay_digest::{Algorithm, MAX_LEN, hash};

use super::{QuoteError, QuoteScheme};
use crate::public_key::{Curve, KeyForm, MAX_RSA_BYTES, PublicKey, read_keys};
use crate::tpm::{Reader, TpmError, algorithm};

/// `TPM_ALG_RSAES`, a scheme without a hash.
const RSAES: u16 = 0x0015;
/// `TPM_ALG_ECDAA`, a scheme with a counter after the hash.
const ECDAA: u16 = 0x001a;
/// `MAX_ECC_KEY_BYTES`.
const MAX_COORDINATE_BYTES: usize = 128;

/// The key a quote is verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationKey {
    /// The key.
    pub key: PublicKey,
    /// What it was given as.
    pub form: AttestationKeyForm,
    /// What the TPM says about it; `None` for forms that cannot tell.
    pub tpm: Option<TpmKey>,
}

/// What an attestation key was given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttestationKeyForm {
    /// PEM or DER of a public key.
    PublicKey,
    /// An X.509 certificate.
    Certificate,
    /// `TPM2B_PUBLIC` or `TPMT_PUBLIC`.
    TpmPublic,
}

/// What a `TPMT_PUBLIC` says beside the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmKey {
    /// `TPMA_OBJECT`.
    pub attributes: u32,
    /// The key's name: its algorithm's number and the digest of the public area; `None` for an algorithm that is
    /// not known here.
    pub name: Option<Vec<u8>>,
    /// The one scheme the key signs with: number and hash algorithm.
    pub scheme: Option<(u16, Option<Algorithm>)>,
}

/// An attribute that an attestation key must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAttribute {
    /// Bound to its TPM.
    FixedTpm,
    /// Bound to its parent.
    FixedParent,
    /// Made by the TPM, not brought from outside.
    SensitiveDataOrigin,
    /// Signs what the TPM made, nothing that only looks so.
    Restricted,
    /// Signs at all.
    Sign,
}

impl KeyAttribute {
    /// All that are required.
    pub const ALL: [Self; 5] = [
        Self::FixedTpm,
        Self::FixedParent,
        Self::SensitiveDataOrigin,
        Self::Restricted,
        Self::Sign,
    ];

    /// The name that tpm2-tools use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FixedTpm => "fixedtpm",
            Self::FixedParent => "fixedparent",
            Self::SensitiveDataOrigin => "sensitivedataorigin",
            Self::Restricted => "restricted",
            Self::Sign => "sign",
        }
    }

    /// Its bit in `TPMA_OBJECT`.
    fn bit(self) -> u32 {
        match self {
            Self::FixedTpm => 0x0000_0002,
            Self::FixedParent => 0x0000_0010,
            Self::SensitiveDataOrigin => 0x0000_0020,
            Self::Restricted => 0x0001_0000,
            Self::Sign => 0x0004_0000,
        }
    }
}

impl TpmKey {
    /// The required attributes that the key does not have.
    #[must_use]
    pub fn missing_attributes(&self) -> Vec<KeyAttribute> {
        KeyAttribute::ALL
            .into_iter()
            .filter(|attribute| self.attributes & attribute.bit() == 0)
            .collect()
    }

    /// Whether the key can have made a signature of this kind: it signs with one scheme and one hash only.
    #[must_use]
    pub fn signs_with(&self, scheme: QuoteScheme, hash: Algorithm) -> bool {
        self.scheme
            .is_none_or(|(id, own_hash)| QuoteScheme::from_id(id) == Some(scheme) && own_hash == Some(hash))
    }
}

impl AttestationKey {
    /// Reads an attestation key: PEM or DER of a public key or certificate, `TPM2B_PUBLIC`, `TPMT_PUBLIC`, or
    /// one of these two as Base64, as a Keylime registrar answers it.
    ///
    /// # Errors
    /// [`QuoteError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, QuoteError> {
        if let Some(decoded) = from_base64(bytes) {
            return Self::from_tpm(&decoded);
        }
        match bytes {
            // A size or a type; no PEM and no DER starts so.
            [0x00..=0x04, ..] => Self::from_tpm(bytes),
            _ => Self::from_file(bytes),
        }
    }

    fn from_file(bytes: &[u8]) -> Result<Self, QuoteError> {
        let mut keys = read_keys(bytes)?;
        match (keys.pop(), keys.len()) {
            (Some(loaded), 0) => Ok(Self {
                key: loaded.key,
                form: match loaded.form {
                    KeyForm::Certificate => AttestationKeyForm::Certificate,
                    KeyForm::Spki | KeyForm::Pkcs1 => AttestationKeyForm::PublicKey,
                },
                tpm: None,
            }),
            (_, others) => Err(QuoteError::KeyCount {
                found: others.saturating_add(1),
            }),
        }
    }

    fn from_tpm(bytes: &[u8]) -> Result<Self, QuoteError> {
        let mut whole = Reader::new("TPM2B_PUBLIC", bytes);
        match whole.u16()? {
            // A size this small is none: it is the type of a TPMT_PUBLIC.
            algorithm::RSA | algorithm::ECC => read_public(bytes),
            size => {
                let public = whole.take(usize::from(size))?;
                whole.end()?;
                read_public(public)
            }
        }
    }
}

/// Base64 in one piece, with a line end or without.
fn from_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(bytes).ok()?.trim_end();
    Base64::decode_vec(text)
        .ok()
        .filter(|decoded| !decoded.is_empty())
}

fn read_public(public: &[u8]) -> Result<AttestationKey, QuoteError> {
    let mut reader = Reader::new("TPMT_PUBLIC", public);
    let kind = reader.u16()?;
    let name_id = reader.u16()?;
    let attributes = reader.u32()?;
    reader.sized("authPolicy", MAX_LEN)?;
    skip_symmetric(&mut reader)?;
    let scheme = read_scheme(&mut reader)?;
    let key = match kind {
        algorithm::RSA => read_rsa(&mut reader)?,
        algorithm::ECC => read_ecc(&mut reader)?,
        id => return Err(QuoteError::KeyTypeUnsupported { id }),
    };
    reader.end()?;
    Ok(AttestationKey {
        key,
        form: AttestationKeyForm::TpmPublic,
        tpm: Some(TpmKey {
            attributes,
            name: algorithm::hash(name_id)
                .map(|name_alg| [&name_id.to_be_bytes(), hash(name_alg, public).bytes()].concat()),
            scheme,
        }),
    })
}

fn skip_symmetric(reader: &mut Reader<'_>) -> Result<(), TpmError> {
    if reader.u16()? != algorithm::NULL {
        reader.take(4)?;
    }
    Ok(())
}

/// A scheme, or a key derivation function: they have the same form.
fn read_scheme(reader: &mut Reader<'_>) -> Result<Option<(u16, Option<Algorithm>)>, TpmError> {
    Ok(match reader.u16()? {
        algorithm::NULL => None,
        RSAES => Some((RSAES, None)),
        id => {
            let hash = algorithm::hash(reader.u16()?);
            if id == ECDAA {
                reader.u16()?;
            }
            Some((id, hash))
        }
    })
}

fn read_rsa(reader: &mut Reader<'_>) -> Result<PublicKey, QuoteError> {
    let bits = reader.u16()?;
    let exponent = match reader.u32()? {
        0 => 65537,
        other => other,
    };
    let modulus = reader.sized("modulus", MAX_RSA_BYTES)?;
    let key = PublicKey::from_modulus(modulus, exponent)?;
    if modulus.len().checked_mul(8) != Some(usize::from(bits)) {
        return Err(QuoteError::KeyMalformed {
            problem: "the modulus has another size than keyBits says",
        });
    }
    Ok(key)
}

fn read_ecc(reader: &mut Reader<'_>) -> Result<PublicKey, QuoteError> {
    let curve = Curve::from_tpm(reader.u16()?)?;
    read_scheme(reader)?;
    let mut point = vec![0x04];
    for field in ["x", "y"] {
        let coordinate = reader.sized(field, MAX_COORDINATE_BYTES)?;
        let zeros = coordinate.iter().take_while(|byte| **byte == 0).count();
        let digits = coordinate.get(zeros..).unwrap_or_default();
        let missing = curve
            .coordinate_bytes()
            .checked_sub(digits.len())
            .ok_or(QuoteError::KeyMalformed {
                problem: "a coordinate is longer than the curve's",
            })?;
        point.resize(point.len().saturating_add(missing), 0);
        point.extend_from_slice(digits);
    }
    Ok(PublicKey::from_point(curve, &point)?)
}
