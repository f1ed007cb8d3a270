//! One member: its header and what stood in front of it, put together. What programs disagree about is refused.

use super::error::TarError;
use super::extended::{Extended, Records};
use super::header::{Dialect, Header};

/// Sizes from which on a header of octal digits has no room, so that only a PAX record can tell.
const MAX_OCTAL_SIZE: u64 = 0o77_777_777_777;

/// Longest name: what the kernel takes for a path (`PATH_MAX`), without the NUL.
const MAX_NAME_BYTES: usize = 4095;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Regular,
    /// With a map as GNU's own header has it.
    GnuSparse,
    /// With a map in PAX records, or in front of its data.
    PaxSparse,
    HardLink,
    Symlink,
    Directory,
    Special,
}

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) offset: u64,
    pub(super) what: What,
    /// Parts joined by one slash each, none of them `.` or `..`. Empty: the top directory.
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Bytes in the archive.
    pub(super) stored: u64,
    pub(super) records: Records,
}

impl Member {
    /// Puts a member together.
    ///
    /// # Errors
    /// What programs would read in different ways, and what is not known.
    pub(super) fn new(
        offset: u64,
        header: Header,
        extended: Extended,
        global: &Records,
    ) -> Result<Self, Refused> {
        let records = extended.records.unwrap_or_default();
        let stored = stored_size(offset, &header, &records)?;
        let refused = |error| Refused { error, stored };
        let one = |long: Option<Vec<u8>>, record: &Option<Vec<u8>>, short: Vec<u8>| match (long, record) {
            (Some(long), Some(record)) if long != *record => Err(TarError::Ambiguous {
                offset,
                path: long,
                problem: "a GNU header and a PAX header give it two names",
            }),
            (Some(name), _) => Ok(name),
            (None, Some(name)) => Ok(name.clone()),
            (None, None) => Ok(short),
        };
        let mut name = one(extended.long_name, &records.path, header.name).map_err(refused)?;
        if let Some(real) = &records.sparse.name {
            name.clone_from(real);
        }
        let link = one(extended.long_link, &records.linkpath, header.link).map_err(refused)?;
        let path = clean(&name)
            .map_err(|problem| TarError::NameRefused {
                offset,
                path: name.clone(),
                problem,
            })
            .map_err(refused)?;
        let ambiguous = |problem| {
            refused(TarError::Ambiguous {
                offset,
                path: path.clone(),
                problem,
            })
        };
        let has_slash = name.ends_with(b"/");
        let what = match header.typeflag {
            b'0' | 0 | b'7' if has_slash && stored > 0 => {
                return Err(ambiguous("a file with a slash behind its name"));
            }
            b'0' | 0 | b'7' if has_slash => What::Directory,
            b'0' | 0 | b'7' if records.sparse.is_used => What::PaxSparse,
            b'0' | 0 | b'7' => What::Regular,
            b'S' if header.dialect == Dialect::Gnu && !records.sparse.is_used => What::GnuSparse,
            b'1' => What::HardLink,
            b'2' => What::Symlink,
            b'3' | b'4' | b'6' => What::Special,
            // 'D' is GNU's directory with a list of what it had.
            b'5' | b'D' => What::Directory,
            typeflag => {
                return Err(refused(TarError::TypeUnknown {
                    offset,
                    path,
                    typeflag,
                }));
            }
        };
        let has_data = matches!(what, What::Regular | What::GnuSparse | What::PaxSparse);
        if stored > 0 && !has_data && header.typeflag != b'D' {
            return Err(ambiguous("a size, although such a member has no data"));
        }
        if what != What::Directory && path.is_empty() {
            return Err(refused(TarError::NameRefused {
                offset,
                path: name,
                problem: "it names no file",
            }));
        }
        Ok(Self {
            offset,
            what,
            path,
            link,
            mode: header.mode,
            uid: records.uid.or(global.uid).unwrap_or(header.uid),
            gid: records.gid.or(global.gid).unwrap_or(header.gid),
            stored,
            records,
        })
    }
}

/// A member that is not taken. Its data are there all the same.
pub(super) struct Refused {
    pub(super) error: TarError,
    pub(super) stored: u64,
}

/// Bytes of data in the archive: without agreement about them nobody finds the next header.
fn stored_size(offset: u64, header: &Header, records: &Records) -> Result<u64, Refused> {
    match records.size {
        Some(size) if size != header.size && size <= MAX_OCTAL_SIZE => Err(Refused {
            error: TarError::Ambiguous {
                offset,
                path: records.path.clone().unwrap_or_else(|| header.name.clone()),
                problem: "its header and its PAX header state two sizes",
            },
            stored: u64::MAX,
        }),
        Some(size) => Ok(size),
        None => Ok(header.size),
    }
}

/// The parts of a name, joined by one slash each.
///
/// # Errors
/// Why such a name is not unpacked.
pub(super) fn clean(name: &[u8]) -> Result<Vec<u8>, &'static str> {
    if name.is_empty() {
        return Err("it has no name");
    }
    if name.len() > MAX_NAME_BYTES {
        return Err("its name is longer than any path");
    }
    let mut path = Vec::with_capacity(name.len());
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err("its name leads upwards"),
            _ => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
            }
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_top_and_never_lead_upwards() {
        let rows: [(&[u8], Option<&[u8]>); 9] = [
            (b"a/b", Some(b"a/b")),
            (b"./a//b/", Some(b"a/b")),
            (b"/a", Some(b"a")),
            (b"./", Some(b"")),
            (b"..a", Some(b"..a")),
            (b"../a", None),
            (b"a/../b", None),
            (b"a/..", None),
            (b"", None),
        ];
        for (name, expected) in rows {
            assert_eq!(clean(name).ok().as_deref(), expected);
        }
        assert!(clean(&[b'a'; 4096]).is_err());
    }
}
