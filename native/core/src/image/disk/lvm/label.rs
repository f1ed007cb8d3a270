//! What a physical volume says of itself, and where its metadata is.
//!
//! ```text
//! label      in one of the first four sectors: 0 "LABELONE"  8 its sector u64  16 CRC of 20 to 512
//!            20 where the header is u32  24 "LVM2 001"
//! header     0 id, 32 characters  32 size u64; areas of data, then of metadata: offset u64, size u64, ended by zeros
//! metadata   0 CRC of 4 to 512  4 magic  20 version u32  24 its offset u64  32 its size u64
//! area       40 offset u64, size u64, CRC u32, flags u32 of the text that counts, 0 if there is none
//!            the text is in a ring behind these 512 bytes
//! ```
//!
//! Source: LVM2, `lib/label/label.h`, `lib/format_text/layout.h`.

use super::LvmError;
use crate::image::disk::DiskError;
use crate::image::disk::number::{index, le32, le64};
use crate::image::disk::read_at::{ReadAt, read_vec};

const SECTOR_BYTES: usize = 512;
/// Sectors that a label may be in.
const SECTORS: u64 = 4;
const MAGIC: &[u8] = b"LABELONE";
const KIND: &[u8] = b"LVM2 001";
const AREA_MAGIC: &[u8] = b" LVM2 x[5A%r0N*>";
const AREA_HEAD_BYTES: u64 = 512;
const IS_IGNORED: u32 = 1;
/// What LVM's CRC starts from; it does without the last inversion.
const CRC_START: u32 = 0xf597_a6cf;
/// Usual areas have 1 MiB.
const MAX_TEXT_BYTES: u64 = 16 << 20;
/// Areas of a physical volume: it has one or two of metadata, and one of data.
const MAX_AREAS: usize = 16;

/// What a physical volume says.
#[derive(Debug)]
pub(super) struct Label {
    /// 32 characters, as they are on the disk.
    pub(super) id: String,
    /// The text of its metadata, if it has one that is whole, and the offset it is from.
    pub(super) text: Option<Vec<u8>>,
}

fn corrupt(offset: u64, problem: &'static str) -> DiskError {
    LvmError::Corrupt { offset, problem }.into()
}

fn crc(start: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!start);
    hasher.update(bytes);
    !hasher.finalize()
}

/// Whether a volume starts like a physical volume.
pub(in crate::image::disk) fn looks_like(head: &[u8]) -> bool {
    let mut sectors = head.chunks(SECTOR_BYTES).take(index(SECTORS));
    sectors.any(|sector| sector.starts_with(MAGIC))
}

impl Label {
    /// Reads the label, the header behind it, and the metadata.
    pub(super) fn read(volume: &dyn ReadAt) -> Result<Self, DiskError> {
        let sectors = SECTORS.min(volume.size_bytes() >> 9);
        for number in 0..sectors {
            let offset = number << 9;
            let sector = read_vec(volume, offset, SECTOR_BYTES)?;
            if sector.starts_with(MAGIC) {
                return Self::parse(volume, number, &sector);
            }
        }
        Err(corrupt(0, "it has no label"))
    }

    fn parse(volume: &dyn ReadAt, number: u64, sector: &[u8]) -> Result<Self, DiskError> {
        let offset = number << 9;
        let covered = sector.get(20..).unwrap_or_default();
        if le64(sector, 8) != number || crc(CRC_START, covered) != le32(sector, 16) {
            return Err(corrupt(offset, "the checksum of its label is wrong"));
        }
        let header = sector.get(index(le32(sector, 20))..).unwrap_or_default();
        let id = header.get(..32).filter(|id| id.is_ascii());
        let Some(id) = id.filter(|_| sector.get(24..32) == Some(KIND)) else {
            return Err(corrupt(offset, "its label is of a kind that is not known"));
        };
        let data = areas(header, 40).ok_or_else(|| corrupt(offset, "its list of areas has no end"))?;
        // Behind the areas of data and the pair of zeros that ends them.
        let next = data.len().saturating_add(1).saturating_mul(16).saturating_add(40);
        let metadata = areas(header, next).ok_or_else(|| corrupt(offset, "its list of areas has no end"))?;
        let mut failed = None;
        for (start, size) in metadata {
            match read_area(volume, start, size) {
                Ok(Some(text)) => {
                    return Ok(Self {
                        id: String::from_utf8_lossy(id).into_owned(),
                        text: Some(text),
                    });
                }
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        // One good copy is enough, and a volume may leave the metadata to others.
        failed.map_or_else(
            || {
                Ok(Self {
                    id: String::from_utf8_lossy(id).into_owned(),
                    text: None,
                })
            },
            Err,
        )
    }
}

/// A list of offsets and sizes that a pair of zeros ends.
fn areas(header: &[u8], at: usize) -> Option<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    for pair in header.get(at..)?.as_chunks::<16>().0.iter().take(MAX_AREAS) {
        match (le64(pair, 0), le64(pair, 8)) {
            (0, _) => return Some(found),
            area => found.push(area),
        }
    }
    None
}

/// The text of an area; none if it holds none, or one that does not count.
fn read_area(volume: &dyn ReadAt, start: u64, size: u64) -> Result<Option<Vec<u8>>, DiskError> {
    let header = read_vec(volume, start, SECTOR_BYTES)?;
    let covered = header.get(4..).unwrap_or_default();
    let is_right = crc(CRC_START, covered) == le32(&header, 0)
        && header.get(4..20) == Some(AREA_MAGIC)
        && le64(&header, 24) == start;
    if !is_right {
        return Err(corrupt(
            start,
            "the checksum of the head of its metadata is wrong",
        ));
    }
    let (offset, len, flags) = (le64(&header, 40), le64(&header, 48), le32(&header, 60));
    if offset == 0 || flags & IS_IGNORED != 0 {
        return Ok(None);
    }
    let size = size.min(le64(&header, 32));
    if offset < AREA_HEAD_BYTES || offset >= size || len == 0 || len > size.min(MAX_TEXT_BYTES) {
        return Err(corrupt(start, "its metadata is in no place that there is"));
    }
    // What does not fit before the end of the area goes on behind its head.
    let first = len.min(size.saturating_sub(offset));
    let mut text = read_vec(volume, start.saturating_add(offset), index(first))?;
    let rest = len.saturating_sub(first);
    text.extend(read_vec(
        volume,
        start.saturating_add(AREA_HEAD_BYTES),
        index(rest),
    )?);
    if crc(CRC_START, &text) == le32(&header, 56) {
        Ok(Some(text))
    } else {
        Err(corrupt(
            start.saturating_add(offset),
            "the checksum of its metadata is wrong",
        ))
    }
}
