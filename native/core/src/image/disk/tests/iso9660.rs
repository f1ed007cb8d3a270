//! ISO 9660 filesystems that xorriso and genisoimage make. What is in them besides say bsdtar and isoinfo.

use super::memory::{Contents, Memory, contents};
use super::*;

/// A workshop with directories that are too deep for ISO 9660, and a link whose target takes several fields.
fn workshop(tools: &[&str]) -> Option<TempDir> {
    let workshop = super::workshop(tools)?;
    let root = workshop.path().join("root");
    fs::remove_file(root.join("etc/fstab")).unwrap();
    fs::remove_file(root.join("usr/bin/large")).unwrap();
    fs::write(root.join("usr/bin/large"), noise(200_000)).unwrap();
    fs::create_dir_all(root.join("a/b/c/d/e/f/g/h/i/j")).unwrap();
    fs::write(root.join("a/b/c/d/e/f/g/h/i/j/deep"), b"deep").unwrap();
    fs::write(root.join("a/b/c/d/e/f/g/h/beside"), b"beside").unwrap();
    symlink(far(), root.join("usr/lib/far")).unwrap();
    Some(workshop)
}

fn far() -> String {
    format!("{}../x", "directory/".repeat(20))
}

/// Makes an image of `root`.
fn make(directory: &Path, line: &str) {
    let _ = fs::remove_file(directory.join("image"));
    let mut words = line.split_whitespace();
    let mut command = std::process::Command::new(words.next().unwrap());
    let output = command
        .args(words)
        .args(["-quiet", "-o", "image", "root"])
        .env("LC_ALL", "C.UTF-8")
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

fn open(image: &Path) -> filesystem::Filesystem {
    let disk = Disk::open(fs::File::open(image).unwrap(), None, None).unwrap();
    let volume = disk.volumes.into_iter().next().unwrap();
    volume.filesystem.unwrap().unwrap()
}

fn read(image: &Arc<Memory>) -> Result<Contents, DiskError> {
    contents(&filesystem::Filesystem::open_iso9660(Arc::clone(image) as _)?)
}

#[test]
fn rock_ridge_has_the_files_it_was_made_of() {
    let Some(workshop) = workshop(&["xorriso", "genisoimage", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    let expected = expected(&directory.join("root"));
    let mut links = vec![
        ("/bin", "usr/bin".to_owned()),
        ("/etc/link", "/usr/lib/short".to_owned()),
        ("/usr/lib/far", far()),
    ];
    let check = |line: &str, links: &[(&str, String)]| {
        make(directory, line);
        let image = directory.join("image");
        assert_same(&listed(&image), &expected, line);
        let found = contents(&open(&image)).unwrap();
        for (path, target) in links {
            let is_there = found.contains(&((*path).into(), target.clone().into_bytes()));
            assert!(is_there, "{line}: {path}");
        }
    };
    for line in [
        "genisoimage -R",
        "genisoimage -r -l",
        "genisoimage -R -D -iso-level 4",
        "genisoimage -R -J -joliet-long -input-charset utf-8",
        "genisoimage -R -udf",
        "genisoimage -R -hide-rr-moved",
    ] {
        check(line, &links);
    }
    // genisoimage writes fields that contradict themselves for one of this length.
    links.push(("/usr/lib/farther", far().repeat(4)));
    symlink(far().repeat(4), directory.join("root/usr/lib/farther")).unwrap();
    for line in [
        "xorriso -as mkisofs -R",
        "xorriso -as mkisofs -r -J",
        "xorriso -as mkisofs -R -J -joliet-long -iso-level 3",
        "xorriso -as mkisofs -R -iso-level 4 --hardlinks",
        "xorriso -as mkisofs -R -rr_reloc_dir moved",
        "xorriso -as mkisofs -R -hfsplus",
        "xorriso -as mkisofs -R -partition_offset 16",
    ] {
        check(line, &links);
    }
}

#[test]
fn modes_owners_and_devices_are_those_of_rock_ridge() {
    let Some(workshop) = workshop(&["xorriso", "isoinfo", "sha256sum", "mknod"]) else {
        return;
    };
    let directory = workshop.path();
    let root = directory.join("root");
    run(&root, "chmod 4711 usr/lib/short");
    run(&root, "mknod usr/fifo p");
    make(directory, "xorriso -as mkisofs -R -uid 70000 -gid 7");
    let image = directory.join("image");
    let filesystem = open(&image);
    let node = |path: &[u8]| root::look_up(&filesystem, path).unwrap().unwrap();
    let facts = filesystem.facts(&node(b"/usr/lib/short"));
    assert_eq!((facts.mode, facts.uid, facts.gid), (0o104_711, 70_000, 7));
    assert_eq!(node(b"/usr/fifo").kind(), filesystem::Kind::Special);
    let mut options = options();
    options.selection.all_owners = false;
    assert_eq!(code(&image, &options), "NOTHING_LISTED");
    // Another reader's word for bytes as well.
    let bytes = run(directory, "isoinfo -R -x /usr/bin/large -i image");
    assert_eq!(bytes, fs::read(root.join("usr/bin/large")).unwrap());
}

#[test]
fn joliet_where_there_is_no_rock_ridge() {
    let Some(workshop) = workshop(&["xorriso", "genisoimage", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    fs::write(directory.join("root/usr/lib/\u{20ac} and \u{1f600}"), b"money").unwrap();
    let expected = expected(&directory.join("root"));
    for line in [
        "xorriso -as mkisofs --norock -J -joliet-utf16 -input-charset utf-8",
        "xorriso -as mkisofs --norock -J -joliet-long -joliet-utf16 -iso-level 3 -input-charset utf-8",
    ] {
        make(directory, line);
        assert_same(&listed(&directory.join("image")), &expected, line);
    }
    fs::remove_file(directory.join("root/usr/lib/\u{20ac} and \u{1f600}")).unwrap();
    make(directory, "genisoimage -J -D -joliet-long -input-charset utf-8");
    let found = listed(&directory.join("image"));
    let expected = super::expected(&directory.join("root"));
    assert_same(&found, &expected, "genisoimage");
}

#[test]
fn its_own_names_are_those_of_another_reader_in_small_letters() {
    let Some(workshop) = workshop(&["genisoimage", "bsdtar", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    for (number, options) in ["", "-l", "-iso-level 3 -allow-multidot", "-iso-level 4", "-N -d"]
        .into_iter()
        .enumerate()
    {
        make(directory, &format!("genisoimage -D {options}"));
        let unpacked = format!("unpacked-{number}");
        fs::create_dir(directory.join(&unpacked)).unwrap();
        run(directory, &format!("bsdtar -xf image -C {unpacked}"));
        let expected: Lines = expected(&directory.join(&unpacked))
            .iter()
            .map(|line| line.to_ascii_lowercase())
            .collect();
        assert!(expected.len() > 600, "{options}");
        let image = directory.join("image");
        assert_same(&listed(&image), &expected, options);
        let facts = |filesystem: &filesystem::Filesystem, path: &[u8]| {
            let node = root::look_up(filesystem, path).unwrap().unwrap();
            filesystem.facts(&node)
        };
        let facts = facts(&open(&image), b"/usr/lib/short");
        assert_eq!((facts.mode, facts.uid), (0o100_555, 0), "{options}");
    }
}

#[test]
fn a_file_of_several_extents_is_read_whole() {
    let Some(workshop) = workshop(&["genisoimage", "bsdtar"]) else {
        return;
    };
    let directory = workshop.path();
    fs::create_dir(directory.join("root/two")).unwrap();
    fs::write(directory.join("root/two/x"), noise(4096)).unwrap();
    fs::write(directory.join("root/two/y"), b"and the rest").unwrap();
    make(directory, "genisoimage -D");
    let mut bytes = fs::read(directory.join("image")).unwrap();
    // The first record says that more follows, and the second has its name.
    let first = memchr::memmem::find(&bytes, b"\x04X.;1").unwrap();
    let second = memchr::memmem::find(&bytes, b"\x04Y.;1").unwrap();
    bytes[first - 32 + 25] |= 128;
    bytes[second + 1] = b'X';
    fs::write(directory.join("image"), &bytes).unwrap();
    let whole = [noise(4096), b"and the rest".to_vec()].concat();
    assert_eq!(run(directory, "bsdtar -xOf image TWO/X"), whole);
    let found = contents(&open(&directory.join("image"))).unwrap();
    assert!(found.contains(&(b"/two/x".to_vec(), whole)));
    // The last extent is missing; an extent that does not fill its blocks has another behind it.
    for (at, value) in [(second - 32 + 25, 128), (first - 32 + 10, 1)] {
        let mut changed = bytes.clone();
        changed[at] = value;
        if value == 1 {
            changed[first - 32 + 17] = 1;
        }
        fs::write(directory.join("changed"), &changed).unwrap();
        assert_eq!(code(&directory.join("changed"), &options()), "ISO9660_CORRUPT");
    }
}

#[test]
fn a_hybrid_is_read_as_a_cd_unless_a_partition_is_named() {
    let Some(workshop) = workshop(&["xorriso", "mke2fs", "mkfs.vfat", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    let expected = expected(&directory.join("root"));
    run(directory, "truncate -s 4M esp");
    run(directory, "mkfs.vfat esp");
    fs::create_dir_all(directory.join("other")).unwrap();
    fs::write(directory.join("other/file"), b"of the other").unwrap();
    run(directory, "truncate -s 4M ext4");
    run(directory, "mke2fs -q -F -t ext4 -d other ext4");
    for options in ["", "-appended_part_as_gpt", "-partition_offset 16"] {
        let image = directory.join("image");
        make(
            directory,
            &format!("xorriso -as mkisofs -R -V LIVE {options} -append_partition 2 0xef esp"),
        );
        assert_same(&listed(&image), &expected, options);
        let disk = Disk::open(fs::File::open(&image).unwrap(), None, None).unwrap();
        let kinds: Vec<_> = disk.volumes.iter().map(|volume| volume.kind).collect();
        assert_eq!(
            (disk.volumes[0].kind, disk.volumes[0].label.as_str()),
            ("iso9660", "LIVE")
        );
        assert!(kinds.contains(&"vfat"), "{kinds:?}");
        make(
            directory,
            &format!("xorriso -as mkisofs -R {options} -append_partition 2 0x83 ext4"),
        );
        assert_same(&listed(&image), &expected, options);
        let mut named = super::options();
        named.selection.partition = Some("2".to_owned());
        let found = lines(&extracted(&image, &named).unwrap());
        assert_eq!(found.len(), 1, "{found:?}");
        named.selection.partition = Some("0".to_owned());
        assert_same(&lines(&extracted(&image, &named).unwrap()), &expected, options);
    }
    fs::remove_file(directory.join("root/etc/os-release")).unwrap();
    make(directory, "xorriso -as mkisofs -R -append_partition 2 0x83 ext4");
    assert_eq!(code(&directory.join("image"), &options()), "ROOT_AMBIGUOUS");
}

#[test]
fn what_is_packed_is_refused_by_name_and_the_rest_is_read() {
    let Some(workshop) = workshop(&["xorriso", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    run(
        directory,
        "xorriso -outdev image -map root / -set_filter --zisofs /usr/lib/sparse --",
    );
    let image = directory.join("image");
    assert_eq!(code(&image, &options()), "ISO9660_UNSUPPORTED");
    let mut skipping = options();
    skipping.selection = Selection::new([b"/usr/lib/sparse".to_vec()], []);
    skipping.selection.all_owners = true;
    let mut expected = expected(&directory.join("root"));
    expected.retain(|line| !line.ends_with("/sparse"));
    assert_same(
        &lines(&extracted(&image, &skipping).unwrap()),
        &expected,
        "zisofs",
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    let Some(workshop) = workshop(&["xorriso"]) else {
        return;
    };
    let directory = workshop.path();
    make(directory, "xorriso -as mkisofs -R -rr_reloc_dir moved");
    let sound = fs::read(directory.join("image")).unwrap();
    let find = |what: &[u8]| memchr::memmem::find(&sound, what).unwrap();
    let root = u32::from_le_bytes(*sound[0x8000 + 158..].first_chunk().unwrap()) as usize * 2048;
    let name = find(b"NM\x0a\x01\x00short");
    // The record of a file has its fields behind its name.
    let record = (name - 200..name)
        .find(|&at| sound[at..].starts_with(&[sound[at], 0]) && sound[at + 33..].starts_with(b"SHORT"))
        .unwrap();
    let (px, moved) = (name + find_in(&sound[name..], b"PX"), find(b"CL\x0c\x01"));
    for (what, at, value, expected) in [
        (
            "blocks of 512 bytes",
            0x8000 + 128,
            &[0, 2, 2, 0][..],
            "ISO9660_UNSUPPORTED",
        ),
        ("blocks of two sizes", 0x8000 + 128, &[0, 2], "ISO9660_CORRUPT"),
        ("no root", 0x8000 + 156, &[33], "ISO9660_CORRUPT"),
        (
            "a root that is a file",
            0x8000 + 156 + 25,
            &[0],
            "ISO9660_CORRUPT",
        ),
        (
            "a root that begins elsewhere",
            0x8000 + 158,
            &[16, 0, 0, 0, 0, 0, 0, 16],
            "ISO9660_CORRUPT",
        ),
        (
            "more than there is",
            0x8000 + 80,
            &[0, 0, 0, 1, 1, 0, 0, 0],
            "DISK_TRUNCATED",
        ),
        ("a root without itself", root + 33, &[1], "ISO9660_CORRUPT"),
        ("interleaved", record + 26, &[1], "ISO9660_UNSUPPORTED"),
        (
            "on another volume",
            record + 28,
            &[2, 0, 0, 2],
            "ISO9660_UNSUPPORTED",
        ),
        ("two sizes of a file", record + 10, &[9], "ISO9660_CORRUPT"),
        (
            "a file behind the end",
            record + 2,
            &[0, 0, 0, 9, 9, 0, 0, 0],
            "DISK_TRUNCATED",
        ),
        (
            "a huge file",
            record + 10,
            &[0, 0, 0, 0xff, 0xff, 0, 0, 0],
            "DISK_TRUNCATED",
        ),
        (
            "a name that leads elsewhere",
            name + 5,
            b"../ab",
            "ISO9660_CORRUPT",
        ),
        ("a name with a zero", name + 5, b"ab\0cd", "ISO9660_CORRUPT"),
        ("a field without end", name + 2, &[3], "ISO9660_CORRUPT"),
        ("a field that is too long", name + 2, &[255], "ISO9660_CORRUPT"),
        ("two modes of a file", px + 4, &[0], "ISO9660_CORRUPT"),
        (
            "a file of no kind",
            px + 4,
            &[0, 0, 0, 0, 0, 0, 0, 0],
            "ISO9660_CORRUPT",
        ),
        (
            "a file that is a directory",
            px + 4,
            &[0, 0x40, 0, 0, 0, 0, 0x40, 0],
            "ISO9660_CORRUPT",
        ),
        (
            "a directory moved to a file",
            moved + 4,
            &[17, 0, 0, 0, 0, 0, 0, 17],
            "ISO9660_CORRUPT",
        ),
    ] {
        let mut changed = sound.clone();
        changed[at..][..value.len()].copy_from_slice(value);
        fs::write(directory.join("changed"), &changed).unwrap();
        println!("{what}");
        assert_eq!(code(&directory.join("changed"), &options()), expected, "{what}");
    }
    // A directory that was moved into one above it.
    let mut changed = sound.clone();
    let block = (root / 2048) as u32;
    changed[moved + 4..moved + 8].copy_from_slice(&block.to_le_bytes());
    changed[moved + 8..moved + 12].copy_from_slice(&block.to_be_bytes());
    fs::write(directory.join("changed"), &changed).unwrap();
    assert!(listed(&directory.join("changed")).len() > 600);
}

fn find_in(bytes: &[u8], what: &[u8]) -> usize {
    memchr::memmem::find(bytes, what).unwrap()
}

#[test]
fn a_cut_image_is_an_error() {
    let Some(workshop) = workshop(&["xorriso"]) else {
        return;
    };
    let directory = workshop.path();
    make(directory, "xorriso -as mkisofs -R -J -no-pad");
    let sound = fs::read(directory.join("image")).unwrap();
    let path = directory.join("cut");
    for len in (0x8006..sound.len())
        .step_by(sound.len() / 60)
        .chain([sound.len() - 1])
    {
        fs::write(&path, &sound[..len]).unwrap();
        assert_eq!(code(&path, &options()), "DISK_TRUNCATED", "{len}");
    }
}

#[test]
fn a_changed_byte_neither_crashes_nor_hangs() {
    let Some(workshop) = workshop(&["xorriso", "genisoimage"]) else {
        return;
    };
    let directory = workshop.path();
    let root = directory.join("root/usr");
    for number in 40..600 {
        fs::remove_file(root.join(format!("many/a-rather-long-name-{number}"))).unwrap();
    }
    for name in ["bin/large", "lib/sparse"] {
        fs::remove_file(root.join(name)).unwrap();
    }
    for line in [
        "xorriso -as mkisofs -R -rr_reloc_dir moved -no-pad",
        "xorriso -as mkisofs --norock -J -no-pad",
        "genisoimage -R -no-pad",
        "genisoimage -D -no-pad",
    ] {
        make(directory, line);
        let image = Arc::new(Memory::new(fs::read(directory.join("image")).unwrap()));
        let good = read(&image).unwrap();
        let bytes = image.bytes();
        // Where directories and their fields are: whatever is no zero.
        let places: Vec<usize> = (0x8000..bytes.len()).filter(|&at| bytes[at] != 0).collect();
        let (mut refused, mut read_on) = (0, 0);
        for (number, &at) in places.iter().enumerate().step_by(places.len() / 1500 + 1) {
            let change = if number % 2 == 0 {
                1 << (number / 2 % 8)
            } else {
                0xff
            };
            match image.changed(at, change, read) {
                Err(_) => refused += 1,
                Ok(found) => read_on += usize::from(found == good || !found.is_empty()),
            }
        }
        assert!(refused > 50 && read_on > 50, "{line}: {refused} {read_on}");
    }
}
