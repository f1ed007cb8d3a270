//! A Debian package: an `ar` archive of three members.
//!
//! ```text
//! "!<arch>\n"
//! debian-binary     "2.0\n"
//! control.tar.*     what is known of the package, and its scripts: not installed
//! data.tar.*        its files
//!
//! each member: name 16, mtime 12, uid 6, gid 6, mode 8, size 10, "`\n"; data, and "\n" up to an even offset
//! ```
//!
//! Source: deb(5) of dpkg 1.21.

use std::fs;
use std::io::Read as _;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use super::error::PackageError;
use super::installed::Installed;
use super::keys::{self, PackageKeys};
use super::ranges::Ranges;
use crate::image::compression::{Compression, HEAD_BYTES};
use crate::image::tar;
use crate::image::{Fact, ImageError, Layer, Scan, Sink, Source};

pub(super) const MAGIC: &[u8] = b"!<arch>\ndebian-binary";

const ARCHIVE_MAGIC_BYTES: u64 = 8;
const HEADER_BYTES: usize = 60;

/// Members that are looked at: `dpkg` knows three, and leaves out those whose name begins with an underscore.
const MAX_MEMBERS: usize = 64;

/// The member with the signature of the package's origin, as debsigs writes it: of the three members that dpkg knows.
const ORIGIN: &[u8] = b"_gpgorigin";
const MAX_SIGNATURE_BYTES: u64 = 1 << 20;

/// A Debian package.
#[derive(Debug)]
pub struct Deb {
    file: fs::File,
    path: Vec<u8>,
    size_bytes: u64,
    data: Range<u64>,
    /// Signatures by debsigs, as long as they can be, and what they are over.
    signatures: Vec<Range<u64>>,
    signed: Vec<Range<u64>>,
}

/// A member of an `ar` archive.
struct Member {
    name: Vec<u8>,
    data: Range<u64>,
}

impl Deb {
    /// The package that a file is. `path` is only shown.
    ///
    /// # Errors
    /// [`ImageError::Io`], [`PackageError::DebMalformed`], [`PackageError::DebUnsupported`].
    pub(in crate::image) fn open(file: fs::File, path: Vec<u8>) -> Result<Self, ImageError> {
        let unreadable = |error, path: &[u8]| ImageError::Io {
            path: path.to_vec(),
            error,
        };
        let size_bytes = file.metadata().map_err(|error| unreadable(error, &path))?.len();
        let mut members = Vec::new();
        let mut at = ARCHIVE_MAGIC_BYTES;
        while at < size_bytes {
            let mut header = [0; HEADER_BYTES];
            if size_bytes.saturating_sub(at) < u64::try_from(HEADER_BYTES).unwrap_or(0) {
                return Err(malformed(at, "the package ends inside the header of a member").into());
            }
            file.read_exact_at(&mut header, at)
                .map_err(|error| unreadable(error, &path))?;
            let member = read_member(&header, at, size_bytes)?;
            // Padding to an even offset; the last one may lack it.
            at = member.data.end.saturating_add(member.data.end & 1);
            if members.len() >= MAX_MEMBERS {
                return Err(malformed(at, "more members than any package has").into());
            }
            members.push(member);
        }
        let data = choose(&members)?;
        let mut version = [0; 2];
        if let Some(first) = members.first() {
            file.read_exact_at(&mut version, first.data.start)
                .map_err(|error| unreadable(error, &path))?;
        }
        if version != *b"2." {
            return Err(PackageError::DebUnsupported {
                problem: "the format is of another version than 2",
            }
            .into());
        }
        Ok(Self {
            file,
            path,
            size_bytes,
            data,
            signatures: ranges(&members, |name| name == ORIGIN),
            signed: ranges(&members, |name| !name.starts_with(b"_")),
        })
    }

    /// Checks that a given key has signed the package, and gives the key's fingerprint.
    fn verify(&self, keys: &PackageKeys) -> Result<String, ImageError> {
        let part = "the package";
        let mut signatures = Vec::new();
        Ranges::new(&self.file, self.signatures.clone())
            .take(MAX_SIGNATURE_BYTES)
            .read_to_end(&mut signatures)
            .map_err(|error| ImageError::Io {
                path: self.path.clone(),
                error,
            })?;
        if signatures.is_empty() {
            return Err(PackageError::Unsigned { part }.into());
        }
        let signed = || Ranges::new(&self.file, self.signed.clone());
        Ok(keys.verify(part, &signatures, &|| Box::new(signed()))?)
    }

