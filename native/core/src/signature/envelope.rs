//! Signed runtime policies: DSSE envelopes.
//!
//! ```text
//! {"payload": BASE64(policy), "payloadType": "application/vnd.keylime+json",
//!  "signatures": [{"keyid": "…", "sig": BASE64(DER of ECDSA with SHA-256)}]}
//! signed: DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload
//! ```

use base64ct::{Base64, Base64Url, Encoding as _};
use ima_assay_digest::{Algorithm, Digest, Hasher, decode_hex};
use serde_json::Value;

use super::SignatureError;
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

/// A signed runtime policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The policy. It counts only once [`Envelope::verify`] says so.
    pub payload: Vec<u8>,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct EnvelopeSignature {
    key_id: String,
    /// What the text can stand for: hex, Base64 of either alphabet.
    readings: Vec<Vec<u8>>,
}

/// What came out of verifying an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeOutcome<'a> {
    /// One of the keys signed it.
    Valid {
        /// The key.
        key: &'a EnvelopeKey,
        /// The signature's `keyid`, which is only a hint.
        key_id: &'a str,
    },
    /// None did.
    Invalid(EnvelopeRefusal),
}

/// Why an envelope is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeRefusal {
    /// No key was given. Certificates inside an envelope prove nothing, and are not used.
    #[error("no key to verify it with was given")]
    NoKey,
    /// It has no signature.
    #[error("it has no signature")]
    NoSignature,
    /// No signature is of one of the keys.
    #[error("none of its signatures is of a given key")]
    Mismatch,
}

impl Envelope {
    /// Whether JSON is an envelope, and not a plain policy.
    #[must_use]
    pub fn is_envelope(json: &Value) -> bool {
        json.get("payload").is_some() && json.get("signatures").is_some()
    }

    /// Reads an envelope around a runtime policy.
    ///
    /// # Errors
    /// [`SignatureError::EnvelopeMalformed`], [`SignatureError::PayloadForeign`].
    pub fn parse(json: &[u8]) -> Result<Self, SignatureError> {
        let malformed = |problem| SignatureError::EnvelopeMalformed { line: None, problem };
        let envelope: Value =
            serde_json::from_slice(json).map_err(|error| SignatureError::EnvelopeMalformed {
                line: u64::try_from(error.line()).ok(),
                problem: "no JSON",
            })?;
        let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
        let payload_type = text(&envelope, "payloadType").ok_or(malformed("no text `payloadType`"))?;
        if payload_type != RUNTIME_POLICY_TYPE {
            return Err(SignatureError::PayloadForeign { found: payload_type });
        }
        let payload = envelope
            .get("payload")
            .and_then(Value::as_str)
            .and_then(from_base64)
            .ok_or(malformed("`payload` is no Base64"))?;
        let signatures = envelope
            .get("signatures")
            .and_then(Value::as_array)
            .ok_or(malformed("no array `signatures`"))?;
        if signatures.len() > MAX_ENVELOPE_SIGNATURES {
            return Err(malformed("more than 64 signatures"));
        }
        let signatures = signatures
            .iter()
            .map(|signature| {
                let sig = signature
                    .get("sig")
                    .and_then(Value::as_str)
                    .ok_or(malformed("a signature without text `sig`"))?;
                let readings: Vec<_> = [decode_hex(sig.as_bytes()).ok(), from_base64(sig)]
                    .into_iter()
                    .flatten()
                    .collect();
                if readings.is_empty() {
                    return Err(malformed("a signature is neither Base64 nor hexadecimal"));
                }
                Ok(EnvelopeSignature {
                    key_id: text(signature, "keyid").unwrap_or_default(),
                    readings,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            payload,
            payload_type,
            signatures,
        })
    }

    /// The `keyid` of every signature: hints, as the signer wrote them.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signature| signature.key_id.as_str())
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
        let digest = self.signed_digest();
        for signature in &self.signatures {
            for key in keys {
                let is_valid = |reading: &Vec<u8>| key.0.verify(Scheme::Ecdsa, &digest, reading).is_ok();
                if signature.readings.iter().any(is_valid) {
                    return EnvelopeOutcome::Valid {
                        key,
                        key_id: &signature.key_id,
                    };
                }
            }
        }
        EnvelopeOutcome::Invalid(EnvelopeRefusal::Mismatch)
    }

    /// SHA-256, whatever the curve, over DSSE's pre-authentication encoding.
    fn signed_digest(&self) -> Digest {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let (kind, payload) = (&self.payload_type, &self.payload);
        hasher.update(format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes());
        hasher.update(payload);
        hasher.finish()
    }
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text)
        .or_else(|_| Base64Url::decode_vec(text))
        .ok()
}
