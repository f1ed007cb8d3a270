//! EROFS filesystems that mkfs.erofs makes, and those with larger blocks than it makes here (`fixtures/erofs`).

use rustix::fs::{XattrFlags, setxattr};

use super::memory::{Contents, Memory, contents};
use super::*;

/// A workshop whose tree is packed in every way: files that pack well, badly, in parts, and as parts of others.
fn workshop(tools: &[&str]) -> Option<TempDir> {
    let workshop = super::workshop(tools)?;
    let root = workshop.path().join("root");
    fs::remove_file(root.join("etc/fstab")).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(root.join("usr/lib").join(name), bytes).unwrap();
    let text = text(400_000);
    write("text", &text);
    write(
        "shifted",
        &[b"a line of its own\n", &text[3000..300_000]].concat(),
    );
    write("again", &text[..200_001]);
    let mut mixed = Vec::new();
    for (number, part) in text.chunks(50_021).enumerate() {
        mixed.extend_from_slice(part);
        mixed.extend_from_slice(&noise(number * 1931 % 9001));
    }
    write("mixed", &mixed);
    write("zeros", &[0; 300_000]);
    fs::write(root.join("usr/bin/large"), noise(200_000)).unwrap();
    for len in [1, 511, 512, 4095, 4096, 4097, 8191, 12_288, 65_535, 65_537] {
        write(&format!("text-{len}"), &text[len..len * 2]);
        write(&format!("noise-{len}"), &noise(len));
    }
    symlink("x".repeat(4000), root.join("usr/lib/far")).unwrap();
    Some(workshop)
}

/// Lines that resemble one another.
fn text(len: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut state = 9_u32;
    while text.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend(format!("{} of {state:x}, and so on\n", state >> 20).into_bytes());
    }
    text.truncate(len);
    text
}

/// Makes an image of `root`.
fn make(directory: &Path, options: &str) {
    let _ = fs::remove_file(directory.join("image"));
    run(directory, &format!("mkfs.erofs {options} image root"));
}

/// Whether mkfs.erofs knows all algorithms, as it does from version 1.8 on. A test skips rows that it cannot make.
fn is_new(directory: &Path) -> bool {
    let help = std::process::Command::new("mkfs.erofs")
        .arg("--help")
        .output()
        .unwrap();
    let help = [help.stdout, help.stderr].concat();
    let is_new = ["lzma", "deflate", "zstd"]
        .iter()
        .all(|name| memchr::memmem::find(&help, name.as_bytes()).is_some());
    assert!(
        is_new || !crate::testing::must_not_skip(),
        "mkfs.erofs is older than 1.8"
    );
    if !is_new {
        println!("skipped in {}: mkfs.erofs is older than 1.8", directory.display());
    }
    is_new
}

fn open(image: &Path) -> filesystem::Filesystem {
    let disk = Disk::open(fs::File::open(image).unwrap(), None, None).unwrap();
    let volume = disk.volumes.into_iter().next().unwrap();
    volume.filesystem.unwrap().unwrap()
}

fn read(image: &Arc<Memory>) -> Result<Contents, DiskError> {
    contents(&filesystem::Filesystem::open_erofs(Arc::clone(image) as _)?)
}

/// What version 1.5 of mkfs.erofs can make.
const OLD: [&str; 16] = [
    "",
    "-Enoinline_data",
    "-Eforce-inode-compact",
    "-Eforce-inode-extended",
    "-x-1",
    "--chunksize=4096",
    "--chunksize=65536",
    "-Eforce-inode-blockmap --chunksize=8192",
    "-Eforce-chunk-indexes --chunksize=8192",
    "-zlz4",
    "-zlz4 -C65536",
    "-zlz4 -C1048576",
    "-zlz4 -Eztailpacking",
    "-zlz4 -Elegacy-compress",
    "-zlz4 --max-extent-bytes=8192",
    "-zlz4hc -C65536 -Eztailpacking",
];

