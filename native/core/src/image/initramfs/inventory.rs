//! What an initramfs is made of, and what a person should know about it.

use std::collections::BTreeMap;

use super::cpio::Header;
use super::error::{At, Segment};
use crate::image::rootfs::Kind;
use crate::image::{Fact, Layer, Note, Sink};

/// Notes of one code that are given one by one; the others are counted.
const NOTES_OF_A_CODE: u64 = 16;

/// Segments, and archives of one segment, that are listed one by one; the others are counted.
const LISTED_LAYERS: usize = 256;

/// What the kernel itself looks for in the uncompressed archives at the start, and the name by which
/// dracut marks them.
const EARLY: [&[u8]; 3] = [b"kernel/x86/microcode/", b"kernel/firmware/acpi/", b"early_cpio"];

/// An archive that has no trailer yet.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    at: At,
    has_newc: bool,
    has_crc: bool,
    is_early: bool,
    files: u64,
    directories: u64,
    symlinks: u64,
    others: u64,
}

/// Collects layers and notes.
#[derive(Default)]
pub(super) struct Inventory {
    segments: Vec<Layer>,
    segment_count: u64,
    archives: Vec<Layer>,
    archive_count: u64,
    archive: Option<Archive>,
    compressed_seen: bool,
    notes: BTreeMap<&'static str, u64>,
}

impl Inventory {
    /// Counts a member, which starts an archive unless one is open.
    pub(super) fn member(&mut self, at: At, header: &Header) {
        let archive = self.archive.get_or_insert(Archive {
            at,
            has_newc: false,
            has_crc: false,
            is_early: false,
            files: 0,
            directories: 0,
            symlinks: 0,
            others: 0,
        });
        archive.has_newc |= !header.has_checksum;
        archive.has_crc |= header.has_checksum;
    }

    /// Counts the same member by its kind, unless it is the trailer.
    pub(super) fn name(&mut self, name: &[u8], kind: Kind) {
        let Some(archive) = &mut self.archive else { return };
        let path = name
            .strip_prefix(b"./")
            .or(name.strip_prefix(b"/"))
            .unwrap_or(name);
        archive.is_early |= !self.compressed_seen
            && archive.at.segment.is_none()
            && EARLY.iter().any(|early| path.starts_with(early));
        let count = match kind {
            Kind::Regular => &mut archive.files,
            Kind::Directory => &mut archive.directories,
            Kind::Symlink => &mut archive.symlinks,
            _ => &mut archive.others,
        };
        *count = count.saturating_add(1);
    }

    /// Where the archive without a trailer starts, if there is one.
    pub(super) fn open_archive(&self) -> Option<At> {
        self.archive.as_ref().map(|archive| archive.at)
    }

    /// Ends the archive at `end`, with its trailer or without. Outside compressed segments it is a segment
    /// of its own.
    pub(super) fn end_archive(&mut self, end: u64, has_trailer: bool) {
        let Some(archive) = self.archive.take() else {
            return;
        };
        let size = end.saturating_sub(archive.at.offset);
        let mut facts = vec![
            (
                "format",
                Fact::Text(
                    match (archive.has_newc, archive.has_crc) {
                        (true, true) => "newc and crc",
                        (_, true) => "crc",
                        _ => "newc",
                    }
                    .to_owned(),
                ),
            ),
            ("files", Fact::Number(archive.files)),
            ("directories", Fact::Number(archive.directories)),
            ("symlinks", Fact::Number(archive.symlinks)),
            ("others", Fact::Number(archive.others)),
            ("trailer", yes_or_no(has_trailer)),
        ];
        if archive.is_early {
            facts.push(("early", yes_or_no(true)));
        }
        let layer = Layer {
            kind: "archive",
            offset_bytes: Some(archive.at.segment.map_or(0, |_| archive.at.offset)),
            size_bytes: Some(size),
            facts,
            layers: Vec::new(),
        };
        self.archive_count = self.archive_count.saturating_add(1);
        if self.archives.len() < LISTED_LAYERS {
            self.archives.push(layer);
        }
        if archive.at.segment.is_none() {
            self.push_segment(archive.at.offset, size, "none", size);
        }
    }

    /// Ends a compressed segment of `size` bytes that unpacked to `unpacked` bytes.
    pub(super) fn end_segment(&mut self, segment: Segment, size: u64, unpacked: u64) {
        self.compressed_seen = true;
        self.push_segment(segment.offset, size, segment.compression.name(), unpacked);
    }

    fn push_segment(&mut self, offset: u64, size: u64, compression: &str, unpacked: u64) {
        self.segment_count = self.segment_count.saturating_add(1);
        let archives = std::mem::take(&mut self.archives);
        let archive_count = std::mem::take(&mut self.archive_count);
        if self.segments.len() < LISTED_LAYERS {
            self.segments.push(Layer {
                kind: "segment",
                offset_bytes: Some(offset),
                size_bytes: Some(size),
                facts: vec![
                    ("compression", Fact::Text(compression.to_owned())),
                    ("unpackedBytes", Fact::Number(unpacked)),
                    ("archives", Fact::Number(archive_count)),
                ],
                layers: archives,
            });
        }
    }

    /// Gives a note, unless there were many of its code.
    pub(super) fn note(&mut self, sink: &mut dyn Sink<'_>, note: Note) {
        let count = self.notes.entry(note.code).or_default();
        *count = count.saturating_add(1);
        if *count <= NOTES_OF_A_CODE {
            sink.note(note);
        }
    }

    /// Gives the notes that were only counted, and the segments.
    pub(super) fn finish(self, sink: &mut dyn Sink<'_>) -> (u64, Vec<Layer>) {
        for (code, count) in self.notes {
            let more = count.saturating_sub(NOTES_OF_A_CODE);
            if more > 0 {
                sink.note(Note {
                    code,
                    path: None,
                    offset_bytes: None,
                    text: format!("and {more} more such members or segments"),
                });
            }
        }
        (self.segment_count, self.segments)
    }
}

fn yes_or_no(value: bool) -> Fact {
    Fact::Text(if value { "yes" } else { "no" }.to_owned())
}
