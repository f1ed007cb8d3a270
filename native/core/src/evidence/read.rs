//! Reads files and makes of them what [`verify`](crate::verify) takes.

use std::cell::Cell;
use std::sync::Arc;

use ima_assay_digest::{Algorithm, Control};

use super::error::EvidenceError;
use super::parts::{Files, QuoteFiles, QuoteForm};
use crate::input::Input;
use crate::pcr::{PcrContext, PcrValues, parse_pcr_values};
use crate::policy::exclude::{ExcludeError, ExcludeLimits, ExcludePattern, ExcludeSet};
use crate::policy::{Policy, ReadLimits, ReadOptions, SignatureStatus};
use crate::quote::{Accepted, Attest, AttestationKey, KeylimeAnswer, KeylimeQuote, QuoteSignature};
use crate::signature::{Envelope, EnvelopeKey, EnvelopeOutcome, EnvelopeRefusal, Keyring, Provenance};
use crate::verify::ExcludeList;

/// Bytes of an exclude list, a file of keys, of PCR values or of a quote.
const MAX_SMALL_BYTES: usize = 16 << 20;

/// The option that PCR values are given with, for errors.
const PCR_OPTION: &[u8] = b"--pcr";

/// A quote, read.
pub(super) struct Quote {
    pub(super) message: Vec<u8>,
    signature: Vec<u8>,
    signature_input: Vec<u8>,
    /// PCR values that came with it.
    pcrs: Option<Vec<u8>>,
    pub(super) key: AttestationKey,
    pub(super) nonce: Option<Vec<u8>>,
    pub(super) allows_sha1: bool,
}

impl Quote {
    pub(super) fn signature(&self) -> Result<QuoteSignature<'_>, EvidenceError> {
        QuoteSignature::parse(&self.signature)
            .map_err(|error| EvidenceError::malformed(&self.signature_input, error))
    }
}

/// Accepts signatures over SHA-1 as well.
pub(super) fn with_sha1(mut accepted: Accepted) -> Accepted {
    accepted.hashes.push(Algorithm::Sha1);
    accepted
}

/// Reads files under the eyes of a [`Control`].
pub(crate) struct Reader<'a> {
    pub(crate) control: &'a Arc<Control>,
}

impl Reader<'_> {
    pub(crate) fn bytes(&self, name: &[u8], limit: usize) -> Result<Vec<u8>, EvidenceError> {
        let read = Input::open(name, self.control).and_then(|input| input.read_all(limit));
        read.map_err(|error| {
            if self.control.is_cancelled() {
                EvidenceError::Cancelled
            } else {
                EvidenceError::Unreadable {
                    input: name.to_vec(),
                    error,
                }
            }
        })
    }

    /// A file that no honest maker makes large.
    pub(crate) fn small(&self, name: &[u8]) -> Result<Vec<u8>, EvidenceError> {
        self.bytes(name, MAX_SMALL_BYTES)
    }

    /// Keys that sign policies.
    pub(crate) fn envelope_keys(&self, names: &[Vec<u8>]) -> Result<Vec<EnvelopeKey>, EvidenceError> {
        let mut keys = Vec::new();
        for name in names {
            let bytes = self.small(name)?;
            keys.extend(EnvelopeKey::parse(&bytes).map_err(|error| EvidenceError::malformed(name, error))?);
        }
        Ok(keys)
    }

    /// A policy, which one of the keys must have signed if there are any. Digests of `assumed`'s length are taken for
    /// its, where no algorithm is named.
    pub(crate) fn policy(
        &self,
        name: &[u8],
        keys: &[EnvelopeKey],
        assumed: Option<Algorithm>,
    ) -> Result<Policy, EvidenceError> {
        let limits = ReadLimits::default();
        let bytes = self.bytes(name, limits.max_bytes)?;
        let options = ReadOptions {
            limits,
            assumed_algorithm: assumed,
            ..ReadOptions::default()
        };
        if keys.is_empty() {
            read_policy(&bytes, name, &options)
        } else {
            read_signed(&bytes, name, &options, keys)
        }
    }

    pub(super) fn exclude_lists(&self, names: &[Vec<u8>]) -> Result<Vec<ExcludeList>, EvidenceError> {
        names
            .iter()
            .map(|name| {
                let bytes = self.bytes(name, MAX_SMALL_BYTES)?;
                let (patterns, _) = read_exclude_list(&bytes, name)?;
                Ok(ExcludeList {
                    origin: name.clone(),
                    patterns,
                })
            })
            .collect()
    }

    pub(super) fn keys(&self, names: &[Vec<u8>]) -> Result<Keyring, EvidenceError> {
        let mut keyring = Keyring::new();
        for name in names {
            let bytes = self.bytes(name, MAX_SMALL_BYTES)?;
            let provenance = Provenance::Given(name.clone());
            // Keylime's keyring is JSON; no key file begins so.
            let added = match std::str::from_utf8(&bytes) {
                Ok(text) if text.trim_start().starts_with(['{', '"']) => {
                    keyring.add_keylime(text, &provenance)
                }
                _ => keyring.add(&bytes, &provenance),
            };
            added.map_err(|error| EvidenceError::malformed(name, error))?;
        }
        Ok(keyring)
    }

    pub(super) fn quote(&self, files: &QuoteFiles) -> Result<Quote, EvidenceError> {
        let (message, signature, signature_input, pcrs) = match &files.form {
            QuoteForm::Tpm { message, signature } => (
                self.bytes(message, MAX_SMALL_BYTES)?,
                self.bytes(signature, MAX_SMALL_BYTES)?,
                signature.clone(),
                None,
            ),
            QuoteForm::Keylime(name) => {
                let bytes = self.bytes(name, MAX_SMALL_BYTES)?;
                let quote = parse_keylime(&bytes).map_err(|error| EvidenceError::malformed(name, error))?;
                (quote.message, quote.signature, name.clone(), Some(quote.pcrs))
            }
        };
        let key = AttestationKey::parse(&self.bytes(&files.key, MAX_SMALL_BYTES)?)
            .map_err(|error| EvidenceError::malformed(&files.key, error))?;
        Ok(Quote {
            message,
            signature,
            signature_input,
            pcrs,
            key,
            nonce: files.nonce.clone(),
            allows_sha1: files.allows_sha1,
        })
    }

    pub(super) fn pcr_values(
        &self,
        files: &Files,
        quote: Option<&Quote>,
    ) -> Result<PcrValues, EvidenceError> {
        // Which PCR a value of a binary file belongs to is said by what was signed.
        let attest = quote.and_then(|quote| Attest::parse(&quote.message).ok());
        let selection = attest.as_ref().map(|attest| &attest.selection);
        let mut values = PcrValues::default();
        let mut add = |input: &[u8], bytes: &[u8], path: Option<&[u8]>| {
            let context = PcrContext {
                path,
                selection,
                ..PcrContext::default()
            };
            parse_pcr_values(bytes, &context)
                .and_then(|file| values.merge(&file.values))
                .map_err(|error| EvidenceError::malformed(input, error))
        };
        for text in &files.pcr_values {
            add(PCR_OPTION, text.as_bytes(), None)?;
        }
        for name in &files.pcr_files {
            add(name, &self.bytes(name, MAX_SMALL_BYTES)?, Some(name))?;
        }
        if let Some((quote, pcrs)) = quote.and_then(|quote| Some((quote, quote.pcrs.as_ref()?))) {
            add(&quote.signature_input, pcrs, None)?;
        }
        Ok(values)
    }
}

