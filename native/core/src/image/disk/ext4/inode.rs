//! Inodes.
//!
//! ```text
//!   0 mode     2 owner (low)   4 size (low)   24 group (low)   26 links   32 flags
//!  40 block map, extents or a short file, 60 bytes   100 generation   104 attribute block
//! 108 size (high)   120 owner (high)   122 group (high)   124 checksum (low)
//! 128 bytes in use beyond 128   130 checksum (high) …   then attributes
//! ```

use super::attributes::inline_rest;
use super::checksum::crc32c;
use super::{Ext4, Ext4Error};
use crate::image::disk::DiskError;
use crate::image::disk::filesystem::Kind;
use crate::image::disk::number::{divide, join, le16, le32};
use crate::image::disk::read_at::read_vec;

const ENCRYPTED: u32 = 0x800;
const INDEXED: u32 = 0x1000;
const EXTENTS: u32 = 0x8_0000;
const INLINE_DATA: u32 = 0x1000_0000;

/// What a reader needs of an inode.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) number: u32,
    pub(super) mode: u16,
    pub(super) kind: Kind,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) links: u16,
    pub(super) size_bytes: u64,
    /// The map, the extents, or the first bytes of the file.
    pub(super) block: [u8; 60],
    /// What the checksums of its blocks start from.
    pub(super) seed: Option<u32>,
    /// The bytes of a short file or directory behind the first 60.
    pub(super) inline_rest: Option<Vec<u8>>,
    flags: u32,
}

impl Inode {
    pub(super) fn has_extents(&self) -> bool {
        self.flags & EXTENTS != 0
    }

    pub(super) fn is_indexed(&self) -> bool {
        self.flags & INDEXED != 0
    }

    pub(super) fn corrupt(&self, problem: &'static str) -> DiskError {
        let inode = self.number;
        Ext4Error::Corrupt { inode, problem }.into()
    }
}

impl Ext4 {
    /// Reads an inode.
    pub(super) fn inode(&self, number: u32) -> Result<Inode, DiskError> {
        let corrupt = |problem| {
            DiskError::from(Ext4Error::Corrupt {
                inode: number,
                problem,
            })
        };
        let superblock = &self.superblock;
        let bytes = self.inode_bytes(number)?;
        let (mode, links) = (le16(&bytes, 0), le16(&bytes, 26));
        if links == 0 {
            return Err(corrupt("a name leads to it, and it was deleted"));
        }
        let mut inode = Inode {
            number,
            mode,
            kind: Kind::of_mode(mode).ok_or_else(|| corrupt("it is of no kind that there is"))?,
            uid: u32::from(le16(&bytes, 120)) << 16 | u32::from(le16(&bytes, 2)),
            gid: u32::from(le16(&bytes, 122)) << 16 | u32::from(le16(&bytes, 24)),
            links,
            size_bytes: join(le32(&bytes, 108), le32(&bytes, 4)),
            block: bytes
                .get(40..)
                .and_then(<[u8]>::first_chunk)
                .copied()
                .unwrap_or([0; 60]),
            seed: superblock.checksum_seed.map(|seed| {
                let seed = crc32c(seed, &number.to_le_bytes());
                crc32c(seed, bytes.get(100..104).unwrap_or_default())
            }),
            inline_rest: None,
            flags: le32(&bytes, 32),
        };
        let extra = extra_bytes(&bytes);
        if usize::from(extra).saturating_add(128) > bytes.len() {
            return Err(corrupt("it uses more bytes than it has"));
        }
        if let Some(seed) = inode.seed
            && !has_right_checksum(&bytes, seed, extra)
        {
            return Err(Ext4Error::Checksum {
                what: "inode",
                number: number.into(),
            }
            .into());
        }
        if inode.flags & ENCRYPTED != 0 && matches!(inode.kind, Kind::Regular | Kind::Directory) {
            return Err(Ext4Error::Encrypted { inode: number }.into());
        }
        if inode.flags & INLINE_DATA != 0 {
            let rest = inline_rest(&bytes, usize::from(extra).saturating_add(128));
            inode.inline_rest = Some(rest.ok_or_else(|| corrupt("its attributes point out of it"))?);
        }
        Ok(inode)
    }

    /// An inode as it is stored.
    pub(super) fn inode_bytes(&self, number: u32) -> Result<Vec<u8>, DiskError> {
        let superblock = &self.superblock;
        let Some(from_zero) = number.checked_sub(1).filter(|_| number <= superblock.inodes) else {
            return Err(Ext4Error::Corrupt {
                inode: number,
                problem: "there is no such inode",
            }
            .into());
        };
        let (group, inside) = divide(from_zero.into(), superblock.inodes_per_group.into());
        let table = self.inode_table(group)?;
        let at = inside.saturating_mul(superblock.inode_bytes.into());
        let at = table.saturating_mul(superblock.block_bytes).saturating_add(at);
        read_vec(self.volume.as_ref(), at, superblock.inode_bytes.into())
    }

    /// The first block of a group's inodes.
    fn inode_table(&self, group: u64) -> Result<u64, DiskError> {
        let (offset, len) = self.superblock.descriptor(group);
        let mut descriptor = read_vec(self.volume.as_ref(), offset, len)?;
        if let Some(seed) = self.superblock.checksum_seed {
            let expected = le16(&descriptor, 30);
            if let Some(field) = descriptor.get_mut(30..32) {
                field.fill(0);
            }
            let found = crc32c(
                crc32c(seed, &u32::try_from(group).unwrap_or(u32::MAX).to_le_bytes()),
                &descriptor,
            );
            if found & 0xffff != u32::from(expected) {
                return Err(Ext4Error::Checksum {
                    what: "block group",
                    number: group,
                }
                .into());
            }
        }
        let high = if len >= 64 { le32(&descriptor, 40) } else { 0 };
        Ok(join(high, le32(&descriptor, 8)))
    }
}

fn extra_bytes(bytes: &[u8]) -> u16 {
    if bytes.len() > 128 { le16(bytes, 128) } else { 0 }
}

fn has_right_checksum(bytes: &[u8], seed: u32, extra: u16) -> bool {
    let mut copy = bytes.to_vec();
    let mut expected = u32::from(le16(bytes, 124));
    let mut clear = |range: std::ops::Range<usize>| {
        if let Some(field) = copy.get_mut(range) {
            field.fill(0);
        }
    };
    clear(124..126);
    let is_long = extra >= 4;
    if is_long {
        expected |= u32::from(le16(bytes, 130)) << 16;
        clear(130..132);
    }
    let found = crc32c(seed, &copy);
    expected == if is_long { found } else { found & 0xffff }
}
