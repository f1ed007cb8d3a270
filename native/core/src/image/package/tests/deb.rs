//! Debian packages.

use super::*;

pub(super) fn control(directory: &Path) {
    let path = directory.join("tree/DEBIAN");
    fs::create_dir_all(&path).unwrap();
    let text =
        "Package: sample\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n";
    fs::write(path.join("control"), text).unwrap();
}

/// What dpkg makes of a package in a root.
fn installed(directory: &Path, package: &str) -> Lines {
    merged_root(directory);
    let files = run(directory, &format!("dpkg-deb --fsys-tarfile {package}"));
    fs::write(directory.join("files.tar"), files).unwrap();
    // As dpkg does, and `dpkg-deb -x` does not.
    run(
        directory,
        "tar -xf files.tar --keep-directory-symlink -C installed",
    );
    digests(&directory.join("installed"))
}

#[test]
fn every_compression_of_dpkg_gives_what_dpkg_installs() {
    if !["dpkg-deb", "tar", "sha256sum"].iter().all(|tool| has_tool(tool)) {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    control(directory);
    for compression in ["none", "gzip", "xz", "zstd"] {
        let build = format!("dpkg-deb --root-owner-group -Z{compression} -b tree sample.deb");
        run(directory, &build);
        let found = listed(&directory.join("sample.deb"));
        assert_eq!(found.len(), 7, "{compression}");
        assert_eq!(found, installed(directory, "sample.deb"), "{compression}");
    }
    assert_eq!(notes(&directory.join("sample.deb")), ["USR_MERGED"]);
    let whole = fs::read(directory.join("sample.deb")).unwrap();
    // The last byte may be padding, which dpkg does not ask for.
    for cut in [2, 3, 60, 500, whole.len() - 100, whole.len() - 9] {
        let code = code_of_bytes(directory, &whole[..whole.len() - cut]);
        assert!(
            code.starts_with("DEB_") || code.starts_with("TAR_") || code == "FORMAT_UNKNOWN",
            "{cut}: {code}"
        );
    }
}

#[test]
fn the_compressions_of_old_packages_are_read_as_well() {
    if !["ar", "tar", "bzip2", "xz", "lz4"]
        .iter()
        .all(|tool| has_tool(tool))
    {
        return;
    }
    let directory = tree();
    let directory = directory.path();
    fs::write(directory.join("debian-binary"), b"2.0\n").unwrap();
    run(directory, "tar -cf data.tar --owner=0 --group=0 -C tree .");
    run(directory, "tar -czf control.tar.gz -C tree etc");
    let expected = listed(&directory.join("data.tar"));
    for (packer, suffix) in [("bzip2", "bz2"), ("xz --format=lzma", "lzma")] {
        let data = format!("data.tar.{suffix}");
        fs::write(
            directory.join(&data),
            run(directory, &format!("{packer} -c data.tar")),
        )
        .unwrap();
        let _ = fs::remove_file(directory.join("sample.deb"));
        run(
            directory,
            &format!("ar rc sample.deb debian-binary control.tar.gz {data}"),
        );
        let found = listed(&directory.join("sample.deb"));
        assert_eq!(found.len(), expected.len(), "{packer}");
    }
    fs::write(directory.join("data.tar.lz4"), run(directory, "lz4 -c data.tar")).unwrap();
    fs::remove_file(directory.join("sample.deb")).unwrap();
    run(
        directory,
        "ar rc sample.deb debian-binary control.tar.gz data.tar.lz4",
    );
    assert_eq!(code_of(&directory.join("sample.deb")), "DEB_UNSUPPORTED");
}

/// A member of an `ar` archive.
fn member(name: &str, data: &[u8]) -> Vec<u8> {
    let size = data.len();
    let mut bytes = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, "100644").into_bytes();
    bytes.extend_from_slice(data);
    if size % 2 == 1 {
        bytes.push(b'\n');
    }
    bytes
}

fn package(members: &[(&str, &[u8])]) -> Vec<u8> {
    let members = members.iter().flat_map(|(name, data)| member(name, data));
    b"!<arch>\n".iter().copied().chain(members).collect()
}

#[test]
fn a_package_has_its_three_members_in_their_order() {
    let directory = TempDir::new().unwrap();
    let data = archive(&[Made::file("./usr/x", "1"), Made::file("./lib/y", "2")]);
    let (version, tar) = (("debian-binary", &b"2.0\n"[..]), ("data.tar", &data[..]));
    let control = ("control.tar", &b"x"[..]);
    let path = directory.path().join("sound");
    for members in [
        vec![version, control, tar],
        vec![version, control, ("_extra", b"left out"), tar],
        vec![
            ("debian-binary", b"2.1\nmore"),
            control,
            tar,
            ("_gpgorigin", b"1"),
        ],
    ] {
        fs::write(&path, package(&members)).unwrap();
        let found = listed(&path);
        let names: Vec<&[u8]> = found.iter().map(|line| &line[66..]).collect();
        assert!(names.contains(&&b"/usr/x"[..]) && names.contains(&&b"/usr/lib/y"[..]));
    }
    for (why, expected, members) in [
        (
            "another version",
            "DEB_UNSUPPORTED",
            vec![("debian-binary", &b"3.0\n"[..]), control, tar],
        ),
        (
            "no version",
            "DEB_MALFORMED",
            vec![("debian-binary", &b""[..]), control, tar],
        ),
        ("no control", "DEB_MALFORMED", vec![version, tar]),
        ("no data", "DEB_MALFORMED", vec![version, control]),
        ("two of data", "DEB_MALFORMED", vec![version, control, tar, tar]),
        (
            "something else",
            "DEB_MALFORMED",
            vec![version, control, ("other", b"1"), tar],
        ),
        (
            "an empty archive",
            "TAR_END_MISSING",
            vec![version, control, ("data.tar", b"")],
        ),
        (
            "no archive",
            "TAR_TRUNCATED",
            vec![version, control, ("data.tar", b"x")],
        ),
    ] {
        assert_eq!(
            code_of_bytes(directory.path(), &package(&members)),
            expected,
            "{why}"
        );
    }
    let sound = package(&[version, control, tar]);
    for (why, at, byte) in [
        ("size", 8 + 48, b'x'),
        ("size", 8 + 48, b'9'),
        ("mark", 8 + 58, b'x'),
    ] {
        let mut changed = sound.clone();
        changed[at] = byte;
        assert_eq!(
            code_of_bytes(directory.path(), &changed),
            "DEB_MALFORMED",
            "{why}"
        );
    }
}
