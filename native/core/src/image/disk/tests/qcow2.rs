//! Every kind of qcow2 that qemu-img makes.

use super::*;

#[test]
fn every_kind_of_container_has_the_same_files() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    let expected = expected(&directory.join("root"));
    for options in [
        "",
        "-c",
        "-c -o compression_type=zstd",
        "-o compat=0.10",
        "-c -o compat=0.10,cluster_size=512",
        "-c -o cluster_size=2M",
        "-o extended_l2=on,cluster_size=128k",
        "-c -o extended_l2=on,cluster_size=16k,compression_type=zstd",
        "-o preallocation=metadata",
        "-S 0",
    ] {
        run(
            directory,
            &format!("qemu-img convert -f raw -O qcow2 {options} raw image"),
        );
        assert_eq!(listed(&directory.join("image")), expected, "{options}");
    }
}

#[test]
fn bytes_of_other_files_are_never_read_unasked() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    for (line, expected) in [
        (
            "qemu-img create -q -f qcow2 -b raw -F raw image",
            "QCOW2_BACKING_FILE",
        ),
        (
            "qemu-img convert -f raw -O qcow2 -o data_file=data,data_file_raw=on raw image",
            "QCOW2_EXTERNAL_DATA",
        ),
    ] {
        run(directory, line);
        assert_eq!(code(&directory.join("image"), &options()), expected, "{line}");
    }
}

#[test]
fn headers_that_lie_are_refused() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    run(directory, "qemu-img convert -c -f raw -O qcow2 raw good");
    let good = fs::read(directory.join("good")).unwrap();
    for (what, at, bytes, expected) in [
        ("version 9", 4, &9_u32.to_be_bytes()[..], "QCOW2_UNSUPPORTED"),
        ("clusters of 1 GiB", 20, &30_u32.to_be_bytes(), "QCOW2_MALFORMED"),
        (
            "a size of 2^63",
            24,
            &(1_u64 << 63).to_be_bytes(),
            "QCOW2_MALFORMED",
        ),
        ("encrypted", 32, &2_u32.to_be_bytes(), "QCOW2_ENCRYPTED"),
        ("a short L1 table", 36, &0_u32.to_be_bytes(), "QCOW2_MALFORMED"),
        ("a huge L1 table", 36, &u32::MAX.to_be_bytes(), "QCOW2_MALFORMED"),
        (
            "an L1 table between clusters",
            40,
            &7_u64.to_be_bytes(),
            "QCOW2_MALFORMED",
        ),
        (
            "an L1 table nowhere",
            40,
            &(1_u64 << 40).to_be_bytes(),
            "DISK_TRUNCATED",
        ),
        ("corrupt", 72, &2_u64.to_be_bytes(), "QCOW2_MALFORMED"),
        (
            "an unknown feature",
            72,
            &(1_u64 << 40).to_be_bytes(),
            "QCOW2_UNSUPPORTED",
        ),
        (
            "a header of 7 bytes",
            100,
            &7_u32.to_be_bytes(),
            "QCOW2_MALFORMED",
        ),
    ] {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        fs::write(directory.join("bad"), bad).unwrap();
        assert_eq!(code(&directory.join("bad"), &options()), expected, "{what}");
    }
    // Dirty only means that reference counts may be wrong.
    let mut dirty = good.clone();
    dirty[79] |= 1;
    fs::write(directory.join("dirty"), dirty).unwrap();
    assert_eq!(listed(&directory.join("dirty")), listed(&directory.join("good")));
}
