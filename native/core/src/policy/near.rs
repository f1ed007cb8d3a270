//! Near misses: what a policy lists that is nearly what was measured.
//!
//! Most findings have a plain reason that the list itself shows: `/bin/x` was measured and `/usr/bin/x` is
//! listed, or a file went by another name. The index for this is built when it is first asked for.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;
use ima_assay_digest::Algorithm;

use super::loaded::{Policy, Section};
use super::map::{DigestMap, ListedDigest};

/// How something that is listed differs from what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NearKind {
    /// One is below `/sysroot`, or `/root` of a Debian initramfs: the file was used before the root was switched.
    Sysroot,
    /// `/bin`, `/sbin`, `/lib…` against `/usr/bin`, `/usr/lib…`, or `/usr/sbin` against `/usr/bin`.
    UsrMerge,
    /// One has `_(deleted)` at its end: the file was open when it was removed or replaced.
    Deleted,
    /// One does not begin with `/`, or begins with `./` or the `*` of a binary digest row.
    Relative,
    /// One has a blank where the other has an underscore, as IMA writes it.
    Blank,
    /// Upper and lower case differ.
    Case,
    /// The digest is listed for quite another path.
    SameDigest,
    /// The path is listed with another digest of the same algorithm.
    SamePath,
    /// The path is listed with a digest of another algorithm.
    OtherAlgorithm,
}

impl NearKind {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sysroot => "sysroot",
            Self::UsrMerge => "usr-merge",
            Self::Deleted => "deleted",
            Self::Relative => "relative",
            Self::Blank => "blank",
            Self::Case => "case",
            Self::SameDigest => "same-digest-other-path",
            Self::SamePath => "same-path",
            Self::OtherAlgorithm => "other-algorithm",
        }
    }
}

/// Something that is listed and nearly what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Near<'a> {
    /// The difference; the first in the order of [`NearKind`] if there are several.
    pub kind: NearKind,
    /// The path, keyring or buffer that is listed.
    pub path: &'a [u8],
    /// The digest that is listed for it: the measured one, if it is among them.
    pub digest: Option<ListedDigest<'a>>,
    /// Whether that is the measured digest, of the measured algorithm.
    pub is_same_digest: bool,
    /// Index into [`PolicySet::policies`](super::PolicySet::policies).
    pub origin: usize,
}

/// What was measured.
pub(super) struct Wanted<'w> {
    pub(super) name: &'w [u8],
    pub(super) algorithm: Algorithm,
    pub(super) digest: &'w [u8],
}

impl Wanted<'_> {
    fn is(&self, listed: &ListedDigest<'_>) -> bool {
        listed.bytes == self.digest && listed.algorithm == Some(self.algorithm)
    }
}

/// How many candidates of a policy are looked at before giving up: an empty file has thousands of names.
const MAX_TRIES: usize = 64;

/// Sorted keys of a map's digests and names.
#[derive(Debug, Clone)]
pub(super) struct NearIndex {
    /// First bytes of a digest, entry.
    by_digest: Vec<(u32, u32)>,
    /// Hash of a folded name, entry.
    by_name: Vec<(u32, u32)>,
    hasher: DefaultHashBuilder,
}

impl NearIndex {
    pub(super) fn new(map: &DigestMap) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut folded = Vec::new();
        let mut by_name: Vec<(u32, u32)> = map
            .entries()
            .filter(|entry| !entry.quirks().is_replaced)
            .map(|entry| (hash_of(entry.name(), &hasher, &mut folded), entry.id()))
            .collect();
        let mut by_digest: Vec<(u32, u32)> = map
            .entries()
            .filter(|entry| !entry.quirks().is_replaced)
            .flat_map(|entry| {
                entry
                    .digests()
                    .map(move |digest| (head_of(digest.bytes), entry.id()))
            })
            .collect();
        by_name.sort_unstable();
        by_digest.sort_unstable();
        Self {
            by_digest,
            by_name,
            hasher,
        }
    }

    fn with_digest(&self, digest: &[u8]) -> impl Iterator<Item = u32> {
        with_key(&self.by_digest, head_of(digest))
    }

    fn with_name(&self, name: &[u8]) -> impl Iterator<Item = u32> {
        with_key(&self.by_name, hash_of(name, &self.hasher, &mut Vec::new()))
    }
}

/// The values of a key in a sorted table, at most [`MAX_TRIES`].
fn with_key(table: &[(u32, u32)], key: u32) -> impl Iterator<Item = u32> {
    let start = table.partition_point(|&(other, _)| other < key);
    let rest = table.get(start..).unwrap_or_default();
    rest.iter()
        .take_while(move |&&(other, _)| other == key)
        .take(MAX_TRIES)
        .map(|&(_, value)| value)
}

