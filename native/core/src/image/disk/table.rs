//! Partition tables.
//!
//! ```text
//! MBR   440 …  446 four entries of 16 bytes: status, …, 4 type, 8 first sector u32, 12 sectors u32   510 55 aa
//!       an extended partition holds a chain of further ones, each a table of one entry and a link
//! GPT   sector 1: "EFI PART", 16 CRC of the header, 40… first and last usable, 72 first sector of the entries,
//!       80 their number, 84 their size, 88 their CRC; the same again in the last sector
//!       entry: 0 type, 16 id, 32 first sector, 40 last sector, 56 name in UTF-16
//! ```
//!
//! Source: UEFI specification, chapter 5.

use super::DiskError;
use super::number::{byte, index, le32, le64};
use super::read_at::{ReadAt, read_vec};

/// Sizes of a sector, the usual one first.
const SECTORS: [u64; 2] = [512, 4096];

const GPT_SIGNATURE: &[u8] = b"EFI PART";
const GPT_HEADER_BYTES: usize = 92;
/// Bytes of all entries of a GPT; 16 KiB is usual.
const MAX_ENTRIES_BYTES: u64 = 1 << 20;
/// Partitions of an extended one.
const MAX_LOGICAL: usize = 128;

const PROTECTIVE: u8 = 0xee;
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];

/// A type or an id of a partition, as it lies on the disk.
pub(super) type Guid = [u8; 16];

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    /// As Linux numbers it, from 1.
    pub(super) number: u32,
    pub(super) start: u64,
    pub(super) size_bytes: u64,
    /// Of a GPT.
    pub(super) type_id: Option<Guid>,
    pub(super) id: Option<Guid>,
    pub(super) name: String,
}

/// What is at the start of a disk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// `gpt` or `mbr`.
    pub(super) kind: &'static str,
    /// Whether only the copy at the end of the disk is whole.
    pub(super) is_backup: bool,
    pub(super) partitions: Vec<Partition>,
}

impl Table {
    /// The table of a disk; none if there is none.
    ///
    /// # Errors
    /// [`DiskError::Table`]: there is one, and it contradicts itself.
    pub(super) fn read(disk: &dyn ReadAt) -> Result<Option<Self>, DiskError> {
        for sector in SECTORS {
            if let Some(table) = read_gpt(disk, sector, sector)? {
                return Ok(Some(table));
            }
        }
        let Some(mbr) = read_mbr(disk)? else {
            return Ok(None);
        };
        if mbr.is_protective {
            for sector in SECTORS {
                let last = disk.size_bytes().saturating_sub(sector);
                if let Some(table) = read_gpt(disk, sector, last)? {
                    return Ok(Some(Self {
                        is_backup: true,
                        ..table
                    }));
                }
            }
            return Err(DiskError::Table {
                offset: SECTORS[0],
                problem: "the MBR announces a GPT, and neither it nor its copy at the end of the disk is whole",
            });
        }
        Ok(Some(Self {
            kind: "mbr",
            is_backup: false,
            partitions: mbr.partitions,
        }))
    }
}

/// Whether the first bytes may be a disk with a partition table.
pub(super) fn looks_like(head: &[u8]) -> bool {
    let is_gpt = SECTORS.iter().any(|&sector| {
        head.get(index(sector)..)
            .is_some_and(|rest| rest.starts_with(GPT_SIGNATURE))
    });
    is_gpt || (has_boot_signature(head) && mbr_entries(head).any(|entry| entry.is_sane()))
}

/// The table whose header is at `header_at`; none if there is none, or it is damaged.
fn read_gpt(disk: &dyn ReadAt, sector: u64, header_at: u64) -> Result<Option<Table>, DiskError> {
    if header_at.saturating_add(sector) > disk.size_bytes() {
        return Ok(None);
    }
    let mut header = read_vec(disk, header_at, index(sector))?;
    let len = index(le32(&header, 12));
    if !header.starts_with(GPT_SIGNATURE) || !(GPT_HEADER_BYTES..=header.len()).contains(&len) {
        return Ok(None);
    }
    let expected = le32(&header, 16);
    if let Some(field) = header.get_mut(16..20) {
        field.fill(0);
    }
    if crc32fast::hash(header.get(..len).unwrap_or_default()) != expected {
        return Ok(None);
    }
    let (count, width) = (le32(&header, 80), le32(&header, 84));
    let bytes = u64::from(count).saturating_mul(width.into());
    if width < 128 || !width.is_power_of_two() || bytes > MAX_ENTRIES_BYTES {
        return Err(DiskError::Table {
            offset: header_at,
            problem: "the entries of the GPT have a size that none has",
        });
    }
    let entries_at = le64(&header, 72).saturating_mul(sector);
    let Ok(entries) = read_vec(disk, entries_at, index(bytes)) else {
        return Ok(None);
    };
    if crc32fast::hash(&entries) != le32(&header, 88) {
        return Ok(None);
    }
    let mut partitions = Vec::new();
    for (number, entry) in (1..).zip(entries.chunks_exact(index(width))) {
        partitions.extend(gpt_partition(number, entry, sector, disk.size_bytes())?);
    }
    Ok(Some(Table {
        kind: "gpt",
        is_backup: false,
        partitions,
    }))
}

