//! What an entry measures, worked out once for both sets of rules.

use ima_assay_digest::Algorithm;

use super::finding::{shown, tagged};
use crate::measurement::{ByteOrder, Check, Entry, FieldId, FileDigest, Value};
use crate::signature::{self, DigestKind, Metadata};

/// What an entry measures.
pub(super) struct Subject<'a> {
    /// The name, whole and well-formed.
    pub(super) name: Option<&'a [u8]>,
    pub(super) digest: Option<FileDigest<'a>>,
    /// The algorithm of the digest; by its length where the template has no room for a name.
    pub(super) algorithm: Option<Algorithm>,
    /// The buffer, if the template has one, be it empty.
    pub(super) buffer: Option<&'a [u8]>,
    /// `sig`.
    pub(super) signature: &'a [u8],
    /// `modsig`, and the digest it is over.
    pub(super) appended: Option<(&'a [u8], FileDigest<'a>)>,
    /// `evmsig`, with all that it covers.
    pub(super) metadata: Option<Metadata<'a>>,
}

impl<'a> Subject<'a> {
    pub(super) fn of(entry: &Entry<'a>) -> Self {
        let mut subject = Self {
            name: None,
            digest: None,
            algorithm: None,
            buffer: None,
            signature: &[],
            appended: None,
            metadata: None,
        };
        let (mut has_name, mut has_digest) = (false, false);
        let (mut has_appended, mut has_metadata) = (false, false);
        for field in entry.fields() {
            match field.id {
                // Of several the first counts.
                FieldId::N | FieldId::NNg if !has_name => {
                    has_name = true;
                    if let Value::Text(name) = field.value() {
                        subject.name = Some(name);
                    }
                }
                FieldId::D | FieldId::DNg | FieldId::DNgV2 if !has_digest => {
                    has_digest = true;
                    if let Value::Digest(digest) = field.value() {
                        subject.digest = Some(digest);
                        subject.algorithm = algorithm_of(&digest);
                    }
                }
                FieldId::Sig => subject.signature = field.bytes,
                FieldId::Buf => subject.buffer = Some(field.bytes),
                FieldId::Modsig => has_appended = !field.bytes.is_empty(),
                FieldId::EvmSig => has_metadata = !field.bytes.is_empty(),
                _ => {}
            }
        }
        if has_appended && let Some(digest) = digest_in(entry, FieldId::DModsig) {
            subject.appended = entry.bytes(FieldId::Modsig).map(|bytes| (bytes, digest));
        }
        if has_metadata {
            subject.metadata = subject.metadata_of(entry);
        }
        subject
    }

    fn metadata_of(&self, entry: &Entry<'a>) -> Option<Metadata<'a>> {
        let number = |id| match entry.field(id)?.value() {
            Value::Number(number) => Some(number),
            _ => None,
        };
        let bytes = |id| entry.field(id).map(|field| field.bytes);
        Some(Metadata {
            signature: bytes(FieldId::EvmSig)?,
            xattr_names: bytes(FieldId::XattrNames)?,
            xattr_lengths: bytes(FieldId::XattrLengths)?,
            xattr_values: bytes(FieldId::XattrValues)?,
            uid: number(FieldId::Iuid)?,
            gid: number(FieldId::Igid)?,
            mode: number(FieldId::Imode)?.try_into().ok()?,
            byte_order: match entry.byte_order() {
                ByteOrder::Little => signature::ByteOrder::Little,
                ByteOrder::Big => signature::ByteOrder::Big,
            },
            digest: self.signed_digest()?,
        })
    }

    /// The digest as signatures are held against it.
    pub(super) fn signed_digest(&self) -> Option<signature::FileDigest<'a>> {
        Some(signed(&self.digest?, self.algorithm))
    }

    /// Whether there is a signature of any kind.
    pub(super) fn is_signed(&self) -> bool {
        !self.signature.is_empty() || self.appended.is_some() || self.metadata.is_some()
    }

    /// `algorithm:hex`, as the list has it.
    pub(super) fn digest_text(&self) -> Option<String> {
        let digest = self.digest?;
        let name = digest.algorithm_name.map(shown);
        let name = name.or_else(|| self.algorithm.map(|algorithm| algorithm.name().to_owned()));
        let text = tagged(name.as_deref(), digest.digest);
        Some(match digest.digest_type {
            Some(kind) => format!("{}:{text}", shown(kind)),
            None => text,
        })
    }

    /// Whether the digest is over fs-verity's descriptor, not over the file's bytes.
    pub(super) fn is_verity(&self) -> bool {
        self.digest
            .is_some_and(|digest| digest.digest_type == Some(b"verity"))
    }
}

/// The digest that an appended signature is over.
pub(super) fn signed<'a>(digest: &FileDigest<'a>, algorithm: Option<Algorithm>) -> signature::FileDigest<'a> {
    signature::FileDigest {
        kind: match digest.digest_type {
            None => DigestKind::Untyped,
            Some(b"ima") => DigestKind::Ima,
            Some(b"verity") => DigestKind::Verity,
            Some(_) => DigestKind::Unknown,
        },
        algorithm,
        bytes: digest.digest,
    }
}

fn digest_in<'a>(entry: &Entry<'a>, id: FieldId) -> Option<FileDigest<'a>> {
    match entry.field(id)?.value() {
        Value::Digest(digest) => Some(digest),
        _ => None,
    }
}

/// A digest without a named algorithm is SHA-1 or MD5 (Linux, `ima_eventdigest_init`).
fn algorithm_of(digest: &FileDigest<'_>) -> Option<Algorithm> {
    match (digest.algorithm_name, digest.digest.len()) {
        (Some(_), _) => digest.algorithm(),
        (None, 20) => Some(Algorithm::Sha1),
        (None, 16) => Some(Algorithm::Md5),
        (None, _) => None,
    }
}

/// An entry, and what is known of it before the rules come to it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'s, 'a> {
    pub(super) entry: &'s Entry<'a>,
    pub(super) subject: &'s Subject<'a>,
    pub(super) check: Check,
}
