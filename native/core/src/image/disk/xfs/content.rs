//! The bytes of a file, and the targets of symbolic links.
//!
//! ```text
//! target   in the inode, or in blocks: version 5 begins each run of them with
//!          0 "XSLM"   4 offset u32   8 bytes u32   12 checksum   16 UUID   32 owner   40 place   48 log
//! ```
//!
//! Source: Linux, `fs/xfs/libxfs/xfs_symlink_remote.c`.

use super::Xfs;
use super::checksum::Marks;
use super::inode::{Form, Inode};
use crate::image::disk::DiskError;
use crate::image::disk::number::{be32, divide, index, len64};
use crate::image::disk::runs::RunReader;

const TARGET: Marks = Marks {
    what: "symbolic link",
    checksum: 12,
    place: 40,
    uuid: 16,
    owner: 32,
};
const TARGET_HEAD_BYTES: usize = 56;
/// Longest target of a symbolic link (Linux, `XFS_SYMLINK_MAXLEN`).
const MAX_TARGET_BYTES: u64 = 1024;

/// The bytes of a file, in order. What belongs to it is looked up at the first read, by the thread that reads.
pub(in crate::image::disk) struct Bytes<'f> {
    fs: &'f Xfs,
    inode: Inode,
    reader: Option<RunReader>,
    at: u64,
}

impl<'f> Bytes<'f> {
    pub(super) fn new(fs: &'f Xfs, inode: Inode) -> Self {
        Self {
            fs,
            inode,
            reader: None,
            at: 0,
        }
    }

    /// Fills `buffer`, or as much of it as there are bytes left.
    pub(in crate::image::disk) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let left = index(self.inode.size_bytes.saturating_sub(self.at));
        let len = buffer.len().min(left);
        let buffer = buffer.get_mut(..len).unwrap_or_default();
        if len > 0 {
            let reader = match self.reader.take() {
                Some(reader) => reader,
                None => RunReader::new(self.fs.runs(&self.inode)?, self.fs.superblock.block_bytes),
            };
            self.reader.insert(reader).read(self.fs.volume.as_ref(), buffer)?;
        }
        self.at = self.at.saturating_add(len64(buffer));
        Ok(len)
    }
}

impl Xfs {
    /// The target of a symbolic link.
    pub(super) fn link_target(&self, link: &Inode) -> Result<Vec<u8>, DiskError> {
        if link.form == Form::Local {
            return Ok(link.fork.to_vec());
        }
        if link.size_bytes > MAX_TARGET_BYTES {
            return Err(link.corrupt("it is a symbolic link with a target longer than any"));
        }
        let mut target = Vec::new();
        for run in self.runs(link)? {
            let at = len64(&target);
            let missing = link.size_bytes.saturating_sub(at);
            // A target of the longest kind has no more blocks than these, however much is reserved.
            let most = divide(missing, self.superblock.block_bytes).0.saturating_add(2);
            if run.blocks > most || missing == 0 {
                return Err(link.corrupt("it is a symbolic link with more blocks than its target needs"));
            }
            let blocks = self.blocks(run.physical, run.blocks)?;
            TARGET.check(&self.superblock, &blocks, run.physical, link.number)?;
            let part = if self.superblock.has_checksums {
                let len = index(be32(&blocks, 8));
                let body = blocks.get(TARGET_HEAD_BYTES..).unwrap_or_default();
                body.get(..len)
                    .filter(|_| blocks.starts_with(b"XSLM") && u64::from(be32(&blocks, 4)) == at)
            } else {
                blocks.get(..index(missing).min(blocks.len()))
            };
            target.extend(part.ok_or_else(|| link.corrupt("a block of its target is none"))?);
        }
        if len64(&target) == link.size_bytes {
            Ok(target)
        } else {
            Err(link.corrupt("its target is not as long as it says"))
        }
    }
}
