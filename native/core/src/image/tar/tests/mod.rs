//! Tests on archives that GNU tar, bsdtar and Python make, and on some that no program makes. What is in them GNU tar
//! and `sha256sum` say.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, as it should"
)]

mod hostile;
mod makers;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::error::Explain as _;
use crate::image::testing::{extracted, options};
use crate::image::{ExtractOptions, Extraction};
use crate::testing::{has_tool, run};

/// `digest  path` of every regular file, as bytes.
pub(in crate::image) type Lines = BTreeSet<Vec<u8>>;

pub(in crate::image) fn lines(extraction: &Extraction) -> Lines {
    extraction
        .allowlist
        .rows()
        .map(|row| [ima_assay_digest::hex(row.digest).as_bytes(), b"  ", row.raw_path].concat())
        .collect()
}

/// What is listed of an archive, which has to be read without a fault.
pub(in crate::image) fn listed(archive: &Path) -> Lines {
    lines(&extracted(archive, &options()).unwrap())
}

/// The code of the error that some bytes give.
pub(in crate::image) fn code_of(directory: &Path, bytes: &[u8]) -> &'static str {
    let path = directory.join("archive");
    fs::write(&path, bytes).unwrap();
    match extracted(&path, &options()) {
        Ok(extraction) => panic!("no error but {} files", lines(&extraction).len()),
        Err(error) => error.code(),
    }
}

/// What GNU tar unpacks and `sha256sum` says of it.
fn unpacked(directory: &Path, archive: &str) -> Lines {
    let root = directory.join("unpacked");
    if root.exists() {
        fs::remove_dir_all(&root).unwrap();
    }
    fs::create_dir(&root).unwrap();
    run(
        directory,
        &format!("tar -xf {archive} -C unpacked --numeric-owner"),
    );
    digests(&root)
}

/// What `sha256sum` says of the files of a directory.
pub(in crate::image) fn digests(root: &Path) -> Lines {
    run(root, "find . -type f -exec sha256sum -z {} +")
        .split(|byte| *byte == 0)
        .filter(|line| !line.is_empty())
        .map(|line| [&line[..66], &line[67..]].concat())
        .collect()
}

/// A member as its header and padded data.
pub(in crate::image) struct Made {
    header: [u8; 512],
    data: Vec<u8>,
}

impl Made {
    pub(in crate::image) fn new(typeflag: u8, name: &str, data: &[u8]) -> Self {
        let mut made = Self {
            header: [0; 512],
            data: data.to_vec(),
        };
        made.put(0, name.as_bytes());
        made.put(100, b"0000644\0");
        made.put(108, b"0000000\0");
        made.put(116, b"0000000\0");
        made.put(124, format!("{:011o}\0", data.len()).as_bytes());
        made.put(136, b"00000000000\0");
        made.put(156, &[typeflag]);
        made.put(257, b"ustar\x0000");
        made
    }

    pub(in crate::image) fn file(name: &str, data: &str) -> Self {
        Self::new(b'0', name, data.as_bytes())
    }

    pub(in crate::image) fn directory(name: &str) -> Self {
        Self::new(b'5', name, b"")
    }

    pub(in crate::image) fn link(typeflag: u8, name: &str, target: &str) -> Self {
        Self::new(typeflag, name, b"").with(157, target.as_bytes())
    }

    pub(in crate::image) fn pax(records: &str) -> Self {
        let records: Vec<u8> = records
            .lines()
            .flat_map(|record| {
                let len = (record.len() + 3..).find(|len| len.to_string().len() + record.len() + 2 == *len);
                format!("{} {record}\n", len.unwrap()).into_bytes()
            })
            .collect();
        Self::new(b'x', "pax", &records)
    }

    pub(in crate::image) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.put(at, bytes);
        self
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
        self.header[148..156].fill(b' ');
        let sum: u32 = self.header.iter().map(|byte| u32::from(*byte)).sum();
        self.header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [&self.header[..], &self.data].concat();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }
}

pub(in crate::image) fn archive(members: &[Made]) -> Vec<u8> {
    let mut bytes: Vec<u8> = members.iter().flat_map(Made::bytes).collect();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// An archive that is sound: our files, and those of GNU tar.
fn both(directory: &Path, members: &[Made]) -> (Lines, Lines) {
    let path = directory.join("archive");
    fs::write(&path, archive(members)).unwrap();
    (listed(&path), unpacked(directory, "archive"))
}
