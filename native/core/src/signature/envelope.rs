//! Signed runtime policies: DSSE envelopes.
//!
//! ```text
//! {"payload": BASE64(policy), "payloadType": "application/vnd.keylime+json",
//!  "signatures": [{"keyid": "…", "sig": BASE64(DER of ECDSA with SHA-256)}]}
//! signed: DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload
//! ```
//!
//! [`policy::read_envelope`](crate::policy::read_envelope) takes one apart.

use base64ct::{Base64, Base64Url, Encoding as _};
use ima_assay_digest::{Algorithm, Digest, Hasher, decode_hex};
use serde_json::json;

use super::SignatureError;
use crate::policy::python_json;
use crate::public_key::{KeyKind, PublicKey, Scheme, read_keys};

/// The `payloadType` of Keylime's runtime policies.
pub const RUNTIME_POLICY_TYPE: &str = "application/vnd.keylime+json";

/// Most signatures of one envelope; Keylime makes one.
pub const MAX_ENVELOPE_SIGNATURES: usize = 64;

/// A key that envelopes are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeKey(PublicKey);

impl EnvelopeKey {
    /// Reads the EC keys of a file: public keys or certificates, PEM or DER.
    ///
    /// # Errors
    /// [`SignatureError::Key`], [`SignatureError::EnvelopeKeyForeign`].
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>, SignatureError> {
        read_keys(bytes)?
            .into_iter()
            .map(|loaded| match (loaded.key.usual_scheme(), loaded.key.kind()) {
                (Scheme::Ecdsa, _) => Ok(Self(loaded.key)),
                (_, found) => Err(SignatureError::EnvelopeKeyForeign { found }),
            })
            .collect()
    }

    /// What the key is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.0.kind()
    }
}

/// A signed runtime policy, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `payloadType`.
    pub payload_type: String,
    /// `payload`, decoded: the policy. It counts only once [`Envelope::verify`] says so.
    pub payload: Vec<u8>,
    /// `signatures`, in their order.
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

/// What came out of verifying an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeOutcome<'a> {
    /// One of the keys signed it.
    Valid {
        /// The key.
        key: &'a EnvelopeKey,
        /// The signature's `keyid`, which is only a hint.
        key_id: Option<&'a str>,
    },
    /// None did.
    Invalid(EnvelopeRefusal),
}

/// Why a policy does not count as signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeRefusal {
    /// The policy is in no envelope.
    #[error("it is not signed")]
    Unsigned,
    /// No key was given. Certificates inside an envelope prove nothing, and are not used.
    #[error("no key to verify it with was given")]
    NoKey,
    /// It has no signature.
    #[error("it has no signature")]
    NoSignature,
    /// What is signed is said to be something else than a runtime policy.
    #[error("what is signed is not of the type {RUNTIME_POLICY_TYPE}")]
    PayloadForeign,
    /// No signature is of one of the keys.
    #[error("none of its signatures is of a given key")]
    Mismatch,
}

impl Envelope {
    /// The envelope that a runtime policy is signed in, still without a signature.
    #[must_use]
    pub fn around(policy: Vec<u8>) -> Self {
        Self {
            payload_type: RUNTIME_POLICY_TYPE.to_owned(),
            payload: policy,
            signatures: Vec::new(),
        }
    }

    /// Verifies the envelope: one signature of one of the keys is enough, as it is for Keylime.
    #[must_use]
    pub fn verify<'a>(&'a self, keys: &'a [EnvelopeKey]) -> EnvelopeOutcome<'a> {
        if keys.is_empty() {
            return EnvelopeOutcome::Invalid(EnvelopeRefusal::NoKey);
        }
        if self.signatures.is_empty() {
            return EnvelopeOutcome::Invalid(EnvelopeRefusal::NoSignature);
        }
        if self.payload_type != RUNTIME_POLICY_TYPE {
            return EnvelopeOutcome::Invalid(EnvelopeRefusal::PayloadForeign);
        }
        let digest = self.signed_digest();
        for EnvelopeSignature { key_id, signature } in &self.signatures {
            let is_of = |key: &&EnvelopeKey| key.0.verify(Scheme::Ecdsa, &digest, signature).is_ok();
            if let Some(key) = keys.iter().find(is_of) {
                return EnvelopeOutcome::Valid {
                    key,
                    key_id: key_id.as_deref(),
                };
            }
        }
        EnvelopeOutcome::Invalid(EnvelopeRefusal::Mismatch)
    }

    /// What is signed: DSSE's pre-authentication encoding. Signatures are over its SHA-256, whatever the curve.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = self.signed_head().into_bytes();
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    fn signed_head(&self) -> String {
        let (kind, payload) = (&self.payload_type, &self.payload);
        format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len())
    }

    fn signed_digest(&self) -> Digest {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(self.signed_head().as_bytes());
        hasher.update(&self.payload);
        hasher.finish()
    }

    /// The envelope as Keylime writes it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|EnvelopeSignature { key_id, signature }| {
                let signature = Base64::encode_string(signature);
                match key_id {
                    Some(key_id) => json!({"keyid": key_id, "sig": signature}),
                    None => json!({"sig": signature}),
                }
            })
            .collect();
        let envelope = json!({
            "payload": Base64::encode_string(&self.payload),
            "payloadType": self.payload_type,
            "signatures": signatures,
        });
        let mut text = Vec::new();
        python_json::write(&envelope, &mut text);
        text
    }
}

/// Bytes from text as Keylime's decoder takes it: hex first, then base64, then its URL-safe alphabet.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    decode_hex(text.as_bytes())
        .ok()
        .filter(|bytes| !bytes.is_empty())
        .or_else(|| Base64::decode_vec(text).ok())
        .or_else(|| Base64Url::decode_vec(text).ok())
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
