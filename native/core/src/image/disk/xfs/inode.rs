//! Inodes.
//!
//! ```text
//!   0 "IN"         2 mode u16     4 version u8   5 form u8   6 links of version 1 u16   8 owner   12 group   16 links
//!  24 extents of the file u64 (nrext64)         56 size u64
//!  76 extents u32, or of the attributes (nrext64)              80 extents of the attributes u16
//!  82 start of the attributes in units of 8 bytes, 0 if there are none   83 their form u8      90 flags u16
//! version 3: 100 checksum   120 further flags u64   152 number u64   160 UUID
//! then the file's fork from byte 100 or 176 (version 3) on: its bytes, extents, or the root of their tree; then that
//! of its attributes
//! ```
//!
//! Source: Linux, `fs/xfs/libxfs/xfs_format.h`.

use super::checksum::is_right;
use super::{Xfs, XfsError};
use crate::image::disk::DiskError;
use crate::image::disk::filesystem::Kind;
use crate::image::disk::number::{be16, be32, be64, byte, index};
use crate::image::disk::read_at::read_vec;

const MAGIC: &[u8] = b"IN";
const OLD_CORE_BYTES: usize = 100;
const CORE_BYTES: usize = 176;
const CHECKSUM_AT: usize = 100;
/// An extent in a fork or in a leaf of a tree.
pub(super) const EXTENT_BYTES: usize = 16;

const IS_REALTIME: u16 = 0x1;
const HAS_LARGE_COUNTS: u64 = 0x10;

/// What a fork of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A device, which has no bytes.
    Device,
    /// The bytes themselves.
    Local,
    /// All extents.
    Extents,
    /// The root of a tree of extents.
    Btree,
}

/// What a reader needs of an inode.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) number: u64,
    pub(super) mode: u16,
    pub(super) kind: Kind,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) links: u32,
    pub(super) size_bytes: u64,
    pub(super) form: Form,
    pub(super) extents: u64,
    /// The bytes, the extents or the root of their tree, and no more than that.
    pub(super) fork: Box<[u8]>,
}

impl Inode {
    pub(super) fn corrupt(&self, problem: &'static str) -> DiskError {
        corrupt(self.number, problem)
    }
}

fn corrupt(inode: u64, problem: &'static str) -> DiskError {
    XfsError::Corrupt { inode, problem }.into()
}

impl Xfs {
    /// Reads an inode that a name leads to.
    pub(super) fn inode(&self, number: u64) -> Result<Inode, DiskError> {
        let corrupt = |problem| corrupt(number, problem);
        let bytes = self.inode_bytes(number)?;
        let (mode, version) = (be16(&bytes, 2), byte(&bytes, 4));
        let links = match version {
            1 => u32::from(be16(&bytes, 6)),
            _ => be32(&bytes, 16),
        };
        if mode == 0 || links == 0 {
            return Err(corrupt("a name leads to it, and it was deleted"));
        }
        let kind = Kind::of_mode(mode).ok_or_else(|| corrupt("it is of no kind that there is"))?;
        if kind == Kind::Regular && be16(&bytes, 90) & IS_REALTIME != 0 {
            return Err(XfsError::Realtime { inode: number }.into());
        }
        let form = match (byte(&bytes, 5), kind) {
            (0, Kind::Special) => Form::Device,
            (1, Kind::Directory | Kind::Symlink) => Form::Local,
            (2, Kind::Regular | Kind::Directory | Kind::Symlink) => Form::Extents,
            (3, Kind::Regular | Kind::Directory) => Form::Btree,
            _ => return Err(corrupt("its bytes are kept in no form that its kind has")),
        };
        let mut inode = Inode {
            number,
            mode,
            kind,
            uid: be32(&bytes, 8),
            gid: be32(&bytes, 12),
            links,
            size_bytes: be64(&bytes, 56),
            form,
            extents: match has_large_counts(&bytes) {
                true => be64(&bytes, 24),
                false => be32(&bytes, 76).into(),
            },
            fork: Box::default(),
        };
        // Sizes are signed in the kernel.
        if i64::try_from(inode.size_bytes).is_err() {
            return Err(corrupt("it has a size that no file has"));
        }
        inode.fork = fork(&inode, &bytes)
            .ok_or_else(|| corrupt("it holds more than there is room for in it"))?
            .into();
        Ok(inode)
    }

