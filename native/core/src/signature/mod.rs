//! Signatures of files, in the fields of a measurement list, and of policies.
//!
//! A [`Keyring`] holds every key once, parsed. It verifies, per entry: the `sig` field ([`Keyring::verify`]),
//! the fields of `evm-sig` ([`Keyring::verify_metadata`]) and `modsig` ([`Keyring::verify_appended`]). What comes
//! out is a [`SignatureOutcome`]: a result, never an error. Policies have [`Envelope`].
//!
//! ```
//! use ima_assay_core::signature::*;
//! use ima_assay_digest::Algorithm;
//!
//! # fn verify(certificate: &[u8], sig: &[u8], digest: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let mut keyring = Keyring::new();
//! keyring.add(certificate, &Provenance::Given(b"vendor.pem".to_vec()))?;
//! let digest = FileDigest {
//!     kind: DigestKind::Untyped,
//!     algorithm: Some(Algorithm::Sha256),
//!     bytes: digest,
//! };
//! match keyring.verify(sig, &digest) {
//!     SignatureOutcome::Valid { key } => println!("signed with {}", key.describe()),
//!     outcome => println!("{outcome}"),
//! }
//! # Ok(())
//! # }
//! ```

mod appended;
mod envelope;
mod error;
mod header;
mod keylime;
mod keyring;
mod metadata;
mod outcome;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use appended::{AppendedFault, AppendedSignature, MAX_APPENDED_BYTES, MAX_SIGNERS, Signer, SignerName};
pub(crate) use envelope::decode;
pub use envelope::{
    Envelope, EnvelopeKey, EnvelopeOutcome, EnvelopeRefusal, EnvelopeSignature, MAX_ENVELOPE_SIGNATURES,
    RUNTIME_POLICY_TYPE,
};
pub use error::SignatureError;
pub use header::{HeaderFault, ImaSignature, SignatureKind};
pub use keyring::{Added, Keyring, MAX_KEYS_PER_ID, Provenance, VerificationKey};
pub use metadata::{ByteOrder, Metadata, MetadataFault};
pub use outcome::{DigestKind, FileDigest, KeyName, SignatureOutcome, Unsupported};
