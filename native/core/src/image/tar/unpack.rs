//! Unpacks an archive into a tree, as `tar -x` does in an empty directory that is the root.
//!
//! ```text
//! archive   member…  block of zeros  block of zeros  (zeros)
//! member    extended header…  header  data, padded to a block
//! ```

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::error::TarError;
use super::extended::{self, Extended, Records};
use super::header::{BLOCK_BYTES, Block, Fault, Header, field, number};
use super::member::{Member, Refused, What, clean};
use super::sparse::{self, MAX_REGIONS, Map};
use crate::image::cursor::{Cursor, Fill};
use crate::image::handover::{self, Handover};
use crate::image::rootfs::{Data, Found, Inode, Kind, Refusal, Regular, Rootfs};
use crate::image::{ContentId, File, ImageError, Note, Scan, Sink, Skip};
use crate::path::Escaped;

/// Files up to this size are handed over whole.
const WHOLE_FILE_BYTES: u64 = 64 << 10;

/// What an extended header has at most. Attributes stand there, so that it is much more than a name.
const MAX_EXTENDED_BYTES: u64 = 16 << 20;

/// Longest path that the kernel can name, without its NUL.
const MAX_PATH_BYTES: usize = 4095;

/// The state of an archive that is being unpacked.
pub(super) struct Unpacker<'a, 'b, 's> {
    scan: &'a Scan<'b>,
    sink: &'a mut dyn Sink<'s>,
    rootfs: Rootfs,
    handover: Handover,
    max_bytes: u64,
    bytes: u64,
    pub(super) members: u64,
}

impl<'a, 'b, 's> Unpacker<'a, 'b, 's> {
    /// Takes files of up to `max_bytes` together.
    pub(super) fn new(scan: &'a Scan<'b>, sink: &'a mut dyn Sink<'s>, max_bytes: u64) -> Self {
        Self {
            scan,
            sink,
            rootfs: Rootfs::empty(scan.limits.max_symlinks),
            handover: Handover::new(),
            max_bytes,
            bytes: 0,
            members: 0,
        }
    }

    /// Unpacks everything, and reads what follows to its end.
    pub(super) fn unpack<F: Fill>(&mut self, cursor: &mut Cursor<F>) -> Result<(), ImageError> {
        let (mut extended, mut global) = (Extended::default(), Records::default());
        loop {
            let offset = cursor.offset();
            let Some(block) = read_block(cursor, offset)? else {
                return Err(TarError::EndMissing { offset }.into());
            };
            if block.iter().all(|byte| *byte == 0) {
                if !extended.is_empty() {
                    return Err(stray(&extended).into());
                }
                return self.end(cursor);
            }
            let header = Header::parse(&block).map_err(|fault| match fault {
                Fault::Checksum => TarError::ChecksumWrong { offset },
                Fault::Field(field) => TarError::FieldMalformed { offset, field },
            })?;
            let size = header.size;
            match header.typeflag {
                b'x' | b'X' | b'L' | b'K' => {
                    if extended.is_empty() {
                        extended.offset = offset;
                    }
                    let bytes = read_extended(cursor, offset, size)?;
                    let malformed = |problem| TarError::ExtendedMalformed { offset, problem };
                    let is_second = match header.typeflag {
                        b'L' => extended
                            .long_name
                            .replace(extended::long_name(&bytes).map_err(malformed)?)
                            .is_some(),
                        b'K' => extended
                            .long_link
                            .replace(extended::long_name(&bytes).map_err(malformed)?)
                            .is_some(),
                        _ => extended
                            .records
                            .replace(Records::parse(&bytes).map_err(malformed)?)
                            .is_some(),
                    };
                    if is_second {
                        return Err(malformed("a second one for the same member").into());
                    }
                    skip(cursor, offset, padding(size), "padding")?;
                }
                _ if matches!(header.typeflag, b'g' | b'V') && !extended.is_empty() => {
                    return Err(stray(&extended).into());
                }
                b'g' => {
                    let bytes = read_extended(cursor, offset, size)?;
                    let malformed = |problem| TarError::ExtendedMalformed { offset, problem };
                    let records = Records::parse(&bytes).map_err(malformed)?;
                    if records.is_of_one_member() {
                        return Err(malformed("a name, size or map for all members that follow").into());
                    }
                    global.uid = records.uid.or(global.uid);
                    global.gid = records.gid.or(global.gid);
                    skip(cursor, offset, padding(size), "padding")?;
                }
                // The name of the archive.
                b'V' => skip(cursor, offset, size.saturating_add(padding(size)), "data")?,
                _ => {
                    let member = Member::new(offset, header, std::mem::take(&mut extended), &global);
                    self.member(cursor, &block, member)?;
                }
            }
        }
    }