    /// The fork of a file's attributes, in place of that of its bytes; none if it has no attributes.
    pub(super) fn attribute_fork(&self, file: &Inode) -> Result<Option<Inode>, DiskError> {
        let bytes = self.inode_bytes(file.number)?;
        let extents = match has_large_counts(&bytes) {
            true => be32(&bytes, 76).into(),
            false => be16(&bytes, 80).into(),
        };
        let start = match usize::from(byte(&bytes, 82)) {
            0 if extents != 0 => return Err(file.corrupt("it has attributes in no place")),
            0 => return Ok(None),
            units => units.saturating_mul(8).saturating_add(core_bytes(&bytes)),
        };
        let fork = bytes.get(start..).unwrap_or_default();
        let (form, used) = match (byte(&bytes, 83), extents) {
            (1, 0) => (Form::Local, Some(be16(fork, 0).into())),
            (2, 0) => return Ok(None),
            (2, _) => (Form::Extents, index(extents).checked_mul(EXTENT_BYTES)),
            (3, _) => (Form::Btree, Some(fork.len())),
            _ => return Err(file.corrupt("its attributes are kept in no form that there is")),
        };
        let fork = used.and_then(|used| fork.get(..used));
        let fork = fork.ok_or_else(|| file.corrupt("it has more attributes than there is room for in it"))?;
        Ok(Some(Inode {
            form,
            extents,
            fork: fork.into(),
            ..file.clone()
        }))
    }

    fn inode_bytes(&self, number: u64) -> Result<Vec<u8>, DiskError> {
        let place = self.superblock.inode_place(number);
        let place = place.ok_or_else(|| corrupt(number, "there is no such inode"))?;
        let bytes = read_vec(self.volume.as_ref(), place, self.superblock.inode_bytes.into())?;
        self.check(number, &bytes, place)?;
        Ok(bytes)
    }

    /// Checks that this is an inode, of this number and of this filesystem.
    fn check(&self, number: u64, bytes: &[u8], place: u64) -> Result<(), DiskError> {
        let versions = if self.superblock.has_checksums {
            3..=3
        } else {
            1..=2
        };
        if !bytes.starts_with(MAGIC) || !versions.contains(&byte(bytes, 4)) {
            return Err(corrupt(number, "there is no inode in its place"));
        }
        if !self.superblock.has_checksums {
            return Ok(());
        }
        let mark = if !is_right(bytes, CHECKSUM_AT) {
            "checksum"
        } else if be64(bytes, 152) != number {
            "number"
        } else if bytes.get(160..176) != Some(&self.superblock.metadata_uuid) {
            "filesystem's id"
        } else {
            return Ok(());
        };
        let block = place.checked_div(self.superblock.block_bytes).unwrap_or_default();
        let what = "inode";
        Err(XfsError::BlockDamaged { what, block, mark }.into())
    }
}

fn has_large_counts(bytes: &[u8]) -> bool {
    byte(bytes, 4) == 3 && be64(bytes, 120) & HAS_LARGE_COUNTS != 0
}

/// Where the fork of a file begins.
fn core_bytes(bytes: &[u8]) -> usize {
    match byte(bytes, 4) {
        3 => CORE_BYTES,
        _ => OLD_CORE_BYTES,
    }
}

/// The used part of a file's fork; none if it is larger than the fork.
fn fork(inode: &Inode, bytes: &[u8]) -> Option<Vec<u8>> {
    let fork = bytes.get(core_bytes(bytes)..)?;
    let fork = match usize::from(byte(bytes, 82)) {
        0 => fork,
        units => fork.get(..units.checked_mul(8)?)?,
    };
    let used = match inode.form {
        Form::Device => Some(0),
        Form::Local => Some(index(inode.size_bytes)),
        Form::Extents => index(inode.extents).checked_mul(EXTENT_BYTES),
        Form::Btree => Some(fork.len()),
    };
    fork.get(..used?).map(<[u8]>::to_vec)
}
