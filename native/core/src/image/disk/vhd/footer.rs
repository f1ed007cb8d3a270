//! The footer of a VHD, which ends every file and stands at the start of those with blocks; all numbers big-endian.
//!
//! ```text
//!   0 "conectix"        8 features          12 version          16 offset of the header, -1 none
//!  24 time             28 program, 4 bytes  32 its version      36 system, 4 bytes
//!  40 first size       48 size              56 cylinders u16    58 heads u8   59 sectors u8
//!  60 type: 2 fixed, 3 dynamic, 4 differencing                  64 checksum   68 id, 16 bytes   84 saved state
//! ```
//!
//! The checksum is the complement of the sum of all other bytes.
//!
//! Source: Microsoft, `Virtual Hard Disk Image Format Specification`.

use super::{FORMAT, SECTOR_BYTES};
use crate::image::disk::DiskError;
use crate::image::disk::number::{be16, be32, be64, byte};

pub(super) const MAGIC: &[u8] = b"conectix";

pub(super) const FOOTER_BYTES: usize = 512;

/// Version 1.0, of the footer and of the header.
pub(super) const VERSION: u32 = 0x0001_0000;

/// The disk is for one run, and the bit that is always set.
const KNOWN_FEATURES: u32 = 0b11;

/// Sectors beyond this address nothing that exists.
const MAX_SIZE_BYTES: u64 = 1 << 56;

/// Programs whose disks end where their geometry does.
const BY_GEOMETRY: [&[u8]; 2] = [b"vpc ", b"qemu"];
/// The geometry of all disks that are larger than any geometry.
const MAX_GEOMETRY: (u16, u8, u8) = (65_535, 16, 255);

/// How a disk is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Fixed,
    Dynamic,
    Differencing,
}

/// What a reader needs of a footer.
#[derive(Debug)]
pub(super) struct Footer {
    pub(super) kind: Kind,
    pub(super) size_bytes: u64,
    /// Where the header is.
    pub(super) header: u64,
    pub(super) id: [u8; 16],
}

impl Footer {
    /// `at` is where the bytes are in the file.
    pub(super) fn parse(bytes: &[u8], at: u64) -> Result<Self, DiskError> {
        let wrong = |place: u64, problem| Err(FORMAT.malformed(at.saturating_add(place), problem));
        if !bytes.starts_with(MAGIC) {
            return wrong(0, "no footer is where it should be");
        }
        check_sum(bytes, 64, at)?;
        if be32(bytes, 12) != VERSION {
            return Err(FORMAT.unsupported("a file of another version than 1.0"));
        }
        let features = be32(bytes, 8) & !KNOWN_FEATURES;
        if features != 0 {
            let bit = features.trailing_zeros();
            return Err(FORMAT.feature_unknown(bit));
        }
        let kind = match be32(bytes, 60) {
            2 => Kind::Fixed,
            3 => Kind::Dynamic,
            4 => Kind::Differencing,
            _ => return Err(FORMAT.unsupported("a disk that is neither fixed nor dynamic nor differencing")),
        };
        let size_bytes = size_of(bytes);
        if size_bytes == 0 || size_bytes > MAX_SIZE_BYTES {
            return wrong(48, "the disk has no bytes, or more than 2^56");
        }
        Ok(Self {
            kind,
            size_bytes,
            header: be64(bytes, 16),
            id: bytes
                .get(68..)
                .and_then(<[u8]>::first_chunk)
                .copied()
                .unwrap_or_default(),
        })
    }
}

/// The size of the disk. Virtual PC and, unless it is told otherwise, QEMU keep to the geometry, and all others to the
/// size that the footer states.
fn size_of(footer: &[u8]) -> u64 {
    let stated = be64(footer, 48);
    let geometry = (be16(footer, 56), byte(footer, 58), byte(footer, 59));
    let program = footer.get(28..32).unwrap_or_default();
    if geometry == MAX_GEOMETRY || !BY_GEOMETRY.contains(&program) {
        return stated;
    }
    let (cylinders, heads, sectors) = geometry;
    [u64::from(cylinders), u64::from(heads), u64::from(sectors)]
        .into_iter()
        .fold(SECTOR_BYTES, u64::saturating_mul)
        .min(stated)
}

/// Compares the checksum at `place` of a structure, which is at `at` of the file.
pub(super) fn check_sum(bytes: &[u8], place: usize, at: u64) -> Result<(), DiskError> {
    let checksum = place..place.saturating_add(4);
    let sum = bytes.iter().enumerate().fold(0_u32, |sum, (index, &byte)| {
        let byte = if checksum.contains(&index) { 0 } else { byte };
        sum.wrapping_add(u32::from(byte))
    });
    if !sum == be32(bytes, place) {
        Ok(())
    } else {
        Err(FORMAT.checksum_wrong(at))
    }
}
