//! The header of a qcow2 file, all numbers big-endian.
//!
//! ```text
//!   0 "QFI\xfb"   4 version      8 backing file: offset   16 length
//!  20 bits of a cluster's size  24 virtual size, bytes    32 encryption
//!  36 entries of the L1 table   40 its offset
//!  72 incompatible features (version 3)          100 length of the header   104 compression
//!  then extensions: type u32, length u32, data padded to 8; type 0 ends them
//! ```
//!
//! Source: QEMU, `docs/interop/qcow2.txt`.

use super::Qcow2Error;
use crate::image::disk::DiskError;
use crate::image::disk::number::{be32, be64, byte, index, len64};
use crate::image::disk::read_at::{ReadAt, read_vec};

pub(super) const MAGIC: &[u8] = b"QFI\xfb";

const VERSION_2_BYTES: usize = 72;
const VERSION_3_BYTES: usize = 104;

/// Sizes of clusters, as powers of two: 512 bytes to 2 MiB.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;

/// Bytes of an L1 table.
const MAX_L1_BYTES: u64 = 32 << 20;

/// Sizes beyond this address nothing that exists.
const MAX_SIZE_BYTES: u64 = 1 << 56;

/// Bytes of the name of a backing file.
const MAX_NAME_BYTES: u32 = 1023;

/// Types of header extensions.
const BACKING_FORMAT: u32 = 0xe279_2aca;
const DATA_FILE_NAME: u32 = 0x4441_5441;

const CORRUPT: u64 = 1 << 1;
const EXTERNAL_DATA: u64 = 1 << 2;
const COMPRESSION_TYPE: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;
/// Reading needs no reference counts, which are what a dirty image may have wrong.
const DIRTY: u64 = 1 << 0;

/// How clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Deflate,
    Zstd,
}

/// What a reader needs of a header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) cluster_bits: u32,
    pub(super) size_bytes: u64,
    pub(super) compression: Compression,
    pub(super) has_extended_l2: bool,
    /// Where what is not in this file is looked for.
    pub(super) backing: Option<Backing>,
    /// The file that has the clusters, where this one only says which is where.
    pub(super) data_file: Option<Vec<u8>>,
    /// Offsets of L2 tables, 0 where nothing is allocated.
    pub(super) l1: Vec<u64>,
}

/// The image below this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backing {
    /// As this image names it.
    pub(super) name: Vec<u8>,
    /// What it is, if this image says so.
    pub(super) format: Option<Vec<u8>>,
}

impl Header {
    pub(super) fn read(file: &dyn ReadAt) -> Result<Self, DiskError> {
        let head = read_head(file)?;
        let version = be32(&head, 4);
        if be32(&head, 32) != 0 {
            return Err(Qcow2Error::Encrypted.into());
        }
        let cluster_bits = be32(&head, 20);
        let size_bytes = be64(&head, 24);
        if !CLUSTER_BITS.contains(&cluster_bits) {
            return Err(malformed(
                20,
                "the size of a cluster is none from 512 bytes to 2 MiB",
            ));
        }
        if size_bytes > MAX_SIZE_BYTES {
            return Err(malformed(24, "the virtual size is beyond 2^56 bytes"));
        }
        let features = if version == 2 { 0 } else { be64(&head, 72) };
        let compression = read_features(features, &head)?;
        let has_extended_l2 = features & EXTENDED_L2 != 0;
        let extensions = Extensions::read(file, len64(&head), 1 << cluster_bits)?;
        let data_file = match features & EXTERNAL_DATA {
            0 => None,
            _ => Some(
                extensions
                    .data_file
                    .ok_or_else(|| malformed(72, "the file with the data is not named"))?,
            ),
        };
        let mut header = Self {
            version,
            cluster_bits,
            size_bytes,
            compression,
            has_extended_l2,
            backing: read_backing_name(file, &head)?.map(|name| Backing {
                name,
                format: extensions.backing_format,
            }),
            data_file,
            l1: Vec::new(),
        };
        header.read_l1(file, be32(&head, 36), be64(&head, 40))?;
        Ok(header)
    }

