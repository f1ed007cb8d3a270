//! FAT12, FAT16 and FAT32 with long names, as on EFI system partitions.
//!
//! ```text
//! boot sector   11 bytes of a sector u16   13 sectors of a cluster u8   14 reserved sectors u16   16 number of FATs u8
//!               17 entries of the root u16   19, 32 sectors u16, u32    22, 36 sectors of a FAT u16, u32
//!               44 first cluster of the root (FAT32)
//! reserved │ FATs │ root (FAT12, FAT16) │ clusters, from number 2 on
//!
//! entry, 32 bytes   0 short name   11 attributes   20, 26 first cluster (high, low)   28 size u32
//! before it         entries of attribute 15, each with 13 characters of the long name, the last part first
//! ```
//!
//! Source: Microsoft, FAT32 File System Specification 1.03; Linux, `fs/fat`.

use std::sync::Arc;

use super::DiskError;
use super::number::{byte, divide, index, le16, le32};
use super::read_at::{ReadAt, check_range, read_vec};

const ENTRY_BYTES: usize = 32;
const SHORT_NAME_BYTES: usize = 11;
const FIRST_CLUSTER: u32 = 2;
/// Entries of one directory that FAT allows.
const MAX_DIRECTORY_BYTES: u64 = 65_536 * 32;

const IS_LABEL: u8 = 0x08;
const IS_DIRECTORY: u8 = 0x10;
const IS_LONG_NAME: u8 = 0x0f;
const DELETED: u8 = 0xe5;

/// A filesystem.
pub(super) struct Vfat {
    volume: Arc<dyn ReadAt>,
    width: Width,
    cluster_bytes: u64,
    /// Clusters that there are.
    clusters: u32,
    fat_at: u64,
    data_at: u64,
    root: Start,
}

/// Bits of an entry of the FAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Twelve,
    Sixteen,
    ThirtyTwo,
}

/// Where a file starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// The root of FAT12 and FAT16: these bytes.
    Fixed {
        at: u64,
        len: u64,
    },
    Cluster(u32),
}

/// A file or a directory.
#[derive(Debug, Clone)]
pub(super) struct Node {
    start: Start,
    pub(super) is_directory: bool,
    pub(super) size_bytes: u64,
}

impl Node {
    /// A number to sort by and to know directories by.
    pub(super) fn first_cluster(&self) -> u32 {
        match self.start {
            Start::Fixed { .. } => 0,
            Start::Cluster(cluster) => cluster,
        }
    }
}

fn corrupt(problem: &'static str) -> DiskError {
    DiskError::Vfat { problem }
}

