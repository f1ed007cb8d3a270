//! The superblock, 1024 bytes from byte 1024 on, and where the descriptors of the block groups are.
//!
//! ```text
//!   0 inodes        4 blocks (low)  20 first data block   24 block size = 1024 << n
//!  32 blocks of a group             40 inodes of a group  56 magic 0xef53
//!  76 revision     88 inode size    96 incompatible and 100 read-only-compatible features
//! 104 UUID                         254 descriptor size   260 first meta block group
//! 224 inode of the journal          336 blocks (high)         624 checksum seed    1020 checksum
//! ```
//!
//! Source: Linux, `fs/ext4/ext4.h`.

use super::Ext4Error;
use super::checksum::crc32c;
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, divide, index, join, le16, le32};
use crate::image::disk::read_at::{ReadAt, read_vec};

pub(super) const OFFSET: u64 = 1024;
pub(super) const BYTES: usize = 1024;
pub(super) const MAGIC: u16 = 0xef53;

const MAX_LOG_BLOCK: u32 = 6;
const OLD_INODE_BYTES: u16 = 128;

/// Incompatible features: name, bit, and whether a reader here can do without more.
const FEATURES: [(&str, u32, bool); 16] = [
    ("compression", 0x1, false),
    ("filetype", 0x2, true),
    ("needs_recovery", 0x4, true),
    ("journal_dev", 0x8, false),
    ("meta_bg", 0x10, true),
    ("extents", 0x40, true),
    ("64bit", 0x80, true),
    ("mmp", 0x100, true),
    ("flex_bg", 0x200, true),
    ("ea_inode", 0x400, true),
    ("dirdata", 0x1000, false),
    ("metadata_csum_seed", 0x2000, true),
    ("large_dir", 0x4000, true),
    ("inline_data", 0x8000, true),
    ("encrypt", 0x1_0000, true),
    ("casefold", 0x2_0000, true),
];

const FILETYPE: u32 = 0x2;
const NEEDS_RECOVERY: u32 = 0x4;
const META_BG: u32 = 0x10;
const IS_64BIT: u32 = 0x80;
const CSUM_SEED: u32 = 0x2000;

const RO_SPARSE_SUPER: u32 = 0x1;
const RO_METADATA_CSUM: u32 = 0x400;
const COMPAT_HAS_JOURNAL: u32 = 0x4;
const COMPAT_SPARSE_SUPER2: u32 = 0x200;

/// What a reader needs of a superblock.
#[derive(Debug)]
pub(super) struct Superblock {
    pub(super) block_bytes: u64,
    pub(super) blocks: u64,
    pub(super) inodes: u32,
    pub(super) inodes_per_group: u32,
    pub(super) inode_bytes: u16,
    pub(super) has_file_types: bool,
    /// What checksums start from; none if there are none.
    pub(super) checksum_seed: Option<u32>,
    /// Whether it was not unmounted.
    pub(super) needs_recovery: bool,
    /// The inode of the journal; 0 if it has none of its own.
    pub(super) journal: u32,
    descriptor_bytes: u64,
    first_data_block: u64,
    blocks_per_group: u64,
    first_meta_group: u64,
    has_meta_groups: bool,
    backups: Backups,
}

/// Which groups have a copy of the superblock.
#[derive(Debug, Clone, Copy)]
enum Backups {
    All,
    Sparse,
    Two([u32; 2]),
}

impl Superblock {
    pub(super) fn read(volume: &dyn ReadAt) -> Result<Self, DiskError> {
        let bytes = read_vec(volume, OFFSET, BYTES)?;
        let superblock = Self::parse(&bytes)?;
        let size = superblock.blocks.saturating_mul(superblock.block_bytes);
        if size > volume.size_bytes() {
            return Err(DiskError::BeyondEnd {
                offset: size.saturating_sub(1),
                size: volume.size_bytes(),
            });
        }
        Ok(superblock)
    }