fn gpt_partition(number: u32, entry: &[u8], sector: u64, size: u64) -> Result<Option<Partition>, DiskError> {
    let guid = |at: usize| {
        entry
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .copied()
            .unwrap_or_default()
    };
    let type_id: Guid = guid(0);
    if type_id == [0; 16] {
        return Ok(None);
    }
    let (first, last) = (le64(entry, 32), le64(entry, 40));
    let start = first.saturating_mul(sector);
    let sectors = last.checked_sub(first).and_then(|sectors| sectors.checked_add(1));
    let Some(sectors) = sectors.filter(|_| start < size) else {
        return Err(DiskError::Table {
            offset: start,
            problem: "a partition of the GPT ends before it starts, or starts behind the disk's end",
        });
    };
    let (units, _) = entry.get(56..128).unwrap_or_default().as_chunks();
    let units = units
        .iter()
        .map(|unit| u16::from_le_bytes(*unit))
        .take_while(|unit| *unit != 0);
    let name = char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER));
    Ok(Some(Partition {
        number,
        start,
        size_bytes: sectors.saturating_mul(sector),
        type_id: Some(type_id),
        id: Some(guid(16)),
        name: name.collect(),
    }))
}

struct Mbr {
    is_protective: bool,
    partitions: Vec<Partition>,
}

/// An entry of an MBR or of a link in the chain of logical partitions.
#[derive(Clone, Copy)]
struct MbrEntry {
    status: u8,
    kind: u8,
    first: u32,
    sectors: u32,
}

impl MbrEntry {
    fn is_used(self) -> bool {
        self.kind != 0 && self.sectors != 0
    }

    fn is_sane(self) -> bool {
        self.is_used() && matches!(self.status, 0 | 0x80) && self.first != 0
    }

    fn is_extended(self) -> bool {
        EXTENDED.contains(&self.kind)
    }

    fn at(self, base: u64, number: u32) -> Partition {
        Partition {
            number,
            start: base.saturating_add(u64::from(self.first).saturating_mul(SECTORS[0])),
            size_bytes: u64::from(self.sectors).saturating_mul(SECTORS[0]),
            type_id: None,
            id: None,
            name: String::new(),
        }
    }
}

fn has_boot_signature(sector: &[u8]) -> bool {
    sector.get(510..512) == Some(b"\x55\xaa")
}

fn mbr_entries(sector: &[u8]) -> impl Iterator<Item = MbrEntry> {
    let entries = sector.get(446..510).unwrap_or_default();
    entries.chunks_exact(16).map(|entry| MbrEntry {
        status: byte(entry, 0),
        kind: byte(entry, 4),
        first: le32(entry, 8),
        sectors: le32(entry, 12),
    })
}

fn read_mbr(disk: &dyn ReadAt) -> Result<Option<Mbr>, DiskError> {
    if disk.size_bytes() < SECTORS[0] {
        return Ok(None);
    }
    let sector = read_vec(disk, 0, index(SECTORS[0]))?;
    if !has_boot_signature(&sector) || !mbr_entries(&sector).any(MbrEntry::is_sane) {
        return Ok(None);
    }
    let mut mbr = Mbr {
        is_protective: mbr_entries(&sector).any(|entry| entry.kind == PROTECTIVE),
        partitions: Vec::new(),
    };
    let mut extended = None;
    for (number, entry) in (1..).zip(mbr_entries(&sector)) {
        if entry.is_used() && entry.is_extended() {
            extended = Some(entry.at(0, number).start);
        } else if entry.is_used() {
            mbr.partitions.push(entry.at(0, number));
        }
    }
    if let Some(extended) = extended {
        read_logical(disk, extended, &mut mbr.partitions)?;
    }
    Ok(Some(mbr))
}

/// The partitions of an extended one, which Linux numbers from 5.
fn read_logical(disk: &dyn ReadAt, extended: u64, partitions: &mut Vec<Partition>) -> Result<(), DiskError> {
    let mut at = extended;
    for number in (5..).take(MAX_LOGICAL) {
        let sector = read_vec(disk, at, index(SECTORS[0]))?;
        if !has_boot_signature(&sector) {
            return Err(DiskError::Table {
                offset: at,
                problem: "a link in the chain of logical partitions is none",
            });
        }
        let mut entries = mbr_entries(&sector);
        let (own, link) = (entries.next(), entries.next());
        if let Some(own) = own.filter(|own| own.is_used() && !own.is_extended()) {
            partitions.push(own.at(at, number));
        }
        match link.filter(|link| link.is_used() && link.is_extended()) {
            // Links count from the extended partition's start.
            Some(link) => at = link.at(extended, number).start,
            None => return Ok(()),
        }
    }
    Err(DiskError::Table {
        offset: extended,
        problem: "the chain of logical partitions has no end",
    })
}

/// A GUID as people write it.
pub(super) fn guid_text(guid: &Guid) -> String {
    let part = |range: std::ops::Range<usize>| {
        let mut bytes = guid.get(range.clone()).unwrap_or_default().to_vec();
        if range.start < 8 {
            bytes.reverse();
        }
        ima_assay_digest::hex(&bytes)
    };
    [part(0..4), part(4..6), part(6..8), part(8..10), part(10..16)].join("-")
}
