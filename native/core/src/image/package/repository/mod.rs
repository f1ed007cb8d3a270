//! A repository of RPM packages in a directory.
//!
//! ```text
//! repodata/repomd.xml ─► checksums of metadata ─► primary.xml ─► checksum of each package ─► its files
//! ```
//!
//! Every package that is listed is read whole: its files are hashed from the payload, as of a package alone, whatever
//! algorithm its header has digests of.

mod metadata;
#[cfg(test)]
mod tests;
mod xml;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use ima_assay_digest::{Control, Digest};

use super::error::PackageError;
use super::installed::Installed;
use super::keys::{self, PackageKeys};
use super::rpm::Rpm;
use crate::image::compression::{Compression, HEAD_BYTES};
use crate::image::cursor::{Cursor, Fill};
use crate::image::hashing::Hashing;
use crate::image::tar::{BUFFER_BYTES, Section, Unpacked};
use crate::image::{
    Content, ContentId, Fact, File, ImageError, Layer, Limits, Note, Scan, Sink, Skip, Source,
};
use crate::path::Escaped;
use metadata::Stated;

const INDEX: &str = "repodata/repomd.xml";
const SIGNATURE: &str = "repodata/repomd.xml.asc";

/// Bytes of the index; it has a few entries.
const MAX_INDEX_BYTES: u64 = 4 << 20;

/// A repository.
#[derive(Debug)]
pub struct Repository {
    directory: PathBuf,
}

/// Whether a directory is a repository.
pub(in crate::image) fn is_repository(directory: &Path) -> bool {
    directory.join(INDEX).is_file()
}

impl Repository {
    /// The repository in a directory.
    pub(in crate::image) fn open(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// A regular file inside, with its path as it is shown and its size; none if there is none.
    fn file(&self, path: &str) -> Result<Option<(fs::File, Vec<u8>, u64)>, ImageError> {
        let path = self.directory.join(path);
        let shown = path.as_os_str().as_bytes().to_vec();
        let unreadable = |error| ImageError::Io {
            path: shown.clone(),
            error,
        };
        let metadata = match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(unreadable)?,
        };
        // Opening a FIFO could wait for ever.
        if !metadata.is_file() {
            return Ok(None);
        }
        let file = fs::File::open(&path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        Ok(Some((file, shown, size)))
    }

    /// A file that must be there, of the size that is stated.
    fn stated(&self, stated: &Stated) -> Result<(fs::File, Vec<u8>, u64), ImageError> {
        let found = self
            .file(&stated.path)?
            .ok_or_else(|| PackageError::RepositoryFileMissing {
                name: stated.path.clone(),
            })?;
        match stated.size_bytes {
            Some(size) if size != found.2 => Err(PackageError::RepositoryFileWrong {
                name: stated.path.clone(),
                stated: format!("{size} bytes"),
                found: format!("{} bytes", found.2),
            }
            .into()),
            _ => Ok(found),
        }
    }

    /// The first bytes of a file, as many as an index has; none if there is none.
    fn head(&self, name: &str) -> Result<Option<Vec<u8>>, ImageError> {
        let Some((file, path, _)) = self.file(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        match file.take(MAX_INDEX_BYTES).read_to_end(&mut bytes) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err(ImageError::Io { path, error }),
        }
    }

    fn index_bytes(&self) -> Result<Vec<u8>, ImageError> {
        let missing = || PackageError::RepositoryFileMissing {
            name: INDEX.to_owned(),
        };
        Ok(self.head(INDEX)?.ok_or_else(missing)?)
    }

    /// Checks that a given key has signed the index, and gives the key's fingerprint.
    fn verify_index(&self, index: &[u8], keys: &PackageKeys) -> Result<String, ImageError> {
        match self.head(SIGNATURE)? {
            Some(signatures) => Ok(keys.verify(INDEX, &signatures, &|| Box::new(index))?),
            None => Err(PackageError::Unsigned { part: INDEX }.into()),
        }
    }

    /// The files of metadata that an index states, and the one of them that lists the packages.
    fn index(bytes: &[u8]) -> Result<(Vec<Stated>, Stated), ImageError> {
        let files = metadata::read_index(INDEX, bytes)?;
        match files.iter().find(|file| file.kind == "primary").cloned() {
            Some(primary) => Ok((files, primary)),
            None => Err(PackageError::RepositoryMalformed {
                name: INDEX.to_owned(),
                problem: "it states no list of packages",
            }
            .into()),
        }
    }

    /// The packages, as far as the list of them is the one that is stated.
    fn packages(
        &self,
        primary: &Stated,
        limits: &Limits,
        control: &Control,
    ) -> Result<Vec<Stated>, ImageError> {
        let (file, path, size) = self.stated(primary)?;
        let (read, mark) = (Cell::new(0), Cell::new(false));
        let section = Section::new(&file, &path, 0..size, control, &read);
        let mut packed = Cursor::new(Hashing::new(section, &[primary.digest.algorithm()]), BUFFER_BYTES);
        let name = primary.path.as_str();
        let packages = match Compression::detect(packed.peek(HEAD_BYTES)?) {
            None => metadata::read_packages(name, &mut packed),
            Some(compression) => Unpacked::new(compression, &mut packed, limits, (&read, &mark), 0)
                .and_then(|unpacked| metadata::read_packages(name, Cursor::new(unpacked, BUFFER_BYTES))),
        };
        // That the bytes are others than those that are stated comes before what is wrong with them.
        finish(packed, primary)?;
        packages
    }

    /// Whether a file has the checksum that is stated.
    fn verify(&self, stated: &Stated, scan: &Scan<'_>) -> Result<(), ImageError> {
        let (file, path, size) = self.stated(stated)?;
        let read = Cell::new(0);
        let section = Section::new(&file, &path, 0..size, scan.control, &read);
        let cursor = Cursor::new(Hashing::new(section, &[stated.digest.algorithm()]), BUFFER_BYTES);
        finish(cursor, stated)
    }
}

/// A file that a repository states and that is not in its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFile {
    /// Relative, never above the repository.
    pub path: String,
    /// Its size, where that is stated.
    pub size_bytes: Option<u64>,
}

