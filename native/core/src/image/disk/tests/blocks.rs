//! VHD, VDI and VHDX beyond what qemu-img makes: parents, sizes by geometry, bitmaps, and headers that lie.

use super::containers::{assert_as_qemu, bytes_of};
use super::*;

const SECTOR: usize = 512;
const BLOCK: usize = 2 << 20;

/// Writes the checksum of a structure of a VHD: the complement of the sum of its other bytes.
fn sum_vhd(bytes: &mut [u8], place: usize) {
    bytes[place..place + 4].fill(0);
    let sum: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
    bytes[place..place + 4].copy_from_slice(&(!sum).to_be_bytes());
}

/// Changes the footer of a VHD, and its copy if it has one.
fn change_footer(image: &mut [u8], change: impl Fn(&mut [u8])) {
    let end = image.len() - SECTOR;
    change(&mut image[end..]);
    sum_vhd(&mut image[end..], 64);
    if image.starts_with(b"conectix") {
        image.copy_within(end.., 0);
    }
}

fn change_header(image: &mut [u8], change: impl Fn(&mut [u8])) {
    let header = &mut image[SECTOR..3 * SECTOR];
    change(header);
    sum_vhd(header, 36);
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// A differencing disk above `parent`, made of a dynamic one without blocks: its second block has every third sector.
/// Where others find the parent is stated if it is relative, and else only how it is called.
fn differencing(empty: &[u8], parent: &[u8], id: u8, name: &str, is_relative: bool) -> Vec<u8> {
    let (start, footer) = empty.split_at(empty.len() - SECTOR);
    let mut image = start.to_vec();
    let block_at = image.len();
    let mut bitmap = [0_u8; SECTOR];
    let mut block = vec![0xee; BLOCK];
    for sector in (0..BLOCK / SECTOR).step_by(3) {
        bitmap[sector / 8] |= 0x80 >> (sector % 8);
        block[sector * SECTOR..][..SECTOR].fill(id);
    }
    image.extend(bitmap);
    image.extend(block);
    put(
        &mut image,
        3 * SECTOR + 4,
        &u32::try_from(block_at / SECTOR).unwrap().to_be_bytes(),
    );
    let locator_at = image.len();
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    image.extend(&units);
    image.resize(locator_at + SECTOR, 0);
    image.extend(footer);
    let parent_id = parent[parent.len() - SECTOR + 68..][..16].to_vec();
    change_header(&mut image, |header| {
        put(header, 40, &parent_id);
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        put(header, 64, &name);
        if is_relative {
            put(header, 576, b"W2ru");
            put(header, 576 + 4, &512_u32.to_be_bytes());
            put(
                header,
                576 + 8,
                &u32::try_from(units.len()).unwrap().to_be_bytes(),
            );
            put(header, 576 + 16, &(locator_at as u64).to_be_bytes());
        }
    });
    change_footer(&mut image, |footer| {
        put(footer, 60, &4_u32.to_be_bytes());
        put(footer, 68, &[id; 16]);
    });
    image
}

#[test]
fn what_is_below_a_vhd_shows_through() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "16M", "-t ext4");
    run(
        directory,
        "qemu-img convert -f raw -O vpc -o force_size=on raw below.vhd",
    );
    run(
        directory,
        "qemu-img create -q -f vpc -o force_size=on empty.vhd 16M",
    );
    let read = |name: &str| fs::read(directory.join(name)).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(directory.join(name), bytes).unwrap();
    let (below, empty) = (read("below.vhd"), read("empty.vhd"));
    let middle = differencing(&empty, &below, 7, ".\\below.vhd", true);
    write("middle.vhd", &middle);
    let top = differencing(&empty, &middle, 9, "C:\\Images\\middle.vhd", false);
    write("top.vhd", &top);
    let mut expected = read("raw");
    for (image, id) in [("middle.vhd", 7), ("top.vhd", 9)] {
        for sector in (0..BLOCK / SECTOR).step_by(3) {
            expected[BLOCK + sector * SECTOR..][..SECTOR].fill(id);
        }
        assert!(bytes_of(&directory.join(image)).unwrap() == expected, "{image}");
    }
    let code_of = |image: &[u8]| {
        write("bad.vhd", image);
        bytes_of(&directory.join("bad.vhd")).err().unwrap().code()
    };
    let other = differencing(&empty, &empty, 7, "below.vhd", true);
    assert_eq!(code_of(&other), "DISK_PARENT_CHANGED", "another parent");
    let itself = differencing(&empty, &empty, 7, "bad.vhd", true);
    assert_eq!(code_of(&itself), "DISK_OTHER_FILE", "itself below");
    let missing = differencing(&empty, &below, 7, "missing.vhd", true);
    assert_eq!(code_of(&missing), "DISK_OTHER_FILE", "no parent");
    let outside = differencing(&empty, &below, 7, "..\\..\\..\\..\\etc\\passwd", true);
    assert_eq!(code_of(&outside), "DISK_OTHER_FILE", "outside");
    let unnamed = differencing(&empty, &below, 7, "", false);
    assert_eq!(code_of(&unnamed), "DISK_MALFORMED", "no name");
}

