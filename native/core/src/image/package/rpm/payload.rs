//! The payload of an RPM package: a cpio archive of the files that its header lists.
//!
//! ```text
//! 070701…   a member as cpio has it, with its name: newc
//! 07070X    8 hex digits, the number of the file in the header; then 2 bytes of padding: for packages with large files
//! data, padding to a multiple of 4; the member TRAILER!!! ends the archive
//! ```
//!
//! Of files that are links to one another only the last one has data. Source: rpm 4.18, `lib/cpio.c`, `lib/rpmfi.c`.

use ima_assay_digest::{Digest, Hasher};

use super::super::error::PackageError;
use super::files::{Files, Listed};
use crate::image::cursor::{Cursor, Fill};
use crate::image::handover::{self, Handover};
use crate::image::initramfs::cpio;
use crate::image::{Content, ContentId, File, ImageError, Note, Scan, Sink, Skip};

/// Files up to this size are handed over whole.
const WHOLE_FILE_BYTES: u64 = 64 << 10;

const STRIPPED_MAGIC: &[u8; 6] = b"07070X";

/// Magic, number and padding.
const STRIPPED_BYTES: usize = 16;

/// What became of the files of a package.
pub(super) struct Payload<'a, 'b, 's> {
    files: &'a Files,
    scan: &'a Scan<'b>,
    sink: &'a mut dyn Sink<'s>,
    handover: Handover,
    /// Of each file in the header's order, whether it was met.
    is_met: Vec<bool>,
    /// Of each file, whether its bytes are wanted under one of its names.
    is_wanted: Vec<bool>,
    /// Of each file that has bytes of its own.
    contents: Vec<Option<ContentId>>,
}

/// A member of the archive.
struct Member {
    /// Its place in the header's list.
    at: usize,
    size_bytes: u64,
}

fn mismatch(path: &[u8], problem: &'static str) -> ImageError {
    PackageError::RpmPayloadMismatch {
        path: path.to_vec(),
        problem,
    }
    .into()
}

fn truncated(offset: u64) -> ImageError {
    PackageError::RpmTruncated {
        offset,
        part: "payload",
    }
    .into()
}

impl<'a, 'b, 's> Payload<'a, 'b, 's> {
    pub(super) fn new(files: &'a Files, scan: &'a Scan<'b>, sink: &'a mut dyn Sink<'s>) -> Self {
        let mut wanted = vec![false; files.all.len()];
        for listed in files.all.iter().filter(|listed| listed.is_packed()) {
            if let Some(wanted) = wanted.get_mut(listed.bytes_at) {
                *wanted |= is_wanted(scan, listed);
            }
        }
        Self {
            files,
            scan,
            sink,
            handover: Handover::new(),
            is_met: vec![false; files.all.len()],
            is_wanted: wanted,
            contents: vec![None; files.all.len()],
        }
    }

    /// Reads the whole archive, and what follows it to its end.
    ///
    /// # Errors
    /// [`PackageError::RpmPayloadMismatch`], [`PackageError::RpmTruncated`], and what the cursor reads from says.
    pub(super) fn read<F: Fill>(&mut self, cursor: &mut Cursor<F>) -> Result<(), ImageError> {
        while let Some(member) = self.header(cursor)? {
            let files = self.files;
            let Some(listed) = files.all.get(member.at) else {
                return Err(mismatch(b"", "a number that no file of the header has"));
            };
            match self.is_met.get_mut(member.at) {
                Some(met) if !*met => *met = true,
                _ => return Err(mismatch(&listed.path, "it is in the payload twice")),
            }
            let offset = cursor.offset();
            if listed.is_packed() && listed.bytes_at == member.at {
                if member.size_bytes != listed.size_bytes {
                    return Err(mismatch(
                        &listed.path,
                        "its size is not the one that the header states",
                    ));
                }
                let id = self.content(cursor, member.at, listed)?;
                if let Some(content) = self.contents.get_mut(member.at) {
                    *content = id;
                }
            } else if listed.is_packed() && member.size_bytes > 0 {
                return Err(mismatch(
                    &listed.path,
                    "a link to another file that has bytes of its own",
                ));
            } else if cursor.skip(member.size_bytes)? < member.size_bytes {
                return Err(truncated(offset));
            }
            let padding = member.size_bytes.wrapping_neg() & 3;
            if cursor.skip(padding)? < padding {
                return Err(truncated(offset));
            }
        }
        if cursor.skip_zeros()?.is_some() {
            let offset = cursor.offset();
            self.sink.note(Note {
                code: "TRAILING_BYTES",
                path: None,
                offset_bytes: Some(offset),
                text: format!("what follows the end of the payload at byte {offset} is not installed"),
            });
            cursor.skip(u64::MAX)?;
        }
        Ok(())
    }

