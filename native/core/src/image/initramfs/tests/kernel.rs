//! What the kernel makes of members and of what stands between them.

use super::support::cases::cases;
use super::support::cpio::{Member, archive, directory, fifo, file, members, pad, symlink, trailer};
use super::*;

#[test]
fn each_member_does_to_the_tree_what_the_kernel_does() {
    for (index, case) in cases().iter().enumerate() {
        let top = format!("c{index}");
        let tree = read(&archive(&case.under(&top)));
        let expected: Vec<(Vec<u8>, &[u8])> = case
            .files
            .iter()
            .map(|(path, data)| match path.strip_prefix(b"/") {
                Some(_) => (path.to_vec(), *data),
                None => ([b"/", top.as_bytes(), b"/", path].concat(), *data),
            })
            .collect();
        assert_eq!(tree.listing(), listing(&expected), "{}", case.why);
    }
}

#[test]
fn all_cases_in_one_initramfs_do_not_disturb_each_other() {
    let cases = cases();
    let mut all = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        all.extend(archive(&case.under(&format!("c{index}"))));
    }
    let files: usize = cases.iter().map(|case| case.files.len()).sum();
    assert_eq!(read(&all).listing().len(), files);
}

#[test]
fn owner_and_mode_are_the_last_members() {
    let mut first = file("f", "1");
    (first.uid, first.gid, first.mode) = (7, 8, 0o104_711);
    let mut second = file("f", "2");
    (second.uid, second.gid, second.mode) = (u32::MAX, 9, 0xffff_0000 | 0o100_640);
    let tree = read(&archive(&[first, second]));
    let file = &tree.files[0];
    assert_eq!(
        (file.uid, file.gid, file.mode, file.size_bytes),
        (7, 9, 0o100_640, 1)
    );
}

#[test]
fn hard_links_share_one_content() {
    let tree = read(&archive(&[
        file("a", "").linked(1, 2),
        file("b", "x").linked(1, 2),
        file("c", "x"),
    ]));
    let contents: Vec<usize> = tree.files.iter().map(|file| file.content.0).collect();
    assert_eq!(contents[0], contents[1]);
    assert_ne!(contents[0], contents[2]);
}

#[test]
fn what_is_no_file_is_counted() {
    let tree = read(&archive(&[
        symlink("l", "x"),
        symlink("m", "x"),
        fifo("p"),
        directory("d"),
    ]));
    // The kernel itself makes /dev/console.
    assert_eq!(
        tree.skips,
        BTreeMap::from([(Skip::Symlink, 2), (Skip::Special, 2)])
    );
    assert!(tree.files.is_empty());
}

#[test]
fn the_directories_the_kernel_makes_are_there() {
    let tree = read(&archive(&[
        file("dev/x", "1"),
        file("root/y", "2"),
        file("dev/console", "3"),
    ]));
    assert_eq!(
        tree.listing(),
        listing(&[("/dev/x", "1"), ("/root/y", "2"), ("/dev/console", "3")])
    );
}

#[test]
fn members_that_come_to_nothing_are_noted() {
    let rows = [
        ("no parent", file("no/f", "1"), "MEMBER_DROPPED"),
        ("a slash", file("f/", "1"), "MEMBER_DROPPED"),
        (
            "data that is none",
            {
                let mut d = directory("d");
                d.data = b"x".to_vec();
                d
            },
            "MEMBER_SKIPPED",
        ),
        (
            "no kind",
            {
                let mut n = file("f", "");
                n.mode = 0o644;
                n
            },
            "MEMBER_SKIPPED",
        ),
    ];
    for (why, member, code) in rows {
        let tree = read(&archive(&[member, file("g", "")]));
        assert_eq!(tree.note_codes(), [code], "{why}");
        assert_eq!(tree.listing(), listing(&[("/g", "")]), "{why}");
    }
}

#[test]
fn many_notes_of_a_kind_are_given_as_a_number() {
    let dropped: Vec<_> = (0..100).map(|n| file(format!("no/{n}"), "1")).collect();
    let tree = read(&archive(&dropped));
    assert_eq!(tree.notes.len(), 17);
    assert_eq!(tree.notes[16].text, "and 84 more such members or segments");
}

#[test]
fn members_that_are_skipped_may_come_first() {
    let skipped = || Member::new(0o040_755, "d", b"data");
    let first = members(&[skipped(), skipped()]);
    let second = archive(&[file("a", "1")]);
    for nuls in [0, 512] {
        let tree = read(&[&first[..], &vec![0; nuls], &second].concat());
        assert_eq!(tree.listing(), listing(&[("/a", "1")]));
    }
    if let Some(packed) = run("gzip", &["-n"], &first) {
        let tree = read(&[&packed[..], &[0; 512], &second].concat());
        assert_eq!(tree.listing(), listing(&[("/a", "1")]));
    }
}