#[test]
fn a_vhd_is_as_large_as_its_program_says() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "8M", "-t ext4");
    for kind in ["fixed", "dynamic"] {
        let options = format!("subformat={kind},force_size=on");
        run(
            directory,
            &format!("qemu-img convert -f raw -O vpc -o {options} raw image"),
        );
        let good = fs::read(directory.join("image")).unwrap();
        for program in [b"vpc ", b"qemu", b"qem2", b"win ", b"d2v ", b"tap\0", b"CTXS"] {
            // 100 cylinders, 4 heads, 17 sectors; and what is larger than any geometry.
            for geometry in [[0, 100, 4, 17], [0xff, 0xff, 16, 255]] {
                let mut image = good.clone();
                change_footer(&mut image, |footer| {
                    put(footer, 28, program);
                    put(footer, 56, &geometry);
                });
                fs::write(directory.join("image"), image).unwrap();
                let what = format!("{kind} {program:?} {geometry:?}");
                assert_as_qemu(directory, "image", "vpc", &what);
            }
        }
    }
}

#[test]
fn a_sector_that_a_bitmap_has_not_is_zeros() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "8M", "-t ext4");
    run(
        directory,
        "qemu-img convert -f raw -O vpc -o force_size=on raw image",
    );
    let good = fs::read(directory.join("image")).unwrap();
    let expected = fs::read(directory.join("raw")).unwrap();
    let bitmap_at = SECTOR * u32::from_be_bytes(good[1536..1540].try_into().unwrap()) as usize;
    assert_eq!(good[bitmap_at], 0xff);
    let without = |bit: u8| {
        let mut image = good.clone();
        image[bitmap_at] &= !(0x80 >> bit);
        fs::write(directory.join("image"), image).unwrap();
        bytes_of(&directory.join("image")).map_err(|error| error.code())
    };
    // The first sector of an ext4 is empty, and the third has its superblock.
    assert!(without(0) == Ok(expected));
    assert_eq!(without(2), Err("DISK_MALFORMED"));
}

#[test]
fn a_vhd_that_lies_is_refused() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "8M", "-t ext4");
    run(
        directory,
        "qemu-img convert -f raw -O vpc -o force_size=on raw image",
    );
    let good = fs::read(directory.join("image")).unwrap();
    let code_of = |image: &[u8]| {
        fs::write(directory.join("bad"), image).unwrap();
        bytes_of(&directory.join("bad")).err().unwrap().code()
    };
    let (huge, ones) = ((1_u64 << 63).to_be_bytes(), [0xff; 8]);
    for (why, at, bytes, expected) in [
        (
            "an unknown feature",
            8,
            &[0, 0, 1, 2][..],
            "DISK_FORMAT_UNSUPPORTED",
        ),
        ("version 2", 12, &[0, 2, 0, 0], "DISK_FORMAT_UNSUPPORTED"),
        ("a header nowhere", 16, &huge, "DISK_TRUNCATED"),
        ("no header", 16, &ones, "DISK_TRUNCATED"),
        ("a header that is the footer", 16, &[0; 8], "DISK_MALFORMED"),
        ("no bytes", 48, &[0; 8], "DISK_MALFORMED"),
        ("2^63 bytes", 48, &huge, "DISK_MALFORMED"),
        ("2^56 bytes", 48, &(1_u64 << 56).to_be_bytes(), "DISK_MALFORMED"),
        ("type 5", 60, &[0, 0, 0, 5], "DISK_FORMAT_UNSUPPORTED"),
        (
            "fixed, and longer than the file",
            60,
            &[0, 0, 0, 2],
            "DISK_TRUNCATED",
        ),
    ] {
        let mut image = good.clone();
        change_footer(&mut image, |footer| put(footer, at, bytes));
        assert_eq!(code_of(&image), expected, "{why}");
    }
    for (why, at, bytes, expected) in [
        ("a table nowhere", 16, &huge[..], "DISK_TRUNCATED"),
        (
            "a table between sectors",
            16,
            &[0, 0, 0, 0, 0, 0, 6, 4],
            "DISK_MALFORMED",
        ),
        (
            "a table that is the header",
            16,
            &[0, 0, 0, 0, 0, 0, 2, 0],
            "DISK_TRUNCATED",
        ),
        ("version 2", 24, &[0, 2, 0, 0], "DISK_FORMAT_UNSUPPORTED"),
        ("no entries", 28, &[0; 4], "DISK_MALFORMED"),
        ("2^32 entries", 28, &[0xff; 4], "DISK_TRUNCATED"),
        ("blocks without bytes", 32, &[0; 4], "DISK_MALFORMED"),
        ("blocks of three sectors", 32, &[0, 0, 6, 0], "DISK_MALFORMED"),
        ("blocks of 2 GiB", 32, &[0x80, 0, 0, 0], "DISK_MALFORMED"),
    ] {
        let mut image = good.clone();
        change_header(&mut image, |header| put(header, at, bytes));
        assert_eq!(code_of(&image), expected, "{why}");
    }
    // A block at the last sector that a number can name.
    let mut image = good.clone();
    put(&mut image, 1536, &[0xff, 0xff, 0xff, 0xfe]);
    assert_eq!(code_of(&image), "DISK_TRUNCATED");
    // Only one of the two footers is right.
    for at in [100, good.len() - 100] {
        let mut image = good.clone();
        image[at] ^= 1;
        assert!(code_of(&image).starts_with("DISK_"), "{at}");
    }
}

