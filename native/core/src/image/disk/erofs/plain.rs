//! Bytes that are kept as they are.
//!
//! ```text
//! plain    blocks that follow one another
//! inline   the same, but for the last one, whose bytes are behind the inode, in the same block as its end
//! chunks   behind the inode u32 for each chunk: its first block, or all ones if it is zeros
//!          or, at the next multiple of 8, indexes: 0 unused u16   2 device u16   4 first block u32
//! ```
//!
//! Source: Linux, `fs/erofs/data.c`.

use super::Erofs;
use super::inode::{Layout, Node};
use crate::image::disk::DiskError;
use crate::image::disk::number::{divide, index, le32};
use crate::image::disk::read_at::read_vec;

/// A block that is none: zeros.
const HOLE: u32 = u32::MAX;

/// Where bytes are.
pub(super) struct Run {
    /// None if they are zeros.
    pub(super) place: Option<u64>,
    /// How many follow there.
    pub(super) bytes: u64,
}

impl Erofs {
    /// Where byte `at` of a file is, that is not packed and has it.
    pub(super) fn run(&self, node: &Node, at: u64) -> Result<Run, DiskError> {
        let left = node.size_bytes.saturating_sub(at);
        let block_bytes = self.superblock.block_bytes();
        let in_blocks = |block: u32| (u64::from(block) << self.superblock.block_log).saturating_add(at);
        match node.layout {
            Layout::Plain { block } => Ok(Run {
                place: Some(in_blocks(block)),
                bytes: left,
            }),
            Layout::Inline { block } => {
                let (last, _) = divide(node.size_bytes.saturating_sub(1), block_bytes);
                let tail = last << self.superblock.block_log;
                if at < tail {
                    return Ok(Run {
                        place: Some(in_blocks(block)),
                        bytes: tail.saturating_sub(at),
                    });
                }
                let (start, len) = (node.behind(), node.size_bytes.saturating_sub(tail));
                let (_, inside) = divide(start, block_bytes);
                if inside.saturating_add(len) > block_bytes {
                    return Err(node.corrupt("the end of a file is not in the block of its inode"));
                }
                Ok(Run {
                    place: Some(start.saturating_add(at.saturating_sub(tail))),
                    bytes: left,
                })
            }
            Layout::Chunks { log, has_indexes } => {
                let width = if has_indexes { 8 } else { 4 };
                let number = at >> log;
                let table = node.behind().checked_next_multiple_of(width);
                let entry = number
                    .checked_mul(width)
                    .and_then(|offset| table?.checked_add(offset));
                let entry = entry.ok_or_else(|| node.corrupt("more chunks than there can be"))?;
                let bytes = read_vec(self.volume.as_ref(), entry, index(width))?;
                let block = le32(&bytes, if has_indexes { 4 } else { 0 });
                let inside = at.saturating_sub(number << log);
                let place = (u64::from(block) << self.superblock.block_log).saturating_add(inside);
                Ok(Run {
                    place: Some(place).filter(|_| block != HOLE),
                    bytes: left.min((1_u64 << log).saturating_sub(inside)),
                })
            }
            Layout::Packed { .. } => Err(node.corrupt("bytes that are packed are read as they are")),
        }
    }
}
