//! The descriptor of a VMDK: what the disk is made of.
//!
//! ```text
//! # Disk DescriptorFile
//! version=1
//! CID=2f0f7840                      changes with the content
//! parentCID=ffffffff                that of the parent; this is none
//! parentFileNameHint="below.vmdk"
//! createType="twoGbMaxExtentFlat"
//! RW 4194304 FLAT "disk-f001.vmdk" 0    access, sectors, form, file, first sector in it
//! RW 4194304 SPARSE "disk-s002.vmdk"
//! RW 63 ZERO
//! ddb.adapterType = "ide"
//! ```

use super::{FORMAT, MAX_SECTORS};
use crate::image::disk::DiskError;
use crate::image::disk::number::len64;

pub(super) const MAGIC: &[u8] = b"# Disk DescriptorFile";

/// Two thousand extents.
pub(super) const MAX_DESCRIPTOR_BYTES: u64 = 256 << 10;

/// `createType` of disks whose extents are of the forms that are read.
const TYPES: [&[u8]; 5] = [
    b"monolithicFlat",
    b"monolithicSparse",
    b"streamOptimized",
    b"twoGbMaxExtentFlat",
    b"twoGbMaxExtentSparse",
];

/// The content id that no parent has.
const NO_PARENT: u32 = u32::MAX;

/// What a reader needs of a descriptor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) create_type: Vec<u8>,
    pub(super) content_id: u32,
    pub(super) parent: Option<Parent>,
    pub(super) extents: Vec<Line>,
}

/// The disk below.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parent {
    /// As this one names it.
    pub(super) name: Vec<u8>,
    pub(super) content_id: u32,
}

/// An extent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where the line is in the file.
    pub(super) offset: u64,
    pub(super) sectors: u64,
    pub(super) form: Form,
    /// Empty of zeros.
    pub(super) name: Vec<u8>,
}

/// How an extent is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is, from a sector of its file on.
    Flat { sector: u64 },
    /// In grains.
    Sparse,
    /// Nowhere: it is zeros.
    Zero,
}

/// Values by their name, of which each has one.
#[derive(Default)]
struct Values<'t>(Vec<(&'t [u8], &'t [u8], u64)>);

impl<'t> Values<'t> {
    fn get(&self, name: &[u8]) -> Result<Option<(&'t [u8], u64)>, DiskError> {
        let mut found = self
            .0
            .iter()
            .filter(|(known, ..)| known.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some(_), Some((_, _, at))) => Err(FORMAT.malformed(*at, "the descriptor has a value twice")),
            (first, _) => Ok(first.map(|(_, value, at)| (*value, *at))),
        }
    }
}

impl Descriptor {
    /// `base` is where the text starts in the file. What follows a NUL is padding.
    pub(super) fn parse(text: &[u8], base: u64) -> Result<Self, DiskError> {
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        if !text.starts_with(MAGIC) {
            return Err(FORMAT.malformed(base, "no descriptor is where it should be"));
        }
        let (mut values, mut extents, mut sectors) = (Values::default(), Vec::new(), 0_u64);
        let (mut at, mut has_database) = (base, false);
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            let offset = at;
            at = at.saturating_add(len64(line));
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if let Some(extent) = read_extent(line, offset)? {
                if has_database {
                    return Err(FORMAT.malformed(offset, "an extent stands behind the disk database"));
                }
                sectors = sectors.saturating_add(extent.sectors);
                extents.push(extent);
                continue;
            }
            let equals = line.iter().position(|&byte| byte == b'=');
            let (name, value) = equals
                .and_then(|equals| line.split_at_checked(equals))
                .ok_or_else(|| {
                    FORMAT.malformed(
                        offset,
                        "a line of the descriptor is neither a value nor an extent",
                    )
                })?;
            let value = value.strip_prefix(b"=").unwrap_or_default().trim_ascii();
            let name = name.trim_ascii_end();
            // Of a descriptor that was cut behind an extent the database is missing.
            has_database |= name.starts_with(b"ddb.");
            values.0.push((name, unquoted(value), offset));
        }
        let missing = |problem| FORMAT.malformed(base, problem);
        if !matches!(values.get(b"version")?, Some((b"1" | b"2" | b"3", _))) {
            return Err(FORMAT.unsupported("a descriptor of another version than 1, 2 and 3"));
        }
        let create_type = values.get(b"createType")?;
        let (create_type, _) = create_type.ok_or_else(|| missing("the descriptor has no createType"))?;
        if !TYPES.contains(&create_type) {
            return Err(FORMAT.type_unsupported(create_type));
        }
        if extents.is_empty() || !has_database {
            return Err(missing("the descriptor has no extents, or is cut behind one"));
        }
        if sectors == 0 || sectors > MAX_SECTORS {
            return Err(missing("the extents have no sectors, or more than 2^47"));
        }
        let content_id = content_id(&values, b"CID")?;
        Ok(Self {
            create_type: create_type.to_vec(),
            content_id: content_id.ok_or_else(|| missing("the descriptor has no CID"))?,
            parent: parent(&values, base)?,
            extents,
        })
    }

    /// Sectors of the disk.
    pub(super) fn sectors(&self) -> u64 {
        self.extents
            .iter()
            .fold(0, |sum, extent| sum.saturating_add(extent.sectors))
    }
}

