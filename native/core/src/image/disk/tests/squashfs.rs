//! Images that mksquashfs makes.

use super::*;

/// Makes an image of `root`.
fn make(directory: &Path, name: &str, options: &str) {
    let path = directory.join(name);
    let _ = fs::remove_file(path);
    let line = format!("mksquashfs root {name} -all-root -quiet -no-progress {options}");
    run(directory, &line);
}

#[test]
fn every_compression_and_every_layout_of_mksquashfs() {
    let Some(workshop) = workshop(&["mksquashfs", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    fs::remove_file(directory.join("root/etc/fstab")).unwrap();
    let expected = expected(&directory.join("root"));
    assert!(expected.len() > 600);
    for options in [
        "-comp gzip",
        "-comp lzma",
        "-comp xz",
        "-comp xz -Xbcj x86",
        "-comp zstd",
        "-comp lz4",
        "-comp lz4 -Xhc",
        "-comp lzo",
        "-comp zstd -b 4K",
        "-comp gzip -b 1M",
        "-no-fragments",
        "-always-use-fragments",
        "-no-duplicates -no-exports -no-xattrs",
        "-noI -noD -noF",
        "-no-sparse",
        "-nopad",
    ] {
        make(directory, "image", options);
        assert_same(&listed(&directory.join("image")), &expected, options);
    }
}

#[test]
fn in_a_partition_as_on_a_whole_disk() {
    let Some(workshop) = workshop(&["mksquashfs", "sha256sum", "sfdisk"]) else {
        return;
    };
    let directory = workshop.path();
    fs::remove_file(directory.join("root/etc/fstab")).unwrap();
    make(directory, "image", "-comp zstd");
    run(directory, "truncate -s 64M disk");
    fs::write(directory.join("table"), "label: gpt\nstart=2048, size=100000\n").unwrap();
    fs::write(
        directory.join("make"),
        "sfdisk -q disk < table && dd if=image of=disk bs=1M seek=1 conv=notrunc status=none",
    )
    .unwrap();
    run(directory, "sh make");
    assert_same(
        &listed(&directory.join("disk")),
        &listed(&directory.join("image")),
        "partition",
    );
}

#[test]
fn a_large_tree_with_owners_devices_and_long_directories() {
    let Some(workshop) = workshop(&["mksquashfs", "sha256sum", "unsquashfs"]) else {
        return;
    };
    let directory = workshop.path();
    let many = directory.join("root/usr/many");
    for number in 0..1_500 {
        fs::write(many.join(format!("{number:0>200}")), format!("{number}")).unwrap();
    }
    fs::remove_file(directory.join("root/etc/fstab")).unwrap();
    let pseudo = "usr/device c 644 0 0 1 3\nusr/block b 644 0 0 8 0\nusr/made f 644 0 0 echo made\n";
    fs::write(directory.join("pseudo"), pseudo).unwrap();
    make(directory, "image", "-comp gzip -pf pseudo");
    run(directory, "unsquashfs -q -n -f -d unpacked -no-xattrs image");
    assert_same(
        &listed(&directory.join("image")),
        &expected(&directory.join("unpacked")),
        "unsquashfs",
    );
    make(directory, "image", "-comp gzip -force-uid 1000");
    let mut options = options();
    options.selection.all_owners = false;
    assert_eq!(code(&directory.join("image"), &options), "NOTHING_LISTED");
}

#[test]
fn a_damaged_image_is_an_error_or_says_the_same() {
    let Some(workshop) = workshop(&["mksquashfs"]) else {
        return;
    };
    let directory = workshop.path();
    fs::remove_file(directory.join("root/etc/fstab")).unwrap();
    fs::remove_file(directory.join("root/usr/bin/large")).unwrap();
    make(directory, "image", "-comp gzip -nopad -noD -noF");
    let sound = fs::read(directory.join("image")).unwrap();
    let path = directory.join("damaged");
    for len in (96..sound.len()).step_by(sound.len() / 40) {
        fs::write(&path, &sound[..len]).unwrap();
        assert_eq!(code(&path, &options()), "DISK_TRUNCATED", "{len}");
    }
    let (mut refused, mut read) = (0, 0);
    let places = (4..96).chain((96..sound.len()).step_by(sound.len() / 100));
    for at in places {
        for change in [1, 0xff] {
            let mut changed = sound.clone();
            changed[at] ^= change;
            fs::write(&path, &changed).unwrap();
            match extracted(&path, &options()) {
                Ok(extraction) => read += usize::from(!lines(&extraction).is_empty()),
                Err(error) => refused += usize::from(!error.code().is_empty()),
            }
        }
    }
    assert!(refused > 50 && read > 50, "{refused} {read}");
}

#[test]
fn another_version_or_compression_is_named() {
    let Some(workshop) = workshop(&["mksquashfs"]) else {
        return;
    };
    let directory = workshop.path();
    make(directory, "image", "");
    let sound = fs::read(directory.join("image")).unwrap();
    for (at, value, expected) in [
        (28, 3, "SQUASHFS_UNSUPPORTED"),
        (20, 9, "SQUASHFS_UNSUPPORTED"),
        (22, 30, "SQUASHFS_CORRUPT"),
    ] {
        let mut changed = sound.clone();
        changed[at] = value;
        let path = directory.join("changed");
        fs::write(&path, &changed).unwrap();
        assert_eq!(code(&path, &options()), expected, "{at}");
    }
}
