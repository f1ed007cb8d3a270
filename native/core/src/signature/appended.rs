//! Signatures appended to a file: CMS SignedData, detached, as the kernel's `sign-file` makes them.
//!
//! ```text
//! without signed attributes   the signature is over the digest in `d-modsig`
//! with them                   their messageDigest is the digest in `d-modsig`, the signature is over the DER of
//!                             the attributes
//! ```
//!
//! Source: RFC 5652; Linux, `crypto/asymmetric_keys/pkcs7_verify.c`. Certificates in a signature are not followed:
//! the signer's own key must be known.

use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode as _, Encode as _};
use ima_assay_digest::{Algorithm, Digest, hash};

use super::{FileDigest, KeyName, Keyring, SignatureOutcome, Unsupported, VerificationKey};
use crate::public_key::{KeyKind, name_text, without_zeros};

/// Largest appended signature, in bytes. One has some 400, and with certificates a few thousand.
pub const MAX_APPENDED_BYTES: usize = 64 << 10;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// Most signers of one file; the kernel's own tool makes one.
pub const MAX_SIGNERS: usize = 16;

/// Hash algorithms, and the signature algorithms that name one.
const HASHES: [(&str, Algorithm); 11] = [
    ("1.2.840.113549.2.5", Algorithm::Md5),
    ("1.3.14.3.2.26", Algorithm::Sha1),
    ("2.16.840.1.101.3.4.2.4", Algorithm::Sha224),
    ("2.16.840.1.101.3.4.2.1", Algorithm::Sha256),
    ("2.16.840.1.101.3.4.2.2", Algorithm::Sha384),
    ("2.16.840.1.101.3.4.2.3", Algorithm::Sha512),
    ("2.16.840.1.101.3.4.2.8", Algorithm::Sha3_256),
    ("2.16.840.1.101.3.4.2.9", Algorithm::Sha3_384),
    ("2.16.840.1.101.3.4.2.10", Algorithm::Sha3_512),
    ("1.3.36.3.2.1", Algorithm::Rmd160),
    ("1.2.156.10197.1.401", Algorithm::Sm3),
];

/// Signature algorithms that a key of some kind makes with PKCS #1 v1.5, ECDSA or SM2: prefixes of their object
/// identifiers, and whether RSA is meant.
const SIGNATURES: [(&str, bool); 14] = [
    ("1.2.840.113549.1.1.1", true),     // rsaEncryption
    ("1.2.840.113549.1.1.5", true),     // sha1WithRSAEncryption
    ("1.2.840.113549.1.1.11", true),    // sha256WithRSAEncryption
    ("1.2.840.113549.1.1.12", true),    // sha384WithRSAEncryption
    ("1.2.840.113549.1.1.13", true),    // sha512WithRSAEncryption
    ("1.2.840.113549.1.1.14", true),    // sha224WithRSAEncryption
    ("1.2.840.10045.2.1", false),       // id-ecPublicKey
    ("1.2.840.10045.4.1", false),       // ecdsa-with-SHA1
    ("1.2.840.10045.4.3.1", false),     // ecdsa-with-SHA224
    ("1.2.840.10045.4.3.2", false),     // ecdsa-with-SHA256
    ("1.2.840.10045.4.3.3", false),     // ecdsa-with-SHA384
    ("1.2.840.10045.4.3.4", false),     // ecdsa-with-SHA512
    ("2.16.840.1.101.3.4.3.10", false), // id-ecdsa-with-sha3-256
    ("2.16.840.1.101.3.4.3.11", false), // id-ecdsa-with-sha3-384
];