/// Two archives of one file each, `/a` and `/b`.
fn two() -> (Vec<u8>, Vec<u8>) {
    (archive(&[file("a", "1")]), archive(&[file("b", "2")]))
}

#[test]
fn archives_follow_each_other_with_any_padding_that_ends_at_a_multiple_of_four() {
    for padding in [0, 4, 8, 508, 512] {
        let (mut bytes, second) = two();
        bytes.resize(bytes.len() + padding, 0);
        bytes.extend(second);
        assert_eq!(
            read(&bytes).listing(),
            listing(&[("/a", "1"), ("/b", "2")]),
            "{padding}"
        );
    }
    for padding in [1, 2, 3, 5, 6, 7] {
        let (mut bytes, second) = two();
        bytes.resize(bytes.len() + padding, 0);
        bytes.extend(second);
        assert_eq!(error_code(&bytes), "CPIO_PADDING_BROKEN", "{padding}");
        let tree = Options::keep_going().read(&bytes).unwrap();
        assert_eq!(tree.listing(), listing(&[("/a", "1")]), "{padding}");
    }
}

#[test]
fn padding_may_stand_first_and_between_members() {
    let bytes = [
        vec![0; 8],
        members(&[file("a", "1")]),
        vec![0; 4],
        archive(&[file("b", "2")]),
    ]
    .concat();
    assert_eq!(read(&bytes).listing(), listing(&[("/a", "1"), ("/b", "2")]));
    assert_eq!(error_code(&[vec![0; 2], two().0].concat()), "SEGMENT_UNKNOWN");
}

#[test]
fn padding_after_the_trailer_may_be_cut_anywhere() {
    let whole = two().0;
    for padding in 0..9 {
        let mut bytes = whole.clone();
        bytes.resize(bytes.len() + padding, 0);
        assert_eq!(read(&bytes).listing(), listing(&[("/a", "1")]), "{padding}");
    }
}

#[test]
fn a_missing_trailer_is_an_error_at_the_end_and_a_note_before() {
    let open = members(&[file("a", "1")]);
    assert_eq!(error_code(&open), "CPIO_TRAILER_MISSING");
    let tree = Options::keep_going().read(&open).unwrap();
    assert_eq!(tree.listing(), listing(&[("/a", "1")]));
    assert_eq!(tree.omitted_codes(), ["CPIO_TRAILER_MISSING"]);
    if let Some(second) = run("gzip", &["-n"], &two().1) {
        let tree = read(&[open, second].concat());
        assert_eq!(tree.listing(), listing(&[("/a", "1"), ("/b", "2")]));
        assert_eq!(tree.note_codes(), ["TRAILER_ABSENT"]);
    }
}

#[test]
fn links_reach_over_segments_until_a_trailer() {
    let first = members(&[file("a", "1").linked(1, 2)]);
    let second = archive(&[file("b", "").linked(1, 2)]);
    if let Some(packed) = run("gzip", &["-n"], &second) {
        let tree = read(&[first.clone(), packed.clone()].concat());
        assert_eq!(tree.listing(), listing(&[("/a", "1"), ("/b", "1")]));
        let ended = [first, members(&[trailer()]), packed].concat();
        assert_eq!(read(&ended).listing(), listing(&[("/a", "1"), ("/b", "")]));
    }
}

/// Why, an initramfs, its error, and the files that come before it.
type Row = (
    &'static str,
    Vec<u8>,
    &'static str,
    &'static [(&'static str, &'static str)],
);