/// What is missing in a directory that has the index of a repository: the list of packages, or else packages.
///
/// # Errors
/// [`ImageError::Io`]; [`PackageError`], where the index or the list is not what it should be.
pub fn missing_of_repository(
    directory: &Path,
    limits: &Limits,
    control: &Control,
) -> Result<Vec<MissingFile>, ImageError> {
    let repository = Repository::open(directory);
    let (_, primary) = Repository::index(&repository.index_bytes()?)?;
    let wanted = match repository.file(&primary.path)? {
        None => vec![primary],
        Some(_) => repository.packages(&primary, limits, control)?,
    };
    let mut missing = BTreeMap::new();
    for file in wanted {
        if repository.file(&file.path)?.is_none() {
            missing.insert(file.path, file.size_bytes);
        }
    }
    let missing = missing.into_iter();
    Ok(missing
        .map(|(path, size_bytes)| MissingFile { path, size_bytes })
        .collect())
}

/// Reads the rest of a file and compares its checksum.
fn finish<F: Fill>(mut cursor: Cursor<Hashing<F>>, stated: &Stated) -> Result<(), ImageError> {
    cursor.skip(u64::MAX)?;
    let found = cursor.into_source().finish().pop();
    match found {
        Some(found) if found != stated.digest => {
            let show = |digest: &Digest| format!("{}:{digest}", digest.algorithm().name());
            Err(PackageError::RepositoryFileWrong {
                name: stated.path.clone(),
                stated: show(&stated.digest),
                found: show(&found),
            }
            .into())
        }
        _ => Ok(()),
    }
}

impl Source for Repository {
    fn is_signed(&self) -> bool {
        true
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        let bytes = self.index_bytes()?;
        let given = scan.selection.package_keys.as_ref();
        let signer = given.map(|keys| self.verify_index(&bytes, keys)).transpose()?;
        let (index, primary) = Self::index(&bytes)?;
        let packages = self.packages(&primary, scan.limits, scan.control)?;
        // The rest is not read, but may not be other than it is stated where it is there.
        for file in index.iter().filter(|file| file.kind != "primary") {
            if self.file(&file.path)?.is_some() {
                self.verify(file, scan)?;
            }
        }
        let mut unmet: BTreeSet<&[u8]> = scan.selection.asked().collect();
        let mut sink = Installed::new(sink, scan.selection);
        let mut count: u64 = 0;
        for package in &packages {
            let mut inside = InPackage {
                sink: &mut sink,
                package: &package.path,
            };
            match self.read(package, scan, &mut inside, &mut unmet) {
                Ok(files) => count = count.saturating_add(files),
                Err(error @ (ImageError::Cancelled | ImageError::Stopped)) => return Err(error),
                Err(error) => inside.omit(error)?,
            }
            let limit = scan.limits.max_files;
            if count > limit {
                let path = package.path.clone().into_bytes();
                return Err(ImageError::TooManyFiles { path, limit });
            }
        }
        for path in unmet {
            sink.note(Note::unmet_skip(path, "there is no such path in the packages"));
        }
        if signer.is_none() {
            sink.note(Note {
                code: "SIGNATURE_UNCHECKED",
                path: None,
                offset_bytes: None,
                text: format!("the signature of {INDEX} was not checked, on which all other checksums rest"),
            });
        }
        sink.finish();
        let packages = u64::try_from(packages.len()).unwrap_or(u64::MAX);
        Ok(Layer {
            kind: "rpm repository",
            facts: vec![
                ("packages", Fact::Number(packages)),
                ("signature", Fact::Text(keys::describe(signer.as_deref()))),
                ("files", Fact::Number(count)),
            ],
            ..Layer::default()
        })
    }
}

impl Repository {
    /// Hands over the files of a package, and says how many.
    fn read<'s>(
        &self,
        package: &Stated,
        scan: &Scan<'_>,
        sink: &mut dyn Sink<'s>,
        unmet: &mut BTreeSet<&[u8]>,
    ) -> Result<u64, ImageError> {
        if package.kind != "rpm" {
            return Err(PackageError::RepositoryMalformed {
                name: package.path.clone(),
                problem: "a package that is no RPM",
            }
            .into());
        }
        self.verify(package, scan)?;
        let (file, path, _) = self.stated(package)?;
        let rpm = Rpm::open(file, path)?;
        rpm.read(scan, sink, unmet).map(|met| met.files)
    }
}

/// Tells with each omission and note which package it is about.
struct InPackage<'a, 's> {
    sink: &'a mut dyn Sink<'s>,
    package: &'a str,
}

impl<'s> Sink<'s> for InPackage<'_, 's> {
    fn content(&mut self, content: Content<'s>) -> Result<ContentId, ImageError> {
        self.sink.content(content)
    }

    fn file(&mut self, file: File) {
        self.sink.file(file);
    }

    fn skip(&mut self, skip: Skip) {
        self.sink.skip(skip);
    }

    fn note(&mut self, mut note: Note) {
        note.text = format!("{}: {}", Escaped(self.package.as_bytes()), note.text);
        self.sink.note(note);
    }

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        let error = match error {
            ImageError::Package(error @ PackageError::InRepository { .. }) => error,
            error => PackageError::InRepository {
                package: self.package.to_owned(),
                error: Box::new(error),
            },
        };
        self.sink.omit(error.into())
    }
}