impl Vfat {
    pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        let boot = read_vec(volume.as_ref(), 0, 512)?;
        let sector_bytes = u64::from(le16(&boot, 11));
        let cluster_sectors = u64::from(byte(&boot, 13));
        let is_possible = (512..=4096).contains(&sector_bytes)
            && sector_bytes.is_power_of_two()
            && cluster_sectors.is_power_of_two();
        let either = |short: usize, long: usize| match le16(&boot, short) {
            0 => u64::from(le32(&boot, long)),
            value => value.into(),
        };
        let (sectors, fat_sectors) = (either(19, 32), either(22, 36));
        let (reserved, fats) = (u64::from(le16(&boot, 14)), u64::from(byte(&boot, 16)));
        if !is_possible || reserved == 0 || fats == 0 || fat_sectors == 0 {
            return Err(corrupt("its boot sector has sizes that no filesystem has"));
        }
        let root_bytes = u64::from(le16(&boot, 17)).saturating_mul(32);
        let root_sectors = root_bytes.div_ceil(sector_bytes);
        let root_at = reserved.saturating_add(fats.saturating_mul(fat_sectors));
        let data_sector = root_at.saturating_add(root_sectors);
        let (clusters, _) = divide(sectors.saturating_sub(data_sector), cluster_sectors);
        let clusters =
            u32::try_from(clusters).map_err(|_| corrupt("it has more clusters than a FAT counts"))?;
        let width = match clusters {
            0..4085 => Width::Twelve,
            4085..65_525 => Width::Sixteen,
            _ => Width::ThirtyTwo,
        };
        if sectors.saturating_mul(sector_bytes) > volume.size_bytes() {
            return Err(DiskError::BeyondEnd {
                offset: sectors.saturating_mul(sector_bytes),
                size: volume.size_bytes(),
            });
        }
        Ok(Self {
            volume,
            width,
            cluster_bytes: cluster_sectors.saturating_mul(sector_bytes),
            clusters,
            fat_at: reserved.saturating_mul(sector_bytes),
            data_at: data_sector.saturating_mul(sector_bytes),
            root: match width {
                Width::ThirtyTwo => Start::Cluster(le32(&boot, 44)),
                _ => Start::Fixed {
                    at: root_at.saturating_mul(sector_bytes),
                    len: root_bytes,
                },
            },
        })
    }

    pub(super) fn root(&self) -> Node {
        Node {
            start: self.root,
            is_directory: true,
            size_bytes: 0,
        }
    }

    /// The cluster after this one; none at the end of a file.
    fn next(&self, cluster: u32) -> Result<Option<u32>, DiskError> {
        let number = u64::from(cluster);
        let at = match self.width {
            Width::Twelve => number.saturating_add(number >> 1),
            Width::Sixteen => number << 1,
            Width::ThirtyTwo => number << 2,
        };
        let len = if self.width == Width::ThirtyTwo { 4 } else { 2 };
        let entry = read_vec(self.volume.as_ref(), self.fat_at.saturating_add(at), len)?;
        let (value, end) = match self.width {
            Width::Twelve if cluster & 1 == 1 => (u32::from(le16(&entry, 0)) >> 4, 0xff8),
            Width::Twelve => (u32::from(le16(&entry, 0)) & 0xfff, 0xff8),
            Width::Sixteen => (le16(&entry, 0).into(), 0xfff8),
            Width::ThirtyTwo => (le32(&entry, 0) & 0x0fff_ffff, 0x0fff_fff8),
        };
        if value >= end { Ok(None) } else { Ok(Some(value)) }
    }

    /// Offset of a cluster.
    fn place(&self, cluster: u32) -> Result<u64, DiskError> {
        let from_zero = cluster
            .checked_sub(FIRST_CLUSTER)
            .filter(|&from_zero| from_zero < self.clusters);
        let from_zero = from_zero.ok_or_else(|| corrupt("a file has a cluster that is none"))?;
        Ok(self
            .data_at
            .saturating_add(u64::from(from_zero).saturating_mul(self.cluster_bytes)))
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.volume.size_bytes()
    }

    /// How many bytes a directory has.
    pub(super) fn directory_size(&self, directory: &Node) -> Result<u64, DiskError> {
        let first = match directory.start {
            Start::Fixed { len, .. } => return Ok(len),
            Start::Cluster(cluster) => cluster,
        };
        let (mut bytes, mut next) = (0_u64, Some(first));
        while let Some(cluster) = next.filter(|_| bytes < MAX_DIRECTORY_BYTES) {
            bytes = bytes.saturating_add(self.cluster_bytes);
            next = self.next(cluster)?;
        }
        Ok(bytes)
    }

    /// The bytes of a directory.
    fn directory_bytes(&self, directory: &Node) -> Result<Vec<u8>, DiskError> {
        let first = match directory.start {
            Start::Fixed { at, len } => return read_vec(self.volume.as_ref(), at, index(len)),
            Start::Cluster(cluster) => cluster,
        };
        let (mut bytes, mut next) = (Vec::new(), Some(first));
        while let Some(cluster) = next {
            if u64::try_from(bytes.len()).unwrap_or(u64::MAX) >= MAX_DIRECTORY_BYTES {
                return Err(corrupt("a directory has no end"));
            }
            let cluster_bytes = index(self.cluster_bytes);
            bytes.extend(read_vec(
                self.volume.as_ref(),
                self.place(cluster)?,
                cluster_bytes,
            )?);
            next = self.next(cluster)?;
        }
        Ok(bytes)
    }

    /// What is in a directory, with its names as Linux shows them.
    pub(super) fn list(&self, directory: &Node) -> Result<Vec<(Vec<u8>, Node)>, DiskError> {
        let bytes = self.directory_bytes(directory)?;
        let mut long = LongName::default();
        let mut found = Vec::new();
        for entry in bytes.chunks_exact(ENTRY_BYTES) {
            let attributes = byte(entry, 11);
            match byte(entry, 0) {
                0 => break,
                DELETED => long = LongName::default(),
                _ if attributes & IS_LONG_NAME == IS_LONG_NAME => long.push(entry),
                _ if attributes & IS_LABEL != 0 => long = LongName::default(),
                b'.' => long = LongName::default(),
                _ => {
                    let name = std::mem::take(&mut long)
                        .of(entry)
                        .map_or_else(|| short_name(entry), Ok)?;
                    if name.contains(&b'/') || name.contains(&0) {
                        return Err(corrupt("a name has a character that no name has"));
                    }
                    let cluster = u32::from(le16(entry, 20)) << 16 | u32::from(le16(entry, 26));
                    let is_directory = attributes & IS_DIRECTORY != 0;
                    found.push((
                        name,
                        Node {
                            start: Start::Cluster(cluster),
                            is_directory,
                            size_bytes: if is_directory { 0 } else { le32(entry, 28).into() },
                        },
                    ));
                }
            }
        }
        Ok(found)
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, file: &Node) -> Bytes<'_> {
        Bytes {
            fs: self,
            cluster: Some(file.first_cluster()),
            inside: 0,
            left: file.size_bytes,
        }
    }
}

