//! qcow2: a disk in clusters, those alone that were written, and each compressed if it was asked for.
//!
//! ```text
//! offset in the disk ─► L1[offset ÷ what an L2 table covers] ─► L2[…] ─► cluster
//!
//! L2 entry   63 copied   62 compressed   61…
//! standard   bits 9 to 55 offset in the file; 0 what the backing file has; bit 0 reads as zeros (version 3)
//! compressed bits 0 to x-1 offset in the file, the others up to 61 further sectors of 512 bytes
//!            x = 62 - (bits of a cluster's size - 8)
//! ```
//!
//! Source: QEMU, `docs/interop/qcow2.txt`.

mod error;
mod header;

use std::io::Read as _;
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};

pub use error::Qcow2Error;
use header::{Compression, Header, malformed};

use super::DiskError;
use super::container::{self, Kept, Mapped, Mapping, OtherFiles, Pages};
use super::number::{divide, index, len64};
use super::read_at::{ReadAt, read_vec};
use crate::image::Fact;
use crate::path::Escaped;

const OFFSET_BITS: u64 = 0x00ff_ffff_ffff_fe00;
const IS_COPIED: u64 = 1 << 63;
const IS_COMPRESSED: u64 = 1 << 62;
const READS_AS_ZEROS: u64 = 1;
const SECTOR_BYTES: u64 = 512;

/// The disk inside a qcow2 file.
pub(super) struct Qcow2 {
    file: Arc<dyn ReadAt>,
    header: Header,
    /// Has what this file does not: the image below.
    backing: Option<Arc<dyn ReadAt>>,
    /// Has the clusters: this file, or another.
    data: Arc<dyn ReadAt>,
    tables: Pages,
    /// By their L2 entry.
    clusters: Kept<u64>,
}

/// Whether a file is a qcow2.
pub(super) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(header::MAGIC)
}

impl Qcow2 {
    /// Opens it with all files it needs, as far as they may be read.
    pub(super) fn open(file: Arc<dyn ReadAt>, others: &OtherFiles) -> Result<Self, DiskError> {
        let header = Header::read(file.as_ref())?;
        let data = match &header.data_file {
            None => Arc::clone(&file),
            Some(name) => others.open_file(name)?,
        };
        let backing = match &header.backing {
            None => None,
            Some(backing) => {
                let format = backing.format.as_deref();
                Some(container::open_below(&backing.name, format, others)?)
            }
        };
        Ok(Self {
            tables: Pages::new(Arc::clone(&file)),
            clusters: Kept::new(header.cluster_bytes()),
            file,
            header,
            backing,
            data,
        })
    }

    /// What `inspect` shows of it.
    pub(super) fn facts(&self) -> Vec<(&'static str, Fact)> {
        let mut facts = vec![
            ("version", Fact::Text(self.header.version.to_string())),
            ("clusterBytes", Fact::Number(self.header.cluster_bytes())),
            ("diskBytes", Fact::Number(self.header.size_bytes)),
        ];
        let others = [
            (
                "backingFile",
                self.header.backing.as_ref().map(|backing| &backing.name),
            ),
            ("dataFile", self.header.data_file.as_ref()),
        ];
        facts.extend(
            others
                .into_iter()
                .filter_map(|(what, name)| name.map(|name| (what, Fact::Text(Escaped(name).to_string())))),
        );
        facts
    }

    /// Whether an entry with an offset of 0 means that place: the first cluster of a file that has nothing but data.
    fn is_at_zero(&self, entry: u64) -> bool {
        self.header.data_file.is_some() && entry & IS_COPIED != 0
    }

    /// A cluster of 32 parts, each allocated (low half of the bitmap) or zeros (high half) by itself.
    fn map_subcluster(
        &self,
        entry: u64,
        bitmap: u64,
        inside: u64,
        table_at: u64,
    ) -> Result<(Mapping<'_>, u64), DiskError> {
        let bits = self.header.cluster_bits.saturating_sub(5);
        let number = inside >> bits;
        let left = (1_u64 << bits).saturating_sub(inside & (1_u64 << bits).wrapping_sub(1));
        let is_allocated = bitmap >> number & 1 != 0;
        let is_zeros = bitmap >> 32 >> number & 1 != 0;
        match (is_allocated, is_zeros, entry & OFFSET_BITS) {
            (true, true, _) => Err(malformed(table_at, "a subcluster is both allocated and zeros")),
            (true, false, 0) if !self.is_at_zero(entry) => {
                Err(malformed(table_at, "a subcluster is allocated nowhere"))
            }
            (true, false, at) => Ok((self.at(at, inside)?, left)),
            (false, true, _) => Ok((Mapping::Zeros, left)),
            (false, false, _) => Ok((Mapping::Below, left)),
        }
    }

