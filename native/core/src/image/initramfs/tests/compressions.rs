//! Compressed segments, made by the tools that make them everywhere.

use super::support::cpio::{archive, directory, file, members};
use super::*;

/// A tool, its arguments, and whether the kernel would take its output.
const TOOLS: [(&str, &str, &[&str], bool); 12] = [
    ("gzip", "gzip", &["-n"], true),
    ("gzip", "gzip", &["-9"], true),
    ("bzip2", "bzip2", &["-9"], true),
    ("lzma", "lzma", &[], true),
    ("lzma", "xz", &["--format=lzma", "-9e"], true),
    ("xz", "xz", &["--check=crc32"], true),
    ("xz", "xz", &["--check=crc64", "--x86", "--lzma2"], false),
    ("xz", "xz", &["--check=sha256"], false),
    ("lzop", "lzop", &["-9"], true),
    ("lz4", "lz4", &["-l", "-9"], true),
    ("lz4 frame", "lz4", &[], false),
    ("zstd", "zstd", &["-19"], true),
];

/// A file of some size that compresses neither badly nor well.
fn data(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"abcdefghijklmnop"[usize::try_from(state >> 29).unwrap()]
        })
        .collect()
}

/// Archives of `/first`, `/main` (small, large and empty files) and `/last`.
fn three() -> ([Vec<u8>; 3], BTreeMap<Vec<u8>, String>) {
    let large = data(1, 600_000);
    let small = data(2, 5_001);
    (
        [
            archive(&[file("first", "1")]),
            archive(&[
                directory("main"),
                file("main/large", &large),
                file("main/small", &small),
                file("main/empty", ""),
            ]),
            archive(&[file("last", "3")]),
        ],
        listing(&[
            ("/first", &b"1"[..]),
            ("/main/large", &large),
            ("/main/small", &small),
            ("/main/empty", b""),
            ("/last", b"3"),
        ]),
    )
}

#[test]
fn each_compression_is_read_first_in_the_middle_and_last() {
    let ([first, main, last], expected) = three();
    for (name, tool, arguments, boots) in TOOLS {
        let Some(packed) = run(tool, &[arguments, &["-c"]].concat(), &main) else {
            continue;
        };
        for (where_, layout) in [
            ("first", vec![&packed, &first, &last]),
            ("middle", vec![&first, &packed, &last]),
            ("last", vec![&first, &last, &packed]),
        ] {
            // Plain archives stand at multiples of 4; lz4 needs a size of 0 to end.
            let mut bytes = Vec::new();
            for part in layout {
                bytes.extend_from_slice(part);
                bytes.resize((bytes.len() + 4).next_multiple_of(4), 0);
            }
            let tree = read(&bytes);
            assert!(tree.listing() == expected, "{tool} {arguments:?} {where_}");
            let segment = tree.layer.layers.iter().find(|layer| {
                layer
                    .facts
                    .contains(&("compression", crate::image::Fact::Text(name.to_owned())))
            });
            assert_eq!(segment.unwrap().size_bytes, Some(len(&packed)), "{tool} {where_}");
            let notes: &[&str] = if boots { &[] } else { &["KERNEL_REFUSES_SEGMENT"] };
            assert_eq!(tree.note_codes(), notes, "{tool} {arguments:?}");
        }
    }
}

#[test]
fn compressed_segments_follow_each_other_at_any_offset() {
    let ([first, main, last], expected) = three();
    for (_, tool, arguments, _) in TOOLS {
        let pack = |bytes: &[u8]| run(tool, &[arguments, &["-c"]].concat(), bytes);
        let (Some(first), Some(main), Some(last)) = (pack(&first), pack(&main), pack(&last)) else {
            continue;
        };
        let bare_lz4 = tool == "lz4" && arguments.contains(&"-l");
        for padding in [0, 1, 2, 3, 4, 5, 512] {
            if bare_lz4 && matches!(padding, 1..4) {
                continue;
            }
            let zeros = vec![0; padding];
            let bytes = [&first[..], &zeros, &main, &zeros, &last].concat();
            let tree = read(&bytes);
            assert!(
                tree.listing() == expected,
                "{tool} {arguments:?}, {padding} bytes of padding"
            );
        }
    }
}

#[test]
fn a_truncation_anywhere_is_an_error() {
    let main = archive(&[directory("d"), file("d/f", data(3, 700)), file("d/g", "x")]);
    let mut whole = vec![("plain", main.clone())];
    for (name, tool, arguments, _) in TOOLS {
        if let Some(packed) = run(tool, &[arguments, &["-c"]].concat(), &main) {
            whole.push((name, packed));
        }
    }
    for (name, bytes) in whole {
        assert!(Options::default().read(&bytes).is_ok(), "{name}");
        for len in 0..bytes.len() {
            assert!(
                Options::default().read(&bytes[..len]).is_err(),
                "{name} cut to {len} bytes"
            );
        }
    }
}

