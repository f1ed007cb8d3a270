//! Members that no program makes, or only to deceive.

use super::*;
use crate::image::Limits;

#[test]
fn what_a_member_does_to_the_tree_is_what_gnu_tar_does() {
    if !has_tool("tar") {
        return;
    }
    let directory = TempDir::new().unwrap();
    let rows: [(&str, Vec<Made>); 12] = [
        ("parents are made", vec![Made::file("a/b/c", "1")]),
        (
            "the last one wins",
            vec![Made::file("f", "1"), Made::file("f", "22")],
        ),
        (
            "a second name keeps its bytes",
            vec![
                Made::file("f", "1"),
                Made::link(b'1', "g", "f"),
                Made::file("f", "22"),
            ],
        ),
        (
            "a directory that is a link",
            vec![
                Made::directory("usr/bin"),
                Made::link(b'2', "bin", "usr/bin"),
                Made::file("bin/x", "1"),
            ],
        ),
        (
            "a file replaces a symbolic link, not its target",
            vec![
                Made::file("t", "1"),
                Made::link(b'2', "f", "t"),
                Made::file("f", "22"),
            ],
        ),
        (
            "a directory replaces a symbolic link",
            vec![
                Made::directory("r"),
                Made::link(b'2', "l", "r"),
                Made::directory("l"),
                Made::file("l/x", "1"),
            ],
        ),
        (
            "a directory stays with what is in it",
            vec![
                Made::directory("d"),
                Made::file("d/x", "1"),
                Made::directory("d/"),
            ],
        ),
        (
            "a file replaces an empty directory",
            vec![Made::directory("d"), Made::file("d", "1")],
        ),
        (
            "a hard link to a symbolic link",
            vec![
                Made::file("t", "1"),
                Made::link(b'2', "s", "t"),
                Made::link(b'1', "h", "s"),
            ],
        ),
        (
            "a hard link to itself",
            vec![Made::file("f", "1"), Made::link(b'1', "f", "./f")],
        ),
        (
            "slashes and dots in names",
            vec![Made::file("./a//b/./c", "1"), Made::file("/d", "2")],
        ),
        (
            "a slash behind a name",
            vec![Made::file("d/", ""), Made::file("d/x", "1")],
        ),
    ];
    for (why, members) in rows {
        let (ours, theirs) = both(directory.path(), &members);
        assert_eq!(ours, theirs, "{why}");
    }
}

