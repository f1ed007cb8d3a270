//! The header of a qcow2 file, all numbers big-endian.
//!
//! ```text
//!   0 "QFI\xfb"   4 version      8 backing file: offset   16 length
//!  20 bits of a cluster's size  24 virtual size, bytes    32 encryption
//!  36 entries of the L1 table   40 its offset
//!  72 incompatible features (version 3)          100 length of the header   104 compression
//!  then extensions: type u32, length u32, data padded to 8
//! ```
//!
//! Source: QEMU, `docs/interop/qcow2.txt`.

use super::Qcow2Error;
use crate::image::disk::DiskError;
use crate::image::disk::number::{be32, be64, byte, index};
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
    /// Offsets of L2 tables, 0 where nothing is allocated.
    pub(super) l1: Vec<u64>,
}

impl Header {
    pub(super) fn read(file: &dyn ReadAt) -> Result<Self, DiskError> {
        let head = read_head(file)?;
        let version = be32(&head, 4);
        if !matches!(version, 2 | 3) {
            return Err(Qcow2Error::Version { version }.into());
        }
        refuse_what_is_elsewhere(&head)?;
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
        let mut header = Self {
            version,
            cluster_bits,
            size_bytes,
            compression,
            has_extended_l2,
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
    let short = read_vec(file, 0, VERSION_2_BYTES)?;
    if be32(&short, 4) == 2 {
        return Ok(short);
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

/// Bytes in other files are never read unasked: a hostile image could name any file.
fn refuse_what_is_elsewhere(head: &[u8]) -> Result<(), DiskError> {
    if be64(head, 8) != 0 {
        return Err(Qcow2Error::BackingFile.into());
    }
    match be32(head, 32) {
        0 => Ok(()),
        _ => Err(Qcow2Error::Encrypted.into()),
    }
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
    if features & EXTERNAL_DATA != 0 {
        return Err(Qcow2Error::ExternalData.into());
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
