//! XFS filesystems that mkfs.xfs fills, and those that a kernel wrote (`fixtures/xfs`).

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::memory::{Contents, Memory, contents};
use super::*;

const TOOLS: [&str; 2] = ["mkfs.xfs", "sha256sum"];

/// A workshop whose tree mkfs.xfs can take: no name has a blank.
fn workshop(tools: &[&str]) -> Option<TempDir> {
    let workshop = super::workshop(tools)?;
    fs::remove_file(workshop.path().join("root/usr/bin/with space")).unwrap();
    Some(workshop)
}

/// Writes what mkfs.xfs reads as a prototype of a directory.
fn describe(directory: &Path, prototype: &mut Vec<u8>) {
    let mut entries: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (name, path, kind) = (entry.file_name(), entry.path(), entry.file_type().unwrap());
        prototype.extend(name.as_bytes());
        if kind.is_dir() {
            prototype.extend(b" d--755 0 0\n");
            describe(&path, prototype);
            prototype.extend(b"$\n");
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            prototype.extend([b" l--777 0 0 ", target.as_os_str().as_bytes(), b"\n"].concat());
        } else {
            prototype.extend([b" ---644 0 0 ", path.as_os_str().as_bytes(), b"\n"].concat());
        }
    }
}

/// Makes a filesystem image of a directory.
pub(super) fn mkfs(directory: &Path, tree: &str, name: &str, size: &str, options: &str) {
    let mut prototype = b"boot\n0 0\nd--755 0 0\n".to_vec();
    describe(&directory.join(tree), &mut prototype);
    prototype.extend(b"$\n");
    fs::write(directory.join("prototype"), prototype).unwrap();
    let _ = fs::remove_file(directory.join(name));
    run(directory, &format!("truncate -s {size} {name}"));
    // Filesystems below 300 MB are for tests alone, and have to be asked for.
    run(
        directory,
        &format!("mkfs.xfs -q -f --unsupported -p prototype {options} {name}"),
    );
}

