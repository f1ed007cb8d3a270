//! Sound segments in every arrangement.

use super::Agreement::{Sound, Stops};
use super::{Agreement, Buffer, buffer, data, gzip, one, pack, zeros, zstd};
use crate::support::cpio::{Member, archive, directory, file, members, pad, symlink, trailer};

/// Uncompressed archives with NULs around and between them.
pub(super) fn paddings(oracle: &[u8]) -> Vec<Buffer> {
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
pub(super) fn each_compression(oracle: &[u8]) -> Vec<Buffer> {
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
pub(super) fn layouts(oracle: &[u8]) -> Vec<Buffer> {
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
pub(super) fn boot_configurations(oracle: &[u8]) -> Vec<Buffer> {
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
