//! The keys that a Keylime verifier knows, and how it verifies signatures with them.

use std::collections::HashMap;

use ima_assay_digest::{Algorithm, Digest};

use super::event::Exception;
use crate::public_key::Curve;
use crate::public_key::{KeyError, KeyKind, LoadedKey, PublicKey, read_keys};
use crate::signature::Keyring;

/// Keyrings in the order in which they came to be; in each the last key of an id counts.
#[derive(Default)]
pub(super) struct Keys {
    rings: Vec<(Vec<u8>, HashMap<u32, PublicKey>)>,
}

/// The keyring of keys that were given.
const TENANT: &[u8] = b"tenant_keyring";

/// What Keylime makes of a buffer.
pub(super) enum Buffer {
    /// No key.
    Other,
    /// A key that is neither RSA nor EC.
    Unsupported,
    /// A key; none if nothing here can verify with it.
    Key(Option<(u32, PublicKey)>),
}

impl Keys {
    /// The keys that were given, which make one keyring.
    pub(super) fn given(keys: &Keyring) -> Self {
        let mut tenant = Self::default();
        for key in keys.keys() {
            let id = key.key_ids.first().copied().unwrap_or_default();
            tenant.add(TENANT, id, key.key.clone());
        }
        tenant
    }

    /// Adds a key that was measured.
    pub(super) fn add(&mut self, ring: &[u8], id: u32, key: PublicKey) {
        if matches!(key.kind(), KeyKind::Ec(Curve::Sm2)) {
            return;
        }
        let at = self.rings.iter().position(|(name, _)| name == ring);
        let index = at.unwrap_or(self.rings.len());
        if at.is_none() {
            self.rings.push((ring.to_vec(), HashMap::new()));
        }
        if let Some((_, keys)) = self.rings.get_mut(index) {
            keys.insert(id, key);
        }
    }

    /// Whether Keylime takes a signature for valid. `algorithm` is the text of the digest column.
    pub(super) fn verify(
        &self,
        signature: &[u8],
        algorithm: &[u8],
        digest: &[u8],
    ) -> Result<bool, Exception> {
        let [3 | 5, 2, hash, a, b, c, d, _, _, value @ ..] = signature else {
            return Ok(false);
        };
        // Its own numbers, of which those that it can use are the kernel's.
        let known: Option<Algorithm> = match hash {
            1 => Some(Algorithm::Md5),
            2 => Some(Algorithm::Sha1),
            4 => Some(Algorithm::Sha256),
            5 => Some(Algorithm::Sha384),
            6 => Some(Algorithm::Sha512),
            7 => Some(Algorithm::Sha224),
            18 | 19 => None,
            _ => return Ok(false),
        };
        let name = match (known, hash) {
            (Some(known), _) => known.name(),
            (None, 18) => "streebog256",
            (None, _) => "streebog512",
        };
        if algorithm != name.as_bytes() {
            return Ok(false);
        }
        let id = u32::from_be_bytes([*a, *b, *c, *d]);
        let Some(key) = self.rings.iter().find_map(|(_, keys)| keys.get(&id)) else {
            return Ok(false);
        };
        let known = known.ok_or(Exception::UnsupportedAlgorithm)?;
        let digest = Digest::new(known, digest).map_err(|_| Exception::ValueError)?;
        Ok(key.verify(key.usual_scheme(), &digest, value).is_ok())
    }
}

/// Tells keys from other buffers, as Keylime does by trying to load them.
pub(super) fn read(buffer: &[u8]) -> Buffer {
    match read_keys(buffer) {
        Ok(mut keys) => match keys.drain(..).next() {
            Some(loaded) => Buffer::Key(Some((id_of(&loaded), loaded.key))),
            None => Buffer::Other,
        },
        Err(KeyError::KindUnsupported { oid, .. }) => match oid.as_str() {
            // Ed25519, Ed448, X25519, X448, DSA, DH: keys that Python's cryptography knows.
            "1.3.101.112"
            | "1.3.101.113"
            | "1.3.101.110"
            | "1.3.101.111"
            | "1.2.840.10040.4.1"
            | "1.2.840.113549.1.3.1" => Buffer::Unsupported,
            // RSASSA-PSS is a kind of RSA to it.
            "1.2.840.113549.1.1.10" => Buffer::Key(None),
            _ => Buffer::Other,
        },
        Err(KeyError::CurveUnsupported { .. } | KeyError::RsaSize { .. } | KeyError::Private) => {
            Buffer::Key(None)
        }
        Err(_) => Buffer::Other,
    }
}

/// The id that Keylime finds a key by: from a certificate's Subject Key Identifier, or computed.
fn id_of(loaded: &LoadedKey) -> u32 {
    let from_certificate = loaded
        .certificate
        .as_ref()
        .and_then(|certificate| certificate.key_id());
    // A stored id of 0 is computed anew.
    from_certificate
        .filter(|&id| id != 0)
        .unwrap_or_else(|| loaded.key.key_id())
}
