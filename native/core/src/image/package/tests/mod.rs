//! Tests on packages that dpkg and rpmbuild make, on some made by hand, and on some that no program makes. What is in
//! them `dpkg-deb`, `rpm2cpio` and `sha256sum` say.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, as it should"
)]

mod deb;
mod keys;
mod rpm;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::error::Explain as _;
use crate::image::ExtractOptions;
use crate::image::tar::tests::{Lines, Made, archive, digests, lines, listed};
use crate::image::testing::{extracted, options};
use crate::testing::{has_tool, run};

fn code_of(path: &Path) -> &'static str {
    match extracted(path, &options()) {
        Ok(extraction) => panic!("no error but {} files", lines(&extraction).len()),
        Err(error) => error.code(),
    }
}

/// Writes bytes where they can be read as an image, and gives the code of their error.
fn code_of_bytes(directory: &Path, bytes: &[u8]) -> &'static str {
    let path = directory.join("changed");
    fs::write(&path, bytes).unwrap();
    code_of(&path)
}

/// The notes of a package, by their codes.
fn notes(path: &Path) -> Vec<&'static str> {
    let extraction = extracted(path, &options()).unwrap();
    extraction.sources[0].notes.iter().map(|note| note.code).collect()
}

/// A directory with `tree/`: what packages hold.
fn tree() -> TempDir {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("tree");
    for path in [
        "etc",
        "usr/bin",
        "usr/lib/sample",
        "lib/sample",
        "usr/share/with blank",
    ] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    fs::write(root.join("etc/sample.conf"), b"setting\n").unwrap();
    fs::write(root.join("usr/bin/sample"), b"program\n").unwrap();
    fs::write(root.join("usr/lib/sample/empty"), b"").unwrap();
    fs::write(root.join("usr/share/with blank/x"), b"blank\n").unwrap();
    fs::write(root.join("lib/sample/old-place"), b"old place\n").unwrap();
    fs::write(root.join("usr/lib/sample/theirs"), b"of another user\n").unwrap();
    let large: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(root.join("usr/lib/sample/large"), large).unwrap();
    symlink("sample", root.join("usr/bin/link")).unwrap();
    directory
}

/// A root in which `/lib` and its kin lead to `/usr`, as on machines.
fn merged_root(directory: &Path) {
    let root = directory.join("installed");
    if root.exists() {
        fs::remove_dir_all(&root).unwrap();
    }
    for name in ["bin", "lib"] {
        fs::create_dir_all(root.join("usr").join(name)).unwrap();
        symlink(format!("usr/{name}"), root.join(name)).unwrap();
    }
}