#[test]
fn what_programs_disagree_about_or_cannot_make_is_refused() {
    let directory = TempDir::new().unwrap();
    let long = "n".repeat(5000);
    let rows: Vec<(&str, &str, Vec<Made>)> = vec![
        ("upwards", "TAR_NAME_REFUSED", vec![Made::file("../x", "1")]),
        (
            "upwards inside",
            "TAR_NAME_REFUSED",
            vec![Made::file("a/../x", "1")],
        ),
        (
            "no name",
            "TAR_NAME_REFUSED",
            vec![Made::file("f", ""), Made::file("", "1")],
        ),
        (
            "the top as a file",
            "TAR_NAME_REFUSED",
            vec![Made::file("./.", "1")],
        ),
        (
            "a link upwards",
            "TAR_NAME_REFUSED",
            vec![Made::link(b'1', "x", "../f")],
        ),
        (
            "NUL in a name",
            "TAR_EXTENDED_MALFORMED",
            vec![Made::pax("path=a\0b"), Made::file("x", "1")],
        ),
        (
            "a name longer than any",
            "TAR_NAME_REFUSED",
            vec![Made::pax(&format!("path={long}")), Made::file("x", "1")],
        ),
        (
            "two sizes",
            "TAR_AMBIGUOUS",
            vec![Made::pax("size=512"), Made::file("x", "1")],
        ),
        (
            "no size and a small one",
            "TAR_AMBIGUOUS",
            vec![Made::pax("size=512"), Made::file("x", "")],
        ),
        (
            "two names",
            "TAR_AMBIGUOUS",
            vec![
                Made::new(b'L', "././@LongLink", b"a\0"),
                Made::pax("path=b"),
                Made::file("x", "1"),
            ],
        ),
        (
            "two headers of a kind",
            "TAR_EXTENDED_MALFORMED",
            vec![Made::pax("path=a"), Made::pax("path=b"), Made::file("x", "1")],
        ),
        (
            "a header of nothing",
            "TAR_EXTENDED_MALFORMED",
            vec![Made::file("x", "1"), Made::pax("path=a")],
        ),
        (
            "one name for all",
            "TAR_EXTENDED_MALFORMED",
            vec![
                Made::file("y", "1"),
                Made::new(b'g', "g", b"10 path=a\n"),
                Made::file("x", "1"),
            ],
        ),
        (
            "a hard link with data",
            "TAR_AMBIGUOUS",
            vec![
                Made::file("f", "1"),
                Made::link(b'1', "x", "f").with(124, b"00000000001\0"),
            ],
        ),
        (
            "a hard link to nothing",
            "TAR_LINK_TARGET_MISSING",
            vec![Made::link(b'1', "x", "f")],
        ),
        (
            "a hard link to a directory",
            "TAR_LINK_TARGET_MISSING",
            vec![Made::directory("d"), Made::link(b'1', "x", "d")],
        ),
        (
            "a hard link through a symbolic link",
            "TAR_AMBIGUOUS",
            vec![
                Made::file("d/f", "1"),
                Made::link(b'2', "l", "d"),
                Made::link(b'1', "x", "l/f"),
            ],
        ),
        (
            "a file in the place of a full directory",
            "TAR_PATH_BLOCKED",
            vec![Made::file("d/f", "1"), Made::file("d", "1")],
        ),
        (
            "below a file",
            "TAR_PATH_BLOCKED",
            vec![Made::file("f", "1"), Made::file("f/x", "1")],
        ),
        (
            "below a link to nothing",
            "TAR_PATH_BLOCKED",
            vec![Made::link(b'2', "l", "nothing"), Made::file("l/x", "1")],
        ),
        (
            "links in a circle",
            "TAR_PATH_BLOCKED",
            vec![
                Made::link(b'2', "a", "b"),
                Made::link(b'2', "b", "a"),
                Made::file("a/x", "1"),
            ],
        ),
        (
            "an unknown type",
            "TAR_TYPE_UNKNOWN",
            vec![Made::new(b'Z', "x", b"1")],
        ),
        (
            "of several volumes",
            "TAR_TYPE_UNKNOWN",
            vec![Made::new(b'M', "x", b"1")],
        ),
        (
            "a negative size",
            "TAR_FIELD_MALFORMED",
            vec![Made::file("f", "1"), Made::file("x", "").with(124, &[0xff; 12])],
        ),
        (
            "a size that is no number",
            "TAR_FIELD_MALFORMED",
            vec![
                Made::file("f", "1"),
                Made::file("x", "").with(124, b"0000000000x\0"),
            ],
        ),
        (
            "a sparse file with overlapping pieces",
            "TAR_SPARSE_MALFORMED",
            vec![
                Made::pax("GNU.sparse.size=9\nGNU.sparse.map=0,2,1,2"),
                Made::file("x", "1234"),
            ],
        ),
        (
            "a sparse file with other sizes",
            "TAR_SPARSE_MALFORMED",
            vec![
                Made::pax("GNU.sparse.size=9\nGNU.sparse.map=0,2"),
                Made::file("x", "1234"),
            ],
        ),
        (
            "a sparse file of the future",
            "TAR_SPARSE_MALFORMED",
            vec![
                Made::pax("GNU.sparse.major=2\nGNU.sparse.minor=0\nGNU.sparse.realsize=9"),
                Made::file("x", "1234"),
            ],
        ),
    ];
    for (why, expected, members) in rows {
        assert_eq!(code_of(directory.path(), &archive(&members)), expected, "{why}");
    }
    let mut lone = archive(&[Made::file("f", "1")]);
    lone.truncate(lone.len() - 512);
    let hidden = [&lone[..], &archive(&[Made::file("g", "1")])].concat();
    assert_eq!(
        code_of(directory.path(), &hidden),
        "TAR_AMBIGUOUS",
        "one block of zeros"
    );
}

