//! rpm's database: the header of each package that is installed, in one of three stores.
//!
//! | file | store | of |
//! | --- | --- | --- |
//! | `rpmdb.sqlite`, `rpmdb.sqlite-wal` | SQLite | Fedora 33, RHEL 9 and later |
//! | `Packages` | Berkeley DB, a hash | RHEL 8 and earlier |
//! | `Packages.db` | ndb, rpm's own | SUSE |

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::PackageError;
use super::super::rpm::{Header, file_names};
use super::error::DatabaseError;
use super::{Names, Owner, berkeley, ndb, sqlite};

/// Where the database lies: Fedora's place, ostree's and the old one. They may be links to one another.
const DIRECTORIES: [&str; 3] = ["/usr/lib/sysimage/rpm", "/usr/share/rpm", "/var/lib/rpm"];

/// Files of the stores. What SQLite has not written to its database yet lies beside it.
const FILES: [(&str, Option<Store>); 4] = [
    ("rpmdb.sqlite", Some(Store::Sqlite)),
    ("rpmdb.sqlite-wal", None),
    ("Packages", Some(Store::Berkeley)),
    ("Packages.db", Some(Store::Ndb)),
];

/// Tags. Source: rpm 4.18, `include/rpm/rpmtag.h`.
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;

/// How a database keeps its headers.
#[derive(Debug, Clone, Copy)]
enum Store {
    Sqlite,
    Berkeley,
    Ndb,
}

/// A file of a store, in a database of its own directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoreFile {
    directory: &'static str,
    name: &'static str,
    store: Option<Store>,
}

impl StoreFile {
    /// The file at this path of a root filesystem.
    pub(super) fn at(path: &[u8]) -> Option<Self> {
        let path = std::str::from_utf8(path).ok()?;
        let (directory, name) = path.rsplit_once('/')?;
        let directory = DIRECTORIES.into_iter().find(|known| *known == directory)?;
        let (name, store) = FILES.into_iter().find(|(known, _)| *known == name)?;
        Some(Self {
            directory,
            name,
            store,
        })
    }

    /// Keeps the file below `scratch`, beside the others of its directory: SQLite opens nothing but files, by their
    /// names.
    ///
    /// # Errors
    /// [`DatabaseError::TooLarge`], [`DatabaseError::Io`].
    pub(super) fn spool(self, bytes: &mut dyn Read, scratch: &Path, limit: u64) -> Result<(), DatabaseError> {
        let place = self.place(scratch);
        fs::create_dir_all(place.parent().unwrap_or(scratch))?;
        let mut file = File::create(place)?;
        match io::copy(&mut bytes.take(limit.saturating_add(1)), &mut file)? {
            len if len > limit => Err(DatabaseError::TooLarge { limit }),
            _ => Ok(()),
        }
    }

    fn place(self, scratch: &Path) -> PathBuf {
        scratch
            .join(self.directory.trim_start_matches('/'))
            .join(self.name)
    }

    /// The packages that have files that are asked for.
    ///
    /// # Errors
    /// What the store says, and [`DatabaseError::Header`].
    pub(super) fn owners(self, scratch: &Path, names: &Names<'_>) -> Result<Vec<Owner>, DatabaseError> {
        let place = self.place(scratch);
        let mut owners = Vec::new();
        let mut number = 0_usize;
        let mut take = |blob: &[u8]| {
            number = number.saturating_add(1);
            let found = owners_of(blob, names);
            owners.extend(found.map_err(|error| DatabaseError::Header { number, error })?);
            Ok(())
        };
        match self.store {
            Some(Store::Sqlite) => sqlite::each_header(&place, &mut take)?,
            Some(Store::Berkeley) => berkeley::each_header(&File::open(place)?, &mut take)?,
            Some(Store::Ndb) => ndb::each_header(&File::open(place)?, &mut take)?,
            None => {}
        }
        Ok(owners)
    }
}

/// What of one package is asked for.
fn owners_of(blob: &[u8], names: &Names<'_>) -> Result<Vec<Owner>, PackageError> {
    let header = Header::of_database(blob)?;
    let files = file_names(&header, 0)?;
    let asked: Vec<&[u8]> = files.iter().filter_map(|file| names.asked(file)).collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let epoch = header.numbers(EPOCH)?.first().map(|epoch| format!("{epoch}:"));
    let text = |tag| Ok::<_, PackageError>(header.string(tag)?.unwrap_or_default());
    let version = [
        epoch.unwrap_or_default().as_bytes(),
        text(VERSION)?,
        b"-",
        text(RELEASE)?,
    ]
    .concat();
    let name = text(NAME)?;
    let owner = |path: &[u8]| Owner {
        path: path.to_vec(),
        manager: "rpm",
        name: name.to_vec(),
        version: Some(version.clone()),
    };
    Ok(asked.into_iter().map(owner).collect())
}
