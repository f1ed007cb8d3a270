//! What stands in front of a member because its header has no room for it.
//!
//! ```text
//! 'x'  a PAX header: records for the next member      "LENGTH KEY=VALUE\n", LENGTH counts the whole record
//! 'g'  the same for all that follow
//! 'L'  GNU: the name of the next member, and a NUL
//! 'K'  GNU: the target of the next link, and a NUL
//! ```
//!
//! Source: POSIX.1-2017, `pax`, "pax Extended Header"; GNU tar manual, "Sparse Formats".

use super::sparse::{MAX_REGIONS, Region};
use crate::allowlist::Signatures;

/// What a record of an attribute begins with, where signatures may be.
const ATTRIBUTE: &[u8] = b"SCHILY.xattr.security.";

/// What is known of the next member before its header.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Extended {
    /// Where the first of these headers starts.
    pub(super) offset: u64,
    pub(super) long_name: Option<Vec<u8>>,
    pub(super) long_link: Option<Vec<u8>>,
    pub(super) records: Option<Records>,
}

impl Extended {
    pub(super) fn is_empty(&self) -> bool {
        self.long_name.is_none() && self.long_link.is_none() && self.records.is_none()
    }
}

/// The PAX records that decide what is listed. Times, names of owners and the like do not.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) linkpath: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    /// The attributes that signatures are kept in.
    pub(super) attributes: Signatures,
    pub(super) sparse: Sparse,
}

/// GNU's records of a sparse file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Sparse {
    pub(super) name: Option<Vec<u8>>,
    /// `GNU.sparse.size` or `GNU.sparse.realsize`.
    pub(super) size: Option<u64>,
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    pub(super) regions: Vec<Region>,
    /// An offset whose length has not come yet.
    pub(super) open: Option<u64>,
    pub(super) is_used: bool,
}

impl Records {
    /// Reads the records of a header.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (mut records, mut rest) = (Self::default(), bytes);
        while !rest.is_empty() {
            let (key, value, after) = split(rest).ok_or("a record is not LENGTH KEY=VALUE and a line end")?;
            records.add(key, value)?;
            rest = after;
        }
        if records.sparse.open.is_some() {
            return Err("an offset of a sparse file without its length");
        }
        Ok(records)
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let name = || match value {
            [] => Err("a name is empty"),
            _ if value.contains(&0) => Err("a name with a NUL byte"),
            _ => Ok(Some(value.to_vec())),
        };
        let number = || decimal(value).map(Some).ok_or("a value is no decimal number");
        let owner = || match number()?.map(u32::try_from) {
            Some(Ok(owner)) => Ok(Some(owner)),
            _ => Err("an owner is no number of 32 bits"),
        };
        let sparse = &mut self.sparse;
        match key {
            b"path" => self.path = name()?,
            b"linkpath" => self.linkpath = name()?,
            b"size" => self.size = number()?,
            b"uid" => self.uid = owner()?,
            b"gid" => self.gid = owner()?,
            _ if key.starts_with(ATTRIBUTE) => {
                let name = key.strip_prefix(ATTRIBUTE).unwrap_or_default();
                if let Some(slot) = self.attributes.slot(name) {
                    *slot = Some(value.to_vec());
                }
            }
            b"SCHILY.realsize" => return Err("a sparse file as star writes it, which is not read"),
            _ if key.starts_with(b"GNU.sparse.") => {
                sparse.is_used = true;
                match key {
                    b"GNU.sparse.name" => sparse.name = name()?,
                    b"GNU.sparse.size" | b"GNU.sparse.realsize" => sparse.size = number()?,
                    b"GNU.sparse.major" => sparse.major = number()?,
                    b"GNU.sparse.minor" => sparse.minor = number()?,
                    b"GNU.sparse.numblocks" => {
                        number()?;
                    }
                    b"GNU.sparse.offset" if sparse.open.is_none() => sparse.open = number()?,
                    b"GNU.sparse.numbytes" => {
                        let offset = sparse
                            .open
                            .take()
                            .ok_or("a length of a sparse file without its offset")?;
                        sparse.push(offset, decimal(value))?;
                    }
                    b"GNU.sparse.map" => sparse.add_map(value)?,
                    _ => return Err("a record of sparse files that is not known"),
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether something is said that can be true of one member only.
    pub(super) fn is_of_one_member(&self) -> bool {
        self.path.is_some()
            || self.linkpath.is_some()
            || self.size.is_some()
            || self.attributes != Signatures::default()
            || self.sparse.is_used
    }
}

impl Sparse {
    pub(super) fn push(&mut self, offset: u64, len: Option<u64>) -> Result<(), &'static str> {
        let len = len.ok_or("a value is no decimal number")?;
        if self.regions.len() >= MAX_REGIONS {
            return Err("a sparse file in more than a million pieces");
        }
        self.regions.push(Region { offset, len });
        Ok(())
    }

    /// `offset,length,offset,length,…`
    fn add_map(&mut self, value: &[u8]) -> Result<(), &'static str> {
        if value.is_empty() {
            return Ok(());
        }
        let mut numbers = value.split(|byte| *byte == b',').map(decimal);
        while let Some(offset) = numbers.next() {
            let offset = offset.ok_or("a value is no decimal number")?;
            self.push(offset, numbers.next().flatten())?;
        }
        Ok(())
    }
}

/// The first record's key and value, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().take(21).position(|byte| *byte == b' ')?;
    let len = usize::try_from(decimal(bytes.get(..blank)?)?).ok()?;
    let (record, rest) = bytes.split_at_checked(len)?;
    let record = record.get(blank.checked_add(1)?..)?.strip_suffix(b"\n")?;
    let equals = record
        .iter()
        .position(|byte| *byte == b'=')
        .filter(|at| *at > 0)?;
    Some((record.get(..equals)?, record.get(equals.checked_add(1)?..)?, rest))
}

/// A number of decimal digits only.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok()?;
    is_number.then(|| text.parse().ok()).flatten()
}

/// A name of GNU's kind, without the NUL at its end.
pub(super) fn long_name(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .ok_or("a name is empty")?;
    let name = bytes.get(..=end).unwrap_or_default();
    if name.contains(&0) {
        return Err("a name with a NUL byte");
    }
    Ok(name.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_its_length_says_and_nothing_else() {
        let rows: [(&str, &[u8], bool); 12] = [
            ("one record", b"10 path=a\n", true),
            ("a line end in it", b"12 path=a\nb\n", true),
            ("unknown keys", b"12 comment=\n", true),
            ("none", b"", true),
            ("cut", b"10 path=a", false),
            ("longer than it says", b"8 path=a\n", false),
            ("no key", b"5 =a\n", false),
            ("no length", b"path=a\n", false),
            ("a length that overflows", b"99999999999999999999 path=a\n", false),
            ("NUL in a name", b"12 path=a\0b\n", false),
            ("padding", b"10 path=a\n\0\0", false),
            ("a size with a sign", b"11 size=-1\n", false),
        ];
        for (why, bytes, is_sound) in rows {
            assert_eq!(Records::parse(bytes).is_ok(), is_sound, "{why}");
        }
    }
}
