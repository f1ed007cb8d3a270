//! Unpacks an initramfs into a tree, as the kernel does: segment by segment, member by member.
//!
//! ```text
//! initramfs   (NULs │ member at a multiple of 4 │ compressed segment)…
//! segment     one compressed stream of: (NULs │ member at a multiple of 4)…
//! member      header, name, data, padding to a multiple of 4
//! ```
//!
//! Source: Linux 6.1, `init/initramfs.c` (`unpack_to_rootfs`, `flush_buffer` and the states below them). A
//! member that was cut is an error here where the kernel says nothing.

use std::cell::Cell;
use std::io::Read;

use super::cpio::{Fault, HEADER_BYTES, Header, PATH_MAX, TRAILER};
use super::error::{At, InitramfsError, Part, Segment};
use super::inventory::Inventory;
use crate::image::compression::{self, Compression, Streams};
use crate::image::cursor::{Cursor, Fill};
use crate::image::handover::{self, Handover};
use crate::image::rootfs::{Data, Found, Kind, LinkTable, Refusal, Rootfs};
use crate::image::{ContentId, File, ImageError, Layer, Limits, Note, Scan, Sink, Skip};
use crate::path::Escaped;

/// Read ahead in what a segment unpacks to.
const UNPACKED_BUFFER_BYTES: usize = 128 << 10;

/// Files up to this size are handed over whole.
const WHOLE_FILE_BYTES: u32 = 64 << 10;

/// Bytes of the initramfs that were read so far, and bytes that compressed segments unpacked to.
#[derive(Default)]
pub(super) struct Meter {
    pub(super) input: Cell<u64>,
    unpacked: Cell<u64>,
}

/// The state of an initramfs that is being unpacked.
pub(super) struct Unpacker<'a, 's> {
    scan: &'a Scan<'a>,
    sink: &'a mut dyn Sink<'s>,
    meter: &'a Meter,
    rootfs: Rootfs,
    links: LinkTable,
    inventory: Inventory,
    handover: Handover,
    members: u64,
    segments: u64,
    name: Vec<u8>,
}

/// Finding nothing but the end is no mistake where a stream has shown its own end.
enum Proof {
    Complete,
    Unproven { archive: At, end: u64 },
}

impl<'a, 's> Unpacker<'a, 's> {
    pub(super) fn new(scan: &'a Scan<'a>, sink: &'a mut dyn Sink<'s>, meter: &'a Meter) -> Self {
        Self {
            scan,
            sink,
            meter,
            rootfs: Rootfs::as_booted(scan.limits.max_symlinks),
            links: LinkTable::default(),
            inventory: Inventory::default(),
            handover: Handover::new(),
            members: 0,
            segments: 0,
            name: Vec::new(),
        }
    }

    /// Unpacks everything up to the end of the initramfs or the first error.
    pub(super) fn unpack<F: Fill>(&mut self, cursor: &mut Cursor<F>) -> Result<(), ImageError> {
        let (mut is_after_member, mut proof) = (false, Proof::Complete);
        while let Some(byte) = cursor.skip_zeros()? {
            let at = At {
                segment: None,
                offset: cursor.offset(),
            };
            let is_aligned = at.offset.is_multiple_of(4);
            if is_after_member && !is_aligned {
                return Err(InitramfsError::PaddingBroken { at }.into());
            }
            is_after_member = byte == b'0' && is_aligned;
            proof = if is_after_member {
                self.member(cursor, None)?;
                match self.inventory.open_archive() {
                    Some(archive) => Proof::Unproven {
                        archive,
                        end: cursor.offset(),
                    },
                    None => Proof::Complete,
                }
            } else {
                self.end_archive_without_trailer(at);
                self.segment(cursor)?
            };
        }
        if self.members == 0 {
            return Err(InitramfsError::Nothing.into());
        }
        match proof {
            Proof::Complete => Ok(()),
            Proof::Unproven { archive, end } => {
                self.inventory.end_archive(end, false);
                Err(InitramfsError::TrailerMissing { at: archive, end }.into())
            }
        }
    }

    /// An archive without a trailer is complete where something else follows it.
    fn end_archive_without_trailer(&mut self, end: At) {
        if let Some(start) = self.inventory.open_archive() {
            self.note(
                "TRAILER_ABSENT",
                start,
                None,
                format!("the archive at {start} has no trailer; the kernel does not mind"),
            );
            self.inventory.end_archive(end.offset, false);
        }
    }