fn head_of(digest: &[u8]) -> u32 {
    digest.first_chunk().map_or(0, |head| u32::from_be_bytes(*head))
}

fn hash_of(name: &[u8], hasher: &DefaultHashBuilder, folded: &mut Vec<u8>) -> u32 {
    folded.clear();
    Parts::of(name).fold(folded);
    let [_, _, _, _, head @ ..] = hasher.hash_one(&*folded).to_be_bytes();
    u32::from_be_bytes(head)
}

/// What is nearly `wanted`, the most telling first.
pub(super) fn near<'a>(
    policies: &'a [Arc<Policy>],
    section: Section,
    wanted: &Wanted<'_>,
    max: usize,
) -> Vec<Near<'a>> {
    let mut found = Vec::new();
    for (origin, policy) in policies.iter().enumerate() {
        let map = policy.section(section);
        let mut of_policy: Vec<Near<'a>> = alike(map, wanted, origin);
        // A name that is alike says more than that it has the same digest.
        for entry in map
            .near()
            .with_digest(wanted.digest)
            .filter_map(|id| map.entry(id))
        {
            let is_new =
                entry.name() != wanted.name && of_policy.iter().all(|near| near.path != entry.name());
            let digest = entry.digests().find(|listed| wanted.is(listed));
            if is_new && digest.is_some() {
                of_policy.push(Near {
                    kind: NearKind::SameDigest,
                    path: entry.name(),
                    digest,
                    is_same_digest: true,
                    origin,
                });
            }
        }
        of_policy.extend(same_path(map, wanted, origin));
        found.extend(of_policy);
    }
    found.sort_by_key(|near| (!near.is_same_digest, near.kind));
    found.truncate(max);
    found
}

/// Names that are the same but for spelling.
fn alike<'a>(map: &'a DigestMap, wanted: &Wanted<'_>, origin: usize) -> Vec<Near<'a>> {
    let mut found: Vec<Near<'a>> = Vec::new();
    for id in map.near().with_name(wanted.name) {
        let Some(listing) = map.entry(id).and_then(|entry| map.get(entry.name())) else {
            continue;
        };
        let path = listing.name();
        let kind = difference(wanted.name, path);
        if let Some(kind) = kind.filter(|_| found.iter().all(|near| near.path != path)) {
            let same = listing.digests().take(MAX_TRIES).find(|listed| wanted.is(listed));
            found.push(Near {
                kind,
                path,
                digest: same.or_else(|| listing.digests().next()),
                is_same_digest: same.is_some(),
                origin,
            });
        }
    }
    found
}

/// The digests that are listed for the very name.
fn same_path<'a>(map: &'a DigestMap, wanted: &Wanted<'_>, origin: usize) -> impl Iterator<Item = Near<'a>> {
    let (algorithm, digest) = (wanted.algorithm, wanted.digest.to_vec());
    map.get(wanted.name).into_iter().flat_map(move |listing| {
        let digest = digest.clone();
        listing.digests().take(MAX_TRIES).map(move |listed| Near {
            kind: if listed.algorithm == Some(algorithm) {
                NearKind::SamePath
            } else {
                NearKind::OtherAlgorithm
            },
            path: listing.name(),
            digest: Some(listed),
            is_same_digest: listed.algorithm == Some(algorithm) && listed.bytes == digest,
            origin,
        })
    })
}

/// A name, taken apart into what may differ and what has to be the same.
struct Parts<'a> {
    has_mark: bool,
    is_relative: bool,
    has_sysroot: bool,
    /// A directory that usr-merge has moved, as it is written; empty if there is none.
    directory: &'a [u8],
    /// Where usr-merge has moved it.
    merged: &'static [u8],
    is_deleted: bool,
    rest: &'a [u8],
}

/// Directories at the top that usr-merge moves, and where to.
const MERGED: [(&[u8], &[u8]); 7] = [
    (b"bin/", b"usr/bin/"),
    (b"sbin/", b"usr/bin/"),
    (b"usr/sbin/", b"usr/bin/"),
    (b"lib/", b"usr/lib/"),
    (b"lib32/", b"usr/lib32/"),
    (b"lib64/", b"usr/lib64/"),
    (b"libx32/", b"usr/libx32/"),
];

