//! VHDX: a disk in blocks, with a log for its own tables.
//!
//! ```text
//! headers ─► log, if it was not written back
//! regions ─► metadata ─► sizes
//!         └► table of blocks: u64 for each block, and behind every 2^23 sectors of the disk one for a bitmap
//!
//! entry   bits 0 to 2 state: 0 to 3 zeros, 6 all there, 7 in parts (with a parent)   bits 20 to 63 offset
//! ```
//!
//! Source: Microsoft, [MS-VHDX].

mod header;
mod metadata;
mod region;

use std::sync::Arc;

use header::Header;
use metadata::Metadata;
use region::Regions;

use super::DiskError;
use super::container::{ContainerError, Format, Mapped, Mapping, Pages};
use super::number::divide;
use super::read_at::ReadAt;
use crate::image::Fact;

const FORMAT: Format = Format("VHDX");

const MIB: u64 = 1 << 20;

/// Sectors of the disk between two entries for bitmaps.
const CHUNK_SECTORS: u64 = 1 << 23;

const STATE_BITS: u64 = 0b111;
const OFFSET_BITS: u64 = !(MIB - 1);
const FULLY_PRESENT: u64 = 6;

/// The disk inside a VHDX.
pub(super) struct Vhdx {
    file: Arc<dyn ReadAt>,
    metadata: Metadata,
    blocks_at: u64,
    /// Blocks between two entries for bitmaps: one at least.
    chunk_blocks: u64,
    blocks: Pages,
}

/// Whether a file is a VHDX.
pub(super) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(header::MAGIC)
}

impl Vhdx {
    pub(super) fn open(file: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        let header = Header::read(file.as_ref())?;
        if header.has_log {
            return Err(ContainerError::LogDirty { format: FORMAT }.into());
        }
        let regions = Regions::read(file.as_ref())?;
        let metadata = Metadata::read(file.as_ref(), regions.metadata)?;
        let (chunk_blocks, _) = divide(
            CHUNK_SECTORS.saturating_mul(metadata.sector_bytes),
            metadata.block_bytes,
        );
        let blocks = metadata.size_bytes.div_ceil(metadata.block_bytes);
        let (bitmaps, _) = divide(blocks.saturating_sub(1), chunk_blocks);
        let entries = blocks.saturating_add(bitmaps);
        if entries.saturating_mul(8) > regions.blocks.len {
            return Err(FORMAT.malformed(
                regions.blocks.offset,
                "the table of blocks is too short for the disk",
            ));
        }
        Ok(Self {
            metadata,
            blocks_at: regions.blocks.offset,
            chunk_blocks,
            blocks: Pages::new(Arc::clone(&file)),
            file,
        })
    }

    /// What `inspect` shows of it.
    pub(super) fn facts(&self) -> Vec<(&'static str, Fact)> {
        vec![
            ("blockBytes", Fact::Number(self.metadata.block_bytes)),
            ("sectorBytes", Fact::Number(self.metadata.sector_bytes)),
            ("diskBytes", Fact::Number(self.metadata.size_bytes)),
        ]
    }
}

impl Mapped for Vhdx {
    fn disk_bytes(&self) -> u64 {
        self.metadata.size_bytes
    }

    fn below(&self) -> Option<&dyn ReadAt> {
        None
    }

    fn map(&self, offset: u64) -> Result<(Mapping<'_>, u64), DiskError> {
        let (block, inside) = divide(offset, self.metadata.block_bytes);
        let left = self.metadata.block_bytes.saturating_sub(inside);
        let (bitmaps, _) = divide(block, self.chunk_blocks);
        let place = block.saturating_add(bitmaps).saturating_mul(8);
        let entry_at = self.blocks_at.saturating_add(place);
        let entry = u64::from_le_bytes(self.blocks.entry(entry_at)?);
        let at = entry & OFFSET_BITS;
        if entry & !(OFFSET_BITS | STATE_BITS) != 0 {
            return Err(FORMAT.malformed(entry_at, "an entry of the table of blocks has unknown bits"));
        }
        match entry & STATE_BITS {
            // Not there, undefined, zeros, unmapped: where nothing was written, QEMU and Hyper-V read zeros.
            0..=3 => Ok((Mapping::Zeros, left)),
            FULLY_PRESENT if at >= MIB => {
                Ok((Mapping::At(self.file.as_ref(), at.saturating_add(inside)), left))
            }
            _ => Err(FORMAT.malformed(
                entry_at,
                "a block is in a state or at a place that it cannot have",
            )),
        }
    }
}