    /// Unpacks one compressed segment.
    fn segment<F: Fill>(&mut self, cursor: &mut Cursor<F>) -> Result<Proof, ImageError> {
        let offset = cursor.offset();
        let head = cursor.peek(compression::HEAD_BYTES)?;
        let Some(compression) = Compression::detect(head) else {
            let at = At {
                segment: None,
                offset,
            };
            return Err(match head {
                [0xc7, 0x71, ..] | [0x71, 0xc7, ..] => InitramfsError::FormatRefused { at, format: "binary" },
                _ => InitramfsError::SegmentUnknown {
                    offset,
                    head: head.get(..8).unwrap_or(head).to_vec(),
                },
            }
            .into());
        };
        let segment = Segment { offset, compression };
        let limit = self.scan.limits.max_segments;
        if self.segments >= limit {
            return Err(InitramfsError::TooManySegments { segment, limit }.into());
        }
        self.segments = self.segments.saturating_add(1);
        if let Some(reason) = compression.kernel_refuses(head) {
            let at = At {
                segment: None,
                offset,
            };
            let text = format!("{segment} will not boot: {reason}");
            self.note("KERNEL_REFUSES_SEGMENT", at, None, text);
        }
        let ended_by_mark = Cell::new(false);
        let decoder = compression
            .decoder(cursor, Streams::One, self.scan.limits, &ended_by_mark)
            .map_err(|fault| {
                InitramfsError::of_segment(fault, segment, 0, self.scan.limits.max_window_bytes)
            })?;
        let mut unpacked = Cursor::new(
            Unpacked {
                decoder,
                segment,
                unpacked: 0,
                scan: self.scan,
                meter: self.meter,
                has_ended: false,
            },
            UNPACKED_BUFFER_BYTES,
        );
        let archives = unpack_archives(self, &mut unpacked, segment);
        let unpacked_size = unpacked.offset();
        drop(unpacked);
        let size = cursor.offset().saturating_sub(offset);
        archives.map_err(|error| with_consumed(error, size))?;
        let mut proof = Proof::Complete;
        if let Some(archive) = self.inventory.open_archive() {
            let end = At {
                segment: Some(segment),
                offset: unpacked_size,
            };
            if ended_by_mark.get() {
                self.end_archive_without_trailer(end);
            } else {
                proof = Proof::Unproven {
                    archive,
                    end: unpacked_size,
                };
                self.inventory.end_archive(unpacked_size, false);
            }
        }
        self.inventory.end_segment(segment, size, unpacked_size);
        Ok(proof)
    }