/// Why bytes are no appended signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendedFault {
    /// Larger than is looked at.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// DER that is cut, has something after its end, or is no CMS.
    #[error("no CMS, at byte {offset}")]
    Der {
        /// Bytes before the fault.
        offset: u64,
    },
    /// CMS of another kind.
    #[error("CMS, but no SignedData")]
    NotSigned,
    /// The content is in it, and not in the file before it.
    #[error("the signed content is in the signature")]
    NotDetached,
    /// More signers than are looked at.
    #[error("more than {limit} signers")]
    TooManySigners {
        /// The limit.
        limit: usize,
    },
    /// Nobody signed.
    #[error("no signer")]
    NoSigner,
    /// Signed attributes without the one digest that matters.
    #[error("signed attributes without a message digest")]
    NoMessageDigest,
}

fn der_fault(error: der::Error) -> AppendedFault {
    AppendedFault::Der {
        offset: error.position().map_or(0, |at| u64::from(u32::from(at))),
    }
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerName {
    /// The certificate's issuer and serial number.
    IssuerAndSerial {
        /// The issuer, as RFC 4514 writes it.
        issuer: String,
        /// The issuer as DER.
        issuer_der: Vec<u8>,
        /// The serial number, big endian, without leading zeros.
        serial: Vec<u8>,
    },
    /// The certificate's Subject Key Identifier.
    KeyId(Vec<u8>),
}

/// One signer of an appended signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Who.
    pub name: SignerName,
    /// The hash algorithm; `None` for one that is not known.
    pub hash: Option<Algorithm>,
    /// The signature algorithm's object identifier.
    pub signature_algorithm: String,
    /// The digest in the signed attributes, and the DER that was signed.
    attributes: Option<(Vec<u8>, Vec<u8>)>,
    signature: Vec<u8>,
}

/// An appended signature, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendedSignature {
    /// Who signed; at least one.
    pub signers: Vec<Signer>,
}

impl AppendedSignature {
    /// Reads the value of a `modsig` field: CMS SignedData, without what the kernel appends to it.
    ///
    /// # Errors
    /// [`AppendedFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AppendedFault> {
        if bytes.len() > MAX_APPENDED_BYTES {
            return Err(AppendedFault::TooLarge {
                limit: MAX_APPENDED_BYTES,
            });
        }
        let info = ContentInfo::from_der(bytes).map_err(der_fault)?;
        if info.content_type != SIGNED_DATA {
            return Err(AppendedFault::NotSigned);
        }
        let signed: SignedData = info.content.decode_as().map_err(der_fault)?;
        if signed.encap_content_info.econtent.is_some() {
            return Err(AppendedFault::NotDetached);
        }
        let infos = &signed.signer_infos.0;
        if infos.len() > MAX_SIGNERS {
            return Err(AppendedFault::TooManySigners { limit: MAX_SIGNERS });
        }
        let signers: Vec<_> = infos.iter().map(Signer::read).collect::<Result<_, _>>()?;
        if signers.is_empty() {
            return Err(AppendedFault::NoSigner);
        }
        Ok(Self { signers })
    }
}

impl Signer {
    fn read(info: &SignerInfo) -> Result<Self, AppendedFault> {
        let name = match &info.sid {
            SignerIdentifier::IssuerAndSerialNumber(name) => SignerName::IssuerAndSerial {
                issuer: name_text(&name.issuer),
                issuer_der: name.issuer.to_der().map_err(der_fault)?,
                serial: without_zeros(name.serial_number.as_bytes()),
            },
            SignerIdentifier::SubjectKeyIdentifier(id) => SignerName::KeyId(id.0.as_bytes().to_vec()),
        };
        let attributes = match &info.signed_attrs {
            None => None,
            Some(attributes) => {
                let digest = attributes
                    .iter()
                    .find(|attribute| attribute.oid == MESSAGE_DIGEST)
                    .filter(|attribute| attribute.values.len() == 1)
                    .and_then(|attribute| attribute.values.get(0))
                    .and_then(|value| value.decode_as::<&OctetStringRef>().ok())
                    .ok_or(AppendedFault::NoMessageDigest)?;
                // The SET OF that was signed, not the tagged form that stands in the message.
                Some((
                    digest.as_bytes().to_vec(),
                    attributes.to_der().map_err(der_fault)?,
                ))
            }
        };
        Ok(Self {
            name,
            hash: HASHES
                .iter()
                .find(|(oid, _)| is(&info.digest_alg.oid, oid))
                .map(|(_, algorithm)| *algorithm),
            signature_algorithm: info.signature_algorithm.oid.to_string(),
            attributes,
            signature: info.signature.as_bytes().to_vec(),
        })
    }

