//! The bytes of a file.

use super::Ext4;
use super::inode::Inode;
use crate::image::disk::DiskError;
use crate::image::disk::number::{index, len64};
use crate::image::disk::runs::RunReader;

/// The bytes of a file, in order. What belongs to it is looked up at the first read, by the thread that reads.
pub(in crate::image::disk) struct Bytes<'f> {
    fs: &'f Ext4,
    inode: Inode,
    reader: Option<RunReader>,
    at: u64,
}

impl<'f> Bytes<'f> {
    pub(super) fn new(fs: &'f Ext4, inode: Inode) -> Self {
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
        if let Some(more) = &self.inode.inline_rest {
            read_inline(&self.inode, more, self.at, buffer);
        } else if len > 0 {
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

/// A file of which all bytes are in the inode. Behind those it has zeros, as `mke2fs -d` makes of a hole.
fn read_inline(inode: &Inode, more: &[u8], at: u64, buffer: &mut [u8]) {
    let all = [&inode.block[..], more].concat();
    let from = all.get(index(at)..).unwrap_or_default();
    let len = from.len().min(buffer.len());
    let (bytes, zeros) = buffer.split_at_mut(len);
    bytes.copy_from_slice(from.get(..len).unwrap_or_default());
    zeros.fill(0);
}
