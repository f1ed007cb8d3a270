//! VMDKs: parents, extents in other files, what ESXi writes, and headers that lie.

use super::containers::{assert_as_qemu, bytes_of, opened};
use super::qcow2::shell;
use super::*;

/// Puts other bytes in the place of some that are there once.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = memchr::memmem::find(bytes, old).unwrap();
    let mut bytes = bytes.to_vec();
    bytes.splice(at..at + old.len(), new.iter().copied());
    bytes
}

#[test]
fn several_extents_are_one_disk() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "qemu-io", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    // A disk of 4 GiB, most of it a hole, with files on both sides of 2 GiB.
    mke2fs(directory, "raw", "4200M", "-t ext4 -E lazy_itable_init=0 -N 2048");
    let expected = expected(&directory.join("root"));
    for kind in ["twoGbMaxExtentSparse", "twoGbMaxExtentFlat"] {
        run(
            directory,
            &format!("qemu-img convert -f raw -O vmdk -o subformat={kind} raw image.vmdk"),
        );
        let made = opened(&directory.join("image.vmdk")).unwrap();
        assert!(
            made.facts.contains(&("extents", Fact::Number(3))),
            "{kind}: {:?}",
            made.facts
        );
        for at in [0, (2_u64 << 30) - 70_000, (4 << 30) - 70_000, 4_300_000_000] {
            let found = read_at::read_vec(made.disk.as_ref(), at, 140_000).unwrap();
            let mut expected = vec![0; 140_000];
            let raw = fs::File::open(directory.join("raw")).unwrap();
            std::os::unix::fs::FileExt::read_exact_at(&raw, &mut expected, at).unwrap();
            assert!(found == expected, "{kind}: at {at}");
        }
        assert_same(&listed(&directory.join("image.vmdk")), &expected, kind);
    }
}

#[test]
fn an_extent_of_zeros_has_no_file() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "8M", "-t ext4");
    run(
        directory,
        "qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat raw image.vmdk",
    );
    let text = fs::read(directory.join("image.vmdk")).unwrap();
    let text = replaced(
        &text,
        b"\n# The Disk Data Base",
        b"RDONLY 2048 ZERO\n\n# The Disk Data Base",
    );
    fs::write(directory.join("image.vmdk"), text).unwrap();
    let mut expected = fs::read(directory.join("raw")).unwrap();
    expected.resize(9 << 20, 0);
    assert!(bytes_of(&directory.join("image.vmdk")).unwrap() == expected);
}

#[test]
fn a_stream_has_its_directory_at_the_end() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    run(
        directory,
        "qemu-img convert -f raw -O vmdk -o subformat=streamOptimized raw image",
    );
    // As VMware writes it: only the footer says where the directory is.
    let mut bytes = fs::read(directory.join("image")).unwrap();
    let header = bytes[..512].to_vec();
    bytes[56..64].fill(0xff);
    let marker = |sectors: u64, kind: u32| {
        let mut marker = vec![0; 512];
        marker[..8].copy_from_slice(&sectors.to_le_bytes());
        marker[12..16].copy_from_slice(&kind.to_le_bytes());
        marker
    };
    bytes.extend([marker(1, 3), header, marker(0, 0)].concat());
    fs::write(directory.join("stream"), &bytes).unwrap();
    assert_as_qemu(directory, "stream", "vmdk", "a stream");
    assert_same(
        &listed(&directory.join("stream")),
        &expected(&directory.join("root")),
        "a stream",
    );
    for len in bytes.len() - 1600..bytes.len() {
        fs::write(directory.join("cut"), &bytes[..len]).unwrap();
        assert_eq!(
            code(&directory.join("cut"), &options()),
            "DISK_MALFORMED",
            "cut at {len}"
        );
    }
}

#[test]
fn a_changed_grain_of_a_stream_is_an_error() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "8M", "-t ext4");
    run(
        directory,
        "qemu-img convert -f raw -O vmdk -o subformat=streamOptimized raw image",
    );
    let whole = fs::read(directory.join("image")).unwrap();
    // The grains start behind what the header says comes before them.
    let start = u64::from_le_bytes(whole[64..72].try_into().unwrap()) as usize * 512;
    for at in (start..whole.len() - 512).step_by(9973) {
        let mut changed = whole.clone();
        changed[at] ^= 4;
        fs::write(directory.join("changed"), changed).unwrap();
        if let Ok(found) = bytes_of(&directory.join("changed")) {
            // Between two grains there is padding.
            assert!(found == fs::read(directory.join("raw")).unwrap(), "byte {at}");
        }
    }
}

