//! What no tool would write.

use super::support::cpio::{archive, directory, file, members, symlink, trailer};
use super::*;

#[test]
fn sizes_that_are_not_true_are_errors_and_no_allocations() {
    let claims = |name_size: Option<u32>, file_size: Option<u32>| {
        let mut member = file("f", "data");
        (member.name_size, member.file_size) = (name_size, file_size);
        members(&[member])
    };
    let mut device = file("f", "data");
    (device.mode, device.file_size) = (0o020_600, Some(u32::MAX));
    let mut link = symlink("l", "data");
    link.file_size = Some(4096);
    let rows = [
        ("4 GiB - 1 of data", claims(None, Some(u32::MAX))),
        ("a little more than there is", claims(None, Some(9))),
        ("4 GiB - 1 of name", claims(Some(u32::MAX), None)),
        ("a long name", claims(Some(4096), None)),
        ("both", claims(Some(u32::MAX), Some(u32::MAX))),
        ("a device of 4 GiB - 1", members(&[device])),
        ("a long target", members(&[link])),
    ];
    for (why, bytes) in rows {
        assert_eq!(error_code(&bytes), "CPIO_TRUNCATED", "{why}");
    }
}

#[test]
fn a_file_that_was_cut_is_not_in_the_tree_and_no_short_content() {
    let mut large = file("b", vec![7; 700_000]);
    large.file_size = Some(800_000);
    for links in [1, 2] {
        let first = file("a", "1").linked(1, links);
        let bytes = members(&[first, large.clone().linked(1, links)]);
        let tree = Options::keep_going().read(&bytes).unwrap();
        let expected: &[(&str, &str)] = if links == 1 { &[("/a", "1")] } else { &[] };
        assert_eq!(tree.listing(), listing(expected));
        assert_eq!(tree.omitted_codes(), ["CPIO_TRUNCATED"]);
        assert!(matches!(tree.digests[1], Err(ImageError::Stopped)));
    }
}

/// So many empty files with names in no order.
fn tiny_members(count: u32) -> Vec<u8> {
    let mut bytes = members(&[directory("d")]);
    let mut one = members(&[file("d/000000", "")]);
    let at = 110 + 2;
    for n in 0..count {
        let name = format!("{:06x}", n.wrapping_mul(0x9E37_79B1) >> 8);
        one[at..at + 6].copy_from_slice(name.as_bytes());
        bytes.extend_from_slice(&one);
    }
    trailer().write(&mut bytes);
    bytes
}

#[test]
fn ten_times_as_many_members_take_about_ten_times_as_long() {
    let time = |count| {
        let bytes = tiny_members(count);
        let started = std::time::Instant::now();
        let tree = read(&bytes);
        assert!(tree.files.len() > usize::try_from(count).unwrap() / 10 * 9);
        started.elapsed()
    };
    // Not optimised, a million take half a minute.
    let is_slow = std::env::var_os("IMA_ASSAY_SLOW_TESTS").is_some();
    let many = if is_slow { 1_000_000 } else { 100_000 };
    let (few_took, many_took) = (time(many / 10), time(many));
    eprintln!("{many} members: {many_took:?}, a tenth of them: {few_took:?}");
    // The machine may be busy with other things in between; quadratic work would take a hundred times as long.
    assert!(many_took < few_took * 40);
}

#[test]
fn limits_are_kept() {
    let zeros = archive(&[file("f", vec![0; 100 << 20])]);
    let limited = |change: &dyn Fn(&mut Limits), bytes: &[u8]| {
        let mut options = Options::default();
        change(&mut options.limits);
        options
            .read(bytes)
            .map(|tree| tree.files.len())
            .map_err(|error| error.code())
    };
    let Some(zstd) = run("zstd", &["-c"], &zeros) else {
        return;
    };
    assert_eq!(limited(&|_| {}, &zstd), Err("INITRAMFS_RATIO_TOO_HIGH"));
    assert_eq!(limited(&|limits| limits.max_ratio = u64::MAX, &zstd), Ok(1));
    assert_eq!(
        limited(&|limits| limits.max_unpacked_bytes = 1 << 20, &zstd),
        Err("INITRAMFS_TOO_LARGE")
    );
    let three = archive(&[file("a", ""), file("b", ""), file("c", "")]);
    assert_eq!(limited(&|limits| limits.max_files = 4, &three), Ok(3));
    assert_eq!(
        limited(&|limits| limits.max_files = 3, &three),
        Err("INITRAMFS_TOO_MANY_MEMBERS")
    );
    let deep = archive(&[
        directory("a"),
        directory("a/b"),
        directory("a/b/c"),
        file("a/b/c/f", ""),
    ]);
    assert_eq!(limited(&|limits| limits.max_depth = 3, &deep), Ok(1));
    assert_eq!(
        limited(&|limits| limits.max_depth = 2, &deep),
        Err("INITRAMFS_TOO_DEEP")
    );
    let linked = archive(&[
        directory("d"),
        symlink("k", "d"),
        symlink("l", "k"),
        file("l/f", ""),
    ]);
    assert_eq!(limited(&|limits| limits.max_symlinks = 2, &linked), Ok(1));
    assert_eq!(limited(&|limits| limits.max_symlinks = 1, &linked), Ok(0));
}

