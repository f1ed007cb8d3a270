//! The value of `security.ima` or `security.evm` where it is a signature.
//!
//! ```text
//! u8 type | u8 version | u8 hash algorithm | u32 key id | u16 size | signature        numbers big endian
//! ```

use ima_assay_digest::{Algorithm, Digest, Hasher};

/// Bytes before the signature.
const HEADER_BYTES: usize = 9;

/// What a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureKind {
    /// The digest of a file: `EVM_IMA_XATTR_DIGSIG`.
    Ima,
    /// Metadata of a file: `EVM_XATTR_PORTABLE_DIGSIG`.
    EvmPortable,
    /// The fs-verity digest of a file: `IMA_VERITY_DIGSIG`.
    Verity,
}

impl SignatureKind {
    /// The type byte.
    #[must_use]
    pub fn id(self) -> u8 {
        match self {
            Self::Ima => 0x03,
            Self::EvmPortable => 0x05,
            Self::Verity => 0x06,
        }
    }
}

/// Why a value is no signature that can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderFault {
    /// The value is a digest or an HMAC, which no list should hold here.
    #[error("type {found:#04x} is a digest or an HMAC, no signature")]
    NoSignature {
        /// The type byte.
        found: u8,
    },
    /// No value has this type.
    #[error("unknown type {found:#04x}")]
    TypeUnknown {
        /// The type byte.
        found: u8,
    },
    /// It ends within its header.
    #[error("{found} bytes, a header has 9")]
    Truncated {
        /// Bytes of the value.
        found: usize,
    },
    /// The size in the header is not that of what follows.
    #[error("the header says {stated} bytes of signature, there are {found}")]
    SizeWrong {
        /// The size in the header.
        stated: usize,
        /// Bytes that follow.
        found: usize,
    },
    /// A version that nothing verifies any more, or yet.
    #[error("signature version {found} is not supported")]
    VersionUnsupported {
        /// The version byte.
        found: u8,
    },
    /// A number of no hash algorithm.
    #[error("hash algorithm {found} is unknown")]
    AlgorithmUnknown {
        /// The number.
        found: u8,
    },
}

/// A signature with its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImaSignature<'a> {
    /// What it covers.
    pub kind: SignatureKind,
    /// 2 or 3.
    pub version: u8,
    /// The hash algorithm of the digest, and, in version 3, of what is signed.
    pub algorithm: Algorithm,
    /// The key's id: a hint, which several keys can share.
    pub key_id: u32,
    /// The signature itself.
    pub bytes: &'a [u8],
}

impl<'a> ImaSignature<'a> {
    /// Reads a value. All of it must be used up.
    ///
    /// # Errors
    /// [`HeaderFault`].
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderFault> {
        let truncated = HeaderFault::Truncated { found: value.len() };
        let kind = match *value.first().ok_or(truncated)? {
            0x03 => SignatureKind::Ima,
            0x05 => SignatureKind::EvmPortable,
            0x06 => SignatureKind::Verity,
            found @ (0x01 | 0x02 | 0x04) => return Err(HeaderFault::NoSignature { found }),
            found => return Err(HeaderFault::TypeUnknown { found }),
        };
        // Other versions have other headers, so that their size says nothing.
        let version = match *value.get(1).ok_or(truncated)? {
            version @ (2 | 3) => version,
            found => return Err(HeaderFault::VersionUnsupported { found }),
        };
        let (header, bytes) = value.split_at_checked(HEADER_BYTES).ok_or(truncated)?;
        let [_, _, algorithm, a, b, c, d, size @ ..] = header else {
            return Err(truncated);
        };
        let stated = size
            .iter()
            .fold(0_usize, |size, byte| size << 8 | usize::from(*byte));
        if stated != bytes.len() {
            return Err(HeaderFault::SizeWrong {
                stated,
                found: bytes.len(),
            });
        }
        Ok(Self {
            kind,
            version,
            algorithm: Algorithm::from_kernel_id(*algorithm)
                .ok_or(HeaderFault::AlgorithmUnknown { found: *algorithm })?,
            key_id: u32::from_be_bytes([*a, *b, *c, *d]),
            bytes,
        })
    }

    /// What was signed, given the digest that is meant: the digest itself, or, in version 3, a digest over type,
    /// algorithm and digest (`struct ima_file_id` of the kernel, without its unused bytes).
    #[must_use]
    pub fn signed_digest(&self, digest: &Digest) -> Digest {
        if self.version == 2 {
            return *digest;
        }
        let mut hasher = Hasher::new(self.algorithm);
        hasher.update(&[self.kind.id(), self.algorithm.kernel_id()]);
        hasher.update(digest.bytes());
        hasher.finish()
    }
}
