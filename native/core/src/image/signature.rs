//! Signatures of files, which IMA keeps in the attribute `security.ima`.

use super::{ContentId, ImageError, Sink};

/// First byte of an attribute that is a signature over the file's digest, and of one over its fs-verity digest.
///
/// Source: Linux, `security/integrity/integrity.h`, `EVM_IMA_XATTR_DIGSIG` and `IMA_VERITY_DIGSIG`.
const SIGNATURES: [u8; 2] = [0x03, 0x06];

/// Passes the attribute on if it is a signature; it may be a mere digest.
pub(super) fn take<'s>(
    sink: &mut dyn Sink<'s>,
    content: ContentId,
    attribute: Option<Vec<u8>>,
) -> Result<(), ImageError> {
    match attribute {
        Some(value) if value.first().is_some_and(|kind| SIGNATURES.contains(kind)) => {
            sink.signature(content, value)
        }
        _ => Ok(()),
    }
}