#[test]
fn short_members_that_take_much_memory_or_time_are_refused() {
    let limited = |change: &dyn Fn(&mut Limits), bytes: &[u8]| {
        let mut options = Options::default();
        change(&mut options.limits);
        options
            .read(bytes)
            .map(|tree| tree.files.len())
            .map_err(|error| error.code())
    };
    let text = |limit: u64| move |limits: &mut Limits| limits.max_text_bytes = limit;
    // /dev, /dev/console and /root are there already: 14 bytes.
    let names = archive(&[file("a", ""), file("b".repeat(99), "")]);
    assert_eq!(limited(&text(14 + 100), &names), Ok(2));
    assert_eq!(limited(&text(14 + 99), &names), Err("INITRAMFS_TEXT_TOO_LARGE"));
    let targets = archive(&[symlink("a", "t".repeat(4000)), symlink("b", "t".repeat(4000))]);
    assert_eq!(limited(&text(14 + 8002), &targets), Ok(0));
    assert_eq!(
        limited(&text(14 + 8001), &targets),
        Err("INITRAMFS_TEXT_TOO_LARGE")
    );
    // What is replaced takes no memory any more.
    let replaced: Vec<_> = (0..100).map(|_| symlink("a", "t".repeat(4000))).collect();
    assert_eq!(limited(&text(14 + 4001), &archive(&replaced)), Ok(0));
    let removed: Vec<_> = (0..100)
        .flat_map(|n| {
            [
                directory("d"),
                file("d", ""),
                directory("d"),
                symlink("d", format!("{n}")),
            ]
        })
        .collect();
    assert_eq!(limited(&text(14 + 3), &archive(&removed)), Ok(0));
    // The table of links keeps names of its own, until a trailer.
    let linked = |n: u32| file(format!("no/{}", "l".repeat(1000)), "").linked(n, 2);
    let links = [members(&[linked(1), linked(2), trailer()]), archive(&[linked(3)])].concat();
    assert_eq!(limited(&text(2006), &links), Ok(0));
    assert_eq!(limited(&text(2005), &links), Err("INITRAMFS_TEXT_TOO_LARGE"));
    // Long paths of short members: through a link.
    let deep = format!("{}/", "d".repeat(200));
    let mut all: Vec<_> = (1..=10)
        .map(|n| directory(deep.repeat(n).trim_end_matches('/')))
        .collect();
    all.push(symlink("l", deep.repeat(10)));
    all.extend((0..10).map(|n| file(format!("l/{n}"), "")));
    assert_eq!(limited(&text(20_200), &archive(&all)), Ok(10));
    assert_eq!(
        limited(&text(20_100), &archive(&all)),
        Err("INITRAMFS_TEXT_TOO_LARGE")
    );
    // Targets of 2 000 parts, one after the other.
    let mut all = vec![directory("l0")];
    all.extend((1..=40).map(|n| symlink(format!("l{n}"), format!("{}l{}", "./".repeat(2000), n - 1))));
    all.push(file("l40/f", "1"));
    let steps = |limit: u64| move |limits: &mut Limits| limits.max_path_steps = limit;
    assert_eq!(limited(&steps(500_000), &archive(&all)), Ok(1));
    assert_eq!(
        limited(&steps(80_000), &archive(&all)),
        Err("INITRAMFS_TOO_MANY_STEPS")
    );
}

#[test]
fn a_small_file_that_unpacks_to_very_much_is_refused_soon() {
    // A zstd frame of blocks that repeat one byte: 4 bytes for 128 KiB. 1 MB for 34 GB.
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
    let mut block = |size: usize, kind: usize, data: &[u8]| {
        bytes.extend_from_slice(&(size << 3 | kind << 1).to_le_bytes()[..3]);
        bytes.extend_from_slice(data);
    };
    let mut zeros = file("zeros", "");
    zeros.file_size = Some(u32::MAX);
    let header = members(&[zeros]);
    block(header.len(), 0, &header);
    for _ in 0..(1 << 20) / 4 {
        block(128 << 10, 1, b"\0");
    }
    let started = std::time::Instant::now();
    assert_eq!(error_code(&bytes), "INITRAMFS_RATIO_TOO_HIGH");
    eprintln!("34 GB from 1 MB: refused after {:?}", started.elapsed());
    let mut options = Options::default();
    (options.limits.max_unpacked_bytes, options.limits.max_ratio) = (1 << 30, u64::MAX);
    let found = options.read(&bytes).map(|_| ()).map_err(|error| error.code());
    assert_eq!(found, Err("INITRAMFS_TOO_LARGE"));
    assert!(started.elapsed().as_secs() < 120);
}