    /// The second block of zeros, and what follows it.
    fn end<F: Fill>(&mut self, cursor: &mut Cursor<F>) -> Result<(), ImageError> {
        let offset = cursor.offset();
        let second = read_block(cursor, offset)?.ok_or(TarError::EndMissing { offset })?;
        if second.iter().any(|byte| *byte != 0) {
            return Err(TarError::Ambiguous {
                offset,
                path: Vec::new(),
                problem: "one block of zeros, which ends the archive for some programs only",
            }
            .into());
        }
        if cursor.skip_zeros()?.is_some() {
            self.sink.note(Note {
                code: "TRAILING_BYTES",
                path: None,
                offset_bytes: Some(cursor.offset()),
                text: format!(
                    "what follows the end of the archive at byte {} is not listed: no program unpacks it",
                    cursor.offset()
                ),
            });
            cursor.skip(u64::MAX)?;
        }
        Ok(())
    }

    fn member<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        block: &Block,
        member: Result<Member, Refused>,
    ) -> Result<(), ImageError> {
        self.members = self.members.saturating_add(1);
        let member = match member {
            Ok(member) => member,
            // Nobody knows where the next header is.
            Err(Refused {
                error,
                stored: u64::MAX,
            }) => return Err(error.into()),
            Err(Refused { error, stored }) => {
                self.sink.omit(error.into())?;
                return skip(
                    cursor,
                    cursor.offset(),
                    stored.saturating_add(padding(stored)),
                    "data",
                );
            }
        };
        let limit = self.scan.limits.max_files;
        if self.members > limit {
            let path = [b"/", &member.path[..]].concat();
            return Err(ImageError::TooManyFiles { path, limit });
        }
        match member.what {
            What::Regular | What::GnuSparse | What::PaxSparse => self.regular(cursor, block, &member)?,
            _ => {
                if let Err(error) = self.place(&member) {
                    self.sink.omit(error.into())?;
                }
                skip(cursor, member.offset, member.stored, "data")?;
            }
        }
        skip(cursor, member.offset, padding(member.stored), "padding")?;
        let limit = self.scan.limits.max_text_bytes;
        if self.rootfs.text_bytes() > limit {
            return Err(TarError::TooMuchText { limit }.into());
        }
        let (offset, limit) = (member.offset, self.scan.limits.max_path_steps);
        if self.rootfs.steps() > limit {
            return Err(TarError::TooManySteps { offset, limit }.into());
        }
        Ok(())
    }

    /// Makes what has no data.
    fn place(&mut self, member: &Member) -> Result<(), TarError> {
        let path = &member.path;
        match member.what {
            What::Directory => self.directory(member),
            What::HardLink => self.hard_link(member),
            What::Symlink => {
                if member.link.is_empty() {
                    return Err(TarError::NameRefused {
                        offset: member.offset,
                        path: path.clone(),
                        problem: "a link to nothing",
                    });
                }
                self.make(member, |rootfs| rootfs.symlink(&member.link, path))
            }
            _ => self.make(member, |rootfs| rootfs.mknod(path, Kind::CharacterDevice)),
        }
    }

    /// Clears the place of a member that is no directory and makes it there, with the directories that lack.
    fn make<T>(
        &mut self,
        member: &Member,
        mut make: impl FnMut(&mut Rootfs) -> Result<T, Refusal>,
    ) -> Result<T, TarError> {
        let path = &member.path;
        let blocked = |refusal| TarError::Blocked {
            offset: member.offset,
            path: path.clone(),
            refusal,
        };
        if let Ok(there) = self.rootfs.lstat(path) {
            match self.rootfs.kind(there) {
                Kind::Directory => self.rootfs.rmdir(path).map_err(blocked)?,
                _ => {
                    self.rootfs.unlink(path).map_err(blocked)?;
                    self.note_duplicate(member);
                }
            }
        }
        match make(&mut self.rootfs) {
            Err(Refusal::NotFound) => {
                self.make_parents(path).map_err(blocked)?;
                make(&mut self.rootfs).map_err(blocked)
            }
            made => made.map_err(blocked),
        }
    }

    /// Makes the directories above a path that are not there.
    fn make_parents(&mut self, path: &[u8]) -> Result<(), Refusal> {
        for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            // With the slash, so that a link is followed.
            let parent = path.get(..=end).unwrap_or_default();
            match self.rootfs.lstat(parent) {
                Err(Refusal::NotFound) => self.rootfs.mkdir(parent)?,
                found => {
                    found?;
                }
            }
        }
        Ok(())
    }

    fn directory(&mut self, member: &Member) -> Result<(), TarError> {
        let path = &member.path;
        if path.is_empty() {
            return Ok(());
        }
        match self.rootfs.lstat(path) {
            Ok(there) if self.rootfs.kind(there) == Kind::Directory => Ok(()),
            _ => self.make(member, |rootfs| rootfs.mkdir(path)),
        }
    }

    fn hard_link(&mut self, member: &Member) -> Result<(), TarError> {
        let (path, offset) = (&member.path, member.offset);
        let target = clean(&member.link).map_err(|problem| TarError::NameRefused {
            offset,
            path: member.link.clone(),
            problem,
        })?;
        let missing = |refusal| TarError::LinkTargetMissing {
            offset,
            path: path.clone(),
            target: target.clone(),
            refusal,
        };
        if self.leads_through_a_link(&target) {
            return Err(TarError::Ambiguous {
                offset,
                path: path.clone(),
                problem: "a hard link to a path that leads through a symbolic link",
            });
        }
        let linked = self.rootfs.lstat(&target).map_err(missing)?;
        if self.rootfs.kind(linked) == Kind::Directory {
            return Err(missing(Refusal::IsADirectory));
        }
        if self.rootfs.lstat(path) == Ok(linked) {
            return Ok(());
        }
        self.make(member, |rootfs| rootfs.link(&target, path))
    }

    fn leads_through_a_link(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut parents = ends.filter_map(|(end, _)| path.get(..end));
        parents.any(|parent| {
            let there = self.rootfs.lstat(parent);
            there.is_ok_and(|there| self.rootfs.kind(there) == Kind::Symlink)
        })
    }

    fn note_duplicate(&mut self, member: &Member) {
        let path = [b"/", &member.path[..]].concat();
        self.sink.note(Note {
            code: "DUPLICATE_PATH",
            text: format!(
                "{} is in the archive again at byte {}: the last one counts",
                Escaped(&path),
                member.offset
            ),
            path: Some(path),
            offset_bytes: Some(member.offset),
        });
    }

    /// A regular file, whose data are hashed unless nobody wants files of its owner.
    fn regular<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        block: &Block,
        member: &Member,
    ) -> Result<(), ImageError> {
        let map = read_map(cursor, block, member)?;
        self.bytes = self.bytes.saturating_add(map.size);
        let limit = self.max_bytes;
        if self.bytes > limit {
            return Err(TarError::TooLarge { limit }.into());
        }
        let stored = map
            .regions
            .iter()
            .map(|region| region.len)
            .fold(0, u64::saturating_add);
        let inode = match self.make(member, |rootfs| rootfs.open(&member.path)) {
            Ok(inode) => inode,
            Err(error) => {
                self.sink.omit(error.into())?;
                return skip(cursor, member.offset, stored, "data");
            }
        };
        let data = if self.scan.selection.skips_owner(member.uid) {
            skip(cursor, member.offset, stored, "data")?;
            Data::Partial
        } else {
            Data::Stored {
                content: self.content(cursor, member.offset, &map)?,
                size_bytes: map.size,
            }
        };
        self.fill(inode, member, data);
        Ok(())
    }

    fn fill(&mut self, inode: Inode, member: &Member, data: Data) {
        if let Some(file) = self.rootfs.regular_mut(inode) {
            *file = Regular {
                data,
                mode: 0o100_000 | member.mode,
                uid: member.uid,
                gid: member.gid,
            };
        }
    }

    /// Hands over a file.
    fn content<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        offset: u64,
        map: &Map,
    ) -> Result<ContentId, ImageError> {
        let mut pieces = Pieces {
            cursor,
            offset,
            map,
            next: 0,
            at: 0,
        };
        if map.size <= WHOLE_FILE_BYTES {
            let mut bytes = vec![0; usize::try_from(map.size).unwrap_or(0)];
            pieces.read(&mut bytes)?;
            return self.sink.content(handover::whole(bytes));
        }
        let (feeder, content) = self.handover.stream(map.size);
        let id = self.sink.content(content)?;
        while pieces.at < map.size {
            if self.scan.control.is_cancelled() {
                return Err(ImageError::Cancelled);
            }
            let mut chunk = feeder.chunk(map.size.saturating_sub(pieces.at));
            pieces.read(&mut chunk)?;
            feeder.send(chunk);
        }
        Ok(id)
    }

    /// Hands over the files of the tree as it is now, and says how many.
    pub(super) fn finish(self) -> Result<u64, ImageError> {
        let limits = self.scan.limits;
        let listing = RefCell::new(Listing {
            scan: self.scan,
            unmet: self.scan.selection.asked().collect(),
            sink: self.sink,
            text_bytes: 0,
            files: 0,
            stopped: Ok(()),
        });
        let walked = self.rootfs.each(
            limits.max_depth,
            |path| listing.borrow_mut().enters(path),
            |path, found| {
                let mut listing = listing.borrow_mut();
                if listing.stopped.is_ok() {
                    listing.stopped = listing.take(path, &found);
                }
            },
        );
        let mut listing = listing.into_inner();
        listing.stopped?;
        walked.map_err(|path| ImageError::TooDeep {
            path,
            limit: limits.max_depth,
        })?;
        for path in std::mem::take(&mut listing.unmet) {
            listing
                .sink
                .note(Note::unmet_skip(path, "there is no such path in the archive"));
        }
        Ok(listing.files)
    }
}

