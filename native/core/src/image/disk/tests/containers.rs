//! Every kind of container that qemu-img makes, against what qemu-img reads in it, and then cut and changed.

use super::container::Container;
use super::memory::Memory;
use super::*;

/// Kinds of a container, and an option of qemu-img for each.
const KINDS: [(&str, &str); 16] = [
    ("vmdk", "subformat=monolithicSparse"),
    ("vmdk", "subformat=monolithicSparse,zeroed_grain=on"),
    (
        "vmdk",
        "subformat=monolithicSparse,compat6=on,adapter_type=lsilogic",
    ),
    ("vmdk", "subformat=streamOptimized,adapter_type=buslogic"),
    ("vmdk", "subformat=monolithicFlat"),
    ("vmdk", "subformat=twoGbMaxExtentSparse"),
    ("vmdk", "subformat=twoGbMaxExtentFlat"),
    ("vpc", "subformat=dynamic"),
    ("vpc", "subformat=dynamic,force_size=on"),
    ("vpc", "subformat=fixed"),
    ("vpc", "subformat=fixed,force_size=on"),
    ("vdi", "static=off"),
    ("vdi", "static=on"),
    ("vhdx", "subformat=dynamic"),
    ("vhdx", "subformat=fixed"),
    (
        "vhdx",
        "subformat=dynamic,block_size=1M,log_size=8M,block_state_zero=off",
    ),
];

/// The kinds that are in one file.
fn kinds_in_one_file() -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_split = |options: &str| options.contains("Flat") || options.contains("twoGb");
    KINDS.into_iter().filter(move |(_, options)| !is_split(options))
}

pub(super) fn opened(image: &Path) -> Result<Container, DiskError> {
    let file = Arc::new(Raw::new(fs::File::open(image).unwrap()).unwrap());
    container::open(file, &OtherFiles::of(Some(image), None))
}

/// All bytes of the disk in an image.
pub(super) fn bytes_of(image: &Path) -> Result<Vec<u8>, DiskError> {
    all_bytes(&opened(image)?)
}

fn all_bytes(container: &Container) -> Result<Vec<u8>, DiskError> {
    read_at::read_vec(
        container.disk.as_ref(),
        0,
        number::index(container.disk.size_bytes()),
    )
}

/// Fails unless qemu-img reads the same bytes.
pub(super) fn assert_as_qemu(directory: &Path, image: &str, format: &str, what: &str) {
    run(
        directory,
        &format!("qemu-img convert -U -f {format} -O raw {image} whole"),
    );
    let expected = fs::read(directory.join("whole")).unwrap();
    let found = bytes_of(&directory.join(image)).unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    assert!(found == expected, "{what}: qemu-img reads other bytes");
}

#[test]
fn every_kind_has_the_bytes_that_qemu_reads_and_the_files_that_were_put_in() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    // No whole number of blocks, clusters or tracks.
    mke2fs(directory, "raw", "66998272", "-t ext4");
    let expected = expected(&directory.join("root"));
    for (format, options) in KINDS {
        let what = format!("{format} {options}");
        run(
            directory,
            &format!("qemu-img convert -f raw -O {format} -o {options} raw image"),
        );
        assert_as_qemu(directory, "image", format, &what);
        assert_same(&listed(&directory.join("image")), &expected, &what);
    }
}

#[test]
fn what_lies_far_in_a_disk_is_found() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "sfdisk", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    // Behind 8 GiB: beyond 2^32 bytes, and beyond the entries for bitmaps of a VHDX with small blocks.
    let made = [
        "truncate -s 9500M far && echo 'start=18000000, size=131072, type=L' | sfdisk -q far",
        "dd if=raw of=far bs=512 seek=18000000 conv=notrunc,sparse status=none",
    ];
    qcow2::shell(directory, &made);
    let expected = expected(&directory.join("root"));
    for (format, options) in [
        ("vmdk", "subformat=streamOptimized"),
        ("vmdk", "subformat=twoGbMaxExtentSparse"),
        ("vpc", "force_size=on"),
        ("vdi", "static=off"),
        ("vhdx", "block_size=1M"),
        ("vhdx", "block_size=8M"),
    ] {
        run(
            directory,
            &format!("qemu-img convert -f raw -O {format} -o {options} far image"),
        );
        let what = format!("{format} {options}");
        assert_same(&listed(&directory.join("image")), &expected, &what);
    }
}

#[test]
fn a_disk_of_every_format_can_be_below_a_qcow2() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img", "sha256sum"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    let expected = expected(&directory.join("root"));
    for format in ["vmdk", "vpc", "vdi", "vhdx"] {
        run(
            directory,
            &format!("qemu-img convert -f raw -O {format} raw below"),
        );
        run(
            directory,
            &format!("qemu-img create -q -f qcow2 -b below -F {format} above"),
        );
        assert_same(&listed(&directory.join("above")), &expected, format);
        // It says of the image below that it is the disk itself, which then is one without a system.
        run(directory, "qemu-img rebase -u -b below -F raw above");
        assert_eq!(
            code(&directory.join("above"), &options()),
            "ROOT_MISSING",
            "{format}"
        );
    }
}

