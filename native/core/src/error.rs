//! What every error of the core tells beside its message.

/// Where something is wrong. Only the fields that apply are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The input file, as the caller named it.
    pub input: Option<Vec<u8>>,
    /// The path inside the image, or the name in the measurement list.
    pub path: Option<Vec<u8>>,
    /// Bytes before the fault, counted from 0.
    pub offset_bytes: Option<u64>,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// The entry of a measurement list, counted from 1.
    pub entry: Option<u64>,
}

/// An error that crosses into other languages: a stable code, a place, and what to do.
///
/// The code is part of the interface: one variant, one code, never reused.
pub trait Explain: std::error::Error {
    /// The stable code, in `SCREAMING_SNAKE`.
    fn code(&self) -> &'static str;

    /// Where it happened.
    fn place(&self) -> Place;

    /// What a person can do about it, as half a sentence.
    fn hint(&self) -> Option<&'static str>;
}