    fn aligned(&self, at: u64) -> Result<u64, DiskError> {
        if at & self.header.cluster_bytes().wrapping_sub(1) == 0 {
            Ok(at)
        } else {
            Err(malformed(at, "a cluster starts between two clusters"))
        }
    }

    /// In the cluster at `at` of the file that has the clusters.
    fn at(&self, at: u64, inside: u64) -> Result<Mapping<'_>, DiskError> {
        let at = self.aligned(at)?.saturating_add(inside);
        Ok(Mapping::At(self.data.as_ref(), at))
    }

    /// A number of the table at `table_at`.
    fn entry(&self, table_at: u64, column: u64) -> Result<u64, DiskError> {
        let at = self.aligned(table_at)?.saturating_add(column.saturating_mul(8));
        self.tables.entry(at).map(u64::from_be_bytes)
    }

    fn unpack(&self, entry: u64) -> Result<Vec<u8>, DiskError> {
        let offset_bits = 62_u32.saturating_sub(self.header.cluster_bits.saturating_sub(8));
        let offset = entry & (1_u64 << offset_bits).wrapping_sub(1);
        let sectors = (entry & IS_COMPRESSED.wrapping_sub(1)) >> offset_bits;
        let end = (offset & !(SECTOR_BYTES.wrapping_sub(1)))
            .saturating_add(sectors.saturating_add(1).saturating_mul(SECTOR_BYTES));
        // The last cluster may stand at the end of a file that ends within a sector.
        let len = end.min(self.file.size_bytes()).saturating_sub(offset);
        if len
            > self
                .header
                .cluster_bytes()
                .saturating_mul(2)
                .saturating_add(SECTOR_BYTES)
        {
            return Err(malformed(
                offset,
                "a compressed cluster is longer than two plain ones",
            ));
        }
        let packed = read_vec(self.file.as_ref(), offset, index(len))?;
        let mut plain = vec![0; index(self.header.cluster_bytes())];
        let is_whole = match self.header.compression {
            Compression::Deflate => inflate(&packed, &mut plain),
            Compression::Zstd => {
                // Several frames can follow one another, and anything the last one.
                let decoder = zstd::stream::read::Decoder::with_buffer(&packed[..]);
                decoder.is_ok_and(|mut decoder| decoder.read_exact(&mut plain).is_ok())
            }
        };
        if is_whole {
            Ok(plain)
        } else {
            Err(Qcow2Error::ClusterCorrupt { offset }.into())
        }
    }
}

/// Raw deflate, until all of `plain` is there.
fn inflate(packed: &[u8], plain: &mut [u8]) -> bool {
    let mut inflater = Decompress::new(false);
    let ended = inflater.decompress(packed, plain, FlushDecompress::Finish);
    matches!(ended, Ok(Status::StreamEnd | Status::Ok | Status::BufError))
        && inflater.total_out() == len64(plain)
}

impl Mapped for Qcow2 {
    fn disk_bytes(&self) -> u64 {
        self.header.size_bytes
    }

    fn below(&self) -> Option<&dyn ReadAt> {
        self.backing.as_deref()
    }

    fn map(&self, offset: u64) -> Result<(Mapping<'_>, u64), DiskError> {
        let cluster_bytes = self.header.cluster_bytes();
        let inside = offset & cluster_bytes.wrapping_sub(1);
        let cluster = offset >> self.header.cluster_bits;
        let left = cluster_bytes.saturating_sub(inside);
        let (row, column) = divide(cluster, self.header.l2_entries());
        let table_at = self.header.l1.get(index(row)).copied().unwrap_or(0) & OFFSET_BITS;
        if table_at == 0 {
            return Ok((Mapping::Below, left));
        }
        let width = if self.header.has_extended_l2 { 2 } else { 1 };
        let column = column.saturating_mul(width);
        let entry = self.entry(table_at, column)?;
        if entry & IS_COMPRESSED != 0 {
            let cluster = self.clusters.get(&entry, || self.unpack(entry))?;
            return Ok((Mapping::Unpacked(cluster, inside), left));
        }
        if self.header.has_extended_l2 {
            let bitmap = self.entry(table_at, column.saturating_add(1))?;
            return self.map_subcluster(entry, bitmap, inside, table_at);
        }
        let reads_as_zeros = self.header.version >= 3 && entry & READS_AS_ZEROS != 0;
        match entry & OFFSET_BITS {
            _ if reads_as_zeros => Ok((Mapping::Zeros, left)),
            0 if !self.is_at_zero(entry) => Ok((Mapping::Below, left)),
            at => Ok((self.at(at, inside)?, left)),
        }
    }
}
