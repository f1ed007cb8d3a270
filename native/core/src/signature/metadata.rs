//! Portable EVM signatures, from the fields of `evm-sig`.
//!
//! ```text
//! H( xattr values, in order || u64 0 || u32 0 || u32 uid || u32 gid || u16 mode || u16 0 )
//!                              └ inode   └ generation: struct h_misc of the kernel, in the signer's byte order;
//!                                u32 on 32-bit machines
//! ```

use ima_assay_digest::{Algorithm, Digest, Hasher};

use super::{FileDigest, ImaSignature, Keyring, SignatureKind, SignatureOutcome};

/// The xattr whose value a portable signature must cover.
const SECURITY_IMA: &[u8] = b"security.ima";

/// The order of a number's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The lowest first.
    Little,
    /// The highest first.
    Big,
}

/// The fields of an `evm-sig` entry, and the digest of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// `evmsig`.
    pub signature: &'a [u8],
    /// `xattrnames`: names with `|` between, and a NUL at the end.
    pub xattr_names: &'a [u8],
    /// `xattrlengths`: a number of 32 bits for each.
    pub xattr_lengths: &'a [u8],
    /// `xattrvalues`.
    pub xattr_values: &'a [u8],
    /// `iuid`.
    pub uid: u32,
    /// `igid`.
    pub gid: u32,
    /// `imode`.
    pub mode: u16,
    /// The list's byte order, that of `xattrlengths`.
    pub byte_order: ByteOrder,
    /// `d-ng`.
    pub digest: FileDigest<'a>,
}

/// Why metadata cannot be those that were signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataFault {
    /// Not as many lengths as names, or a length that is cut.
    #[error("{names} names of xattrs, {lengths} bytes of lengths")]
    LengthsWrong {
        /// Names.
        names: usize,
        /// Bytes of lengths.
        lengths: usize,
    },
    /// The lengths do not add up to the values.
    #[error("the lengths of xattrs do not add up to the {values} bytes of their values")]
    ValuesWrong {
        /// Bytes of values.
        values: usize,
    },
    /// The names do not end in NUL.
    #[error("the names of xattrs do not end in NUL")]
    NamesUnterminated,
    /// `security.ima` is not among them, without which the signature says nothing about the file.
    #[error("security.ima is not among the signed xattrs")]
    ImaMissing,
    /// `security.ima` has another digest than the entry.
    #[error("security.ima among the signed xattrs has another digest than the entry")]
    ImaDiffers,
    /// `security.ima` is neither a digest nor a signature.
    #[error("security.ima among the signed xattrs is neither a digest nor a signature")]
    ImaMalformed,
}

impl Keyring {
    /// Verifies the portable EVM signature of an `evm-sig` entry, and that the `security.ima` it covers is that
    /// of the entry's digest: a digest that is the same, or a signature that verifies too.
    ///
    /// The signer's byte order and word size are not recorded: that of the list is tried first, then the others.
    #[must_use]
    pub fn verify_metadata(&self, metadata: &Metadata<'_>) -> SignatureOutcome<'_> {
        let signature = match ImaSignature::parse(metadata.signature) {
            Ok(signature) => signature,
            Err(fault) => return fault.into(),
        };
        if signature.kind != SignatureKind::EvmPortable {
            return SignatureOutcome::KindMismatch {
                signed: signature.kind,
                version: signature.version,
                digest: metadata.digest.kind,
            };
        }
        let ima = match metadata.security_ima() {
            Ok(ima) => ima,
            Err(fault) => return SignatureOutcome::MetadataMismatch(fault),
        };
        match self.check_ima(ima, &metadata.digest) {
            None => {
                let digests = metadata.digests(signature.algorithm);
                self.verify_over(
                    &signature,
                    &digests.map(|digest| signature.signed_digest(&digest)),
                )
            }
            Some(outcome) => outcome,
        }
    }

    /// `None` if the value of `security.ima` is about the same content as the digest.
    fn check_ima(&self, value: &[u8], digest: &FileDigest<'_>) -> Option<SignatureOutcome<'_>> {
        let (algorithm, found) = match value {
            [0x01, found @ ..] => (Some(Algorithm::Sha1), found),
            [0x04, algorithm, found @ ..] => (Algorithm::from_kernel_id(*algorithm), found),
            [0x03 | 0x06, ..] => {
                return match self.verify(value, digest) {
                    SignatureOutcome::Valid { .. } => None,
                    outcome => Some(outcome),
                };
            }
            _ => return Some(SignatureOutcome::MetadataMismatch(MetadataFault::ImaMalformed)),
        };
        let is_same = algorithm.is_some() && algorithm == digest.algorithm && found == digest.bytes;
        (!is_same).then_some(SignatureOutcome::MetadataMismatch(MetadataFault::ImaDiffers))
    }
}

impl<'a> Metadata<'a> {
    /// The value of `security.ima`, after names, lengths and values were found to agree.
    fn security_ima(&self) -> Result<&'a [u8], MetadataFault> {
        let Some((0, names)) = self.xattr_names.split_last() else {
            return Err(match self.xattr_names {
                [] => MetadataFault::ImaMissing,
                _ => MetadataFault::NamesUnterminated,
            });
        };
        let names = names.split(|&byte| byte == b'|');
        let count = names.clone().count();
        let (lengths, rest) = self.xattr_lengths.as_chunks::<4>();
        if lengths.len() != count || !rest.is_empty() {
            return Err(MetadataFault::LengthsWrong {
                names: count,
                lengths: self.xattr_lengths.len(),
            });
        }
        let wrong = MetadataFault::ValuesWrong {
            values: self.xattr_values.len(),
        };
        let mut values = self.xattr_values;
        let mut ima = None;
        for (name, length) in names.zip(lengths) {
            let length = match self.byte_order {
                ByteOrder::Little => u32::from_le_bytes(*length),
                ByteOrder::Big => u32::from_be_bytes(*length),
            };
            let length = usize::try_from(length).map_err(|_| wrong)?;
            let (value, rest) = values.split_at_checked(length).ok_or(wrong)?;
            values = rest;
            if name == SECURITY_IMA {
                ima = Some(value);
            }
        }
        if values.is_empty() {
            ima.ok_or(MetadataFault::ImaMissing)
        } else {
            Err(wrong)
        }
    }

    /// What the signature may be over: `struct h_misc` in each of its forms.
    fn digests(&self, algorithm: Algorithm) -> [Digest; 4] {
        let other = match self.byte_order {
            ByteOrder::Little => ByteOrder::Big,
            ByteOrder::Big => ByteOrder::Little,
        };
        let mut values = Hasher::new(algorithm);
        values.update(self.xattr_values);
        [(self.byte_order, 8), (self.byte_order, 4), (other, 8), (other, 4)].map(|(order, word_bytes)| {
            let mut hasher = values.clone();
            let inode_and_generation: usize = word_bytes;
            hasher.update(
                [0; 12]
                    .get(..inode_and_generation.saturating_add(4))
                    .unwrap_or_default(),
            );
            match order {
                ByteOrder::Little => {
                    hasher.update(&self.uid.to_le_bytes());
                    hasher.update(&self.gid.to_le_bytes());
                    hasher.update(&self.mode.to_le_bytes());
                }
                ByteOrder::Big => {
                    hasher.update(&self.uid.to_be_bytes());
                    hasher.update(&self.gid.to_be_bytes());
                    hasher.update(&self.mode.to_be_bytes());
                }
            }
            hasher.update(&[0; 2]);
            hasher.finish()
        })
    }
}
