//! An RPM package.
//!
//! ```text
//! 0   lead, 96 bytes: ed ab ee db, version, binary or source, …
//! 96  signature header: digests and signatures of what follows; padded to a multiple of 8
//!     header: what is known of the package and of each of its files
//!     payload: the files as a cpio archive, compressed
//! ```
//!
//! Source: rpm 4.18, `docs/manual/format.md`, `lib/package.c`.

mod files;
mod header;
mod payload;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt as _;

use ima_assay_digest::{Algorithm, Digest, hash};

use base64ct::{Base64, Encoding as _};

use super::error::PackageError;
use super::installed::Installed;
use super::keys::{self, PackageKeys};
use super::ranges::Ranges;
use crate::image::compression::{Compression, HEAD_BYTES};
use crate::image::cursor::Cursor;
use crate::image::hashing::Hashing;
use crate::image::tar::{BUFFER_BYTES, Section, Unpacked};
use crate::image::{Fact, ImageError, Layer, Note, Scan, Sink, Source};
use crate::path::Escaped;
use files::Files;
pub(super) use files::file_names;
pub(super) use header::Header;
use header::INTRO_BYTES;
use payload::Payload;

pub(super) const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

const LEAD_BYTES: u64 = 96;

/// Tags of the signature header (`rpmSigTag_e`): hex digests of the header, and of header and payload together.
const SIGNATURE_SHA1: u32 = 269;
const SIGNATURE_SHA256: u32 = 273;
const SIGNATURE_MD5: u32 = 1004;

/// Signatures of the header: as text in Base64, by RSA and by the others.
const OPENPGP: u32 = 278;
const OF_HEADER: [u32; 2] = [268, 267];
/// Signatures of header and payload together, by the same.
const OF_WHOLE: [u32; 2] = [1002, 1005];

/// Tags of the header.
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const ARCHITECTURE: u32 = 1022;
const SOURCE_PACKAGE: u32 = 1106;
const PAYLOAD_FORMAT: u32 = 1124;
const PAYLOAD_DIGEST: u32 = 5092;
const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;

/// An RPM package.
#[derive(Debug)]
pub struct Rpm {
    file: fs::File,
    path: Vec<u8>,
    size_bytes: u64,
}

impl Rpm {
    /// The package that a file is. `path` is only shown.
    ///
    /// # Errors
    /// [`ImageError::Io`].
    pub(in crate::image) fn open(file: fs::File, path: Vec<u8>) -> Result<Self, ImageError> {
        match file.metadata() {
            Ok(metadata) => Ok(Self {
                file,
                path,
                size_bytes: metadata.len(),
            }),
            Err(error) => Err(ImageError::Io { path, error }),
        }
    }

