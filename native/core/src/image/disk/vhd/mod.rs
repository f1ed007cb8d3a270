//! VHD: a disk with a footer, as it is or in blocks that were written.
//!
//! ```text
//! fixed          disk | footer
//! dynamic        footer | header | table of blocks | bitmap, block | … | footer
//!
//! block ─► table[block], u32, the sector of its bitmap; -1 nowhere
//!       ─► bitmap, a bit for each sector, the highest first: 0 is zeros, or what the parent has
//! ```
//!
//! Source: Microsoft, `Virtual Hard Disk Image Format Specification`.

mod footer;
mod header;

use std::sync::Arc;

use footer::{FOOTER_BYTES, Footer, Kind};
use header::Header;

use super::DiskError;
use super::container::{Format, Mapped, Mapping, OtherFiles, Pages};
use super::number::{divide, index};
use super::read_at::{Part, ReadAt, check_range, read_vec};
use crate::image::Fact;
use crate::path::Escaped;

const FORMAT: Format = Format("VHD");

const SECTOR_BYTES: u64 = 512;

/// The entry of a block that is nowhere.
const NOWHERE: u32 = u32::MAX;

/// Sectors that a bitmap is looked at for at once, and bytes of it.
const WINDOW_SECTORS: u64 = 128;
const WINDOW_BYTES: u64 = 16;

/// The disk inside a VHD.
pub(super) struct Vhd {
    footer: Footer,
    bytes: Bytes,
}

enum Bytes {
    Fixed(Part),
    Blocks(Blocks),
}

struct Blocks {
    file: Arc<dyn ReadAt>,
    header: Header,
    tables: Pages,
    /// The parent of a differencing disk, and as it is named.
    parent: Option<(Arc<dyn ReadAt>, Vec<u8>)>,
}

/// Whether these are the first and the last bytes of a VHD.
pub(super) fn looks_like(head: &[u8], tail: &[u8]) -> bool {
    head.starts_with(footer::MAGIC) || tail.starts_with(footer::MAGIC)
}

impl Vhd {
    /// Opens it with all files it needs, as far as they may be read.
    pub(super) fn open(file: Arc<dyn ReadAt>, others: &OtherFiles) -> Result<Self, DiskError> {
        let end = file.size_bytes().saturating_sub(SECTOR_BYTES);
        let last = read_vec(file.as_ref(), end, FOOTER_BYTES)?;
        let footer = Footer::parse(&last, end)?;
        if footer.kind == Kind::Fixed {
            check_range(0, index(footer.size_bytes), end)?;
            let disk = Part::new(file, 0, footer.size_bytes);
            return Ok(Self {
                footer,
                bytes: Bytes::Fixed(disk),
            });
        }
        if read_vec(file.as_ref(), 0, FOOTER_BYTES)? != last {
            return Err(FORMAT.malformed(0, "the copy of the footer differs from the one at the end"));
        }
        let header = Header::read(file.as_ref(), footer.header, footer.size_bytes)?;
        let parent = match footer.kind {
            Kind::Differencing => Some(open_parent(file.as_ref(), &header, others)?),
            _ => None,
        };
        Ok(Self {
            footer,
            bytes: Bytes::Blocks(Blocks {
                tables: Pages::new(Arc::clone(&file)),
                file,
                header,
                parent,
            }),
        })
    }

    /// What `inspect` shows of it.
    pub(super) fn facts(&self) -> Vec<(&'static str, Fact)> {
        let kind = match self.footer.kind {
            Kind::Fixed => "fixed",
            Kind::Dynamic => "dynamic",
            Kind::Differencing => "differencing",
        };
        let mut facts = vec![("type", Fact::Text(kind.to_owned()))];
        if let Bytes::Blocks(blocks) = &self.bytes {
            facts.push(("blockBytes", Fact::Number(blocks.header.block_bytes)));
        }
        facts.push(("diskBytes", Fact::Number(self.footer.size_bytes)));
        if let Bytes::Blocks(Blocks {
            parent: Some((_, name)),
            ..
        }) = &self.bytes
        {
            facts.push(("backingFile", Fact::Text(Escaped(name).to_string())));
        }
        facts
    }
}