#[test]
fn a_vdi_that_lies_is_refused() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "8M", "-t ext4");
    run(directory, "qemu-img convert -f raw -O vdi raw image");
    let good = fs::read(directory.join("image")).unwrap();
    let (huge, ones) = ((1_u64 << 63).to_le_bytes(), [0xff; 4]);
    for (why, at, bytes, expected) in [
        ("version 2", 68, &[0, 0, 2, 0][..], "DISK_FORMAT_UNSUPPORTED"),
        ("an undo disk", 76, &[3], "DISK_FORMAT_UNSUPPORTED"),
        ("a differencing disk", 76, &[4], "DISK_FORMAT_UNSUPPORTED"),
        ("a parent", 440, &[4], "DISK_FORMAT_UNSUPPORTED"),
        ("a map nowhere", 340, &[0, 0xfe, 0xff, 0xff], "DISK_TRUNCATED"),
        ("a map between sectors", 340, &[1], "DISK_MALFORMED"),
        ("a map that is the header", 340, &[0; 4], "DISK_MALFORMED"),
        ("data nowhere", 344, &ones, "DISK_TRUNCATED"),
        ("sectors of 4 KiB", 360, &[0, 16], "DISK_FORMAT_UNSUPPORTED"),
        ("no bytes", 368, &[0; 8], "DISK_MALFORMED"),
        ("2^63 bytes", 368, &huge, "DISK_MALFORMED"),
        ("2^56 bytes", 368, &(1_u64 << 56).to_le_bytes(), "DISK_MALFORMED"),
        ("blocks without bytes", 376, &[0; 4], "DISK_MALFORMED"),
        ("blocks of 2 GiB", 376, &[0, 0, 0, 0x80], "DISK_MALFORMED"),
        ("4 GiB in front of each block", 380, &ones, "DISK_TRUNCATED"),
        ("no entries", 384, &[0; 4], "DISK_MALFORMED"),
        ("2^32 entries", 384, &ones, "DISK_TRUNCATED"),
        ("2^32 blocks", 388, &ones, "DISK_TRUNCATED"),
        ("one block", 388, &[1, 0, 0, 0], "DISK_MALFORMED"),
    ] {
        let mut image = good.clone();
        put(&mut image, at, bytes);
        fs::write(directory.join("bad"), image).unwrap();
        let found = bytes_of(&directory.join("bad")).map_err(|error| error.code());
        assert_eq!(found, Err(expected), "{why}");
    }
}

/// Writes the checksum of a structure of a VHDX.
fn sum_vhdx(bytes: &mut [u8]) {
    bytes[4..8].fill(0);
    let sum = crc32c::crc32c(bytes);
    put(bytes, 4, &sum.to_le_bytes());
}

const HEADERS: [usize; 2] = [64 << 10, 128 << 10];
const REGIONS: [usize; 2] = [192 << 10, 256 << 10];
/// Where qemu-img puts the metadata, and the table of blocks.
const METADATA: usize = 3 << 20;
const ITEMS: usize = METADATA + (64 << 10);
const TABLE: usize = 2 << 20;