/// None of a line that is no extent.
fn read_extent(line: &[u8], offset: u64) -> Result<Option<Line>, DiskError> {
    let (before, quoted) = match line.iter().position(|&byte| byte == b'"') {
        Some(quote) => line.split_at_checked(quote).unwrap_or_default(),
        None => (line, &[][..]),
    };
    let mut words = before
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    match words.next() {
        Some(b"RW" | b"RDONLY") => {}
        Some(b"NOACCESS") => return Err(FORMAT.unsupported("an extent without access")),
        _ => return Ok(None),
    }
    let wrong = || FORMAT.malformed(offset, "an extent of the descriptor is not whole");
    let sectors = words.next().and_then(number).ok_or_else(wrong)?;
    let form = words.next().ok_or_else(wrong)?;
    let after = words.next();
    let named = quoted.strip_prefix(b"\"").and_then(|rest| {
        let end = rest.iter().position(|&byte| byte == b'"')?;
        let (name, rest) = rest.split_at_checked(end)?;
        let rest = rest.strip_prefix(b"\"")?.trim_ascii();
        (!name.is_empty()).then_some((name, rest))
    });
    let (form, name) = match (form, named) {
        (b"ZERO", None) if quoted.is_empty() => (Form::Zero, &[][..]),
        (b"SPARSE", Some((name, b""))) => (Form::Sparse, name),
        (b"FLAT", Some((name, sector))) => {
            let sector = number(sector).filter(|sector| *sector <= MAX_SECTORS);
            (
                Form::Flat {
                    sector: sector.ok_or_else(wrong)?,
                },
                name,
            )
        }
        (b"ZERO" | b"SPARSE" | b"FLAT", _) => return Err(wrong()),
        (other, _) => return Err(FORMAT.type_unsupported(other)),
    };
    if after.is_some() || sectors == 0 || sectors > MAX_SECTORS {
        return Err(wrong());
    }
    Ok(Some(Line {
        offset,
        sectors,
        form,
        name: name.to_vec(),
    }))
}

fn parent(values: &Values<'_>, base: u64) -> Result<Option<Parent>, DiskError> {
    let content_id = content_id(values, b"parentCID")?.unwrap_or(NO_PARENT);
    match (content_id, values.get(b"parentFileNameHint")?) {
        (NO_PARENT, None) => Ok(None),
        (NO_PARENT, Some((_, at))) => Err(FORMAT.malformed(at, "a parent is named that has no parentCID")),
        (_, None | Some((b"", _))) => Err(FORMAT.malformed(base, "the parent has a parentCID and no name")),
        (content_id, Some((name, _))) => Ok(Some(Parent {
            name: name.to_vec(),
            content_id,
        })),
    }
}

fn content_id(values: &Values<'_>, name: &[u8]) -> Result<Option<u32>, DiskError> {
    let Some((value, at)) = values.get(name)? else {
        return Ok(None);
    };
    let digits = std::str::from_utf8(value).ok();
    let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
        Some(id) => Ok(Some(id)),
        None => Err(FORMAT.malformed(at, "a content id is no number of 32 bits")),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn unquoted(value: &[u8]) -> &[u8] {
    let inside = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    inside.unwrap_or(value)
}
