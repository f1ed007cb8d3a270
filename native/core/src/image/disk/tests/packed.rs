//! Compressed disks: unpacked into a temporary file, whatever is in them.

use std::os::unix::fs::MetadataExt as _;

use super::qcow2::shell;
use super::*;
use crate::image::compression::Compression;
use crate::image::{Limits, packed};

const PROGRAMS: [&str; 8] = [
    "gzip -c",
    "bzip2 -c",
    "xz -c",
    "xz --format=lzma -c",
    "zstd -c",
    "lz4 -c",
    "lz4 -l -c",
    "lzop -c",
];

fn programs() -> impl Iterator<Item = &'static str> {
    let is_there = |program: &&str| has_tool(program.split(' ').next().unwrap());
    PROGRAMS.into_iter().filter(is_there)
}

#[test]
fn a_disk_that_was_compressed_has_the_same_files() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "sfdisk", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    let expected = expected(&directory.join("root"));
    let made = [
        "qemu-img convert -f raw -O qcow2 raw qcow2",
        "qemu-img convert -f raw -O vmdk raw vmdk",
        "qemu-img convert -f raw -O vpc -o subformat=fixed raw vhd",
        "truncate -s 66M parted && echo 2048,64M,L | sfdisk -q parted",
        "dd if=raw of=parted bs=1M seek=1 conv=notrunc status=none",
    ];
    shell(directory, &made);
    let packed = |line: &str| {
        shell(directory, &[&format!("{line} > image")]);
        extracted(&directory.join("image"), &options()).unwrap()
    };
    for program in programs() {
        let found = packed(&format!("{program} raw"));
        assert_same(&lines(&found), &expected, program);
        assert_eq!(found.sources[0].notes[0].code, "DISK_UNPACKED", "{program}");
    }
    for image in ["qcow2", "vmdk", "vhd", "parted"] {
        assert_same(&lines(&packed(&format!("gzip -c {image}"))), &expected, image);
    }
    let plain = extracted(&directory.join("raw"), &options()).unwrap();
    assert!(plain.sources[0].notes.is_empty());
}

#[test]
fn what_is_no_disk_is_still_what_it_was() {
    let Some(workshop) = workshop(&["cpio", "tar", "gzip"]) else {
        return;
    };
    let directory = workshop.path();
    let made = [
        "tar -C root -cf - . | gzip > tar",
        "(cd root; find . | cpio -o -H newc --quiet) | gzip > initramfs",
    ];
    shell(directory, &made);
    for image in ["tar", "initramfs"] {
        let name = directory.join(image).as_os_str().as_encoded_bytes().to_vec();
        let control = Arc::new(Control::default());
        let source = open(&name, &options().limits, &control).unwrap();
        let found = inspect(&name, source.as_ref(), &options(), &control).unwrap();
        assert_eq!(found.layer.kind, image);
        assert!(found.notes.is_empty());
    }
}

#[test]
fn a_compressed_disk_that_is_cut_is_an_error() {
    let Some(workshop) = workshop(&["mke2fs"]) else {
        return;
    };
    let directory = workshop.path();
    damage::small(directory, "-t ext4 -b 1024 -O ^has_journal");
    for program in programs() {
        shell(directory, &[&format!("{program} image > packed")]);
        let whole = fs::read(directory.join("packed")).unwrap();
        let good = damage::outcome(directory, &whole);
        assert!(good.is_some(), "{program}");
        let steps = (0..whole.len()).step_by(whole.len() / 97);
        for len in steps.chain(whole.len() - 24..whole.len()) {
            assert_eq!(
                damage::outcome(directory, &whole[..len]),
                None,
                "{program}: cut at {len}"
            );
        }
    }
}

#[test]
fn a_compressed_disk_unpacks_within_the_limits_and_keeps_its_holes() {
    let Some(workshop) = workshop(&["mke2fs", "zstd"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "256M", "-t ext4");
    run(directory, "zstd -q raw -o image");
    let image = directory.join("image");
    let limited = |limits: Limits| {
        let options = ExtractOptions { limits, ..options() };
        code(&image, &options)
    };
    let short = Limits {
        max_spooled_bytes: (256 << 20) - 1,
        ..Limits::default()
    };
    assert_eq!(limited(short), "DISK_TOO_LARGE");
    let dense = Limits {
        max_ratio: 2,
        ..Limits::default()
    };
    assert_eq!(limited(dense), "DISK_TOO_LARGE");
    // As many as what an archive may unpack to is no limit of a disk.
    let small = Limits {
        max_unpacked_bytes: 16 << 20,
        ..Limits::default()
    };
    let file = fs::File::open(&image).unwrap();
    let control = Control::default();
    let spooled = packed::spool_disk(&file, b"image", Compression::Zstd, &small, &control).unwrap();
    let metadata = spooled.file.metadata().unwrap();
    assert_eq!(metadata.len(), 256 << 20);
    assert!(metadata.blocks() * 512 <= spooled.written_bytes + (1 << 20));
    assert!(spooled.written_bytes < 16 << 20);
    let mut unpacked = vec![0; 256 << 20];
    std::os::unix::fs::FileExt::read_exact_at(&spooled.file, &mut unpacked, 0).unwrap();
    assert!(unpacked == fs::read(directory.join("raw")).unwrap());
    control.cancel();
    let stopped = packed::spool_disk(&file, b"image", Compression::Zstd, &small, &control);
    assert_eq!(stopped.err().unwrap().code(), "CANCELLED");
}
