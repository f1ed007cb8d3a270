//! The lzop container around LZO1X blocks.
//!
//! ```text
//! 89 4c 5a 4f 00 0d 0a 1a 0a
//! version u16be, library version u16, version needed u16, method u8, level u8, flags u32be
//! mode u32, mtime u32, mtime high u32, name length u8, name, checksum u32 of all this
//! blocks: unpacked size u32be │ packed size u32 │ checksums by the flags │ bytes
//! 00 00 00 00
//! ```
//!
//! Before version 0x0940 there is no level and no upper half of mtime. A block whose sizes are equal is
//! stored. Source: Linux, `lib/decompress_unlzo.c`, which assumes one checksum a block and looks at none.

use std::io::{self, Read};

use crate::image::cursor::{Cursor, Fill};

pub(super) const MAGIC: [u8; 9] = [0x89, b'L', b'Z', b'O', 0, 0x0d, 0x0a, 0x1a, 0x0a];

/// What a block unpacks to at most, in the kernel and in lzop's own output.
const BLOCK_BYTES: u32 = 256 << 10;

/// The first version with level and upper half of mtime.
const VERSION_WITH_LEVEL: u16 = 0x0940;

/// LZO1X at its three levels.
const METHODS: std::ops::RangeInclusive<u8> = 1..=3;

const ADLER32_UNPACKED: u32 = 0x1;
const ADLER32_PACKED: u32 = 0x2;
const HEADER_EXTRA: u32 = 0x40;
const CRC32_UNPACKED: u32 = 0x100;
const CRC32_PACKED: u32 = 0x200;
const MULTIPART: u32 = 0x400;
const HEADER_FILTER: u32 = 0x800;
const HEADER_CRC32: u32 = 0x1000;

/// Reads one file of an lzop container.
pub(super) struct Decoder<'c, F> {
    cursor: &'c mut Cursor<F>,
    flags: Option<u32>,
    packed: Vec<u8>,
    block: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<'c, F: Fill> Decoder<'c, F> {
    pub(super) fn new(cursor: &'c mut Cursor<F>) -> Self {
        Self {
            cursor,
            flags: None,
            packed: Vec::new(),
            block: Vec::new(),
            taken: 0,
            ended: false,
        }
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.cursor.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads the header up to its checksum, and checks it.
    fn header(&mut self) -> io::Result<u32> {
        let mut header = Header {
            cursor: self.cursor,
            seen: Vec::new(),
        };
        if header.array()? != MAGIC {
            return Err(corrupt("no lzop magic"));
        }
        header.seen.clear();
        let version = u16::from_be_bytes(header.array()?);
        let [_, _, _, _, method] = header.array()?;
        if !METHODS.contains(&method) {
            return Err(corrupt("the method is not LZO1X"));
        }
        if version >= VERSION_WITH_LEVEL {
            header.array::<1>()?;
        }
        let flags = u32::from_be_bytes(header.array()?);
        if flags & (HEADER_EXTRA | MULTIPART | HEADER_FILTER) != 0 {
            return Err(corrupt("extra fields, parts and filters are not known"));
        }
        header.array::<8>()?;
        if version >= VERSION_WITH_LEVEL {
            header.array::<4>()?;
        }
        let [name_len] = header.array()?;
        for _ in 0..name_len {
            header.array::<1>()?;
        }
        let found = if flags & HEADER_CRC32 == 0 {
            adler32(&header.seen)
        } else {
            crc32(&header.seen)
        };
        if self.number()? != found {
            return Err(corrupt("the checksum of the header is wrong"));
        }
        if (flags & (ADLER32_UNPACKED | CRC32_UNPACKED)).count_ones() != 1
            || flags & (ADLER32_PACKED | CRC32_PACKED) != 0
        {
            return Err(corrupt("the kernel reads only blocks with one checksum"));
        }
        Ok(flags)
    }

    /// Unpacks the next block; false at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        let flags = match self.flags {
            Some(flags) => flags,
            None => {
                let flags = self.header()?;
                *self.flags.insert(flags)
            }
        };
        let size = self.number()?;
        if size == 0 {
            return Ok(false);
        }
        let packed_size = self.number()?;
        if size > BLOCK_BYTES || packed_size == 0 || packed_size > size {
            return Err(corrupt("a block is larger than the kernel allows, or grows"));
        }
        let stated = self.number()?;
        self.packed.clear();
        let found = Read::take(&mut *self.cursor, u64::from(packed_size)).read_to_end(&mut self.packed)?;
        if u32::try_from(found) != Ok(packed_size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if packed_size == size {
            std::mem::swap(&mut self.packed, &mut self.block);
        } else {
            let size = usize::try_from(size).map_err(io::Error::other)?;
            self.block.resize(size, 0);
            match lzokay::decompress::decompress(&self.packed, &mut self.block) {
                Ok(unpacked) if unpacked == size => {}
                Ok(_) => return Err(corrupt("a block is shorter than it says")),
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        let found = if flags & ADLER32_UNPACKED == 0 {
            crc32(&self.block)
        } else {
            adler32(&self.block)
        };
        if stated != found {
            return Err(corrupt("the checksum of a block is wrong"));
        }
        self.taken = 0;
        Ok(true)
    }
}

impl<F: Fill> Read for Decoder<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && self.taken >= self.block.len() {
            self.ended = !self.next_block()?;
        }
        if self.ended {
            return Ok(0);
        }
        let mut left = self.block.get(self.taken..).unwrap_or_default();
        let read = left.read(buffer)?;
        self.taken = self.taken.saturating_add(read);
        Ok(read)
    }
}

/// Reads a header and keeps it for its checksum.
struct Header<'c, F> {
    cursor: &'c mut Cursor<F>,
    seen: Vec<u8>,
}

impl<F: Fill> Header<'_, F> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.cursor.read_exact(&mut bytes)?;
        self.seen.extend_from_slice(&bytes);
        Ok(bytes)
    }
}

fn adler32(bytes: &[u8]) -> u32 {
    adler2::adler32_slice(bytes)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn corrupt(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