    /// The header of the next member; none of the last one.
    fn header<F: Fill>(&self, cursor: &mut Cursor<F>) -> Result<Option<Member>, ImageError> {
        let offset = cursor.offset();
        let malformed = |problem| PackageError::RpmMalformed { offset, problem };
        let head = cursor.peek(STRIPPED_BYTES)?;
        if head.len() < STRIPPED_BYTES {
            return Err(truncated(offset));
        }
        if head.starts_with(STRIPPED_MAGIC) {
            let digits = head.get(6..14).unwrap_or_default();
            let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
            let number = std::str::from_utf8(digits).ok().filter(|_| is_hex);
            let number = number.and_then(|digits| usize::from_str_radix(digits, 16).ok());
            let at = number.ok_or(malformed("a member of the payload without a number"))?;
            cursor.advance(STRIPPED_BYTES);
            let listed = self.files.all.get(at);
            let has_bytes =
                |listed: &&Listed| listed.is_symlink() || listed.is_regular() && listed.bytes_at == at;
            let size_bytes = listed.filter(has_bytes).map_or(0, |listed| listed.size_bytes);
            return Ok(Some(Member { at, size_bytes }));
        }
        let head: Option<[u8; cpio::HEADER_BYTES]> = cursor.peek(cpio::HEADER_BYTES)?.first_chunk().copied();
        let head = head.ok_or_else(|| truncated(offset))?;
        let header =
            cpio::Header::parse(&head).map_err(|_| malformed("no header of a member of the payload"))?;
        cursor.advance(cpio::HEADER_BYTES);
        if !(2..=cpio::PATH_MAX).contains(&header.name_size) {
            return Err(malformed("a name in the payload that no file has").into());
        }
        let mut name = vec![0; usize::try_from(header.name_size).unwrap_or(0)];
        if cursor.read_full(&mut name)? < name.len() {
            return Err(truncated(offset));
        }
        let padding = header
            .padded_name_size()
            .saturating_sub(u64::from(header.name_size));
        if cursor.skip(padding)? < padding {
            return Err(truncated(offset));
        }
        if name.pop() != Some(0) || name.contains(&0) {
            return Err(malformed("a name in the payload without its end").into());
        }
        if name == cpio::TRAILER {
            return Ok(None);
        }
        let at = self.files.find(&name);
        let at = at.ok_or_else(|| mismatch(&name, "it is in the payload and not in the header"))?;
        Ok(Some(Member {
            at,
            size_bytes: u64::from(header.file_size),
        }))
    }

