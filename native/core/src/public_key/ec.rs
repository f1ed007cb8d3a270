//! Elliptic curves: ECDSA, and SM2 on its own curve.

use der::Decode as _;
use der::asn1::{ObjectIdentifier, UintRef};
use ima_assay_digest::Digest;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;

use super::{KeyError, Refusal};

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// secp256k1, as Keylime's own test keys are on.
    Secp256k1,
    /// SM2's.
    Sm2,
}

impl Curve {
    const ALL: [Self; 5] = [Self::P256, Self::P384, Self::P521, Self::Secp256k1, Self::Sm2];

    /// The usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
            Self::Sm2 => "SM2",
        }
    }

    /// Bytes of a coordinate.
    #[must_use]
    pub fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 | Self::Sm2 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    pub(super) fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
            Self::Secp256k1 => "1.3.132.0.10",
            Self::Sm2 => "1.2.156.10197.1.301",
        })
    }

    pub(super) fn from_oid(oid: ObjectIdentifier) -> Result<Self, KeyError> {
        Self::ALL
            .into_iter()
            .find(|curve| curve.oid() == oid)
            .ok_or_else(|| KeyError::CurveUnsupported {
                curve: oid.to_string(),
            })
    }

    /// The curve with this number in the TPM's registry (`TPM_ECC_CURVE`).
    ///
    /// # Errors
    /// [`KeyError::CurveUnsupported`].
    pub fn from_tpm(id: u16) -> Result<Self, KeyError> {
        match id {
            0x0003 => Ok(Self::P256),
            0x0004 => Ok(Self::P384),
            0x0005 => Ok(Self::P521),
            0x0020 => Ok(Self::Sm2),
            _ => Err(KeyError::CurveUnsupported {
                curve: format!("TPM_ECC_CURVE {id:#06x}"),
            }),
        }
    }
}

#[derive(Clone)]
pub(super) enum EcKey {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Secp256k1(k256::ecdsa::VerifyingKey),
    Sm2(sm2::dsa::VerifyingKey),
}

/// Every curve does the same, with types of its own.
macro_rules! ecdsa {
    ($key:expr, $digest:expr, $curve:ident => $signature:expr) => {
        match $key {
            EcKey::P256(key) => {
                use p256::ecdsa as $curve;
                key.verify_prehash($digest.bytes(), &$signature.map_err(|_| Refusal::Malformed)?)
            }
            EcKey::P384(key) => {
                use p384::ecdsa as $curve;
                key.verify_prehash($digest.bytes(), &$signature.map_err(|_| Refusal::Malformed)?)
            }
            EcKey::P521(key) => {
                use p521::ecdsa as $curve;
                key.verify_prehash($digest.bytes(), &$signature.map_err(|_| Refusal::Malformed)?)
            }
            EcKey::Secp256k1(key) => {
                use k256::ecdsa as $curve;
                // Only blockchains ask for the smaller one of the two possible s.
                let signature = $signature.map_err(|_| Refusal::Malformed)?.normalize_s();
                key.verify_prehash($digest.bytes(), &signature)
            }
            EcKey::Sm2(_) => return Err(Refusal::SchemeForeign),
        }
        .map_err(|_| Refusal::Mismatch)
    };
}

impl EcKey {
    pub(super) fn from_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let key = match curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::P256),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::P384),
            Curve::P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::P521),
            Curve::Secp256k1 => k256::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::Secp256k1),
            // The name would matter for messages; here digests are given.
            Curve::Sm2 => sm2::dsa::VerifyingKey::from_sec1_bytes("", point).map(Self::Sm2),
        };
        key.map_err(|_| KeyError::Malformed {
            problem: "the point is not on its curve",
        })
    }

    pub(super) fn curve(&self) -> Curve {
        match self {
            Self::P256(_) => Curve::P256,
            Self::P384(_) => Curve::P384,
            Self::P521(_) => Curve::P521,
            Self::Secp256k1(_) => Curve::Secp256k1,
            Self::Sm2(_) => Curve::Sm2,
        }
    }

    /// `04 X Y`.
    pub(super) fn uncompressed(&self) -> Box<[u8]> {
        use sm2::elliptic_curve::sec1::ToSec1Point as _;
        match self {
            Self::P256(key) => key.to_sec1_point(false).as_bytes().into(),
            Self::P384(key) => key.to_sec1_point(false).as_bytes().into(),
            Self::P521(key) => key.to_sec1_point(false).as_bytes().into(),
            Self::Secp256k1(key) => key.to_sec1_point(false).as_bytes().into(),
            Self::Sm2(key) => key.as_affine().to_sec1_point(false).as_bytes().into(),
        }
    }

    pub(super) fn verify_ecdsa(&self, digest: &Digest, signature: &[u8]) -> Result<(), Refusal> {
        ecdsa!(self, digest, curve => curve::Signature::from_der(signature))
    }

    /// A TPM may leave out leading zeros, or have more of them than the curve needs.
    pub(super) fn verify_ecdsa_numbers(&self, digest: &Digest, r: &[u8], s: &[u8]) -> Result<(), Refusal> {
        let numbers = [padded(r, self.curve())?, padded(s, self.curve())?].concat();
        ecdsa!(self, digest, curve => curve::Signature::from_slice(&numbers))
    }

    pub(super) fn verify_sm2(&self, digest: &Digest, signature: &[u8]) -> Result<(), Refusal> {
        let Self::Sm2(key) = self else {
            return Err(Refusal::SchemeForeign);
        };
        if digest.bytes().len() != self.curve().coordinate_bytes() {
            return Err(Refusal::HashUnsupported(digest.algorithm()));
        }
        let [r, s] = der_numbers(signature).ok_or(Refusal::Malformed)?;
        let numbers = [padded(r, Curve::Sm2)?, padded(s, Curve::Sm2)?].concat();
        let signature = sm2::dsa::Signature::from_slice(&numbers).map_err(|_| Refusal::Malformed)?;
        key.verify_prehash(digest.bytes(), &signature)
            .map_err(|_| Refusal::Mismatch)
    }
}

/// A number as wide as the curve's coordinates.
fn padded(number: &[u8], curve: Curve) -> Result<Vec<u8>, Refusal> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(zeros..).unwrap_or_default();
    let missing = curve
        .coordinate_bytes()
        .checked_sub(digits.len())
        .ok_or(Refusal::Malformed)?;
    let mut wide = vec![0; missing];
    wide.extend_from_slice(digits);
    Ok(wide)
}

/// The two numbers of DER SEQUENCE { INTEGER, INTEGER }, and nothing else.
fn der_numbers(signature: &[u8]) -> Option<[&[u8]; 2]> {
    match *Vec::<UintRef<'_>>::from_der(signature).ok()? {
        [r, s] => Some([r.as_bytes(), s.as_bytes()]),
        _ => None,
    }
}
