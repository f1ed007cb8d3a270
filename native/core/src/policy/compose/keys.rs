//! The keys that a verifier checks file signatures with: `verification-keys`.
//!
//! ```text
//! {"pubkeys": ["BASE64(SubjectPublicKeyInfo)"], "keyids": [4081397027]}      as text inside the policy
//! ```

use std::collections::{BTreeMap, BTreeSet};

use base64ct::{Base64, Encoding as _};
use serde_json::json;

use super::{ComposeError, Draft, OriginKind};
use crate::policy::python_json;
use crate::signature::{Keyring, Provenance, SignatureError};

/// Keys by id and SubjectPublicKeyInfo, each with the sources that have it.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(pub(super) BTreeMap<(u32, Vec<u8>), BTreeSet<u32>>);

impl Keys {
    /// Keylime's text; empty without a key.
    pub(super) fn to_text(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let keys: Vec<String> = self.0.keys().map(|(_, key)| Base64::encode_string(key)).collect();
        let ids: Vec<u32> = self.0.keys().map(|(id, _)| *id).collect();
        let mut text = Vec::new();
        python_json::write(&json!({"pubkeys": keys, "keyids": ids}), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Draft {
    /// Adds every key of a file: PEM, DER, X.509, or a keyring of Keylime.
    ///
    /// # Errors
    /// [`ComposeError::Keys`].
    pub fn add_keys(&mut self, bytes: &[u8], name: &[u8]) -> Result<(), ComposeError> {
        let origin = self.origin(name, OriginKind::Keys);
        // A keyring is JSON; no key file begins so.
        match std::str::from_utf8(bytes) {
            Ok(text) if text.trim_start().starts_with(['{', '"']) => {
                self.add_verification_keys(text, name, origin)
            }
            _ => self.take_keys(name, origin, |keyring, provenance| {
                keyring.add(bytes, provenance).map(|_| ())
            }),
        }
    }

    pub(super) fn add_verification_keys(
        &mut self,
        text: &str,
        name: &[u8],
        origin: u32,
    ) -> Result<(), ComposeError> {
        self.take_keys(name, origin, |keyring, provenance| {
            keyring.add_keylime(text, provenance).map(|_| ())
        })
    }

    fn take_keys(
        &mut self,
        name: &[u8],
        origin: u32,
        fill: impl FnOnce(&mut Keyring, &Provenance) -> Result<(), SignatureError>,
    ) -> Result<(), ComposeError> {
        let failed = |error| ComposeError::Keys {
            origin: name.to_vec(),
            error,
        };
        let mut keyring = Keyring::new();
        fill(&mut keyring, &Provenance::Policy).map_err(failed)?;
        for key in keyring.keys() {
            let spki = key.key.to_spki().map_err(|error| failed(error.into()))?;
            let id = key.key_ids.first().copied().unwrap_or_default();
            self.keys.0.entry((id, spki)).or_default().insert(origin);
        }
        Ok(())
    }
}
