//! The files that the header of an RPM package lists.
//!
//! ```text
//! DIRNAMES      "/usr/bin/" …            BASENAMES     "x" …          DIRINDEXES   which directory each is in
//! FILEMODES, FILESIZES or LONGFILESIZES, FILEFLAGS, FILEUSERNAME, FILEGROUPNAME, FILEDEVICES, FILEINODES
//! FILEDIGESTS   hex …                    FILEDIGESTALGO  by the numbers of OpenPGP; MD5 where there is none
//! ```

use std::collections::BTreeMap;

use ima_assay_digest::{Algorithm, Digest};

use super::super::error::PackageError;
use super::header::Header;
use crate::image::{ImageError, Limits};

/// Tags. Source: rpm 4.18, `include/rpm/rpmtag.h`.
const OLD_FILENAMES: u32 = 1027;
const SIZES: u32 = 1028;
const MODES: u32 = 1030;
const DIGESTS: u32 = 1035;
const FLAGS: u32 = 1037;
const USERS: u32 = 1039;
const GROUPS: u32 = 1040;
const DEVICES: u32 = 1095;
const INODES: u32 = 1096;
const DIRECTORY_INDEXES: u32 = 1116;
const BASENAMES: u32 = 1117;
const DIRECTORIES: u32 = 1118;
const LONG_SIZES: u32 = 5008;
const DIGEST_ALGORITHM: u32 = 5011;

/// Bytes of all paths: a header may name one directory for all of its files.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// A file that is owned and not packed.
const GHOST: u64 = 1 << 6;

/// The owner of files whose user a package names and only the machine numbers: none that the kernel knows.
const UNKNOWN_OWNER: u32 = u32::MAX;

/// One file.
#[derive(Debug)]
pub(super) struct Listed {
    /// Absolute.
    pub(super) path: Vec<u8>,
    pub(super) mode: u16,
    pub(super) size_bytes: u64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// None where the header states none that is known.
    pub(super) digest: Option<Digest>,
    /// The last file of those with the same inode, which has the bytes of all.
    pub(super) bytes_at: usize,
    is_ghost: bool,
}

impl Listed {
    pub(super) fn is_regular(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    pub(super) fn is_symlink(&self) -> bool {
        self.mode & 0o170_000 == 0o120_000
    }

    /// Whether its bytes must be in the payload.
    pub(super) fn is_packed(&self) -> bool {
        self.is_regular() && !self.is_ghost
    }
}

/// All files of a package.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) all: Vec<Listed>,
    by_path: BTreeMap<Vec<u8>, usize>,
    /// Whether digests are stated that cannot be compared.
    pub(super) has_unknown_digests: bool,
}

/// The algorithm with a number of OpenPGP's. Source: RFC 9580, section 9.5.
pub(super) fn algorithm(number: u64) -> Option<Algorithm> {
    Some(match number {
        1 => Algorithm::Md5,
        2 => Algorithm::Sha1,
        3 => Algorithm::Rmd160,
        8 => Algorithm::Sha256,
        9 => Algorithm::Sha384,
        10 => Algorithm::Sha512,
        11 => Algorithm::Sha224,
        12 => Algorithm::Sha3_256,
        14 => Algorithm::Sha3_512,
        _ => return None,
    })
}

