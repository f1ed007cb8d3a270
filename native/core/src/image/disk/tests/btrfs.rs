//! btrfs filesystems that mkfs.btrfs fills, and those that a kernel wrote (`fixtures/btrfs`).

use std::path::PathBuf;

use super::memory::{Contents, Memory, contents};
use super::*;

const TOOLS: [&str; 2] = ["mkfs.btrfs", "sha256sum"];

/// Makes a filesystem image of the directory `root`.
fn mkfs(directory: &Path, options: &str) {
    let _ = fs::remove_file(directory.join("image"));
    run(directory, "truncate -s 128M image");
    run(
        directory,
        &format!("mkfs.btrfs -q -L {LABEL} --rootdir root {options} image"),
    );
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/btrfs")
        .join(name)
}

#[test]
fn every_kind_of_filesystem_has_the_files_it_was_made_of() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    let expected = expected(&directory.join("root"));
    for options in [
        "",
        "-m dup -d dup",
        "-m single -d single --csum xxhash",
        "--csum sha256 -n 4096",
        "--csum blake2 -n 64k",
        "--mixed",
        "-n 32k -O ^no-holes,^skinny-metadata,^extref",
        "-R quota",
        "--shrink",
    ] {
        mkfs(directory, options);
        assert_same(&listed(&directory.join("image")), &expected, options);
    }
}

#[test]
fn what_a_kernel_wrote_is_read_as_that_kernel_reads_it() {
    for name in ["forms", "layout", "default"] {
        let text = fs::read_to_string(fixture(&format!("{name}.sha256"))).unwrap();
        let expected: Lines = text.lines().map(str::to_owned).collect();
        let found = listed(&fixture(&format!("{name}.qcow2")));
        assert_same(&found, &expected, name);
    }
}

#[test]
fn a_log_tree_is_refused() {
    assert_eq!(code(&fixture("log-tree.qcow2"), &options()), "BTRFS_LOG_DIRTY");
}

#[test]
fn inspect_shows_label_and_id() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    let id = "11111111-2222-3333-4444-555555555555";
    mkfs(directory, &format!("-U {id}"));
    let disk = Disk::open(fs::File::open(directory.join("image")).unwrap(), None, None).unwrap();
    let [volume] = &disk.volumes[..] else {
        panic!("not one volume");
    };
    assert_eq!((volume.kind, &volume.label[..]), ("btrfs", LABEL));
    assert_eq!(volume.uuid, id);
}

/// An image of a fixture in memory.
fn unpacked(name: &str) -> Option<Arc<Memory>> {
    let workshop = workshop(&["qemu-img"])?;
    let path = workshop.path().join("raw");
    let status = std::process::Command::new("qemu-img")
        .args(["convert", "-O", "raw"])
        .args([&fixture(name), &path])
        .status();
    assert!(status.unwrap().success());
    Some(Arc::new(Memory::new(fs::read(path).unwrap())))
}

fn read(image: &Arc<Memory>) -> Result<Contents, DiskError> {
    contents(&filesystem::Filesystem::open_btrfs(Arc::clone(image) as _)?)
}

/// Where nodes are: their own logical address is not their place, but their filesystem's id is in all of them.
fn nodes(bytes: &[u8], node_bytes: usize) -> Vec<usize> {
    let id = &bytes[0x1_0020..][..16];
    (0x2_0000..bytes.len())
        .step_by(4096)
        .filter(|at| bytes.get(at + 32..at + 48) == Some(id) && at + node_bytes <= bytes.len())
        .collect()
}

/// Sets a field of the superblock and of its copy, and makes their checksums right again.
fn with_superblock(image: &Arc<Memory>, at: usize, value: &[u8]) -> Arc<Memory> {
    let mut bytes = image.bytes();
    for superblock in [0x1_0000, 0x400_0000] {
        let bytes = &mut bytes[superblock..][..4096];
        bytes[at..][..value.len()].copy_from_slice(value);
        let checksum = crc32c::crc32c(&bytes[32..]).to_le_bytes();
        bytes[..4].copy_from_slice(&checksum);
    }
    Arc::new(Memory::new(bytes))
}

