//! The superblock, at the start of the filesystem. Numbers of XFS have their highest byte first.
//!
//! ```text
//!   0 "XFSB"         4 block size     8 blocks u64      32 UUID          48 first block of the log u64
//!  56 root inode u64                 84 blocks and 88 number of allocation groups
//!  96 blocks of the log             100 version, features u16           102 sector size u16   104 inode size u16
//! 108 label        120 logarithms of the sizes of a block, sector and inode, of inodes in a block, blocks in a group
//! 126 in progress  192 logarithm of blocks in a directory block         200 further features
//! 216 incompatible features         224 checksum     248 UUID of the metadata, if it is another
//!
//! number of a block   group │ block in it, agblklog bits             of an inode   block │ inode in it, inopblog bits
//! ```
//!
//! Source: Linux, `fs/xfs/libxfs/xfs_format.h`.

use super::XfsError;
use super::checksum::is_right;
use crate::image::disk::DiskError;
use crate::image::disk::number::{be16, be32, be64, byte};
use crate::image::disk::read_at::{ReadAt, read_vec};

pub(super) const MAGIC: &[u8] = b"XFSB";
/// The superblock has its own sector; sectors are 512 bytes to 32 KiB.
const SECTOR_LOGS: std::ops::RangeInclusive<u8> = 9..=15;
const BLOCK_LOGS: std::ops::RangeInclusive<u8> = 9..=16;
const INODE_LOGS: std::ops::RangeInclusive<u8> = 8..=11;
const MAX_DIRECTORY_BLOCK_LOG: u8 = 16;
const CHECKSUM_AT: usize = 224;

/// Feature bits of version 4 that change what lies where.
const VERSION: u16 = 0xf;
const SHARED: u16 = 0x200;
const DIRECTORIES_V2: u16 = 0x2000;
const MORE_BITS: u16 = 0x8000;
/// lazysbcount, attr2, projid32bit, ftype.
const KNOWN_MORE: u32 = 0x2 | 0x8 | 0x80 | FTYPE_V4;
const FTYPE_V4: u32 = 0x200;

/// Incompatible features of version 5: name, bit, and whether a reader here can do without more.
const FEATURES: [(&str, u32, bool); 11] = [
    ("ftype", FTYPE, true),
    ("sparse inodes", 0x2, true),
    ("meta_uuid", META_UUID, true),
    ("bigtime", 0x8, true),
    ("needsrepair", NEEDS_REPAIR, true),
    ("nrext64", 0x20, true),
    ("exchange", 0x40, true),
    ("parent", 0x80, true),
    ("metadir", 0x100, false),
    ("zoned", 0x200, false),
    ("zone gaps", 0x400, false),
];
const FTYPE: u32 = 0x1;
const META_UUID: u32 = 0x4;
const NEEDS_REPAIR: u32 = 0x10;

/// What a reader needs of a superblock.
#[derive(Debug)]
pub(super) struct Superblock {
    pub(super) block_bytes: u64,
    pub(super) blocks: u64,
    pub(super) inode_bytes: u16,
    pub(super) root: u64,
    /// Blocks of a directory that are one of its own.
    pub(super) directory_block_blocks: u64,
    /// Whether this is version 5.
    pub(super) has_checksums: bool,
    pub(super) has_file_types: bool,
    /// What metadata names as its filesystem.
    pub(super) metadata_uuid: [u8; 16],
    /// First block of the log and how many it has.
    pub(super) log: (u64, u64),
    group_blocks: u64,
    groups: u64,
    /// Bits of a block's number inside its group, and of an inode's inside its block.
    group_bits: u8,
    inode_bits: u8,
    inode_log: u8,
}

impl Superblock {
    pub(super) fn read(volume: &dyn ReadAt) -> Result<Self, DiskError> {
        let head = read_vec(volume, 0, 512)?;
        let sector_log = byte(&head, 121);
        if !head.starts_with(MAGIC) || !SECTOR_LOGS.contains(&sector_log) {
            return Err(impossible());
        }
        let superblock = Self::parse(&read_vec(volume, 0, 1 << sector_log)?)?;
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
        let version = be16(bytes, 100);
        let incompatible = be32(bytes, 216);
        let (has_checksums, has_file_types) = match version & VERSION {
            5 => {
                if !is_right(bytes, CHECKSUM_AT) {
                    return Err(XfsError::BlockDamaged {
                        what: "superblock",
                        block: 0,
                        mark: "checksum",
                    }
                    .into());
                }
                refuse_features(incompatible)?;
                (true, incompatible & FTYPE != 0)
            }
            4 => (false, more_features(bytes, version)? & FTYPE_V4 != 0),
            other => return Err(unsupported(format!("version {other}"))),
        };
        if byte(bytes, 126) != 0 {
            return Err(XfsError::Superblock {
                problem: "mkfs.xfs was interrupted before it was done",
            }
            .into());
        }
        let uuid = |at: usize| {
            bytes
                .get(at..)
                .and_then(<[u8]>::first_chunk)
                .copied()
                .unwrap_or_default()
        };
        let has_metadata_uuid = has_checksums && incompatible & META_UUID != 0;
        let logs = Logs::read(bytes).ok_or_else(impossible)?;
        let mut superblock = Self {
            block_bytes: 1 << logs.block,
            blocks: be64(bytes, 8),
            inode_bytes: 1 << logs.inode,
            root: be64(bytes, 56),
            directory_block_blocks: 1 << logs.directory,
            has_checksums,
            has_file_types,
            metadata_uuid: uuid(if has_metadata_uuid { 248 } else { 32 }),
            log: (0, be32(bytes, 96).into()),
            group_blocks: be32(bytes, 84).into(),
            groups: be32(bytes, 88).into(),
            group_bits: logs.group,
            inode_bits: logs.block.saturating_sub(logs.inode),
            inode_log: logs.inode,
        };
        let (last, end) = (
            superblock
                .group_blocks
                .saturating_mul(superblock.groups.saturating_sub(1)),
            superblock.group_blocks.saturating_mul(superblock.groups),
        );
        // The last group may be shorter than the others.
        if superblock.groups == 0 || superblock.blocks <= last || superblock.blocks > end {
            return Err(impossible());
        }
        let log = be64(bytes, 48);
        if log == 0 {
            return Err(XfsError::LogExternal.into());
        }
        superblock.log.0 = superblock
            .place(log, superblock.log.1)
            .ok_or(XfsError::Superblock {
                problem: "the log is not in the filesystem",
            })?;
        Ok(superblock)
    }

