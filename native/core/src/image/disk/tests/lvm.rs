//! Volumes of LVM. The heads of the physical volumes are those that LVM's programs wrote (`fixtures/lvm`); what is in
//! the volumes, mkfs and mke2fs make.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use super::layouts::{MIB, disk};
use super::memory::Memory;
use super::xfs::mkfs;
use super::*;
use crate::image::disk::lvm::assemble;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/lvm")
        .join(name)
}

/// Puts bytes into the disk.
fn put(directory: &Path, at: u64, bytes: &[u8]) {
    let disk = fs::OpenOptions::new().write(true).open(directory.join("disk"));
    let mut disk = disk.unwrap();
    disk.seek(SeekFrom::Start(at)).unwrap();
    disk.write_all(bytes).unwrap();
}

/// A tree with one file.
fn tree(directory: &Path, name: &str, file: &str) {
    let root = directory.join(name);
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join(file), name).unwrap();
}

/// What a tree adds where it is mounted.
fn below(directory: &Path, tree: &str, mount: &str) -> Lines {
    let lines = expected(&directory.join(tree));
    lines
        .into_iter()
        .map(|line| line.replacen("  /", &format!("  {mount}/"), 1))
        .collect()
}

fn with_partition(name: &str) -> ExtractOptions {
    let mut options = options();
    options.selection.partition = Some(name.to_owned());
    options
}

const LVM: &str = "E6D6D379-F507-44C2-A23C-238F2A3DF928";

#[test]
fn the_layout_of_diskimage_builder_is_read_whole() {
    let tools = ["mkfs.xfs", "mkfs.vfat", "mcopy", "sfdisk", "sha256sum"];
    let Some(workshop) = workshop(&tools) else { return };
    let directory = workshop.path();
    fs::remove_file(directory.join("root/usr/bin/with space")).unwrap();
    tree(directory, "var.d", "of-var");
    tree(directory, "home.d", "of-home");
    tree(directory, "esp.d", "grub.cfg");
    for (root, var, home) in [
        ("LABEL=img-rootfs", "/dev/mapper/vg-lv_var", "/dev/vg/lv_home"),
        ("/dev/vg/lv_root", "LABEL=VAR", "LABEL=HOME"),
        (
            "/dev/mapper/vg-lv_root",
            "UUID=11111111-2222-3333-4444-555555555555",
            "/dev/disk/by-label/HOME",
        ),
    ] {
        let fstab = format!(
            "{root} / xfs defaults 0 1\n{var} /var xfs x 0 0\n{home} /home xfs x 0 0\nLABEL=ESP /boot/efi vfat x 0 0\n"
        );
        fs::write(directory.join("root/etc/fstab"), fstab).unwrap();
        mkfs(directory, "root", "lv_root", "64M", "-L img-rootfs");
        let uuid = "-m uuid=11111111-2222-3333-4444-555555555555";
        mkfs(directory, "var.d", "lv_var", "32M", &format!("-L VAR {uuid}"));
        mkfs(directory, "home.d", "lv_home", "24M", "-L HOME");
        run(directory, "truncate -s 8M esp");
        run(directory, "mkfs.vfat -n ESP esp");
        run(directory, "mcopy -i esp esp.d/grub.cfg ::/grub.cfg");
        let script =
            format!("label: gpt\nstart=2048, size=16384, type=U\nstart=18432, size=389120, type={LVM}\n");
        disk(directory, &script, &[("esp", MIB)]);
        let [physical, data] = [9 * MIB, 10 * MIB];
        put(directory, physical, &fs::read(fixture("dib")).unwrap());
        // As the metadata has it: the root is in two pieces.
        let root = fs::read(directory.join("lv_root")).unwrap();
        let (first, second) = root.split_at(40 << 20);
        put(directory, data, first);
        put(directory, data + 80 * MIB, second);
        put(
            directory,
            data + 40 * MIB,
            &fs::read(directory.join("lv_var")).unwrap(),
        );
        put(
            directory,
            data + 120 * MIB,
            &fs::read(directory.join("lv_home")).unwrap(),
        );
        let mut wanted = expected(&directory.join("root"));
        wanted.retain(|line| !line.contains("  /var/"));
        for (tree, mount) in [("var.d", "/var"), ("home.d", "/home"), ("esp.d", "/boot/efi")] {
            wanted.extend(below(directory, tree, mount));
        }
        assert_same(&listed(&directory.join("disk")), &wanted, var);
        let home = lines(&extracted(&directory.join("disk"), &with_partition("vg/lv_home")).unwrap());
        assert_eq!(home, expected(&directory.join("home.d")));
    }
}

