//! Certificates that packages have to be signed by, and what a signature is worth.
//!
//! ```text
//! certificate   primary key, its revocations, names and subkeys, each with signatures of the primary key
//! signature     by the primary key or a subkey that may sign, over bytes that the caller knows
//! ```
//!
//! The library reads packets and computes; what counts is decided here. Source: RFC 9580.

use std::io::Read;
use std::sync::Arc;
use std::time::SystemTime;

use ima_assay_digest::Control;
use pgp::composed::{Deserializable, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, KeyDetails, PublicParams, Tag, Timestamp};

use super::error::PackageError;
use crate::image::{ImageError, SourceError};
use crate::input::Input;

const KEY_BEGINS: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
const SIGNATURE_BEGINS: &[u8] = b"-----BEGIN PGP SIGNATURE-----";

/// Bytes of a file of certificates; the keyring of a distribution has some hundred thousand.
const MAX_FILE_BYTES: usize = 16 << 20;

/// Signatures that are looked at; a package has one or two.
const MAX_SIGNATURES: usize = 64;

/// Hash algorithms of signatures that count. MD5, SHA-1 and RIPEMD-160 do not.
const STRONG: [HashAlgorithm; 6] = [
    HashAlgorithm::Sha224,
    HashAlgorithm::Sha256,
    HashAlgorithm::Sha384,
    HashAlgorithm::Sha512,
    HashAlgorithm::Sha3_256,
    HashAlgorithm::Sha3_512,
];

/// Bytes of the modulus of the smallest RSA key that counts.
const MIN_RSA_BYTES: usize = 256;

/// OpenPGP certificates that packages and repositories have to be signed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageKeys {
    certificates: Vec<SignedPublicKey>,
    now: Timestamp,
}

/// Bytes that are signed, from their start on; asked for again for every key.
pub(super) type Signed<'d> = dyn Fn() -> Box<dyn Read + 'd> + 'd;

/// A key of a certificate that may have made a signature.
enum Candidate<'k> {
    Primary(&'k SignedPublicKey),
    Subkey(&'k SignedPublicKey, &'k SignedPublicSubKey),
}

impl PackageKeys {
    /// Reads the certificates of files, each armored (in one or several blocks) or binary. `now` is when keys must not have
    /// expired.
    ///
    /// # Errors
    /// [`ImageError::Io`], [`PackageError::KeyMalformed`].
    pub fn read(names: &[Vec<u8>], now: SystemTime, control: &Arc<Control>) -> Result<Self, SourceError> {
        let mut keys = Self::new(now);
        for name in names {
            let read = Input::open(name, control).and_then(|input| input.read_all(MAX_FILE_BYTES));
            read.map_err(|error| ImageError::Io {
                path: name.clone(),
                error,
            })
            .and_then(|file| Ok(keys.add(&file)?))
            .map_err(|error| SourceError {
                input: name.clone(),
                error,
            })?;
        }
        Ok(keys)
    }

    pub(super) fn new(now: SystemTime) -> Self {
        Self {
            certificates: Vec::new(),
            now: Timestamp::try_from(now).unwrap_or(Timestamp::from_secs(u32::MAX)),
        }
    }

    pub(super) fn add(&mut self, file: &[u8]) -> Result<(), PackageError> {
        let before = self.certificates.len();
        for certificate in read_all(file, KEY_BEGINS) {
            let certificate = certificate.map_err(|error| PackageError::KeyMalformed {
                problem: error.to_string(),
            })?;
            self.certificates.push(certificate);
        }
        if self.certificates.len() == before {
            return Err(PackageError::KeyMalformed {
                problem: "there is no certificate in it".to_owned(),
            });
        }
        Ok(())
    }

