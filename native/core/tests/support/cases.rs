//! What members do to a tree: one case a row, for our reader and for a booted kernel.
//!
//! Every case is an archive of its own under a directory of its own, so that all of them fit into one
//! initramfs. What is expected is what Linux 6.1 makes of it; `tests/kernel_boot` asks the kernel.

use super::cpio::{Member, character_device, directory, fifo, file, socket, symlink, trailer};

/// A tree that comes out of some members.
pub(crate) struct Case {
    pub(crate) why: &'static str,
    /// Below the case's own directory, which is made first and is where relative names start.
    pub(crate) members: Vec<Member>,
    /// Regular files below that directory, and their bytes.
    pub(crate) files: Vec<(Vec<u8>, &'static [u8])>,
}

fn case(why: &'static str, members: Vec<Member>, files: &[(&str, &'static str)]) -> Case {
    Case {
        why,
        members,
        files: files
            .iter()
            .map(|(name, data)| (name.as_bytes().to_vec(), data.as_bytes()))
            .collect(),
    }
}

impl Case {
    /// The members under a directory of this name, which they make.
    pub(crate) fn under(&self, top: &str) -> Vec<Member> {
        let mut all = vec![directory(top)];
        for member in &self.members {
            let mut member = member.clone();
            if member.name != b"TRAILER!!!" {
                member.name = [top.as_bytes(), b"/", &member.name].concat();
                if member.name_nuls > 1 {
                    member.name_nuls -= top.len() + 1;
                }
            }
            if let Some(target) = member.data.strip_prefix(b"@/") {
                member.data = [b"/", top.as_bytes(), b"/", target].concat();
            }
            all.push(member);
        }
        all
    }
}