#[test]
fn windows_are_bounded_whatever_a_header_claims() {
    let bytes = archive(&[file("f", vec![1; 3 << 20])]);
    let rows: [(&str, &[&str], usize); 3] = [
        ("zstd", &["--long=22", "-c"], 0),
        ("xz", &["--check=crc32", "--lzma2=dict=4MiB", "-c"], 0),
        ("lzma", &["-6", "-c"], 0),
    ];
    for (tool, arguments, _) in rows {
        let Some(packed) = run(tool, arguments, &bytes) else {
            continue;
        };
        let mut options = Options::default();
        assert!(options.read(&packed).is_ok(), "{tool}");
        options.limits.max_window_bytes = 1 << 20;
        assert_eq!(
            options.read(&packed).map(|_| ()).map_err(|error| error.code()),
            Err("SEGMENT_WINDOW_TOO_LARGE"),
            "{tool}"
        );
    }
    // The largest dictionary a `.lzma` header can name, and the largest window of a zstd frame.
    let mut lzma = vec![0x5d];
    lzma.extend_from_slice(&[0, 0, 0, 0xc0]);
    lzma.extend_from_slice(&[0xff; 8]);
    lzma.extend_from_slice(&[0; 32]);
    assert_eq!(error_code(&lzma), "SEGMENT_WINDOW_TOO_LARGE");
    assert_eq!(
        error_code(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 0, 0, 0]),
        "SEGMENT_WINDOW_TOO_LARGE"
    );
}

#[test]
fn paths_the_kernel_cannot_name_are_reported() {
    // Directories below directories, through a link, until the real path is longer than any name.
    let part = "d".repeat(200);
    let mut path = String::new();
    let mut all = Vec::new();
    for _ in 0..15 {
        path = format!("{path}{part}/");
        all.push(directory(path.trim_end_matches('/')));
    }
    all.push(symlink("l", &path));
    let mut below = String::from("l/");
    for _ in 0..6 {
        below = format!("{below}{part}/");
        all.push(directory(below.trim_end_matches('/')));
    }
    all.push(file(format!("{below}f"), "1"));
    all.push(file("g", "2"));
    assert_eq!(error_code(&archive(&all)), "INITRAMFS_PATH_TOO_LONG");
    let tree = Options::keep_going().read(&archive(&all)).unwrap();
    assert_eq!(tree.listing(), listing(&[("/g", "2")]));
}

#[test]
fn nothing_at_all_is_said_so() {
    assert!(matches!(Options::default().read(b""), Err(ImageError::Empty)));
    assert_eq!(error_code(&[0; 1000]), "INITRAMFS_NOTHING");
    assert_eq!(read(&members(&[trailer()])).files.len(), 0);
}

#[test]
fn a_request_to_stop_is_followed() {
    let options = Options::default();
    options.control.cancel();
    let found = options.read(&archive(&[file("f", "1")]));
    assert!(matches!(found, Err(ImageError::Cancelled)));
}

#[test]
fn a_reader_that_gives_up_ends_the_scan() {
    /// Takes contents and drops them.
    struct Forgetful;

    impl<'s> Sink<'s> for Forgetful {
        fn content(&mut self, _: Content<'s>) -> Result<ContentId, ImageError> {
            Ok(ContentId(0))
        }
        fn file(&mut self, _: File) {}
        fn skip(&mut self, _: Skip) {}
        fn note(&mut self, _: Note) {}
        fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
            Err(error)
        }
    }

    let source = initramfs(&archive(&[file("f", vec![1; 10 << 20])]));
    let (limits, control, selection) = (Limits::default(), Control::default(), Selection::default());
    let scan = Scan {
        selection: &selection,
        limits: &limits,
        control: &control,
    };
    assert!(source.scan(&scan, &mut Forgetful).is_ok());
}

#[test]
fn hostile_names_are_shown_on_one_line() {
    let mut member = file("f\x1b[2J\n", "1").summed();
    member.checksum += 1;
    let shown = error(&archive(&[member])).to_string();
    assert!(
        shown.contains("f\\u{1b}[2J\\n") && !shown.contains('\n'),
        "{shown}"
    );
}

#[test]
fn errors_say_where_and_what_to_do() {
    let plain = [archive(&[file("a", "1")]), b"junk".to_vec()].concat();
    let place = error(&plain).place();
    assert_eq!(place.offset_bytes, Some(len(&plain) - 4));
    let Some(packed) = run(
        "gzip",
        &["-n"],
        &[&archive(&[file("a", "1")])[..], b"junk"].concat(),
    ) else {
        return;
    };
    let found = error(&[&[0; 512], &packed[..]].concat());
    assert_eq!(found.place().offset_bytes, Some(512));
    assert_eq!(
        found.to_string(),
        "at byte 240 of what the gzip segment at byte 512 unpacks to: neither a cpio member nor padding but byte 0x6a"
    );
    assert!(found.hint().is_some());
}
