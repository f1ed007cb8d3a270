//! What a file is made of.
//!
//! ```text
//! extent   8 bytes unpacked u64   16 compression u8   17 encryption u8   18 u16   20 kind u8
//!          kind 0: 21 the bytes of the file
//!          kind 1, and 2 that was never written: 21 logical address, 0 of a hole   29 bytes there
//!          37 start in what is unpacked   45 bytes of the file; each u64
//! ```
//!
//! Source: Linux, `fs/btrfs/tree-checker.c` (`check_extent_data_item`).

use std::ops::ControlFlow;

use super::compression::{Compression, MAX_BYTES};
use super::inode::Node;
use super::superblock::unsupported;
use super::tree::Key;
use super::{Btrfs, BtrfsError};
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, le16, le64};

const EXTENT_DATA: u8 = 108;
const INLINE_AT: usize = 21;
const EXTENT_BYTES: usize = 53;

/// Bytes of a file that lie together.
#[derive(Debug, Clone)]
pub(super) struct Extent {
    /// Its first byte in the file.
    pub(super) start: u64,
    pub(super) bytes: u64,
    pub(super) source: Source,
}

/// Where an extent's bytes are.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// In the item itself.
    Inline(Vec<u8>),
    /// At this logical address.
    Plain(u64),
    /// Packed.
    Packed {
        compression: Compression,
        logical: u64,
        packed_bytes: u64,
        unpacked_bytes: u64,
        /// Where the extent's bytes begin in what is unpacked.
        skipped: u64,
    },
}

impl Extent {
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes)
    }
}

impl Btrfs {
    /// The logical address of the first extent that has one; 0 if none has.
    pub(super) fn first_extent(&self, file: &Node) -> Result<u64, DiskError> {
        let mut found = 0;
        self.visit(file.root, &Key::all(file.number, EXTENT_DATA), &mut |_, item| {
            if byte(item, 20) > 0 {
                found = le64(item, 21);
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// The extents of a file, in its order. What is in none of them is zeros, as is what was never written.
    pub(super) fn extents(&self, file: &Node) -> Result<Vec<Extent>, DiskError> {
        let mut extents = Vec::new();
        let mut next = 0;
        self.visit(
            file.root,
            &Key::all(file.number, EXTENT_DATA),
            &mut |key, item| {
                if key.offset < next {
                    return Err(file.corrupt("its extents overlap"));
                }
                let (bytes, source) = self.extent(file, item)?;
                next = key
                    .offset
                    .checked_add(bytes)
                    .ok_or_else(|| file.corrupt("it has an extent behind every file's end"))?;
                if matches!(source, Some(Source::Inline(_))) && key.offset != 0 {
                    return Err(file.corrupt("it has bytes beside an extent that are not its first ones"));
                }
                extents.extend(source.map(|source| Extent {
                    start: key.offset,
                    bytes,
                    source,
                }));
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(extents)
    }

    /// Bytes of an extent, and where they are; nowhere if they are zeros.
    fn extent(&self, file: &Node, item: &[u8]) -> Result<(u64, Option<Source>), DiskError> {
        let impossible = || file.corrupt("it has an extent that is impossible");
        if byte(item, 17) != 0 {
            return Err(BtrfsError::Encrypted {
                subvolume: file.root.tree,
                inode: file.number,
            }
            .into());
        }
        let compression = match (byte(item, 16), le16(item, 18)) {
            (0, 0) => None,
            (1, 0) => Some(Compression::Zlib),
            (2, 0) => Some(Compression::Lzo),
            (3, 0) => Some(Compression::Zstd),
            (kind, 0) => return Err(unsupported(format!("a file with compression of kind {kind}"))),
            (_, kind) => return Err(unsupported(format!("a file with encoding of kind {kind}"))),
        };
        let unpacked_bytes = le64(item, 8);
        if compression.is_some() && unpacked_bytes > MAX_BYTES {
            return Err(impossible());
        }
        let kind = byte(item, 20);
        if kind == 0 {
            let inline = item.get(INLINE_AT..).ok_or_else(impossible)?;
            let plain = match compression {
                None => Some(inline.to_vec()),
                Some(compression) => compression.unpack(inline, unpacked_bytes, self.superblock.sector_bytes),
            };
            let plain = plain.ok_or_else(|| file.corrupt("an extent of it does not unpack"))?;
            if u64::try_from(plain.len()) != Ok(unpacked_bytes) {
                return Err(impossible());
            }
            return Ok((unpacked_bytes, Some(Source::Inline(plain))));
        }
        let (logical, packed_bytes, skipped, bytes) =
            (le64(item, 21), le64(item, 29), le64(item, 37), le64(item, 45));
        let is_aligned = [logical, packed_bytes, skipped, bytes]
            .iter()
            .all(|number| number & self.superblock.sector_bytes.wrapping_sub(1) == 0);
        let end = skipped.checked_add(bytes).ok_or_else(impossible)?;
        if item.len() != EXTENT_BYTES || kind > 2 || !is_aligned || bytes == 0 {
            return Err(impossible());
        }
        if logical == 0 || kind == 2 {
            return Ok((bytes, None));
        }
        let room = match compression {
            None => packed_bytes,
            Some(_) if packed_bytes > MAX_BYTES => return Err(impossible()),
            Some(_) => unpacked_bytes,
        };
        if end > room {
            return Err(impossible());
        }
        let source = match compression {
            None => Source::Plain(logical.checked_add(skipped).ok_or_else(impossible)?),
            Some(compression) => Source::Packed {
                compression,
                logical,
                packed_bytes,
                unpacked_bytes,
                skipped,
            },
        };
        Ok((bytes, Some(source)))
    }
}