    /// Checks that one of the signatures, armored or binary, is by a given key, and gives that key's fingerprint.
    ///
    /// # Errors
    /// Why the best of them does not count.
    pub(super) fn verify(
        &self,
        part: &'static str,
        signatures: &[u8],
        signed: &Signed<'_>,
    ) -> Result<String, PackageError> {
        let mut first = None;
        for signature in read_all(signatures, SIGNATURE_BEGINS).take(MAX_SIGNATURES) {
            let wrong = |error: pgp::errors::Error| PackageError::SignatureWrong {
                part,
                problem: error.to_string(),
            };
            let checked = signature
                .map_err(wrong)
                .and_then(|DetachedSignature { signature }| self.check(part, &signature, signed));
            match (checked, &first) {
                (Ok(fingerprint), _) => return Ok(fingerprint),
                // What is wrong with the signature of a given key says more than that another key is not given.
                (Err(error), None | Some(PackageError::SignerUnknown { .. })) => first = Some(error),
                (Err(_), Some(_)) => {}
            }
        }
        Err(first.unwrap_or(PackageError::Unsigned { part }))
    }

    fn check(
        &self,
        part: &'static str,
        signature: &Signature,
        signed: &Signed<'_>,
    ) -> Result<String, PackageError> {
        let wrong = |problem: String| PackageError::SignatureWrong { part, problem };
        if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
            return Err(wrong("it is none over data".to_owned()));
        }
        if has_unknown_critical(signature) {
            return Err(wrong("it has a condition that is not known".to_owned()));
        }
        let candidates = self.certificates.iter().flat_map(candidates);
        let mut candidates = candidates.filter(|candidate| is_issuer(signature, candidate.key()));
        let mut first = None;
        let checked = candidates.find_map(|candidate| {
            let outcome = require_strong(part, signature, candidate.key())
                .and_then(|()| {
                    let computed = candidate.compute(signature, signed());
                    computed.map_err(|error| wrong(error.to_string()))
                })
                .and_then(|()| self.judge(part, signature, &candidate));
            match outcome {
                Ok(()) => Some(hex(candidate.key())),
                Err(error) => {
                    first.get_or_insert(error);
                    None
                }
            }
        });
        checked.ok_or_else(|| {
            first.unwrap_or_else(|| PackageError::SignerUnknown {
                part,
                signer: signer(signature),
            })
        })
    }

    /// Whether a signature that is right as a number counts.
    fn judge(
        &self,
        part: &'static str,
        signature: &Signature,
        candidate: &Candidate<'_>,
    ) -> Result<(), PackageError> {
        let key = hex(candidate.key());
        let primary = candidate.primary();
        if is_revoked(primary)
            || matches!(candidate, Candidate::Subkey(_, subkey) if is_subkey_revoked(primary, subkey))
        {
            return Err(PackageError::KeyRevoked { part, key });
        }
        let made = signature.created().unwrap_or(self.now);
        let of_primary = newest_of_primary(primary);
        let mut is_valid = self.is_in_time(&primary.primary_key, of_primary, made);
        let own = match candidate {
            Candidate::Primary(_) => of_primary,
            Candidate::Subkey(_, subkey) => {
                let Some(binding) = newest_binding(primary, subkey) else {
                    return Err(PackageError::SignatureWrong {
                        part,
                        problem: format!("the key {key} is not bound to its certificate"),
                    });
                };
                is_valid &= self.is_in_time(&subkey.key, Some(binding), made);
                Some(binding)
            }
        };
        if !is_valid {
            return Err(PackageError::KeyExpired { part, key });
        }
        // Old keys say nothing of what they are for.
        let flags = own.map(Signature::key_flags).unwrap_or_default();
        if flags != KeyFlags::default() && !flags.sign() {
            return Err(PackageError::SignatureWrong {
                part,
                problem: format!("the key {key} is not meant to sign"),
            });
        }
        if let Some(end) = end(made, signature.signature_expiration_time())
            && end <= self.now.as_secs()
        {
            return Err(PackageError::SignatureExpired { part, key });
        }
        Ok(())
    }

    /// Whether a key is valid when a signature was made, and now. `stated` says until when.
    fn is_in_time(&self, key: &impl KeyDetails, stated: Option<&Signature>, made: Timestamp) -> bool {
        let created = key.created_at();
        let until = end(created, stated.and_then(Signature::key_expiration_time)).unwrap_or(u32::MAX);
        created <= made && made.as_secs() < until && self.now.as_secs() < until
    }
}

