//! What is refused as too large.

/// Upper bounds on what a list may make us do. Each is an argument, so that a caller who knows the list can
/// raise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one entry, in either form; also what is held in memory. Default 1 MiB: tables of the device
    /// mapper have tens of kilobytes.
    pub max_entry_bytes: usize,
    /// Entries of a list. Default 64 Mi.
    pub max_entries: u64,
    /// Lines that are tried as one entry, if a line alone has the wrong template hash: a name may contain
    /// line ends. Default 32.
    pub max_joined_lines: u32,
    /// Bytes that a compressed list may unpack to. Default 64 GiB.
    pub max_unpacked_bytes: u64,
    /// Unpacked bytes for each byte of input, once [`Limits::RATIO_GRACE_BYTES`] were unpacked.
    /// Default 2 000.
    pub max_ratio: u64,
    /// Memory that a decompressor may use for its window, in bytes. Default 128 MiB.
    pub max_window_bytes: u64,
}

impl Limits {
    /// Unpacked bytes below which the ratio is not looked at.
    pub const RATIO_GRACE_BYTES: u64 = 64 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entry_bytes: 1 << 20,
            max_entries: 64 << 20,
            max_joined_lines: 32,
            max_unpacked_bytes: 64 << 30,
            max_ratio: 2_000,
            max_window_bytes: 128 << 20,
        }
    }
}