    fn bytes(&self, offset: u64, len: usize, part: &'static str) -> Result<Vec<u8>, ImageError> {
        let end = offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        if end > self.size_bytes {
            return Err(PackageError::RpmTruncated { offset, part }.into());
        }
        let mut bytes = vec![0; len];
        match self.file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(ImageError::Io {
                path: self.path.clone(),
                error,
            }),
        }
    }

    fn header(&self, offset: u64) -> Result<Header, ImageError> {
        let intro = self.bytes(offset, INTRO_BYTES, "header")?;
        let intro = intro.first_chunk().copied().unwrap_or_default();
        let body = header::body_bytes(&intro, offset)?;
        let bytes = self.bytes(offset, INTRO_BYTES.saturating_add(body), "header")?;
        Ok(Header::parse(bytes, offset)?)
    }

    /// Reads both headers and checks that the second is the one that the first states.
    fn headers(&self) -> Result<Headers, ImageError> {
        self.bytes(0, usize::try_from(LEAD_BYTES).unwrap_or(0), "lead")?;
        let signature = self.header(LEAD_BYTES)?;
        let len = u64::try_from(signature.bytes.len()).unwrap_or(u64::MAX);
        let offset = LEAD_BYTES.saturating_add(len.next_multiple_of(8));
        let header = self.header(offset)?;
        let mut is_digest_known = false;
        for (tag, algorithm) in [
            (SIGNATURE_SHA256, Algorithm::Sha256),
            (SIGNATURE_SHA1, Algorithm::Sha1),
        ] {
            if let Some(stated) = signature.string(tag)? {
                compare("header", stated, &hash(algorithm, &header.bytes))?;
                is_digest_known = true;
            }
        }
        if header.has(SOURCE_PACKAGE) {
            return Err(PackageError::RpmUnsupported {
                problem: "a source package, whose files are not installed",
            }
            .into());
        }
        if header
            .string(PAYLOAD_FORMAT)?
            .is_some_and(|format| format != b"cpio")
        {
            return Err(PackageError::RpmUnsupported {
                problem: "a payload that is no cpio archive",
            }
            .into());
        }
        let payload_at = offset.saturating_add(u64::try_from(header.bytes.len()).unwrap_or(u64::MAX));
        Ok(Headers {
            md5: signature.binary(SIGNATURE_MD5)?.map(<[u8]>::to_vec),
            signature,
            header,
            offset,
            payload_at,
            is_digest_known,
        })
    }

    /// Checks that a given key has signed the header, which states the payload's digest, or header and payload; and gives
    /// the key's fingerprint.
    fn verify(&self, headers: &Headers, keys: &PackageKeys) -> Result<String, ImageError> {
        let Headers {
            signature, header, ..
        } = headers;
        let mut of_header = Vec::new();
        for text in signature.strings(OPENPGP)? {
            let text = std::str::from_utf8(text).unwrap_or_default();
            let decoded = Base64::decode_vec(text).map_err(|error| PackageError::SignatureWrong {
                part: "the header",
                problem: error.to_string(),
            })?;
            of_header.extend(decoded);
        }
        for tag in OF_HEADER {
            of_header.extend(signature.binary(tag)?.unwrap_or_default());
        }
        if !of_header.is_empty() && header.has(PAYLOAD_DIGEST) {
            let key = keys.verify("the header", &of_header, &|| Box::new(header.bytes.as_slice()))?;
            // MD5, SHA-1 and RIPEMD-160; one that is not known would not be compared.
            let algorithm = headers.payload_algorithm()?;
            if matches!(algorithm, 1..=3) || files::algorithm(algorithm).is_none() {
                return Err(PackageError::SignatureWeak {
                    part: "the header",
                    problem: "the payload's digest in it is of a weak algorithm, or of one that is not known"
                        .to_owned(),
                }
                .into());
            }
            return Ok(key);
        }
        let mut of_whole = Vec::new();
        for tag in OF_WHOLE {
            of_whole.extend(signature.binary(tag)?.unwrap_or_default());
        }
        let behind = headers.offset..self.size_bytes;
        let whole = || Ranges::new(&self.file, std::iter::once(behind.clone()).collect());
        match of_whole.is_empty() {
            true if of_header.is_empty() => Err(PackageError::Unsigned { part: "the package" }.into()),
            true => Err(PackageError::Unsigned { part: "the payload" }.into()),
            false => Ok(keys.verify("the package", &of_whole, &|| Box::new(whole()))?),
        }
    }

    /// Reads the payload and checks that it is the one that the headers state.
    fn read_payload(
        &self,
        headers: &Headers,
        payload: &mut Payload<'_, '_, '_>,
        scan: &Scan<'_>,
    ) -> Result<Read, ImageError> {
        let header = &headers.header;
        let number = headers.payload_algorithm()?;
        let stated = header.string(PAYLOAD_DIGEST)?.zip(files::algorithm(number));
        let read = Cell::new(0);
        let range = headers.payload_at..self.size_bytes;
        let section = Section::new(&self.file, &self.path, range, scan.control, &read);
        let mut hashing = Hashing::new(
            section,
            &[stated.map_or(Algorithm::Md5, |(_, algorithm)| algorithm)],
        );
        if stated.is_none() {
            // The MD5 digest is of the header and the payload together.
            hashing.update(&header.bytes);
        }
        let mut packed = Cursor::new(hashing, BUFFER_BYTES);
        let compression = Compression::detect(packed.peek(HEAD_BYTES)?);
        let done = match compression {
            None => payload.read(&mut packed),
            Some(compression) => {
                let mark = Cell::new(false);
                Unpacked::new(compression, &mut packed, scan.limits, (&read, &mark), 0)
                    .and_then(|unpacked| payload.read(&mut Cursor::new(unpacked, BUFFER_BYTES)))
            }
        };
        if let Err(ImageError::Cancelled | ImageError::Stopped | ImageError::Io { .. }) = done {
            return Err(done.err().unwrap_or(ImageError::Stopped));
        }
        // That the bytes are others than those that are stated comes before what is wrong with them.
        packed.skip(u64::MAX)?;
        let found = packed.into_source().finish().pop();
        let mut is_digest_known = false;
        if let Some(found) = &found {
            match (stated, &headers.md5) {
                (Some((stated, _)), _) => {
                    compare("payload", stated, found)?;
                    is_digest_known = true;
                }
                (None, Some(md5)) => {
                    compare("header and payload", ima_assay_digest::hex(md5).as_bytes(), found)?;
                    is_digest_known = true;
                }
                (None, None) => {}
            }
        }
        done?;
        Ok(Read {
            compression,
            is_digest_known,
        })
    }
}

