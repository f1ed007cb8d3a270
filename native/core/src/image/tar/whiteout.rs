//! Names in a layer that take something away from the layers below.
//!
//! ```text
//! directory/.wh.NAME        NAME in the directory
//! directory/.wh..wh..opq    everything in the directory
//! ```
//!
//! Source: OCI image specification 1.1, `layer.md`, "Whiteouts".

const PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What a name in a layer takes away.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whiteout<'p> {
    /// What is at this path.
    Name(Vec<u8>),
    /// What is in this directory.
    Opaque(&'p [u8]),
    /// Nobody knows: what AUFS kept beside its files, a whiteout of nothing, something in a whiteout.
    Unclear,
}

impl<'p> Whiteout<'p> {
    /// The whiteout that a cleaned path is, if it is one.
    pub(super) fn of(path: &'p [u8]) -> Option<Self> {
        let mut parts = path.rsplit(|byte| *byte == b'/');
        let name = parts.next()?;
        if parts.any(|part| part.starts_with(PREFIX)) {
            return Some(Self::Unclear);
        }
        let hidden = name.strip_prefix(PREFIX)?;
        let directory = path.strip_suffix(name)?;
        if name == OPAQUE {
            return Some(Self::Opaque(directory));
        }
        if matches!(hidden, b"" | b"." | b"..") || hidden.starts_with(PREFIX) {
            return Some(Self::Unclear);
        }
        Some(Self::Name([directory, hidden].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whiteout_is_told_by_its_last_part() {
        let rows: [(&[u8], Option<Whiteout<'_>>); 12] = [
            (b"a/b", None),
            (b"a/x.wh.b", None),
            (b"a/.whb", None),
            (b"a/.wh.b", Some(Whiteout::Name(b"a/b".to_vec()))),
            (b".wh.b", Some(Whiteout::Name(b"b".to_vec()))),
            (b"a/.wh..b", Some(Whiteout::Name(b"a/.b".to_vec()))),
            (b"a/.wh..wh..opq", Some(Whiteout::Opaque(b"a/"))),
            (b".wh..wh..opq", Some(Whiteout::Opaque(b""))),
            (b"a/.wh.", Some(Whiteout::Unclear)),
            (b"a/.wh...", Some(Whiteout::Unclear)),
            (b".wh..wh.plnk", Some(Whiteout::Unclear)),
            (b".wh.a/b", Some(Whiteout::Unclear)),
        ];
        for (path, expected) in rows {
            assert_eq!(Whiteout::of(path), expected, "{}", path.escape_ascii());
        }
    }
}
