//! Reads marshaled structures: big endian, without padding.

use super::TpmError;

/// Takes fields off bytes and knows where it is.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    structure: &'static str,
    bytes: &'a [u8],
    offset: usize,
}

/// A length for a message.
pub(crate) fn wide(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

impl<'a> Reader<'a> {
    pub(crate) fn new(structure: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            structure,
            bytes,
            offset: 0,
        }
    }

    pub(crate) fn offset(&self) -> u64 {
        wide(self.offset)
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], TpmError> {
        let rest = self.rest();
        let taken = rest.get(..len).ok_or(TpmError::Truncated {
            structure: self.structure,
            offset: self.offset(),
            missing: wide(len.saturating_sub(rest.len())),
        })?;
        self.offset = self.offset.saturating_add(len);
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TpmError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, TpmError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, TpmError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, TpmError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, TpmError> {
        self.array().map(u64::from_be_bytes)
    }

    /// As C structures in memory have it, on the machines that tpm2-tools run on.
    pub(crate) fn u16_le(&mut self) -> Result<u16, TpmError> {
        self.array().map(u16::from_le_bytes)
    }

    /// As C structures in memory have it.
    pub(crate) fn u32_le(&mut self) -> Result<u32, TpmError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A `TPM2B`: a size of two bytes, and that many bytes, at most `limit`.
    pub(crate) fn sized(&mut self, field: &'static str, limit: usize) -> Result<&'a [u8], TpmError> {
        let offset = self.offset();
        let size = usize::from(self.u16()?);
        if size > limit {
            return Err(self.too_large(field, offset, wide(size), wide(limit)));
        }
        self.take(size)
    }

    /// A count of four bytes, at most `limit`.
    pub(crate) fn count(&mut self, field: &'static str, limit: u32) -> Result<u32, TpmError> {
        let offset = self.offset();
        let count = self.u32()?;
        if count > limit {
            return Err(self.too_large(field, offset, u64::from(count), u64::from(limit)));
        }
        Ok(count)
    }

    pub(crate) fn too_large(&self, field: &'static str, offset: u64, found: u64, limit: u64) -> TpmError {
        TpmError::TooLarge {
            structure: self.structure,
            field,
            offset,
            found,
            limit,
        }
    }

    pub(crate) fn unknown(&self, field: &'static str, offset: u64, found: u64) -> TpmError {
        TpmError::Unknown {
            structure: self.structure,
            field,
            offset,
            found,
        }
    }

    /// Refuses bytes that follow the structure.
    pub(crate) fn end(self) -> Result<(), TpmError> {
        let count = self.rest().len();
        if count == 0 {
            return Ok(());
        }
        Err(TpmError::Trailing {
            structure: self.structure,
            offset: self.offset(),
            count: wide(count),
        })
    }
}
