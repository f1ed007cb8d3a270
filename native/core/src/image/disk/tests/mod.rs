//! Tests on images that mke2fs, sfdisk and qemu-img make; what is in them `sha256sum` says of the directory that they
//! were made of.

mod attributes;
mod blocks;
mod btrfs;
mod containers;
mod damage;
mod erofs;
mod ext4;
mod iso9660;
mod journal;
mod layouts;
mod lvm;
mod memory;
mod packed;
mod qcow2;
mod squashfs;
mod vfat;
mod vmdk;
mod xfs;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use ima_assay_digest::Control;
use tempfile::TempDir;

use super::*;
use crate::error::Explain as _;
use crate::image::testing::{extracted, options};
use crate::image::{ExtractOptions, Extraction, Selection, inspect, open};
use crate::testing::{has_tool, run};

const LABEL: &str = "cloudimg-rootfs";

/// `digest  path` of every regular file.
type Lines = BTreeSet<String>;

/// A directory with `root/`, a small system with everything that filesystems keep in different ways. None where a
/// program is missing.
fn workshop(tools: &[&str]) -> Option<TempDir> {
    if !tools.iter().all(|tool| has_tool(tool)) {
        return None;
    }
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("root");
    for path in ["etc", "usr/bin", "usr/lib", "usr/many", "var/log", "boot/efi"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    let write = |path: &str, bytes: &[u8]| fs::write(root.join(path), bytes).unwrap();
    write("etc/os-release", b"ID=test\n");
    write(
        "etc/fstab",
        format!("LABEL={LABEL} / ext4 defaults 0 1\n").as_bytes(),
    );
    write("usr/lib/empty", b"");
    write("usr/lib/short", b"short");
    write("usr/lib/longer", &[b'x'; 150]);
    write("usr/lib/block", &[b'y'; 4096]);
    write("usr/bin/large", &noise(3 << 20));
    write("usr/bin/with space", b"space");
    write("usr/many/\u{fc}ml\u{e4}ut", b"umlaut");
    for number in 0..600 {
        write(
            &format!("usr/many/a-rather-long-name-{number}"),
            number.to_string().as_bytes(),
        );
    }
    fs::hard_link(root.join("usr/lib/short"), root.join("usr/bin/linked")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("/usr/lib/short", root.join("etc/link")).unwrap();
    write("var/log/of-the-root", b"hidden once /var is mounted");
    let sparse = fs::File::create(root.join("usr/lib/sparse")).unwrap();
    sparse.set_len(2 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"middle", 1_000_000).unwrap();
    Some(directory)
}

/// Bytes that do not compress well.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(len)
    .collect()
}

/// What `sha256sum` says of a directory.
fn expected(root: &Path) -> Lines {
    let text = run(root, "find . -type f -exec sha256sum {} +");
    let lines = String::from_utf8(text).unwrap();
    lines
        .lines()
        .map(|line| line.replacen("  ./", "  /", 1))
        .collect()
}

/// Makes a filesystem image of the directory `root`.
fn mke2fs(directory: &Path, name: &str, size: &str, options: &str) {
    run(directory, &format!("truncate -s {size} {name}"));
    let options = format!("{options} -L {LABEL} -E root_owner=0:0");
    run(directory, &format!("mke2fs -q -F {options} -d root {name}"));
}

fn lines(extraction: &Extraction) -> Lines {
    extraction
        .allowlist
        .rows()
        .map(|row| {
            format!(
                "{}  {}",
                ima_assay_digest::hex(row.digest),
                String::from_utf8_lossy(row.raw_path)
            )
        })
        .collect()
}

/// What is listed of an image, which has to be read without a fault.
fn listed(image: &Path) -> Lines {
    lines(&extracted(image, &options()).unwrap())
}

/// Fails with the lines that only one of them has.
fn assert_same(found: &Lines, expected: &Lines, what: &str) {
    let only = |left: &Lines, right: &Lines| left.difference(right).cloned().collect::<Vec<_>>();
    let (more, fewer) = (only(found, expected), only(expected, found));
    assert!(
        more.is_empty() && fewer.is_empty(),
        "{what}: found {more:#?}, not found {fewer:#?}"
    );
}

/// The code of the error that an image gives.
fn code(image: &Path, options: &ExtractOptions) -> &'static str {
    extracted(image, options)
        .map(|found| lines(&found))
        .unwrap_err()
        .code()
}
