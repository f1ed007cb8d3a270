//! The header of a member.
//!
//! ```text
//!   0  name      100 bytes, up to the first NUL
//! 100  mode      8    numbers: octal digits up to a blank or NUL, or base-256 with the first bit set
//! 108  uid       8
//! 116  gid       8
//! 124  size     12
//! 136  mtime    12
//! 148  chksum    8    sum of all bytes of the header, these eight taken for blanks
//! 156  typeflag  1
//! 157  linkname 100
//! 257  magic     6    "ustar\0" (POSIX), "ustar " (GNU), or none (v7)
//! 263  version   2
//! 265  uname 32, 297 gname 32, 329 devmajor 8, 337 devminor 8
//! 345  prefix  155    POSIX: the front of a long name; GNU: times, and the map of a sparse file
//! 500  zeros
//! ```
//!
//! Source: POSIX.1-2017, `pax`; GNU tar 1.34, `src/tar.h`.

/// Bytes of a block: a header is one, data are padded to whole ones.
pub(super) const BLOCK_BYTES: usize = 512;

/// One block.
pub(super) type Block = [u8; BLOCK_BYTES];

/// Which layout the end of the header has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V7,
    Posix,
    Gnu,
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) dialect: Dialect,
    pub(super) name: Vec<u8>,
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) typeflag: u8,
    pub(super) link: Vec<u8>,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Checksum,
    Field(&'static str),
}

impl Header {
    pub(super) fn parse(block: &Block) -> Result<Self, Fault> {
        if !has_right_checksum(block) {
            return Err(Fault::Checksum);
        }
        let dialect = match field(block, 257, 8) {
            b"ustar  \0" => Dialect::Gnu,
            [b'u', b's', b't', b'a', b'r', 0, ..] => Dialect::Posix,
            _ => Dialect::V7,
        };
        let mut name = text(field(block, 0, 100)).to_vec();
        // star keeps times in the last bytes of the prefix.
        let prefix_len = if field(block, 508, 4) == b"tar\0" {
            131
        } else {
            155
        };
        let prefix = text(field(block, 345, prefix_len));
        if dialect == Dialect::Posix && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let owner = |start, what| {
            let number = number(field(block, start, 8)).ok_or(Fault::Field(what))?;
            // No number at all: some programs leave it out.
            u32::try_from(number.unwrap_or(0)).map_err(|_| Fault::Field(what))
        };
        let mode = number(field(block, 100, 8))
            .ok_or(Fault::Field("mode"))?
            .unwrap_or(0);
        let typeflag = field(block, 156, 1).first().copied().unwrap_or(0);
        // GNU tar gives an archive a name, and the name no size.
        let nothing = (typeflag == b'V').then_some(0);
        let size = number(field(block, 124, 12))
            .and_then(|size| size.or(nothing))
            .ok_or(Fault::Field("size"))?;
        Ok(Self {
            dialect,
            name,
            // Some programs put the kind of the file above the permissions; `typeflag` is what counts.
            mode: u16::try_from(mode & 0o7777).map_err(|_| Fault::Field("mode"))?,
            uid: owner(108, "uid")?,
            gid: owner(116, "gid")?,
            size,
            typeflag,
            link: text(field(block, 157, 100)).to_vec(),
        })
    }
}

/// The bytes of a field.
pub(super) fn field(block: &[u8], start: usize, len: usize) -> &[u8] {
    let end = start.saturating_add(len);
    block.get(start..end).unwrap_or_default()
}

/// A field up to its first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number; within, none where there is not one digit. None where it is no number of 64 bits without a sign.
pub(super) fn number(field: &[u8]) -> Option<Option<u64>> {
    if let Some((first, rest)) = field.split_first().filter(|(first, _)| **first & 0x80 != 0) {
        // The next bit is the sign.
        let start = (first & 0x40 == 0).then(|| u64::from(first & 0x3f))?;
        let add = |sum: u64, byte: &u8| sum.checked_mul(256)?.checked_add(u64::from(*byte));
        return rest.iter().try_fold(start, add).map(Some);
    }
    let is_end = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().take_while(|byte| **byte == b' ').count();
    let digits = field.get(start..)?;
    let len = digits.iter().position(is_end).unwrap_or(digits.len());
    let (digits, end) = digits.split_at_checked(len)?;
    // What follows the number is no second one: programs disagree about it.
    if !end.iter().all(is_end) {
        return None;
    }
    let add = |sum: u64, byte: &u8| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 8)?;
        sum.checked_mul(8)?.checked_add(u64::from(digit))
    };
    let value = digits.iter().try_fold(0, add)?;
    Some((!digits.is_empty()).then_some(value))
}

/// Old programs added the bytes up as signed ones.
fn has_right_checksum(block: &Block) -> bool {
    let Some(stated) = number(field(block, 148, 8)).flatten() else {
        return false;
    };
    let (mut unsigned, mut signed) = (0_i64, 0_i64);
    for (index, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&index) { b' ' } else { *byte };
        unsigned = unsigned.saturating_add(i64::from(byte));
        signed = signed.saturating_add(i64::from(i8::from_ne_bytes([byte])));
    }
    i64::try_from(stated).is_ok_and(|stated| stated == unsigned || stated == signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why, the field, and what it says.
    type Row = (&'static str, &'static [u8], Option<Option<u64>>);

    #[test]
    fn numbers_are_octal_or_base_256_and_nothing_else() {
        let rows: [Row; 14] = [
            ("octal and NUL", b"0000644\0", Some(Some(0o644))),
            ("octal and blanks around", b"  644 \0\0", Some(Some(0o644))),
            ("no end", b"77777777", Some(Some(0o77_777_777))),
            ("nothing", b"\0\0\0\0\0\0\0\0", Some(None)),
            ("blanks", b"        ", Some(None)),
            ("no octal digit", b"0000648\0", None),
            ("a sign", b"-000644\0", None),
            ("hexadecimal", b"0x00644\0", None),
            ("two numbers", b"644 644\0", None),
            ("a number after NUL", b"\x006440\0\0", None),
            ("base-256", b"\x80\0\0\0\xb2\xd0\x5e\0", Some(Some(3_000_000_000))),
            ("base-256, negative", b"\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (
                "base-256, all of 64 bits",
                b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
                Some(Some(u64::MAX)),
            ),
            ("base-256, beyond", b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
        ];
        for (why, field, expected) in rows {
            assert_eq!(number(field), expected, "{why}");
        }
    }
}
