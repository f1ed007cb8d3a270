//! The bytes of a file, the targets of symbolic links, and the checksums of both.
//!
//! ```text
//! checksums   key: 2^64 - 10, 128, logical address.   one checksum of each sector from there on
//! ```
//!
//! Source: Linux, `fs/btrfs/file-item.c`.

use std::ops::ControlFlow;

use super::extent::{Extent, Source};
use super::inode::Node;
use super::tree::Key;
use super::{Btrfs, BtrfsError};
use crate::image::disk::DiskError;
use crate::image::disk::number::{divide, index, len64};
use crate::image::disk::read_at::read_vec;

const CHECKSUM_OBJECT: u64 = u64::MAX - 9;
const CHECKSUM_ITEM: u8 = 128;
/// Bytes of a plain extent that are read together.
const PIECE_BYTES: u64 = 256 << 10;
/// Longest target of a symbolic link.
const MAX_TARGET_BYTES: u64 = 4095;

/// The bytes of a file, in order. What belongs to it is looked up at the first read, by the thread that reads.
pub(in crate::image::disk) struct Bytes<'f> {
    fs: &'f Btrfs,
    file: Node,
    extents: Option<Vec<Extent>>,
    /// The extent that the next byte is in or before.
    next: usize,
    /// Bytes of the file whose checksums are right, and where they begin in it.
    piece: Vec<u8>,
    piece_start: u64,
    at: u64,
}

impl Bytes<'_> {
    /// Fills `buffer`, or as much of it as there are bytes left.
    pub(in crate::image::disk) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let left = index(self.file.size_bytes().saturating_sub(self.at));
        let len = buffer.len().min(left);
        let mut rest = buffer.get_mut(..len).unwrap_or_default();
        while !rest.is_empty() {
            let (now, later) = rest
                .split_at_mut_checked(self.next_bytes(rest.len())?)
                .unwrap_or_default();
            let inside = index(self.at.saturating_sub(self.piece_start));
            let known = self.piece.get(inside..).and_then(|piece| piece.get(..now.len()));
            match known {
                Some(known) => now.copy_from_slice(known),
                None => now.fill(0),
            }
            self.at = self.at.saturating_add(len64(now));
            rest = later;
        }
        Ok(len)
    }

    /// How many of the next bytes, of `wanted`, are all in the piece or all zeros of a hole.
    fn next_bytes(&mut self, wanted: usize) -> Result<usize, DiskError> {
        let piece_end = self.piece_start.saturating_add(len64(&self.piece));
        if self.at < piece_end {
            return Ok(wanted.min(index(piece_end.saturating_sub(self.at))));
        }
        let extents = match self.extents.take() {
            Some(extents) => extents,
            None => self.fs.extents(&self.file)?,
        };
        let extents = self.extents.insert(extents);
        while extents
            .get(self.next)
            .is_some_and(|extent| extent.end() <= self.at)
        {
            self.next = self.next.saturating_add(1);
        }
        match extents.get(self.next) {
            Some(extent) if extent.start <= self.at => {
                (self.piece_start, self.piece) = self.fs.piece(&self.file, extent, self.at)?;
                let piece_end = self.piece_start.saturating_add(len64(&self.piece));
                Ok(wanted.min(index(piece_end.saturating_sub(self.at))))
            }
            Some(extent) => Ok(wanted.min(index(extent.start.saturating_sub(self.at)))),
            None => Ok(wanted),
        }
    }
}

