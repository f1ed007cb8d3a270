//! Numbers at places of a structure. A place beyond its end has 0: callers read structures whole.

macro_rules! numbers {
    ($($name:ident $type:ident $from:ident $doc:literal)*) => {
        $(
            #[doc = $doc]
            pub(super) fn $name(bytes: &[u8], at: usize) -> $type {
                let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
                found.map_or(0, |found| $type::$from(*found))
            }
        )*
    };
}

numbers! {
    le16 u16 from_le_bytes "Two bytes, the lowest first."
    le32 u32 from_le_bytes "Four bytes, the lowest first."
    le64 u64 from_le_bytes "Eight bytes, the lowest first."
    be16 u16 from_be_bytes "Two bytes, the highest first."
    be32 u32 from_be_bytes "Four bytes, the highest first."
    be64 u64 from_be_bytes "Eight bytes, the highest first."
}

/// A byte.
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// A 48-bit or 64-bit number of two parts.
pub(super) fn join(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// An index or a length, for slices. What does not fit is beyond every slice.
pub(super) fn index(value: impl TryInto<usize>) -> usize {
    value.try_into().unwrap_or(usize::MAX)
}

/// Quotient and remainder. Sizes that are divided by are checked not to be 0 where they are read.
pub(super) fn divide(value: u64, by: u64) -> (u64, u64) {
    (
        value.checked_div(by).unwrap_or_default(),
        value.checked_rem(by).unwrap_or_default(),
    )
}

/// The length of a slice.
pub(super) fn len64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