    fn parse(bytes: &[u8]) -> Result<Self, DiskError> {
        let wrong = |problem| DiskError::from(Ext4Error::Superblock { problem });
        if le16(bytes, 56) != MAGIC {
            return Err(wrong("its magic number is missing"));
        }
        let revision = le32(bytes, 76);
        let incompatible = if revision == 0 { 0 } else { le32(bytes, 96) };
        let read_only = if revision == 0 { 0 } else { le32(bytes, 100) };
        refuse_features(incompatible)?;
        let has_checksums = read_only & RO_METADATA_CSUM != 0;
        let covered = bytes.get(..1020).unwrap_or_default();
        if has_checksums && crc32c(!0, covered) != le32(bytes, 1020) {
            return Err(Ext4Error::Checksum {
                what: "superblock",
                number: 0,
            }
            .into());
        }
        let log_block = le32(bytes, 24);
        let inode_bytes = if revision == 0 {
            OLD_INODE_BYTES
        } else {
            le16(bytes, 88)
        };
        let is_64bit = incompatible & IS_64BIT != 0;
        let descriptor_bytes = if is_64bit { le16(bytes, 254) } else { 32 };
        let seed = match incompatible & CSUM_SEED {
            0 => crc32c(!0, bytes.get(104..120).unwrap_or_default()),
            _ => le32(bytes, 624),
        };
        let superblock = Self {
            block_bytes: 1024_u64 << log_block.min(MAX_LOG_BLOCK),
            blocks: join(if is_64bit { le32(bytes, 336) } else { 0 }, le32(bytes, 4)),
            inodes: le32(bytes, 0),
            inodes_per_group: le32(bytes, 40),
            inode_bytes,
            has_file_types: incompatible & FILETYPE != 0,
            checksum_seed: has_checksums.then_some(seed),
            needs_recovery: incompatible & NEEDS_RECOVERY != 0,
            journal: match le32(bytes, 92) & COMPAT_HAS_JOURNAL {
                0 => 0,
                _ => le32(bytes, 224),
            },
            descriptor_bytes: descriptor_bytes.into(),
            first_data_block: le32(bytes, 20).into(),
            blocks_per_group: le32(bytes, 32).into(),
            first_meta_group: le32(bytes, 260).into(),
            has_meta_groups: incompatible & META_BG != 0,
            backups: match (
                le32(bytes, 92) & COMPAT_SPARSE_SUPER2,
                read_only & RO_SPARSE_SUPER,
            ) {
                (0, 0) => Backups::All,
                (0, _) => Backups::Sparse,
                _ => Backups::Two([le32(bytes, 588), le32(bytes, 592)]),
            },
        };
        let is_possible = log_block <= MAX_LOG_BLOCK
            && superblock.inodes_per_group > 0
            && superblock.blocks_per_group > 0
            && inode_bytes >= OLD_INODE_BYTES
            && inode_bytes.is_power_of_two()
            && u64::from(inode_bytes) <= superblock.block_bytes
            && (32..=1024).contains(&descriptor_bytes)
            && descriptor_bytes.is_power_of_two()
            && superblock.first_data_block <= 1;
        if is_possible {
            Ok(superblock)
        } else {
            Err(wrong("it has sizes that no filesystem has"))
        }
    }

    /// Offset of a group's descriptor, and how many bytes it has.
    pub(super) fn descriptor(&self, group: u64) -> (u64, usize) {
        let per_block = divide(self.block_bytes, self.descriptor_bytes).0.max(1);
        let (meta_group, inside) = divide(group, per_block);
        // Blocks of 1024 bytes have the superblock in block 1, wherever groups are counted from.
        let has_small_blocks = self.block_bytes == OFFSET;
        let block = if self.has_meta_groups && meta_group >= self.first_meta_group {
            let first = meta_group.saturating_mul(per_block);
            let start = first.saturating_mul(self.blocks_per_group);
            let start = start.saturating_add(self.first_data_block);
            let is_behind_two = has_small_blocks && meta_group == 0 && self.first_data_block == 0;
            start
                .saturating_add(self.has_backup(first).into())
                .saturating_add(is_behind_two.into())
        } else {
            u64::from(has_small_blocks)
                .saturating_add(1)
                .saturating_add(meta_group)
        };
        let offset = block.saturating_mul(self.block_bytes);
        let offset = offset.saturating_add(inside.saturating_mul(self.descriptor_bytes));
        (offset, index(self.descriptor_bytes))
    }

    fn has_backup(&self, group: u64) -> bool {
        let is_power = |base: u64| {
            let mut power = base;
            while power < group {
                power = power.saturating_mul(base);
            }
            power == group
        };
        match self.backups {
            Backups::All => true,
            Backups::Sparse => group <= 1 || [3, 5, 7].into_iter().any(is_power),
            Backups::Two(groups) => group == 0 || groups.iter().any(|&backup| u64::from(backup) == group),
        }
    }
}

/// Features that change what lies where, and are not known, make every byte doubtful.
fn refuse_features(incompatible: u32) -> Result<(), DiskError> {
    let unsupported = |feature: String| Err(Ext4Error::FeatureUnsupported { feature }.into());
    let mut rest = incompatible;
    for (name, bit, is_supported) in FEATURES {
        if incompatible & bit != 0 && !is_supported {
            return unsupported(name.to_owned());
        }
        rest &= !bit;
    }
    match rest {
        0 => Ok(()),
        _ => unsupported(format!("of bit {}", rest.trailing_zeros())),
    }
}

/// Whether a volume starts like an ext2, ext3 or ext4 filesystem.
pub(in crate::image::disk) fn looks_like(head: &[u8]) -> bool {
    le16(head, index(OFFSET).saturating_add(56)) == MAGIC && byte(head, index(OFFSET).saturating_add(24)) <= 6
}