impl Btrfs {
    /// The bytes of a file.
    pub(in crate::image::disk) fn bytes(&self, file: &Node) -> Bytes<'_> {
        Bytes {
            fs: self,
            file: file.clone(),
            extents: None,
            next: 0,
            piece: Vec::new(),
            piece_start: 0,
            at: 0,
        }
    }

    /// The target of a symbolic link.
    pub(in crate::image::disk) fn target(&self, link: &Node) -> Result<Vec<u8>, DiskError> {
        if link.size_bytes() > MAX_TARGET_BYTES {
            return Err(link.corrupt("it is a symbolic link with a target longer than any"));
        }
        let mut target = vec![0; index(link.size_bytes())];
        self.bytes(link).read(&mut target)?;
        Ok(target)
    }

    /// Bytes of an extent, the one at `at` among them, and where in the file they begin.
    fn piece(&self, file: &Node, extent: &Extent, at: u64) -> Result<(u64, Vec<u8>), DiskError> {
        let sector = self.superblock.sector_bytes;
        match &extent.source {
            Source::Inline(bytes) => Ok((extent.start, bytes.clone())),
            Source::Plain(logical) => {
                let inside = at.saturating_sub(extent.start);
                let inside = inside.saturating_sub(divide(inside, sector).1);
                let len = extent.bytes.saturating_sub(inside).min(PIECE_BYTES);
                let bytes = self.data(file, logical.saturating_add(inside), len)?;
                Ok((extent.start.saturating_add(inside), bytes))
            }
            Source::Packed {
                compression,
                logical,
                packed_bytes,
                unpacked_bytes,
                skipped,
            } => {
                let packed = self.data(file, *logical, *packed_bytes)?;
                let plain = compression.unpack(&packed, *unpacked_bytes, sector);
                let mut plain = plain.ok_or_else(|| file.corrupt("an extent of it does not unpack"))?;
                plain.drain(..index(*skipped).min(plain.len()));
                plain.truncate(index(extent.bytes));
                Ok((extent.start, plain))
            }
        }
    }

    /// Some sectors, as the first copy has them that is whole.
    fn data(&self, file: &Node, logical: u64, len: u64) -> Result<Vec<u8>, DiskError> {
        let checksums = match file.has_checksums() {
            true => Some(self.checksums(logical, len)?),
            false => None,
        };
        let mut first_error = None;
        for place in self.chunks.places(logical, len)? {
            let read = read_vec(self.volume.as_ref(), place, index(len));
            match read.and_then(|bytes| {
                self.check_data(&bytes, logical, checksums.as_deref())
                    .map(|()| bytes)
            }) {
                Ok(bytes) => return Ok(bytes),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| damaged(logical, "place")))
    }

    fn check_data(&self, bytes: &[u8], logical: u64, checksums: Option<&[u8]>) -> Result<(), DiskError> {
        let Some(checksums) = checksums else { return Ok(()) };
        let kind = self.superblock.checksum;
        let sectors = bytes.chunks(index(self.superblock.sector_bytes));
        let mut stated = checksums.chunks(kind.len());
        for (number, sector) in (0_u64..).zip(sectors) {
            if !stated.next().is_some_and(|stated| kind.is_right(sector, stated)) {
                let inside = number.saturating_mul(self.superblock.sector_bytes);
                return Err(damaged(logical.saturating_add(inside), "checksum"));
            }
        }
        Ok(())
    }

    /// The checksums of some sectors, all of which have one.
    fn checksums(&self, logical: u64, len: u64) -> Result<Vec<u8>, DiskError> {
        let (each, sector) = (self.superblock.checksum.len(), self.superblock.sector_bytes);
        let end = logical.saturating_add(len);
        // No item is longer than a node: what is asked for begins in one that is not further away.
        let longest = u64::try_from(self.superblock.node_bytes / 4).unwrap_or(u64::MAX);
        let start = logical.saturating_sub(longest.saturating_mul(sector));
        let key = |offset| Key::new(CHECKSUM_OBJECT, CHECKSUM_ITEM, offset);
        let mut found = Vec::new();
        let mut next = logical;
        let Some(root) = self.checksums else {
            return Err(damaged(logical, "checksum"));
        };
        self.visit(
            root,
            &(key(start)..=key(end.saturating_sub(1))),
            &mut |key, item| {
                let mut at = key.offset;
                for checksum in item.chunks_exact(each) {
                    if at == next && next < end {
                        found.extend_from_slice(checksum);
                        next = next.saturating_add(sector);
                    }
                    at = at.saturating_add(sector);
                }
                Ok(ControlFlow::Continue(()))
            },
        )?;
        // Linux does not read a sector without the checksum that it should have either.
        if next < end {
            return Err(damaged(next, "checksum"));
        }
        Ok(found)
    }
}

fn damaged(logical: u64, mark: &'static str) -> DiskError {
    BtrfsError::Damaged {
        what: "sector of a file",
        logical,
        mark,
    }
    .into()
}
