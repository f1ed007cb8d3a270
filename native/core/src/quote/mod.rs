//! Quotes: what a TPM signed about its PCRs, and whether it says what it is given for.
//!
//! ```text
//! message (TPMS_ATTEST)  ─► signature verifies with the attestation key
//!                        ─► magic and type: made by a TPM, and a quote
//!                        ─► nonce: made now, for us
//!                        ─► selection: covers every PCR that is to be trusted
//!                        ─► pcrDigest: the hash of these PCR values, in the order of that selection
//! ```
//!
//! Each is a result of its own in [`QuoteReport`]. The last step, that replaying the measurement list reaches
//! these values, is the caller's; [`Attest::pcr_digest_of`] serves it.
//!
//! ```
//! use ima_assay_core::pcr::{PcrContext, parse_pcr_values};
//! use ima_assay_core::quote::*;
//! use ima_assay_digest::Algorithm;
//!
//! # fn verify(key: &[u8], message: &[u8], signature: &[u8], pcrs: &[u8], nonce: &[u8])
//! #     -> Result<bool, Box<dyn std::error::Error>> {
//! let key = AttestationKey::parse(key)?;
//! let signature = QuoteSignature::parse(signature)?;
//! let attest = Attest::parse(message)?;
//! let context = PcrContext { selection: Some(&attest.selection), ..PcrContext::default() };
//! let pcrs = parse_pcr_values(pcrs, &context)?;
//! let report = verify_quote(&QuoteCheck {
//!     message,
//!     signature: &signature,
//!     key: &key,
//!     accepted: &Accepted::default(),
//!     nonce: Some(nonce),
//!     required: &[(Algorithm::Sha256, 10)],
//!     pcrs: Some(&pcrs.values),
//! });
//! for failure in report.failures() {
//!     eprintln!("{failure}");
//! }
//! # Ok(report.holds())
//! # }
//! ```

mod attest;
mod attestation_key;
mod error;
mod keylime;
mod output;
mod report;
#[cfg(test)]
pub(crate) mod samples;
mod signature;
#[cfg(test)]
mod tests;
mod verify;

pub use attest::{Attest, AttestFault, ClockInfo, PcrDigestFault};
pub use attestation_key::{AttestationKey, AttestationKeyForm, KeyAttribute, TpmKey};
pub use error::QuoteError;
pub use keylime::{KeylimeAnswer, KeylimeQuote, MAX_PART_BYTES};
pub use output::QuoteOutput;
pub use report::{
    KeyFailure, NonceFailure, NotChecked, Outcome, PcrDigestFailure, QuoteFailure, QuoteReport,
    SelectionFailure, SignatureFailure,
};
pub use signature::{QuoteScheme, QuoteSignature};
pub use verify::{Accepted, QuoteCheck, verify_quote};
