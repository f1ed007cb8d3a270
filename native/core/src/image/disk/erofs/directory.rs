//! Directories: blocks of entries and their names, sorted.
//!
//! ```text
//! entry   0 inode u64   8 offset of the name in the block u16   10 type   11 unused
//! block   entries, as many as fit before the first name; names, each up to the next one, the last up to a zero or the
//!         end
//! ```
//!
//! Source: Linux, `fs/erofs/dir.c`.

use super::Erofs;
use super::inode::Node;
use crate::image::disk::DiskError;
use crate::image::disk::filesystem::Kind;
use crate::image::disk::number::{index, le16, le64};

const ENTRY_BYTES: usize = 12;
const MAX_NAME_BYTES: usize = 255;

/// Bytes of one directory: some million names.
const MAX_DIRECTORY_BYTES: u64 = 64 << 20;

impl Erofs {
    /// Names of what is in a directory, and the numbers of their inodes.
    pub(in crate::image::disk) fn list(&self, directory: &Node) -> Result<Vec<(Vec<u8>, u64)>, DiskError> {
        if directory.kind != Kind::Directory {
            return Ok(Vec::new());
        }
        if directory.size_bytes > MAX_DIRECTORY_BYTES {
            return Err(directory.corrupt("a directory larger than any that programs write"));
        }
        let mut names: Vec<(Vec<u8>, u64)> = Vec::new();
        let mut reader = self.bytes(directory);
        let mut block = vec![0; index(self.superblock.block_bytes())];
        loop {
            let len = reader.read(&mut block)?;
            let Some(bytes) = block.get(..len).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            let found =
                entries(bytes).ok_or_else(|| directory.corrupt("entries that point out of their block"))?;
            for (name, number) in found {
                if name.is_empty()
                    || name.len() > MAX_NAME_BYTES
                    || name.iter().any(|byte| matches!(byte, 0 | b'/'))
                {
                    return Err(directory.corrupt("a name that no file has"));
                }
                // So that none is there twice, and every one is found.
                if names.last().is_some_and(|(last, _)| last.as_slice() >= name) {
                    return Err(directory.corrupt("names out of order"));
                }
                names.push((name.to_vec(), number));
            }
        }
        names.retain(|(name, _)| !matches!(name.as_slice(), b"." | b".."));
        Ok(names)
    }
}

/// Names and numbers in a block.
fn entries(block: &[u8]) -> Option<Vec<(&[u8], u64)>> {
    let first = usize::from(le16(block, 8));
    let heads = block.get(..first)?.chunks_exact(ENTRY_BYTES);
    if heads.len() == 0 || !heads.remainder().is_empty() {
        return None;
    }
    let starts: Vec<usize> = heads.clone().map(|head| le16(head, 8).into()).collect();
    heads
        .enumerate()
        .map(|(number, head)| {
            let start = *starts.get(number)?;
            let name = match starts.get(number.checked_add(1)?) {
                Some(&next) => block.get(start..next)?,
                None => block.get(start..)?.split(|&byte| byte == 0).next()?,
            };
            Some((name, le64(head, 0))).filter(|_| start >= first)
        })
        .collect()
}
