//! Where the data of a sparse file belong. Between them are zeros.
//!
//! ```text
//! GNU header   386  4 × (offset 12, length 12)    482  whether a block of 21 more follows    483  size of the file
//! PAX 0.0, 0.1      records GNU.sparse.offset, GNU.sparse.numbytes; or GNU.sparse.map
//! PAX 1.0           decimal lines in front of the data: how many, then offset and length of each; padded to a block
//! ```
//!
//! Source: GNU tar manual, "Storing Sparse Files".

use super::header::{Block, field, number};

/// More regions than a file has that was not made to cost memory.
pub(super) const MAX_REGIONS: usize = 1 << 20;

/// A part of a file that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// A whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    /// In the order of their offsets.
    pub(super) regions: Vec<Region>,
    pub(super) size: u64,
}

impl Map {
    /// A file without holes.
    pub(super) fn solid(size: u64) -> Self {
        let regions = (size > 0).then_some(Region { offset: 0, len: size });
        Self {
            regions: regions.into_iter().collect(),
            size,
        }
    }

    /// A file of `size` bytes of which `stored` are in the archive.
    ///
    /// # Errors
    /// What contradicts what.
    pub(super) fn new(regions: Vec<Region>, size: u64, stored: u64) -> Result<Self, &'static str> {
        let (mut end, mut sum) = (0, 0_u64);
        for region in &regions {
            if region.offset < end {
                return Err("pieces of a sparse file overlap or are out of order");
            }
            end = region
                .offset
                .checked_add(region.len)
                .filter(|end| *end <= size)
                .ok_or("a piece of a sparse file lies beyond its end")?;
            sum = sum.saturating_add(region.len);
        }
        if sum != stored {
            return Err("the pieces of a sparse file have other sizes than what is stored");
        }
        Ok(Self { regions, size })
    }
}

/// Adds the regions that stand in a block from `start` on. An entry without numbers ends them.
pub(super) fn add_entries(
    block: &Block,
    start: usize,
    count: usize,
    regions: &mut Vec<Region>,
) -> Option<()> {
    for index in 0..count {
        let entry = field(block, start.saturating_add(index.saturating_mul(24)), 24);
        let (offset, len) = entry.split_at_checked(12)?;
        match (number(offset)?, number(len)?) {
            (Some(offset), Some(len)) => regions.push(Region { offset, len }),
            (None, None) => break,
            _ => return None,
        }
    }
    Some(())
}
