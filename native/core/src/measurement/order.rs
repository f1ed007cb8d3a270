//! The byte order of the machine that made a list.

/// How the integers of a binary list, and those inside template data, are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ByteOrder {
    /// The least significant byte first: x86, ARM, and with `ima_canonical_fmt` every machine.
    #[default]
    Little,
    /// The most significant byte first.
    Big,
}

impl ByteOrder {
    pub(super) const ALL: [Self; 2] = [Self::Little, Self::Big];

    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }

    pub(super) fn bytes(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    /// The 32-bit integer that `bytes` starts with.
    pub(super) fn first_u32(self, bytes: &[u8]) -> Option<u32> {
        bytes.first_chunk().map(|bytes| self.u32(*bytes))
    }
}