/// What xfs_db prints; with `-x` it also writes.
fn xfs_db(directory: &Path, mode: &str, commands: &[&str]) -> String {
    let mut line = std::process::Command::new("xfs_db");
    line.arg(mode);
    for command in commands {
        line.args(["-c", command]);
    }
    let output = line.arg("image").current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{commands:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What `/etc/os-release` says, links followed.
fn release(image: &Path) -> Vec<u8> {
    let disk = Disk::open(fs::File::open(image).unwrap(), None, None).unwrap();
    let Some(Ok(filesystem)) = &disk.volumes[0].filesystem else {
        panic!("not read");
    };
    let node = root::look_up(filesystem, b"/etc/os-release").unwrap().unwrap();
    filesystem.small_file(&node, 100).unwrap().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/xfs")
        .join(name)
}

#[test]
fn every_kind_of_filesystem_has_the_files_it_was_made_of() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    let expected = expected(&directory.join("root"));
    for options in [
        "",
        "-b size=1024",
        "-b size=1024 -n size=64k -i size=256 -m crc=0",
        "-b size=2048 -n size=64k -i size=1024",
        "-b size=16384 -s size=4096",
        "-b size=32k",
        "-n size=64k",
        "-i size=2048",
        "-i sparse=0,nrext64=1 -m bigtime=1,inobtcount=1,reflink=1,rmapbt=1",
        "-i nrext64=0 -m bigtime=0,inobtcount=0,finobt=0,reflink=0",
        "-d agcount=4 -m uuid=11111111-2222-3333-4444-555555555555",
        "-m crc=0",
        "-m crc=0 -b size=512 -i size=256",
        "-m crc=0 -n ftype=1 -b size=1024 -n size=8k",
        "-m crc=0 -i attr=1,projid32bit=0 -l lazy-count=0",
        "-m crc=0 -n version=ci",
    ] {
        mkfs(directory, "root", "image", "128M", options);
        assert_same(&listed(&directory.join("image")), &expected, options);
    }
}

#[test]
fn another_id_than_that_of_the_metadata_is_only_a_name() {
    let Some(workshop) = workshop(&["mkfs.xfs", "sha256sum", "xfs_admin"]) else {
        return;
    };
    let directory = workshop.path();
    mkfs(directory, "root", "image", "64M", "");
    run(
        directory,
        "xfs_admin -U 11111111-2222-3333-4444-555555555555 image",
    );
    let expected = expected(&directory.join("root"));
    assert_same(&listed(&directory.join("image")), &expected, "meta_uuid");
}

#[test]
fn directories_of_every_size_and_links_of_every_length_are_read() {
    let Some(workshop) = workshop(&["mkfs.xfs", "sha256sum", "xfs_db"]) else {
        return;
    };
    let directory = workshop.path();
    let root = directory.join("root");
    for (name, entries) in [
        ("empty", 0),
        ("few", 3),
        ("block", 50),
        ("leaf", 200),
        ("node", 5000),
    ] {
        fs::create_dir_all(root.join("dirs").join(name)).unwrap();
        for number in 0..entries {
            fs::write(root.join(format!("dirs/{name}/{number}")), number.to_string()).unwrap();
        }
    }
    // Names between which files of several blocks lie: the directory has more extents than its inode can hold.
    fs::create_dir(root.join("dirs/tree")).unwrap();
    for number in 0..1500 {
        let bytes = noise(if number % 40 == 0 { 9000 } else { 10 });
        fs::write(root.join(format!("dirs/tree/{number:0220}")), bytes).unwrap();
    }
    // The way to the release is a link whose target is not in its inode.
    fs::remove_file(root.join("etc/os-release")).unwrap();
    fs::write(root.join("usr/lib/the-release"), b"ID=linked\n").unwrap();
    let target = format!("..{}/usr/lib/the-release", "/usr/..".repeat(120));
    symlink(&target, root.join("etc/os-release")).unwrap();
    symlink("x".repeat(1023), root.join("etc/longest")).unwrap();
    let expected = expected(&root);
    for (options, has_links) in [
        // mkfs.xfs writes links of version 5 without what marks them; `fixtures/xfs` has one that a kernel wrote.
        ("", false),
        ("-b size=1024", false),
        ("-m crc=0 -b size=512", true),
        ("-m crc=0 -b size=1024 -i size=256", true),
    ] {
        mkfs(directory, "root", "image", "160M", options);
        let path = directory.join("image");
        assert_same(&listed(&path), &expected, options);
        if has_links {
            let form = xfs_db(directory, "-r", &["path /dirs/tree", "print core.format"]);
            assert_eq!(form.trim_end(), "core.format = 3 (btree)", "{options}");
            assert_eq!(release(&path), b"ID=linked\n", "{options}");
        }
    }
}

#[test]
fn what_a_kernel_wrote_is_read_as_that_kernel_reads_it() {
    for name in ["forms", "forms-8k"] {
        let text = fs::read_to_string(fixture(&format!("{name}.sha256"))).unwrap();
        let expected: Lines = text.lines().map(str::to_owned).collect();
        assert!(expected.len() > 1000, "{name}");
        let found = listed(&fixture(&format!("{name}.qcow2")));
        assert_same(&found, &expected, name);
        assert_eq!(release(&fixture(&format!("{name}.qcow2"))), b"ID=test\n");
    }
}

#[test]
fn what_cannot_be_read_rightly_is_refused() {
    assert_eq!(code(&fixture("dirty-log.qcow2"), &options()), "XFS_LOG_DIRTY");
    let Some(workshop) = workshop(&["mkfs.xfs", "xfs_db"]) else {
        return;
    };
    let directory = workshop.path();
    // With its checksum, and past what keeps xfs_db from writing nonsense.
    let in_sb = |field: &str| vec!["sb 0".to_owned(), format!("write -d {field}")];
    let in_file = |path: &str, field: &str| vec![format!("path {path}"), format!("write -d {field}")];
    for (name, options, commands, expected) in [
        (
            "a feature of the future",
            "",
            in_sb("features_incompat 0x8000000b"),
            "XFS_UNSUPPORTED",
        ),
        ("zoned", "", in_sb("features_incompat 0x20b"), "XFS_UNSUPPORTED"),
        (
            "to be repaired",
            "",
            in_sb("features_incompat 0x1b"),
            "XFS_NEEDS_REPAIR",
        ),
        ("a log elsewhere", "", in_sb("logstart 0"), "XFS_UNSUPPORTED"),
        (
            "version 4 with an unknown feature",
            "-m crc=0",
            vec!["sb 0".to_owned(), "write features2 0x4000008a".to_owned()],
            "XFS_UNSUPPORTED",
        ),
        (
            "more groups than it has blocks for",
            "",
            in_sb("agcount 9"),
            "XFS_CORRUPT",
        ),
        (
            "a log behind the end",
            "",
            in_sb("logblocks 999999"),
            "XFS_CORRUPT",
        ),
        ("mkfs was interrupted", "", in_sb("inprogress 1"), "XFS_CORRUPT"),
        ("sizes that differ", "", in_sb("inopblog 5"), "XFS_CORRUPT"),
        (
            "the root is a file",
            "",
            in_file("/", "core.mode 0100644"),
            "XFS_CORRUPT",
        ),
        (
            "the root is nowhere",
            "",
            in_sb("rootino 99999999999"),
            "XFS_CORRUPT",
        ),
        (
            "realtime",
            "",
            in_file("/usr/lib/short", "core.realtime 1"),
            "XFS_UNSUPPORTED",
        ),
        (
            "a deleted file",
            "",
            in_file("/usr/lib/short", "core.mode 0"),
            "XFS_CORRUPT",
        ),
        (
            "a file without links",
            "",
            in_file("/usr/lib/short", "core.nlinkv2 0"),
            "XFS_CORRUPT",
        ),
        (
            "a file of no kind",
            "",
            in_file("/usr/lib/short", "core.mode 0170644"),
            "XFS_CORRUPT",
        ),
        (
            "a directory in a hole",
            "",
            in_file("/usr/many", "core.size 99999744"),
            "XFS_CORRUPT",
        ),
        (
            "a file that is no extents",
            "",
            in_file("/usr/lib/short", "core.format 1"),
            "XFS_CORRUPT",
        ),
        (
            "more extents than room",
            "",
            in_file("/usr/lib/short", "core.nextents 1000"),
            "XFS_CORRUPT",
        ),
    ] {
        mkfs(directory, "root", "image", "64M", options);
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        xfs_db(directory, "-x", &commands);
        assert_eq!(
            code(&directory.join("image"), &super::options()),
            expected,
            "{name}"
        );
    }
}

fn read(image: &Arc<Memory>) -> Result<Contents, DiskError> {
    contents(&filesystem::Filesystem::open_xfs(Arc::clone(image) as _)?)
}

/// Where metadata is that names itself: what it begins with, and its bytes.
const METADATA: [(&[u8], usize); 8] = [
    (b"XFSB", 512),
    (b"IN", 512),
    (b"XDB3", 4096),
    (b"XDD3", 4096),
    (b"BMA3", 1024),
    (b"XSLM", 1024),
    (b"XD2B", 4096),
    (b"BMAP", 1024),
];

/// Some bytes of all metadata of an image of blocks of 1024 bytes, with bits to change in them.
fn places(bytes: &[u8], each: usize) -> Vec<(usize, u8)> {
    let mut state = 3_usize;
    let mut places = Vec::new();
    for at in (0..bytes.len()).step_by(256) {
        let known = METADATA.iter().find(|(magic, _)| bytes[at..].starts_with(magic));
        for _ in 0..known.map_or(0, |_| each) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let inside = (state >> 24) % known.unwrap().1;
            places.push((at + inside, 1 << (state >> 50 & 7)));
        }
    }
    places
}

