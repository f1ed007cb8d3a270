//! What comes out of verifying a signature.

use std::fmt;

use ima_assay_digest::{Algorithm, Digest};

use super::{AppendedFault, HeaderFault, MetadataFault, SignatureKind, SignerName, VerificationKey};
use crate::public_key::{KeyKind, Refusal};

/// What a digest was computed over, as its field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestKind {
    /// The field has no type: `d`, `d-ng`, `d-modsig`.
    Untyped,
    /// `ima:`, the file's content.
    Ima,
    /// `verity:`, fs-verity's descriptor.
    Verity,
    /// A type that is not known here.
    Unknown,
}

/// The digest that a signature should be over, as it stands in the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileDigest<'a> {
    /// What it was computed over.
    pub kind: DigestKind,
    /// Its algorithm; `None` for a name that is not known.
    pub algorithm: Option<Algorithm>,
    /// The digest.
    pub bytes: &'a [u8],
}

impl FileDigest<'_> {
    pub(super) fn digest(&self) -> Option<Digest> {
        Digest::new(self.algorithm?, self.bytes).ok()
    }
}

/// Which key a signature asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyName {
    /// The id in the header of a file's signature.
    Id(u32),
    /// The signer that an appended signature names.
    Signer(SignerName),
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id:08x}"),
            Self::Signer(name) => name.fmt(f),
        }
    }
}

/// What cannot be verified here, although it is well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A version of the header: 1 is long obsolete.
    #[error("signature version {0}")]
    Version(u8),
    /// A number of a hash algorithm, or an algorithm of an appended signature, that is not known.
    #[error("an unknown hash algorithm")]
    HashUnknown,
    /// A signature algorithm that is not known.
    #[error("an unknown signature algorithm")]
    AlgorithmUnknown,
    /// A hash algorithm that is not used with this kind of key.
    #[error("{0} with a key of the kind {1}")]
    Combination(Algorithm, KeyKind),
}

/// What came out of verifying a signature: one variant for each rule that can be broken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureOutcome<'k> {
    /// The key made it, over this digest.
    Valid {
        /// The key.
        key: &'k VerificationKey,
    },
    /// The value is no signature, or is cut.
    Malformed(HeaderFault),
    /// The appended signature is none, or is cut.
    AppendedMalformed(AppendedFault),
    /// It is well formed, and nothing here can verify it.
    Unsupported(Unsupported),
    /// It is over a digest of another algorithm than the entry's.
    AlgorithmMismatch {
        /// The algorithm in the signature.
        signed: Algorithm,
        /// The algorithm in the entry; `None` for a name that is not known.
        digest: Option<Algorithm>,
    },
    /// It covers something else than the entry's digest: a file's content, not fs-verity's descriptor, or the
    /// other way round; or a version that this kind cannot have.
    KindMismatch {
        /// What the signature covers.
        signed: SignatureKind,
        /// Its version.
        version: u8,
        /// What the digest was computed over.
        digest: DigestKind,
    },
    /// The entry's digest is not as long as its algorithm says.
    DigestMalformed,
    /// No key of this name is known.
    KeyUnknown {
        /// The name.
        name: KeyName,
    },
    /// No key of this name made it over this digest.
    Invalid {
        /// The name.
        name: KeyName,
        /// Keys that were tried.
        tried: usize,
    },
    /// A portable EVM signature beside a file's digest: it covers metadata that the entry does not have.
    NotCheckable,
    /// The metadata in the entry contradict each other or the file's digest.
    MetadataMismatch(MetadataFault),
}

impl SignatureOutcome<'_> {
    /// Whether a known key made the signature over the digest.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        matches!(self, Self::Valid { .. })
    }

    pub(super) fn refused(refusal: Refusal, key: &VerificationKey) -> Option<Self> {
        match refusal {
            Refusal::HashUnsupported(algorithm) => Some(Self::Unsupported(Unsupported::Combination(
                algorithm,
                key.key.kind(),
            ))),
            _ => None,
        }
    }
}

impl From<HeaderFault> for SignatureOutcome<'_> {
    fn from(fault: HeaderFault) -> Self {
        match fault {
            HeaderFault::VersionUnsupported { found } => Self::Unsupported(Unsupported::Version(found)),
            HeaderFault::AlgorithmUnknown { .. } => Self::Unsupported(Unsupported::HashUnknown),
            fault => Self::Malformed(fault),
        }
    }
}

impl fmt::Display for SignatureOutcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid { key } => write!(f, "signed with {}", key.describe()),
            Self::Malformed(fault) => fault.fmt(f),
            Self::AppendedMalformed(fault) => fault.fmt(f),
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::AlgorithmMismatch { signed, digest } => write!(
                f,
                "the signature is over a {signed} digest, the entry has {}",
                digest.map_or("another", Algorithm::name)
            ),
            Self::KindMismatch { signed, version, .. } => write!(
                f,
                "a signature of type {:#04x} and version {version} does not cover the entry's digest",
                signed.id()
            ),
            Self::DigestMalformed => f.write_str("the entry's digest is malformed"),
            Self::KeyUnknown { name } => write!(f, "no key {name} is known"),
            Self::Invalid { name, .. } => write!(f, "the signature is not of key {name} over this digest"),
            Self::NotCheckable => {
                f.write_str("a portable EVM signature covers metadata, which the entry does not have")
            }
            Self::MetadataMismatch(fault) => fault.fmt(f),
        }
    }
}