    /// Reads one member and does to the tree what the kernel does.
    fn member<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        segment: Option<Segment>,
    ) -> Result<(), ImageError> {
        let at = At {
            segment,
            offset: cursor.offset(),
        };
        let limit = self.scan.limits.max_files;
        if self.members >= limit {
            return Err(InitramfsError::TooManyMembers { at, limit }.into());
        }
        self.members = self.members.saturating_add(1);
        let header = read_header(cursor, at)?;
        self.inventory.member(at, &header);
        let kind = header.kind();
        let has_odd_name = !(1..=PATH_MAX).contains(&header.name_size);
        let takes_data = kind == Kind::Regular || kind == Kind::Symlink && header.file_size <= PATH_MAX;
        if has_odd_name || !takes_data && header.file_size > 0 {
            self.skip_member(cursor, at, &header)?;
        } else {
            let mut name = std::mem::take(&mut self.name);
            let done = self.named_member(cursor, at, &header, &mut name);
            self.name = name;
            done?;
            self.check_effort(at)?;
        }
        skip(cursor, header.data_padding(), at, Part::Padding)
    }

    /// Refuses a tree of short members that takes much memory, or much time to find one's way in.
    fn check_effort(&self, at: At) -> Result<(), ImageError> {
        let limit = self.scan.limits.max_text_bytes;
        if self.rootfs.text_bytes() > limit || self.links.text_bytes() > limit {
            return Err(InitramfsError::TextTooLarge { limit }.into());
        }
        let limit = self.scan.limits.max_path_steps;
        if self.rootfs.steps() > limit {
            return Err(InitramfsError::TooManySteps { at, limit }.into());
        }
        Ok(())
    }

    /// Passes over a member that the kernel does not even look at.
    ///
    /// One thing is not followed here: where its header lies in two of the pieces in which the kernel's decoder
    /// hands on what a segment unpacks to, the kernel takes it for another one over and over again, and stops.
    fn skip_member<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        at: At,
        header: &Header,
    ) -> Result<(), ImageError> {
        let text = format!(
            "the kernel skips the member at {at}: kind {:06o}, {} bytes of name, {} bytes of data",
            header.mode & 0o170_000,
            header.name_size,
            header.file_size,
        );
        self.note("MEMBER_SKIPPED", at, None, text);
        skip(cursor, header.padded_name_size(), at, Part::Name)?;
        skip(cursor, u64::from(header.file_size), at, Part::Data)
    }

    fn named_member<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        at: At,
        header: &Header,
        padded: &mut Vec<u8>,
    ) -> Result<(), ImageError> {
        padded.resize(usize::try_from(header.padded_name_size()).unwrap_or(0), 0);
        read(cursor, padded, at, Part::Name)?;
        let kind = header.kind();
        let mut target = Vec::new();
        if kind == Kind::Symlink {
            target.resize(usize::try_from(header.file_size).unwrap_or(0), 0);
            read(cursor, &mut target, at, Part::Data)?;
        }
        let size = usize::try_from(header.name_size).unwrap_or(0);
        let name = match padded.get(..size).and_then(<[u8]>::split_last) {
            Some((0, name)) => until_nul(name),
            _ => {
                return Err(InitramfsError::NameUnterminated {
                    at,
                    size: header.name_size,
                }
                .into());
            }
        };
        if kind != Kind::Symlink && name == TRAILER {
            self.links.clear();
            skip(cursor, u64::from(header.file_size), at, Part::Data)?;
            let padding = header.data_padding();
            let end = cursor.offset().saturating_add(padding);
            self.inventory.end_archive(end, true);
            return Ok(());
        }
        self.inventory.name(name, kind);
        let made = match kind {
            Kind::Regular => return self.regular(cursor, at, header, name),
            Kind::Symlink => {
                self.rootfs.clean_path(name, Kind::None);
                self.rootfs.symlink(until_nul(&target), name)
            }
            Kind::Directory => {
                self.rootfs.clean_path(name, kind);
                self.rootfs.mkdir(name)
            }
            Kind::None => {
                self.rootfs.clean_path(name, kind);
                let text = format!(
                    "the kernel makes nothing of {} at {at}: its mode has no kind",
                    Escaped(name)
                );
                self.note("MEMBER_SKIPPED", at, Some(name), text);
                Ok(())
            }
            _ => {
                self.rootfs.clean_path(name, kind);
                match self.link_to_first(header, name) {
                    Ok(false) => self.rootfs.mknod(name, kind),
                    linked => linked.map(|_| ()),
                }
            }
        };
        match made {
            // What is there already stays: a directory, or a device of the same kind.
            Err(Refusal::Exists)
                if self.rootfs.lstat(name).map(|there| self.rootfs.kind(there)) == Ok(kind) => {}
            Err(refusal) => self.dropped(at, name, refusal),
            Ok(()) => {}
        }
        Ok(())
    }

    /// A regular file: a further name of one that is there, or the same place written anew.
    fn regular<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        at: At,
        header: &Header,
        name: &[u8],
    ) -> Result<(), ImageError> {
        self.rootfs.clean_path(name, Kind::Regular);
        let opened = self
            .link_to_first(header, name)
            .and_then(|is_linked| Ok((is_linked, self.rootfs.open(name)?)));
        let (is_linked, inode) = match opened {
            Ok(opened) => opened,
            Err(refusal) => {
                self.dropped(at, name, refusal);
                return skip(cursor, u64::from(header.file_size), at, Part::Data);
            }
        };
        let has_data = header.file_size > 0;
        if let Some(file) = self.rootfs.regular_mut(inode) {
            file.mode = 0o100_000 | header.mode & 0o7777;
            // The kernel's own "leave it as it is".
            if header.uid != u32::MAX {
                file.uid = header.uid;
            }
            if header.gid != u32::MAX {
                file.gid = header.gid;
            }
            if has_data {
                file.data = Data::Partial;
            } else if !is_linked {
                file.data = Data::Empty;
            }
        }
        let mut sum = 0;
        if has_data {
            let content = self.data(cursor, at, header, &mut sum)?;
            if let Some(file) = self.rootfs.regular_mut(inode) {
                file.data = Data::Stored {
                    content,
                    size_bytes: u64::from(header.file_size),
                };
            }
        }
        if header.has_checksum && sum != header.checksum {
            return Err(InitramfsError::ChecksumWrong {
                at,
                name: name.to_vec(),
                stated: header.checksum,
                found: sum,
            }
            .into());
        }
        Ok(())
    }

    /// Makes the name a link to the first name of the same inode, if it has several and this is not the
    /// first (the kernel's `maybe_link`).
    fn link_to_first(&mut self, header: &Header, name: &[u8]) -> Result<bool, Refusal> {
        if header.nlink < 2 {
            return Ok(false);
        }
        let key = (header.dev_major, header.dev_minor, header.ino, header.kind());
        let Some(first) = self.links.find(key, name) else {
            return Ok(false);
        };
        self.rootfs.clean_path(name, Kind::None);
        self.rootfs.link(first, name)?;
        Ok(true)
    }

    /// Hands over the data of a file and adds up its bytes if someone wants to know.
    fn data<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        at: At,
        header: &Header,
        sum: &mut u32,
    ) -> Result<ContentId, ImageError> {
        let size = u64::from(header.file_size);
        let mut add_up = |bytes: &[u8]| {
            if header.has_checksum {
                *sum = bytes
                    .iter()
                    .fold(*sum, |sum, byte| sum.wrapping_add(u32::from(*byte)));
            }
        };
        if header.file_size <= WHOLE_FILE_BYTES {
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
            read(cursor, &mut bytes, at, Part::Data)?;
            add_up(&bytes);
            return self.sink.content(handover::whole(bytes));
        }
        let (feeder, content) = self.handover.stream(size);
        let id = self.sink.content(content)?;
        let mut left = size;
        while left > 0 {
            let mut chunk = feeder.chunk(left);
            let found = cursor.read_full(&mut chunk)?;
            left = left.saturating_sub(u64::try_from(found).unwrap_or(u64::MAX));
            if found < chunk.len() {
                return Err(cut(at, Part::Data, left));
            }
            add_up(&chunk);
            feeder.send(chunk);
        }
        Ok(id)
    }

    fn dropped(&mut self, at: At, name: &[u8], refusal: Refusal) {
        let text = format!("the kernel drops {} at {at}: {refusal}", Escaped(name));
        self.note("MEMBER_DROPPED", at, Some(name), text);
    }

    fn note(&mut self, code: &'static str, at: At, path: Option<&[u8]>, text: String) {
        let note = Note {
            code,
            path: path.map(<[u8]>::to_vec),
            offset_bytes: Some(at.segment.map_or(at.offset, |segment| segment.offset)),
            text,
        };
        self.inventory.note(self.sink, note);
    }

    /// Reports the error that ended [`Unpacker::unpack`], where what was unpacked before still stands.
    pub(super) fn omit(&mut self, error: InitramfsError) -> Result<(), ImageError> {
        self.sink.omit(error.into())
    }

    /// The tree as it is now.
    pub(super) fn rootfs(&self) -> &Rootfs {
        &self.rootfs
    }

    /// Hands over the files of the tree as it is now.
    pub(super) fn finish(self) -> Result<(u64, u64, Vec<Layer>), ImageError> {
        let Self {
            scan,
            sink,
            rootfs,
            inventory,
            ..
        } = self;
        let (mut empty, mut stopped) = (None, Ok(()));
        let (mut files, mut too_long, mut long_name) = (0_u64, 0_u64, Vec::new());
        let (mut text_bytes, text_limit) = (0_u64, scan.limits.max_text_bytes);
        let limit = scan.limits.max_depth;
        let walked = rootfs.each(
            limit,
            |_| true,
            |path, found| match found {
                Found::Symlink => sink.skip(Skip::Symlink),
                Found::Special => sink.skip(Skip::Special),
                Found::Regular(_) if stopped.is_err() => {}
                Found::Regular(file) => {
                    text_bytes = text_bytes.saturating_add(u64::try_from(path.len()).unwrap_or(u64::MAX));
                    if text_bytes > text_limit {
                        stopped = Err(InitramfsError::TextTooLarge { limit: text_limit }.into());
                        return;
                    }
                    if u32::try_from(path.len()).map_or(true, |len| len >= PATH_MAX) {
                        too_long = too_long.saturating_add(1);
                        long_name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path).to_vec();
                        return;
                    }
                    let (content, size_bytes) = match file.data {
                        Data::Stored { content, size_bytes } => (content, size_bytes),
                        Data::Partial => return,
                        Data::Empty => match empty {
                            Some(content) => (content, 0),
                            None => match sink.content(handover::whole(Vec::new())) {
                                Ok(content) => (*empty.insert(content), 0),
                                Err(error) => {
                                    stopped = Err(error);
                                    return;
                                }
                            },
                        },
                    };
                    files = files.saturating_add(1);
                    sink.file(File {
                        path: path.to_vec(),
                        content,
                        mode: u32::from(file.mode),
                        uid: file.uid,
                        gid: file.gid,
                        size_bytes,
                    });
                }
            },
        );
        stopped?;
        walked.map_err(|path| InitramfsError::TooDeep { path, limit })?;
        if too_long > 0 {
            sink.omit(
                InitramfsError::PathTooLong {
                    name: long_name,
                    count: too_long,
                }
                .into(),
            )?;
        }
        let (segments, layers) = inventory.finish(sink);
        Ok((files, segments, layers))
    }
}

