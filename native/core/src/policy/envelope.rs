//! Signed policies: DSSE envelopes.
//!
//! ```text
//! {"payload": "base64 of the policy", "payloadType": "application/vnd.keylime+json",
//!  "signatures": [{"keyid": "…", "sig": "base64 of the signature"}]}
//! ```
//!
//! Signatures are checked elsewhere; this only takes the envelope apart.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ima_assay_digest::decode_hex;

/// The payload type of Keylime's policies.
pub const KEYLIME_PAYLOAD_TYPE: &str = "application/vnd.keylime+json";

/// A DSSE envelope, taken apart. What is signed is `DSSEv1 LEN(type) type LEN(payload) payload`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `payloadType`.
    pub payload_type: String,
    /// `payload`, decoded: the policy's bytes.
    pub payload: Vec<u8>,
    /// `signatures`, in their order; there is at least one.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// `keyid`: a hint about the key, which is not signed itself.
    pub key_id: Option<String>,
    /// `sig`, decoded.
    pub signature: Vec<u8>,
}

/// What is known about a policy's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureStatus {
    /// The policy came without an envelope.
    Unsigned,
    /// It came in an envelope, and nobody checked the signatures.
    Unchecked,
    /// A signature is good.
    Verified,
    /// No signature is good.
    Failed,
}

/// Bytes from text as Keylime's decoder takes it: hex first, then base64, then its URL-safe alphabet.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    decode_hex(text.as_bytes())
        .ok()
        .filter(|bytes| !bytes.is_empty())
        .or_else(|| STANDARD.decode(text).ok())
        .or_else(|| URL_SAFE.decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_as_keylime_does() {
        // Expected values: keylime.dsse.dsse.b64dec of Keylime 7.14.3.
        let rows: [(&str, Option<&[u8]>); 7] = [
            ("aGVsbG8=", Some(b"hello")),
            ("abcd", Some(b"\xab\xcd")),
            ("abc=", Some(b"i\xb7")),
            ("-_8=", Some(b"\xfb\xff")),
            ("", Some(b"")),
            ("aGVsbG8", None),
            ("aGVs\nbG8=", None),
        ];
        for (text, expected) in rows {
            assert_eq!(decode(text).as_deref(), expected, "{text:?}");
        }
    }
}