#[test]
fn lz4_cut_between_two_blocks_is_an_error() {
    // A block unpacks to 8 MiB; the archive goes on in the next one, once inside and once between members.
    let block = 8 << 20;
    let header = members(&[file("x", "")]).len();
    let inside = archive(&[file("x", vec![0; block])]);
    let between = archive(&[file("x", vec![0; block - header]), file("y", "1")]);
    for (bytes, code) in [(inside, "CPIO_TRUNCATED"), (between, "CPIO_TRAILER_MISSING")] {
        let Some(packed) = run("lz4", &["-l", "-c"], &bytes) else {
            return;
        };
        let first = u32::from_le_bytes(packed[4..8].try_into().unwrap());
        let end = 8 + usize::try_from(first).unwrap();
        assert!(Options::default().read(&packed).is_ok());
        assert_eq!(error_code(&packed[..end]), code);
        for len in end + 1..end + 4 {
            assert!(Options::default().read(&packed[..len]).is_err(), "{len}");
        }
    }
}

#[test]
fn lz4_needs_padding_before_what_follows() {
    let ([first, _, last], _) = three();
    let (Some(first), Some(last)) = (run("lz4", &["-l", "-c"], &first), run("gzip", &["-n"], &last)) else {
        return;
    };
    for padding in 0..4 {
        let bytes = [&first[..], &vec![0; padding], &last].concat();
        // Whatever stands there is taken for the size of a block.
        let code = error_code(&bytes);
        assert!(
            matches!(code, "SEGMENT_CORRUPT" | "SEGMENT_TRUNCATED"),
            "{padding}: {code}"
        );
    }
    let bytes = [&first[..], &[0; 4], &last].concat();
    assert_eq!(
        read(&bytes).listing(),
        listing(&[("/first", "1"), ("/last", "3")])
    );
}

#[test]
fn an_archive_over_two_streams_is_refused() {
    let whole = archive(&[file("a", data(4, 3000)), file("b", "2")]);
    for (_, tool, arguments, _) in TOOLS {
        let pack = |bytes: &[u8]| run(tool, &[arguments, &["-c"]].concat(), bytes);
        // In data, in a header, in a name.
        for at in [1500, whole.len() - 200, 112] {
            let (Some(one), Some(two)) = (pack(&whole[..at]), pack(&whole[at..])) else {
                continue;
            };
            let bytes = [one, two].concat();
            if arguments.contains(&"-l") {
                // The magic of lz4's legacy format may come again: that is one stream.
                assert_eq!(read(&bytes).files.len(), 2);
                continue;
            }
            assert_eq!(error_code(&bytes), "CPIO_SPLIT", "{tool} {at}");
        }
    }
}

#[test]
fn what_follows_an_archive_in_a_segment_is_another_one_or_padding() {
    let one = archive(&[file("a", "1")]);
    let two = archive(&[file("b", "2")]);
    let rows: [(&str, Vec<u8>, Result<usize, &str>); 6] = [
        ("another archive", [&one[..], &two].concat(), Ok(2)),
        ("padding and another", [&one[..], &[0; 512], &two].concat(), Ok(2)),
        ("padding", [&one[..], &[0; 7]].concat(), Ok(1)),
        (
            "padding to an odd offset",
            [&one[..], &[0; 5], &two].concat(),
            Err("CPIO_PADDING_BROKEN"),
        ),
        ("junk", [&one[..], b"junk"].concat(), Err("SEGMENT_JUNK")),
        ("no trailer", members(&[file("a", "1")]), Ok(1)),
    ];
    for (why, bytes, expected) in rows {
        let Some(packed) = run("gzip", &["-n"], &bytes) else {
            return;
        };
        let found = Options::default().read(&packed);
        assert_eq!(
            found.map(|tree| tree.files.len()).map_err(|error| error.code()),
            expected,
            "{why}"
        );
    }
}

#[test]
fn only_the_first_segment_of_all_must_start_with_a_member() {
    let one = archive(&[file("a", "1")]);
    let padded = [&[0; 4], &one[..]].concat();
    let (Some(empty), Some(padded)) = (run("gzip", &["-n"], b""), run("gzip", &["-n"], &padded)) else {
        return;
    };
    for packed in [&empty, &padded] {
        assert_eq!(error_code(packed), "SEGMENT_FOREIGN");
        assert_eq!(error_code(&[&[0; 8], &packed[..]].concat()), "SEGMENT_FOREIGN");
        assert_eq!(
            read(&[&one[..], packed].concat()).listing(),
            listing(&[("/a", "1")])
        );
    }
}