/// Two partitions with physical volumes, a striped root and a volume over both.
fn pair(directory: &Path) {
    tree(directory, "both.d", "of-both");
    mke2fs(directory, "striped", "64M", "-t ext4");
    run(directory, "truncate -s 16M both");
    run(directory, "mke2fs -q -F -t ext4 -d both.d both");
    let script =
        format!("label: gpt\nstart=2048, size=200704, type={LVM}\nstart=202752, size=200704, type={LVM}\n");
    disk(directory, &script, &[]);
    let (a, b) = (MIB, 99 * MIB);
    put(directory, a, &fs::read(fixture("pair-a")).unwrap());
    put(directory, b, &fs::read(fixture("pair-b")).unwrap());
    // The first physical volume's extents are behind its first MiB; stripes of 64 KiB begin on the second one.
    let striped = fs::read(directory.join("striped")).unwrap();
    for (number, stripe) in striped.chunks(64 << 10).enumerate() {
        let starts = [b + MIB, a + MIB + 10 * MIB];
        put(
            directory,
            starts[number % 2] + (number as u64 / 2) * (64 << 10),
            stripe,
        );
    }
    let both = fs::read(directory.join("both")).unwrap();
    let (first, second) = both.split_at(10 << 20);
    put(directory, a + MIB, first);
    put(directory, b + MIB + 40 * MIB, second);
}

