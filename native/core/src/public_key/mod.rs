//! Public keys, read from whatever file they come in, and signatures verified with them.
//!
//! Keys may come from machines that are not trusted: sizes of RSA keys are bounded, points must be on their
//! curve, and nothing may follow a key.

mod certificate;
mod ec;
mod error;
mod file;
mod rsa;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use certificate::Certificate;
pub(crate) use certificate::{name_text, without_zeros};
pub use ec::Curve;
pub use error::KeyError;
pub use file::{KeyForm, LoadedKey, MAX_KEY_FILE_BYTES, is_certificate, read_certificate, read_keys};
pub use rsa::MAX_RSA_BITS;
pub(crate) use rsa::MAX_RSA_BYTES;

use std::fmt;

use der::asn1::{Any, BitString, ObjectIdentifier};
use der::{Decode as _, Encode as _};
use ima_assay_digest::{Algorithm, Digest, hash};
use x509_cert::spki::{AlgorithmIdentifier, SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};

/// RFC 3279, `rsaEncryption`.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 5480, `id-ecPublicKey`.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// A public key that signatures can be verified with.
#[derive(Clone)]
pub struct PublicKey {
    material: Material,
    /// What SubjectPublicKeyInfo's BIT STRING holds: the PKCS #1 form of an RSA key, `04 X Y` of an EC key.
    encoded: Box<[u8]>,
}

#[derive(Clone)]
enum Material {
    Rsa(Box<rsa::RsaKey>),
    Ec(Box<ec::EcKey>),
}

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA.
    Rsa {
        /// Bits of the modulus.
        bits: u32,
    },
    /// A point on a curve: ECDSA, or SM2 on its own curve.
    Ec(Curve),
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ec(curve) => write!(f, "EC {}", curve.name()),
        }
    }
}

/// How a signature was made from a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5, with DigestInfo.
    Pkcs1v15,
    /// RSASSA-PSS, with a salt of any length; MGF1 with the digest's hash.
    Pss,
    /// ECDSA, the signature as DER SEQUENCE of r and s.
    Ecdsa,
    /// SM2 over the digest as it is (no hash of the signer's name), the signature as DER SEQUENCE of r and s.
    Sm2,
}

/// Why a signature is not the key's over the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is well formed, and not of this key over this digest.
    #[error("the signature does not verify")]
    Mismatch,
    /// It has the wrong length, or is no DER of two integers in range.
    #[error("the signature is malformed")]
    Malformed,
    /// The scheme is for another kind of key.
    #[error("the signature's scheme is for another kind of key")]
    SchemeForeign,
    /// The scheme cannot be combined with this hash algorithm.
    #[error("no signature of this kind over a {0} digest is known")]
    HashUnsupported(Algorithm),
}

impl PublicKey {
    /// A key from DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(KeyError::der)?;
        Self::from_info(&info)
    }

    fn from_info(info: &SubjectPublicKeyInfoRef<'_>) -> Result<Self, KeyError> {
        let key = info.subject_public_key.as_bytes().ok_or(KeyError::Malformed {
            problem: "its bits are no whole bytes",
        })?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => Self::from_pkcs1(key),
            EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters_oid().map_err(|_| KeyError::Malformed {
                    problem: "its curve has no name",
                })?;
                Self::from_point(Curve::from_oid(curve)?, key)
            }
            oid => Err(KeyError::unsupported(oid)),
        }
    }

    /// An RSA key from DER RSAPublicKey (PKCS #1).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        Ok(Self {
            material: Material::Rsa(Box::new(rsa::RsaKey::from_pkcs1(der)?)),
            encoded: der.into(),
        })
    }

    /// An RSA key from its numbers, big endian.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_modulus(modulus: &[u8], exponent: u32) -> Result<Self, KeyError> {
        Self::from_pkcs1(&rsa::encode_pkcs1(modulus, exponent)?)
    }

    /// A key from a point of a curve: `04 X Y`, or compressed.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let key = ec::EcKey::from_point(curve, point)?;
        Ok(Self {
            encoded: key.uncompressed(),
            material: Material::Ec(Box::new(key)),
        })
    }

    /// What the key is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match &self.material {
            Material::Rsa(key) => KeyKind::Rsa { bits: key.bits() },
            Material::Ec(key) => KeyKind::Ec(key.curve()),
        }
    }

    /// The key as DER SubjectPublicKeyInfo, a point uncompressed.
    ///
    /// # Errors
    /// [`KeyError`], for a key longer than DER can say.
    pub fn to_spki(&self) -> Result<Vec<u8>, KeyError> {
        let (oid, parameters) = match self.kind() {
            KeyKind::Rsa { .. } => (RSA_ENCRYPTION, Any::null()),
            KeyKind::Ec(curve) => (EC_PUBLIC_KEY, Any::from(curve.oid())),
        };
        let info = SubjectPublicKeyInfo {
            algorithm: AlgorithmIdentifier {
                oid,
                parameters: Some(parameters),
            },
            subject_public_key: BitString::from_bytes(&self.encoded).map_err(KeyError::der)?,
        };
        info.to_der().map_err(KeyError::der)
    }

    /// The scheme that `security.ima`, appended signatures and DSSE envelopes have with a key of this kind.
    #[must_use]
    pub fn usual_scheme(&self) -> Scheme {
        match self.kind() {
            KeyKind::Rsa { .. } => Scheme::Pkcs1v15,
            KeyKind::Ec(Curve::Sm2) => Scheme::Sm2,
            KeyKind::Ec(_) => Scheme::Ecdsa,
        }
    }

    /// The id that `evmctl`, the kernel and Keylime compute where no certificate gives one: the last four bytes
    /// of SHA-1 over the key.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        match *self.key_hash().bytes() {
            [.., a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
            _ => 0,
        }
    }

    /// SHA-1 over the key: the usual Subject Key Identifier (RFC 5280, 4.2.1.2).
    #[must_use]
    pub fn key_hash(&self) -> Digest {
        hash(Algorithm::Sha1, &self.encoded)
    }

    /// Whether `signature` was made by this key over `digest`.
    ///
    /// # Errors
    /// [`Refusal`], in all other cases.
    pub fn verify(&self, scheme: Scheme, digest: &Digest, signature: &[u8]) -> Result<(), Refusal> {
        match (&self.material, scheme) {
            (Material::Rsa(key), Scheme::Pkcs1v15) => key.verify_pkcs1v15(digest, signature),
            (Material::Rsa(key), Scheme::Pss) => key.verify_pss(digest, signature),
            (Material::Ec(key), Scheme::Ecdsa) => key.verify_ecdsa(digest, signature),
            (Material::Ec(key), Scheme::Sm2) => key.verify_sm2(digest, signature),
            _ => Err(Refusal::SchemeForeign),
        }
    }

    /// As [`PublicKey::verify`], for ECDSA signatures whose two numbers are apart, big endian.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn verify_ecdsa_numbers(&self, digest: &Digest, r: &[u8], s: &[u8]) -> Result<(), Refusal> {
        match &self.material {
            Material::Ec(key) => key.verify_ecdsa_numbers(digest, r, s),
            Material::Rsa(_) => Err(Refusal::SchemeForeign),
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.encoded == other.encoded
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:08x}", self.kind(), self.key_id())
    }
}