#[test]
fn a_container_image_among_other_files_is_refused_instead_of_its_blobs_listed() {
    let directory = TempDir::new().unwrap();
    for files in [
        ["var/x", "oci-layout", "index.json"],
        ["var/x", "manifest.json", "json"],
        ["a/layer.tar", "a/json", "repositories"],
    ] {
        let members = files.map(|name| Made::file(name, "{}"));
        assert_eq!(
            code_of(directory.path(), &archive(&members)),
            "TAR_CONTAINER_IMAGE"
        );
    }
    for files in [["manifest.json", "etc/passwd"], ["etc/passwd", "manifest.json"]] {
        let path = directory.path().join("archive");
        fs::write(&path, archive(&files.map(|name| Made::file(name, "{}")))).unwrap();
        assert_eq!(listed(&path).len(), 2);
    }
}

#[test]
fn a_pax_size_where_the_header_has_no_room_is_taken() {
    let directory = TempDir::new().unwrap();
    let members = [Made::pax("size=8589934593"), Made::file("x", "")];
    assert_eq!(code_of(directory.path(), &archive(&members)), "TAR_TOO_LARGE");
    let path = directory.path().join("archive");
    let mut options = options();
    options.limits.max_unpacked_bytes = u64::MAX;
    assert_eq!(extracted(&path, &options).unwrap_err().code(), "TAR_TRUNCATED");
}

#[test]
fn what_cannot_be_taken_is_left_out_with_keep_going_and_the_rest_is_listed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("archive");
    let members = [
        Made::file("a", "1"),
        Made::file("../b", "2"),
        Made::file("c", "3"),
    ];
    fs::write(&path, archive(&members)).unwrap();
    let mut options = options();
    options.keep_going = true;
    let extraction = extracted(&path, &options).unwrap();
    assert_eq!(
        (lines(&extraction).len(), extraction.sources[0].omitted_count),
        (2, 1)
    );
}

#[test]
fn what_follows_the_end_is_noted_and_duplicates_are() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("archive");
    let first = archive(&[Made::file("f", "1"), Made::file("f", "2")]);
    fs::write(&path, [&first[..], &archive(&[Made::file("g", "1")])].concat()).unwrap();
    let extraction = extracted(&path, &options()).unwrap();
    let codes: Vec<_> = extraction.sources[0].notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, ["DUPLICATE_PATH", "TRAILING_BYTES"]);
    assert_eq!(lines(&extraction).len(), 1);
}

fn small() -> Vec<u8> {
    archive(&[
        Made::directory("usr/bin"),
        Made::pax("path=usr/bin/a\nmtime=1.5"),
        Made::file("x", "some bytes"),
        Made::pax("GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.name=s\nGNU.sparse.realsize=2000"),
        Made::new(
            b'0',
            "x",
            &[&b"2\n0\n2\n1999\n1\n"[..], &[0; 512 - 13], b"abc"].concat(),
        ),
        Made::link(b'1', "b", "usr/bin/a"),
        Made::link(b'2', "bin", "usr/bin"),
    ])
}

#[test]
fn an_archive_that_is_cut_at_any_byte_is_an_error() {
    let directory = TempDir::new().unwrap();
    let whole = small();
    let path = directory.path().join("whole");
    fs::write(&path, &whole).unwrap();
    assert_eq!(listed(&path).len(), 3);
    for len in 0..whole.len() {
        let code = code_of(directory.path(), &whole[..len]);
        let expected = match len {
            0 => &["IMAGE_EMPTY"][..],
            // Too short to be known for what it is.
            1..512 => &["FORMAT_UNKNOWN"],
            _ => &["TAR_TRUNCATED", "TAR_END_MISSING"],
        };
        assert!(expected.contains(&code), "cut at {len}: {code}");
    }
}