#[test]
fn stripes_and_pieces_on_two_disks_are_put_together() {
    let Some(workshop) = workshop(&["mke2fs", "sfdisk", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    let fstab = |line: &str| fs::write(directory.join("root/etc/fstab"), line).unwrap();
    fstab("/dev/mapper/my--vg-over--both /data ext4 x 0 0\n");
    pair(directory);
    let path = directory.join("disk");
    let mut wanted = expected(&directory.join("root"));
    wanted.extend(below(directory, "both.d", "/data"));
    assert_same(&listed(&path), &wanted, "striped");
    let both = lines(&extracted(&path, &with_partition("my-vg/over-both")).unwrap());
    assert_eq!(both, expected(&directory.join("both.d")));
    for (name, expected) in [
        ("my-vg/thin", "LVM_UNSUPPORTED"),
        ("my-vg/pool", "LVM_UNSUPPORTED"),
        ("my-vg/mirrored", "LVM_UNSUPPORTED"),
        ("my-vg/changes", "LVM_UNSUPPORTED"),
        ("my-vg/snapshot0", "PARTITION_MISSING"),
        ("my-vg/pool_tdata", "PARTITION_MISSING"),
        ("over-both", "PARTITION_MISSING"),
    ] {
        assert_eq!(code(&path, &with_partition(name)), expected, "{name}");
    }
    for (device, expected) in [
        ("/dev/my-vg/thin", "LVM_UNSUPPORTED"),
        ("/dev/mapper/my--vg-mirrored", "LVM_UNSUPPORTED"),
        ("/dev/mapper/my-vg-thin", "MOUNT_MISSING"),
        // Not the first partition.
        ("/dev/my-vg/other1", "MOUNT_MISSING"),
    ] {
        fstab(&format!("{device} /data ext4 x 0 0\n"));
        pair(directory);
        assert_eq!(code(&path, &options()), expected, "{device}");
    }
    // The second disk is not there: neither volume is whole, and it is said which part is missing.
    put(directory, 99 * MIB, &vec![0; 4096]);
    assert_eq!(
        code(&path, &with_partition("my-vg/root-striped")),
        "LVM_INCOMPLETE"
    );
    assert_eq!(code(&path, &options()), "ROOT_AMBIGUOUS");
}

#[test]
fn a_disk_that_is_a_physical_volume_is_read() {
    let Some(workshop) = workshop(&["mke2fs", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    tree(directory, "small.d", "file");
    run(directory, "truncate -s 1M small");
    run(directory, "mke2fs -q -F -t ext2 -b 1024 -d small.d small");
    fs::copy(fixture("ring"), directory.join("disk")).unwrap();
    let disk = fs::OpenOptions::new().write(true).open(directory.join("disk"));
    disk.unwrap().set_len(40 * MIB).unwrap();
    let small = fs::read(directory.join("small")).unwrap();
    // `part2` is the third extent.
    put(directory, RING_DATA_AT + 2 * MIB, &small);
    assert_eq!(
        listed(&directory.join("disk")),
        expected(&directory.join("small.d"))
    );
}

/// Where the extents of `ring` begin.
const RING_DATA_AT: u64 = 80 * 512;

/// What LVM finds in an image, or the first error.
fn found(image: &Arc<Memory>) -> Result<Vec<(String, u64)>, DiskError> {
    let physical: Arc<dyn ReadAt> = Arc::clone(image) as _;
    let found = assemble(&[physical]);
    match found.failed.into_iter().next() {
        Some((_, error)) => Err(error),
        None => found
            .volumes
            .into_iter()
            .map(|volume| Ok((volume.name.path(), volume.bytes?.size_bytes())))
            .collect(),
    }
}

#[test]
fn a_changed_byte_is_an_error_or_changes_nothing() {
    for (name, volumes) in [("dib", 3), ("ring", 4)] {
        let mut bytes = fs::read(fixture(name)).unwrap();
        // Labels and heads whole, and the text; what is between means nothing.
        let places: Vec<usize> = (0..bytes.len())
            .filter(|at| *at < 5120 || bytes[*at] != 0)
            .collect();
        bytes.resize(200 << 20, 0);
        let image = Arc::new(Memory::new(bytes));
        let good = found(&image).unwrap();
        assert_eq!(good.len(), volumes);
        let mut refused = 0;
        for at in places {
            match image.changed(at, 0x21, found) {
                Ok(other) => assert_eq!(other, good, "{name}: byte {at}"),
                Err(error) => {
                    assert_eq!(error.code(), "LVM_CORRUPT", "{name}: byte {at}");
                    refused += 1;
                }
            }
        }
        // Label, head of the metadata, and its text.
        assert!(refused > 2000, "{name}: {refused}");
    }
}

#[test]
fn what_the_image_has_twice_is_refused() {
    let load = |name: &str| {
        let mut bytes = fs::read(fixture(name)).unwrap();
        bytes.resize(200 << 20, 0);
        let volume: Arc<dyn ReadAt> = Arc::new(Memory::new(bytes));
        volume
    };
    let codes = |volumes: &[Arc<dyn ReadAt>]| -> Vec<_> {
        let found = assemble(volumes);
        assert!(found.failed.is_empty());
        let codes = found
            .volumes
            .into_iter()
            .map(|volume| volume.bytes.map_or_else(|error| error.code(), |_| "read"));
        codes.collect()
    };
    let (dib, ring) = (load("dib"), load("ring"));
    assert_eq!(codes(&[Arc::clone(&dib), ring]), ["read"; 7]);
    assert_eq!(codes(&[Arc::clone(&dib), dib]), ["LVM_CORRUPT"; 3]);
}