/// What later ones can.
const NEW: [&str; 44] = [
    "-Enosbcrc",
    "-b512",
    "-b1024",
    "-b2048",
    "-b512 -zlz4",
    "-b1024 -zzstd -C16384",
    "-b2048 -zlzma -C16384",
    "-b512 --chunksize=4096",
    "-zlz4hc,level=12",
    "-zlzma",
    "-zlzma -C65536",
    "-zlzma,level=109 -C1048576",
    "-zlzma -Eztailpacking",
    "-zlzma -Elegacy-compress",
    "-zdeflate",
    "-zlibdeflate,level=9 -C65536",
    "-zdeflate -Eztailpacking -C131072",
    "-zzstd",
    "-zzstd,level=19 -C131072",
    "-zzstd -Eztailpacking",
    "-zlz4 -Efragments",
    "-zlz4hc -Efragments -C65536",
    "-zlz4 -Eall-fragments",
    "-zlz4 -Efragments -Elegacy-compress",
    "-zlz4 -Efragments,ztailpacking",
    "-zlzma -Efragments",
    "-zlzma -Eall-fragments -C65536",
    "-zdeflate -Efragments",
    "-zdeflate -Eall-fragments",
    "-zzstd -Efragments",
    "-zzstd -Eall-fragments -C1048576",
    "-zlz4 -Ededupe",
    "-zlz4 -Ededupe -Elegacy-compress",
    "-zlz4hc -Ededupe -C65536",
    "-zlzma -Ededupe",
    "-zdeflate -Ededupe",
    "-zzstd -Ededupe",
    "-zlz4 -Eall-fragments,dedupe",
    "-zlzma -Efragments,dedupe -C65536",
    "-zdeflate -Eall-fragments,dedupe",
    "-zzstd -Efragments,dedupe,ztailpacking -C32768",
    "-zlz4 -b512 -Efragments,dedupe",
    "-zlz4 -E^inline_data",
    "--xattr-prefix=security.i -zlz4 -Efragments",
];