#[test]
fn the_format_before_qcow2_is_named() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    run(directory, "qemu-img create -q -f qcow image 4M");
    let error = bytes_of(&directory.join("image")).err().unwrap();
    assert_eq!(error.code(), "QCOW2_UNSUPPORTED");
    assert!(error.to_string().contains("qcow (version 1)"), "{error}");
}

/// Images of a small filesystem, one in each kind of file.
fn small(directory: &Path) -> Vec<(String, Vec<u8>)> {
    damage::small(directory, "-t ext4 -b 1024 -O ^has_journal");
    kinds_in_one_file()
        .map(|(format, options)| {
            run(
                directory,
                &format!("qemu-img convert -f raw -O {format} -o {options} image packed"),
            );
            let bytes = fs::read(directory.join("packed")).unwrap();
            (format!("{format} {options}"), bytes)
        })
        .collect()
}

fn in_memory(bytes: &Arc<Memory>) -> Result<Vec<u8>, DiskError> {
    let file: Arc<dyn ReadAt> = Arc::<Memory>::clone(bytes);
    all_bytes(&container::open(file, &OtherFiles::of(None, None))?)
}

#[test]
fn a_cut_container_is_an_error() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    for (what, whole) in small(directory) {
        let good = in_memory(&Arc::new(Memory::new(whole.clone()))).unwrap();
        let files = damage::outcome(directory, &whole);
        assert!(files.is_some(), "{what}");
        let steps = (0..whole.len()).step_by(whole.len() / 101);
        for len in steps.chain(whole.len() - 40..whole.len()) {
            if what.contains("fixed") && what.starts_with("vpc") {
                // Without its footer it is a disk that is cut, maybe only behind the filesystem.
                let cut = damage::outcome(directory, &whole[..len]);
                assert!(cut.is_none() || cut == files, "{what}: cut at {len}");
                continue;
            }
            // The file may be padded behind its last block.
            let cut = in_memory(&Arc::new(Memory::new(whole[..len].to_vec())));
            let cut = cut.ok().filter(|_| len > 511);
            assert!(
                cut.is_none() || cut.as_ref() == Some(&good),
                "{what}: cut at {len}"
            );
        }
    }
}

#[test]
fn a_changed_bit_of_the_metadata_neither_crashes_nor_hangs() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    for (what, whole) in small(workshop.path()) {
        let image = Arc::new(Memory::new(whole));
        let good = in_memory(&image).unwrap();
        // Where the headers and tables of the formats are.
        let starts = [
            0,
            64 << 10,
            128 << 10,
            192 << 10,
            2 << 20,
            (2 << 20) + (64 << 10),
            3 << 20,
        ];
        let metadata: Vec<usize> = if what.starts_with("vhdx") {
            starts
                .into_iter()
                .flat_map(|start| start..start + 512)
                .step_by(3)
                .collect()
        } else {
            // Without its mark it is a disk as it is.
            (4..image.bytes().len().min(16 << 10)).step_by(5).collect()
        };
        for at in metadata {
            let found = image.changed(at, 1 << (at % 8), in_memory);
            // Two grain directories say the same; where only one is, nothing can be told.
            if what.contains("monolithicSparse") {
                assert!(
                    found.is_err() || found.is_ok_and(|found| found == good),
                    "{what}: byte {at}"
                );
            }
        }
    }
}

#[test]
fn a_checksum_that_is_wrong_is_an_error() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    for (what, whole) in small(workshop.path()) {
        let len = whole.len();
        // A footer and its copy, the header; both headers, both tables of regions.
        let ranges = match what.split_once(' ') {
            Some(("vpc", options)) if options.contains("dynamic") => [0..1536, len - 512..len],
            Some(("vpc", _)) => [0..0, len - 512..len],
            _ => continue,
        };
        let image = Arc::new(Memory::new(whole));
        for at in ranges.into_iter().flatten().step_by(7) {
            let is_magic = at >= len - 512 && at < len - 504;
            let found = image.changed(at, 0x10, in_memory);
            assert!(found.is_err() || is_magic, "{what}: byte {at}");
        }
    }
}

#[test]
fn files_may_be_as_large_as_all_that_a_disk_is_stored_in() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "64M", "-t ext4");
    let mut small = options();
    small.limits.max_unpacked_bytes = 1 << 20;
    // The file that is given is a text, or has nothing but tables.
    run(
        directory,
        "qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat raw flat.vmdk",
    );
    run(directory, "qemu-img create -q -f qcow2 -b raw -F raw above");
    for image in ["flat.vmdk", "above"] {
        let found = extracted(&directory.join(image), &small).unwrap();
        assert_same(&lines(&found), &listed(&directory.join("raw")), image);
    }
}
