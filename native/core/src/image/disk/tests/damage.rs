//! Images that are cut or changed: an error or the same files, never a crash, a hang or fewer files.

use super::*;

/// A small filesystem, so that much of it can be damaged.
pub(super) fn small(directory: &Path, options: &str) -> Vec<u8> {
    let root = directory.join("root");
    fs::remove_dir_all(root.join("usr/many")).unwrap();
    for large in ["usr/bin/large", "usr/lib/sparse"] {
        fs::remove_file(root.join(large)).unwrap();
    }
    mke2fs(directory, "image", "1M", options);
    fs::read(directory.join("image")).unwrap()
}

pub(super) fn outcome(directory: &Path, bytes: &[u8]) -> Option<Lines> {
    let path = directory.join("damaged");
    fs::write(&path, bytes).unwrap();
    extracted(&path, &options())
        .ok()
        .map(|extraction| lines(&extraction))
}

#[test]
fn a_cut_image_is_an_error() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    let whole = small(directory, "-t ext4 -b 1024 -O ^has_journal");
    for len in (0..whole.len()).step_by(1021) {
        assert_eq!(outcome(directory, &whole[..len]), None, "cut at {len}");
    }
    run(directory, "qemu-img convert -c -f raw -O qcow2 image packed");
    let packed = fs::read(directory.join("packed")).unwrap();
    let good = outcome(directory, &packed);
    assert!(good.is_some());
    for len in (0..packed.len()).step_by(97) {
        // The file may be padded behind its last cluster.
        let cut = outcome(directory, &packed[..len]);
        assert!(cut.is_none() || cut == good, "cut at {len}");
    }
}

#[test]
fn a_changed_bit_of_the_metadata_is_an_error_where_it_has_checksums() {
    let Some(workshop) = workshop(&["mke2fs", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    let whole = small(directory, "-t ext4 -b 1024 -O ^has_journal,metadata_csum -N 64");
    let good = outcome(directory, &whole).unwrap();
    assert_eq!(good, expected(&directory.join("root")));
    let mut state = 7_usize;
    for _ in 0..1500 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Superblock, descriptors, bitmaps, inodes and the first directories.
        let bit = (state >> 20) % (64 * 1024 * 8);
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Some(found) = outcome(directory, &changed) {
            // Content has no checksums: only digests may differ, never the paths.
            let paths = |lines: &Lines| lines.iter().map(|line| line[64..].to_owned()).collect::<Lines>();
            assert_eq!(paths(&found), paths(&good), "bit {bit}");
        }
    }
}

#[test]
fn a_changed_byte_without_checksums_neither_crashes_nor_hangs() {
    let Some(workshop) = workshop(&["mke2fs"]) else {
        return;
    };
    let directory = workshop.path();
    for options in [
        "-t ext4 -b 1024 -O ^metadata_csum,^has_journal -N 64",
        "-t ext2 -b 1024 -N 64",
    ] {
        let Some(workshop) = super::workshop(&["mke2fs"]) else {
            return;
        };
        let whole = small(workshop.path(), options);
        let mut state = 11_usize;
        for _ in 0..1500 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (at, value) = ((state >> 24) % (64 * 1024), (state >> 50) as u8);
            let mut changed = whole.clone();
            changed[at] = value;
            outcome(directory, &changed);
        }
    }
}

#[test]
fn a_tiny_image_cannot_claim_files_without_end() {
    let Some(workshop) = workshop(&["mke2fs", "debugfs"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "image", "64M", "-t ext4 -O ^metadata_csum");
    fs::write(
        directory.join("request"),
        "sif /usr/lib/short size 0x80000000000\n",
    )
    .unwrap();
    run(directory, "debugfs -w -f request image");
    assert_eq!(code(&directory.join("image"), &options()), "DISK_TOO_LARGE");
}

#[test]
fn a_name_that_is_there_twice_is_an_error() {
    let Some(workshop) = workshop(&["mke2fs"]) else {
        return;
    };
    let directory = workshop.path();
    let mut bytes = small(directory, "-t ext2 -b 1024");
    // `block` gets the name of its neighbour.
    let entry = |name: &[u8]| [&[name.len() as u8, 1][..], name].concat();
    let at = memchr::memmem::find(&bytes, &entry(b"block")).unwrap();
    bytes[at..at + 7].copy_from_slice(&entry(b"empty"));
    fs::write(directory.join("image"), &bytes).unwrap();
    assert_eq!(code(&directory.join("image"), &options()), "DIRECTORY_NAME_TWICE");
}