#[test]
fn what_is_below_a_vmdk_shows_through() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "qemu-io"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    let made = [
        "qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse raw below.vmdk",
        "qemu-img create -q -f vmdk -b below.vmdk -F vmdk middle.vmdk",
        "qemu-io -f vmdk -c 'write -q -P 7 1M 64k' -c 'write -q -P 9 20M 1k' middle.vmdk",
        "qemu-img create -q -f vmdk -b middle.vmdk -F vmdk -o zeroed_grain=on top.vmdk",
        "qemu-io -f vmdk -c 'write -q -P 8 1088k 64k' -c 'write -q -z 30M 1M' top.vmdk",
    ];
    shell(directory, &made);
    for image in ["middle.vmdk", "top.vmdk"] {
        assert_as_qemu(directory, image, "vmdk", image);
    }
    // The one below has changed.
    shell(
        directory,
        &["qemu-io -f vmdk -c 'write -q -P 1 50M 64k' below.vmdk"],
    );
    assert_eq!(
        code(&directory.join("top.vmdk"), &options()),
        "DISK_PARENT_CHANGED"
    );
    // Each is below the other.
    let text = fs::read(directory.join("middle.vmdk")).unwrap();
    fs::write(
        directory.join("middle.vmdk"),
        replaced(&text, b"\"below.vmdk\"", b"\"top.vmdk\"\n\n"),
    )
    .unwrap();
    assert_eq!(code(&directory.join("top.vmdk"), &options()), "DISK_OTHER_FILE");
}

#[test]
fn other_files_are_read_only_where_they_may_lie() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    let made = [
        "mkdir inside outside",
        "for kind in Sparse Flat; do",
        "qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtent$kind raw outside/$kind.vmdk",
        "sed \"s:\\\"$kind-:\\\"../outside/$kind-:\" outside/$kind.vmdk > inside/$kind.vmdk",
        "done",
        "cd inside && qemu-img create -q -f vmdk -b ../outside/Flat.vmdk -F vmdk above.vmdk",
    ];
    shell(directory, &made);
    let inside = directory.join("inside");
    let mut allowing = options();
    allowing.limits.backing_directory = Some(directory.join("outside"));
    for image in ["Sparse.vmdk", "Flat.vmdk", "above.vmdk"] {
        assert_eq!(
            code(&inside.join(image), &options()),
            "DISK_OTHER_FILE",
            "{image}"
        );
        let found = extracted(&inside.join(image), &allowing).unwrap();
        assert_same(&lines(&found), &listed(&directory.join("raw")), image);
    }
}

#[test]
fn what_only_esxi_reads_is_named() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "8M", "-t ext4");
    run(
        directory,
        "qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat raw image.vmdk",
    );
    let good = fs::read(directory.join("image.vmdk")).unwrap();
    for (old, new) in [
        (&b"\"monolithicFlat\""[..], &b"\"vmfs\""[..]),
        (b"\"monolithicFlat\"", b"\"vmfsSparse\""),
        (b"\"monolithicFlat\"", b"\"seSparse\""),
        (b"\"monolithicFlat\"", b"\"partitionedDevice\""),
        (b" FLAT ", b" VMFS "),
        (b" FLAT ", b" SESPARSE "),
        (b" FLAT ", b" VMFSSPARSE "),
        (b"RW ", b"NOACCESS "),
        (b"version=1", b"version=4"),
    ] {
        fs::write(directory.join("bad.vmdk"), replaced(&good, old, new)).unwrap();
        let error = bytes_of(&directory.join("bad.vmdk")).err().unwrap();
        assert_eq!(error.code(), "DISK_FORMAT_UNSUPPORTED", "{error}");
    }
    fs::write(
        directory.join("bad.vmdk"),
        [b"COWD".as_slice(), &[1; 600]].concat(),
    )
    .unwrap();
    assert_eq!(
        code(&directory.join("bad.vmdk"), &options()),
        "DISK_FORMAT_UNSUPPORTED"
    );
}

