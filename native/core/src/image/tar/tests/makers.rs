//! Archives as programs make them.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, symlink};

use super::*;

/// A directory with `root/`: everything that archives keep in different ways.
fn workshop(tools: &[&str]) -> Option<TempDir> {
    if !["tar", "sha256sum"]
        .iter()
        .chain(tools)
        .all(|tool| has_tool(tool))
    {
        return None;
    }
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("root");
    for path in ["etc", "usr/bin", "usr/lib", "var/log"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    let write = |path: &str, bytes: &[u8]| fs::write(root.join(path), bytes).unwrap();
    write("usr/lib/empty", b"");
    write("usr/lib/short", b"short");
    write("usr/lib/block", &[b'y'; 512]);
    write("usr/lib/chunk", &[b'z'; 64 << 10]);
    write("usr/bin/with space", b"space");
    write(
        "usr/bin/large",
        &(0..700_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>(),
    );
    fs::hard_link(root.join("usr/lib/short"), root.join("usr/bin/linked")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("/usr/lib", root.join("lib")).unwrap();
    let owned = root.join("usr/lib/huge-owner");
    fs::write(&owned, b"huge").unwrap();
    // Only root can give files away.
    let _ = std::os::unix::fs::chown(&owned, Some(3_000_000_000), Some(3_000_000_001));
    Some(directory)
}

/// Names that no v7 header has room for, and bytes that are no UTF-8.
fn add_names(directory: &Path) {
    let deep = directory
        .join("root/usr")
        .join("d".repeat(90))
        .join("e".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    let name = "n".repeat(90);
    fs::write(deep.join(&name), b"long").unwrap();
    fs::hard_link(deep.join(&name), deep.join("linked")).unwrap();
    symlink("t".repeat(200), deep.join("to-a-long-target")).unwrap();
    let bytes = std::ffi::OsStr::from_bytes(b"\xff\xfe latin \xe4");
    fs::write(directory.join("root/usr/lib").join(bytes), b"bytes").unwrap();
}

/// Files with holes: at the start, in the middle, at the end, everywhere, and in many pieces.
fn add_sparse(directory: &Path) {
    let make = |name: &str, size: u64, pieces: &[(u64, &[u8])]| {
        let file = fs::File::create(directory.join("root/usr/lib").join(name)).unwrap();
        file.set_len(size).unwrap();
        for (offset, bytes) in pieces {
            file.write_all_at(bytes, *offset).unwrap();
        }
    };
    make("hole", 3 << 20, &[]);
    make("hole-first", 1 << 20, &[((1 << 20) - 5, b"end")]);
    make("hole-last", 1 << 20, &[(0, b"start")]);
    make("hole-inside", 300_000, &[(0, b"start"), (299_990, b"end")]);
    let pieces: Vec<(u64, &[u8])> = (0..60).map(|piece| (piece * 65536, &b"piece"[..])).collect();
    make("pieces", 60 * 65536, &pieces);
}

fn check(directory: &Path, archive: &str, why: &str) {
    let found = listed(&directory.join(archive));
    assert!(found.len() > 7, "{why}");
    assert_eq!(found, unpacked(directory, archive), "{why}");
}

#[test]
fn gnu_tar_in_every_format() {
    let Some(workshop) = workshop(&[]) else { return };
    let directory = workshop.path();
    for format in ["v7", "oldgnu", "gnu", "ustar", "posix"] {
        // Small numbers only where there is no other way to write them.
        let owner = match format {
            "v7" | "ustar" => "--owner=1 --group=1",
            _ => "",
        };
        run(
            directory,
            &format!("tar -cf plain --format={format} {owner} -C root ."),
        );
        check(directory, "plain", format);
        let named = format!("tar -cf named --format={format} {owner} -C root usr etc bin var");
        run(directory, &named);
        check(directory, "named", format);
    }
    run(directory, "tar -cf labelled --format=gnu --label=name -C root .");
    check(directory, "labelled", "with a name of its own");
    add_names(directory);
    for format in ["oldgnu", "gnu", "posix"] {
        run(directory, &format!("tar -cf long --format={format} -C root ."));
        check(directory, "long", format);
    }
    assert_eq!(listed(&directory.join("long")), digests(&directory.join("root")));
}

#[test]
fn gnu_tar_with_sparse_files_in_every_format() {
    let Some(workshop) = workshop(&[]) else { return };
    let directory = workshop.path();
    add_names(directory);
    add_sparse(directory);
    for format in [
        "gnu",
        "oldgnu",
        "posix --sparse-version=0.0",
        "posix --sparse-version=0.1",
        "posix --sparse-version=1.0",
    ] {
        run(directory, &format!("tar -cSf sparse --format={format} -C root ."));
        let size = fs::metadata(directory.join("sparse")).unwrap().len();
        assert!(size < 5 << 20, "{format}: the holes are not stored");
        check(directory, "sparse", format);
    }
    assert_eq!(
        listed(&directory.join("sparse")),
        digests(&directory.join("root"))
    );
}

#[test]
fn bsdtar_in_every_format() {
    let Some(workshop) = workshop(&["bsdtar"]) else {
        return;
    };
    let directory = workshop.path();
    for format in ["v7", "ustar", "gnutar", "pax", "restricted pax"] {
        let format = format.replace("restricted pax", "paxr");
        let owner = match format.as_str() {
            "v7" | "ustar" => "--uid 1 --gid 1",
            _ => "",
        };
        run(
            directory,
            &format!("bsdtar -cf plain --format={format} {owner} -C root ."),
        );
        check(directory, "plain", &format);
    }
    add_names(directory);
    add_sparse(directory);
    for format in ["gnutar", "pax"] {
        run(directory, &format!("bsdtar -cf long --format={format} -C root ."));
        check(directory, "long", format);
    }
}

#[test]
fn python_in_every_format() {
    let Some(workshop) = workshop(&["python3"]) else {
        return;
    };
    let directory = workshop.path();
    add_names(directory);
    let script = "import sys, tarfile
tar = tarfile.open('made', 'w', format=int(sys.argv[1]), errors='surrogateescape')
tar.add('root', '.')
tar.close()
";
    fs::write(directory.join("make.py"), script).unwrap();
    for (format, number) in [("GNU", 1), ("PAX", 2)] {
        run(directory, &format!("python3 make.py {number}"));
        check(directory, "made", format);
    }
    assert_eq!(listed(&directory.join("made")), digests(&directory.join("root")));
}

#[test]
fn every_compression_in_one_stream_and_in_several() {
    let Some(workshop) = workshop(&["gzip", "bzip2", "xz", "zstd", "lz4", "lzop"]) else {
        return;
    };
    let directory = workshop.path();
    run(directory, "tar -cf plain -C root .");
    let expected = listed(&directory.join("plain"));
    let plain = fs::read(directory.join("plain")).unwrap();
    for (packer, has_several) in [
        ("gzip", true),
        ("bzip2", true),
        ("xz", true),
        ("zstd", true),
        ("lz4", true),
        ("lz4 -l", false),
        ("xz --format=lzma", false),
        ("lzop", false),
    ] {
        let pack = |name: &str, bytes: &[u8]| {
            fs::write(directory.join(name), bytes).unwrap();
            run(directory, &format!("{packer} -c {name}"))
        };
        let whole = pack("whole", &plain);
        fs::write(directory.join("packed"), &whole).unwrap();
        assert_eq!(listed(&directory.join("packed")), expected, "{packer}");
        if has_several {
            let (first, second) = plain.split_at(100_000);
            let several = [pack("first", first), pack("second", second)].concat();
            fs::write(directory.join("packed"), &several).unwrap();
            assert_eq!(
                listed(&directory.join("packed")),
                expected,
                "{packer}, two streams"
            );
        }
        for cut in [1, 2, 9, 100, whole.len() / 2] {
            let path = directory.join("packed");
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            // A legacy lz4 file has no mark at its end.
            let found = extracted(&path, &options()).map(|extraction| lines(&extraction));
            assert!(found.is_err(), "{packer}: {cut} bytes are missing");
        }
    }
}

#[test]
fn files_of_other_owners_and_default_skips_are_left_out_unless_asked_for() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("archive");
    let members = [
        Made::file("etc/ours", "1"),
        Made::file("etc/theirs", "2").with(108, b"0001750\0"),
        Made::file("var/log/x", "3"),
        Made::link(b'1', "usr/of-var", "var/log/x"),
        Made::link(b'2', "etc/link", "ours"),
        Made::new(b'6', "etc/fifo", b""),
        Made::pax("uid=0"),
        Made::file("etc/by-pax", "4").with(108, b"0001750\0"),
    ];
    fs::write(&path, archive(&members)).unwrap();
    let extraction = extracted(&path, &ExtractOptions::default()).unwrap();
    let names: Vec<_> = lines(&extraction)
        .iter()
        .map(|line| line[66..].to_vec())
        .collect();
    for name in [&b"/etc/ours"[..], b"/usr/of-var", b"/etc/by-pax"] {
        assert!(names.iter().any(|found| found == name), "{names:?}");
    }
    assert_eq!(names.len(), 3);
    let skipped: Vec<_> = extraction.sources[0]
        .skipped
        .iter()
        .map(|(skip, count)| (skip.name(), *count))
        .collect();
    assert_eq!(
        skipped,
        [("paths", 1), ("owners", 1), ("symlinks", 1), ("special", 1)]
    );
}