#[test]
fn many_tiny_segments_are_read_in_no_time_and_more_are_refused() {
    let first = archive(&[file("a", "1")]);
    for (name, tool, arguments, _) in TOOLS {
        let Some(mut tiny) = run(tool, &[arguments, &["-c"]].concat(), &[0; 4]) else {
            continue;
        };
        tiny.extend_from_slice(&[0; 4]);
        let options = Options::default();
        let most = usize::try_from(options.limits.max_segments).unwrap();
        let started = std::time::Instant::now();
        let tree = read(&[first.clone(), tiny.repeat(most)].concat());
        assert_eq!(tree.listing(), listing(&[("/a", "1")]), "{name}");
        let code = error_code(&[first.clone(), tiny.repeat(most + 1)].concat());
        assert_eq!(code, "INITRAMFS_TOO_MANY_SEGMENTS", "{name}");
        eprintln!("{most} {name} segments, twice: {:?}", started.elapsed());
        assert!(started.elapsed().as_secs() < 120, "{name}");
    }
}

#[test]
fn nothing_is_said_of_the_tree_behind_a_broken_lzma_stream() {
    // The kernel takes no member out of the last piece of the size of the dictionary, and we do not know which.
    let main = archive(&[file("before", "1"), file("large", data(6, 300_000))]);
    for (tool, arguments) in [("xz", &["--format=lzma", "-c"][..]), ("gzip", &["-n"])] {
        let Some(packed) = run(tool, arguments, &main) else {
            continue;
        };
        let kept = Options::keep_going().read(&packed[..packed.len() / 2]);
        match tool {
            "xz" => assert_eq!(kept.map(|_| ()).unwrap_err().code(), "SEGMENT_TRUNCATED"),
            _ => assert_eq!(kept.unwrap().listing(), listing(&[("/before", "1")])),
        }
    }
}

#[test]
fn damage_is_found_by_the_checks_of_the_stream() {
    let main = archive(&[file("f", data(5, 3000))]);
    for (name, tool, arguments, _) in TOOLS {
        if matches!(name, "lzma" | "lz4") || arguments.contains(&"--x86") {
            // Formats without a check, and a filter that may undo it.
            continue;
        }
        let arguments = [
            arguments,
            if tool == "zstd" {
                &["--check", "-c"][..]
            } else {
                &["-c"]
            },
        ]
        .concat();
        let Some(packed) = run(tool, &arguments, &main) else {
            continue;
        };
        let middle = packed.len() / 2;
        let mut damaged = packed.clone();
        damaged[middle] ^= 0x10;
        assert!(Options::default().read(&damaged).is_err(), "{tool}");
    }
}

#[test]
fn a_gzip_header_with_more_than_a_name_is_noted() {
    let Some(plain) = run("gzip", &["-n"], &archive(&[file("a", "1")])) else {
        return;
    };
    let mut commented = plain[..10].to_vec();
    commented[3] = 16;
    commented.extend_from_slice(b"a comment\0");
    commented.extend_from_slice(&plain[10..]);
    let tree = read(&commented);
    assert_eq!(tree.note_codes(), ["KERNEL_REFUSES_SEGMENT"]);
    assert_eq!(tree.files.len(), 1);
}

#[test]
fn gnu_cpio_and_its_hard_links_read_as_the_tree_they_were_made_of() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path();
    fs::create_dir_all(path.join("usr/bin")).unwrap();
    fs::write(path.join("usr/bin/busybox"), data(6, 100_000)).unwrap();
    for applet in ["cat", "ls", "sh"] {
        fs::hard_link(path.join("usr/bin/busybox"), path.join("usr/bin").join(applet)).unwrap();
    }
    std::os::unix::fs::symlink("usr/bin", path.join("bin")).unwrap();
    fs::write(path.join("empty"), b"").unwrap();
    fs::write(path.join("init"), b"#!/bin/sh\n").unwrap();
    let script = |format: &str| format!("cd {} && find . | cpio --quiet -o -H {format}", path.display());
    let sums = run(
        "sh",
        &[
            "-c",
            &format!("cd {} && find . -type f | xargs sha256sum", path.display()),
        ],
        b"",
    );
    let expected: BTreeMap<Vec<u8>, String> = String::from_utf8(sums.unwrap())
        .unwrap()
        .lines()
        .map(|line| line.split_once("  .").unwrap())
        .map(|(digest, path)| (path.as_bytes().to_vec(), digest.to_owned()))
        .collect();
    if run("cpio", &["--version"], b"").is_none() {
        return;
    }
    for format in ["newc", "crc"] {
        let bytes = run("sh", &["-c", &script(format)], b"").unwrap();
        assert_eq!(read(&bytes).listing(), expected, "{format}");
    }
    for format in ["odc", "bin"] {
        let bytes = run("sh", &["-c", &script(format)], b"").unwrap();
        assert_eq!(error_code(&bytes), "CPIO_FORMAT_REFUSED", "{format}");
    }
}