#[test]
fn a_changed_bit_of_the_metadata_is_an_error_where_it_has_checksums() {
    let Some(workshop) = workshop(&["qemu-img"]) else {
        return;
    };
    let path = workshop.path().join("raw");
    let status = std::process::Command::new("qemu-img")
        .args(["convert", "-O", "raw"])
        .args([&fixture("forms.qcow2"), &path])
        .status();
    assert!(status.unwrap().success());
    let image = Arc::new(Memory::new(fs::read(path).unwrap()));
    let good = read(&image).unwrap();
    let places = places(&image.bytes(), 4);
    assert!(places.len() > 300, "{}", places.len());
    let mut refused = 0;
    for (at, bit) in places {
        match image.changed(at, bit, read) {
            // Free inodes, copies of the superblock, and what is beside the names.
            Ok(found) => assert!(found == good, "byte {at}, bit {bit}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 200, "{refused}");
    for at in 0..512 {
        assert!(
            image.changed(at, 0x10, read).is_err(),
            "byte {at} of the superblock"
        );
    }
}

#[test]
fn a_changed_byte_without_checksums_neither_crashes_nor_hangs() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    fs::remove_file(directory.join("root/usr/bin/large")).unwrap();
    fs::remove_file(directory.join("root/usr/lib/sparse")).unwrap();
    symlink("y".repeat(700), directory.join("root/usr/lib/long")).unwrap();
    mkfs(
        directory,
        "root",
        "image",
        "16M",
        "-m crc=0 -b size=1024 -i size=256",
    );
    let image = Arc::new(Memory::new(fs::read(directory.join("image")).unwrap()));
    read(&image).unwrap();
    let places = places(&image.bytes(), 1);
    assert!(places.len() > 500, "{}", places.len());
    for (at, bit) in places {
        let _ = image.changed(at, bit, read);
        let _ = image.changed(at, 0xff, read);
    }
}

#[test]
fn a_cut_image_is_an_error() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    mkfs(directory, "root", "image", "16M", "");
    let path = directory.join("image");
    for len in [512, 4096, 65_536, 1 << 20, (16 << 20) - 4096, (16 << 20) - 1] {
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
