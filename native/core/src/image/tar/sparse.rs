//! Where the data of a sparse file belong. Between them are zeros.
//!
//! ```text
//! GNU header   386  4 × (offset 12, length 12)    482  whether a block of 21 more follows    483  size of the file
//! PAX 0.0, 0.1      records GNU.sparse.offset, GNU.sparse.numbytes; or GNU.sparse.map
//! PAX 1.0           decimal lines in front of the data: how many, then offset and length of each; padded to a block
//! ```
//!
//! Source: GNU tar manual, "Storing Sparse Files".

use super::error::TarError;
use super::extended::{Sparse, decimal};
use super::header::{BLOCK_BYTES, Block, field, number};
use super::input::{read, read_block};
use super::member::{Member, What};
use crate::image::ImageError;
use crate::image::cursor::{Cursor, Fill};

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
    fn solid(size: u64) -> Self {
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
    fn new(regions: Vec<Region>, size: u64, stored: u64) -> Result<Self, &'static str> {
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

    /// Where the data of a file belong. Reads the map where it stands between header and data.
    pub(super) fn read<F: Fill>(
        cursor: &mut Cursor<F>,
        block: &Block,
        member: &Member,
    ) -> Result<Self, ImageError> {
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
                add_entries(block, 386, 4, &mut regions).ok_or_else(no_number)?;
                let mut goes_on = field(block, 482, 1) != b"\0";
                while goes_on {
                    let more = read_block(cursor, offset)?.ok_or(TarError::Truncated {
                        offset,
                        part: "map",
                        missing: 512,
                    })?;
                    add_entries(&more, 0, 21, &mut regions).ok_or_else(no_number)?;
                    if regions.len() > MAX_REGIONS {
                        return Err(malformed("a sparse file in more than a million pieces").into());
                    }
                    goes_on = field(&more, 504, 1) != b"\0";
                }
                Ok(Self::new(regions, size, stored).map_err(malformed)?)
            }
            What::PaxSparse => {
                let records = &member.records.sparse;
                let size = records
                    .size
                    .ok_or_else(|| malformed("a sparse file without its size"))?;
                match (records.major, records.minor) {
                    (None, None) | (Some(0), Some(0 | 1)) => {
                        Ok(Self::new(records.regions.clone(), size, stored).map_err(malformed)?)
                    }
                    (Some(1), Some(0)) if records.regions.is_empty() => {
                        let mut lines = Lines::new(cursor, offset, stored);
                        let count = lines.next()?.ok_or_else(|| malformed(NO_MAP))?;
                        let mut sparse = Sparse::default();
                        for _ in 0..count {
                            let start = lines.next()?.ok_or_else(|| malformed(NO_MAP))?;
                            let len = lines.next()?;
                            sparse.push(start, len).map_err(malformed)?;
                        }
                        let rest = lines.rest;
                        Ok(Self::new(sparse.regions, size, rest).map_err(malformed)?)
                    }
                    _ => Err(malformed("a sparse file of a version that is not known").into()),
                }
            }
            _ => Ok(Self::solid(stored)),
        }
    }
}

/// Adds the regions that stand in a block from `start` on. An entry without numbers ends them.
fn add_entries(block: &Block, start: usize, count: usize, regions: &mut Vec<Region>) -> Option<()> {
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
                b'\n' => return Ok(decimal(&digits)),
                _ if digits.len() < 20 => digits.push(byte),
                _ => return Ok(None),
            }
        }
    }
}

/// A file put together from what is stored of it.
pub(super) struct Pieces<'c, F> {
    cursor: &'c mut Cursor<F>,
    offset: u64,
    map: &'c Map,
    /// The region that is being read, or comes next.
    next: usize,
    /// Bytes of the file that were given.
    at: u64,
}

impl<'c, F: Fill> Pieces<'c, F> {
    pub(super) fn new(cursor: &'c mut Cursor<F>, offset: u64, map: &'c Map) -> Self {
        Self {
            cursor,
            offset,
            map,
            next: 0,
            at: 0,
        }
    }

    /// Bytes of the file that were given.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Fills the buffer with the next bytes of the file.
    pub(super) fn read(&mut self, mut buffer: &mut [u8]) -> Result<(), ImageError> {
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