/// What stands in front of the payload.
struct Headers {
    signature: Header,
    header: Header,
    offset: u64,
    payload_at: u64,
    md5: Option<Vec<u8>>,
    is_digest_known: bool,
}

struct Read {
    compression: Option<Compression>,
    is_digest_known: bool,
}

fn compare(part: &'static str, stated: &[u8], found: &Digest) -> Result<(), PackageError> {
    if stated.eq_ignore_ascii_case(found.to_string().as_bytes()) {
        return Ok(());
    }
    Err(PackageError::RpmDigestMismatch {
        part,
        stated: Escaped(stated).to_string(),
        found: found.to_string(),
    })
}

impl Headers {
    /// The hash algorithm of the payload's digest, as OpenPGP numbers them.
    fn payload_algorithm(&self) -> Result<u64, PackageError> {
        let numbers = self.header.numbers(PAYLOAD_DIGEST_ALGORITHM)?;
        Ok(numbers.first().copied().unwrap_or(8))
    }

    /// What `rpm -q` calls the package.
    fn name(&self) -> Result<String, PackageError> {
        let part = |tag| -> Result<String, PackageError> {
            Ok(Escaped(self.header.string(tag)?.unwrap_or_default()).to_string())
        };
        Ok(format!(
            "{}-{}-{}.{}",
            part(NAME)?,
            part(VERSION)?,
            part(RELEASE)?,
            part(ARCHITECTURE)?
        ))
    }
}

/// What was met in a package.
pub(super) struct Met {
    facts: Vec<(&'static str, Fact)>,
    pub(super) files: u64,
}

impl Rpm {
    /// Hands over the files at the paths that the package has, and says what was met. The paths to
    /// skip that are met are taken out of `unmet`.
    ///
    /// # Errors
    /// As of [`Source::scan`].
    pub(super) fn read<'s>(
        &self,
        scan: &Scan<'_>,
        sink: &mut dyn Sink<'s>,
        unmet: &mut BTreeSet<&[u8]>,
    ) -> Result<Met, ImageError> {
        let headers = self.headers()?;
        let given = scan.selection.package_keys.as_ref();
        let signer = given.map(|keys| self.verify(&headers, keys)).transpose()?;
        let files = Files::read(&headers.header, headers.offset, scan.limits)?;
        let mut payload = Payload::new(&files, scan, sink);
        let read = self.read_payload(&headers, &mut payload, scan)?;
        let count = payload.finish()?;
        unmet.retain(|path| !files.has(path));
        let mut note = |code, text: &str| {
            sink.note(Note {
                code,
                path: None,
                offset_bytes: None,
                text: text.to_owned(),
            });
        };
        if !headers.is_digest_known && !read.is_digest_known {
            note("PACKAGE_DIGEST_MISSING", "the package states no digest of itself");
        }
        if files.has_unknown_digests {
            note(
                "FILE_DIGEST_UNKNOWN",
                "the digests that the header states of its files are of no known algorithm and were not compared",
            );
        }
        let compression = read.compression.map_or("none", Compression::name);
        let facts = vec![
            ("name", Fact::Text(headers.name()?)),
            ("compression", Fact::Text(compression.to_owned())),
            ("signature", Fact::Text(keys::describe(signer.as_deref()))),
            ("files", Fact::Number(count)),
        ];
        Ok(Met { facts, files: count })
    }
}

impl Source for Rpm {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.size_bytes)
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        let mut sink = Installed::new(sink, scan.selection);
        let mut unmet = scan.selection.asked().collect();
        let Met { facts, .. } = self.read(scan, &mut sink, &mut unmet)?;
        for path in unmet {
            sink.note(Note::unmet_skip(path, "there is no such path in the package"));
        }
        sink.finish();
        Ok(Layer {
            kind: "rpm",
            size_bytes: Some(self.size_bytes),
            facts,
            ..Layer::default()
        })
    }
}
