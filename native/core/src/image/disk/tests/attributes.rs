//! Attributes that signatures are kept in: as a kernel wrote them (`fixtures/attributes`), as xfs_db and sqfstar do, and
//! damaged.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::memory::Memory;
use super::*;
use crate::allowlist::Signatures;
use crate::testing::unhex;

/// What files have, by their paths; those with nothing are not there.
type Found = BTreeMap<String, Signatures>;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/attributes")
        .join(name)
}

/// What getfattr printed.
fn expected_of(name: &str) -> Found {
    let text = fs::read_to_string(fixture(&format!("{name}.attributes"))).unwrap();
    let mut found = Found::new();
    let mut path = String::new();
    for line in text.lines() {
        if let Some(file) = line.strip_prefix("# file: ") {
            path = format!("/{file}");
            continue;
        }
        let (name, value) = line.split_once('=').unwrap();
        let value = unhex(value.strip_prefix("0x").unwrap_or(value));
        let name = name.strip_prefix("security.").unwrap();
        let of_file = found.entry(path.clone()).or_default();
        *of_file.slot(name.as_bytes()).unwrap() = Some(value);
    }
    found
}

/// The attributes of all files, or the first error.
fn attributes(filesystem: &filesystem::Filesystem) -> Result<Found, DiskError> {
    let mut found = Found::new();
    let mut pending = vec![(String::new(), filesystem.root()?)];
    let mut seen = BTreeSet::new();
    while let Some((path, directory)) = pending.pop() {
        for (name, entry) in filesystem.list(&directory)? {
            let path = format!("{path}/{}", String::from_utf8_lossy(&name));
            let node = filesystem.node(entry)?.unwrap();
            match node.kind() {
                filesystem::Kind::Directory if seen.insert(node.identity()) => pending.push((path, node)),
                filesystem::Kind::Regular => {
                    let attributes = filesystem.attributes(&node)?;
                    if attributes != Signatures::default() {
                        found.insert(path, attributes);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

fn attributes_in(image: &Path) -> Result<Found, DiskError> {
    let disk = Disk::open(fs::File::open(image).unwrap(), None, None).unwrap();
    match &disk.volumes[0].filesystem {
        Some(Ok(filesystem)) => attributes(filesystem),
        Some(Err(error)) => Err(error.clone()),
        None => panic!("not read"),
    }
}

/// Names and lengths, as values are long.
fn brief(found: &Found) -> Vec<String> {
    let len = |value: &Option<Vec<u8>>| value.as_ref().map(Vec::len);
    let lines = found.iter();
    lines
        .map(|(path, of)| format!("{path} {:?} {:?}", len(&of.ima), len(&of.evm)))
        .collect()
}

const KINDS: [(&str, &str); 4] = [
    ("xfs", "xfs.qcow2"),
    ("btrfs", "btrfs.qcow2"),
    ("ext4", "ext4.qcow2"),
    ("squashfs", "squashfs.img"),
];

#[test]
fn attributes_are_those_that_the_kernel_shows() {
    for (name, image) in KINDS {
        let (found, expected) = (attributes_in(&fixture(image)).unwrap(), expected_of(name));
        // The samples would prove little without one of each kind.
        let text = fs::read_to_string(fixture(&format!("{name}.attributes"))).unwrap();
        for kind in [
            "ima=0x03", "ima=0x04", "ima=0x06", "evm=0x02", "evm=0x03", "evm=0x05",
        ] {
            assert!(text.contains(kind), "{name}: {kind}");
        }
        assert_eq!(brief(&found), brief(&expected), "{name}");
        assert!(found == expected, "{name}");
    }
}

#[test]
fn only_those_that_are_signatures_are_listed() {
    let mut options = options();
    options.selection.signatures = true;
    for (name, image) in KINDS {
        let extraction = extracted(&fixture(image), &options).unwrap();
        let rows = extraction.allowlist.rows();
        let found: Found = rows
            .filter_map(|row| {
                let path = String::from_utf8(row.path.to_vec()).unwrap();
                Some((path, row.signatures?.clone()))
            })
            .collect();
        let mut expected = expected_of(name);
        for of_file in expected.values_mut() {
            let is_one = |value: &Vec<u8>, kinds: [u8; 2]| !value.is_empty() && kinds.contains(&value[0]);
            of_file.ima = of_file.ima.take().filter(|value| is_one(value, [3, 6]));
            of_file.evm = of_file.evm.take().filter(|value| is_one(value, [3, 5]));
        }
        expected.retain(|_, of_file| *of_file != Signatures::default());
        assert_eq!(brief(&found), brief(&expected), "{name}");
        assert!(found == expected, "{name}");
        assert!(extraction.sources[0].notes.is_empty(), "{name}");
    }
}

/// What xfs_db prints; with `-x` it also writes.
fn xfs_db(directory: &Path, mode: &str, commands: &[String]) -> String {
    let mut line = std::process::Command::new("xfs_db");
    line.arg(mode);
    for command in commands {
        line.args(["-c", command]);
    }
    let output = line.arg("image").current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{commands:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// An XFS with `/etc/os-release`, `/file` and `/other`.
fn xfs(options: &str) -> Option<TempDir> {
    if !["mkfs.xfs", "xfs_db"].iter().all(|tool| has_tool(tool)) {
        return None;
    }
    let directory = TempDir::new().unwrap();
    let prototype = "boot\n0 0\nd--755 0 0\n\
                     etc d--755 0 0\nos-release ---644 0 0 text\n$\n\
                     file ---644 0 0 text\nother ---644 0 0 text\n$\n";
    fs::write(directory.path().join("prototype"), prototype).unwrap();
    fs::write(directory.path().join("text"), "ID=test\n").unwrap();
    run(directory.path(), "truncate -s 16M image");
    let line = format!("mkfs.xfs -q -f --unsupported -p prototype {options} image");
    run(directory.path(), &line);
    Some(directory)
}

fn commands(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// What xfs_db writes as a value.
fn letters(len: usize) -> Option<Vec<u8>> {
    Some(vec![b'v'; len])
}

#[test]
fn attributes_that_xfs_db_writes_are_read_in_every_version_and_form() {
    for (options, local) in [
        ("", 200),
        ("-b size=1024", 200),
        ("-i size=2048", 200),
        ("-b size=8k", 200),
        ("-i nrext64=0", 200),
        ("-m crc=0", 200),
        ("-m crc=0 -b size=512 -i size=256", 100),
    ] {
        // Short, in a leaf, in blocks of its own, and each with hundreds of others.
        for (ima, evm, others) in [
            (20, 10, 0),
            (local, 40, 3),
            (5000, 30, 3),
            (65_536, 9000, 0),
            (77, 5000, 400),
            (60_000, 66, 400),
        ] {
            let Some(workshop) = xfs(options) else { return };
            let directory = workshop.path();
            let mut lines = commands(&["path /file"]);
            lines.extend((0..others).map(|number| format!("attr_set -u -v 30 other-{number}")));
            lines.push(format!("attr_set -s -v {ima} ima"));
            lines.extend(commands(&["attr_set -r -v 31 ima", "attr_set -u -v 32 ima"]));
            lines.push(format!("attr_set -s -v {evm} evm"));
            xfs_db(directory, "-x", &lines);
            let found = attributes_in(&directory.join("image")).unwrap();
            let expected = Signatures {
                ima: letters(ima),
                evm: letters(evm),
            };
            let expected = Found::from([("/file".to_owned(), expected)]);
            assert_eq!(
                brief(&found),
                brief(&expected),
                "{options}: {ima}, {evm}, {others}"
            );
            assert!(found == expected, "{options}");
            let lines = commands(&["path /file", "attr_remove -s ima", "attr_remove -s evm"]);
            xfs_db(directory, "-x", &lines);
            assert_eq!(
                attributes_in(&directory.join("image")).unwrap(),
                Found::new(),
                "{options}"
            );
        }
    }
}

#[test]
fn what_contradicts_itself_in_attributes_of_xfs_is_refused_and_what_is_half_written_not_seen() {
    for (why, lines, expected) in [
        ("as it is", "", "500"),
        ("incomplete", "ablock 0; write -d entries[0].incomplete 1", "none"),
        ("of users", "ablock 0; write -d entries[0].secure 0", "none"),
        (
            "of two kinds",
            "ablock 0; write -d entries[0].root 1",
            "XFS_CORRUPT",
        ),
        (
            "another hash",
            "ablock 0; write -d entries[0].hashval 7",
            "XFS_CORRUPT",
        ),
        (
            "a name behind the end",
            "ablock 0; write -d entries[0].nameidx 0xfffe",
            "XFS_CORRUPT",
        ),
        (
            "more entries than room",
            "ablock 0; write -d hdr.count 9999",
            "XFS_CORRUPT",
        ),
        (
            "another owner",
            "ablock 0; write -d hdr.info.owner 5",
            "XFS_CHECKSUM_WRONG",
        ),
        (
            "another place",
            "ablock 0; write -d hdr.info.bno 5",
            "XFS_CHECKSUM_WRONG",
        ),
        (
            "no checksum",
            "ablock 0; write -c entries[0].hashval 7",
            "XFS_CHECKSUM_WRONG",
        ),
        ("no form", "write -d core.aformat 0", "XFS_CORRUPT"),
        ("in no place", "write -d core.forkoff 0", "XFS_CORRUPT"),
        ("behind the inode", "write -d core.forkoff 99", "XFS_CORRUPT"),
        ("another form", "write -d core.aformat 1", "XFS_CORRUPT"),
        ("a tree that is none", "write -d core.aformat 3", "XFS_CORRUPT"),
        (
            "more extents than room",
            "write -d core.naextents 99",
            "XFS_CORRUPT",
        ),
    ] {
        let Some(workshop) = xfs("-i nrext64=0") else {
            return;
        };
        let directory = workshop.path();
        xfs_db(
            directory,
            "-x",
            &commands(&["path /file", "attr_set -s -v 500 ima"]),
        );
        let mut all = commands(&["path /file"]);
        all.extend(
            lines
                .split("; ")
                .filter(|line| !line.is_empty())
                .map(str::to_owned),
        );
        xfs_db(directory, "-x", &all);
        let found = match attributes_in(&directory.join("image")) {
            Ok(found) => found.get("/file").map_or("none".to_owned(), |of_file| {
                of_file.ima.as_ref().unwrap().len().to_string()
            }),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(found, expected, "{why}");
    }
}

#[test]
fn attributes_of_squashfs_are_read_in_every_compression_and_its_table_need_not_be_there() {
    let Some(workshop) = workshop(&["sqfstar", "tar", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    let value = "a-value";
    run(
        directory,
        &format!("tar --format=pax --pax-option=SCHILY.xattr.security.ima:={value} -cf archive root"),
    );
    for (options, is_there) in [
        ("-comp gzip", true),
        ("-comp xz", true),
        ("-comp lzo", true),
        ("-comp lz4", true),
        ("-comp zstd", true),
        ("-noX", true),
        ("-no-xattrs", false),
    ] {
        let line = format!("sqfstar -force -quiet -no-progress {options} image < archive");
        fs::write(directory.join("make"), format!("rm -f image; {line}")).unwrap();
        run(directory, "sh make");
        let found = attributes_in(&directory.join("image")).unwrap();
        let files = if is_there {
            expected(&directory.join("root")).len()
        } else {
            0
        };
        assert_eq!(found.len(), files, "{options}");
        for of_file in found.values() {
            assert_eq!(of_file.ima.as_deref(), Some(value.as_bytes()), "{options}");
        }
    }
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

/// Every so manyth byte of what holds attributes, and bits to change in it.
fn places(bytes: &[u8], is_one: impl Fn(&[u8]) -> bool, len: usize, each: usize) -> Vec<(usize, u8)> {
    let starts = (0..bytes.len()).step_by(512).filter(|at| is_one(&bytes[*at..]));
    starts
        .flat_map(|start| (0..len).step_by(len / each).map(move |inside| start + inside))
        .enumerate()
        .map(|(number, at)| (at, 1 << (number % 8)))
        .collect()
}

#[test]
fn a_changed_bit_of_attributes_is_an_error_where_there_are_checksums() {
    let (Some(xfs), Some(btrfs)) = (unpacked("xfs.qcow2"), unpacked("btrfs.qcow2")) else {
        return;
    };
    let read = |image: &Arc<Memory>| attributes(&filesystem::Filesystem::open_xfs(Arc::clone(image) as _)?);
    let good = read(&xfs).unwrap();
    let is_one = |block: &[u8]| {
        block.starts_with(b"XARM")
            || block.starts_with(b"IN")
            || matches!(block[8..10], [0x3b | 0x3e, 0xee | 0xbe])
    };
    let places_of_xfs = places(&xfs.bytes(), is_one, 1024, 3);
    assert!(places_of_xfs.len() > 300, "{}", places_of_xfs.len());
    let mut refused = 0;
    for (at, bit) in places_of_xfs {
        match xfs.changed(at, bit, read) {
            // Attributes of users, and what was there before.
            Ok(found) => assert!(found == good, "byte {at}, bit {bit}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 60, "{refused}");
    let read = |image: &Arc<Memory>| attributes(&filesystem::Filesystem::open_btrfs(Arc::clone(image) as _)?);
    let good = read(&btrfs).unwrap();
    let bytes = btrfs.bytes();
    let mut refused = 0;
    let needles = memchr::memmem::find_iter(&bytes, b"security.ima")
        .chain(memchr::memmem::find_iter(&bytes, b"security.evm"));
    for at in needles {
        for inside in [0, 9, 20] {
            match btrfs.changed(at + inside, 2, read) {
                Ok(found) => assert!(found == good, "byte {at} + {inside}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn hostile_attributes_of_btrfs_with_a_right_checksum_are_refused() {
    let Some(image) = unpacked("btrfs.qcow2") else {
        return;
    };
    let read = |image: &Arc<Memory>| attributes(&filesystem::Filesystem::open_btrfs(Arc::clone(image) as _)?);
    let original = image.bytes();
    read(&image).unwrap();
    let id = original[0x1_0020..][..16].to_vec();
    let nodes = (0x2_0000..original.len()).step_by(4096);
    let nodes = nodes.filter(|at| original.get(at + 32..at + 48) == Some(&id[..]));
    let mut tried = [0; 5];
    for node in nodes {
        let bytes = &original[node..][..4096];
        for at in memchr::memmem::find_iter(bytes, b"security.ima") {
            // Its head is before the name: length of the value, length of the name, kind.
            for (number, (field, value)) in [(-5, 0xff_u8), (-3, 0x1d), (-1, 1), (0, b't'), (8, 0)]
                .iter()
                .enumerate()
            {
                let mut changed = bytes.to_vec();
                let field = at.checked_add_signed(*field).unwrap();
                changed[field] = *value;
                let checksum = crc32c::crc32c(&changed[32..]).to_le_bytes();
                changed[..4].copy_from_slice(&checksum);
                image.replace(node, &changed);
                if let Err(error) = read(&image) {
                    assert_eq!(error.code(), "BTRFS_CORRUPT", "{number}: {error}");
                    tried[number] += 1;
                }
                image.replace(node, bytes);
            }
        }
    }
    assert!(tried.iter().all(|tried| *tried > 5), "{tried:?}");
}

#[test]
fn damaged_attributes_of_squashfs_and_of_xfs_without_checksums_neither_crash_nor_hang() {
    let image = Arc::new(Memory::new(fs::read(fixture("squashfs.img")).unwrap()));
    let read =
        |image: &Arc<Memory>| attributes(&filesystem::Filesystem::open_squashfs(Arc::clone(image) as _)?);
    read(&image).unwrap();
    let bytes = image.bytes();
    let first = memchr::memmem::find(&bytes, b"\x02\x00\x03\x00ima").unwrap();
    let mut refused = 0;
    for at in (first..bytes.len()).step_by(997).chain(first - 50..first + 250) {
        for change in [1, 0x80, 0xff] {
            refused += usize::from(image.changed(at, change, read).is_err());
        }
    }
    assert!(refused > 50, "{refused}");
    // The superblock's table of attributes, which is then nowhere or none.
    for at in 56..64 {
        let _ = image.changed(at, 0xff, read);
        let _ = image.changed(at, 1, read);
    }
    let Some(workshop) = xfs("-m crc=0 -b size=1024 -i size=256") else {
        return;
    };
    let mut lines = commands(&["path /file"]);
    lines.extend((0..300).map(|number| format!("attr_set -u -v 30 other-{number}")));
    lines.push("attr_set -s -v 3000 ima".to_owned());
    lines.extend(commands(&["path /other", "attr_set -s -v 20 ima"]));
    xfs_db(workshop.path(), "-x", &lines);
    let image = Arc::new(Memory::new(fs::read(workshop.path().join("image")).unwrap()));
    let read = |image: &Arc<Memory>| attributes(&filesystem::Filesystem::open_xfs(Arc::clone(image) as _)?);
    assert_eq!(read(&image).unwrap().len(), 2);
    let is_one =
        |block: &[u8]| block.starts_with(b"IN") || matches!(block[8..10], [0xfb | 0xfe, 0xee | 0xbe]);
    let some = places(&image.bytes(), is_one, 256, 16);
    assert!(some.len() > 500, "{}", some.len());
    for (at, bit) in some {
        let _ = image.changed(at, bit, read);
        let _ = image.changed(at, 0xff, read);
    }
}