    /// Bytes of a cluster.
    pub(super) fn cluster_bytes(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Entries of an L2 table.
    pub(super) fn l2_entries(&self) -> u64 {
        self.cluster_bytes() >> if self.has_extended_l2 { 4 } else { 3 }
    }

    fn read_l1(&mut self, file: &dyn ReadAt, entries: u32, offset: u64) -> Result<(), DiskError> {
        let bytes = u64::from(entries).saturating_mul(8);
        let covered = self.l2_entries().saturating_mul(self.cluster_bytes());
        let needed = self.size_bytes.div_ceil(covered.max(1));
        if u64::from(entries) < needed {
            return Err(malformed(36, "the L1 table is too short for the virtual size"));
        }
        if bytes > MAX_L1_BYTES {
            return Err(malformed(36, "the L1 table is larger than 32 MiB"));
        }
        if offset & self.cluster_bytes().wrapping_sub(1) != 0 {
            return Err(malformed(40, "the L1 table does not start where a cluster does"));
        }
        let table = read_vec(file, offset, index(bytes))?;
        self.l1 = table
            .as_chunks()
            .0
            .iter()
            .map(|entry| u64::from_be_bytes(*entry))
            .collect();
        Ok(())
    }
}

fn read_head(file: &dyn ReadAt) -> Result<Vec<u8>, DiskError> {
    match be32(&read_vec(file, 4, 4)?, 0) {
        1 => return Err(Qcow2Error::Qcow1.into()),
        2 => return read_vec(file, 0, VERSION_2_BYTES),
        3 => {}
        version => return Err(Qcow2Error::Version { version }.into()),
    }
    let head = read_vec(file, 0, VERSION_3_BYTES)?;
    let len = be32(&head, 100);
    if index(len) < VERSION_3_BYTES || !len.is_multiple_of(8) || len > 4096 {
        return Err(malformed(
            100,
            "the header's own length is none that a header has",
        ));
    }
    read_vec(file, 0, index(len))
}

/// What stands between the header and the end of the first cluster.
#[derive(Default)]
struct Extensions {
    backing_format: Option<Vec<u8>>,
    data_file: Option<Vec<u8>>,
}

impl Extensions {
    fn read(file: &dyn ReadAt, start: u64, cluster_bytes: u64) -> Result<Self, DiskError> {
        let len = cluster_bytes.min(file.size_bytes()).saturating_sub(start);
        let bytes = read_vec(file, start, index(len))?;
        let mut found = Self::default();
        let mut rest = bytes.as_slice();
        while rest.len() >= 8 && be32(rest, 0) != 0 {
            let (kind, len) = (be32(rest, 0), index(be32(rest, 4)));
            let data = rest.get(8..).and_then(|data| data.get(..len));
            let data =
                data.ok_or_else(|| malformed(start, "a header extension ends after the first cluster"))?;
            match kind {
                BACKING_FORMAT => found.backing_format = Some(data.to_vec()),
                DATA_FILE_NAME => found.data_file = Some(data.to_vec()),
                _ => {}
            }
            rest = rest
                .get(8_usize.saturating_add(len.next_multiple_of(8))..)
                .unwrap_or_default();
        }
        Ok(found)
    }
}

fn read_backing_name(file: &dyn ReadAt, head: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
    let (offset, len) = (be64(head, 8), be32(head, 16));
    if offset == 0 {
        return Ok(None);
    }
    if !(1..=MAX_NAME_BYTES).contains(&len) {
        return Err(malformed(
            16,
            "the name of the backing file is empty or longer than 1023 bytes",
        ));
    }
    read_vec(file, offset, index(len)).map(Some)
}

fn read_features(features: u64, head: &[u8]) -> Result<Compression, DiskError> {
    let known = DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION_TYPE | EXTENDED_L2;
    if features & !known != 0 {
        let bit = (features & !known).trailing_zeros();
        return Err(Qcow2Error::FeatureUnknown { bit }.into());
    }
    if features & CORRUPT != 0 {
        return Err(Qcow2Error::MarkedCorrupt.into());
    }
    match (features & COMPRESSION_TYPE != 0, byte(head, 104)) {
        (false, _) | (true, 0) => Ok(Compression::Deflate),
        (true, 1) => Ok(Compression::Zstd),
        (true, _) => Err(malformed(104, "the type of compression is not known")),
    }
}

pub(super) fn malformed(offset: u64, problem: &'static str) -> DiskError {
    Qcow2Error::Malformed { offset, problem }.into()
}
