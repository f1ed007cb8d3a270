//! The keys that signatures are verified with, each parsed once, and found by their ids.

use std::collections::HashMap;
use std::fmt;

use ima_assay_digest::{Digest, hex};

use super::{
    DigestKind, FileDigest, ImaSignature, KeyName, SignatureKind, SignatureOutcome, SignerName, keylime,
};
use crate::path::Escaped;
use crate::public_key::{Certificate, LoadedKey, PublicKey, Refusal, read_certificate, read_keys};
use crate::signature::SignatureError;

/// Keys that can share one id, or one certificate's name. Each is tried for each signature that asks for it, and
/// whoever writes a certificate chooses its id.
pub const MAX_KEYS_PER_ID: usize = 16;

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// Given by the caller: the name of the file, which is only shown.
    Given(Vec<u8>),
    /// The `verification-keys` of a runtime policy.
    Policy,
    /// Measured when it was loaded: it is worth what the entry is worth.
    Measured {
        /// The entry of the measurement list, counted from 1.
        entry: u64,
        /// The keyring it was loaded on.
        keyring: Vec<u8>,
    },
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(name) => write!(f, "{}", Escaped(name)),
            Self::Policy => f.write_str("the policy"),
            Self::Measured { entry, keyring } => write!(f, "entry {entry}, keyring {}", Escaped(keyring)),
        }
    }
}

/// A key of a keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey {
    /// The key.
    pub key: PublicKey,
    /// The certificate it was in.
    pub certificate: Option<Certificate>,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The ids it is found by: the one that was given for it or that its certificate has, and the computed one.
    pub key_ids: Vec<u32>,
}

impl VerificationKey {
    /// The key's id and kind, and who it belongs to, for a message.
    #[must_use]
    pub fn describe(&self) -> String {
        let id = self.key_ids.first().copied().unwrap_or_default();
        let owner = match &self.certificate {
            Some(certificate) => certificate.subject.escape_debug().to_string(),
            None => self.provenance.to_string(),
        };
        format!("{id:08x} ({}, {owner})", self.key.kind())
    }

    /// The names that appended signatures may call this key by; none for a bare key with issuer and serial
    /// number, which no one knows.
    fn names(&self) -> Vec<SignerId> {
        let key_id = match self.certificate.as_ref().map(|own| &own.subject_key_id) {
            Some(Some(id)) => id.clone(),
            _ => self.key.key_hash().bytes().to_vec(),
        };
        let issued = self.certificate.as_ref().map(|own| SignerId::Issued {
            issuer_der: own.issuer_der.clone(),
            serial: own.serial.clone(),
        });
        issued.into_iter().chain([SignerId::KeyId(key_id)]).collect()
    }
}

/// What a signer is looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum SignerId {
    Issued { issuer_der: Vec<u8>, serial: Vec<u8> },
    KeyId(Vec<u8>),
}

impl From<&SignerName> for SignerId {
    fn from(name: &SignerName) -> Self {
        match name {
            SignerName::IssuerAndSerial {
                issuer_der, serial, ..
            } => Self::Issued {
                issuer_der: issuer_der.clone(),
                serial: serial.clone(),
            },
            SignerName::KeyId(id) => Self::KeyId(id.clone()),
        }
    }
}

/// What adding keys did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Keys that are new.
    pub new: usize,
    /// Keys that were there already.
    pub known: usize,
}

/// Keys that signatures are verified with.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    keys: Vec<VerificationKey>,
    by_id: HashMap<u32, Vec<usize>>,
    by_name: HashMap<SignerId, Vec<usize>>,
    /// Keys without a certificate.
    bare: Vec<usize>,
}

impl Keyring {
    /// A keyring without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys, in the order in which they were added.
    #[must_use]
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds every key of a file: certificates and public keys, PEM or DER.
    ///
    /// # Errors
    /// [`SignatureError::Key`]: nothing was added. [`SignatureError::TooManyKeys`]: the keys before it were.
    pub fn add(&mut self, bytes: &[u8], provenance: &Provenance) -> Result<Added, SignatureError> {
        let mut added = Added::default();
        for loaded in read_keys(bytes)? {
            self.insert(loaded, None, provenance, &mut added)?;
        }
        Ok(added)
    }

    /// Adds a key that was measured when it was loaded: the buffer of an `ima-buf` entry, which is an X.509
    /// certificate in DER. Whether such a key is to be trusted is the caller's to know.
    ///
    /// # Errors
    /// [`SignatureError::Key`] for a buffer that is something else, as entries for `.blacklist` are;
    /// [`SignatureError::TooManyKeys`]. Nothing was added.
    pub fn learn(&mut self, buffer: &[u8], entry: u64, keyring: &[u8]) -> Result<Added, SignatureError> {
        let mut added = Added::default();
        let provenance = Provenance::Measured {
            entry,
            keyring: keyring.to_vec(),
        };
        self.insert(read_certificate(buffer)?, None, &provenance, &mut added)?;
        Ok(added)
    }

    /// Adds the keys of a keyring in Keylime's JSON: the text of a policy's `verification-keys`, encoded once or
    /// twice. Empty text is a keyring without keys.
    ///
    /// # Errors
    /// [`SignatureError::KeyringMalformed`], [`SignatureError::KeyringKey`]: nothing was added.
    /// [`SignatureError::TooManyKeys`]: the keys before it were.
    pub fn add_keylime(&mut self, json: &str, provenance: &Provenance) -> Result<Added, SignatureError> {
        let mut added = Added::default();
        for (loaded, id) in keylime::parse(json)? {
            self.insert(loaded, id, provenance, &mut added)?;
        }
        Ok(added)
    }