#[test]
fn a_header_with_any_byte_changed_is_an_error() {
    let directory = TempDir::new().unwrap();
    let whole = archive(&[Made::file("a", "1"), Made::file("b", "2"), Made::file("c", "3")]);
    let second = 1024;
    for at in second..second + 512 {
        for change in [1, 0x80] {
            let mut changed = whole.clone();
            changed[at] ^= change;
            let path = directory.path().join("archive");
            fs::write(&path, &changed).unwrap();
            match extracted(&path, &options()) {
                Err(error) => assert_eq!(error.code(), "TAR_CHECKSUM_WRONG", "byte {at}"),
                // What ends the number of the checksum may be a blank or a NUL.
                Ok(found) => assert_eq!(lines(&found).len(), 3, "byte {at}"),
            }
        }
    }
}

#[test]
fn a_small_archive_cannot_claim_files_without_end() {
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    let claims = [
        Made::pax("GNU.sparse.size=1125899906842624\nGNU.sparse.map=0,1"),
        Made::file("x", "1"),
    ];
    assert_eq!(code_of(path, &archive(&claims)), "TAR_TOO_LARGE");
    let header = Made::new(b'x', "pax", b"").with(124, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    assert_eq!(
        code_of(path, &[&header.bytes()[..], &[0; 2048]].concat()),
        "TAR_EXTENDED_MALFORMED"
    );
    let data = Made::file("x", "").with(124, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    assert_eq!(
        code_of(path, &[&data.bytes()[..], &[0; 2048]].concat()),
        "TAR_TOO_LARGE"
    );
    let many: Vec<Made> = (0..20)
        .map(|number| Made::file(&number.to_string(), "1"))
        .collect();
    fs::write(path.join("archive"), archive(&many)).unwrap();
    for (limits, expected) in [
        (
            Limits {
                max_files: 19,
                ..Limits::default()
            },
            "TOO_MANY_FILES",
        ),
        (
            Limits {
                max_text_bytes: 25,
                ..Limits::default()
            },
            "TAR_TOO_MUCH_TEXT",
        ),
        (
            Limits {
                max_path_steps: 30,
                ..Limits::default()
            },
            "TAR_TOO_MANY_STEPS",
        ),
    ] {
        let options = ExtractOptions { limits, ..options() };
        assert_eq!(
            extracted(&path.join("archive"), &options).unwrap_err().code(),
            expected
        );
    }
}

#[test]
fn an_archive_that_unpacks_to_far_more_than_it_has_is_refused() {
    if !has_tool("zstd") {
        return;
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path();
    fs::write(
        path.join("plain"),
        archive(&[Made::new(b'0', "x", &vec![0; 80 << 20])]),
    )
    .unwrap();
    let packed = run(path, "zstd -c -q plain");
    assert_eq!(code_of(path, &packed), "TAR_RATIO_TOO_HIGH");
}

#[test]
fn a_changed_byte_under_a_right_checksum_neither_crashes_nor_hangs() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("archive");
    let sparse = || {
        Made::new(b'S', "sparse", b"abc")
            .with(257, b"ustar  \0")
            .with(386, b"00000000001\x0000000000003\x00")
            .with(483, b"00000000100\0")
    };
    fs::write(&path, archive(&[sparse()])).unwrap();
    let whole = [&[0; 1][..], b"abc", &[0; 60]].concat();
    let digest = ima_assay_digest::hash(ima_assay_digest::Algorithm::Sha256, &whole).to_string();
    assert_eq!(
        listed(&path),
        Lines::from([format!("{digest}  /sparse").into_bytes()])
    );
    for at in 0..512 {
        for value in [0, b' ', b'7', 0x80, 0xff] {
            for members in [
                [sparse().with(at, &[value]), Made::file("f", "1")],
                [Made::pax("path=x").with(at, &[value]), Made::file("f", "1")],
                [
                    Made::file("f", "1"),
                    Made::link(b'1', "x", "f").with(at, &[value]),
                ],
            ] {
                fs::write(&path, archive(&members)).unwrap();
                let _ = extracted(&path, &options());
            }
        }
    }
}
