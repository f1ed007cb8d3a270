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
        assert_same(&listed(&directory.join("image")), &expected, options);
    }
}

/// Runs lines of a shell.
pub(super) fn shell(directory: &Path, lines: &[&str]) {
    fs::write(directory.join("script"), lines.join("\n")).unwrap();
    run(directory, "sh -e script");
}

#[test]
fn what_is_below_an_image_shows_through() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "qemu-io"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    fs::create_dir(directory.join("below")).unwrap();
    // The middle of the chain is shorter than what is on top of it.
    let made = [
        "qemu-img convert -c -f raw -O qcow2 raw below/packed",
        "qemu-img create -q -f qcow2 -b packed -F qcow2 below/middle",
        "qemu-img create -q -f qcow2 -b $PWD/below/middle -F qcow2 -o extended_l2=on,cluster_size=128k top 96M",
    ];
    shell(directory, &made);
    let whole = |image: &str| {
        run(directory, &format!("qemu-img convert -U -O raw {image} whole"));
        listed(&directory.join("whole"))
    };
    assert_same(&listed(&directory.join("top")), &whole("top"), "as it was made");
    // The same files in other places, partly above, and zeros above what was there.
    let made = [
        "truncate -s 64M other && mke2fs -q -F -t ext4 -L cloudimg-rootfs -b 1024 -d root other",
        "for at in 0 1 2 5 9 13 40; do dd if=other of=piece bs=1M skip=$at count=1 status=none && qemu-io -c \"write -q -s piece ${at}M 1M\" below/middle; done",
        "qemu-io -c 'write -q -z 50M 1M' -c 'write -q -s piece 60M 64k' top",
    ];
    shell(directory, &made);
    containers::assert_as_qemu(directory, "top", "qcow2", "changed");
}

#[test]
fn data_can_be_in_a_file_of_its_own() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    for options in [
        "data_file=data",
        "data_file=data,data_file_raw=on",
        "data_file=data,cluster_size=4k",
    ] {
        run(
            directory,
            &format!("qemu-img convert -f raw -O qcow2 -o {options} raw image"),
        );
        assert_same(
            &listed(&directory.join("image")),
            &expected(&directory.join("root")),
            options,
        );
    }
}

#[test]
fn other_files_are_read_only_where_they_may_lie() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    let made = [
        "mkdir inside outside && mv raw outside",
        "cd inside\nln -s ../outside linked && mkfifo fifo",
        "qemu-img create -q -f qcow2 -u -b ../outside/raw -F raw above 64M",
        "qemu-img create -q -f qcow2 -u -b $PWD/../outside/raw -F raw absolute 64M",
        "qemu-img create -q -f qcow2 -u -b linked/raw -F raw link 64M",
        "qemu-img create -q -f qcow2 -u -b nowhere -F raw missing 64M",
        "qemu-img create -q -f qcow2 -u -b fifo -F raw waits 64M",
        "qemu-img create -q -f qcow2 -u -b nbd:localhost:1 -F raw address 64M",
        "qemu-img create -q -f qcow2 -u -b above -F qed format 64M",
        "qemu-img create -q -f qcow2 self 64M && qemu-img rebase -u -b self -F qcow2 self",
    ];
    shell(directory, &made);
    let inside = directory.join("inside");
    for image in [
        "above", "absolute", "link", "missing", "waits", "address", "format", "self",
    ] {
        assert_eq!(
            code(&inside.join(image), &options()),
            "DISK_OTHER_FILE",
            "{image}"
        );
    }
    let mut allowing = options();
    allowing.limits.backing_directory = Some(directory.join("outside"));
    for image in ["above", "absolute", "link"] {
        let found = extracted(&inside.join(image), &allowing).unwrap();
        assert_same(&lines(&found), &listed(&directory.join("outside/raw")), image);
    }
    for image in ["missing", "waits", "address", "format", "self"] {
        assert_eq!(code(&inside.join(image), &allowing), "DISK_OTHER_FILE", "{image}");
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