/// Unpacks the archives of a compressed segment. The kernel's parser must be between two members at its
/// end; only before the first member of all it takes no padding.
fn unpack_archives<F: Fill>(
    unpacker: &mut Unpacker<'_, '_>,
    unpacked: &mut Cursor<F>,
    segment: Segment,
) -> Result<(), ImageError> {
    if unpacker.members == 0 && unpacked.peek(1)? != b"0" {
        return Err(InitramfsError::FirstSegmentForeign { segment }.into());
    }
    while let Some(found) = unpacked.skip_zeros()? {
        let at = At {
            segment: Some(segment),
            offset: unpacked.offset(),
        };
        if !at.offset.is_multiple_of(4) {
            return Err(InitramfsError::PaddingBroken { at }.into());
        }
        if found != b'0' {
            return Err(InitramfsError::JunkInSegment { at, found }.into());
        }
        unpacker.member(unpacked, Some(segment))?;
    }
    Ok(())
}

/// What a segment unpacks to, within the limits.
struct Unpacked<'c> {
    decoder: Box<dyn Read + 'c>,
    segment: Segment,
    unpacked: u64,
    scan: &'c Scan<'c>,
    meter: &'c Meter,
    has_ended: bool,
}

impl Fill for Unpacked<'_> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        let (segment, limits) = (self.segment, self.scan.limits);
        if self.scan.control.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        if self.has_ended || buffer.is_empty() {
            return Ok(0);
        }
        let len = loop {
            match self.decoder.read(buffer) {
                Ok(len) => break len,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let window = limits.max_window_bytes;
                    return Err(InitramfsError::of_segment(
                        error.into(),
                        segment,
                        self.unpacked,
                        window,
                    ));
                }
            }
        };
        self.has_ended = len == 0;
        let added = u64::try_from(len).unwrap_or(u64::MAX);
        self.unpacked = self.unpacked.saturating_add(added);
        let total = self.meter.unpacked.get().saturating_add(added);
        self.meter.unpacked.set(total);
        let limit = limits.max_unpacked_bytes;
        if total > limit {
            return Err(InitramfsError::UnpackedTooLarge { segment, limit }.into());
        }
        let limit = limits.max_ratio;
        if total > Limits::RATIO_GRACE_BYTES && total > self.meter.input.get().saturating_mul(limit) {
            return Err(InitramfsError::RatioTooHigh { segment, limit }.into());
        }
        Ok(len)
    }
}