#[test]
fn a_vhdx_that_lies_is_refused() {
    let Some(workshop) = workshop(&["mke2fs", "qemu-img"]) else {
        return;
    };
    let directory = workshop.path();
    mke2fs(directory, "raw", "8M", "-t ext4");
    run(directory, "qemu-img convert -f raw -O vhdx raw image");
    let good = fs::read(directory.join("image")).unwrap();
    let expected = fs::read(directory.join("raw")).unwrap();
    let outcome = |image: &[u8]| {
        fs::write(directory.join("bad"), image).unwrap();
        bytes_of(&directory.join("bad")).map_err(|error| error.code())
    };
    let changed = |at: usize, bytes: &[u8]| {
        let mut image = good.clone();
        put(&mut image, at, bytes);
        for at in HEADERS {
            sum_vhdx(&mut image[at..at + 4096]);
        }
        for at in REGIONS {
            sum_vhdx(&mut image[at..at + (64 << 10)]);
        }
        image
    };
    assert!(good[METADATA..].starts_with(b"metadata"));
    assert!(
        changed(0, b"v") == good,
        "the checksums are computed in the right way"
    );
    let newest = HEADERS[usize::from(good[HEADERS[1] + 8] > good[HEADERS[0] + 8])];
    let huge = (1_u64 << 63).to_le_bytes();
    for (why, at, bytes, expected) in [
        ("a log", newest + 48, &[1][..], "DISK_LOG_DIRTY"),
        ("version 2", newest + 66, &[2], "DISK_FORMAT_UNSUPPORTED"),
        ("a log of version 1", newest + 64, &[1], "DISK_FORMAT_UNSUPPORTED"),
        ("2^32 regions", REGIONS[0] + 8, &[0xff; 4], "DISK_MALFORMED"),
        ("no regions", REGIONS[0] + 8, &[0; 4], "DISK_MALFORMED"),
        ("an unknown region", REGIONS[0] + 16, &[0], "DISK_MALFORMED"),
        ("a region nowhere", REGIONS[0] + 16 + 16, &huge, "DISK_TRUNCATED"),
        (
            "a region between MiB",
            REGIONS[0] + 16 + 16,
            &[1],
            "DISK_MALFORMED",
        ),
        (
            "a region without bytes",
            REGIONS[0] + 16 + 24,
            &[0; 4],
            "DISK_MALFORMED",
        ),
        ("no metadata", METADATA, &[0], "DISK_MALFORMED"),
        ("no items", METADATA + 10, &[0, 0], "DISK_MALFORMED"),
        ("an unknown item", METADATA + 32, &[0], "DISK_FORMAT_UNSUPPORTED"),
        (
            "an item in the table",
            METADATA + 32 + 16,
            &[0; 4],
            "DISK_MALFORMED",
        ),
        (
            "an item nowhere",
            METADATA + 32 + 16,
            &[0xff; 4],
            "DISK_MALFORMED",
        ),
        ("blocks without bytes", ITEMS, &[0; 4], "DISK_MALFORMED"),
        ("blocks of 2 GiB", ITEMS, &[0, 0, 0, 0x80], "DISK_MALFORMED"),
        ("a parent", ITEMS + 4, &[2], "DISK_FORMAT_UNSUPPORTED"),
        ("an unknown parameter", ITEMS + 4, &[4], "DISK_FORMAT_UNSUPPORTED"),
        ("no bytes", ITEMS + 8, &[0; 8], "DISK_MALFORMED"),
        ("2^63 bytes", ITEMS + 8, &huge, "DISK_MALFORMED"),
        (
            "2^46 bytes",
            ITEMS + 8,
            &(1_u64 << 46).to_le_bytes(),
            "DISK_MALFORMED",
        ),
        ("sectors of 3 bytes", ITEMS + 32, &[3, 0, 0, 0], "DISK_MALFORMED"),
        ("a block in parts", TABLE, &[7], "DISK_MALFORMED"),
        ("a block in the state 5", TABLE, &[5], "DISK_MALFORMED"),
        ("a block with unknown bits", TABLE, &[0xfe], "DISK_MALFORMED"),
        (
            "a block over the headers",
            TABLE,
            &[6, 0, 0, 0, 0, 0, 0, 0],
            "DISK_MALFORMED",
        ),
        (
            "a block nowhere",
            TABLE,
            &[6, 0, 0, 0, 0, 0, 0, 0x80],
            "DISK_TRUNCATED",
        ),
    ] {
        assert_eq!(outcome(&changed(at, bytes)), Err(expected), "{why}");
    }
    // The older header, and the second table of regions, are read if need be; without both there is none.
    for places in [HEADERS, REGIONS] {
        let mut image = good.clone();
        for at in if places == HEADERS {
            [newest, HEADERS[0] + HEADERS[1] - newest]
        } else {
            places
        } {
            assert!(outcome(&image) == Ok(expected.clone()), "before {at}");
            image[at + 100] ^= 1;
        }
        assert_eq!(outcome(&image), Err("DISK_CHECKSUM_WRONG"));
    }
}