/// What of the tree is listed.
struct Listing<'a, 'b, 's> {
    scan: &'a Scan<'b>,
    sink: &'a mut dyn Sink<'s>,
    /// Paths to skip that were asked for and not met yet.
    unmet: BTreeSet<&'b [u8]>,
    text_bytes: u64,
    files: u64,
    stopped: Result<(), ImageError>,
}

impl Listing<'_, '_, '_> {
    fn enters(&mut self, path: &[u8]) -> bool {
        !self.skips(path)
    }

    fn skips(&mut self, path: &[u8]) -> bool {
        let is_skipped = self.scan.selection.skips_path(path);
        if is_skipped {
            self.unmet.remove(path);
            self.sink.skip(Skip::Path);
        }
        is_skipped
    }

    fn take(&mut self, path: &[u8], found: &Found<'_>) -> Result<(), ImageError> {
        let file = match found {
            Found::Symlink => {
                self.sink.skip(Skip::Symlink);
                return Ok(());
            }
            Found::Special => {
                self.sink.skip(Skip::Special);
                return Ok(());
            }
            Found::Regular(file) => file,
        };
        if self.scan.selection.skips_owner(file.uid) {
            self.sink.skip(Skip::Owner);
            return Ok(());
        }
        if self.skips(path) {
            return Ok(());
        }
        let len = u64::try_from(path.len()).unwrap_or(u64::MAX);
        self.text_bytes = self.text_bytes.saturating_add(len);
        let limit = self.scan.limits.max_text_bytes;
        if self.text_bytes > limit {
            return Err(TarError::TooMuchText { limit }.into());
        }
        if path.len() > MAX_PATH_BYTES {
            return self.sink.omit(ImageError::TooDeep {
                path: path.to_vec(),
                limit: MAX_PATH_BYTES,
            });
        }
        // Every file was given its data where it was made.
        let Data::Stored { content, size_bytes } = file.data else {
            return Err(ImageError::Stopped);
        };
        self.files = self.files.saturating_add(1);
        self.sink.file(File {
            path: path.to_vec(),
            content,
            mode: u32::from(file.mode),
            uid: file.uid,
            gid: file.gid,
            size_bytes,
        });
        Ok(())
    }
}

