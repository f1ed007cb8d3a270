//! Inodes and directories.
//!
//! ```text
//! inode   0 type u16   2 mode u16   4, 6 owner and group, as numbers in a table   8 mtime   12 number
//!   1  directory  16 block u32   20 links u32   24 size u16   26 offset u16   28 parent
//!   8  long one   16 links   20 size u32   24 block   28 parent   32 index u16   34 offset u16   36 attributes
//!   2  file       16 start u32   20 fragment u32   24 offset in it u32   28 size u32; sizes of blocks
//!   9  long one   16 start u64   24 size u64   32 holes u64   40 links   44 fragment   48 offset   52 attributes; sizes
//!   3, 10 link    16 links   20 length of the target u32   24 target
//!   4 to 7, 11 to 14  devices, FIFOs and sockets: 16 links
//!
//! directory   0 entries u32, less one   4 block of their inodes u32   8 number
//!   entry     0 offset of the inode u16   2 number   4 type   6 bytes of the name u16, less one   8 name
//! ```
//!
//! Source: Linux, `fs/squashfs/squashfs_fs.h`.

use super::metadata::Place;
use super::{Squashfs, corrupt};
use crate::image::disk::DiskError;
use crate::image::disk::filesystem::Kind;
use crate::image::disk::number::{index, le16, le32, le64};

/// A fragment that there is none.
const NO_FRAGMENT: u32 = u32::MAX;

/// Attributes that there are none.
const NO_ATTRIBUTES: u32 = u32::MAX;

/// What a directory's size counts beside its bytes: `.` and `..`.
const DOTS_BYTES: u64 = 3;

/// Bytes of one directory: some million names.
const MAX_DIRECTORY_BYTES: u64 = 64 << 20;

const MAX_NAME_BYTES: usize = 256;
const MAX_ENTRIES: u32 = 256;
const MAX_TARGET_BYTES: u32 = 65_535;

/// A file, directory or something else.
#[derive(Debug, Clone)]
pub(in crate::image::disk) struct Node {
    /// Where it is, which is what it is known by.
    pub(in crate::image::disk) reference: u64,
    pub(in crate::image::disk) kind: Kind,
    pub(in crate::image::disk) mode: u32,
    pub(in crate::image::disk) uid: u32,
    pub(in crate::image::disk) gid: u32,
    pub(in crate::image::disk) links: u32,
    pub(in crate::image::disk) size_bytes: u64,
    pub(super) form: Form,
    /// The number of its attributes, in the table of those.
    pub(super) attributes: Option<u32>,
    /// Whether a file is so small that it has no block of its own.
    is_in_fragment: bool,
}

/// Where what belongs to an inode is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Directory(Place),
    File {
        /// Its first block in the filesystem.
        start: u64,
        /// The fragment that has its end, and where in it.
        fragment: Option<(u32, u32)>,
        /// The sizes of its blocks.
        sizes: Place,
    },
    Symlink(Place),
    Special,
}

impl Node {
    /// A number to sort by: files that are in fragments alone come last, each fragment's together.
    pub(in crate::image::disk) fn first_block(&self) -> u64 {
        match self.form {
            Form::File {
                fragment: Some((fragment, _)),
                ..
            } if self.is_in_fragment => 1 << 63 | u64::from(fragment),
            Form::File { start, .. } => start,
            _ => 0,
        }
    }
}