/// A long name, until its short one comes.
#[derive(Default)]
struct LongName {
    /// In UTF-16, whole parts, the first one at the front.
    units: Vec<u16>,
    checksum: u8,
    /// Parts that are still to come.
    missing: u8,
    is_begun: bool,
}

impl LongName {
    const IS_LAST: u8 = 0x40;

    fn push(&mut self, entry: &[u8]) {
        let number = byte(entry, 0);
        if number & Self::IS_LAST != 0 {
            *self = Self {
                units: Vec::new(),
                checksum: byte(entry, 13),
                missing: number & !Self::IS_LAST,
                is_begun: true,
            };
        } else if !self.is_begun || number != self.missing || byte(entry, 13) != self.checksum {
            *self = Self::default();
            return;
        }
        self.missing = self.missing.saturating_sub(1);
        let places = (1..11)
            .step_by(2)
            .chain((14..26).step_by(2))
            .chain((28..32).step_by(2));
        let units = places.map(|at| le16(entry, at));
        self.units.splice(0..0, units);
    }

    /// The name, if it belongs to this short one.
    fn of(self, entry: &[u8]) -> Option<Vec<u8>> {
        let short = entry.get(..SHORT_NAME_BYTES).unwrap_or_default();
        let checksum = short
            .iter()
            .fold(0_u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte));
        if !self.is_begun || self.missing != 0 || checksum != self.checksum {
            return None;
        }
        let units = self.units.into_iter().take_while(|&unit| unit != 0);
        let name: Result<String, _> = char::decode_utf16(units).collect();
        name.ok().map(String::into_bytes)
    }
}

/// A short name, in the case that Windows NT noted for it.
fn short_name(entry: &[u8]) -> Result<Vec<u8>, DiskError> {
    const LOWER_BASE: u8 = 0x08;
    const LOWER_EXTENSION: u8 = 0x10;
    let case = byte(entry, 12);
    let part = |range: std::ops::Range<usize>, is_lower: bool| {
        let part = entry.get(range).unwrap_or_default().trim_ascii_end();
        if is_lower {
            part.to_ascii_lowercase()
        } else {
            part.to_vec()
        }
    };
    let mut name = part(0..8, case & LOWER_BASE != 0);
    let extension = part(8..11, case & LOWER_EXTENSION != 0);
    if !extension.is_empty() {
        name.push(b'.');
        name.extend(extension);
    }
    // Which character another byte is depends on how the filesystem is mounted.
    if name.is_ascii() {
        Ok(name)
    } else {
        Err(corrupt(
            "a short name is not ASCII, so that its meaning depends on how it is mounted",
        ))
    }
}

/// The bytes of a file, in order.
pub(super) struct Bytes<'f> {
    fs: &'f Vfat,
    /// The cluster that the next byte is in.
    cluster: Option<u32>,
    /// Bytes of it that were read.
    inside: u64,
    left: u64,
}

impl Bytes<'_> {
    /// Fills `buffer`, or as much of it as there are bytes left.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let len = buffer.len().min(index(self.left));
        let mut rest = buffer.get_mut(..len).unwrap_or_default();
        while !rest.is_empty() {
            let cluster = self
                .cluster
                .ok_or_else(|| corrupt("a file has fewer clusters than its size needs"))?;
            if self.inside >= self.fs.cluster_bytes {
                self.cluster = self.fs.next(cluster)?;
                self.inside = 0;
                continue;
            }
            let room = self.fs.cluster_bytes.saturating_sub(self.inside);
            let len = rest.len().min(index(room));
            let (now, later) = rest.split_at_mut_checked(len).unwrap_or_default();
            let place = self.fs.place(cluster)?.saturating_add(self.inside);
            check_range(place, len, self.fs.volume.size_bytes())?;
            self.fs.volume.read_at(place, now)?;
            let len = u64::try_from(len).unwrap_or(u64::MAX);
            self.inside = self.inside.saturating_add(len);
            self.left = self.left.saturating_sub(len);
            rest = later;
        }
        Ok(len)
    }
}
