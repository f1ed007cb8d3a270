//! What members do to the tree.

use super::Agreement::Sound;
use super::{Buffer, buffer, data};
use crate::support::cases::cases;
use crate::support::cpio::{Member, archive, character_device, directory, file, socket, symlink, trailer};

/// Every case of the table that the fast tests use as well.
pub(super) fn table(oracle: &[u8]) -> Vec<Buffer> {
    let mut all = buffer("members and what they do to the tree", Sound, &[oracle]);
    for (index, case) in cases().into_iter().enumerate() {
        all.bytes.extend(archive(&case.under(&format!("c{index}"))));
        all.cases.push(case);
    }
    vec![all]
}

/// Members of every kind at every place, in some hundred directories: what nobody thought of.
///
/// `IMA_ASSAY_KERNEL_SEED` chooses others. There are no FIFOs, since the kernel waits for ever where it opens one
/// through a symbolic link that was hard-linked.
pub(super) fn random(oracle: &[u8]) -> Vec<Buffer> {
    let seed = std::env::var("IMA_ASSAY_KERNEL_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let mut random = Random(seed);
    let mut bytes = oracle.to_vec();
    for case in 0..200 {
        let top = format!("r{case}");
        let mut all = vec![directory(&top)];
        for _ in 0..30 {
            let name = format!("{top}/{}", random.path());
            let text = "x".repeat(random.below(4));
            let member = match random.below(12) {
                0..5 => file(name, format!("{}{text}", random.0)),
                5 => file(name, ""),
                6..9 => directory(name),
                9 if random.below(4) == 0 => symlink(name, format!("/{top}/{}", random.path())),
                9 | 10 => symlink(name, random.path()),
                _ => match random.below(3) {
                    0 => character_device(name),
                    1 => socket(name),
                    _ => Member::new(0o644, name, b""),
                },
            };
            let member = Member {
                uid: u32::try_from(random.below(3)).unwrap(),
                ..member
            };
            all.push(match random.below(3) {
                0 => member.linked(u32::try_from(random.below(3)).unwrap(), 2),
                _ => member,
            });
            if random.below(20) == 0 {
                all.push(trailer());
            }
        }
        bytes.extend(archive(&all));
    }
    vec![buffer(format!("random members, seed {seed}"), Sound, &[&bytes])]
}

/// Numbers in no order, the same ones for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    /// A path of few parts out of few names, so that they meet each other often.
    fn path(&mut self) -> String {
        let mut path = String::new();
        for _ in 0..=self.below(3) {
            let part = ["a", "b", "c", "a", "b", "d", ".", ".."][self.below(8)];
            path = format!("{path}{part}/");
        }
        if self.below(10) > 0 {
            path.pop();
        }
        path
    }
}

/// What needs no directory of its own or cannot be in one.
pub(super) fn of_the_root(oracle: &[u8]) -> Vec<Buffer> {
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
