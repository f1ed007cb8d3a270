//! The header of a cpio member, as the kernel takes it.
//!
//! ```text
//!   0  magic      "070701" (newc) or "070702" (crc: the last field is a sum of the data)
//!   6  ino        every field: 8 hex digits of either case
//!  14  mode       st_mode, 16 bits of it
//!  22  uid
//!  30  gid
//!  38  nlink
//!  46  mtime
//!  54  filesize
//!  62  devmajor
//!  70  devminor
//!  78  rdevmajor
//!  86  rdevminor
//!  94  namesize   with the NUL at the end
//! 102  check      sum of all data bytes, modulo 2^32
//! 110  name, NUL, padding to a multiple of 4; then data, padding to a multiple of 4
//! ```
//!
//! Source: Linux, `Documentation/driver-api/early-userspace/buffer-format.rst` and `init/initramfs.c`.

use crate::image::rootfs::Kind;

/// Bytes of a header.
pub(in crate::image) const HEADER_BYTES: usize = 110;

/// Longest name with its NUL, and longest target of a symbolic link (`PATH_MAX`).
pub(in crate::image) const PATH_MAX: u32 = 4096;

/// Name of the member that ends an archive.
pub(in crate::image) const TRAILER: &[u8] = b"TRAILER!!!";

/// The numbers of a member that mean something to the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Header {
    /// Whether `check` is the sum of the data.
    pub(in crate::image) has_checksum: bool,
    pub(in crate::image) ino: u32,
    pub(in crate::image) mode: u16,
    pub(in crate::image) uid: u32,
    pub(in crate::image) gid: u32,
    pub(in crate::image) nlink: u32,
    pub(in crate::image) file_size: u32,
    pub(in crate::image) dev_major: u32,
    pub(in crate::image) dev_minor: u32,
    pub(in crate::image) name_size: u32,
    pub(in crate::image) checksum: u32,
}

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) enum Fault {
    /// `070707`.
    Odc,
    Magic([u8; 6]),
    Field(&'static str, [u8; 8]),
}

const FIELDS: [&str; 13] = [
    "ino",
    "mode",
    "uid",
    "gid",
    "nlink",
    "mtime",
    "filesize",
    "devmajor",
    "devminor",
    "rdevmajor",
    "rdevminor",
    "namesize",
    "check",
];

impl Header {
    /// Reads a header. Hex digits are asked for strictly, as kernels from 2025 on do.
    pub(in crate::image) fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Fault> {
        let (magic, digits) = bytes.split_first_chunk::<6>().ok_or(Fault::Magic([0; 6]))?;
        let has_checksum = match magic {
            b"070701" => false,
            b"070702" => true,
            b"070707" => return Err(Fault::Odc),
            _ => return Err(Fault::Magic(*magic)),
        };
        let mut values = [0_u32; FIELDS.len()];
        for ((value, name), field) in values.iter_mut().zip(FIELDS).zip(digits.as_chunks::<8>().0) {
            *value = hex(field).ok_or(Fault::Field(name, *field))?;
        }
        let [
            ino,
            mode,
            uid,
            gid,
            nlink,
            _mtime,
            file_size,
            dev_major,
            dev_minor,
            _rdev_major,
            _rdev_minor,
            name_size,
            checksum,
        ] = values;
        let [_, _, high, low] = mode.to_be_bytes();
        Ok(Self {
            has_checksum,
            ino,
            mode: u16::from_be_bytes([high, low]),
            uid,
            gid,
            nlink,
            file_size,
            dev_major,
            dev_minor,
            name_size,
            checksum,
        })
    }

    pub(in crate::image) fn kind(&self) -> Kind {
        match self.mode & 0o170_000 {
            0o100_000 => Kind::Regular,
            0o040_000 => Kind::Directory,
            0o120_000 => Kind::Symlink,
            0o020_000 => Kind::CharacterDevice,
            0o060_000 => Kind::BlockDevice,
            0o010_000 => Kind::Fifo,
            0o140_000 => Kind::Socket,
            _ => Kind::None,
        }
    }

    /// Bytes of the name with its padding: header and name together are a multiple of four.
    pub(in crate::image) fn padded_name_size(&self) -> u64 {
        (u64::from(self.name_size).saturating_add(1) & !3).saturating_add(2)
    }

    /// Bytes of the padding after the data.
    pub(in crate::image) fn data_padding(&self) -> u64 {
        u64::from(self.file_size.wrapping_neg() & 3)
    }
}

fn hex(digits: &[u8; 8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, digit| {
        Some(value << 4 | char::from(*digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(fields: &str) -> Result<Header, Fault> {
        Header::parse(fields.as_bytes().try_into().unwrap())
    }

    const GOOD: &str = concat!(
        "070701", "0000002A", "000081a4", "00000001", "00000002", "00000003", "00000004", "00000005",
        "00000006", "00000007", "00000008", "00000009", "0000000b", "fFfFfFfF"
    );

    #[test]
    fn every_field_is_read_from_its_place() {
        let expected = Header {
            has_checksum: false,
            ino: 42,
            mode: 0o100_644,
            uid: 1,
            gid: 2,
            nlink: 3,
            file_size: 5,
            dev_major: 6,
            dev_minor: 7,
            name_size: 11,
            checksum: u32::MAX,
        };
        assert_eq!(header(GOOD), Ok(expected));
        assert_eq!(header(GOOD).unwrap().kind(), Kind::Regular);
    }

    #[test]
    fn what_is_no_header_is_named() {
        let rows = [
            ("odc", GOOD.replacen("070701", "070707", 1), Fault::Odc),
            (
                "no magic",
                GOOD.replacen("070701", "070708", 1),
                Fault::Magic(*b"070708"),
            ),
            (
                "prefix, which older kernels take",
                GOOD.replacen("0000002A", "0x00002A", 1),
                Fault::Field("ino", *b"0x00002A"),
            ),
            (
                "blank",
                GOOD.replacen("00000005", "       5", 1),
                Fault::Field("filesize", *b"       5"),
            ),
            (
                "sign",
                GOOD.replacen("fFfFfFfF", "+0000001", 1),
                Fault::Field("check", *b"+0000001"),
            ),
        ];
        for (why, fields, fault) in rows {
            assert_eq!(header(&fields), Err(fault), "{why}");
        }
    }

    #[test]
    fn names_and_data_are_padded_to_four() {
        let mut header = header(GOOD).unwrap();
        for (name_size, padded) in [
            (1, 2),
            (2, 2),
            (3, 6),
            (6, 6),
            (7, 10),
            (11, 14),
            (u32::MAX, 0x1_0000_0002),
        ] {
            header.name_size = name_size;
            assert_eq!(header.padded_name_size(), padded, "{name_size}");
        }
        for (file_size, padding) in [(0, 0), (1, 3), (2, 2), (3, 1), (4, 0), (u32::MAX, 1)] {
            header.file_size = file_size;
            assert_eq!(header.data_padding(), padding, "{file_size}");
        }
    }

    #[test]
    fn only_sixteen_bits_of_the_mode_count() {
        let header = header(&GOOD.replacen("000081a4", "1234a1ff", 1)).unwrap();
        assert_eq!((header.mode, header.kind()), (0o120_777, Kind::Symlink));
    }
}