/// What is shown of a signature.
pub(super) fn describe(signer: Option<&str>) -> String {
    signer.map_or_else(|| "unchecked".to_owned(), |key| format!("by {key}"))
}

impl<'k> Candidate<'k> {
    fn primary(&self) -> &'k SignedPublicKey {
        match self {
            Self::Primary(primary) | Self::Subkey(primary, _) => primary,
        }
    }

    fn key(&self) -> &'k dyn KeyDetails {
        match self {
            Self::Primary(primary) => &primary.primary_key,
            Self::Subkey(_, subkey) => &subkey.key,
        }
    }

    /// Whether the signature is right as a number.
    fn compute(&self, signature: &Signature, data: Box<dyn Read + '_>) -> pgp::errors::Result<()> {
        match self {
            Self::Primary(primary) => signature.verify(&primary.primary_key, data),
            Self::Subkey(_, subkey) => signature.verify(&subkey.key, data),
        }
    }
}

fn candidates(certificate: &SignedPublicKey) -> impl Iterator<Item = Candidate<'_>> {
    let subkeys = certificate.public_subkeys.iter();
    std::iter::once(Candidate::Primary(certificate))
        .chain(subkeys.map(|subkey| Candidate::Subkey(certificate, subkey)))
}

/// Everything of a kind in a file: of every armored block, or of the binary file.
fn read_all<'f, T: Deserializable + 'f>(
    file: &'f [u8],
    begins: &'static [u8],
) -> impl Iterator<Item = pgp::errors::Result<T>> + 'f {
    let starts: Vec<usize> = memchr::memmem::find_iter(file, begins).collect();
    let blocks: Vec<&[u8]> = if starts.is_empty() {
        vec![file]
    } else {
        let ends = starts.iter().skip(1).copied().chain(std::iter::once(file.len()));
        let ranges = starts.iter().copied().zip(ends);
        ranges.filter_map(|(start, end)| file.get(start..end)).collect()
    };
    let is_armored = !starts.is_empty();
    blocks.into_iter().flat_map(move |block| {
        let read: pgp::errors::Result<Vec<_>> = match is_armored {
            true => T::from_armor_many_buf(block).map(|(all, _)| all.collect()),
            false => T::from_bytes_many(block).map(Iterator::collect),
        };
        read.unwrap_or_else(|error| vec![Err(error)])
    })
}

/// Whether a signature says that this key has made it, or does not say which.
fn is_issuer(signature: &Signature, key: &dyn KeyDetails) -> bool {
    let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    ids.is_empty() && fingerprints.is_empty()
        || ids.contains(&&key.legacy_key_id())
        || fingerprints.contains(&&key.fingerprint())
}

/// Who has made a signature, by what it says.
fn signer(signature: &Signature) -> String {
    let fingerprints = signature.issuer_fingerprint();
    let ids = signature.issuer_key_id();
    match (fingerprints.first(), ids.first()) {
        (Some(fingerprint), _) => format!("{fingerprint:X}"),
        (None, Some(id)) => ima_assay_digest::hex(id.as_ref()).to_uppercase(),
        (None, None) => "nobody that it names".to_owned(),
    }
}

fn hex(key: &dyn KeyDetails) -> String {
    format!("{:X}", key.fingerprint())
}

fn hash_name(algorithm: HashAlgorithm) -> &'static str {
    match algorithm {
        HashAlgorithm::Md5 => "MD5",
        HashAlgorithm::Sha1 => "SHA-1",
        HashAlgorithm::Ripemd160 => "RIPEMD-160",
        _ => "not known",
    }
}

fn is_strong(signature: &Signature) -> bool {
    signature
        .hash_alg()
        .is_some_and(|algorithm| STRONG.contains(&algorithm))
}