impl<'a> Parts<'a> {
    fn of(name: &'a [u8]) -> Self {
        let (has_mark, name) = stripped_prefix(name, b"*");
        let is_relative = !name.starts_with(b"/");
        let name = name.strip_prefix(b"./").unwrap_or(name);
        let slashes = name.iter().take_while(|&&byte| byte == b'/').count();
        let name = name.get(slashes..).unwrap_or_default();
        let (has_sysroot, name) = match name.strip_prefix(b"sysroot/") {
            Some(rest) => (true, rest),
            // `/root` is a home directory as well, but hardly one with these directories in it.
            None => match name.strip_prefix(b"root/") {
                Some(rest) if is_system(rest) => (true, rest),
                _ => (false, name),
            },
        };
        let (directory, merged, name) = MERGED
            .iter()
            .find_map(|&(directory, merged)| Some((directory, merged, name.strip_prefix(directory)?)))
            .unwrap_or((b"", b"", name));
        let (is_deleted, rest) = match name
            .strip_suffix(b"_(deleted)")
            .or_else(|| name.strip_suffix(b" (deleted)"))
        {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        Self {
            has_mark,
            is_relative,
            has_sysroot,
            directory,
            merged,
            is_deleted,
            rest,
        }
    }

    /// The same bytes for all names that are alike.
    fn fold(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.merged);
        out.extend(self.rest.iter().map(|&byte| fold_byte(byte)));
    }
}

fn stripped_prefix<'a>(name: &'a [u8], prefix: &[u8]) -> (bool, &'a [u8]) {
    match name.strip_prefix(prefix) {
        Some(rest) => (true, rest),
        None => (false, name),
    }
}

fn is_system(path: &[u8]) -> bool {
    path.starts_with(b"usr/")
        || path.starts_with(b"etc/")
        || MERGED.iter().any(|(directory, _)| path.starts_with(directory))
}

fn fold_byte(byte: u8) -> u8 {
    if byte == b' ' {
        b'_'
    } else {
        byte.to_ascii_lowercase()
    }
}

/// In what two names differ that are alike; none if they are the same or not alike.
fn difference(measured: &[u8], listed: &[u8]) -> Option<NearKind> {
    let (one, other) = (Parts::of(measured), Parts::of(listed));
    let fold = |parts: &Parts<'_>| {
        let mut folded = Vec::new();
        parts.fold(&mut folded);
        folded
    };
    if measured == listed || fold(&one) != fold(&other) {
        return None;
    }
    let blanks_as_underscores = |name: &[u8]| crate::path::ima_spelling(name).into_owned();
    Some(if one.has_sysroot != other.has_sysroot {
        NearKind::Sysroot
    } else if one.directory != other.directory {
        NearKind::UsrMerge
    } else if one.is_deleted != other.is_deleted {
        NearKind::Deleted
    } else if (one.has_mark, one.is_relative) != (other.has_mark, other.is_relative) {
        NearKind::Relative
    } else if blanks_as_underscores(one.rest) == blanks_as_underscores(other.rest) {
        NearKind::Blank
    } else {
        NearKind::Case
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_alike_tell_in_what_they_differ() {
        let rows: [(&str, &str, Option<NearKind>); 19] = [
            ("/bin/x", "/usr/bin/x", Some(NearKind::UsrMerge)),
            ("/usr/lib64/x", "/lib64/x", Some(NearKind::UsrMerge)),
            ("/sbin/x", "/usr/sbin/x", Some(NearKind::UsrMerge)),
            ("/usr/sbin/x", "/usr/bin/x", Some(NearKind::UsrMerge)),
            ("/sysroot/usr/bin/x", "/usr/bin/x", Some(NearKind::Sysroot)),
            ("/sysroot/bin/x", "/usr/bin/x", Some(NearKind::Sysroot)),
            ("/root/usr/bin/x", "/usr/bin/x", Some(NearKind::Sysroot)),
            ("/root/x", "/x", None),
            ("/tmp/x_(deleted)", "/tmp/x", Some(NearKind::Deleted)),
            ("/tmp/a_b", "/tmp/a b", Some(NearKind::Blank)),
            ("/tmp/A", "/tmp/a", Some(NearKind::Case)),
            ("/tmp/a", "*/tmp/a", Some(NearKind::Relative)),
            ("/tmp/a", "./tmp/a", Some(NearKind::Relative)),
            ("/tmp/a", "tmp/a", Some(NearKind::Relative)),
            ("boot_aggregate", "boot_aggregate", None),
            ("boot_aggregate", "/boot_aggregate", Some(NearKind::Relative)),
            ("/usr/bin/x", "/usr/lib/x", None),
            ("/usr/bin/x", "/usr/bin/xy", None),
            ("/bin", "/usr/bin", None),
        ];
        for (measured, listed, expected) in rows {
            let (measured, listed) = (measured.as_bytes(), listed.as_bytes());
            assert_eq!(difference(measured, listed), expected);
            assert_eq!(difference(listed, measured), expected);
        }
    }
}