    /// Whether the signature algorithm is one that keys of this kind make.
    fn suits(&self, key: &VerificationKey) -> bool {
        let is_rsa = matches!(key.key.kind(), KeyKind::Rsa { .. });
        self.algorithm_is_rsa() == Some(is_rsa)
    }

    fn algorithm_is_rsa(&self) -> Option<bool> {
        SIGNATURES
            .iter()
            .find(|(oid, _)| self.signature_algorithm == *oid)
            .map(|(_, is_rsa)| *is_rsa)
    }

    /// The digest that was signed, if the signer signed `digest`.
    fn signed_digest(&self, digest: &Digest) -> Option<Digest> {
        match &self.attributes {
            None => Some(*digest),
            Some((message_digest, der)) if message_digest == digest.bytes() => {
                Some(hash(digest.algorithm(), der))
            }
            Some(_) => None,
        }
    }
}

fn is(oid: &ObjectIdentifier, dotted: &str) -> bool {
    ObjectIdentifier::new(dotted).is_ok_and(|known| known == *oid)
}

impl Keyring {
    /// Verifies the value of a `modsig` field over the digest in `d-modsig`. With several signers one that
    /// verifies is enough, as it is for the kernel; otherwise the first one's outcome is given.
    #[must_use]
    pub fn verify_appended(&self, value: &[u8], digest: &FileDigest<'_>) -> SignatureOutcome<'_> {
        let appended = match AppendedSignature::parse(value) {
            Ok(appended) => appended,
            Err(fault) => return SignatureOutcome::AppendedMalformed(fault),
        };
        let mut first = None;
        for signer in &appended.signers {
            match self.verify_signer(signer, digest) {
                valid @ SignatureOutcome::Valid { .. } => return valid,
                outcome => {
                    first.get_or_insert(outcome);
                }
            }
        }
        first.unwrap_or(SignatureOutcome::AppendedMalformed(AppendedFault::NoSigner))
    }

    fn verify_signer(&self, signer: &Signer, digest: &FileDigest<'_>) -> SignatureOutcome<'_> {
        let Some(signed) = signer.hash else {
            return SignatureOutcome::Unsupported(Unsupported::HashUnknown);
        };
        if digest.algorithm != Some(signed) {
            return SignatureOutcome::AlgorithmMismatch {
                signed,
                digest: digest.algorithm,
            };
        }
        let Some(digest) = digest.digest() else {
            return SignatureOutcome::DigestMalformed;
        };
        if signer.algorithm_is_rsa().is_none() {
            return SignatureOutcome::Unsupported(Unsupported::AlgorithmUnknown);
        }
        let name = || KeyName::Signer(signer.name.clone());
        let Some(signed_digest) = signer.signed_digest(&digest) else {
            return SignatureOutcome::Invalid {
                name: name(),
                tried: 0,
            };
        };
        let suits = |key: &&VerificationKey| signer.suits(key);
        let named = self.signers(&signer.name).filter(suits);
        let outcome = self.try_keys(named, name, &[signed_digest], &signer.signature);
        let by_number = matches!(signer.name, SignerName::IssuerAndSerial { .. });
        if !by_number || !matches!(outcome, SignatureOutcome::KeyUnknown { .. }) {
            return outcome;
        }
        // Whether a bare key is the one with this issuer and number only the signature can tell.
        match self.try_keys(
            self.bare().filter(suits),
            name,
            &[signed_digest],
            &signer.signature,
        ) {
            valid @ SignatureOutcome::Valid { .. } => valid,
            _ => outcome,
        }
    }
}
