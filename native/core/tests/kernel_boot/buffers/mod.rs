//! Whole initramfs files, right and wrong, and what each is to show.

mod members;
mod segments;
mod wrong;

use std::thread;

use crate::support::cases::Case;
use crate::support::cpio::{archive, file};
use crate::support::tools::run;

/// How our reader and the kernel are meant to agree. Codes are of our errors and notes, or their beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// Both unpack it to its end.
    Sound,
    /// Both stop at the same place, the kernel with a line on its console.
    Stops(&'static str),
    /// The kernel says nothing of what we call an error, but its tree is what we have got until then.
    Silent(&'static str),
    /// We stop where this kernel goes on: newer ones stop as well, or it does not look. Its tree has more.
    Strict(&'static str),
    /// We go on with a note where the kernel stops: its tree has less.
    Tolerant(&'static str),
    /// We refuse to say anything of the tree.
    Refused(&'static str),
}

/// Names of files.
type Names = &'static [&'static str];

/// An initramfs.
pub(crate) struct Buffer {
    pub(crate) why: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) agreement: Agreement,
    /// The names of the file that was being written when the kernel stopped. It stays as it is; we list none of it.
    pub(crate) half_written: Names,
    /// What the directories `/c0`, `/c1`, … are there for.
    pub(crate) cases: Vec<Case>,
}

fn buffer(why: impl Into<String>, agreement: Agreement, parts: &[&[u8]]) -> Buffer {
    Buffer {
        why: why.into(),
        bytes: parts.concat(),
        agreement,
        half_written: &[],
        cases: Vec::new(),
    }
}

/// Some buffers around the oracle's archive.
type Group = fn(&[u8]) -> Vec<Buffer>;

/// Every buffer. `oracle` is the archive with the program that looks at the tree; it comes first unless the first
/// segment is what a buffer is about.
pub(crate) fn all(oracle: &[u8]) -> Vec<Buffer> {
    let groups: [Group; 15] = [
        members::table,
        members::random,
        members::of_the_root,
        segments::paddings,
        segments::each_compression,
        segments::layouts,
        segments::boot_configurations,
        wrong::members,
        wrong::paddings,
        wrong::segments,
        wrong::refused_streams,
        wrong::skipped_members,
        wrong::cut_archives,
        wrong::cut_and_damaged_streams,
        wrong::nothing_to_start,
    ];
    thread::scope(|scope| {
        let groups = groups.map(|group| scope.spawn(move || group(oracle)));
        groups
            .into_iter()
            .flat_map(|group| group.join().unwrap())
            .collect()
    })
}

/// A file of some size that compresses neither badly nor well.
fn data(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"abcdefghijklmnop"[usize::try_from(state >> 29).unwrap()]
        })
        .collect()
}

fn zeros(count: usize) -> Vec<u8> {
    vec![0; count]
}

/// An archive of one file.
fn one(name: &str, bytes: &str) -> Vec<u8> {
    archive(&[file(name, bytes)])
}

fn pack(tool: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    run(tool, arguments, bytes).expect("the programs were looked for")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    pack("gzip", &["-n"], bytes)
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    pack("zstd", &["-qc"], bytes)
}