/// Reads an exclude list and compiles its patterns, so that every bad line is named at once.
///
/// # Errors
/// [`EvidenceError::Excludes`] of this input.
pub fn read_exclude_list(
    text: &[u8],
    input: &[u8],
) -> Result<(Vec<ExcludePattern>, ExcludeSet), EvidenceError> {
    let set =
        ExcludeSet::parse(text, &ExcludeLimits::default()).map_err(|errors| bad_excludes(input, errors))?;
    let patterns = (0..set.len()).filter_map(|index| set.pattern(index).cloned());
    Ok((patterns.collect(), set))
}

/// Reads an exclude list that a policy is made with: it must not match every path.
///
/// # Errors
/// [`EvidenceError::Excludes`] of this input.
pub fn read_limited_exclude_list(text: &[u8], input: &[u8]) -> Result<ExcludeSet, EvidenceError> {
    ExcludeSet::parse_limited(text, &ExcludeLimits::default()).map_err(|errors| bad_excludes(input, errors))
}

fn bad_excludes(input: &[u8], errors: Vec<ExcludeError>) -> EvidenceError {
    EvidenceError::Excludes {
        input: input.to_vec(),
        errors,
    }
}

pub(crate) fn read_policy(
    bytes: &[u8],
    name: &[u8],
    options: &ReadOptions<'_>,
) -> Result<Policy, EvidenceError> {
    crate::policy::read(bytes, name, options).map_err(|error| EvidenceError::malformed(name, error))
}

/// A policy that one of the keys has signed.
pub(crate) fn read_signed(
    bytes: &[u8],
    name: &[u8],
    options: &ReadOptions<'_>,
    keys: &[EnvelopeKey],
) -> Result<Policy, EvidenceError> {
    let refusal = Cell::new(EnvelopeRefusal::Unsigned);
    let check = |envelope: &Envelope| match envelope.verify(keys) {
        EnvelopeOutcome::Valid { .. } => SignatureStatus::Verified,
        EnvelopeOutcome::Invalid(why) => {
            refusal.set(why);
            SignatureStatus::Failed
        }
    };
    let options = ReadOptions {
        check_signatures: Some(&check),
        ..*options
    };
    let policy = read_policy(bytes, name, &options)?;
    match policy.signature() {
        SignatureStatus::Verified => Ok(policy),
        _ => Err(EvidenceError::PolicyUntrusted {
            input: name.to_vec(),
            refusal: refusal.get(),
        }),
    }
}

fn parse_keylime(bytes: &[u8]) -> Result<KeylimeQuote, crate::quote::QuoteError> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        return KeylimeAnswer::parse(bytes).map(|answer| answer.quote);
    }
    KeylimeQuote::parse(&String::from_utf8_lossy(bytes))
}