#[test]
fn what_cannot_be_read_rightly_is_refused_by_name() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    mkfs(workshop.path(), "-m single");
    let image = Arc::new(Memory::new(fs::read(workshop.path().join("image")).unwrap()));
    let incompatible = u64::from_le_bytes(*image.bytes()[0x1_0000 + 188..].first_chunk().unwrap());
    let feature = |bit: u32| (incompatible | 1 << bit).to_le_bytes().to_vec();
    let flag = |bit: u32| (1_u64 | 1 << bit).to_le_bytes().to_vec();
    for (at, value, expected, said) in [
        (188, feature(12), "BTRFS_UNSUPPORTED", "zoned"),
        (188, feature(13), "BTRFS_UNSUPPORTED", "extent tree v2"),
        (188, feature(14), "BTRFS_UNSUPPORTED", "raid stripe tree"),
        (188, feature(40), "BTRFS_UNSUPPORTED", "of bit 40"),
        (56, flag(32), "BTRFS_UNSUPPORTED", "seed"),
        (56, flag(33), "BTRFS_UNSUPPORTED", "metadata dump"),
        (56, flag(50), "BTRFS_UNSUPPORTED", "bit 50"),
        (136, vec![2], "BTRFS_DEVICE_MISSING", "2 devices"),
        (96, vec![1], "BTRFS_LOG_DIRTY", "log tree"),
        (196, vec![9], "BTRFS_UNSUPPORTED", "kind 9"),
        (198, vec![8], "BTRFS_CORRUPT", "sizes"),
        (144, vec![0, 3], "BTRFS_CORRUPT", "sizes"),
        (148, vec![0; 4], "BTRFS_CORRUPT", "sizes"),
        (160, vec![0xff; 4], "BTRFS_CORRUPT", "sizes"),
        (160, vec![0; 4], "BTRFS_CORRUPT", "in no chunk"),
        (201, vec![7], "BTRFS_DEVICE_MISSING", "devices"),
        (209, vec![0, 0, 0, 0, 9], "DISK_TRUNCATED", "needed"),
        (80, vec![0xff; 8], "BTRFS_CORRUPT", "in no chunk"),
        (72, vec![0xff; 8], "BTRFS_CHECKSUM_WRONG", "generation"),
        // The type of the chunk that has the chunk tree: RAID0, RAID5.
        (811 + 17 + 24, vec![0x0a], "BTRFS_UNSUPPORTED", "RAID0"),
        (811 + 17 + 24, vec![0x82], "BTRFS_UNSUPPORTED", "RAID5"),
        (811 + 17 + 44, vec![0xff, 0xff], "BTRFS_CORRUPT", "cut"),
    ] {
        let error = read(&with_superblock(&image, at, &value)).unwrap_err();
        assert_eq!(error.code(), expected, "byte {at}: {error}");
        assert!(error.to_string().contains(said), "byte {at}: {error}");
    }
}

#[test]
fn a_second_copy_is_read_in_place_of_a_damaged_one() {
    let Some(image) = unpacked("forms.qcow2") else {
        return;
    };
    let good = read(&image).unwrap();
    let bytes = image.bytes();
    let all = nodes(&bytes, 4096);
    assert!(all.len() > 60, "{}", all.len());
    // The superblock, then one copy of a node after the other.
    let some = all.into_iter().step_by(2);
    for at in std::iter::once(0x1_0100).chain(some.map(|at| at + 200)) {
        assert!(image.changed(at, 0x10, read).unwrap() == good, "byte {at}");
    }
}

