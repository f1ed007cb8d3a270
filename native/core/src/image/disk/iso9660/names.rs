//! Names of files, as Linux shows them.
//!
//! ```text
//! its own   capital letters, digits, a dot, and a version: "README.TXT;1", "README.;1"
//! Joliet    UTF-16, the highest byte first, perhaps with a version
//! ```
//!
//! Source: Linux, `fs/isofs/dir.c`, `fs/isofs/joliet.c`.

use crate::image::disk::number::be16;

/// Whose names a volume has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Behind so many bytes of others.
    RockRidge {
        skip: usize,
    },
    Joliet,
    Plain,
}

impl Names {
    /// The name that a record itself has; none if it is none.
    pub(super) fn of(self, name: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Joliet => joliet(name),
            Self::Plain | Self::RockRidge { .. } => Some(plain(name)),
        }
    }
}

/// In small letters, without the first version and the dot before it.
fn plain(name: &[u8]) -> Vec<u8> {
    let name = name
        .strip_suffix(b".;1")
        .or_else(|| name.strip_suffix(b";1"))
        .unwrap_or(name);
    name.iter()
        .map(|byte| match byte {
            b';' | b'/' => b'.',
            byte => byte.to_ascii_lowercase(),
        })
        .collect()
}

/// Without the first version, and without dots at the end.
fn joliet(name: &[u8]) -> Option<Vec<u8>> {
    let units = name.chunks(2).map(|unit| be16(unit, 0));
    let name: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    let mut name = name.strip_suffix(";1").unwrap_or(&name);
    while let Some(rest) = name.strip_suffix('.').filter(|rest| !rest.is_empty()) {
        name = rest;
    }
    Some(name.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_linux_shows() {
        for (name, expected) in [
            ("README.TXT;1", "readme.txt"),
            ("README.;1", "readme"),
            ("README.TXT;2", "readme.txt.2"),
            ("DIRECTORY", "directory"),
            ("A.B;1.;1", "a.b.1"),
        ] {
            assert_eq!(Names::Plain.of(name.as_bytes()), Some(expected.into()), "{name}");
        }
        let utf16 = |name: &str| -> Vec<u8> { name.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        for (name, expected) in [
            ("A name;1", "A name"),
            ("\u{fc}ml\u{e4}ut \u{1f600}.txt", "\u{fc}ml\u{e4}ut \u{1f600}.txt"),
            ("dots...;1", "dots"),
            ("version;2", "version;2"),
        ] {
            assert_eq!(Names::Joliet.of(&utf16(name)), Some(expected.into()), "{name}");
        }
        assert_eq!(Names::Joliet.of(&[0xd8, 0x3d]), None);
    }
}
