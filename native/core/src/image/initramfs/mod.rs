//! An initramfs: the archives a boot loader hands to the kernel, unpacked exactly as the kernel does it.
//!
//! What the kernel makes of such a file is decided by its own code alone, not by the manual of `cpio`: any
//! number of archives, each plain or compressed, the last word on a path winning, hard links across them,
//! members dropped without a word. Here every member acts on a tree in memory ([`super::rootfs`]) as the kernel's
//! system calls do, its bytes are hashed while they are unpacked, and nothing is written anywhere.

mod bootconfig;
pub(super) mod cpio;
mod error;
mod inventory;
mod locate;
#[cfg(test)]
mod tests;
mod unpack;

pub use error::{At, InitramfsError, Part, Segment};

pub use locate::{Location, Standing, locate};

pub use super::compression::Compression;
pub use super::rootfs::Refusal;

use std::cell::Cell;
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use super::cursor::{Cursor, Fill};
use super::rootfs::Rootfs;
use super::{Fact, ImageError, Layer, Note, Scan, Sink, Source};
use ima_assay_digest::Control;

/// Read ahead in the file.
const BUFFER_BYTES: usize = 256 << 10;

/// Whether a file that starts with these bytes should be read as an initramfs: a cpio archive of any kind or
/// a compressed stream, after NUL bytes or none. What a stream unpacks to is not looked at.
#[must_use]
pub fn looks_like(head: &[u8]) -> bool {
    let padding = head.iter().take_while(|byte| **byte == 0).count();
    match head.get(padding..).unwrap_or_default() {
        // Padding of any length may stand in front.
        [] => true,
        [b'0', b'7', b'0', b'7', b'0', b'1' | b'2' | b'7', ..] => true,
        // The binary format in both byte orders: refused, with a better word than "unknown".
        [0xc7, 0x71, ..] | [0x71, 0xc7, ..] => padding == 0,
        // Two bytes are a poor magic: dictionaries have a size that ends in a zero byte.
        head => match Compression::detect(head) {
            Some(Compression::Lzma) => head.get(2) == Some(&0),
            found => found.is_some(),
        },
    }
}

/// An initramfs in a file, or in parts of one.
#[derive(Debug)]
pub struct Initramfs {
    file: fs::File,
    path: Vec<u8>,
    parts: Vec<Range<u64>>,
}

impl Initramfs {
    /// The initramfs that a whole file is. `path` is only shown.
    ///
    /// # Errors
    /// [`ImageError::Io`].
    pub fn open(file: fs::File, path: Vec<u8>) -> Result<Self, ImageError> {
        match file.metadata() {
            Ok(metadata) => {
                let whole = std::iter::once(0..metadata.len()).collect();
                Ok(Self::in_parts(file, path, whole))
            }
            Err(error) => Err(ImageError::Io { path, error }),
        }
    }

    /// The initramfs that a boot loader puts together from parts of a file, each padded with NUL bytes to a
    /// multiple of 4. `path` is only shown.
    #[must_use]
    pub fn in_parts(file: fs::File, path: Vec<u8>, parts: Vec<Range<u64>>) -> Self {
        Self { file, path, parts }
    }

    /// Takes the boot configuration off the last part and says how long it was.
    fn cut_bootconfig(&self, parts: &mut [Range<u64>]) -> Result<u64, ImageError> {
        let Some(last) = parts.last_mut() else {
            return Ok(0);
        };
        let size = bootconfig::trailing_bytes(range_len(last), |bytes, offset| {
            self.file.read_exact_at(bytes, last.start.saturating_add(offset))
        })
        .map_err(|error| self.io_error(error))?;
        last.end = last.end.saturating_sub(size);
        Ok(size)
    }

    fn io_error(&self, error: io::Error) -> ImageError {
        ImageError::Io {
            path: self.path.clone(),
            error,
        }
    }

    /// Unpacks everything and lets `look` see the tree that came of it.
    fn unpack<'s>(
        &'s self,
        scan: &Scan<'_>,
        sink: &mut dyn Sink<'s>,
        look: &mut dyn FnMut(&Rootfs),
    ) -> Result<Layer, ImageError> {
        let size = self.size_bytes().unwrap_or(0);
        if size == 0 {
            return Err(ImageError::Empty);
        }
        for path in scan.selection.asked() {
            sink.note(Note::unmet_skip(path, "an initramfs is taken whole"));
        }
        let mut parts = self.parts.clone();
        let bootconfig = self.cut_bootconfig(&mut parts)?;
        let meter = unpack::Meter::default();
        let mut input = Cursor::new(
            Input {
                initramfs: self,
                parts: &parts,
                taken: 0,
                padding: 0,
                control: scan.control,
                read: &meter.input,
            },
            BUFFER_BYTES,
        );
        let mut unpacker = unpack::Unpacker::new(scan, sink, &meter);
        match unpacker.unpack(&mut input) {
            Err(ImageError::Initramfs(error)) if error.leaves_a_tree() => unpacker.omit(error)?,
            done => done?,
        }
        look(unpacker.rootfs());
        let (files, segments, layers) = unpacker.finish()?;
        let mut facts = vec![
            ("segments", Fact::Number(segments)),
            ("files", Fact::Number(files)),
        ];
        if bootconfig > 0 {
            facts.push(("bootconfigBytes", Fact::Number(bootconfig)));
        }
        Ok(Layer {
            kind: "initramfs",
            offset_bytes: self.parts.first().map(|part| part.start),
            size_bytes: Some(size),
            facts,
            layers,
        })
    }
}

impl Source for Initramfs {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.parts.iter().map(range_len).fold(0, u64::saturating_add))
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        self.unpack(scan, sink, &mut |_| {})
    }
}

/// Reads the parts one after the other.
struct Input<'a> {
    initramfs: &'a Initramfs,
    parts: &'a [Range<u64>],
    /// Bytes of the first of them that were read.
    taken: u64,
    /// NUL bytes to give before it.
    padding: usize,
    control: &'a Control,
    read: &'a Cell<u64>,
}

impl Fill for Input<'_> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        if self.control.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        while let Some((part, rest)) = self.parts.split_first() {
            let left = range_len(part).saturating_sub(self.taken);
            if self.padding > 0 {
                let zeros = buffer.len().min(self.padding);
                buffer.get_mut(..zeros).unwrap_or_default().fill(0);
                self.padding = self.padding.saturating_sub(zeros);
                return Ok(zeros);
            }
            if left == 0 {
                self.padding = usize::try_from(self.taken.wrapping_neg() & 3).unwrap_or(0);
                self.parts = rest;
                self.taken = 0;
                continue;
            }
            let room = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let len = self.read_at(
                buffer.get_mut(..room).unwrap_or_default(),
                part.start.saturating_add(self.taken),
            )?;
            let added = u64::try_from(len).unwrap_or(u64::MAX);
            self.taken = self.taken.saturating_add(added);
            self.read.set(self.read.get().saturating_add(added));
            self.control.add_input_bytes(added);
            return Ok(len);
        }
        Ok(0)
    }
}

impl Input<'_> {
    /// Some bytes of the file. That it has none there means that it shrank since it was opened.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, ImageError> {
        loop {
            match self.initramfs.file.read_at(buffer, offset) {
                Ok(0) if !buffer.is_empty() => {
                    return Err(self.initramfs.io_error(io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(len) => return Ok(len),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.initramfs.io_error(error)),
            }
        }
    }
}

fn range_len(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}
