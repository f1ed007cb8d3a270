//! Quotes as Keylime's agents give them.
//!
//! ```text
//! r BASE64(TPMS_ATTEST) : BASE64(TPMT_SIGNATURE) : BASE64(PCR values, serialized)
//! ```
//!
//! Agents of old compressed each part with zlib first.

use std::io::Read as _;

use base64ct::{Base64, Encoding as _};
use flate2::read::ZlibDecoder;
use serde_json::Value;

use super::QuoteError;

/// Largest part of a quote, unpacked. A message has some 200 bytes, PCR values of 16 banks some 30 KiB.
pub const MAX_PART_BYTES: usize = 64 << 10;

/// The three parts of a quote string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeylimeQuote {
    /// `TPMS_ATTEST`.
    pub message: Vec<u8>,
    /// `TPMT_SIGNATURE`.
    pub signature: Vec<u8>,
    /// PCR values in one of the binary forms.
    pub pcrs: Vec<u8>,
}

impl KeylimeQuote {
    /// Takes a quote string apart.
    ///
    /// # Errors
    /// [`QuoteError::KeylimeMalformed`], [`QuoteError::KeylimePartMalformed`],
    /// [`QuoteError::KeylimePartTooLarge`].
    pub fn parse(text: &str) -> Result<Self, QuoteError> {
        let malformed = |problem| QuoteError::KeylimeMalformed { problem };
        let text = text.trim();
        if text.starts_with('d') {
            return Err(malformed("it is a deep quote, which no Keylime of today makes"));
        }
        let parts = text
            .strip_prefix('r')
            .ok_or(malformed("it does not start with `r`"))?;
        let mut parts = parts.split(':');
        let mut next = |part| {
            decode(
                parts.next().ok_or(malformed("it has less than three parts"))?,
                part,
            )
        };
        let quote = Self {
            message: next("message")?,
            signature: next("signature")?,
            pcrs: next("PCR values")?,
        };
        match parts.next() {
            None => Ok(quote),
            Some(_) => Err(malformed("it has more than three parts")),
        }
    }
}

fn decode(text: &str, part: &'static str) -> Result<Vec<u8>, QuoteError> {
    let malformed = |problem| QuoteError::KeylimePartMalformed { part, problem };
    let too_large = QuoteError::KeylimePartTooLarge {
        part,
        limit: MAX_PART_BYTES,
    };
    if text.len() > MAX_PART_BYTES.saturating_mul(2) {
        return Err(too_large);
    }
    let bytes = Base64::decode_vec(text).map_err(|_| malformed("it is no Base64"))?;
    // No message, signature or PCR file starts with the byte that starts every zlib stream.
    let bytes = if bytes.first() == Some(&0x78) {
        inflate(&bytes).ok_or(malformed("it is no whole zlib stream, or a too large one"))?
    } else {
        bytes
    };
    if bytes.len() > MAX_PART_BYTES {
        return Err(too_large);
    }
    Ok(bytes)
}

/// One zlib stream, whole and nothing after it, of at most [`MAX_PART_BYTES`].
fn inflate(packed: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = ZlibDecoder::new(packed);
    let limit = u64::try_from(MAX_PART_BYTES).ok()?;
    let mut bytes = Vec::new();
    decoder.by_ref().take(limit).read_to_end(&mut bytes).ok()?;
    let is_at_end = decoder.read(&mut [0]).ok()? == 0;
    (is_at_end && decoder.total_in() == u64::try_from(packed.len()).ok()?).then_some(bytes)
}

/// What an agent answers when it is asked for a quote. Nothing in it is signed but the quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeylimeAnswer {
    /// The quote.
    pub quote: KeylimeQuote,
    /// Hash algorithm, as the agent calls it: of the bank, and of the signature.
    pub hash_algorithm: Option<String>,
    /// Kind of the attestation key, as the agent calls it.
    pub encryption_algorithm: Option<String>,
    /// Scheme of the signature, as the agent calls it.
    pub signing_algorithm: Option<String>,
    /// The agent's own key, as PEM; not the attestation key.
    pub public_key: Option<String>,
    /// The measurement list, ASCII form, from entry [`KeylimeAnswer::first_entry`] on.
    pub measurement_list: Option<String>,
    /// Entries of the list before the first one that was sent.
    pub first_entry: u64,
    /// The boot event log, as Base64.
    pub boot_event_log: Option<String>,
}

impl KeylimeAnswer {
    /// Reads an answer: the whole of it, or what stands under `results`.
    ///
    /// # Errors
    /// [`QuoteError::AnswerMalformed`], and those of [`KeylimeQuote::parse`].
    pub fn parse(json: &[u8]) -> Result<Self, QuoteError> {
        let malformed = |line, problem| QuoteError::AnswerMalformed { line, problem };
        let mut answer: Value = serde_json::from_slice(json).map_err(|error| {
            let line = u64::try_from(error.line()).unwrap_or(u64::MAX);
            malformed(Some(line), "no JSON")
        })?;
        let mut results = match answer.get_mut("results") {
            Some(results) => results.take(),
            None => answer,
        };
        let mut text = |member| match results.get_mut(member).map(Value::take) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(None, "a member that should be text is something else")),
        };
        let quote = text("quote")?.ok_or(malformed(None, "no member `quote`"))?;
        Ok(Self {
            quote: KeylimeQuote::parse(&quote)?,
            hash_algorithm: text("hash_alg")?,
            encryption_algorithm: text("enc_alg")?,
            signing_algorithm: text("sign_alg")?,
            public_key: text("pubkey")?,
            measurement_list: text("ima_measurement_list")?,
            boot_event_log: text("mb_measurement_list")?,
            first_entry: match results.get("ima_measurement_list_entry") {
                None | Some(Value::Null) => 0,
                Some(number) => number.as_u64().ok_or(malformed(
                    None,
                    "`ima_measurement_list_entry` is no number of an entry",
                ))?,
            },
        })
    }
}