/// Says how much of the segment its decoder took before it failed.
fn with_consumed(mut error: ImageError, size: u64) -> ImageError {
    if let ImageError::Initramfs(
        InitramfsError::SegmentTruncated { consumed, .. } | InitramfsError::SegmentCorrupt { consumed, .. },
    ) = &mut error
    {
        *consumed = size;
    }
    error
}

fn read_header<F: Fill>(cursor: &mut Cursor<F>, at: At) -> Result<Header, ImageError> {
    let mut bytes = [0; HEADER_BYTES];
    read(cursor, &mut bytes, at, Part::Header)?;
    Header::parse(&bytes).map_err(|fault| {
        match fault {
            Fault::Odc => InitramfsError::FormatRefused { at, format: "odc" },
            Fault::Magic(found) => InitramfsError::MagicUnknown { at, found },
            Fault::Field(field, found) => InitramfsError::FieldMalformed { at, field, found },
        }
        .into()
    })
}

fn read<F: Fill>(cursor: &mut Cursor<F>, bytes: &mut [u8], at: At, part: Part) -> Result<(), ImageError> {
    let found = cursor.read_full(bytes)?;
    match bytes.len().saturating_sub(found) {
        0 => Ok(()),
        missing => Err(cut(at, part, u64::try_from(missing).unwrap_or(u64::MAX))),
    }
}

fn skip<F: Fill>(cursor: &mut Cursor<F>, len: u64, at: At, part: Part) -> Result<(), ImageError> {
    match len.saturating_sub(cursor.skip(len)?) {
        0 => Ok(()),
        missing => Err(cut(at, part, missing)),
    }
}

/// A member without its end: the initramfs was cut, or an archive was spread over several streams. A lz4
/// segment has no mark at its end and reaches to the end of the initramfs.
fn cut(at: At, part: Part, missing: u64) -> ImageError {
    match at.segment {
        Some(segment) if segment.compression != Compression::Lz4Legacy => {
            InitramfsError::MemberSplit { at, part, missing }
        }
        _ => InitramfsError::MemberTruncated { at, part, missing },
    }
    .into()
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or(bytes)
}
