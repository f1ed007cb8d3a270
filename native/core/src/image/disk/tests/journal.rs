//! Journals of ext4 that have to be replayed: debugfs writes them, and e2fsck replays a copy; and one of a kernel that
//! was stopped (`fixtures/ext4`).

use std::io::Write as _;

use super::memory::{Contents, Memory, contents};
use super::*;

const TOOLS: [&str; 4] = ["mke2fs", "debugfs", "e2fsck", "sha256sum"];
const BLOCK_BYTES: usize = 1024;

fn debugfs(directory: &Path, image: &str, commands: &str) {
    fs::write(directory.join("request"), commands).unwrap();
    run(directory, &format!("debugfs -w -f request {image}"));
}

/// Makes `image`, and `later`, the same filesystem some changes later; and changes the tree in the same way.
fn pair(directory: &Path, options: &str) {
    let root = directory.join("root");
    mke2fs(directory, "image", "16M", &format!("-b 1024 -J size=1 {options}"));
    fs::copy(directory.join("image"), directory.join("later")).unwrap();
    // A file that begins with the mark of the journal's own blocks.
    let new = [&b"\xc0\x3b\x39\x98"[..], &noise(5000)].concat();
    fs::write(directory.join("new"), &new).unwrap();
    debugfs(
        directory,
        "later",
        "rm /usr/lib/longer\nmkdir /usr/later\nwrite new /usr/later/new\nwrite new /usr/lib/again\nrm /usr/many/a-rather-long-name-7\n",
    );
    let _ = fs::remove_file(root.join("usr/lib/longer"));
    let _ = fs::remove_file(root.join("usr/many/a-rather-long-name-7"));
    fs::create_dir_all(root.join("usr/later")).unwrap();
    fs::write(root.join("usr/later/new"), &new).unwrap();
    fs::write(root.join("usr/lib/again"), &new).unwrap();
}

/// The numbers of the blocks that differ, with commas; those blocks are in the file `blocks`.
fn changes(directory: &Path) -> String {
    let [before, after] = ["image", "later"].map(|name| fs::read(directory.join(name)).unwrap());
    let mut file = fs::File::create(directory.join("blocks")).unwrap();
    let mut numbers = Vec::new();
    let pairs = before.chunks(BLOCK_BYTES).zip(after.chunks(BLOCK_BYTES));
    for (number, (_, after)) in pairs.enumerate().filter(|(_, (before, after))| before != after) {
        file.write_all(after).unwrap();
        numbers.push(number.to_string());
    }
    assert!(numbers.len() > 10);
    numbers.join(",")
}

const KINDS: [(&str, &str); 4] = [
    ("-t ext4 -O metadata_csum,64bit", "jo -c"),
    ("-t ext4 -O metadata_csum,^64bit", "jo -c -v 2"),
    ("-t ext4 -O ^metadata_csum,64bit", "jo"),
    ("-t ext3", "jo"),
];

#[test]
fn a_journal_is_replayed_as_e2fsck_does() {
    for (options, open) in KINDS {
        let Some(workshop) = workshop(&TOOLS) else { return };
        let directory = workshop.path();
        let before = expected(&directory.join("root"));
        pair(directory, options);
        let after = expected(&directory.join("root"));
        let numbers = changes(directory);
        let first = numbers.split(',').next_back().unwrap();
        fs::write(directory.join("garbage"), noise(2 * BLOCK_BYTES)).unwrap();
        // A block that is overwritten, which is revoked, and again in a transaction without an end; and one of which a
        // later copy counts.
        let kept = block_of(directory, "/usr/bin/large");
        debugfs(
            directory,
            "image",
            &format!(
                "{open}\njw -b {kept},{first} garbage\njw -r {kept}\njw -b {numbers} blocks\njw -c -b {kept} garbage\njc\n"
            ),
        );
        let found = extracted(&directory.join("image"), &super::options()).unwrap();
        assert_same(&lines(&found), &after, options);
        assert_ne!(before, after);
        assert_eq!(found.sources[0].notes[0].code, "JOURNAL_REPLAYED");
        // What e2fsck makes of a copy is the same, without a note.
        fs::copy(directory.join("image"), directory.join("repaired")).unwrap();
        let status = std::process::Command::new("e2fsck")
            .args(["-fy", "repaired"])
            .current_dir(directory)
            .output();
        assert!(matches!(status.unwrap().status.code(), Some(0 | 1)), "{options}");
        let repaired = extracted(&directory.join("repaired"), &super::options()).unwrap();
        assert_same(&lines(&repaired), &after, options);
        assert!(repaired.sources[0].notes.is_empty());
    }
}

/// The first block of a file.
fn block_of(directory: &Path, path: &str) -> String {
    let output = std::process::Command::new("debugfs")
        .args(["-R", &format!("blocks {path}"), "image"])
        .current_dir(directory)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_kernel_that_was_stopped_left_what_it_reads_again() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ext4");
    let text = fs::read_to_string(fixtures.join("crashed.sha256")).unwrap();
    let expected: Lines = text.lines().map(str::to_owned).collect();
    assert!(expected.len() > 300);
    assert_same(&listed(&fixtures.join("crashed.qcow2")), &expected, "crashed");
}

#[test]
fn a_journal_that_is_empty_changes_nothing() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    mke2fs(directory, "image", "16M", "-t ext4");
    debugfs(directory, "image", "feature needs_recovery\n");
    let expected = expected(&directory.join("root"));
    assert_same(&listed(&directory.join("image")), &expected, "empty");
}

