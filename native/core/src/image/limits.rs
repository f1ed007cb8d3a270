//! What is refused as too large, or as too far away.

use std::path::PathBuf;

/// Upper bounds on what an image may make us do. Each is an argument, so that a caller who knows the
/// image can raise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes a compressed image may unpack to. Default 8 GiB.
    pub max_unpacked_bytes: u64,
    /// Unpacked bytes for each byte of input, once [`Limits::RATIO_GRACE_BYTES`] were unpacked.
    /// Default 2 000: above gzip's and below lzma's and zstd's best on long runs of one byte.
    pub max_ratio: u64,
    /// Members or files. Default 4 Mi.
    pub max_files: u64,
    /// Compressed segments of an initramfs, each of which costs a decoder. Default 4 096.
    pub max_segments: u64,
    /// Directories inside one another. Default 4 096.
    pub max_depth: usize,
    /// Bytes of names, of targets of symbolic links, and of the paths that come out, of an initramfs; each of the
    /// three sums may reach it. Default 256 MiB.
    pub max_text_bytes: u64,
    /// Parts of paths that are looked up in an initramfs's tree. A short name may lead over 80 000 through
    /// symbolic links. Default 2^28, some seconds.
    pub max_path_steps: u64,
    /// Symbolic links followed for one path. Default 40, as the kernel's.
    pub max_symlinks: usize,
    /// Memory a decompressor may use for its window, in bytes. Default 128 MiB, the kernel's for zstd.
    pub max_window_bytes: u64,
    /// Bytes of standard input, or of a compressed disk, kept in a temporary file. Default 64 GiB.
    pub max_spooled_bytes: u64,
    /// Where files may lie that an image is not whole without, beside the image's own directory. Default none.
    pub backing_directory: Option<PathBuf>,
}

impl Limits {
    /// Unpacked bytes below which the ratio is not looked at.
    pub const RATIO_GRACE_BYTES: u64 = 64 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_unpacked_bytes: 8 << 30,
            max_ratio: 2_000,
            max_files: 4 << 20,
            max_segments: 4_096,
            max_depth: 4_096,
            max_text_bytes: 256 << 20,
            max_path_steps: 1 << 28,
            max_symlinks: 40,
            max_window_bytes: 128 << 20,
            max_spooled_bytes: 64 << 30,
            backing_directory: None,
        }
    }
}