#[test]
fn wrong_members_stop_the_kernel_and_keep_what_came_before() {
    let good = || file("a", "1");
    let hex = |at: usize, digits: &[u8]| {
        let mut bytes = members(&[good()]);
        let start = bytes.len();
        bytes.extend(archive(&[file("b", "2")]));
        bytes[start + at..start + at + digits.len()].copy_from_slice(digits);
        bytes
    };
    let mut wrong_sum = file("b", "2").summed();
    wrong_sum.checksum += 1;
    let mut unterminated = file("bbb", "2");
    unterminated.name_nuls = 0;
    let rows: [Row; 9] = [
        ("odc", hex(0, b"070707"), "CPIO_FORMAT_REFUSED", &[("/a", "1")]),
        (
            "no magic",
            hex(0, b"070703"),
            "CPIO_MAGIC_UNKNOWN",
            &[("/a", "1")],
        ),
        ("0x", hex(6, b"0x000001"), "CPIO_FIELD_MALFORMED", &[("/a", "1")]),
        (
            "no digit",
            hex(102, b"0000000g"),
            "CPIO_FIELD_MALFORMED",
            &[("/a", "1")],
        ),
        (
            "name without NUL",
            archive(&[good(), unterminated]),
            "CPIO_NAME_UNTERMINATED",
            &[("/a", "1")],
        ),
        (
            "sum",
            archive(&[good(), wrong_sum]),
            "CPIO_CHECKSUM_WRONG",
            &[("/a", "1"), ("/b", "2")],
        ),
        (
            "junk",
            [members(&[good()]), b"junk".to_vec()].concat(),
            "SEGMENT_UNKNOWN",
            &[("/a", "1")],
        ),
        (
            "binary cpio",
            [members(&[good()]), b"\xc7\x71\0\0".to_vec()].concat(),
            "CPIO_FORMAT_REFUSED",
            &[("/a", "1")],
        ),
        (
            "skippable frame",
            [members(&[good()]), b"\x50\x2a\x4d\x18\0\0\0\0".to_vec()].concat(),
            "SEGMENT_UNKNOWN",
            &[("/a", "1")],
        ),
    ];
    for (why, bytes, code, files) in rows {
        assert_eq!(error_code(&bytes), code, "{why}");
        let tree = Options::keep_going().read(&bytes).unwrap();
        assert_eq!(tree.listing(), listing(files), "{why}");
        assert_eq!(tree.omitted_codes(), [code], "{why}");
    }
}

#[test]
fn a_boot_configuration_at_the_end_is_cut_off() {
    let whole = two().0;
    let with = |configuration: &[u8], sum_off_by: u32, after: usize| {
        let mut bytes = whole.clone();
        bytes.extend_from_slice(configuration);
        let sum: u32 = configuration.iter().map(|byte| u32::from(*byte)).sum();
        bytes.extend_from_slice(&u32::try_from(configuration.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&(sum + sum_off_by).to_le_bytes());
        bytes.extend_from_slice(b"#BOOTCONFIG\n");
        bytes.resize(bytes.len() + after, 0);
        bytes
    };
    for after in 0..4 {
        let tree = read(&with(b"kernel.foo = bar\n\0\0\0", 0, after));
        assert_eq!(tree.listing(), listing(&[("/a", "1")]));
        assert!(
            tree.layer
                .facts
                .iter()
                .any(|(name, _)| *name == "bootconfigBytes")
        );
    }
    // As the kernel: what does not add up is left in place, and stops it.
    assert_eq!(
        error_code(&with(b"kernel.foo = bar\n\0\0\0", 1, 0)),
        "SEGMENT_UNKNOWN"
    );
    assert_eq!(
        error_code(&with(b"kernel.foo = bar\n\0\0\0", 0, 4)),
        "SEGMENT_UNKNOWN"
    );
    // A size beyond the start of the file, and a file that is nothing else.
    let huge = [&whole[..], &[0xff; 8], b"#BOOTCONFIG\n"].concat();
    assert_eq!(error_code(&huge), "SEGMENT_UNKNOWN");
    assert_eq!(error_code(b"#BOOTCONFIG\n"), "SEGMENT_UNKNOWN");
    assert_eq!(error_code(b"\0\0\0\0\0\0\0\0#BOOTCONFIG\n"), "INITRAMFS_NOTHING");
}

#[test]
fn the_layers_say_what_it_is_made_of() {
    let early = archive(&[
        directory("kernel"),
        directory("kernel/x86"),
        directory("kernel/x86/microcode"),
        file("kernel/x86/microcode/GenuineIntel.bin", "ucode"),
    ]);
    let mut bytes = early.clone();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    let at = len(&bytes);
    let mut main = two().0;
    pad(&mut main);
    bytes.extend(&main);
    let tree = read(&bytes);
    let segments: Vec<_> = tree
        .layer
        .layers
        .iter()
        .map(|layer| (layer.offset_bytes, layer.size_bytes))
        .collect();
    assert_eq!(tree.layer.kind, "initramfs");
    assert_eq!(
        segments,
        [(Some(0), Some(len(&early))), (Some(at), Some(len(&main)))]
    );
    let is_early = |index: usize| {
        let archive: &Layer = &tree.layer.layers[index].layers[0];
        archive.facts.iter().any(|(name, _)| *name == "early")
    };
    assert!(is_early(0) && !is_early(1));
    assert_eq!(tree.files[0].path, b"/a");
    assert_eq!(tree.files[1].path, b"/kernel/x86/microcode/GenuineIntel.bin");
}
