//! apk's database: a stanza for each package, closed by an empty line.
//!
//! ```text
//! P:busybox           name
//! V:1.36.1-r29        version
//! F:usr/bin           a directory
//! R:busybox           a file in it
//! ```

use super::{Names, Owner};

/// The packages that have files that are asked for.
pub(super) fn owners(text: &[u8], names: &Names<'_>) -> Vec<Owner> {
    let mut owners = Vec::new();
    let (mut name, mut version, mut directory): (&[u8], Option<&[u8]>, &[u8]) = (b"", None, b"");
    for line in text.split(|byte| *byte == b'\n') {
        let (field, value) = line.split_at_checked(2).unwrap_or_default();
        match field {
            b"P:" => name = value,
            b"V:" => version = Some(value),
            b"F:" => directory = value,
            b"R:" => {
                let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
                let path = [b"/", directory, slash, value].concat();
                owners.extend(names.asked(&path).map(|path| Owner {
                    path: path.to_vec(),
                    manager: "apk",
                    name: name.to_vec(),
                    version: version.map(<[u8]>::to_vec),
                }));
            }
            _ if line.is_empty() => (name, version, directory) = (b"", None, b""),
            _ => {}
        }
    }
    owners
}
