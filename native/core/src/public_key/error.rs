//! Why a key cannot be used.

use der::asn1::ObjectIdentifier;

use crate::error::{Explain, Place};

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither PEM nor DER of a key or certificate.
    #[error("neither a public key nor a certificate")]
    FormUnknown,
    /// DER that is cut, has something after its end, or is no key.
    #[error("malformed at byte {offset}")]
    Der {
        /// Bytes of the DER before the fault.
        offset: u64,
    },
    /// PEM that is cut or damaged.
    #[error("line {line}: {problem}")]
    Pem {
        /// The line of the block's start, counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A PEM block with something else in it.
    #[error("line {line}: a block \"{}\", which is no public key", label.escape_debug())]
    LabelUnsupported {
        /// The line, counted from 1.
        line: u64,
        /// Its label.
        label: String,
    },
    /// A private key.
    #[error("a private key was given")]
    Private,
    /// A key of another kind.
    #[error("keys of the kind {oid} are not supported")]
    KindUnsupported {
        /// The object identifier.
        oid: String,
        /// The registered name, if it is a known one.
        name: Option<&'static str>,
    },
    /// A curve that is not known here.
    #[error("the curve {curve} is not supported")]
    CurveUnsupported {
        /// The object identifier, or the TPM's number.
        curve: String,
    },
    /// An RSA key that is too small to trust or too large to bear.
    #[error("an RSA key of {bits} bits; from 1024 to {limit} are possible")]
    RsaSize {
        /// Bits of the modulus.
        bits: u64,
        /// The limit.
        limit: u32,
    },
    /// Numbers that are no key: an even modulus, a point that is not on its curve.
    #[error("no key: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// More bytes than any file of keys has.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

impl KeyError {
    pub(super) fn der(error: der::Error) -> Self {
        Self::Der {
            offset: error.position().map_or(0, |at| u64::from(u32::from(at))),
        }
    }

    pub(super) fn unsupported(oid: ObjectIdentifier) -> Self {
        Self::KindUnsupported {
            oid: oid.to_string(),
            name: KINDS
                .iter()
                .find(|(known, _)| *known == oid)
                .map(|(_, name)| *name),
        }
    }
}

/// Kinds of keys that certificates can hold, and that nothing here verifies with.
const KINDS: [(ObjectIdentifier, &str); 8] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10"),
        "RSASSA-PSS",
    ),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.1"), "DSA"),
    (ObjectIdentifier::new_unwrap("1.3.101.112"), "Ed25519"),
    (
        ObjectIdentifier::new_unwrap("1.2.643.7.1.1.1.1"),
        "GOST R 34.10-2012 (256)",
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.643.7.1.1.1.2"),
        "GOST R 34.10-2012 (512)",
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"),
        "ML-DSA-44",
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"),
        "ML-DSA-65",
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"),
        "ML-DSA-87",
    ),
];

impl Explain for KeyError {
    fn code(&self) -> &'static str {
        match self {
            Self::FormUnknown => "KEY_FORM_UNKNOWN",
            Self::Der { .. } => "KEY_DER_MALFORMED",
            Self::Pem { .. } => "KEY_PEM_MALFORMED",
            Self::LabelUnsupported { .. } => "KEY_LABEL_UNSUPPORTED",
            Self::Private => "KEY_PRIVATE",
            Self::KindUnsupported { .. } => "KEY_KIND_UNSUPPORTED",
            Self::CurveUnsupported { .. } => "KEY_CURVE_UNSUPPORTED",
            Self::RsaSize { .. } => "KEY_RSA_SIZE",
            Self::Malformed { .. } => "KEY_MALFORMED",
            Self::TooLarge { .. } => "KEY_FILE_TOO_LARGE",
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Der { offset } => Place {
                offset_bytes: Some(*offset),
                ..Place::default()
            },
            Self::Pem { line, .. } | Self::LabelUnsupported { line, .. } => Place {
                line: Some(*line),
                ..Place::default()
            },
            _ => Place::default(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::FormUnknown | Self::LabelUnsupported { .. } => {
                "give an X.509 certificate or a public key, as PEM or DER"
            }
            Self::Der { .. } | Self::Pem { .. } | Self::Malformed { .. } => {
                "the file is cut or damaged; write it anew, for example with openssl x509 or openssl pkey"
            }
            Self::Private => "keep it where it is and give its public half: `openssl pkey -in KEY -pubout`",
            Self::KindUnsupported { .. } => "RSA, ECDSA and SM2 keys can be used",
            Self::CurveUnsupported { .. } => "P-256, P-384, P-521, secp256k1 and SM2 can be used",
            Self::RsaSize { .. } | Self::TooLarge { .. } => "check that the file is what it is given for",
        })
    }
}