/// A file put together from what is stored of it.
struct Pieces<'c, F> {
    cursor: &'c mut Cursor<F>,
    offset: u64,
    map: &'c Map,
    /// The region that is being read, or comes next.
    next: usize,
    /// Bytes of the file that were given.
    at: u64,
}

impl<F: Fill> Pieces<'_, F> {
    /// Fills the buffer with the next bytes of the file.
    fn read(&mut self, mut buffer: &mut [u8]) -> Result<(), ImageError> {
        while !buffer.is_empty() {
            let region = self.map.regions.get(self.next);
            let (start, end) = region.map_or((self.map.size, self.map.size), |region| {
                (region.offset, region.offset.saturating_add(region.len))
            });
            let is_stored = self.at >= start && region.is_some();
            let left = if is_stored { end } else { start.max(self.at) }.saturating_sub(self.at);
            if left == 0 && is_stored {
                self.next = self.next.saturating_add(1);
                continue;
            }
            let len = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let Some((piece, rest)) = buffer.split_at_mut_checked(len).filter(|_| len > 0) else {
                return Ok(());
            };
            if is_stored {
                read(self.cursor, self.offset, piece, "data")?;
            } else {
                piece.fill(0);
            }
            self.at = self.at.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            buffer = rest;
        }
        Ok(())
    }
}