/// The VHD below another one, and its path: the one that this was made over.
fn open_parent(
    file: &dyn ReadAt,
    header: &Header,
    others: &OtherFiles,
) -> Result<(Arc<dyn ReadAt>, Vec<u8>), DiskError> {
    let path = header.parent_path(file)?;
    let (parent, below) = others.open_image(&path)?;
    let disk = Vhd::open(parent, &below)?;
    if disk.footer.id != header.parent_id {
        return Err(FORMAT.parent_changed(&path));
    }
    Ok((Arc::new(disk), path))
}

impl Mapped for Vhd {
    fn disk_bytes(&self) -> u64 {
        self.footer.size_bytes
    }

    fn below(&self) -> Option<&dyn ReadAt> {
        match &self.bytes {
            Bytes::Blocks(Blocks {
                parent: Some((disk, _)),
                ..
            }) => Some(disk.as_ref()),
            _ => None,
        }
    }

    fn map(&self, offset: u64) -> Result<(Mapping<'_>, u64), DiskError> {
        match &self.bytes {
            Bytes::Fixed(disk) => Ok((
                Mapping::At(disk, offset),
                self.footer.size_bytes.saturating_sub(offset),
            )),
            Bytes::Blocks(blocks) => blocks.map(offset),
        }
    }
}

impl Blocks {
    fn map(&self, offset: u64) -> Result<(Mapping<'_>, u64), DiskError> {
        let (block, inside) = divide(offset, self.header.block_bytes);
        let left = self.header.block_bytes.saturating_sub(inside);
        let entry_at = self.header.table.saturating_add(block.saturating_mul(4));
        let entry = match block < self.header.entries {
            true => u32::from_be_bytes(self.tables.entry(entry_at)?),
            false => return Err(FORMAT.malformed(28, "the table of blocks is too short for the disk")),
        };
        if entry == NOWHERE {
            return Ok((Mapping::Below, left));
        }
        let bitmap_at = u64::from(entry).saturating_mul(SECTOR_BYTES);
        let at = bitmap_at
            .saturating_add(self.header.bitmap_bytes())
            .saturating_add(inside);
        let (is_here, run) = self.run(bitmap_at, inside, left)?;
        if is_here {
            return Ok((Mapping::At(self.file.as_ref(), at), run));
        }
        if self.parent.is_some() {
            return Ok((Mapping::Below, run));
        }
        // Some programs look at the bitmaps of a dynamic disk, and some do not.
        let unused = read_vec(self.file.as_ref(), at, index(run))?;
        if unused.iter().any(|&byte| byte != 0) {
            return Err(FORMAT.malformed(at, "a sector that is marked as unused has bytes"));
        }
        Ok((Mapping::Zeros, run))
    }

    /// Whether the sector at `inside` of a block is in it, and how many bytes from there on are as well or are not.
    fn run(&self, bitmap_at: u64, inside: u64, left: u64) -> Result<(bool, u64), DiskError> {
        let (sector, skipped) = divide(inside, SECTOR_BYTES);
        let (window, place) = divide(sector, WINDOW_SECTORS);
        let bits = self
            .tables
            .entry(bitmap_at.saturating_add(window.saturating_mul(WINDOW_BYTES)))?;
        let place = u32::try_from(place).unwrap_or_default();
        let bits = u128::from_be_bytes(bits).wrapping_shl(place);
        let is_here = bits.leading_ones() > 0;
        let alike = if is_here {
            bits.leading_ones()
        } else {
            bits.leading_zeros()
        };
        let sectors = u64::from(alike.min(u128::BITS.saturating_sub(place)));
        let run = sectors.saturating_mul(SECTOR_BYTES).saturating_sub(skipped);
        Ok((is_here, run.min(left)))
    }
}