#[test]
fn descriptors_that_lie_are_refused() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "8M", "-t ext4");
    run(
        directory,
        "qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat raw image.vmdk",
    );
    let good = fs::read(directory.join("image.vmdk")).unwrap();
    let text = good.split(|&byte| byte == 0).next().unwrap();
    for (why, old, new, expected) in [
        (
            "longer than its file",
            &b"RW 16384 "[..],
            &b"RW 16385 "[..],
            "DISK_TRUNCATED",
        ),
        ("behind its file", b"\" 0", b"\" 1", "DISK_TRUNCATED"),
        (
            "behind everything",
            b"\" 0",
            b"\" 9223372036854775807",
            "DISK_MALFORMED",
        ),
        ("without sectors", b"RW 16384 ", b"RW 0 ", "DISK_MALFORMED"),
        (
            "of 2^63 sectors",
            b"RW 16384 ",
            b"RW 9223372036854775808 ",
            "DISK_MALFORMED",
        ),
        (
            "of 2^64 sectors",
            b"RW 16384 ",
            b"RW 18446744073709551616 ",
            "DISK_MALFORMED",
        ),
        ("without a name", b"FLAT \"", b"FLAT \"\" \"", "DISK_MALFORMED"),
        ("with more words", b"FLAT \"", b"FLAT 1 \"", "DISK_MALFORMED"),
        (
            "no sparse extent",
            b"FLAT \"image-flat.vmdk\" 0",
            b"SPARSE \"image-flat.vmdk\"",
            "DISK_MALFORMED",
        ),
        (
            "the descriptor itself",
            b"-flat.vmdk\" 0",
            b".vmdk\" 0",
            "DISK_TRUNCATED",
        ),
        ("no file", b"-flat", b"-flat-", "DISK_OTHER_FILE"),
        (
            "a parent without a name",
            b"parentCID=ffffffff",
            b"parentCID=1",
            "DISK_MALFORMED",
        ),
        (
            "a parent that is named only",
            b"CID=",
            b"parentFileNameHint=\"x\"\nCID=",
            "DISK_MALFORMED",
        ),
        (
            "itself below",
            b"parentCID=ffffffff",
            b"parentCID=1\nparentFileNameHint=\"bad.vmdk\"",
            "DISK_OTHER_FILE",
        ),
        (
            "a content id that is none",
            b"parentCID=ffffffff",
            b"parentCID=x",
            "DISK_MALFORMED",
        ),
        (
            "two types",
            b"createType",
            b"createType=\"monolithicFlat\"\ncreateType",
            "DISK_MALFORMED",
        ),
        (
            "a line of nothing",
            b"createType",
            b"nothing\ncreateType",
            "DISK_MALFORMED",
        ),
    ] {
        fs::write(directory.join("bad.vmdk"), replaced(text, old, new)).unwrap();
        assert_eq!(code(&directory.join("bad.vmdk"), &options()), expected, "{why}");
    }
    // What is cut before is no descriptor but a text.
    for len in 21..text.len() - 1 {
        fs::write(directory.join("cut.vmdk"), &text[..len]).unwrap();
        let cut = bytes_of(&directory.join("cut.vmdk"));
        // The last lines are of no use to a reader.
        assert!(
            cut.is_err() || text[..len].windows(4).any(|part| part == b"ddb."),
            "cut at {len}"
        );
    }
}

#[test]
fn headers_that_lie_are_refused() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    run(directory, "qemu-img convert -f raw -O vmdk raw good");
    run(
        directory,
        "qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse raw split.vmdk",
    );
    assert_eq!(
        code(&directory.join("split-s001.vmdk"), &options()),
        "DISK_DESCRIPTOR_MISSING"
    );
    let good = fs::read(directory.join("good")).unwrap();
    let huge = (1_u64 << 63).to_le_bytes();
    for (why, at, bytes, expected) in [
        (
            "version 9",
            4,
            &9_u32.to_le_bytes()[..],
            "DISK_FORMAT_UNSUPPORTED",
        ),
        (
            "an unknown flag",
            8,
            &0x0100_0003_u32.to_le_bytes(),
            "DISK_FORMAT_UNSUPPORTED",
        ),
        (
            "compressed without a compression",
            8,
            &0x3_0003_u32.to_le_bytes(),
            "DISK_MALFORMED",
        ),
        (
            "markers alone",
            8,
            &0x2_0003_u32.to_le_bytes(),
            "DISK_FORMAT_UNSUPPORTED",
        ),
        ("no sectors", 12, &[0; 8], "DISK_MALFORMED"),
        ("2^63 sectors", 12, &huge, "DISK_MALFORMED"),
        ("2^47 sectors", 12, &(1_u64 << 47).to_le_bytes(), "DISK_TRUNCATED"),
        ("grains without sectors", 20, &[0; 8], "DISK_MALFORMED"),
        ("grains of 2^63 sectors", 20, &huge, "DISK_MALFORMED"),
        ("a descriptor nowhere", 28, &huge, "DISK_TRUNCATED"),
        ("a descriptor of 2^63 sectors", 36, &huge, "DISK_MALFORMED"),
        ("no descriptor", 28, &[0; 8], "DISK_DESCRIPTOR_MISSING"),
        ("tables without entries", 44, &[0; 4], "DISK_MALFORMED"),
        ("tables of 2^32 entries", 44, &[0xff; 4], "DISK_MALFORMED"),
        ("a second directory nowhere", 48, &huge, "DISK_TRUNCATED"),
        ("a directory nowhere", 56, &huge, "DISK_TRUNCATED"),
        ("a directory that is the header", 56, &[0; 8], "DISK_TRUNCATED"),
        ("line ends of a text", 73, b"\r\n", "DISK_MALFORMED"),
        ("a footer that is not there", 56, &[0xff; 8], "DISK_MALFORMED"),
    ] {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        fs::write(directory.join("bad"), bad).unwrap();
        assert_eq!(code(&directory.join("bad"), &options()), expected, "{why}");
    }
    // Both directories are their own first table.
    let mut bad = good.clone();
    let sector = |at: usize| u32::from_le_bytes(good[at..at + 4].try_into().unwrap());
    for at in [48, 56] {
        let directory_at = sector(at) as usize * 512;
        bad[directory_at..directory_at + 4].copy_from_slice(&sector(56).to_le_bytes());
    }
    fs::write(directory.join("bad"), bad).unwrap();
    assert!(bytes_of(&directory.join("bad")).is_ok());
    assert_eq!(code(&directory.join("bad"), &options()), "ROOT_MISSING");
}