/// Where the data of a file belong. Reads the map where it stands between header and data.
fn read_map<F: Fill>(cursor: &mut Cursor<F>, block: &Block, member: &Member) -> Result<Map, ImageError> {
    let (offset, stored) = (member.offset, member.stored);
    let malformed = |problem| TarError::SparseMalformed {
        offset,
        path: member.path.clone(),
        problem,
    };
    match member.what {
        What::GnuSparse => {
            let no_number = || malformed("an offset or a length of a sparse file is no number");
            let size = number(field(block, 483, 12)).flatten().ok_or_else(no_number)?;
            let mut regions = Vec::new();
            sparse::add_entries(block, 386, 4, &mut regions).ok_or_else(no_number)?;
            let mut goes_on = field(block, 482, 1) != b"\0";
            while goes_on {
                let more = read_block(cursor, offset)?.ok_or(TarError::Truncated {
                    offset,
                    part: "map",
                    missing: 512,
                })?;
                sparse::add_entries(&more, 0, 21, &mut regions).ok_or_else(no_number)?;
                if regions.len() > MAX_REGIONS {
                    return Err(malformed("a sparse file in more than a million pieces").into());
                }
                goes_on = field(&more, 504, 1) != b"\0";
            }
            Ok(Map::new(regions, size, stored).map_err(malformed)?)
        }
        What::PaxSparse => {
            let records = &member.records.sparse;
            let size = records
                .size
                .ok_or_else(|| malformed("a sparse file without its size"))?;
            match (records.major, records.minor) {
                (None, None) | (Some(0), Some(0 | 1)) => {
                    Ok(Map::new(records.regions.clone(), size, stored).map_err(malformed)?)
                }
                (Some(1), Some(0)) if records.regions.is_empty() => {
                    let mut lines = Lines::new(cursor, offset, stored);
                    let count = lines.next()?.ok_or_else(|| malformed(NO_MAP))?;
                    let mut sparse = extended::Sparse::default();
                    for _ in 0..count {
                        let start = lines.next()?.ok_or_else(|| malformed(NO_MAP))?;
                        let len = lines.next()?;
                        sparse.push(start, len).map_err(malformed)?;
                    }
                    let rest = lines.rest;
                    Ok(Map::new(sparse.regions, size, rest).map_err(malformed)?)
                }
                _ => Err(malformed("a sparse file of a version that is not known").into()),
            }
        }
        _ => Ok(Map::solid(stored)),
    }
}