impl Squashfs {
    /// The inode with this reference: bits 16 and up its block in the table, the others the place in it.
    pub(in crate::image::disk) fn node(&self, reference: u64) -> Result<Node, DiskError> {
        let block = self.superblock.inode_table.saturating_add(reference >> 16);
        let malformed = |problem| corrupt(block, problem);
        let mut place = Place {
            block,
            offset: index(reference & 0xffff),
        };
        let head = self.take(&mut place, 16)?;
        let kind = le16(&head, 0);
        let tail_bytes = match kind {
            1 | 2 => 16,
            8 => 24,
            9 => 40,
            3 | 10 => 8,
            4..=7 | 11..=14 => 4,
            _ => return Err(malformed("an inode of an unknown type")),
        };
        let tail = self.take(&mut place, tail_bytes)?;
        let fragment = |number: usize, offset: usize| match le32(&tail, number) {
            NO_FRAGMENT => None,
            fragment => Some((fragment, le32(&tail, offset))),
        };
        let directory = |block: u32, offset: u16| {
            Form::Directory(Place {
                block: self.superblock.directory_table.saturating_add(block.into()),
                offset: offset.into(),
            })
        };
        let (type_bits, links, size_bytes, form) = match kind {
            1 => (
                0o040_000,
                le32(&tail, 4),
                le16(&tail, 8).into(),
                directory(le32(&tail, 0), le16(&tail, 10)),
            ),
            8 => (
                0o040_000,
                le32(&tail, 0),
                le32(&tail, 4).into(),
                directory(le32(&tail, 8), le16(&tail, 18)),
            ),
            2 => {
                let form = Form::File {
                    start: le32(&tail, 0).into(),
                    fragment: fragment(4, 8),
                    sizes: place,
                };
                (0o100_000, 1, le32(&tail, 12).into(), form)
            }
            9 => {
                let form = Form::File {
                    start: le64(&tail, 0),
                    fragment: fragment(28, 32),
                    sizes: place,
                };
                (0o100_000, le32(&tail, 24), le64(&tail, 8), form)
            }
            3 | 10 => (
                0o120_000,
                le32(&tail, 0),
                le32(&tail, 4).into(),
                Form::Symlink(place),
            ),
            4 | 11 => (0o060_000, le32(&tail, 0), 0, Form::Special),
            5 | 12 => (0o020_000, le32(&tail, 0), 0, Form::Special),
            6 | 13 => (0o010_000, le32(&tail, 0), 0, Form::Special),
            _ => (0o140_000, le32(&tail, 0), 0, Form::Special),
        };
        // Only of files are they of interest.
        let attributes = Some(le32(&tail, 36)).filter(|number| kind == 9 && *number != NO_ATTRIBUTES);
        let mode = type_bits | u32::from(le16(&head, 2) & 0o7777);
        let kind = u16::try_from(mode).ok().and_then(Kind::of_mode);
        Ok(Node {
            reference,
            kind: kind.ok_or_else(|| malformed("an inode of an unknown type"))?,
            mode,
            uid: self.id(le16(&head, 4))?,
            gid: self.id(le16(&head, 6))?,
            links,
            size_bytes,
            form,
            attributes,
            is_in_fragment: size_bytes < self.superblock.block_bytes.into(),
        })
    }

    /// Bytes of a directory.
    pub(in crate::image::disk) fn directory_bytes(directory: &Node) -> u64 {
        directory.size_bytes.saturating_sub(DOTS_BYTES)
    }

    /// Names of what is in a directory, and where their inodes are.
    pub(in crate::image::disk) fn list(&self, directory: &Node) -> Result<Vec<(Vec<u8>, u64)>, DiskError> {
        let Form::Directory(mut place) = directory.form else {
            return Ok(Vec::new());
        };
        let at = place.block;
        let malformed = |problem| corrupt(at, problem);
        let mut left = Self::directory_bytes(directory);
        if left > MAX_DIRECTORY_BYTES {
            return Err(malformed("a directory larger than any that programs write"));
        }
        let mut names: Vec<(Vec<u8>, u64)> = Vec::new();
        let mut take = |place: &mut Place, len: usize| {
            let rest = u64::try_from(len).ok().and_then(|len| left.checked_sub(len));
            left = rest.ok_or_else(|| malformed("a directory ends inside an entry"))?;
            self.take(place, len).map(|bytes| (bytes, left))
        };
        let mut is_more = Self::directory_bytes(directory) > 0;
        while is_more {
            let (head, _) = take(&mut place, 12)?;
            let entries = le32(&head, 0).saturating_add(1);
            if entries > MAX_ENTRIES {
                return Err(malformed("a directory with more entries than it can have"));
            }
            let block = u64::from(le32(&head, 4));
            for _ in 0..entries {
                let (entry, _) = take(&mut place, 8)?;
                let len = usize::from(le16(&entry, 6)).saturating_add(1);
                if len > MAX_NAME_BYTES {
                    return Err(malformed("a name that is too long"));
                }
                let (name, left) = take(&mut place, len)?;
                is_more = left > 0;
                if matches!(&name[..], b"." | b"..") || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
                    return Err(malformed("a name that no file has"));
                }
                // Sorted by their names, so that none is there twice.
                if names.last().is_some_and(|(last, _)| *last >= name) {
                    return Err(malformed("names out of order"));
                }
                names.push((name, block << 16 | u64::from(le16(&entry, 0))));
            }
        }
        Ok(names)
    }

    /// The target of a symbolic link.
    pub(in crate::image::disk) fn target(&self, link: &Node) -> Result<Option<Vec<u8>>, DiskError> {
        let Form::Symlink(mut place) = link.form else {
            return Ok(None);
        };
        match u32::try_from(link.size_bytes) {
            Ok(len @ 1..=MAX_TARGET_BYTES) => self.take(&mut place, index(len)).map(Some),
            _ => Err(corrupt(place.block, "a symbolic link to nothing, or too far")),
        }
    }
}