    fn compression(&self) -> Result<Option<Compression>, ImageError> {
        let mut head = vec![0; HEAD_BYTES];
        let len = self.data.end.saturating_sub(self.data.start);
        head.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        self.file
            .read_exact_at(&mut head, self.data.start)
            .map_err(|error| ImageError::Io {
                path: self.path.clone(),
                error,
            })?;
        let compression = Compression::detect(&head);
        match compression {
            Some(Compression::Lzop | Compression::Lz4Legacy | Compression::Lz4Frame) => {
                Err(PackageError::DebUnsupported {
                    problem: "its data are compressed in a way that dpkg does not know",
                }
                .into())
            }
            compression => Ok(compression),
        }
    }
}

/// Where the members with some names are.
fn ranges(members: &[Member], is_wanted: impl Fn(&[u8]) -> bool) -> Vec<Range<u64>> {
    let wanted = members.iter().filter(|member| is_wanted(&member.name));
    wanted.map(|member| member.data.clone()).collect()
}

fn malformed(offset: u64, problem: &'static str) -> PackageError {
    PackageError::DebMalformed { offset, problem }
}

fn read_member(header: &[u8; HEADER_BYTES], at: u64, size_bytes: u64) -> Result<Member, PackageError> {
    let field = |range: Range<usize>| header.get(range).unwrap_or_default();
    if field(58..60) != b"`\n" {
        return Err(malformed(at, "no header of a member"));
    }
    let name = field(0..16).trim_ascii_end();
    let name = name.strip_suffix(b"/").unwrap_or(name);
    let size = std::str::from_utf8(field(48..58).trim_ascii_end());
    let size = size
        .ok()
        .filter(|size| size.bytes().all(|byte| byte.is_ascii_digit()));
    let size: u64 = size
        .and_then(|size| size.parse().ok())
        .ok_or(malformed(at, "the size of a member is no number"))?;
    let start = at.saturating_add(u64::try_from(HEADER_BYTES).unwrap_or(0));
    let end = start.saturating_add(size);
    if end > size_bytes {
        return Err(malformed(at, "the package ends inside a member"));
    }
    Ok(Member {
        name: name.to_vec(),
        data: start..end,
    })
}

/// The member with the files, of members that are those of a package in their order.
fn choose(members: &[Member]) -> Result<Range<u64>, PackageError> {
    let mut known = members.iter().filter(|member| !member.name.starts_with(b"_"));
    let mut next = |name: &[u8], problem| match known.next() {
        Some(member) if is_called(&member.name, name) => Ok(member.data.clone()),
        Some(member) => Err(malformed(member.data.start, problem)),
        None => Err(malformed(ARCHIVE_MAGIC_BYTES, problem)),
    };
    let version = next(b"debian-binary", "the first member is not debian-binary")?;
    if version.end.saturating_sub(version.start) < 2 {
        return Err(malformed(version.start, "debian-binary is empty"));
    }
    next(b"control.tar", "the second member is not control.tar")?;
    let data = next(b"data.tar", "the third member is not data.tar")?;
    match known.next() {
        Some(member) => Err(malformed(member.data.start, "a member behind data.tar")),
        None => Ok(data),
    }
}

/// Whether a member has this name, with or without a suffix that says how it is compressed.
fn is_called(name: &[u8], wanted: &[u8]) -> bool {
    name.strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b".") && wanted.ends_with(b".tar"))
}

impl Source for Deb {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.data.end.saturating_sub(self.data.start))
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        let given = scan.selection.package_keys.as_ref();
        let signer = given.map(|keys| self.verify(keys)).transpose()?;
        let compression = self.compression()?;
        let mut sink = Installed::new(sink, scan.selection);
        let facts = tar::scan(
            (&self.file, &self.path, self.data.clone()),
            compression,
            scan,
            &mut sink,
        )?;
        sink.finish();
        Ok(Layer {
            kind: "deb",
            size_bytes: Some(self.size_bytes),
            facts: vec![("signature", Fact::Text(keys::describe(signer.as_deref())))],
            layers: vec![Layer {
                kind: "tar",
                offset_bytes: Some(self.data.start),
                size_bytes: self.size_bytes(),
                facts,
                ..Layer::default()
            }],
            ..Layer::default()
        })
    }
}
