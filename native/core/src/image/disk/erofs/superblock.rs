//! The superblock, behind 1 KiB that is left to boot loaders.
//!
//! ```text
//! 1024   0 magic   4 checksum   8 compatible features   12 log2 of a block's bytes u8   13 slots of 16 bytes behind it u8
//!       14 root u16   16 inodes u64   24 time u64   36 blocks   40 first block of the inodes   44 of shared attributes
//!       48 UUID   64 label   80 incompatible features   84 algorithms u16   86 further devices u16
//!       90 log2 of blocks in a directory block u8   91 prefixes of attributes u8   92 where they are, in 4 bytes
//!       96 packed inode u64
//! ```
//!
//! Source: Linux, `fs/erofs/erofs_fs.h`, `fs/erofs/super.c`.

use super::unpack::Algorithm;
use super::{ErofsError, corrupt, unsupported};
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index, le16, le32, le64};
use crate::image::disk::read_at::{ReadAt, read_vec};

const MAGIC: &[u8] = b"\xe2\xe1\xf5\xe0";
const OFFSET: u64 = 1024;
const SUPERBLOCK_BYTES: usize = 128;
const BLOCK_LOGS: std::ops::RangeInclusive<u8> = 9..=16;

/// Bytes that an inode's number counts.
const SLOT_BYTES: u64 = 32;

const HAS_CHECKSUM: u32 = 0x1;
/// Prefixes of attributes are not in the packed inode.
const HAS_PLAIN_PREFIXES: u32 = 0x10;

const ZERO_PADDING: u32 = 0x1;
const HAS_ALGORITHMS: u32 = 0x2;
const HAS_FRAGMENTS: u32 = 0x20;

/// Incompatible features that are known: their names, and whether a reader here can do with them. Some bits stand for
/// two features, of which other fields tell more.
const FEATURES: [(&str, u32, bool); 9] = [
    ("zero padding", ZERO_PADDING, true),
    ("big clusters", HAS_ALGORITHMS, true),
    ("chunks", 0x4, true),
    ("second algorithm, or further devices", 0x8, true),
    ("packed tails", 0x10, true),
    ("fragments", HAS_FRAGMENTS, true),
    ("prefixes of attributes", 0x40, true),
    ("48-bit addresses", 0x80, false),
    ("packed metadata", 0x100, false),
];

/// What a reader needs of a superblock.
#[derive(Debug)]
pub(super) struct Superblock {
    pub(super) block_log: u8,
    pub(super) blocks: u64,
    pub(super) root: u64,
    inodes: u64,
    /// Where shared attributes begin, in bytes.
    pub(super) attributes: u64,
    /// How many long prefixes there are, and where, in bytes.
    pub(super) prefixes: (u8, u64),
    pub(super) has_prefixes_in_packed: bool,
    /// The inode that fragments of files are in.
    pub(super) packed: Option<u64>,
    /// Whether the bytes of packed blocks stand at their end, behind zeros.
    pub(super) has_zero_padding: bool,
    algorithms: u16,
}

impl Superblock {
    pub(super) fn read(volume: &dyn ReadAt) -> Result<Self, DiskError> {
        let bytes = read_vec(volume, OFFSET, SUPERBLOCK_BYTES)?;
        let block_log = byte(&bytes, 12);
        if !bytes.starts_with(MAGIC) || !BLOCK_LOGS.contains(&block_log) {
            return Err(corrupt(OFFSET, "blocks of a size that they cannot have"));
        }
        let compatible = le32(&bytes, 8);
        if compatible & HAS_CHECKSUM != 0 && !is_right(volume, block_log)? {
            return Err(ErofsError::Checksum.into());
        }
        let incompatible = le32(&bytes, 80);
        refuse_features(incompatible)?;
        if le16(&bytes, 86) != 0 {
            return Err(unsupported("a filesystem on several devices"));
        }
        if byte(&bytes, 90) != 0 {
            return Err(unsupported("a directory with blocks of its own size"));
        }
        let blocks = u64::from(le32(&bytes, 36));
        let size = blocks << block_log;
        if size > volume.size_bytes() {
            return Err(DiskError::BeyondEnd {
                offset: size.saturating_sub(1),
                size: volume.size_bytes(),
            });
        }
        let has_fragments = incompatible & HAS_FRAGMENTS != 0;
        let packed = Some(le64(&bytes, 96)).filter(|&number| has_fragments && number != 0);
        Ok(Self {
            block_log,
            blocks,
            root: le16(&bytes, 14).into(),
            inodes: u64::from(le32(&bytes, 40)) << block_log,
            attributes: u64::from(le32(&bytes, 44)) << block_log,
            prefixes: (byte(&bytes, 91), u64::from(le32(&bytes, 92)) << 2),
            has_prefixes_in_packed: compatible & HAS_PLAIN_PREFIXES == 0,
            packed,
            has_zero_padding: incompatible & ZERO_PADDING != 0,
            algorithms: match incompatible & HAS_ALGORITHMS {
                // Before others were known.
                0 => 1,
                _ => le16(&bytes, 84),
            },
        })
    }

    pub(super) fn block_bytes(&self) -> u64 {
        1 << self.block_log
    }

    /// Where an inode is, in bytes.
    pub(super) fn inode_place(&self, number: u64) -> Option<u64> {
        number.checked_mul(SLOT_BYTES)?.checked_add(self.inodes)
    }

    /// The algorithm with this number, if the filesystem says that it has it.
    pub(super) fn algorithm(&self, number: u8) -> Option<Algorithm> {
        let is_there = self.algorithms.checked_shr(number.into()).unwrap_or_default() & 1 != 0;
        Algorithm::numbered(number).filter(|_| is_there)
    }
}

/// Features that are not known make every byte doubtful.
fn refuse_features(incompatible: u32) -> Result<(), DiskError> {
    let mut rest = incompatible;
    for (name, bit, is_supported) in FEATURES {
        if incompatible & bit != 0 && !is_supported {
            return Err(unsupported(format!("the feature {name}")));
        }
        rest &= !bit;
    }
    match rest {
        0 => Ok(()),
        rest => Err(unsupported(format!(
            "the feature of bit {}",
            rest.trailing_zeros()
        ))),
    }
}

/// Whether the checksum is that of the block, from the superblock on, with zeros in its own place.
fn is_right(volume: &dyn ReadAt, block_log: u8) -> Result<bool, DiskError> {
    let block_bytes = 1_u64 << block_log;
    let len = match block_bytes.saturating_sub(OFFSET) {
        // The whole block behind the first KiB, where blocks are that small.
        0 => block_bytes,
        len => len,
    };
    let bytes = read_vec(volume, OFFSET, index(len))?;
    let (head, rest) = bytes.split_at_checked(8).unwrap_or_default();
    let found = crc32c::crc32c_append(crc32c::crc32c(head.get(..4).unwrap_or_default()), &[0; 4]);
    // Unlike most, it is kept without the last inversion.
    Ok(!crc32c::crc32c_append(found, rest) == le32(head, 4))
}

/// Whether a volume starts like an EROFS filesystem.
pub(in crate::image::disk) fn looks_like(head: &[u8]) -> bool {
    head.get(index(OFFSET)..)
        .is_some_and(|rest| rest.starts_with(MAGIC))
}