impl Files {
    /// Reads the list. `offset` is where the header starts.
    ///
    /// # Errors
    /// [`PackageError::RpmMalformed`], [`ImageError::TooManyFiles`].
    pub(super) fn read(header: &Header, offset: u64, limits: &Limits) -> Result<Self, ImageError> {
        let malformed = |problem| PackageError::RpmMalformed { offset, problem };
        let names = file_names(header, offset)?;
        let count = names.len();
        if u64::try_from(count).unwrap_or(u64::MAX) > limits.max_files {
            return Err(ImageError::TooManyFiles {
                path: names.into_iter().next().unwrap_or_default(),
                limit: limits.max_files,
            });
        }
        let same = |values: Vec<u64>| match values.len() {
            len if len == count => Ok(values),
            _ => Err(malformed("lists of files of different lengths")),
        };
        let modes = same(header.numbers(MODES)?)?;
        let sizes = same(header.numbers(if header.has(LONG_SIZES) { LONG_SIZES } else { SIZES })?)?;
        let or_zeros = |values: Vec<u64>| if values.is_empty() { vec![0; count] } else { values };
        let flags = same(or_zeros(header.numbers(FLAGS)?))?;
        let devices = same(or_zeros(header.numbers(DEVICES)?))?;
        let inodes = same(or_zeros(header.numbers(INODES)?))?;
        let (users, groups) = (header.strings(USERS)?, header.strings(GROUPS)?);
        let digests = header.strings(DIGESTS)?;
        if !digests.is_empty() && digests.len() != count {
            return Err(malformed("lists of files of different lengths").into());
        }
        let digest_algorithm = algorithm(header.numbers(DIGEST_ALGORITHM)?.first().copied().unwrap_or(1));
        let owner = |names: &[&[u8]], at: usize| match names.get(at) {
            Some(&b"root") => 0,
            _ => UNKNOWN_OWNER,
        };
        let mut files = Self {
            all: Vec::with_capacity(count),
            by_path: BTreeMap::new(),
            has_unknown_digests: false,
        };
        let mut last_of: BTreeMap<(u64, u64), usize> = BTreeMap::new();
        let numbers = modes.iter().zip(&sizes).zip(&flags);
        for (at, (path, ((mode, size), flags))) in names.into_iter().zip(numbers).enumerate() {
            let mode = u16::try_from(*mode).map_err(|_| malformed("a mode that no file has"))?;
            let stated = digests.get(at).copied().unwrap_or_default();
            let mut listed = Listed {
                mode,
                size_bytes: *size,
                uid: owner(&users, at),
                gid: owner(&groups, at),
                digest: None,
                bytes_at: at,
                is_ghost: flags & GHOST != 0,
                path,
            };
            if listed.is_packed() && !stated.is_empty() {
                listed.digest = match digest_algorithm {
                    Some(algorithm) => Some(
                        std::str::from_utf8(stated)
                            .ok()
                            .and_then(|hex| Digest::from_hex(algorithm, hex).ok())
                            .ok_or(malformed("a digest of a file that is none"))?,
                    ),
                    None => {
                        files.has_unknown_digests = true;
                        None
                    }
                };
            }
            if listed.is_packed()
                && let (Some(device), Some(inode)) = (devices.get(at), inodes.get(at))
                && *inode != 0
            {
                last_of.insert((*device, *inode), at);
            }
            if files.by_path.insert(listed.path.clone(), at).is_some() {
                return Err(malformed("a file that is listed twice").into());
            }
            files.all.push(listed);
        }
        for (at, (device, inode)) in devices.iter().zip(&inodes).enumerate() {
            if let (Some(listed), Some(last)) = (files.all.get_mut(at), last_of.get(&(*device, *inode)))
                && listed.is_packed()
            {
                listed.bytes_at = *last;
            }
        }
        Ok(files)
    }

    /// Whether there is a file at a path or below it.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.all.iter().any(|listed| {
            let rest = listed.path.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        })
    }

    /// The file at a path as the payload has it: `./usr/bin/x`, with a leading slash, or without either.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        let name = name
            .strip_prefix(b".")
            .filter(|rest| rest.starts_with(b"/"))
            .unwrap_or(name);
        let name = name.strip_prefix(b"/").unwrap_or(name);
        self.by_path.get(&[b"/", name].concat()).copied()
    }
}

/// The paths of all files. `offset` is where the header starts.
///
/// # Errors
/// [`PackageError::RpmMalformed`].
pub(in crate::image::package) fn file_names(
    header: &Header,
    offset: u64,
) -> Result<Vec<Vec<u8>>, PackageError> {
    let malformed = |problem| PackageError::RpmMalformed { offset, problem };
    let old = header.strings(OLD_FILENAMES)?;
    let paths: Vec<Vec<u8>> = if old.is_empty() {
        let (directories, basenames) = (header.strings(DIRECTORIES)?, header.strings(BASENAMES)?);
        let indexes = header.numbers(DIRECTORY_INDEXES)?;
        if indexes.len() != basenames.len() {
            return Err(malformed("lists of files of different lengths"));
        }
        let (mut paths, mut text_bytes) = (Vec::new(), 0_usize);
        for (name, index) in basenames.iter().zip(indexes) {
            let directory = usize::try_from(index)
                .ok()
                .and_then(|index| directories.get(index));
            let directory = directory.ok_or(malformed("a file in a directory that is not listed"))?;
            text_bytes = text_bytes
                .saturating_add(directory.len())
                .saturating_add(name.len());
            if text_bytes > MAX_TEXT_BYTES {
                return Err(malformed(
                    "paths that together are longer than those of any package",
                ));
            }
            paths.push([directory, *name].concat());
        }
        paths
    } else {
        old.into_iter().map(<[u8]>::to_vec).collect()
    };
    let is_plain = |path: &Vec<u8>| {
        let mut parts = path.split(|byte| *byte == b'/').skip(1);
        path.starts_with(b"/") && path.len() > 1 && parts.all(|part| !matches!(part, b"" | b"." | b".."))
    };
    match paths.iter().all(|path| path.as_slice() == b"/" || is_plain(path)) {
        true => Ok(paths),
        false => Err(malformed("a file without an absolute path")),
    }
}
