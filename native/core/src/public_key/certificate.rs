//! What of an X.509 certificate matters for finding a key. Nothing of it is verified: whoever gives a
//! certificate vouches for it.

use std::fmt::Write as _;

use der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::name::Name;

use super::{KeyError, PublicKey};

/// The names of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The subject, as RFC 4514 writes it. It may hold any character.
    pub subject: String,
    /// The issuer, likewise.
    pub issuer: String,
    /// The issuer as DER, to compare with.
    pub issuer_der: Vec<u8>,
    /// The serial number, big endian, without leading zeros.
    pub serial: Vec<u8>,
    /// The Subject Key Identifier.
    pub subject_key_id: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads a certificate and the key in it.
    pub(super) fn read(der: &[u8]) -> Result<(Self, PublicKey), KeyError> {
        let certificate = x509_cert::Certificate::from_der(der).map_err(KeyError::der)?;
        let tbs = certificate.tbs_certificate();
        let spki = tbs.subject_public_key_info().to_der().map_err(KeyError::der)?;
        let subject_key_id = tbs
            .get_extension::<SubjectKeyIdentifier>()
            .map_err(KeyError::der)?
            .map(|(_, id)| id.0.into_bytes().to_vec());
        Ok((
            Self {
                subject: name_text(tbs.subject()),
                issuer: name_text(tbs.issuer()),
                issuer_der: tbs.issuer().to_der().map_err(KeyError::der)?,
                serial: without_zeros(tbs.serial_number().as_bytes()),
                subject_key_id,
            },
            PublicKey::from_spki(&spki)?,
        ))
    }

    /// The id that the kernel knows the key by: the last four bytes of the Subject Key Identifier.
    #[must_use]
    pub fn key_id(&self) -> Option<u32> {
        match *self.subject_key_id.as_deref()? {
            [.., a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])),
            _ => None,
        }
    }
}

/// A name as RFC 4514 writes it; what cannot be written so is left out. It may hold any character.
pub(crate) fn name_text(name: &Name) -> String {
    let mut text = String::new();
    // `to_string` would panic where a name cannot be written.
    let _ = write!(text, "{name}");
    text
}

/// A serial number without the zero that DER puts before a high bit.
pub(crate) fn without_zeros(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default().to_vec()
}