#[test]
fn a_changed_bit_of_a_node_is_an_error_where_there_is_one_copy() {
    let Some(image) = unpacked("layout.qcow2") else {
        return;
    };
    let good = read(&image).unwrap();
    let bytes = image.bytes();
    let all = nodes(&bytes, 16 << 10);
    assert!(all.len() > 10, "{}", all.len());
    let mut refused = 0;
    for at in all {
        for inside in [0, 33, 50, 82, 97, 100, 110, 8000, 16_383] {
            match image.changed(at + inside, 0x04, read) {
                // Former nodes, and those of trees that nobody needs to read files.
                Ok(found) => assert!(found == good, "byte {at} + {inside}"),
                Err(error) => {
                    assert_eq!(error.code(), "BTRFS_CHECKSUM_WRONG", "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 40, "{refused}");
}

#[test]
fn a_changed_bit_of_a_file_is_an_error() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    for csum in ["", "--csum xxhash", "--csum sha256", "--csum blake2"] {
        mkfs(directory, &format!("{csum} -d single"));
        let mut bytes = fs::read(directory.join("image")).unwrap();
        let needle = noise(64);
        let at = bytes.windows(64).position(|window| window == needle).unwrap();
        bytes[at + 70_000] ^= 1;
        fs::write(directory.join("image"), bytes).unwrap();
        assert_eq!(
            code(&directory.join("image"), &options()),
            "BTRFS_CHECKSUM_WRONG",
            "{csum}"
        );
    }
}

/// Changes a node, and makes its checksum right again.
fn with_node(image: &Arc<Memory>, at: usize, bytes: &mut [u8]) {
    let (stated, rest) = bytes.split_at_mut(32);
    stated[..4].copy_from_slice(&crc32c::crc32c(rest).to_le_bytes());
    image.replace(at, bytes);
}

#[test]
fn a_hostile_node_with_a_right_checksum_neither_crashes_nor_hangs() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    fs::remove_file(workshop.path().join("root/usr/bin/large")).unwrap();
    mkfs(workshop.path(), "-m single -n 4096");
    let image = Arc::new(Memory::new(fs::read(workshop.path().join("image")).unwrap()));
    let mut state = 5_usize;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 20
    };
    let original = image.bytes();
    let all = nodes(&original, 4096);
    assert!(all.len() > 60, "{}", all.len());
    let mut refused = 0;
    for _ in 0..3 {
        for at in &all {
            let mut bytes = original[*at..][..4096].to_vec();
            for _ in 0..2 {
                // The head, entries, and items at the end.
                let inside = match next() % 3 {
                    0 => 80 + next() % 21,
                    1 => 101 + next() % 1500,
                    _ => 1600 + next() % 2496,
                };
                bytes[inside] = [0, 1, 0x7f, 0xff][next() % 4] ^ (next() % 4) as u8;
            }
            with_node(&image, *at, &mut bytes);
            // What is not refused is another tree now.
            refused += usize::from(read(&image).is_err());
            image.replace(*at, &original[*at..][..4096]);
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn an_encrypted_file_is_refused() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    mkfs(workshop.path(), "-m single -n 4096");
    let image = Arc::new(Memory::new(fs::read(workshop.path().join("image")).unwrap()));
    let original = image.bytes();
    for at in nodes(&original, 4096) {
        let mut bytes = original[at..][..4096].to_vec();
        // The bytes of the file follow the head of its extent.
        if let Some(start) = bytes.windows(8).position(|window| window == b"ID=test\n") {
            bytes[start - 21 + 17] = 1;
            with_node(&image, at, &mut bytes);
        }
    }
    assert_eq!(read(&image).unwrap_err().code(), "BTRFS_ENCRYPTED");
}

#[test]
fn a_subvolume_that_fstab_mounts_and_nobody_has_is_an_error() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    for option in ["subvol=nowhere", "subvolid=300", "subvol=/usr/lib", "subvolid=7"] {
        let line = format!("LABEL={LABEL} /srv btrfs rw,{option} 0 0\n");
        fs::write(directory.join("root/etc/fstab"), line).unwrap();
        mkfs(directory, "");
        let found = code(&directory.join("image"), &options());
        assert_eq!(found, "BTRFS_SUBVOLUME_MISSING", "{option}");
    }
}

#[test]
fn a_cut_image_is_an_error() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    mkfs(directory, "");
    let path = directory.join("image");
    for len in [
        0x1_0048,
        0x1_0fff,
        0x1_1000,
        1 << 20,
        64 << 20,
        (128 << 20) - 4096,
        (128 << 20) - 1,
    ] {
        fs::copy(&path, directory.join("cut")).unwrap();
        let cut = fs::OpenOptions::new().write(true).open(directory.join("cut"));
        cut.unwrap().set_len(len).unwrap();
        assert_eq!(
            code(&directory.join("cut"), &options()),
            "DISK_TRUNCATED",
            "{len}"
        );
    }
}