    fn insert(
        &mut self,
        loaded: LoadedKey,
        given_id: Option<u32>,
        provenance: &Provenance,
        added: &mut Added,
    ) -> Result<(), SignatureError> {
        let from_certificate = loaded.certificate.as_ref().and_then(Certificate::key_id);
        let mut key_ids = Vec::new();
        for id in [given_id, from_certificate, Some(loaded.key.key_id())] {
            key_ids.extend(id.filter(|id| !key_ids.contains(id)));
        }
        let key = VerificationKey {
            key: loaded.key,
            certificate: loaded.certificate,
            provenance: provenance.clone(),
            key_ids,
        };
        let first_id = key.key_ids.first().copied().unwrap_or_default();
        let is_same = |known: &VerificationKey| {
            known.key == key.key && known.certificate == key.certificate && known.key_ids == key.key_ids
        };
        if self.candidates(first_id).any(is_same) {
            added.known = added.known.saturating_add(1);
            return Ok(());
        }
        let names = key.names();
        let sharing = key.key_ids.iter().map(|id| self.by_id.get(id));
        let mut sharing = sharing.chain(names.iter().map(|name| self.by_name.get(name)));
        if sharing.any(|keys| keys.is_some_and(|keys| keys.len() >= MAX_KEYS_PER_ID)) {
            return Err(SignatureError::TooManyKeys {
                key_id: first_id,
                limit: MAX_KEYS_PER_ID,
            });
        }
        let index = self.keys.len();
        for id in &key.key_ids {
            self.by_id.entry(*id).or_default().push(index);
        }
        for name in names {
            self.by_name.entry(name).or_default().push(index);
        }
        if key.certificate.is_none() {
            self.bare.push(index);
        }
        self.keys.push(key);
        added.new = added.new.saturating_add(1);
        Ok(())
    }

    /// The keys with an id.
    pub fn candidates(&self, key_id: u32) -> impl Iterator<Item = &VerificationKey> {
        self.at(self.by_id.get(&key_id))
    }

    /// The keys that an appended signature means.
    pub(super) fn signers(&self, name: &SignerName) -> impl Iterator<Item = &VerificationKey> {
        self.at(self.by_name.get(&SignerId::from(name)))
    }

    /// The keys that came without a certificate, and so without issuer and serial number.
    pub(super) fn bare(&self) -> impl Iterator<Item = &VerificationKey> {
        self.at(Some(&self.bare))
    }

    fn at<'k>(&'k self, indices: Option<&'k Vec<usize>>) -> impl Iterator<Item = &'k VerificationKey> {
        indices
            .into_iter()
            .flatten()
            .filter_map(|&index| self.keys.get(index))
    }

    /// Verifies the value of a `sig` field over the digest of its entry. Rules are looked at in this order: the
    /// type, the version, the length, the algorithm, what is covered, the key, the signature.
    #[must_use]
    pub fn verify(&self, value: &[u8], digest: &FileDigest<'_>) -> SignatureOutcome<'_> {
        let signature = match ImaSignature::parse(value) {
            Ok(signature) => signature,
            Err(fault) => return fault.into(),
        };
        if signature.kind == SignatureKind::EvmPortable {
            return SignatureOutcome::NotCheckable;
        }
        if digest.algorithm != Some(signature.algorithm) {
            return SignatureOutcome::AlgorithmMismatch {
                signed: signature.algorithm,
                digest: digest.algorithm,
            };
        }
        let is_covered = match signature.kind {
            SignatureKind::Verity => digest.kind == DigestKind::Verity && signature.version == 3,
            _ => matches!(digest.kind, DigestKind::Ima | DigestKind::Untyped),
        };
        if !is_covered {
            return SignatureOutcome::KindMismatch {
                signed: signature.kind,
                version: signature.version,
                digest: digest.kind,
            };
        }
        match digest.digest() {
            Some(digest) => self.verify_over(&signature, &[signature.signed_digest(&digest)]),
            None => SignatureOutcome::DigestMalformed,
        }
    }

    /// Tries every key with the signature's id on every digest that may have been signed.
    pub(super) fn verify_over(
        &self,
        signature: &ImaSignature<'_>,
        digests: &[Digest],
    ) -> SignatureOutcome<'_> {
        self.try_keys(
            self.candidates(signature.key_id),
            || KeyName::Id(signature.key_id),
            digests,
            signature.bytes,
        )
    }

    pub(super) fn try_keys<'k>(
        &self,
        keys: impl Iterator<Item = &'k VerificationKey>,
        name: impl Fn() -> KeyName,
        digests: &[Digest],
        signature: &[u8],
    ) -> SignatureOutcome<'k> {
        let mut tried = 0_usize;
        let mut unsupported = None;
        for key in keys {
            tried = tried.saturating_add(1);
            for digest in digests {
                match key.key.verify(key.key.usual_scheme(), digest, signature) {
                    Ok(()) => return SignatureOutcome::Valid { key },
                    Err(Refusal::Malformed) => break,
                    Err(refusal) => {
                        unsupported = unsupported.or(SignatureOutcome::refused(refusal, key));
                    }
                }
            }
        }
        match unsupported {
            _ if tried == 0 => SignatureOutcome::KeyUnknown { name: name() },
            Some(outcome) => outcome,
            None => SignatureOutcome::Invalid { name: name(), tried },
        }
    }
}

impl fmt::Display for SignerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerAndSerial { issuer, serial, .. } => {
                write!(f, "{} of issuer {}", hex(serial), issuer.escape_debug())
            }
            Self::KeyId(id) => f.write_str(&hex(id)),
        }
    }
}
