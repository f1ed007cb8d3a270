//! Which package a file of a root filesystem belongs to, by the databases that package managers keep in it.
//!
//! ```text
//! dpkg  /var/lib/dpkg/info/PACKAGE.list, a path a line; /var/lib/dpkg/status, a stanza a package
//! apk   /lib/apk/db/installed, a stanza a package
//! rpm   one header a package, in one of three stores: SQLite, Berkeley DB or rpm's own
//! ```
//!
//! An answer helps a person; nothing is listed or accepted for it. So a database that cannot be read is named in the
//! answer and ends nothing.

mod apk;
mod berkeley;
mod dpkg;
mod error;
mod ndb;
mod rpm;
mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use ima_assay_digest::Control;
use serde_json::{Value, json};

use self::error::DatabaseError;
use self::rpm::StoreFile;
use super::installed::is_merged;
use crate::image::collect::collect;
use crate::image::{DEFAULT_SKIPPED_PATHS, ExtractOptions, ImageError, Scan, Selection, Source};
use crate::path::{Escaped, ima_spelling};

/// A package that says that a file is its.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The path that was asked for.
    pub path: Vec<u8>,
    /// `dpkg`, `apk` or `rpm`.
    pub manager: &'static str,
    /// The package's name.
    pub name: Vec<u8>,
    /// Its version, as its manager writes it, if the database says it.
    pub version: Option<Vec<u8>>,
}

/// What the databases of a root filesystem say.
#[derive(Debug, Default)]
pub struct Owners {
    /// Sorted by path.
    pub owners: Vec<Owner>,
    /// Databases that cannot be read, and why.
    unread: Vec<(Vec<u8>, DatabaseError)>,
}

impl Owners {
    /// As JSON, names escaped for one line:
    ///
    /// ```text
    /// {"owners":[{"path":"…","manager":"rpm","name":"…","version":"…"|null}],
    ///  "unread":[{"database":"/var/lib/rpm/…","problem":"…"}]}
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Value {
        let text = |bytes: &[u8]| Escaped(bytes).to_string();
        let owners = self.owners.iter().map(|owner| {
            json!({
                "path": text(&owner.path),
                "manager": owner.manager,
                "name": text(&owner.name),
                "version": owner.version.as_deref().map(text),
            })
        });
        let unread = self
            .unread
            .iter()
            .map(|(path, error)| json!({"database": text(path), "problem": error.to_string()}));
        json!({"owners": owners.collect::<Vec<_>>(), "unread": unread.collect::<Vec<_>>()})
    }
}

/// Says which packages of a root filesystem have the files at these paths, as IMA spells them. An image that is no root
/// filesystem has none.
///
/// # Errors
/// [`ImageError`]: the image cannot be scanned.
pub fn owners(
    source: &dyn Source,
    paths: &[Vec<u8>],
    options: &ExtractOptions,
    control: &Control,
) -> Result<Owners, ImageError> {
    if !source.is_root_filesystem() || paths.is_empty() {
        return Ok(Owners::default());
    }
    let names = Names::of(paths);
    let limit = options.limits.max_spooled_bytes;
    let scratch = tempfile::tempdir().map_err(|error| ImageError::Io {
        path: std::env::temp_dir().into_os_string().into_vec(),
        error,
    })?;
    let scan = Scan {
        selection: &selection(&options.selection),
        limits: &options.limits,
        control,
    };
    let read = collect(
        source,
        &scan,
        None,
        |path| Database::at(path).is_some(),
        |path, bytes| {
            let database = Database::at(path);
            Ok(database.map(|database| database.read(path, bytes, &names, scratch.path(), limit)))
        },
    )?;
    let read = read.into_iter().filter_map(|(path, part)| Some((path, part?)));
    Ok(put_together(read, &names, scratch.path()))
}

/// All files that a database can be, whoever owns them and whatever a list leaves out.
fn selection(asked: &Selection) -> Selection {
    let skipped = DEFAULT_SKIPPED_PATHS.iter().filter(|path| **path != "/var");
    let mut selection = Selection::new(skipped.map(|path| path.as_bytes().to_vec()), []);
    selection.all_owners = true;
    selection.partition.clone_from(&asked.partition);
    selection.platform.clone_from(&asked.platform);
    selection.image.clone_from(&asked.image);
    selection
}

/// Names under which packages may know the paths that are asked for.
struct Names<'p>(HashMap<Vec<u8>, &'p [u8]>);

