//! Whole initramfs files, right and wrong, and what each is to show.

use crate::support::cases::{Case, cases};
use crate::support::cpio::{Member, archive, directory, file, members, pad, symlink, trailer};
use crate::support::tools::run;

/// How our reader and the kernel are meant to agree. Codes are of our errors and notes, or their beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// Both unpack it to its end.
    Sound,
    /// Both stop at the same place, the kernel with a line on its console.
    Stops(&'static str),
    /// The kernel says nothing of what we call an error, but its tree is what we have got until then.
    Silent(&'static str),
    /// We stop where this kernel goes on: newer ones stop as well, or it does not look. Its tree has more.
    Strict(&'static str),
    /// We go on with a note where the kernel stops: its tree has less.
    Tolerant(&'static str),
    /// We refuse to say anything of the tree.
    Refused(&'static str),
}

use Agreement::{Refused, Silent, Sound, Stops, Strict, Tolerant};

/// An initramfs.
pub(crate) struct Buffer {
    pub(crate) why: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) agreement: Agreement,
    /// The file that was being written when the kernel stopped. It stays as it is; we list none of it.
    pub(crate) half_written: Option<&'static str>,
    /// What the directories `/c0`, `/c1`, … are there for.
    pub(crate) cases: Vec<Case>,
}

fn buffer(why: impl Into<String>, agreement: Agreement, parts: &[&[u8]]) -> Buffer {
    Buffer {
        why: why.into(),
        bytes: parts.concat(),
        agreement,
        half_written: None,
        cases: Vec::new(),
    }
}

/// Every buffer. `oracle` is the archive with the program that looks at the tree; it comes first unless the first
/// segment is what a buffer is about.
pub(crate) fn all(oracle: &[u8]) -> Vec<Buffer> {
    [
        member_cases(oracle),
        root_cases(oracle),
        paddings(oracle),
        each_compression(oracle),
        layouts(oracle),
        boot_configurations(oracle),
        wrong_members(oracle),
        wrong_paddings(oracle),
        wrong_segments(oracle),
        refused_streams(oracle),
        skipped_members(oracle),
        cut_archives(oracle),
        cut_and_damaged_streams(oracle),
        nothing_to_start(oracle),
    ]
    .into_iter()
    .flatten()
    .collect()
}

// --- members ---------------------------------------------------------------------------------------------

/// Every case of the table that the fast tests use as well.
fn member_cases(oracle: &[u8]) -> Vec<Buffer> {
    let mut all = buffer("members and what they do to the tree", Sound, &[oracle]);
    for (index, case) in cases().into_iter().enumerate() {
        all.bytes.extend(archive(&case.under(&format!("c{index}"))));
        all.cases.push(case);
    }
    vec![all]
}

/// What needs no directory of its own or cannot be in one.
fn root_cases(oracle: &[u8]) -> Vec<Buffer> {
    let owned = |name: &str, uid, gid, mode| Member {
        uid,
        gid,
        mode,
        ..file(name, name)
    };
    let bytes = archive(&[
        // The kernel makes these itself, before it unpacks anything.
        file("dev/x", "1"),
        file("root/y", "2"),
        file("dev/console", "3"),
        // Names of the root.
        directory("."),
        directory("/"),
        directory(""),
        file(".", "4"),
        file("/", "5"),
        file("", "6"),
        symlink("", "x"),
        file("..", "7"),
        file("/../../up", "8"),
        file("//two", "9"),
        // Owner and mode.
        directory("o"),
        owned("o/suid", 7, 8, 0o104_711),
        owned("o/kept", 7, 8, 0o100_644),
        owned("o/kept", u32::MAX, 9, 0o102_640),
        owned("o/high", 0x1_0000, 0xffff_fffe, 0xabcd_0000 | 0o101_777),
        owned("o/none", 1, 1, 0o100_000),
        owned("o/link", 1, 1, 0o100_600).linked(77, 2),
        owned("o/link2", 2, 2, 0o100_640).linked(77, 2),
        // A file in place of another keeps the inode, and its other name follows.
        owned("o/link", 3, 3, 0o104_755),
        // Larger than any buffer.
        file("large", data(1, 5_000_001)),
        file("large", data(2, 3_000_003)),
        file("after", "10"),
    ]);
    vec![buffer(
        "the root, owners, modes, large files",
        Sound,
        &[oracle, &bytes],
    )]
}

// --- segments --------------------------------------------------------------------------------------------

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

fn zeros(count: usize) -> Vec<u8> {
    vec![0; count]
}

/// An archive of one file.
fn one(name: &str, bytes: &str) -> Vec<u8> {
    archive(&[file(name, bytes)])
}

fn pack(tool: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    run(tool, arguments, bytes).expect("the programs were looked for")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    pack("gzip", &["-n"], bytes)
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    pack("zstd", &["-qc"], bytes)
}

/// Uncompressed archives with NULs around and between them.
fn paddings(oracle: &[u8]) -> Vec<Buffer> {
    let mut plain = [&zeros(512), oracle].concat();
    for padding in [0, 4, 8, 12, 508, 512, 4096] {
        plain.extend(one(&format!("p{padding}"), "1"));
        plain.extend(zeros(padding));
    }
    // No trailer; links that reach into the next archive and do not reach over a trailer.
    plain.extend(members(&[file("a", "1").linked(1, 3)]));
    plain.extend(zeros(8));
    plain.extend(archive(&[file("b", "").linked(1, 3)]));
    plain.extend(archive(&[file("c", "").linked(1, 3)]));
    // Names that are padded so that data start at a multiple of 4 096.
    for n in 0..3 {
        let mut aligned = file(format!("aligned{n}"), data(n, 5000));
        let start = plain.len() + 110 + aligned.name.len();
        aligned.name_nuls = start.next_multiple_of(4096) - start;
        aligned.write(&mut plain);
    }
    plain.extend(members(&[trailer()]));
    let mut all = vec![buffer("archives and NULs between them", Sound, &[&plain])];
    for padding in [1, 3, 512] {
        let why = format!("{padding} NULs at the end");
        all.push(buffer(why, Sound, &[oracle, &one("a", "1"), &zeros(padding)]));
    }
    all
}

/// Streams the kernel takes: a tool, and some sets of its options.
const STREAMS: [(&str, &[&[&str]]); 7] = [
    ("gzip", &[&["-n", "-1"], &["-n", "-9"]]),
    ("bzip2", &[&["-1"], &["-9"]]),
    ("xz", &[&["--format=lzma", "-1"], &["--format=lzma", "-9e"]]),
    (
        "xz",
        &[
            &["--check=crc32"],
            &["--check=none", "-0"],
            &["--check=crc32", "--x86", "--lzma2"],
            &["--check=crc32", "--block-size=4096"],
        ],
    ),
    ("lzop", &[&["-1"], &["-9", "--crc32"]]),
    ("lz4", &[&["-l", "-1"], &["-l", "-9"]]),
    ("zstd", &[&["-q1", "--no-check"], &["-q19", "--check"]]),
];

/// One buffer a tool: its streams are first, in the middle and last, with NULs in every number behind them.
fn each_compression(oracle: &[u8]) -> Vec<Buffer> {
    STREAMS
        .into_iter()
        .map(|(tool, sets)| {
            // lz4 has no mark at its end: a size of 0 ends it, and nothing else does.
            let end: &[u8] = if tool == "lz4" { &[0; 4] } else { &[] };
            let mut bytes = pack(tool, &[sets[0], &["-c"]].concat(), oracle);
            for (index, options) in sets.iter().enumerate() {
                let pack = |bytes: &[u8]| pack(tool, &[options, &["-c"][..]].concat(), bytes);
                bytes.extend_from_slice(end);
                bytes.extend(pack(&archive(&[directory(format!("o{index}"))])));
                streams(&mut bytes, &format!("o{index}"), end, &pack);
            }
            let why = format!("streams of {tool} {}", sets[0].join(" "));
            buffer(why, Sound, &[&bytes])
        })
        .collect()
}

/// Streams in every place, with files below `top`. The last one has nothing behind it.
fn streams(bytes: &mut Vec<u8>, top: &str, end: &[u8], pack: &dyn Fn(&[u8]) -> Vec<u8>) {
    let one = |name: &str, text: &str| archive(&[file(format!("{top}/{name}"), text)]);
    for nuls in [0, 1, 2, 3, 4, 5, 6, 7, 512] {
        bytes.extend_from_slice(end);
        bytes.extend(zeros(nuls));
        bytes.extend(pack(&archive(&[
            directory(format!("{top}/{nuls}")),
            file(format!("{top}/{nuls}/a"), data(1, 40_000)),
            file(format!("{top}/{nuls}/b"), data(2, 3)),
        ])));
    }
    bytes.extend_from_slice(end);
    pad(bytes);
    bytes.extend(one("plain", "1"));
    // Between two members, no trailer: the next stream goes on, and so do hard links.
    bytes.extend(pack(&members(&[file(format!("{top}/m"), "1").linked(5, 2)])));
    bytes.extend_from_slice(end);
    bytes.extend(pack(&archive(&[file(format!("{top}/n"), "").linked(5, 2)])));
    bytes.extend_from_slice(end);
    // Several archives in a stream, and NULs around them; more than any piece a decoder hands on.
    let several = [
        one("t1", "1"),
        zeros(512),
        one("t2", "2"),
        archive(&[file(format!("{top}/t3"), data(3, 700_000))]),
        zeros(7),
    ];
    bytes.extend(pack(&several.concat()));
    bytes.extend_from_slice(end);
    // Streams of nothing and of NULs: neither may be the first.
    bytes.extend(pack(b""));
    bytes.extend_from_slice(end);
    bytes.extend(pack(&zeros(9)));
    bytes.extend_from_slice(end);
    bytes.extend(pack(&one("last", "1")));
}

/// What boot loaders and administrators put together, each below a directory of its own but for what is early.
fn layouts(oracle: &[u8]) -> Vec<Buffer> {
    let early = |name: &str| {
        archive(&[
            directory("kernel"),
            directory("kernel/x86"),
            directory("kernel/x86/microcode"),
            file(format!("kernel/x86/microcode/{name}"), name),
            file("early_cpio", "1"),
        ])
    };
    let below = |top: &str, archived: &[Member]| {
        let at_top = |member: &Member| Member {
            name: [top.as_bytes(), b"/", &member.name].concat(),
            ..member.clone()
        };
        archive(&archived.iter().map(at_top).collect::<Vec<_>>())
    };
    let main = [
        directory(""),
        directory("etc"),
        file("etc/conf", "main"),
        directory("usr"),
        directory("usr/bin"),
        symlink("bin", "usr/bin"),
        file("usr/bin/sh", "sh").linked(1, 2),
        file("usr/bin/ash", "").linked(1, 2),
    ];
    let overlay = [
        file("etc/conf", "overlay"),
        file("bin/added", "through the link"),
        file("bin/ash", "another"),
    ];
    let breaking = [directory("bin"), file("bin/added", "in a real directory")];
    let mut bytes = Vec::new();
    let mut add = |part: &[u8], nuls: usize| {
        pad(&mut bytes);
        bytes.extend_from_slice(part);
        bytes.extend(zeros(nuls));
    };
    // Several early archives, then everything that other tools lose a part of.
    add(&early("GenuineIntel.bin"), 512);
    add(&early("AuthenticAMD.bin"), 0);
    add(oracle, 0);
    add(&zstd(&below("zstd", &main)), 0);
    add(&zstd(&below("zstd", &overlay)), 0);
    add(&gzip(&below("gzip", &main)), 512);
    add(&gzip(&below("gzip", &overlay)), 0);
    add(&below("plain", &main), 0);
    add(&below("plain", &overlay), 0);
    add(&below("mixed", &main), 512);
    add(&zstd(&below("mixed", &overlay)), 0);
    add(&zstd(&below("broken", &main)), 0);
    add(&gzip(&below("broken", &breaking)), 0);
    vec![buffer(
        "early archives, main archives, overlays",
        Sound,
        &[&bytes],
    )]
}

/// The boot configuration behind an initramfs.
fn boot_configurations(oracle: &[u8]) -> Vec<Buffer> {
    let with = |size_off_by: u32, sum_off_by: u32, after: &[u8]| {
        let configuration = b"kernel.foo = bar\n\0\0\0";
        let sum: u32 = configuration.iter().map(|byte| u32::from(*byte)).sum();
        let size = u32::try_from(configuration.len()).unwrap();
        [
            oracle,
            &one("a", "1"),
            configuration,
            &size.wrapping_add(size_off_by).to_le_bytes(),
            &sum.wrapping_add(sum_off_by).to_le_bytes(),
            b"#BOOTCONFIG\n",
            after,
        ]
        .concat()
    };
    let rows: [(&str, Agreement, Vec<u8>); 6] = [
        ("a boot configuration", Sound, with(0, 0, b"")),
        ("and 3 NULs", Sound, with(0, 0, b"\0\0\0")),
        ("and 3 bytes", Sound, with(0, 0, b"abc")),
        ("and 4 NULs", Stops("SEGMENT_UNKNOWN"), with(0, 0, &[0; 4])),
        ("of another sum", Stops("SEGMENT_UNKNOWN"), with(0, 1, b"")),
        (
            "larger than all",
            Stops("SEGMENT_UNKNOWN"),
            with(u32::MAX / 2, 0, b""),
        ),
    ];
    rows.into_iter()
        .map(|(why, agreement, bytes)| buffer(format!("boot configuration: {why}"), agreement, &[&bytes]))
        .collect()
}

// --- the first error stops everything --------------------------------------------------------------------

/// A member with something wrong in the middle of an archive.
fn wrong_members(oracle: &[u8]) -> Vec<Buffer> {
    let before = members(&[file("before", "1")]);
    let patched = |at: usize, digits: &[u8]| {
        let mut bytes = members(&[file("b", "2")]);
        bytes[at..at + digits.len()].copy_from_slice(digits);
        bytes
    };
    let mut wrong_sum = file("b", "2").summed();
    wrong_sum.checksum += 1;
    let mut large_wrong_sum = file("b", data(1, 100_000)).summed();
    large_wrong_sum.checksum -= 1;
    let mut sum_of_nothing = file("b", "").summed();
    sum_of_nothing.checksum = 1;
    let mut unterminated = file("bbb", "2");
    unterminated.name_nuls = 0;
    let mut sum_of_a_link = symlink("b", "before").summed();
    sum_of_a_link.checksum += 1;
    let mut sum_of_a_dropped_file = file("no/b", "2").summed();
    sum_of_a_dropped_file.checksum += 1;
    let rows: [(&str, Agreement, Vec<u8>); 12] = [
        ("odc", Stops("CPIO_FORMAT_REFUSED"), patched(0, b"070707")),
        ("no magic", Stops("CPIO_MAGIC_UNKNOWN"), patched(0, b"070703")),
        ("a wrong sum", Stops("CPIO_CHECKSUM_WRONG"), members(&[wrong_sum])),
        (
            "a wrong sum of much",
            Stops("CPIO_CHECKSUM_WRONG"),
            members(&[large_wrong_sum]),
        ),
        (
            "a wrong sum of nothing",
            Stops("CPIO_CHECKSUM_WRONG"),
            members(&[sum_of_nothing]),
        ),
        (
            "wrong sums of a link and of a file that is dropped",
            Sound,
            members(&[sum_of_a_link, sum_of_a_dropped_file]),
        ),
        (
            "a number with 0x",
            Strict("CPIO_FIELD_MALFORMED"),
            patched(6, b"0x000001"),
        ),
        (
            "a number with a blank",
            Strict("CPIO_FIELD_MALFORMED"),
            patched(6, b"0000001 "),
        ),
        (
            "no digit in the sum of newc",
            Strict("CPIO_FIELD_MALFORMED"),
            patched(102, b"0000000g"),
        ),
        (
            "a name without NUL",
            Strict("CPIO_NAME_UNTERMINATED"),
            members(&[unterminated]),
        ),
        ("junk", Stops("SEGMENT_UNKNOWN"), b"junk".to_vec()),
        (
            "binary cpio",
            Stops("CPIO_FORMAT_REFUSED"),
            b"\xc7\x71\0\0".to_vec(),
        ),
    ];
    rows.into_iter()
        .map(|(why, agreement, wrong)| {
            let after = archive(&[file("after", "3")]);
            buffer(
                format!("a member: {why}"),
                agreement,
                &[oracle, &before, &wrong, &after],
            )
        })
        .collect()
}

/// NULs that end where nothing may start.
fn wrong_paddings(oracle: &[u8]) -> Vec<Buffer> {
    let (before, after) = (one("before", "1"), one("after", "2"));
    let packed = {
        let mut packed = gzip(&before);
        pad(&mut packed);
        packed
    };
    let mut all = Vec::new();
    for padding in [1, 2, 3, 5] {
        all.push(buffer(
            format!("{padding} NULs between two archives"),
            Stops("CPIO_PADDING_BROKEN"),
            &[oracle, &before, &zeros(padding), &after],
        ));
    }
    all.push(buffer(
        "2 NULs between an archive and a gzip member",
        Stops("CPIO_PADDING_BROKEN"),
        &[oracle, &before, &zeros(2), &gzip(&after)],
    ));
    all.push(buffer(
        "an archive at an odd offset after a gzip member",
        Stops("SEGMENT_UNKNOWN"),
        &[oracle, &packed, &zeros(2), &after],
    ));
    all.push(buffer(
        "5 NULs between two archives in a gzip member",
        Stops("CPIO_PADDING_BROKEN"),
        &[
            oracle,
            &gzip(&[&before, &zeros(5)[..], &after].concat()),
            &gzip(&after),
        ],
    ));
    all
}

/// Streams that hold something else than whole members, or that are followed by something else.
fn wrong_segments(oracle: &[u8]) -> Vec<Buffer> {
    let whole = archive(&[file("a", data(4, 3000)), file("b", "2")]);
    let after = gzip(&one("after", "3"));
    let split = |tool: &str, arguments: &[&str], at: usize| {
        let pack = |bytes: &[u8]| pack(tool, arguments, bytes);
        [pack(&whole[..at]), pack(&whole[at..])].concat()
    };
    let in_name = split("gzip", &["-n"], 111);
    let in_data = split("gzip", &["-n"], 1500);
    let in_header = split("gzip", &["-n"], 3200);
    let in_frames = split("zstd", &["-qc"], 1500);
    let in_streams = split("xz", &["--check=crc32", "-c"], 1500);
    let unpadded = gzip(&members(&[file("b", "22222")])[..110 + 2 + 5]);
    let junk = gzip(&[&one("b", "2")[..], b"junk"].concat());
    let text = gzip(b"no archive at all");
    let skippable = b"\x50\x2a\x4d\x18\0\0\0\0";
    let lz4 = pack("lz4", &["-l", "-c"], &one("b", "2"));
    let rows: [(&str, Agreement, Option<&'static str>, &[&[u8]]); 12] = [
        (
            "a member over two gzip members, in its name",
            Stops("CPIO_SPLIT"),
            None,
            &[&in_name],
        ),
        ("in its data", Stops("CPIO_SPLIT"), Some("/a"), &[&in_data]),
        ("in its header", Stops("CPIO_SPLIT"), None, &[&in_header]),
        (
            "over two zstd frames",
            Stops("CPIO_SPLIT"),
            Some("/a"),
            &[&in_frames],
        ),
        (
            "over two xz streams",
            Stops("CPIO_SPLIT"),
            Some("/a"),
            &[&in_streams],
        ),
        (
            "no padding behind the last data",
            Stops("CPIO_SPLIT"),
            None,
            &[&unpadded, &after],
        ),
        (
            "junk behind an archive",
            Stops("SEGMENT_JUNK"),
            None,
            &[&junk, &after],
        ),
        ("text", Stops("SEGMENT_JUNK"), None, &[&text, &after]),
        (
            "a skippable frame",
            Stops("SEGMENT_UNKNOWN"),
            None,
            &[skippable, &after],
        ),
        (
            "lz4 with nothing between it and the next",
            Stops("SEGMENT_TRUNCATED"),
            None,
            &[&lz4, &after],
        ),
        (
            "lz4 with three NULs between it and the next",
            Stops("SEGMENT_CORRUPT"),
            None,
            &[&lz4, &[0; 3], &after],
        ),
        (
            "lz4 and junk of three bytes",
            Stops("SEGMENT_UNKNOWN"),
            None,
            &[&lz4, b"abc"],
        ),
    ];
    rows.into_iter()
        .map(|(why, agreement, half_written, parts)| Buffer {
            half_written,
            ..buffer(format!("a segment: {why}"), agreement, &[oracle, &parts.concat()])
        })
        .collect()
}

/// Streams that are sound, but not for the kernel; and the other way round.
fn refused_streams(oracle: &[u8]) -> Vec<Buffer> {
    let bytes = archive(&[file("a", data(5, 100_000)), file("b", "2")]);
    let after = one("after", "3");
    let streamed = |tool: &str, arguments: &[&str]| pack(tool, &[arguments, &["-c"]].concat(), &bytes);
    let plain_gzip = gzip(&bytes);
    let headed = |flags: u8, field: &[u8]| {
        let mut packed = plain_gzip[..10].to_vec();
        packed[3] = flags;
        [&packed, field, &plain_gzip[10..]].concat()
    };
    let damaged = |packed: &[u8], from_end: usize| {
        let mut packed = packed.to_vec();
        let at = packed.len() - from_end;
        packed[at] ^= 1;
        packed
    };
    let mut wide = streamed("zstd", &["-q", "--no-check"]);
    assert_eq!(wide[4] & 0x20, 0, "the frame names its window");
    wide[5] = (28 - 10) << 3;
    let note = "KERNEL_REFUSES_SEGMENT";
    let rows: [(&str, Agreement, Vec<u8>); 13] = [
        ("gzip with a name", Sound, headed(8, b"name\0")),
        ("gzip with a comment", Tolerant(note), headed(16, b"comment\0")),
        ("gzip with an extra field", Tolerant(note), headed(4, b"\x02\0xx")),
        (
            "gzip with a wrong checksum, at which the kernel does not look",
            Strict("SEGMENT_CORRUPT"),
            damaged(&plain_gzip, 8),
        ),
        (
            "gzip with a wrong size, at which the kernel does not look",
            Strict("SEGMENT_CORRUPT"),
            damaged(&plain_gzip, 1),
        ),
        (
            "lzop with a wrong checksum, at which the kernel does not look",
            Strict("SEGMENT_CORRUPT"),
            {
                let mut packed = streamed("lzop", &["-1"]);
                // Magic and header; sizes of the first block; its checksum.
                let name_len = usize::from(packed[33]);
                packed[34 + name_len + 4 + 8] ^= 1;
                packed
            },
        ),
        (
            "zstd with a wrong checksum",
            Stops("SEGMENT_CORRUPT"),
            damaged(&streamed("zstd", &["-q", "--check"]), 1),
        ),
        (
            "xz with CRC64",
            Tolerant(note),
            streamed("xz", &["--check=crc64"]),
        ),
        (
            "xz with SHA-256",
            Tolerant(note),
            streamed("xz", &["--check=sha256"]),
        ),
        ("an lz4 frame", Tolerant(note), streamed("lz4", &[])),
        ("a window of 256 MiB", Refused("SEGMENT_WINDOW_TOO_LARGE"), wide),
        (
            "lzop with checksums of packed blocks",
            Stops("SEGMENT_CORRUPT"),
            streamed("lzop", &["-1", "-CC"]),
        ),
        (
            "lzop without checksums",
            Stops("SEGMENT_CORRUPT"),
            streamed("lzop", &["-1", "-F"]),
        ),
    ];
    rows.into_iter()
        .map(|(why, agreement, mut stream)| {
            stream.extend(zeros(4));
            let mut bytes = [oracle, &stream].concat();
            pad(&mut bytes);
            buffer(format!("a stream: {why}"), agreement, &[&bytes, &after])
        })
        .collect()
}

/// Members that the kernel skips, and what comes of it.
fn skipped_members(oracle: &[u8]) -> Vec<Buffer> {
    let skipped = || Member::new(0o040_755, "d", b"data");
    let first = members(&[skipped(), skipped()]);
    // gzip hands on 32 KiB at a time; the header of the member that is skipped begins in one and ends in the next.
    let mut straddling = members(&[file("before", vec![b'1'; (32 << 10) - 300])]);
    let fill = (32 << 10) - 52 - straddling.len() - members(&[file("fill", "")]).len();
    straddling.extend(members(&[file("fill", vec![b'2'; fill])]));
    assert_eq!(straddling.len(), (32 << 10) - 52);
    straddling.extend(archive(&[skipped(), file("after", "3")]));
    vec![
        buffer("members that are skipped come first", Sound, &[&first, oracle]),
        buffer(
            "members that are skipped, then NULs",
            Stops("CPIO_MAGIC_UNKNOWN"),
            &[&first, &zeros(512), oracle],
        ),
        buffer(
            "only a member that is skipped in the first segment",
            Stops("CPIO_SPLIT"),
            &[&gzip(&first), oracle],
        ),
        buffer(
            "a skipped member in two pieces",
            Tolerant("MEMBER_SKIPPED"),
            &[oracle, &gzip(&straddling)],
        ),
    ]
}

/// Uncompressed archives that end too early. The kernel does not mind; we do.
fn cut_archives(oracle: &[u8]) -> Vec<Buffer> {
    let before = members(&[file("before", "1")]);
    let cut = |member: Member, len: usize| members(&[member])[..len].to_vec();
    let mut claims_more = file("b", data(1, 700_000));
    claims_more.file_size = Some(800_000);
    let data_at = 110 + 2;
    let truncated = Silent("CPIO_TRUNCATED");
    let rows: [(&str, Agreement, Option<&'static str>, Vec<u8>); 10] = [
        (
            "between two members",
            Silent("CPIO_TRAILER_MISSING"),
            None,
            Vec::new(),
        ),
        ("in a header", truncated, None, cut(file("b", "22222"), 60)),
        ("in a name", truncated, None, cut(file("bbbbbb", "2"), 113)),
        (
            "before the data",
            truncated,
            Some("/b"),
            cut(file("b", "22222"), data_at),
        ),
        (
            "in the data",
            truncated,
            Some("/b"),
            cut(file("b", "22222"), data_at + 3),
        ),
        (
            "in the padding",
            truncated,
            None,
            cut(file("b", "22222"), data_at + 6),
        ),
        (
            "in the target of a link",
            truncated,
            None,
            cut(symlink("b", "22222"), data_at + 3),
        ),
        (
            "in data of a file with two names",
            truncated,
            Some("/b"),
            [
                members(&[file("a", "1").linked(1, 2)]),
                cut(file("b", "22222").linked(1, 2), data_at + 3),
            ]
            .concat(),
        ),
        ("in much data", truncated, Some("/b"), members(&[claims_more])),
        ("in the trailer", truncated, None, cut(trailer(), 120)),
    ];
    rows.into_iter()
        .map(|(why, agreement, half_written, bytes)| Buffer {
            half_written,
            ..buffer(format!("cut {why}"), agreement, &[oracle, &before, &bytes])
        })
        .collect()
}

/// Streams that are cut or damaged in the middle of a large file, with a small one before and after it.
fn cut_and_damaged_streams(oracle: &[u8]) -> Vec<Buffer> {
    let bytes = archive(&[
        file("before", "1"),
        file("large", data(6, 3_000_000)),
        file("behind", "2"),
    ]);
    let after = gzip(&one("after", "3"));
    let mut all = Vec::new();
    for (tool, arguments) in [
        ("gzip", &["-n"][..]),
        ("bzip2", &[]),
        ("xz", &["--format=lzma"]),
        ("xz", &["--check=crc32"]),
        ("lzop", &[]),
        ("lz4", &["-l"]),
        ("zstd", &["-q"]),
    ] {
        let packed = pack(tool, &[arguments, &["-c"]].concat(), &bytes);
        let middle = packed.len() / 2;
        // What the kernel has taken from a `.lzma` stream before an error depends on the size of its dictionary.
        let agreement = |code| {
            if arguments.contains(&"--format=lzma") {
                Refused(code)
            } else {
                Stops(code)
            }
        };
        // The kernel reads lz4 blocks beyond the end, and may fall over what is there.
        if tool != "lz4" {
            all.push(Buffer {
                half_written: Some("/large"),
                ..buffer(
                    format!("a stream cut in the middle: {tool} {}", arguments.join(" ")),
                    agreement("SEGMENT_TRUNCATED"),
                    &[oracle, &packed[..middle]],
                )
            });
        }
        // Without checks, what is unpacked may be sound as a stream and junk as an archive.
        let mut damaged = packed.clone();
        for byte in &mut damaged[middle..middle + 64] {
            *byte ^= 0x55;
        }
        all.push(Buffer {
            half_written: Some("/large"),
            ..buffer(
                format!("a stream damaged in the middle: {tool} {}", arguments.join(" ")),
                agreement("SEGMENT_"),
                &[oracle, &damaged, &after],
            )
        });
    }
    all
}

/// What keeps the kernel from finding any program to start.
fn nothing_to_start(oracle: &[u8]) -> Vec<Buffer> {
    vec![
        buffer("NULs only", Refused("INITRAMFS_NOTHING"), &[&zeros(4096)]),
        buffer("2 NULs first", Stops("SEGMENT_UNKNOWN"), &[&zeros(2), oracle]),
        buffer(
            "an empty gzip member first",
            Stops("SEGMENT_FOREIGN"),
            &[&gzip(b""), &gzip(oracle)],
        ),
        buffer(
            "NULs first in the first gzip member",
            Stops("SEGMENT_FOREIGN"),
            &[&gzip(&[&zeros(512), oracle].concat())],
        ),
        buffer(
            "NULs, then NULs first in the first gzip member",
            Stops("SEGMENT_FOREIGN"),
            &[&zeros(512), &gzip(&[&zeros(512), oracle].concat())],
        ),
    ]
}