#[test]
fn every_layout_that_is_older_has_the_files_it_was_made_of() {
    let Some(workshop) = workshop(&["mkfs.erofs", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    let expected = expected(&directory.join("root"));
    let far = "x".repeat(4000).into_bytes();
    let links: [(&[u8], &[u8]); 3] = [
        (b"/bin", b"usr/bin"),
        (b"/etc/link", b"/usr/lib/short"),
        (b"/usr/lib/far", &far),
    ];
    for options in OLD {
        make(directory, options);
        let image = directory.join("image");
        assert_same(&listed(&image), &expected, options);
        let found = contents(&open(&image)).unwrap();
        for (path, target) in links {
            assert!(found.contains(&(path.to_vec(), target.to_vec())), "{options}");
        }
    }
}

#[test]
fn every_layout_that_is_newer_has_the_files_it_was_made_of() {
    let Some(workshop) = workshop(&["mkfs.erofs", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    if !is_new(directory) {
        return;
    }
    let expected = expected(&directory.join("root"));
    for options in NEW {
        make(directory, options);
        assert_same(&listed(&directory.join("image")), &expected, options);
    }
}

#[test]
fn blocks_that_are_larger_than_pages() {
    let directory = TempDir::new().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/erofs");
    let text = fs::read_to_string(fixtures.join("blocks.sha256")).unwrap();
    let expected: Lines = text.lines().map(str::to_owned).collect();
    assert_eq!(expected.len(), 156);
    for name in ["8k-lz4", "16k-zstd", "32k-deflate", "64k-lzma", "64k-plain"] {
        let packed = fs::read(fixtures.join(format!("{name}.zst"))).unwrap();
        let image = directory.path().join("image");
        fs::write(&image, zstd::decode_all(&packed[..]).unwrap()).unwrap();
        assert_same(&listed(&image), &expected, name);
    }
}

#[test]
fn algorithms_that_differ_from_file_to_file_and_what_fsck_unpacks() {
    let Some(workshop) = workshop(&["mkfs.erofs", "fsck.erofs", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    if !is_new(directory) {
        return;
    }
    let hints = "16384 0 usr/lib/text\n65536 1 usr/lib/mixed\n4096 2 usr/bin\n8192 3 usr/lib\n";
    fs::write(directory.join("hints"), hints).unwrap();
    make(
        directory,
        "-zlz4:lzma:deflate:zstd -C65536 --compress-hints=hints -Efragments",
    );
    run(directory, "fsck.erofs --extract=unpacked image");
    let found = listed(&directory.join("image"));
    assert_same(&found, &expected(&directory.join("unpacked")), "fsck.erofs");
    assert_same(&found, &expected(&directory.join("root")), "source");
}

#[test]
fn in_a_partition_as_on_a_whole_disk_by_its_id() {
    let Some(workshop) = workshop(&["mkfs.erofs", "sha256sum", "sfdisk"]) else {
        return;
    };
    let directory = workshop.path();
    make(directory, "-zlz4 -U 11111111-2222-3333-4444-555555555555");
    run(directory, "truncate -s 64M disk");
    fs::write(directory.join("table"), "label: gpt\nstart=2048, size=100000\n").unwrap();
    fs::write(
        directory.join("make"),
        "sfdisk -q disk < table && dd if=image of=disk bs=1M seek=1 conv=notrunc status=none",
    )
    .unwrap();
    run(directory, "sh make");
    let disk = Disk::open(fs::File::open(directory.join("disk")).unwrap(), None, None).unwrap();
    assert_eq!(disk.volumes[0].kind, "erofs");
    assert_eq!(disk.volumes[0].uuid, "11111111-2222-3333-4444-555555555555");
    assert_same(
        &listed(&directory.join("disk")),
        &expected(&directory.join("root")),
        "partition",
    );
}

#[test]
fn directories_of_every_size_owners_devices_and_links() {
    let Some(workshop) = workshop(&["mkfs.erofs", "sha256sum", "mknod"]) else {
        return;
    };
    let directory = workshop.path();
    let root = directory.join("root");
    for number in 0..1500 {
        let name = format!("usr/many/{number:0>200}");
        fs::write(root.join(name), number.to_string()).unwrap();
    }
    fs::create_dir(root.join("usr/empty")).unwrap();
    run(&root, "mknod usr/fifo p");
    let image = directory.join("image");
    for options in ["", "-Enoinline_data", "-zlz4"] {
        make(directory, &format!("{options} --all-root"));
        assert_same(&listed(&image), &expected(&root), options);
    }
    let filesystem = open(&image);
    let node = |path: &[u8]| {
        let parts = root::look_up(&filesystem, path).unwrap();
        parts.unwrap()
    };
    assert_eq!(node(b"/usr/fifo").kind(), filesystem::Kind::Special);
    assert_eq!(
        node(b"/usr/lib/short").identity(),
        node(b"/usr/bin/linked").identity()
    );
    assert_eq!(node(b"/etc/link").identity(), node(b"/usr/lib/short").identity());
    make(directory, "--force-uid=70000");
    let facts = open(&image);
    let short = root::look_up(&facts, b"/usr/lib/short").unwrap().unwrap();
    assert_eq!(facts.facts(&short).uid, 70_000);
    let mut options = options();
    options.selection.all_owners = false;
    assert_eq!(code(&image, &options), "NOTHING_LISTED");
}

#[test]
fn the_attribute_of_a_file_is_read_wherever_it_is() {
    let Some(workshop) = workshop(&["mkfs.erofs"]) else {
        return;
    };
    let directory = workshop.path();
    let set = |path: &str, name: &str, value: &[u8]| {
        setxattr(
            directory.join("root").join(path),
            name,
            value,
            XattrFlags::empty(),
        )
    };
    let own: Vec<u8> = (0..200).collect();
    if set("usr/lib/text", "security.ima", &own).is_err() {
        assert!(!crate::testing::must_not_skip(), "attributes cannot be set here");
        println!("skipped: attributes cannot be set here");
        return;
    }
    // More of them have it than are kept apart.
    for number in 0..20 {
        let name = format!("usr/many/a-rather-long-name-{number}");
        set(&name, "security.ima", b"\x03\x02shared").unwrap();
        set(&name, "user.other", name.as_bytes()).unwrap();
    }
    set("usr/lib/text", "security.evm", b"\x05\x02evm").unwrap();
    set("usr/lib/block", "user.ima", b"of another kind").unwrap();
    set("usr/lib/short", "security.imaginary", b"with a longer name").unwrap();
    let mut rows = vec!["", "-x100", "-x0", "-zlz4"];
    if is_new(directory) {
        rows.extend([
            "--xattr-prefix=security.i",
            "--xattr-prefix=security.ima",
            "--xattr-prefix=user.o --xattr-prefix=security.im -zlz4 -Efragments -x0",
        ]);
    }
    for options in rows {
        make(directory, options);
        let filesystem = open(&directory.join("image"));
        let ima = |path: &[u8]| {
            let node = root::look_up(&filesystem, path).unwrap().unwrap();
            filesystem.attributes(&node).unwrap().ima
        };
        assert_eq!(ima(b"/usr/lib/text").as_deref(), Some(&own[..]), "{options}");
        let text = root::look_up(&filesystem, b"/usr/lib/text").unwrap().unwrap();
        let evm = filesystem.attributes(&text).unwrap().evm;
        assert_eq!(evm.as_deref(), Some(&b"\x05\x02evm"[..]), "{options}");
        for number in [0, 7, 19] {
            let path = format!("/usr/many/a-rather-long-name-{number}");
            assert_eq!(
                ima(path.as_bytes()).as_deref(),
                Some(&b"\x03\x02shared"[..]),
                "{options}"
            );
        }
        for path in [&b"/usr/lib/block"[..], b"/usr/lib/short", b"/usr/lib/mixed"] {
            assert_eq!(ima(path), None, "{options}");
        }
    }
}

/// An image without a checksum of its superblock, so that it can be changed.
fn unsealed(directory: &Path, options: &str) -> Vec<u8> {
    make(directory, options);
    let mut bytes = fs::read(directory.join("image")).unwrap();
    bytes[1024 + 8] &= !1;
    bytes
}

/// A small tree, so that much of its image can be damaged.
fn small(tools: &[&str]) -> Option<TempDir> {
    let workshop = workshop(tools)?;
    let lib = workshop.path().join("root/usr");
    for name in [
        "bin/large",
        "lib/sparse",
        "lib/text",
        "lib/again",
        "lib/mixed",
        "lib/zeros",
    ] {
        fs::remove_file(lib.join(name)).unwrap();
    }
    for number in 40..600 {
        fs::remove_file(lib.join(format!("many/a-rather-long-name-{number}"))).unwrap();
    }
    let text = text(60_000);
    fs::write(lib.join("lib/shifted"), [b"x", &text[500..]].concat()).unwrap();
    fs::write(lib.join("lib/text"), text).unwrap();
    Some(workshop)
}

#[test]
fn what_cannot_be_read_rightly_is_refused() {
    let Some(workshop) = small(&["mkfs.erofs"]) else {
        return;
    };
    let directory = workshop.path();
    let sound = unsealed(directory, "-zlz4");
    let path = directory.join("changed");
    for (name, at, value, expected) in [
        ("addresses of 48 bits", 80, &[0x81][..], "EROFS_UNSUPPORTED"),
        ("packed metadata", 81, &[1], "EROFS_UNSUPPORTED"),
        ("a feature of the future", 83, &[0x80], "EROFS_UNSUPPORTED"),
        ("several devices", 86, &[1], "EROFS_UNSUPPORTED"),
        ("larger blocks of directories", 90, &[1], "EROFS_UNSUPPORTED"),
        ("blocks that are too large", 12, &[17], "EROFS_CORRUPT"),
        ("a root that is none", 14, &[0xff, 0xff], "EROFS_CORRUPT"),
        ("more blocks than there are", 39, &[1], "DISK_TRUNCATED"),
        ("no algorithm", 80, &[0x3, 0, 0, 0, 0, 0], "EROFS_UNSUPPORTED"),
        ("a packed inode that is none", 96, &[0xff; 8], "EROFS_CORRUPT"),
    ] {
        let mut changed = sound.clone();
        changed[1024 + at..][..value.len()].copy_from_slice(value);
        if name.starts_with("a packed inode") {
            changed[1024 + 80] |= 0x20;
        }
        fs::write(&path, &changed).unwrap();
        assert_eq!(code(&path, &options()), expected, "{name}");
    }
}

#[test]
fn an_inode_that_contradicts_itself_is_refused() {
    let Some(workshop) = small(&["mkfs.erofs"]) else {
        return;
    };
    let directory = workshop.path();
    for (file, layout, rows) in [
        (
            &b"/usr/lib/noise-4096"[..],
            "-Enoinline_data -Eforce-inode-extended",
            &[
                (
                    "a size near 2^63",
                    8,
                    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
                    "DISK_TOO_LARGE",
                ),
                ("more than there is", 8, &[0, 0, 0, 2][..], "DISK_TRUNCATED"),
                (
                    "a block behind the end",
                    16,
                    &[0xff, 0xff, 0xff, 0x7f],
                    "DISK_TRUNCATED",
                ),
                ("a format of the future", 0, &[0x41], "EROFS_UNSUPPORTED"),
                ("a layout of the future", 0, &[0xf], "EROFS_UNSUPPORTED"),
                ("of no kind", 4, &[0, 0], "EROFS_CORRUPT"),
            ][..],
        ),
        (
            b"/usr/lib/noise-4096",
            "--chunksize=4096 -Eforce-inode-extended",
            &[
                ("chunks of the future", 16, &[0x40][..], "EROFS_UNSUPPORTED"),
                ("a chunk behind the end", 67, &[0x7f], "DISK_TRUNCATED"),
            ],
        ),
        (
            b"/usr/lib/noise-511",
            "-Eforce-inode-extended",
            &[(
                "an end of more than a block",
                8,
                &[0xff, 0x0f][..],
                "EROFS_CORRUPT",
            )],
        ),
        (
            b"/usr/lib/text",
            "-zlz4 -Eforce-inode-extended",
            &[
                (
                    "a size near 2^63",
                    8,
                    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
                    "DISK_TOO_LARGE",
                ),
                ("less than is packed", 8, &[1, 0x80, 0][..], "EROFS_CORRUPT"),
                (
                    "a file of several blocks in a cluster",
                    71,
                    &[1],
                    "EROFS_UNSUPPORTED",
                ),
                ("flags of the future", 69, &[1], "EROFS_UNSUPPORTED"),
                ("an end in two places", 68, &[0x29], "EROFS_CORRUPT"),
                (
                    "in a packed inode that is not there",
                    71,
                    &[0x80],
                    "EROFS_CORRUPT",
                ),
                ("another algorithm", 70, &[1], "EROFS_UNSUPPORTED"),
            ],
        ),
    ] {
        let sound = unsealed(directory, layout);
        let inodes = u32::from_le_bytes(*sound[1024 + 40..].first_chunk().unwrap()) as usize;
        let filesystem = open(&directory.join("image"));
        let number = root::look_up(&filesystem, file).unwrap().unwrap().identity().1;
        let place = inodes * 4096 + number as usize * 32;
        for (name, at, value, expected) in rows {
            let mut changed = sound.clone();
            changed[place + at..][..value.len()].copy_from_slice(value);
            let path = directory.join("changed");
            fs::write(&path, &changed).unwrap();
            println!("{name}");
            assert_eq!(code(&path, &options()), *expected, "{name}");
        }
    }
}

#[test]
fn a_directory_that_is_in_itself_ends() {
    let Some(workshop) = small(&["mkfs.erofs"]) else {
        return;
    };
    let directory = workshop.path();
    let mut bytes = unsealed(directory, "");
    let filesystem = open(&directory.join("image"));
    let number = |path: &[u8]| root::look_up(&filesystem, path).unwrap().unwrap().identity().1;
    // The entry of a directory: its number, the place of its name, and its type.
    let entry = number(b"/usr/many").to_le_bytes();
    let at = memchr::memmem::find_iter(&bytes, &entry)
        .find(|&at| bytes[at + 10..at + 12] == [2, 0])
        .unwrap();
    bytes[at..at + 8].copy_from_slice(&number(b"/usr").to_le_bytes());
    let path = directory.join("changed");
    fs::write(&path, &bytes).unwrap();
    let found = listed(&path);
    assert!(found.iter().any(|line| line.ends_with("/usr/lib/short")));
    assert!(!found.iter().any(|line| line.contains("/usr/many")));
}

#[test]
fn a_cut_image_is_an_error() {
    let Some(workshop) = small(&["mkfs.erofs"]) else {
        return;
    };
    let directory = workshop.path();
    for options in ["", "-zlz4 -Eztailpacking"] {
        make(directory, options);
        let sound = fs::read(directory.join("image")).unwrap();
        let path = directory.join("cut");
        for len in (1028..sound.len())
            .step_by(sound.len() / 60)
            .chain([sound.len() - 1])
        {
            fs::write(&path, &sound[..len]).unwrap();
            assert_eq!(code(&path, &super::options()), "DISK_TRUNCATED", "{len}");
        }
    }
}

#[test]
fn a_changed_bit_of_the_superblock_is_an_error() {
    let Some(workshop) = small(&["mkfs.erofs"]) else {
        return;
    };
    let directory = workshop.path();
    make(directory, "-zlz4");
    let image = Arc::new(Memory::new(fs::read(directory.join("image")).unwrap()));
    read(&image).unwrap();
    for at in 1024..4096 {
        for bit in [0x10, 0x80] {
            assert!(image.changed(at, bit, read).is_err(), "byte {at}");
        }
    }
}

#[test]
fn a_changed_byte_neither_crashes_nor_hangs() {
    let Some(workshop) = small(&["mkfs.erofs"]) else {
        return;
    };
    let directory = workshop.path();
    let mut rows = vec![
        "",
        "--chunksize=4096",
        "-zlz4",
        "-zlz4 -Elegacy-compress",
        "-zlz4hc -C65536 -Eztailpacking",
    ];
    if is_new(directory) {
        rows.extend([
            "-zlzma -C16384 -Eztailpacking",
            "-zdeflate -Ededupe",
            "-zzstd -Efragments,dedupe",
            "-zlz4 -Eall-fragments",
        ]);
    }
    for options in rows {
        let image = Arc::new(Memory::new(unsealed(directory, options)));
        let good = read(&image).unwrap();
        let bytes = image.bytes();
        let mut state = 5_usize;
        let (mut refused, mut same, mut other) = (0, 0, 0);
        for number in 0..600 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // The superblock whole, and places all over the rest.
            let at = match number {
                0..128 => 1024 + number,
                _ => 4096 + (state >> 24) % (bytes.len() - 4096),
            };
            let change = if number % 2 == 0 {
                1 << (state >> 50 & 7)
            } else {
                0xff
            };
            match image.changed(at, change, read) {
                Err(_) => refused += 1,
                Ok(found) if found == good => same += 1,
                Ok(_) => other += 1,
            }
        }
        assert!(
            refused > 20 && same + other > 100,
            "{options}: {refused} {same} {other}"
        );
    }
}
