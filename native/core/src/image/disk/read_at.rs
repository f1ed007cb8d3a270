//! Bytes by their offset, from several threads at once: what a file, the inside of a qcow2 and a partition have in
//! common.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::DiskError;

/// Bytes of a known number, in any order.
pub(super) trait ReadAt: Send + Sync {
    /// How many there are.
    fn size_bytes(&self) -> u64;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// [`DiskError::BeyondEnd`], or what keeps the bytes from being read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError>;
}

/// `len` bytes from `offset` on.
///
/// # Errors
/// As [`ReadAt::read_at`]. `len` is at most what the caller's format allows.
pub(super) fn read_vec(source: &dyn ReadAt, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
    let mut bytes = vec![0; len];
    source.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// Whether `len` bytes from `offset` on are among the first `size`.
pub(super) fn check_range(offset: u64, len: usize, size: u64) -> Result<(), DiskError> {
    let end = u64::try_from(len).ok().and_then(|len| offset.checked_add(len));
    match end {
        Some(end) if end <= size => Ok(()),
        _ => Err(DiskError::BeyondEnd { offset, size }),
    }
}

/// A file as it is.
pub(super) struct Raw {
    file: File,
    size_bytes: u64,
}

impl Raw {
    /// A file whose size does not change.
    pub(super) fn new(file: File) -> Result<Self, DiskError> {
        let size_bytes = file.metadata().map_err(DiskError::from)?.len();
        Ok(Self { file, size_bytes })
    }
}

impl ReadAt for Raw {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        check_range(offset, buffer.len(), self.size_bytes)?;
        self.file.read_exact_at(buffer, offset).map_err(DiskError::from)
    }
}

/// A part of something.
pub(super) struct Part {
    whole: Arc<dyn ReadAt>,
    start: u64,
    size_bytes: u64,
}

impl Part {
    /// `size_bytes` from `start` on; less if the whole ends before, which reading then says.
    pub(super) fn new(whole: Arc<dyn ReadAt>, start: u64, size_bytes: u64) -> Self {
        let left = whole.size_bytes().saturating_sub(start);
        Self {
            whole,
            start,
            size_bytes: size_bytes.min(left),
        }
    }
}

impl ReadAt for Part {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        check_range(offset, buffer.len(), self.size_bytes)?;
        self.whole.read_at(self.start.saturating_add(offset), buffer)
    }
}
