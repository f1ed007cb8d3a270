//! Keys as they lie in files: PEM, one block or many, or DER.

use der::asn1::AnyRef;
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use pem_rfc7468::Decoder;

use super::{Certificate, KeyError, PublicKey};

/// Largest file of keys, in bytes: room for a system's bundle of certificates.
pub const MAX_KEY_FILE_BYTES: usize = 4 << 20;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
/// The tag's byte.
const OBJECT_IDENTIFIER: u8 = 0x06;

/// What a key was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// An X.509 certificate.
    Certificate,
    /// SubjectPublicKeyInfo.
    Spki,
    /// RSAPublicKey of PKCS #1.
    Pkcs1,
}

/// A key, and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedKey {
    /// The key.
    pub key: PublicKey,
    /// What it was taken from.
    pub form: KeyForm,
    /// The certificate it was in.
    pub certificate: Option<Certificate>,
}

/// Reads every key of a file: certificates and public keys, PEM or DER, told apart by their content. Text around
/// PEM blocks is left out.
///
/// # Errors
/// [`KeyError`]; a file with one key that cannot be read is an error, never a shorter list.
pub fn read_keys(bytes: &[u8]) -> Result<Vec<LoadedKey>, KeyError> {
    if bytes.len() > MAX_KEY_FILE_BYTES {
        return Err(KeyError::TooLarge {
            limit: MAX_KEY_FILE_BYTES,
        });
    }
    match bytes {
        [0x30, ..] => read_der(bytes).map(|key| vec![key]),
        _ => match str::from_utf8(bytes) {
            Ok(text) if text.contains(BEGIN) => read_pem(text),
            _ => Err(KeyError::FormUnknown),
        },
    }
}

/// Reads one certificate from DER.
///
/// # Errors
/// [`KeyError`], also for a key without a certificate.
pub fn read_certificate(der: &[u8]) -> Result<LoadedKey, KeyError> {
    if der.len() > MAX_KEY_FILE_BYTES {
        return Err(KeyError::TooLarge {
            limit: MAX_KEY_FILE_BYTES,
        });
    }
    match form_of(der)? {
        KeyForm::Certificate => read_der(der),
        KeyForm::Spki | KeyForm::Pkcs1 => Err(KeyError::FormUnknown),
    }
}

/// Whether DER is a certificate, be it one with a key that nothing here can use.
#[must_use]
pub fn is_certificate(der: &[u8]) -> bool {
    !matches!(
        read_certificate(der),
        Err(KeyError::FormUnknown | KeyError::Der { .. } | KeyError::TooLarge { .. } | KeyError::Private)
    )
}

/// Reads one key from DER, told apart by its structure.
pub(super) fn read_der(der: &[u8]) -> Result<LoadedKey, KeyError> {
    let form = form_of(der)?;
    let (certificate, key) = match form {
        KeyForm::Spki => (None, PublicKey::from_spki(der)?),
        KeyForm::Pkcs1 => (None, PublicKey::from_pkcs1(der)?),
        KeyForm::Certificate => {
            let (certificate, key) = Certificate::read(der)?;
            (Some(certificate), key)
        }
    };
    Ok(LoadedKey {
        key,
        form,
        certificate,
    })
}

/// Keys and certificates are sequences. What stands first in them differs:
///
/// ```text
/// SubjectPublicKeyInfo   SEQUENCE { OBJECT IDENTIFIER …
/// Certificate            SEQUENCE { anything else …
/// RSAPublicKey           INTEGER INTEGER, and no more
/// private keys           INTEGER, anything else
/// ```
fn form_of(der: &[u8]) -> Result<KeyForm, KeyError> {
    let outer = AnyRef::from_der(der).map_err(KeyError::der)?;
    let mut elements = SliceReader::new(outer.value()).map_err(KeyError::der)?;
    let first = AnyRef::decode(&mut elements).map_err(KeyError::der)?;
    Ok(match first.tag() {
        Tag::Sequence if first.value().first() == Some(&OBJECT_IDENTIFIER) => KeyForm::Spki,
        Tag::Sequence => KeyForm::Certificate,
        Tag::Integer => {
            let second = AnyRef::decode(&mut elements).map_err(KeyError::der)?;
            if second.tag() == Tag::Integer && elements.is_finished() {
                KeyForm::Pkcs1
            } else {
                return Err(KeyError::Private);
            }
        }
        _ => return Err(KeyError::FormUnknown),
    })
}

fn read_pem(text: &str) -> Result<Vec<LoadedKey>, KeyError> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        let before = text.len().saturating_sub(rest.len()).saturating_add(begin);
        let lines = text.get(..before).unwrap_or_default().matches('\n').count();
        let line = u64::try_from(lines).unwrap_or(u64::MAX).saturating_add(1);
        let malformed = |problem| KeyError::Pem { line, problem };
        let block = rest.get(begin..).unwrap_or_default();
        let end = block.find(END).ok_or(malformed("a block without an end"))?;
        let tail = block.get(end..).unwrap_or_default();
        let len = end.saturating_add(tail.find('\n').unwrap_or(tail.len()));
        let (block, after) = block
            .split_at_checked(len)
            .ok_or(malformed("a block without an end"))?;
        keys.push(read_block(block.trim_end(), line)?);
        rest = after;
    }
    Ok(keys)
}

fn read_block(block: &str, line: u64) -> Result<LoadedKey, KeyError> {
    let malformed = |_| KeyError::Pem {
        line,
        problem: "the block is cut or damaged",
    };
    let label = pem_rfc7468::decode_label(block.as_bytes()).map_err(malformed)?;
    if label.ends_with("PRIVATE KEY") {
        return Err(KeyError::Private);
    }
    if !matches!(label, "CERTIFICATE" | "PUBLIC KEY" | "RSA PUBLIC KEY") {
        return Err(KeyError::LabelUnsupported {
            line,
            label: label.to_owned(),
        });
    }
    let mut der = Vec::new();
    Decoder::new_detect_wrap(block.as_bytes())
        .and_then(|mut decoder| decoder.decode_to_end(&mut der).map(|_| ()))
        .map_err(malformed)?;
    read_der(&der)
}