#[test]
fn journals_that_cannot_be_replayed_are_refused() {
    let Some(workshop) = workshop(&TOOLS) else { return };
    let directory = workshop.path();
    pair(directory, "-t ext4 -O ^metadata_csum");
    let numbers = changes(directory);
    let good = fs::read(directory.join("image")).unwrap();
    debugfs(directory, "image", &format!("jo\njw -b {numbers} blocks\njc\n"));
    let dirty = fs::read(directory.join("image")).unwrap();
    let journal = dirty
        .chunks(BLOCK_BYTES)
        .position(|block| block.starts_with(b"\xc0\x3b\x39\x98\0\0\0\x04"))
        .unwrap()
        * BLOCK_BYTES;
    for (what, at, bytes, expected) in [
        ("no superblock", 4, 9_u32, "EXT4_CORRUPT"),
        ("blocks of another size", 12, 4096, "EXT4_CORRUPT"),
        ("a ring without a start", 20, 0, "EXT4_CORRUPT"),
        ("a ring that ends before it starts", 16, 1, "EXT4_CORRUPT"),
        ("longer than it is", 16, 1 << 20, "EXT4_CORRUPT"),
        ("a start behind its end", 28, 1 << 20, "EXT4_CORRUPT"),
        ("fast commits", 40, 0x20, "EXT4_JOURNAL_DIRTY"),
        ("commits that nothing checks", 40, 0x4, "EXT4_JOURNAL_DIRTY"),
        ("a feature of the future", 40, 0x100, "EXT4_JOURNAL_DIRTY"),
        ("checksums that are wrong", 40, 0x10, "EXT4_CHECKSUM_WRONG"),
        // The first tag of the first transaction.
        ("a copy of no block", BLOCK_BYTES + 12, 1 << 30, "EXT4_CORRUPT"),
    ] {
        let mut bad = dirty.clone();
        bad[journal + at..][..4].copy_from_slice(&bytes.to_be_bytes());
        fs::write(directory.join("bad"), bad).unwrap();
        // A ring that is longer than the file has holes only where it is read.
        let found = extracted(&directory.join("bad"), &options()).map(|found| lines(&found));
        match found {
            Err(error) => assert_eq!(error.code(), expected, "{what}"),
            Ok(_) => assert_eq!(what, "longer than it is"),
        }
    }
    // Without a journal of its own.
    fs::write(directory.join("image"), good).unwrap();
    for (what, commands) in [
        ("elsewhere", "feature needs_recovery\nssv journal_inum 0\n"),
        ("none", "feature ^has_journal\nfeature needs_recovery\n"),
    ] {
        fs::copy(directory.join("image"), directory.join("bad")).unwrap();
        debugfs(directory, "bad", commands);
        assert_eq!(
            code(&directory.join("bad"), &options()),
            "EXT4_JOURNAL_DIRTY",
            "{what}"
        );
    }
}

fn read(image: &Arc<Memory>) -> Result<Contents, DiskError> {
    contents(&filesystem::Filesystem::open_ext4(Arc::clone(image) as _)?)
}

#[test]
fn a_changed_bit_of_the_journal_is_an_error_or_one_of_its_states() {
    for (options, open) in KINDS {
        let Some(workshop) = workshop(&TOOLS) else { return };
        let directory = workshop.path();
        fs::remove_dir_all(directory.join("root/usr/many")).unwrap();
        fs::create_dir(directory.join("root/usr/many")).unwrap();
        fs::write(directory.join("root/usr/many/a-rather-long-name-7"), b"seven").unwrap();
        fs::remove_file(directory.join("root/usr/bin/large")).unwrap();
        fs::remove_file(directory.join("root/usr/lib/sparse")).unwrap();
        pair(directory, options);
        let load = |name: &str| Arc::new(Memory::new(fs::read(directory.join(name)).unwrap()));
        let states = [read(&load("image")).unwrap(), read(&load("later")).unwrap()];
        let numbers = changes(directory);
        let blocks = numbers.split(',').count();
        debugfs(
            directory,
            "image",
            &format!("{open}\njw -b {numbers} blocks\njc\n"),
        );
        let image = load("image");
        assert_eq!(read(&image).unwrap(), states[1], "{options}");
        let bytes = fs::read(directory.join("image")).unwrap();
        let journal = bytes
            .chunks(BLOCK_BYTES)
            .position(|block| block.starts_with(b"\xc0\x3b\x39\x98\0\0\0\x04"))
            .unwrap()
            * BLOCK_BYTES;
        // Superblock, descriptor, copies and commit.
        let len = (blocks + 3) * BLOCK_BYTES;
        let has_checksums = open.contains("-c");
        let mut state = 9_usize;
        let mut refused = 0;
        for _ in 0..600 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (at, bit) = (journal + (state >> 24) % len, 1 << (state >> 50 & 7));
            match image.changed(at, bit, read) {
                Ok(found) => assert!(
                    !has_checksums || states.contains(&found),
                    "{options}: byte {at}, bit {bit}"
                ),
                Err(_) => refused += 1,
            }
        }
        // Without checksums a copy is taken as it is, as the kernel takes it.
        assert!(!has_checksums || refused > 300, "{options}: {refused}");
    }
}
