//! Rock Ridge: what files of POSIX have, in fields behind the names of records.
//!
//! ```text
//! field   0 two letters   2 bytes u8   3 version u8   4 …
//! SP   4 be ef   6 bytes to skip in other records u8; the first field of the root's first record
//! CE   4 block   12 offset   20 bytes of more fields               ST   no more fields here
//! NM   4 flags u8: 1 goes on, 2 and 4 names of the directory itself and the one above   5 a part of the name
//! PX   4 mode   12 links   20 owner   28 group
//! SL   4 flags u8: 1 goes on   5 parts of a target: flags u8: 1 goes on, 2 ".", 4 "..", 8 "/"; bytes u8; text
//! CL   4 block of the directory that was moved elsewhere           RE   the directory was moved to here
//! ER   says that all of this is Rock Ridge                         ZF, SF   a file that is packed, or sparse
//! ```
//!
//! Numbers are there twice. Source: SUSP 1.12, RRIP 1.12; Linux, `fs/isofs/rock.c`.

use super::{Iso9660, SECTOR_BYTES, both32, corrupt, unsupported};
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index};
use crate::image::disk::read_at::read_vec;

const HEAD_BYTES: usize = 4;

/// Bytes of the attributes of CD-ROM XA, which may come first.
const XA_BYTES: usize = 14;

/// How often fields may go on elsewhere, as for Linux.
const MAX_AREAS: usize = 32;

/// Longer names Linux cuts.
const MAX_NAME_BYTES: usize = 253;
/// Longest target of a symbolic link (Linux, `PATH_MAX`).
const MAX_TARGET_BYTES: usize = 4095;

const GOES_ON: u8 = 1;

/// What the fields of a record say.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) name: Vec<u8>,
    /// Mode, owner and group.
    pub(super) owner: Option<(u32, u32, u32)>,
    pub(super) target: Vec<u8>,
    /// Where the directory was moved to.
    pub(super) child: Option<u32>,
    /// Whether it was moved to here.
    pub(super) is_moved: bool,
    pub(super) has_signature: bool,
    pub(super) is_unread: Option<&'static str>,
    is_slash_due: bool,
}

/// The fields of the root, and how many bytes to skip before those of other records; none where there are no fields.
pub(super) fn of_root(extensions: &[u8]) -> Option<(&[u8], usize)> {
    let starts = [0, XA_BYTES].into_iter();
    starts
        .filter_map(|start| extensions.get(start..))
        .find_map(|fields| match fields {
            [b'S', b'P', 7, 1, 0xbe, 0xef, skip, ..] => Some((fields, usize::from(*skip))),
            _ => None,
        })
}

impl Iso9660 {
    /// What these fields of the record at `at` say, and those that they go on in.
    pub(super) fn fields(&self, first: &[u8], at: u64) -> Result<Fields, DiskError> {
        let mut found = Fields::default();
        let mut area = first.to_vec();
        for _ in 0..MAX_AREAS {
            let mut next = None;
            let mut rest = area.as_slice();
            // There may be a byte of padding.
            while rest.len() >= HEAD_BYTES && rest.iter().any(|&byte| byte != 0) {
                let len = usize::from(byte(rest, 2));
                let split = rest.split_at_checked(len).filter(|_| len >= HEAD_BYTES);
                let (field, behind) =
                    split.ok_or_else(|| corrupt(at, "a field that reaches out of its area"))?;
                rest = behind;
                match field.first_chunk() {
                    Some(b"CE") => {
                        next = Some(place(field).ok_or_else(|| corrupt(at, "fields go on nowhere"))?)
                    }
                    Some(b"ST") => break,
                    Some(name) => found
                        .take(*name, field)
                        .ok_or_else(|| corrupt(at, "a field that contradicts itself"))?,
                    None => {}
                }
            }
            let Some((place, len)) = next else {
                return found.check(at);
            };
            area = read_vec(self.volume.as_ref(), place, len)?;
        }
        Err(corrupt(at, "fields that go on without end"))
    }
}

/// Where fields go on, in bytes, and how many they have: all in one block.
fn place(field: &[u8]) -> Option<(u64, usize)> {
    let (block, offset, len) = (both32(field, 4)?, both32(field, 12)?, both32(field, 20)?);
    let end = u64::from(offset).checked_add(len.into())?;
    let start = u64::from(block)
        .checked_mul(SECTOR_BYTES)?
        .checked_add(offset.into())?;
    (field.len() >= 28 && end <= SECTOR_BYTES).then_some((start, index(len)))
}

impl Fields {
    /// Takes one; none if it cannot be.
    fn take(&mut self, name: [u8; 2], field: &[u8]) -> Option<()> {
        match &name {
            // Others are names of the directory itself, or the one above.
            b"NM" if byte(field, 4) & !GOES_ON == 0 => {
                self.name.extend_from_slice(field.get(5..)?);
            }
            b"PX" => {
                let numbers = (both32(field, 4)?, both32(field, 20)?, both32(field, 28)?);
                self.owner = Some(numbers).filter(|_| field.len() >= 36);
                self.owner?;
            }
            b"SL" => self.link(field.get(5..)?)?,
            b"CL" => {
                self.child = Some(both32(field, 4)?).filter(|_| field.len() >= 12);
                self.child?;
            }
            b"RE" => self.is_moved = true,
            b"ER" => self.has_signature = true,
            b"ZF" => self.is_unread = Some("a file that is packed by zisofs"),
            b"SF" => self.is_unread = Some("a sparse file"),
            _ => {}
        }
        Some(())
    }

    /// Takes parts of the target of a link.
    fn link(&mut self, mut parts: &[u8]) -> Option<()> {
        while let [flags, len, rest @ ..] = parts {
            let (text, behind) = rest.split_at_checked((*len).into())?;
            parts = behind;
            if std::mem::take(&mut self.is_slash_due) {
                self.target.push(b'/');
            }
            match flags & !GOES_ON {
                0 => self.target.extend_from_slice(text),
                2 => self.target.push(b'.'),
                4 => self.target.extend_from_slice(b".."),
                8 => self.target.push(b'/'),
                _ => return None,
            }
            self.is_slash_due = flags & (GOES_ON | 8) == 0;
        }
        (parts.len() < 2).then_some(())
    }

    fn check(self, at: u64) -> Result<Self, DiskError> {
        if self.name.len() > MAX_NAME_BYTES {
            return Err(unsupported("a name of more than 253 bytes, which Linux cuts,"));
        }
        if self.target.len() > MAX_TARGET_BYTES || self.target.contains(&0) {
            return Err(corrupt(at, "a symbolic link with a target that none has"));
        }
        Ok(self)
    }
}
