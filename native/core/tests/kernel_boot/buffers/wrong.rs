//! Where the first error stops everything, and where it should.

use super::Agreement::{Refused, Silent, Sound, Stops, Strict, Tolerant};
use super::{Agreement, Buffer, Names, buffer, data, gzip, one, pack, zeros};
use crate::support::cpio::{self, Member, archive, file, pad, symlink, trailer};

/// A member with something wrong in the middle of an archive.
pub(super) fn members(oracle: &[u8]) -> Vec<Buffer> {
    let before = cpio::members(&[file("before", "1")]);
    let patched = |at: usize, digits: &[u8]| {
        let mut bytes = cpio::members(&[file("b", "2")]);
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
        (
            "a wrong sum",
            Stops("CPIO_CHECKSUM_WRONG"),
            cpio::members(&[wrong_sum]),
        ),
        (
            "a wrong sum of much",
            Stops("CPIO_CHECKSUM_WRONG"),
            cpio::members(&[large_wrong_sum]),
        ),
        (
            "a wrong sum of nothing",
            Stops("CPIO_CHECKSUM_WRONG"),
            cpio::members(&[sum_of_nothing]),
        ),
        (
            "wrong sums of a link and of a file that is dropped",
            Sound,
            cpio::members(&[sum_of_a_link, sum_of_a_dropped_file]),
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
            cpio::members(&[unterminated]),
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
pub(super) fn paddings(oracle: &[u8]) -> Vec<Buffer> {
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
pub(super) fn segments(oracle: &[u8]) -> Vec<Buffer> {
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
    let unpadded = gzip(&cpio::members(&[file("b", "22222")])[..110 + 2 + 5]);
    let junk = gzip(&[&one("b", "2")[..], b"junk"].concat());
    let text = gzip(b"no archive at all");
    let skippable = b"\x50\x2a\x4d\x18\0\0\0\0";
    let lz4 = pack("lz4", &["-l", "-c"], &one("b", "2"));
    type Row<'r> = (&'static str, Agreement, Names, &'r [&'r [u8]]);
    let rows: [Row<'_>; 12] = [
        (
            "a member over two gzip members, in its name",
            Stops("CPIO_SPLIT"),
            &[],
            &[&in_name],
        ),
        ("in its data", Stops("CPIO_SPLIT"), &["/a"], &[&in_data]),
        ("in its header", Stops("CPIO_SPLIT"), &[], &[&in_header]),
        (
            "over two zstd frames",
            Stops("CPIO_SPLIT"),
            &["/a"],
            &[&in_frames],
        ),
        (
            "over two xz streams",
            Stops("CPIO_SPLIT"),
            &["/a"],
            &[&in_streams],
        ),
        (
            "no padding behind the last data",
            Stops("CPIO_SPLIT"),
            &[],
            &[&unpadded, &after],
        ),
        (
            "junk behind an archive",
            Stops("SEGMENT_JUNK"),
            &[],
            &[&junk, &after],
        ),
        ("text", Stops("SEGMENT_JUNK"), &[], &[&text, &after]),
        (
            "a skippable frame",
            Stops("SEGMENT_UNKNOWN"),
            &[],
            &[skippable, &after],
        ),
        (
            "lz4 with nothing between it and the next",
            Stops("SEGMENT_TRUNCATED"),
            &[],
            &[&lz4, &after],
        ),
        (
            "lz4 with three NULs between it and the next",
            Stops("SEGMENT_CORRUPT"),
            &[],
            &[&lz4, &[0; 3], &after],
        ),
        (
            "lz4 and junk of three bytes",
            Stops("SEGMENT_UNKNOWN"),
            &[],
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
pub(super) fn refused_streams(oracle: &[u8]) -> Vec<Buffer> {
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
pub(super) fn skipped_members(oracle: &[u8]) -> Vec<Buffer> {
    let skipped = || Member::new(0o040_755, "d", b"data");
    let first = cpio::members(&[skipped(), skipped()]);
    // gzip hands on 32 KiB at a time; the header of the member that is skipped begins in one and ends in the next.
    let mut straddling = cpio::members(&[file("before", vec![b'1'; (32 << 10) - 300])]);
    let fill = (32 << 10) - 52 - straddling.len() - cpio::members(&[file("fill", "")]).len();
    straddling.extend(cpio::members(&[file("fill", vec![b'2'; fill])]));
    assert_eq!(straddling.len(), (32 << 10) - 52);
    straddling.extend(archive(&[skipped(), file("after", "3")]));
    vec![
        buffer(
            "members that are skipped come first, then NULs",
            Sound,
            &[&first, &zeros(512), oracle],
        ),
        buffer(
            "nothing but members that are skipped in the first segment",
            Sound,
            &[&gzip(&first), &gzip(oracle)],
        ),
        buffer(
            "a skipped member in two pieces",
            Tolerant("MEMBER_SKIPPED"),
            &[oracle, &gzip(&straddling)],
        ),
    ]
}

/// Uncompressed archives that end too early. The kernel does not mind; we do.
pub(super) fn cut_archives(oracle: &[u8]) -> Vec<Buffer> {
    let before = cpio::members(&[file("before", "1")]);
    let cut = |member: Member, len: usize| cpio::members(&[member])[..len].to_vec();
    let mut claims_more = file("b", data(1, 700_000));
    claims_more.file_size = Some(800_000);
    let data_at = 110 + 2;
    let truncated = Silent("CPIO_TRUNCATED");
    let rows: [(&str, Agreement, Names, Vec<u8>); 10] = [
        (
            "between two members",
            Silent("CPIO_TRAILER_MISSING"),
            &[],
            Vec::new(),
        ),
        ("in a header", truncated, &[], cut(file("b", "22222"), 60)),
        ("in a name", truncated, &[], cut(file("bbbbbb", "2"), 113)),
        (
            "before the data",
            truncated,
            &["/b"],
            cut(file("b", "22222"), data_at),
        ),
        (
            "in the data",
            truncated,
            &["/b"],
            cut(file("b", "22222"), data_at + 3),
        ),
        (
            "in the padding",
            truncated,
            &[],
            cut(file("b", "22222"), data_at + 6),
        ),
        (
            "in the target of a link",
            truncated,
            &[],
            cut(symlink("b", "22222"), data_at + 3),
        ),
        (
            "in data of a file with two names",
            truncated,
            &["/a", "/b"],
            [
                cpio::members(&[file("a", "1").linked(1, 2)]),
                cut(file("b", "22222").linked(1, 2), data_at + 3),
            ]
            .concat(),
        ),
        ("in much data", truncated, &["/b"], cpio::members(&[claims_more])),
        ("in the trailer", truncated, &[], cut(trailer(), 120)),
    ];
    rows.into_iter()
        .map(|(why, agreement, half_written, bytes)| Buffer {
            half_written,
            ..buffer(format!("cut {why}"), agreement, &[oracle, &before, &bytes])
        })
        .collect()
}

/// Streams that are cut or damaged in the middle of a large file, with a small one before and after it.
pub(super) fn cut_and_damaged_streams(oracle: &[u8]) -> Vec<Buffer> {
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
                half_written: &["/large"],
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
            half_written: &["/large"],
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
pub(super) fn nothing_to_start(oracle: &[u8]) -> Vec<Buffer> {
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
