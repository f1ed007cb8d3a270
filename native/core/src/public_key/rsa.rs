//! RSA: keys within bounds, PKCS #1 v1.5 and PSS.

use der::Encode as _;
use der::asn1::UintRef;
use ima_assay_digest::{Algorithm, Digest};
use rsa::pkcs1::{self, RsaPublicKey};
use rsa::pss::Pss;
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, Pkcs1v15Sign};

use super::{KeyError, Refusal};

/// Largest modulus, in bits. Verifying takes time with its square; the kernel takes 4096, TPMs at most that.
pub const MAX_RSA_BITS: u32 = 8192;
/// The same in bytes: of a modulus, and of a signature.
pub(crate) const MAX_RSA_BYTES: usize = 1024;

#[derive(Clone)]
pub(super) struct RsaKey(rsa::PublicKey);

impl RsaKey {
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let key = RsaPublicKey::<UintRef<'_>>::try_from(der).map_err(|error| match error {
            pkcs1::Error::Asn1(error) => KeyError::der(error),
            _ => KeyError::Malformed {
                problem: "no RSAPublicKey",
            },
        })?;
        Self::from_numbers(key.modulus.as_bytes(), key.public_exponent.as_bytes())
    }

    fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        // Before anything is computed with them.
        let bits = |number: &[u8]| u64::try_from(number.len()).unwrap_or(u64::MAX).saturating_mul(8);
        let size = KeyError::RsaSize {
            bits: bits(modulus),
            limit: MAX_RSA_BITS,
        };
        if modulus.len() > MAX_RSA_BYTES {
            return Err(size);
        }
        if exponent.len() > 8 {
            return Err(KeyError::Malformed {
                problem: "its exponent is too large",
            });
        }
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
        match rsa::PublicKey::new(number(modulus), number(exponent)) {
            Ok(key) => Ok(Self(key)),
            Err(rsa::Error::ModulusTooSmall | rsa::Error::ModulusTooLarge) => Err(size),
            Err(_) => Err(KeyError::Malformed {
                problem: "modulus or exponent is impossible",
            }),
        }
    }

    pub(super) fn bits(&self) -> u32 {
        self.0.n().bit_width_vartime()
    }

    pub(super) fn verify_pkcs1v15(&self, digest: &Digest, signature: &[u8]) -> Result<(), Refusal> {
        let algorithm = digest.algorithm();
        let prefix = digest_info(algorithm).ok_or(Refusal::HashUnsupported(algorithm))?;
        let scheme = Pkcs1v15Sign {
            hash_len: Some(algorithm.len()),
            prefix,
        };
        self.check(scheme, digest, signature)
    }

    pub(super) fn verify_pss(&self, digest: &Digest, signature: &[u8]) -> Result<(), Refusal> {
        macro_rules! pss {
            ($($algorithm:ident: $hash:ty,)*) => {
                match digest.algorithm() {
                    $(Algorithm::$algorithm => {
                        let mut scheme = Pss::<$hash>::new();
                        scheme.salt_len = None;
                        self.check(scheme, digest, signature)
                    })*
                    other => Err(Refusal::HashUnsupported(other)),
                }
            };
        }
        pss! {
            Sha1: sha1::Sha1,
            Sha256: sha2::Sha256,
            Sha384: sha2::Sha384,
            Sha512: sha2::Sha512,
            Sha3_256: sha3::Sha3_256,
            Sha3_384: sha3::Sha3_384,
            Sha3_512: sha3::Sha3_512,
            Sm3: sm3::Sm3,
        }
    }

    fn check<S: rsa::traits::SignatureScheme>(
        &self,
        scheme: S,
        digest: &Digest,
        signature: &[u8],
    ) -> Result<(), Refusal> {
        if signature.len() != self.0.size() {
            return Err(Refusal::Malformed);
        }
        self.0
            .verify(scheme, digest.bytes(), signature)
            .map_err(|_| Refusal::Mismatch)
    }
}

/// RFC 8017, A.1.1.
pub(super) fn encode_pkcs1(modulus: &[u8], exponent: u32) -> Result<Vec<u8>, KeyError> {
    let malformed = KeyError::Malformed {
        problem: "no modulus",
    };
    if modulus.is_empty() {
        return Err(malformed);
    }
    let exponent = exponent.to_be_bytes();
    let encoded = UintRef::new(modulus).and_then(|modulus| {
        RsaPublicKey {
            modulus,
            public_exponent: UintRef::new(&exponent)?,
        }
        .to_der()
    });
    encoded.map_err(|_| malformed)
}

/// DigestInfo up to the digest itself (RFC 8017, 9.2): `30 … 30 … 06 … OID 05 00 04 LEN`.
fn digest_info(algorithm: Algorithm) -> Option<Box<[u8]>> {
    let oid: &[u8] = match algorithm {
        Algorithm::Md5 => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05],
        Algorithm::Sha1 => &[0x2b, 0x0e, 0x03, 0x02, 0x1a],
        Algorithm::Rmd160 => &[0x2b, 0x24, 0x03, 0x02, 0x01],
        Algorithm::Sha256 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
        Algorithm::Sha384 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
        Algorithm::Sha512 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
        Algorithm::Sha224 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04],
        Algorithm::Sha3_256 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x08],
        Algorithm::Sha3_384 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x09],
        Algorithm::Sha3_512 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0a],
        Algorithm::Sm3 => &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x11],
        _ => return None,
    };
    let oid_len = u8::try_from(oid.len()).ok()?;
    let digest_len = u8::try_from(algorithm.len()).ok()?;
    let inner = oid_len.checked_add(4)?;
    let outer = inner.checked_add(digest_len)?.checked_add(4)?;
    let head: &[u8] = &[0x30, outer, 0x30, inner, 0x06, oid_len];
    let tail: &[u8] = &[0x05, 0x00, 0x04, digest_len];
    Some([head, oid, tail].concat().into())
}