impl<'p> Names<'p> {
    fn of(paths: &'p [Vec<u8>]) -> Self {
        let mut names = HashMap::new();
        for path in paths {
            // What a path was called before `/bin`, `/sbin` and `/lib` became links, and after.
            let unmerged = path.strip_prefix(b"/usr").filter(|rest| is_merged(rest));
            names.extend(unmerged.map(|name| (name.to_vec(), path.as_slice())));
            if is_merged(path) {
                names.insert([b"/usr", path.as_slice()].concat(), path.as_slice());
            }
        }
        // The path itself means itself, whatever else it is an older name of.
        names.extend(paths.iter().map(|path| (path.clone(), path.as_slice())));
        Self(names)
    }

    /// The path that is asked for, if a package's file is one.
    fn asked(&self, file: &[u8]) -> Option<&'p [u8]> {
        self.0.get(ima_spelling(file).as_ref()).copied()
    }
}

/// A file of a database.
enum Database {
    DpkgList,
    DpkgStatus,
    Apk,
    Rpm(StoreFile),
}

/// What was read of a file of a database.
enum Part {
    /// Paths that a package of dpkg has.
    DpkgList(Vec<u8>, Vec<Vec<u8>>),
    DpkgStatus(Vec<u8>),
    Apk(Vec<Owner>),
    /// One that is read once all files of its store are there.
    Rpm(StoreFile),
}

impl Database {
    fn at(path: &[u8]) -> Option<Self> {
        if let Some(name) = path.strip_prefix(b"/var/lib/dpkg/") {
            let is_list = name
                .strip_prefix(b"info/")
                .is_some_and(|name| name.ends_with(b".list"));
            return match name {
                b"status" => Some(Self::DpkgStatus),
                _ if is_list => Some(Self::DpkgList),
                _ => None,
            };
        }
        if matches!(path, b"/lib/apk/db/installed" | b"/usr/lib/apk/db/installed") {
            return Some(Self::Apk);
        }
        StoreFile::at(path).map(Self::Rpm)
    }

    fn read(
        self,
        path: &[u8],
        bytes: &mut dyn Read,
        names: &Names<'_>,
        scratch: &Path,
        limit: u64,
    ) -> Result<Part, DatabaseError> {
        match self {
            Self::DpkgList => {
                let paths = dpkg::paths(&whole(bytes)?, names);
                Ok(Part::DpkgList(dpkg::package(path), paths))
            }
            Self::DpkgStatus => Ok(Part::DpkgStatus(whole(bytes)?)),
            Self::Apk => Ok(Part::Apk(apk::owners(&whole(bytes)?, names))),
            Self::Rpm(file) => file.spool(bytes, scratch, limit).map(|()| Part::Rpm(file)),
        }
    }
}

/// Largest text that is read.
const MAX_TEXT_BYTES: u64 = 256 << 20;

fn whole(bytes: &mut dyn Read) -> Result<Vec<u8>, DatabaseError> {
    let mut text = Vec::new();
    bytes
        .take(MAX_TEXT_BYTES.saturating_add(1))
        .read_to_end(&mut text)?;
    match u64::try_from(text.len()) {
        Ok(len) if len <= MAX_TEXT_BYTES => Ok(text),
        _ => Err(DatabaseError::TooLarge {
            limit: MAX_TEXT_BYTES,
        }),
    }
}

fn put_together(
    read: impl Iterator<Item = (Vec<u8>, Result<Part, DatabaseError>)>,
    names: &Names<'_>,
    scratch: &Path,
) -> Owners {
    let mut found = Owners::default();
    let (mut lists, mut status, mut stores) = (Vec::new(), Vec::new(), Vec::new());
    for (path, part) in read {
        match part {
            Err(error) => found.unread.push((path, error)),
            Ok(Part::DpkgList(package, paths)) => lists.push((package, paths)),
            Ok(Part::DpkgStatus(text)) => status = text,
            Ok(Part::Apk(owners)) => found.owners.extend(owners),
            Ok(Part::Rpm(file)) => stores.push((path, file)),
        }
    }
    found.owners.extend(dpkg::owners(lists, &status));
    for (path, file) in stores {
        match file.owners(scratch, names) {
            Ok(owners) => found.owners.extend(owners),
            Err(error) => found.unread.push((path, error)),
        }
    }
    found.owners.sort();
    found.owners.dedup();
    found.unread.sort_by(|one, other| one.0.cmp(&other.0));
    found
}
