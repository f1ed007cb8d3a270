//! Tests on root filesystems with initramfs files that cpio makes. What is in them `sha256sum` says of the directories that
//! they were made of.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::error::Explain as _;
use crate::image::tar::tests::{Lines, digests, lines, listed};
use crate::image::testing::{extracted, options};
use crate::image::{ExtractOptions, Shard};
use crate::testing::{has_tool, run};

fn has_tools() -> bool {
    ["cpio", "gzip", "mke2fs", "tar"]
        .iter()
        .all(|tool| has_tool(tool))
}

/// A directory with `initrd/`, `root/` and an initramfs of the first in the second's `/boot`, to which a link leads.
fn made() -> TempDir {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    for (name, text) in [
        ("initrd/init", "#!/bin/sh\n"),
        ("initrd/usr/bin/busybox", "busybox of the initramfs\n"),
        ("initrd/etc/initrd-release", "ID=x\n"),
        ("root/etc/os-release", "ID=x\n"),
        ("root/usr/bin/busybox", "busybox of the root\n"),
        ("root/boot/vmlinuz-6.1", "kernel\n"),
    ] {
        write(&path.join(name), text.as_bytes());
    }
    fs::write(
        path.join("pack"),
        "cd initrd && find . | cpio -o -H newc --quiet | gzip > ../root/boot/initrd.img-6.1",
    )
    .unwrap();
    run(path, "sh pack");
    symlink("initrd.img-6.1", path.join("root/boot/initrd.img")).unwrap();
    directory
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn both(directory: &Path) -> Lines {
    let mut expected = digests(&directory.join("root"));
    expected.extend(digests(&directory.join("initrd")));
    expected
}

/// The code of each note of an extraction.
fn notes(image: &Path) -> Vec<&'static str> {
    let extraction = extracted(image, &options()).unwrap();
    let notes = extraction.sources.iter().flat_map(|source| &source.notes);
    notes.map(|note| note.code).collect()
}

#[test]
fn what_a_root_boots_is_listed_with_it() {
    if !has_tools() {
        return;
    }
    let directory = made();
    let directory = directory.path();
    run(directory, "mke2fs -q -F -t ext4 -d root disk 8M");
    run(directory, "tar -C root -cf archive.tar .");
    for image in ["root", "disk", "archive.tar"] {
        let extraction = extracted(&directory.join(image), &options()).unwrap();
        assert_eq!(lines(&extraction), both(directory), "{image}");
        let names: Vec<String> = extraction
            .sources
            .iter()
            .map(|source| String::from_utf8_lossy(&source.name).into_owned())
            .collect();
        let name = directory.join(image).display().to_string();
        assert_eq!(names, [name.clone(), format!("{name}:/boot/initrd.img-6.1")]);
        let (root, boot) = (&extraction.sources[0], &extraction.sources[1]);
        assert_eq!((root.files, boot.files, boot.layer.kind), (4, 3, "initramfs"));
        let without = ExtractOptions {
            boot_files: false,
            ..options()
        };
        let extraction = extracted(&directory.join(image), &without).unwrap();
        assert_eq!(lines(&extraction), digests(&directory.join("root")), "{image}");
    }
}

#[test]
fn shards_together_are_the_whole() {
    if !has_tools() {
        return;
    }
    let directory = made();
    let directory = directory.path();
    let mut found = Lines::new();
    for index in 1..=3 {
        let mut options = options();
        options.selection.shard = Shard::new(index, 3);
        found.extend(lines(&extracted(&directory.join("root"), &options).unwrap()));
    }
    assert_eq!(found, both(directory));
}

#[test]
fn what_is_no_boot_file_is_noted_and_what_is_damaged_is_an_error() {
    if !has_tools() {
        return;
    }
    let directory = made();
    let root = directory.path().join("root");
    write(&root.join("boot/initrd.img-6.1.bak"), b"no initramfs\n");
    write(
        &root.join("boot/loader/initrd-rescue"),
        &fs::read(root.join("boot/initrd.img-6.1")).unwrap(),
    );
    assert_eq!(notes(&root), ["BOOT_FILE_UNKNOWN", "BOOT_FILE_SPECIAL"]);
    let whole = fs::read(root.join("boot/initrd.img-6.1")).unwrap();
    write(&root.join("boot/initrd.img-6.1"), &whole[..whole.len() / 2]);
    let error = extracted(&root, &options()).unwrap_err();
    assert!(error.input.ends_with(b"root:/boot/initrd.img-6.1"));
    assert_eq!(error.code(), "SEGMENT_TRUNCATED");
    let going = ExtractOptions {
        keep_going: true,
        ..options()
    };
    let extraction = extracted(&root, &going).unwrap();
    assert_eq!(extraction.sources[1].omitted_count, 1);
    assert!(lines(&extraction).is_superset(&digests(&root)));
}

#[test]
fn policies_and_whole_systems_are_noted() {
    if !has_tools() {
        return;
    }
    let directory = made();
    let directory = directory.path();
    write(
        &directory.join("root/etc/ima/ima-policy"),
        b"measure func=BPRM_CHECK\n",
    );
    assert_eq!(notes(&directory.join("root")), ["IMA_POLICY_EXECUTED_ONLY"]);
    fs::write(
        directory.join("pack"),
        "cd root && find . | cpio -o -H newc --quiet > ../ramdisk",
    )
    .unwrap();
    run(directory, "sh pack");
    assert_eq!(
        notes(&directory.join("ramdisk")),
        ["RAMDISK_ON_TMPFS", "IMA_POLICY_EXECUTED_ONLY"]
    );
    // What an initramfs has in its /boot is not what boots.
    assert_eq!(
        listed(&directory.join("ramdisk")),
        digests(&directory.join("root"))
    );
}

#[test]
fn names_of_boot_files_are_known() {
    for (path, expected) in [
        ("/boot/initrd.img-6.1.0-30-amd64", true),
        ("/boot/initramfs-6.12.0.x86_64.img", true),
        ("/boot/0123456789abcdef/6.12.0/initrd", true),
        ("/boot/ostree/fedora-0123/initramfs-6.12.img", true),
        ("/boot/efi/EFI/Linux/fedora.efi", true),
        ("/boot/efi/efi/LINUX/FEDORA.EFI", true),
        ("/efi/EFI/Linux/x.efi", true),
        ("/usr/lib/modules/6.12.0/initramfs.img", true),
        ("/usr/lib/modules/6.12.0/vmlinuz", false),
        ("/boot/vmlinuz-6.1", false),
        ("/boot/efi/EFI/BOOT/BOOTX64.EFI", false),
        ("/usr/share/initramfs-tools/init", false),
        ("/etc/initramfs-tools/initramfs.conf", false),
        ("/boot", false),
    ] {
        assert_eq!(is_boot_file(path.as_bytes()), expected, "{path}");
    }
}
