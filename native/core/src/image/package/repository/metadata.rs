//! What a repository states of itself.
//!
//! ```text
//! repodata/repomd.xml    data type="primary" …: checksum, location, size        of each file of metadata
//! primary.xml, packed    package: checksum, location, size                      of each package
//! ```
//!
//! Source: createrepo_c 0.17, `src/xml_dump_*.c`.

use std::io::BufRead;

use ima_assay_digest::{Algorithm, Digest};

use super::super::error::PackageError;
use super::xml::{self, Element};
use crate::image::ImageError;

/// Bytes of all paths of packages.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// Packages of a repository; the largest have some ten thousand.
const MAX_PACKAGES: usize = 1 << 18;

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stated {
    /// What it is; `primary` and the like of metadata.
    pub(super) kind: String,
    /// Relative, never above the repository.
    pub(super) path: String,
    pub(super) digest: Digest,
    pub(super) size_bytes: Option<u64>,
}

/// What is known of a file before its element ends.
#[derive(Default)]
struct Draft {
    path: Option<String>,
    digest: Option<Digest>,
    size_bytes: Option<u64>,
}

impl Draft {
    fn finish(self, name: &str, kind: &str) -> Result<Stated, PackageError> {
        match (self.path, self.digest) {
            (Some(path), Some(digest)) => Ok(Stated {
                kind: kind.to_owned(),
                path,
                digest,
                size_bytes: self.size_bytes,
            }),
            _ => Err(malformed(name, "a file without a location or a checksum")),
        }
    }
}

fn malformed(name: &str, problem: &'static str) -> PackageError {
    PackageError::RepositoryMalformed {
        name: name.to_owned(),
        problem,
    }
}

/// Sets what must be stated once.
fn set<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), PackageError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(malformed(name, "a file of which something is stated twice")),
    }
}

fn checksum(name: &str, element: &Element) -> Result<Digest, PackageError> {
    let algorithm = match element.attribute("type") {
        Some("md5") => Algorithm::Md5,
        // As old as "sha" is, it is SHA-1.
        Some("sha" | "sha1") => Algorithm::Sha1,
        Some("sha224") => Algorithm::Sha224,
        Some("sha256") => Algorithm::Sha256,
        Some("sha384") => Algorithm::Sha384,
        Some("sha512") => Algorithm::Sha512,
        _ => return Err(malformed(name, "a checksum of an unknown algorithm")),
    };
    Digest::from_hex(algorithm, element.text.trim_ascii())
        .map_err(|_| malformed(name, "a checksum that is none"))
}

fn location(name: &str, element: &Element) -> Result<String, PackageError> {
    if element.attribute("xml:base").is_some() {
        return Err(malformed(name, "a file that lies in another repository"));
    }
    let path = element.attribute("href").unwrap_or_default();
    let is_inside = path
        .split('/')
        .all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    match is_inside {
        true => Ok(path.to_owned()),
        false => Err(malformed(name, "a location that does not lie in the repository")),
    }
}

fn number(name: &str, text: &str) -> Result<u64, PackageError> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| is_decimal)
        .ok_or_else(|| malformed(name, "a size that is no number"))
}

fn is_at(open: &[Element], path: &[&str]) -> bool {
    open.iter()
        .map(|element| element.name.as_str())
        .eq(path.iter().copied())
}

/// Reads `repomd.xml`: the files of metadata.
///
/// # Errors
/// [`PackageError::RepositoryMalformed`].
pub(super) fn read_index(name: &str, reader: impl BufRead) -> Result<Vec<Stated>, ImageError> {
    let (mut files, mut draft) = (Vec::<Stated>::new(), Draft::default());
    let mut is_repomd = false;
    xml::each(name, reader, &mut |open, element| {
        if is_at(open, &["repomd", "data"]) {
            match element.name.as_str() {
                "checksum" => set(name, &mut draft.digest, checksum(name, element)?)?,
                "location" => set(name, &mut draft.path, location(name, element)?)?,
                "size" => set(
                    name,
                    &mut draft.size_bytes,
                    number(name, element.text.trim_ascii())?,
                )?,
                _ => {}
            }
        } else if is_at(open, &["repomd"]) && element.name == "data" {
            let kind = element.attribute("type").unwrap_or_default();
            if files.iter().any(|file| file.kind == kind) {
                return Err(malformed(name, "two files of metadata of one kind").into());
            }
            if files.len() >= 1_000 {
                return Err(malformed(name, "more files of metadata than any repository has").into());
            }
            files.push(std::mem::take(&mut draft).finish(name, kind)?);
        } else if open.is_empty() {
            is_repomd = element.name == "repomd";
        }
        Ok(())
    })?;
    match is_repomd {
        true => Ok(files),
        false => Err(malformed(name, "it is no repomd").into()),
    }
}

/// Reads `primary.xml`: the packages.
///
/// # Errors
/// [`PackageError::RepositoryMalformed`].
pub(super) fn read_packages(name: &str, reader: impl BufRead) -> Result<Vec<Stated>, ImageError> {
    let (mut packages, mut draft) = (Vec::new(), Draft::default());
    let (mut stated, mut text_bytes) = (None, 0_usize);
    xml::each(name, reader, &mut |open, element| {
        if is_at(open, &["metadata", "package"]) {
            match element.name.as_str() {
                "checksum" => set(name, &mut draft.digest, checksum(name, element)?)?,
                "location" => set(name, &mut draft.path, location(name, element)?)?,
                "size" => {
                    let size = element.attribute("package").unwrap_or_default();
                    set(name, &mut draft.size_bytes, number(name, size)?)?;
                }
                _ => {}
            }
        } else if is_at(open, &["metadata"]) && element.name == "package" {
            let kind = element.attribute("type").unwrap_or_default();
            let package = std::mem::take(&mut draft).finish(name, kind)?;
            text_bytes = text_bytes.saturating_add(package.path.len());
            if text_bytes > MAX_TEXT_BYTES {
                return Err(malformed(
                    name,
                    "paths that together are longer than those of any repository",
                )
                .into());
            }
            if packages.len() >= MAX_PACKAGES {
                return Err(malformed(name, "more packages than any repository has").into());
            }
            packages.push(package);
        } else if open.is_empty() {
            if element.name != "metadata" {
                return Err(malformed(name, "it is no list of packages").into());
            }
            stated = element.attribute("packages").map(str::to_owned);
        }
        Ok(())
    })?;
    // A list that says how many it has cannot lose some.
    if stated.is_none_or(|stated| stated == packages.len().to_string()) {
        Ok(packages)
    } else {
        Err(malformed(name, "it does not have as many packages as it states").into())
    }
}
