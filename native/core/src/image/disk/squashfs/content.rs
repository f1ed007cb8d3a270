//! The bytes of a file: blocks, each packed by itself, and an end that it may share a fragment with others for.
//!
//! ```text
//! size of a block   u32: bytes in the filesystem, bit 24 set if it is not packed; 0 if it is all zeros
//! fragment          0 start u64   8 size u32, as of a block   12 unused
//! ```

use std::sync::Arc;

use super::inode::{Form, Node};
use super::metadata::Place;
use super::{Squashfs, corrupt};
use crate::image::disk::DiskError;
use crate::image::disk::number::{divide, index, le32, le64, len64};
use crate::image::disk::read_at::read_vec;

const IS_PLAIN: u32 = 1 << 24;

/// Bytes of an entry in the table of fragments.
const FRAGMENT_BYTES: u64 = 16;

impl Squashfs {
    /// The bytes of a block whose size is stated so.
    fn data(&self, start: u64, size: u32) -> Result<Vec<u8>, DiskError> {
        let len = size & !IS_PLAIN;
        if len == 0 || len > self.superblock.block_bytes {
            return Err(corrupt(start, "a block of data of no size that one has"));
        }
        let packed = read_vec(self.volume.as_ref(), start, index(len))?;
        if size & IS_PLAIN != 0 {
            return Ok(packed);
        }
        self.packing
            .unpack(&packed, index(self.superblock.block_bytes))
            .ok_or_else(|| corrupt(start, "a block of data does not unpack"))
    }

    /// A fragment, which is kept for the other files that end in it.
    fn fragment(&self, number: u32) -> Result<Arc<[u8]>, DiskError> {
        let table = self.superblock.fragment_table;
        if number >= self.superblock.fragments {
            return Err(corrupt(table, "a fragment that no table has"));
        }
        self.fragments.get_or_insert_with(&number, || {
            let mut place = self.entry(table, number.into(), FRAGMENT_BYTES)?;
            let entry = self.take(&mut place, index(FRAGMENT_BYTES))?;
            self.data(le64(&entry, 0), le32(&entry, 8)).map(Arc::from)
        })
    }
}

/// The bytes of a file, in order.
pub(in crate::image::disk) struct Bytes<'f> {
    fs: &'f Squashfs,
    /// Bytes that were loaded, which may be in `chunk` still.
    at: u64,
    size_bytes: u64,
    /// Where the next block is, and where its size is.
    next: u64,
    sizes: Place,
    fragment: Option<(u32, u32)>,
    chunk: Vec<u8>,
    taken: usize,
}

impl<'f> Bytes<'f> {
    /// Nothing, of what is no file.
    pub(super) fn new(fs: &'f Squashfs, node: &Node) -> Option<Self> {
        let Form::File {
            start,
            fragment,
            sizes,
        } = node.form
        else {
            return None;
        };
        Some(Self {
            fs,
            at: 0,
            size_bytes: node.size_bytes,
            next: start,
            sizes,
            fragment,
            chunk: Vec::new(),
            taken: 0,
        })
    }

    /// Fills `buffer`, or as much of it as there are bytes left.
    pub(in crate::image::disk) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let mut done = 0_usize;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let from = self.chunk.get(self.taken..).unwrap_or_default();
            if from.is_empty() {
                if self.at >= self.size_bytes {
                    break;
                }
                self.load()?;
                continue;
            }
            let len = from.len().min(rest.len());
            if let (Some(to), Some(from)) = (rest.get_mut(..len), from.get(..len)) {
                to.copy_from_slice(from);
            }
            self.taken = self.taken.saturating_add(len);
            done = done.saturating_add(len);
        }
        Ok(done)
    }

    /// Loads the next block, or the end from the fragment.
    fn load(&mut self) -> Result<(), DiskError> {
        let block_bytes = u64::from(self.fs.superblock.block_bytes);
        let left = self.size_bytes.saturating_sub(self.at);
        let len = left.min(block_bytes);
        let (whole, _) = divide(left, block_bytes);
        self.taken = 0;
        if let (Some((number, offset)), 0) = (self.fragment, whole) {
            let fragment = self.fs.fragment(number)?;
            let start = index(offset);
            let end = index(u64::from(offset).saturating_add(len));
            let end_of_file = fragment.get(start..end);
            let wrong = || {
                corrupt(
                    self.fs.superblock.fragment_table,
                    "a file ends behind its fragment",
                )
            };
            self.chunk = end_of_file.ok_or_else(wrong)?.to_vec();
        } else {
            let size = le32(&self.fs.take(&mut self.sizes, 4)?, 0);
            self.chunk = match size {
                0 => vec![0; index(len)],
                _ => self.fs.data(self.next, size)?,
            };
            if len64(&self.chunk) != len {
                return Err(corrupt(
                    self.next,
                    "a block of data of another size than its file has",
                ));
            }
            self.next = self.next.saturating_add(u64::from(size & !IS_PLAIN));
        }
        self.at = self.at.saturating_add(len);
        Ok(())
    }
}