    /// Hands over the bytes of a file, unless nobody wants it under any of its names.
    fn content<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        at: usize,
        listed: &Listed,
    ) -> Result<Option<ContentId>, ImageError> {
        let (offset, size) = (cursor.offset(), listed.size_bytes);
        if !self.is_wanted.get(at).copied().unwrap_or(false) {
            return match cursor.skip(size)? {
                skipped if skipped < size => Err(truncated(offset)),
                _ => Ok(None),
            };
        }
        if size <= WHOLE_FILE_BYTES {
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
            if cursor.read_full(&mut bytes)? < bytes.len() {
                return Err(truncated(offset));
            }
            return self
                .sink
                .content(verified(handover::whole(bytes), listed))
                .map(Some);
        }
        let (feeder, content) = self.handover.stream(size);
        let id = self.sink.content(verified(content, listed))?;
        let mut left = size;
        while left > 0 {
            if self.scan.control.is_cancelled() {
                return Err(ImageError::Cancelled);
            }
            let mut chunk = feeder.chunk(left);
            let len = cursor.read_full(&mut chunk)?;
            if len < chunk.len() {
                return Err(truncated(offset));
            }
            left = left.saturating_sub(u64::try_from(len).unwrap_or(u64::MAX));
            feeder.send(chunk);
        }
        Ok(Some(id))
    }

    /// Hands over all files, and says how many.
    ///
    /// # Errors
    /// [`PackageError::RpmPayloadMismatch`] for a file that the payload lacks.
    pub(super) fn finish(self) -> Result<u64, ImageError> {
        let mut count: u64 = 0;
        for (at, listed) in self.files.all.iter().enumerate() {
            if !listed.is_packed() {
                match listed.mode & 0o170_000 {
                    0o120_000 => self.sink.skip(Skip::Symlink),
                    0o040_000 | 0o100_000 => {}
                    _ => self.sink.skip(Skip::Special),
                }
                continue;
            }
            if !self.is_met.get(at).copied().unwrap_or(false) {
                return Err(mismatch(
                    &listed.path,
                    "it is in the header and not in the payload",
                ));
            }
            let selection = self.scan.selection;
            if selection.skips_owner(listed.uid) {
                self.sink.skip(Skip::Owner);
                continue;
            }
            if skips_path(self.scan, &listed.path) {
                self.sink.skip(Skip::Path);
                continue;
            }
            let content = self.contents.get(listed.bytes_at).copied().flatten();
            let content =
                content.ok_or_else(|| mismatch(&listed.path, "its bytes are not in the payload"))?;
            count = count.saturating_add(1);
            self.sink.file(File {
                path: listed.path.clone(),
                content,
                mode: u32::from(listed.mode),
                uid: listed.uid,
                gid: listed.gid,
                size_bytes: listed.size_bytes,
            });
        }
        Ok(count)
    }
}

fn is_wanted(scan: &Scan<'_>, listed: &Listed) -> bool {
    !scan.selection.skips_owner(listed.uid) && !skips_path(scan, &listed.path)
}

/// Whether a path, or a directory on its way, is left out.
fn skips_path(scan: &Scan<'_>, path: &[u8]) -> bool {
    let slashes = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
    let mut above = slashes.filter_map(|(end, _)| path.get(..end));
    above.any(|path| scan.selection.skips_path(path)) || scan.selection.skips_path(path)
}

/// A content that must have the digest that the header states.
fn verified<'s>(content: Content<'s>, listed: &Listed) -> Content<'s> {
    match listed.digest {
        Some(stated) => Box::new(Verified {
            content,
            path: listed.path.clone(),
            stated,
            hasher: Some(Hasher::new(stated.algorithm())),
        }),
        None => content,
    }
}

struct Verified<'s> {
    content: Content<'s>,
    path: Vec<u8>,
    stated: Digest,
    /// None once the end was reached.
    hasher: Option<Hasher>,
}

impl ima_assay_digest::Content for Verified<'_> {
    type Error = ImageError;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        let len = self.content.read(buffer)?;
        if len > 0 || buffer.is_empty() {
            if let Some(hasher) = &mut self.hasher {
                hasher.update(buffer.get(..len).unwrap_or_default());
            }
            return Ok(len);
        }
        match self.hasher.take().map(Hasher::finish) {
            Some(found) if found != self.stated => Err(PackageError::RpmFileDigestMismatch {
                path: std::mem::take(&mut self.path),
                stated: self.stated.to_string(),
                found: found.to_string(),
            }
            .into()),
            _ => Ok(0),
        }
    }
}