    /// Where `blocks` blocks from this one on are, counted from the filesystem's start; none if they are not all in
    /// one allocation group.
    pub(super) fn place(&self, block: u64, blocks: u64) -> Option<u64> {
        let (group, inside) = (
            block.checked_shr(self.group_bits.into())?,
            block & low_bits(self.group_bits),
        );
        let start = group.checked_mul(self.group_blocks)?;
        let group_end = start.checked_add(self.group_blocks)?.min(self.blocks);
        let place = start.checked_add(inside)?;
        let is_inside = group < self.groups && place.checked_add(blocks)? <= group_end;
        (is_inside && blocks > 0).then_some(place)
    }

    /// Where an inode is, in bytes; none if there is no such inode.
    pub(super) fn inode_place(&self, number: u64) -> Option<u64> {
        let block = self.place(number.checked_shr(self.inode_bits.into())?, 1)?;
        let inside = number & low_bits(self.inode_bits);
        let start = block.checked_mul(self.block_bytes)?;
        start
            .checked_add(inside << self.inode_log)
            .filter(|_| number != 0)
    }
}

/// Logarithms of sizes, each of which the superblock has twice.
struct Logs {
    block: u8,
    inode: u8,
    /// Blocks of a group, rounded up.
    group: u8,
    /// Blocks in a block of a directory.
    directory: u8,
}

impl Logs {
    /// None if they contradict what is said beside them.
    fn read(bytes: &[u8]) -> Option<Self> {
        let logs = Self {
            block: byte(bytes, 120),
            inode: byte(bytes, 122),
            group: byte(bytes, 124),
            directory: byte(bytes, 192),
        };
        let is_possible = BLOCK_LOGS.contains(&logs.block)
            && INODE_LOGS.contains(&logs.inode)
            && logs.inode <= logs.block
            && logs.group <= 32
            && logs.directory.saturating_add(logs.block) <= MAX_DIRECTORY_BLOCK_LOG
            && be32(bytes, 4) == 1 << logs.block
            && be16(bytes, 104) == 1 << logs.inode
            && byte(bytes, 123) == logs.block.saturating_sub(logs.inode)
            && u64::from(be32(bytes, 84)) <= 1 << logs.group;
        is_possible.then_some(logs)
    }
}

fn low_bits(bits: u8) -> u64 {
    1_u64
        .checked_shl(bits.into())
        .map_or(u64::MAX, |end| end.wrapping_sub(1))
}

fn impossible() -> DiskError {
    XfsError::Superblock {
        problem: "it has sizes that no filesystem has",
    }
    .into()
}

fn unsupported(feature: String) -> DiskError {
    XfsError::FeatureUnsupported { feature }.into()
}

/// The further features of version 4.
fn more_features(bytes: &[u8], version: u16) -> Result<u32, DiskError> {
    if version & SHARED != 0 {
        return Err(unsupported("shared".to_owned()));
    }
    if version & DIRECTORIES_V2 == 0 {
        return Err(unsupported("directories of version 1".to_owned()));
    }
    if version & MORE_BITS == 0 {
        return Ok(0);
    }
    // Kernels of one time wrote them four bytes further on; both places count, as for the kernel.
    let more = be32(bytes, 200) | be32(bytes, 204);
    match more & !KNOWN_MORE {
        0 => Ok(more),
        unknown => Err(unsupported(format!(
            "of bit {} (version 4)",
            unknown.trailing_zeros()
        ))),
    }
}

/// Features that change what lies where, and are not known, make every byte doubtful. Others that are not known
/// matter to those alone who write.
fn refuse_features(incompatible: u32) -> Result<(), DiskError> {
    let mut rest = incompatible;
    for (name, bit, is_supported) in FEATURES {
        if incompatible & bit != 0 && !is_supported {
            return Err(unsupported(name.to_owned()));
        }
        rest &= !bit;
    }
    if rest != 0 {
        return Err(unsupported(format!("of bit {}", rest.trailing_zeros())));
    }
    if incompatible & NEEDS_REPAIR != 0 {
        return Err(XfsError::NeedsRepair.into());
    }
    Ok(())
}

/// Whether a volume starts like an XFS filesystem.
pub(in crate::image::disk) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}