/// Refuses what could be forged. It may be right as a number, or the library does not compute it any more.
fn require_strong(
    part: &'static str,
    signature: &Signature,
    key: &dyn KeyDetails,
) -> Result<(), PackageError> {
    let problem = if !is_strong(signature) {
        let algorithm = signature.hash_alg().map_or("none", hash_name);
        format!("its hash algorithm is {algorithm}")
    } else if is_weak(key) {
        format!("the key {} is DSA or a short RSA key", hex(key))
    } else {
        return Ok(());
    };
    Err(PackageError::SignatureWeak { part, problem })
}

fn is_weak(key: &dyn KeyDetails) -> bool {
    match key.public_params() {
        // Modulus and exponent, each with two bytes of its length.
        PublicParams::RSA(numbers) => numbers.write_len().saturating_sub(4) < MIN_RSA_BYTES,
        PublicParams::DSA(_) => true,
        _ => false,
    }
}

fn has_unknown_critical(signature: &Signature) -> bool {
    let config = signature.config();
    config.is_some_and(|config| {
        config.hashed_subpackets().any(|subpacket| {
            subpacket.is_critical
                && matches!(
                    subpacket.data,
                    SubpacketData::Other(..) | SubpacketData::Notation(_)
                )
        })
    })
}

/// When something ends that begins at `start`, in seconds; none if it never does.
fn end(start: Timestamp, duration: Option<Duration>) -> Option<u32> {
    let seconds = duration.map(|duration| std::time::Duration::from(duration).as_secs());
    let seconds = seconds.filter(|seconds| *seconds > 0)?;
    let end = u64::from(start.as_secs()).saturating_add(seconds);
    Some(u32::try_from(end).unwrap_or(u32::MAX))
}

/// Whether the owner has taken a certificate back, for whatever reason and by whatever hash algorithm.
fn is_revoked(certificate: &SignedPublicKey) -> bool {
    let revocations = certificate.details.revocation_signatures.iter();
    revocations
        .filter(|signature| signature.typ() == Some(SignatureType::KeyRevocation))
        .any(|signature| signature.verify_key(&certificate.primary_key).is_ok())
}

fn is_subkey_revoked(certificate: &SignedPublicKey, subkey: &SignedPublicSubKey) -> bool {
    let signatures = subkey.signatures.iter();
    signatures
        .filter(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation))
        .any(|signature| {
            signature
                .verify_subkey_binding(&certificate.primary_key, &subkey.key)
                .is_ok()
        })
}

/// The last thing that a certificate says of its primary key, whatever the hash algorithm: it can only restrict it.
fn newest_of_primary(certificate: &SignedPublicKey) -> Option<&Signature> {
    let primary = &certificate.primary_key;
    let direct = certificate.details.direct_signatures.iter();
    let direct = direct.filter(|signature| signature.verify_key(primary).is_ok());
    let names = certificate.details.users.iter().flat_map(|user| {
        let signatures = user.signatures.iter();
        let own = signatures.filter(|signature| signature.typ() != Some(SignatureType::CertRevocation));
        own.filter(|signature| {
            signature
                .verify_certification(primary, Tag::UserId, &user.id)
                .is_ok()
        })
    });
    direct.chain(names).max_by_key(|signature| signature.created())
}

/// The last signature by which a subkey belongs to a certificate, and the certificate to the subkey.
fn newest_binding<'k>(
    certificate: &'k SignedPublicKey,
    subkey: &'k SignedPublicSubKey,
) -> Option<&'k Signature> {
    let primary = &certificate.primary_key;
    let bindings = subkey.signatures.iter().filter(|signature| {
        signature.typ() == Some(SignatureType::SubkeyBinding)
            && is_strong(signature)
            && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
    });
    let newest = bindings.max_by_key(|signature| signature.created())?;
    let back = newest.embedded_signature().filter(|back| is_strong(back))?;
    back.verify_primary_key_binding(&subkey.key, primary)
        .is_ok()
        .then_some(newest)
}
