//! Signatures of files, which IMA and EVM keep in the attributes `security.ima` and `security.evm`.

use super::{ContentId, ImageError, Sink};
use crate::allowlist::Signatures;

/// The names of both behind `security.`, which most filesystems keep as a number.
pub(super) const NAMES: [&[u8]; 2] = [b"ima", b"evm"];

/// First byte of a `security.ima` that is a signature: over the file's digest, and over its fs-verity digest. Others are
/// digests.
///
/// Source: Linux, `security/integrity/integrity.h`, `EVM_IMA_XATTR_DIGSIG` and `IMA_VERITY_DIGSIG`.
const IMA_SIGNATURES: [u8; 2] = [0x03, 0x06];

/// First byte of a `security.evm` that is a signature: of a file in one filesystem, and of a file that may be copied to
/// others. Others are HMACs with a key of one machine, which nobody else can check.
///
/// Source: the same file, `EVM_IMA_XATTR_DIGSIG` and `EVM_XATTR_PORTABLE_DIGSIG`.
const EVM_SIGNATURES: [u8; 2] = [0x03, 0x05];

impl Signatures {
    /// Where the attribute with this name behind `security.` belongs; none if no signatures are kept in it.
    pub(super) fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Vec<u8>>> {
        match name {
            b"ima" => Some(&mut self.ima),
            b"evm" => Some(&mut self.evm),
            _ => None,
        }
    }
}

/// Passes attributes on as far as they are signatures.
pub(super) fn take<'s>(
    sink: &mut dyn Sink<'s>,
    content: ContentId,
    attributes: Signatures,
) -> Result<(), ImageError> {
    let only = |value: Option<Vec<u8>>, kinds: [u8; 2]| {
        value.filter(|value| value.first().is_some_and(|kind| kinds.contains(kind)))
    };
    let signatures = Signatures {
        ima: only(attributes.ima, IMA_SIGNATURES),
        evm: only(attributes.evm, EVM_SIGNATURES),
    };
    if signatures == Signatures::default() {
        return Ok(());
    }
    sink.signatures(content, signatures)
}