const NO_MAP: &str = "a sparse file whose map is no list of decimal numbers";

/// The decimal lines in front of the data of a sparse file, block by block.
struct Lines<'c, F> {
    cursor: &'c mut Cursor<F>,
    offset: u64,
    /// Bytes of the member that were not read.
    rest: u64,
    block: Block,
    taken: usize,
}

impl<'c, F: Fill> Lines<'c, F> {
    fn new(cursor: &'c mut Cursor<F>, offset: u64, stored: u64) -> Self {
        Self {
            cursor,
            offset,
            rest: stored,
            block: [0; BLOCK_BYTES],
            taken: BLOCK_BYTES,
        }
    }

    /// The number on the next line; none where there is no such line.
    fn next(&mut self) -> Result<Option<u64>, ImageError> {
        // As many digits as a number of 64 bits has.
        let mut digits = Vec::with_capacity(20);
        loop {
            if self.taken >= BLOCK_BYTES {
                let Some(rest) = self.rest.checked_sub(512) else {
                    return Ok(None);
                };
                read(self.cursor, self.offset, &mut self.block, "map")?;
                (self.rest, self.taken) = (rest, 0);
            }
            let byte = self.block.get(self.taken).copied().unwrap_or(0);
            self.taken = self.taken.saturating_add(1);
            match byte {
                b'\n' => return Ok(extended::decimal(&digits)),
                _ if digits.len() < 20 => digits.push(byte),
                _ => return Ok(None),
            }
        }
    }
}

fn stray(extended: &Extended) -> TarError {
    TarError::ExtendedMalformed {
        offset: extended.offset,
        problem: "no member follows that it could belong to",
    }
}

/// Bytes from the end of data to the next block.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() & 511
}

/// The next block, or none at the end.
fn read_block<F: Fill>(cursor: &mut Cursor<F>, offset: u64) -> Result<Option<Block>, ImageError> {
    let mut block = [0; BLOCK_BYTES];
    match cursor.read_full(&mut block)? {
        0 => Ok(None),
        BLOCK_BYTES => Ok(Some(block)),
        found => Err(truncated(offset, "header", BLOCK_BYTES.saturating_sub(found))),
    }
}

/// The data of an extended header. What is claimed is not allocated before it is there.
fn read_extended<F: Fill>(cursor: &mut Cursor<F>, offset: u64, size: u64) -> Result<Vec<u8>, ImageError> {
    if size > MAX_EXTENDED_BYTES {
        return Err(TarError::ExtendedMalformed {
            offset,
            problem: "larger than any that programs write",
        }
        .into());
    }
    let (mut bytes, mut left) = (Vec::new(), usize::try_from(size).unwrap_or(0));
    while left > 0 {
        let step = left.min(64 << 10);
        let start = bytes.len();
        bytes.resize(start.saturating_add(step), 0);
        read(cursor, offset, bytes.get_mut(start..).unwrap_or_default(), "data")?;
        left = left.saturating_sub(step);
    }
    Ok(bytes)
}

fn read<F: Fill>(
    cursor: &mut Cursor<F>,
    offset: u64,
    bytes: &mut [u8],
    part: &'static str,
) -> Result<(), ImageError> {
    let found = cursor.read_full(bytes)?;
    match bytes.len().saturating_sub(found) {
        0 => Ok(()),
        missing => Err(truncated(offset, part, missing)),
    }
}

fn skip<F: Fill>(
    cursor: &mut Cursor<F>,
    offset: u64,
    len: u64,
    part: &'static str,
) -> Result<(), ImageError> {
    match len.saturating_sub(cursor.skip(len)?) {
        0 => Ok(()),
        missing => Err(TarError::Truncated {
            offset,
            part,
            missing,
        }
        .into()),
    }
}

fn truncated(offset: u64, part: &'static str, missing: usize) -> ImageError {
    let missing = u64::try_from(missing).unwrap_or(u64::MAX);
    TarError::Truncated {
        offset,
        part,
        missing,
    }
    .into()
}
