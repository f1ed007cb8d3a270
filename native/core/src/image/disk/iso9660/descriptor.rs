//! Volume descriptors: one a sector, from sector 16 on.
//!
//! ```text
//! 0 type u8: 1 primary, 2 supplementary, 255 last   1 "CD001"   6 version u8   40 label, 32 bytes
//! 80 blocks   88 escape sequence: %/@, %/C and %/E of Joliet   120 volumes of the set   124 number in it
//! 128 bytes of a block   156 record of the root, 34 bytes
//! ```
//!
//! Numbers are there twice, the lowest byte first and the highest byte first. Source: ECMA-119, 8; Linux,
//! `fs/isofs/inode.c`.

use super::record::Record;
use super::{SECTOR_BYTES, both16, both32, corrupt, unsupported};
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index};
use crate::image::disk::read_at::{ReadAt, read_vec};

const FIRST: u64 = 16;
/// How many Linux looks at.
const MAX: u64 = 84;
const MARK: &[u8] = b"CD001";
const MARK_AT: usize = 0x8001;
const ROOT_BYTES: usize = 34;

const PRIMARY: u8 = 1;
const SUPPLEMENTARY: u8 = 2;
const LAST: u8 = 255;

/// What says that a supplementary descriptor is Joliet's.
const JOLIET: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];

/// A tree of names.
#[derive(Debug, Clone)]
pub(super) struct Descriptor {
    /// Sectors of the volume.
    pub(super) sectors: u64,
    /// Its number in a set of several.
    pub(super) sequence: u16,
    pub(super) root: Record,
}

/// The primary descriptor, and that of Joliet.
pub(super) fn read(volume: &dyn ReadAt) -> Result<(Descriptor, Option<Descriptor>), DiskError> {
    let mut primary = None;
    for number in FIRST..FIRST.saturating_add(MAX) {
        let at = number.saturating_mul(SECTOR_BYTES);
        let sector = read_vec(volume, at, index(SECTOR_BYTES))?;
        if sector.get(1..6) != Some(MARK) {
            break;
        }
        match (byte(&sector, 0), primary.as_ref()) {
            (LAST, _) => break,
            (PRIMARY, None) => primary = Some(parse(&sector, at)?),
            (SUPPLEMENTARY, Some(primary)) => {
                let escape = sector.get(88..91).unwrap_or_default();
                if JOLIET.contains(&escape) {
                    return Ok((Descriptor::clone(primary), Some(parse(&sector, at)?)));
                }
            }
            _ => {}
        }
    }
    let primary =
        primary.ok_or_else(|| corrupt(FIRST.saturating_mul(SECTOR_BYTES), "no primary descriptor"))?;
    Ok((primary, None))
}

fn parse(sector: &[u8], at: u64) -> Result<Descriptor, DiskError> {
    let differ = || corrupt(at, "two copies of a number that differ");
    if u64::from(both16(sector, 128).ok_or_else(differ)?) != SECTOR_BYTES {
        return Err(unsupported(
            "a filesystem with blocks of another size than 2048 bytes",
        ));
    }
    let root = sector.get(156..).and_then(|root| root.get(..ROOT_BYTES));
    let root = root.filter(|root| usize::from(byte(root, 0)) == ROOT_BYTES);
    let root = Record::new(root.ok_or_else(|| corrupt(at, "no record of the root"))?, at)?;
    if !root.is_directory() {
        return Err(corrupt(at, "the root is no directory"));
    }
    Ok(Descriptor {
        sectors: both32(sector, 80).ok_or_else(differ)?.into(),
        sequence: both16(sector, 124).ok_or_else(differ)?,
        root,
    })
}

/// Whether a volume is one.
pub(in crate::image::disk) fn looks_like(head: &[u8]) -> bool {
    head.get(MARK_AT..).is_some_and(|rest| rest.starts_with(MARK))
}