/// Members that act on a tree without any error, each row of the kernel's rules once.
pub(crate) fn cases() -> Vec<Case> {
    let long = "n".repeat(256);
    // 41 links in a row: the kernel follows 40.
    let mut chain = vec![directory("l0"), symlink("l1", "l0")];
    chain.extend((2..=41).map(|n| symlink(format!("l{n}"), format!("l{}", n - 1))));
    chain.extend([file("l40/x", "1"), file("l41/y", "2")]);
    let mut cases = vec![
        // A regular file on what is there.
        case("a new file", vec![file("f", "1")], &[("f", "1")]),
        case("an empty file", vec![file("f", "")], &[("f", "")]),
        case(
            "no parent: dropped",
            vec![file("no/f", "1"), file("g", "2")],
            &[("g", "2")],
        ),
        case(
            "the last file wins",
            vec![file("f", "11"), file("f", "2")],
            &[("f", "2")],
        ),
        case(
            "an empty file empties",
            vec![file("f", "11"), file("f", "")],
            &[("f", "")],
        ),
        case(
            "a file over one with a second name changes both",
            vec![
                file("a", "1").linked(7, 2),
                file("b", "").linked(7, 2),
                file("b", "22"),
            ],
            &[("a", "22"), ("b", "22")],
        ),
        case(
            "a file replaces a symbolic link, not its target",
            vec![file("t", "1"), symlink("f", "t"), file("f", "2")],
            &[("f", "2"), ("t", "1")],
        ),
        case(
            "a file replaces a fifo",
            vec![fifo("f"), file("f", "1")],
            &[("f", "1")],
        ),
        case(
            "a file replaces a device",
            vec![character_device("f"), file("f", "1")],
            &[("f", "1")],
        ),
        case(
            "a file replaces a socket",
            vec![socket("f"), file("f", "1")],
            &[("f", "1")],
        ),
        case(
            "a file replaces an empty directory",
            vec![directory("f"), file("f", "1")],
            &[("f", "1")],
        ),
        case(
            "a full directory stays, the file is dropped",
            vec![directory("f"), file("f/x", "1"), file("f", "22"), file("g", "3")],
            &[("f/x", "1"), ("g", "3")],
        ),
        case(
            "with a slash after it, a symbolic link to an empty directory stays",
            vec![
                directory("r"),
                symlink("l", "r"),
                file("l/", "1"),
                file("l/x", "2"),
            ],
            &[("r/x", "2")],
        ),
        // A directory on what is there.
        case(
            "a directory stays",
            vec![directory("d"), file("d/x", "1"), directory("d")],
            &[("d/x", "1")],
        ),
        case(
            "a directory replaces a symbolic link to a directory",
            vec![
                directory("r"),
                file("r/x", "1"),
                symlink("d", "r"),
                directory("d"),
                file("d/y", "2"),
            ],
            &[("r/x", "1"), ("d/y", "2")],
        ),
        case(
            "with a slash after it, the symbolic link stays",
            vec![
                directory("r"),
                symlink("d", "r"),
                directory("d/"),
                file("d/y", "2"),
            ],
            &[("r/y", "2")],
        ),
        case(
            "a directory replaces a file",
            vec![file("d", "1"), directory("d"), file("d/y", "2")],
            &[("d/y", "2")],
        ),
        case(
            "no parent, no directory",
            vec![directory("a/b"), file("a/b/f", "1")],
            &[],
        ),
        case(
            "a directory with slashes after it",
            vec![directory("d//"), file("d/y", "2")],
            &[("d/y", "2")],
        ),
        // A symbolic link on what is there.
        case(
            "a symbolic link replaces an empty directory",
            vec![
                directory("r"),
                directory("l"),
                symlink("l", "r"),
                file("l/x", "1"),
            ],
            &[("r/x", "1")],
        ),
        case(
            "a full directory stays, the symbolic link is dropped",
            vec![
                directory("r"),
                directory("l"),
                file("l/y", "1"),
                symlink("l", "r"),
                file("l/x", "2"),
            ],
            &[("l/x", "2"), ("l/y", "1")],
        ),
        case(
            "a symbolic link with a slash after it removes an empty directory and is not made",
            vec![
                directory("r"),
                directory("l"),
                symlink("l/", "r"),
                file("l/x", "1"),
            ],
            &[],
        ),
        case(
            "a symbolic link replaces a file and a symbolic link",
            vec![
                directory("r"),
                file("l", "1"),
                symlink("l", "nowhere"),
                symlink("l", "r"),
                file("l/x", "2"),
            ],
            &[("r/x", "2")],
        ),
        case(
            "the trailer's name on a symbolic link is only a name",
            vec![
                file("a", "1").linked(3, 2),
                symlink("TRAILER!!!", "a"),
                file("b", "").linked(3, 2),
            ],
            &[("a", "1"), ("b", "1")],
        ),
        case(
            "symbolic links have no hard links",
            vec![
                directory("r"),
                symlink("a", "r").linked(3, 2),
                symlink("b", "").linked(3, 2),
                file("a/x", "1"),
                file("b/y", "2"),
            ],
            &[("r/x", "1"), ("y", "2")],
        ),
        // Devices, fifos, sockets.
        case(
            "a device removes a file",
            vec![file("f", "1"), character_device("f")],
            &[],
        ),
        case(
            "a fifo stays a fifo",
            vec![fifo("f"), fifo("f"), file("g", "1")],
            &[("g", "1")],
        ),
        case(
            "linked devices share no file",
            vec![
                character_device("c").linked(5, 2),
                character_device("d").linked(5, 2),
                file("e", "1").linked(5, 2),
            ],
            &[("e", "1")],
        ),
        case(
            "directories have no hard links",
            vec![
                directory("c").linked(5, 2),
                directory("d").linked(5, 2),
                file("c/x", "1"),
                file("d/y", "2"),
            ],
            &[("c/x", "1"), ("d/y", "2")],
        ),
        case(
            "a device on a full directory is dropped",
            vec![directory("d"), file("d/x", "1"), character_device("d")],
            &[("d/x", "1")],
        ),
        case(
            "a member of no kind removes what is there",
            vec![file("f", "1"), Member::new(0o644, "f", b""), file("g", "2")],
            &[("g", "2")],
        ),
        case(
            "a member of no kind removes no full directory",
            vec![directory("d"), file("d/f", "1"), Member::new(0o644, "d", b"")],
            &[("d/f", "1")],
        ),
        // Members with data that are no files, and odd names.
        case(
            "a directory with data is skipped whole",
            vec![
                Member::new(0o040_755, "d", b"data"),
                file("d/x", "1"),
                file("g", "2"),
            ],
            &[("g", "2")],
        ),
        case(
            "a name of 4 097 bytes is skipped, of 4 096 it is not",
            vec![
                Member {
                    name_nuls: 4096,
                    ..file("f", "1")
                },
                Member {
                    name_nuls: 4000,
                    ..file("g", "2")
                },
            ],
            &[("g", "2")],
        ),
        case(
            "a target of 4 096 bytes is too long for tmpfs, the old file is gone",
            vec![file("l", "1"), symlink("l", "t".repeat(4096)), file("g", "2")],
            &[("g", "2")],
        ),
        case(
            "a target of 4 097 bytes is skipped, the old file stays",
            vec![file("l", "1"), symlink("l", "t".repeat(4097)), file("g", "2")],
            &[("g", "2"), ("l", "1")],
        ),
        case(
            "a part of more than 255 bytes",
            vec![
                file(&long, "1"),
                directory(&long),
                file(format!("{long}/f"), "2"),
                file("g", "3"),
            ],
            &[("g", "3")],
        ),
        case(
            "a name ends at its first NUL",
            vec![file("f\0junk", "1")],
            &[("f", "1")],
        ),
        case(
            "a target ends at its first NUL",
            vec![directory("r"), symlink("l", "r\0junk"), file("l/x", "1")],
            &[("r/x", "1")],
        ),
        // Paths.
        case(
            "dots and slashes",
            vec![
                directory("./d"),
                file("d/./x", "1"),
                file("d//y", "2"),
                file("d/../z", "3"),
                file("../../../../w", "4"),
            ],
            &[("d/x", "1"), ("d/y", "2"), ("z", "3"), ("/w", "4")],
        ),
        case(
            "dots as a last part name a directory",
            vec![
                directory("d"),
                file("d/.", "1"),
                file("d/..", "2"),
                symlink("d/.", "x"),
                directory("d/."),
                file("d/f", "3"),
            ],
            &[("d/f", "3")],
        ),
        case(
            "a file with a slash after it is dropped",
            vec![
                file("f/", "1"),
                file("g", "2"),
                file("g/", "3"),
                symlink("l/", "g"),
                fifo("p/"),
            ],
            &[("g", "2")],
        ),
        case(
            "symbolic links in the directory part are followed",
            vec![
                directory("a"),
                directory("a/b"),
                symlink("l", "a/b"),
                symlink("m", "@/l/.."),
                file("l/x", "1"),
                file("m/y", "2"),
                file("m/b/z", "3"),
            ],
            &[("a/b/x", "1"), ("a/y", "2"), ("a/b/z", "3")],
        ),
        case(
            "a loop of symbolic links leads nowhere",
            vec![
                symlink("a", "b"),
                symlink("b", "a"),
                file("a/x", "1"),
                file("c", "2"),
            ],
            &[("c", "2")],
        ),
        case(
            "a file is no directory",
            vec![file("f", "1"), file("f/x", "2"), file("f/../y", "3")],
            &[("f", "1")],
        ),
        case(
            "an empty target leads to its own directory",
            vec![symlink("l", ""), file("l/x", "1")],
            &[("x", "1")],
        ),
        case("40 symbolic links are followed, not 41", chain, &[("l0/x", "1")]),
        case(
            "a part of 255 bytes",
            vec![file(&long[1..], "1")],
            &[(&long[1..], "1")],
        ),
        // Hard links.
        case(
            "data on the first name",
            vec![
                file("a", "1").linked(9, 3),
                file("b", "").linked(9, 3),
                file("c", "").linked(9, 3),
            ],
            &[("a", "1"), ("b", "1"), ("c", "1")],
        ),
        case(
            "data on the last name",
            vec![
                file("a", "").linked(9, 3),
                file("b", "").linked(9, 3),
                file("c", "1").linked(9, 3),
            ],
            &[("a", "1"), ("b", "1"), ("c", "1")],
        ),
        case(
            "data on several names: the last counts",
            vec![
                file("a", "111").linked(9, 3),
                file("b", "22").linked(9, 3),
                file("c", "").linked(9, 3),
            ],
            &[("a", "22"), ("b", "22"), ("c", "22")],
        ),
        case(
            "data on no name",
            vec![file("a", "").linked(9, 2), file("b", "").linked(9, 2)],
            &[("a", ""), ("b", "")],
        ),
        case(
            "another device, another file",
            vec![
                file("a", "1").linked(9, 2),
                Member {
                    dev_minor: 1,
                    ..file("b", "2").linked(9, 2)
                },
            ],
            &[("a", "1"), ("b", "2")],
        ),
        case(
            "after a trailer the same number is another file",
            vec![file("a", "1").linked(9, 2), trailer(), file("b", "").linked(9, 2)],
            &[("a", "1"), ("b", "")],
        ),
        case(
            "a trailer with data is skipped as any such member and resets nothing",
            vec![
                file("a", "1").linked(9, 2),
                Member::new(0, "TRAILER!!!", b"data"),
                file("b", "").linked(9, 2),
            ],
            &[("a", "1"), ("b", "1")],
        ),
        case(
            "a trailer that is a file with data resets",
            vec![
                file("a", "1").linked(9, 2),
                Member::new(0o100_644, "TRAILER!!!", b"data"),
                file("b", "").linked(9, 2),
            ],
            &[("a", "1"), ("b", "")],
        ),
        case(
            "a trailer that is a directory resets",
            vec![
                file("a", "1").linked(9, 2),
                directory("TRAILER!!!"),
                file("b", "").linked(9, 2),
            ],
            &[("a", "1"), ("b", "")],
        ),
        case(
            "the trailer's name in a directory is only a name",
            vec![
                file("a", "1").linked(9, 2),
                file("./TRAILER!!!", "2"),
                file("b", "").linked(9, 2),
            ],
            &[("a", "1"), ("b", "1"), ("TRAILER!!!", "2")],
        ),
        case(
            "the trailer's name in data means nothing",
            vec![file("a", "TRAILER!!!\0"), file("b", "1")],
            &[("a", "TRAILER!!!\0"), ("b", "1")],
        ),
        case(
            "the same name twice: removed, and then there is nothing to link to",
            vec![
                file("a", "1").linked(9, 2),
                file("a", "2").linked(9, 2),
                file("b", "3"),
            ],
            &[("b", "3")],
        ),
        case(
            "the same name twice with another name between",
            vec![
                file("a", "1").linked(9, 3),
                file("b", "").linked(9, 3),
                file("a", "2").linked(9, 3),
            ],
            &[("b", "1")],
        ),
        case(
            "a link replaces what is at its name",
            vec![
                file("a", "1").linked(9, 3),
                symlink("b", "a"),
                file("b", "").linked(9, 3),
                directory("c"),
                file("c", "").linked(9, 3),
            ],
            &[("a", "1"), ("b", "1"), ("c", "1")],
        ),
        case(
            "a full directory is not linked over",
            vec![
                file("a", "1").linked(9, 2),
                directory("b"),
                file("b/x", "2"),
                file("b", "3").linked(9, 2),
            ],
            &[("a", "1"), ("b/x", "2")],
        ),
        case(
            "the first name has become a symbolic link: it is linked, and written through",
            vec![
                file("t", "0"),
                file("a", "1").linked(9, 2),
                symlink("a", "t"),
                file("b", "22").linked(9, 2),
            ],
            &[("t", "22")],
        ),
        case(
            "a symbolic link that is linked and leads nowhere: its target is made",
            vec![
                directory("r"),
                file("a", "1").linked(9, 2),
                symlink("a", "r/new"),
                file("b", "22").linked(9, 2),
            ],
            &[("r/new", "22")],
        ),
        case(
            "a symbolic link that is linked and leads to a directory, itself, or a name with a slash",
            vec![
                directory("r"),
                file("a", "1").linked(9, 2),
                symlink("a", "r"),
                file("b", "2").linked(9, 2),
                file("c", "3").linked(10, 2),
                symlink("c", "d"),
                file("d", "4").linked(10, 2),
                file("e", "5").linked(11, 2),
                symlink("e", "new/"),
                file("f", "6").linked(11, 2),
                file("g", "7"),
            ],
            &[("g", "7")],
        ),
        case(
            "the first name has become a directory: it cannot be linked",
            vec![
                file("a", "1").linked(9, 2),
                directory("a"),
                file("b", "22").linked(9, 2),
            ],
            &[],
        ),
        case(
            "the first name was never made: its parent is missing",
            vec![
                file("no/a", "1").linked(9, 2),
                file("b", "22").linked(9, 2),
                file("c", "3"),
            ],
            &[("c", "3")],
        ),
        case(
            "one name only, although it says two links",
            vec![file("a", "1").linked(9, 2)],
            &[("a", "1")],
        ),
        // The other form of archive.
        case(
            "sums that are right",
            vec![file("a", "abc").summed(), file("b", "").summed(), file("c", "1")],
            &[("a", "abc"), ("b", ""), ("c", "1")],
        ),
    ];
    cases.push(Case {
        why: "names are bytes",
        members: vec![file(b"\xff\xfe \n\x1b", "1")],
        files: vec![(b"\xff\xfe \n\x1b".to_vec(), b"1")],
    });
    cases
}
