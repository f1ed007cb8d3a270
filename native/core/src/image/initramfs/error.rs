//! Why an initramfs cannot be read any further.

use std::fmt;
use std::io;

use crate::error::{Explain, Place};
use crate::image::ImageError;
use crate::image::compression::{Compression, Fault};
use crate::path::Escaped;

/// A place in an initramfs: bytes from its start, or from the start of what a compressed segment unpacks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The compressed segment, if it is in one.
    pub segment: Option<Segment>,
    /// Bytes before it there.
    pub offset: u64,
}

/// A compressed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Bytes of the initramfs before it.
    pub offset: u64,
    /// How it is compressed.
    pub compression: Compression,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.segment {
            None => write!(f, "byte {}", self.offset),
            Some(segment) => write!(f, "byte {} of what {segment} unpacks to", self.offset),
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the {} segment at byte {}",
            self.compression.name(),
            self.offset
        )
    }
}

/// What of a member was being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The 110 bytes of numbers.
    Header,
    /// The name and its padding.
    Name,
    /// The bytes of a file, or the target of a symbolic link.
    Data,
    /// The padding after the data.
    Padding,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Name => "name",
            Self::Data => "data",
            Self::Padding => "padding",
        })
    }
}

/// Why an initramfs cannot be read any further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitramfsError {
    /// The initramfs ends inside a member of an uncompressed archive.
    #[error("member at {at}: the initramfs ends {missing} bytes before the end of its {part}")]
    MemberTruncated {
        /// Where the member starts.
        at: At,
        /// What is cut.
        part: Part,
        /// Bytes that are not there.
        missing: u64,
    },
    /// A compressed segment ends inside a member.
    #[error("member at {at}: the segment ends {missing} bytes before the end of its {part}")]
    MemberSplit {
        /// Where the member starts.
        at: At,
        /// What is cut.
        part: Part,
        /// Bytes that are not in this segment.
        missing: u64,
    },
    /// The initramfs ends inside a compressed segment.
    #[error("{segment}: the initramfs ends inside it, after {unpacked} bytes unpacked from {consumed}")]
    SegmentTruncated {
        /// The segment.
        segment: Segment,
        /// Bytes of it that are there.
        consumed: u64,
        /// Bytes they unpacked to.
        unpacked: u64,
    },
    /// A decoder refused the bytes of a segment.
    #[error("{segment}: unreadable at byte {consumed} of it, after {unpacked} bytes unpacked: {error}")]
    SegmentCorrupt {
        /// The segment.
        segment: Segment,
        /// Bytes of it that were taken.
        consumed: u64,
        /// Bytes they unpacked to.
        unpacked: u64,
        /// What the decoder said.
        #[source]
        error: io::Error,
    },
    /// The last archive has no trailer, and nothing else shows that it is complete.
    #[error("archive at {at}: no trailer at its end, byte {end}")]
    TrailerMissing {
        /// Where the archive starts.
        at: At,
        /// Where it ends.
        end: u64,
    },
    /// A cpio archive of an older kind.
    #[error("at {at}: a cpio archive in {format} format, which the kernel refuses")]
    FormatRefused {
        /// Where it starts.
        at: At,
        /// Its name.
        format: &'static str,
    },
    /// A member starts with a `0`, but not with a magic.
    #[error("at {at}: no cpio member, it starts with \"{}\"", Escaped(found))]
    MagicUnknown {
        /// Where a member should start.
        at: At,
        /// Six bytes.
        found: [u8; 6],
    },
    /// A field of a header is not eight hex digits.
    #[error("member at {at}: {field} is not eight hex digits but \"{}\"", Escaped(found))]
    FieldMalformed {
        /// Where the member starts.
        at: At,
        /// The field, as `cpio(5)` calls it.
        field: &'static str,
        /// What stands there.
        found: [u8; 8],
    },
    /// The last byte of a name is not NUL.
    #[error("member at {at}: the name of {size} bytes does not end in NUL")]
    NameUnterminated {
        /// Where the member starts.
        at: At,
        /// Its `namesize`.
        size: u32,
    },
    /// The data of a member of a `070702` archive do not add up to the sum in its header.
    #[error(
        "member at {at}, {}: bytes add up to {found:08x}, the header says {stated:08x}",
        Escaped(name)
    )]
    ChecksumWrong {
        /// Where the member starts.
        at: At,
        /// Its name.
        name: Vec<u8>,
        /// The sum in the header.
        stated: u32,
        /// The sum of the bytes.
        found: u32,
    },
    /// After an uncompressed member, something starts at an offset that is no multiple of four.
    #[error("at {at}: the padding after a member ends at no multiple of 4")]
    PaddingBroken {
        /// Where it starts.
        at: At,
    },
    /// What follows an archive in a compressed segment is neither NUL nor another archive.
    #[error("at {at}: neither a cpio member nor padding but byte {found:#04x}")]
    JunkInSegment {
        /// Where it stands.
        at: At,
        /// The byte.
        found: u8,
    },
    /// What starts here is neither a cpio archive nor compressed in a way the kernel knows.
    #[error(
        "at byte {offset}: neither a cpio archive nor a known compression, it starts with {}",
        Hex(head)
    )]
    SegmentUnknown {
        /// Bytes before it.
        offset: u64,
        /// The first bytes, at most 8.
        head: Vec<u8>,
    },
    /// The first segment unpacks to nothing, or to something else before its archive, be it NUL bytes.
    #[error("{segment}: it is the first and does not unpack to a cpio archive from its first byte on")]
    FirstSegmentForeign {
        /// The segment.
        segment: Segment,
    },
    /// A decoder would need a larger window than is allowed.
    #[error("{segment}: needs a window of more than {limit} bytes")]
    WindowTooLarge {
        /// The segment.
        segment: Segment,
        /// The limit.
        limit: u64,
    },
    /// The segments unpack to more bytes than are allowed.
    #[error("{segment}: unpacks beyond the limit of {limit} bytes in all")]
    UnpackedTooLarge {
        /// The segment.
        segment: Segment,
        /// The limit.
        limit: u64,
    },
    /// The segments unpack to far more bytes than they have.
    #[error("{segment}: unpacks to more than {limit} times its size")]
    RatioTooHigh {
        /// The segment.
        segment: Segment,
        /// The limit.
        limit: u64,
    },
    /// More members than are allowed.
    #[error("member at {at}: more than {limit} members")]
    TooManyMembers {
        /// Where the first one too many starts.
        at: At,
        /// The limit.
        limit: u64,
    },
    /// More compressed segments than are allowed.
    #[error("{segment}: more than {limit} compressed segments")]
    TooManySegments {
        /// The first one too many.
        segment: Segment,
        /// The limit.
        limit: u64,
    },
    /// Names and targets of links, or the paths they make, have more bytes than are allowed.
    #[error("names, targets of links or paths have more than {limit} bytes")]
    TextTooLarge {
        /// The limit.
        limit: u64,
    },
    /// Paths lead over more directories and links than are allowed.
    #[error("member at {at}: paths up to here lead over more than {limit} parts")]
    TooManySteps {
        /// Where the member starts at which there were too many.
        at: At,
        /// The limit.
        limit: u64,
    },
    /// Directories are nested deeper than is allowed.
    #[error("{} lies deeper than {limit} directories", Escaped(path))]
    TooDeep {
        /// The directory.
        path: Vec<u8>,
        /// The limit.
        limit: usize,
    },
    /// Files whose path is longer than the kernel can name.
    #[error(
        "{count} files have a path of more than 4095 bytes, one is called {}",
        Escaped(name)
    )]
    PathTooLong {
        /// The last part of one of them.
        name: Vec<u8>,
        /// How many there are.
        count: u64,
    },
    /// There is no member at all. An archive of `tar` without members and an unwritten disk look the same.
    #[error("nothing but zeros: no member of an archive, and no filesystem")]
    Nothing,
}

impl InitramfsError {
    /// What a decoder's fault means for the segment. How much it took is known once it has let go of the cursor.
    pub(super) fn of_segment(fault: Fault, segment: Segment, unpacked: u64, limit: u64) -> ImageError {
        let consumed = 0;
        match fault {
            Fault::Image(error) => return error,
            Fault::WindowTooLarge => Self::WindowTooLarge { segment, limit },
            Fault::Truncated => Self::SegmentTruncated {
                segment,
                consumed,
                unpacked,
            },
            Fault::Corrupt(error) => Self::SegmentCorrupt {
                segment,
                consumed,
                unpacked,
                error,
            },
        }
        .into()
    }

    /// Whether the kernel keeps what we have unpacked before: then the rest of the tree can be stated.
    pub(super) fn leaves_a_tree(&self) -> bool {
        if let Self::SegmentTruncated { segment, .. } | Self::SegmentCorrupt { segment, .. } = self {
            // The kernel unpacks a `.lzma` stream by as much as its dictionary holds, and takes no member out of
            // what it could not fill.
            return segment.compression != Compression::Lzma;
        }
        !matches!(
            self,
            Self::WindowTooLarge { .. }
                | Self::UnpackedTooLarge { .. }
                | Self::RatioTooHigh { .. }
                | Self::TooManyMembers { .. }
                | Self::TooManySegments { .. }
                | Self::TextTooLarge { .. }
                | Self::TooManySteps { .. }
                | Self::TooDeep { .. }
                | Self::Nothing
        )
    }
}

/// Bytes as two hex digits each.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// The kernel's own rule, said where it is the reason.
const KERNEL_STOPS: &str = "the kernel stops here and keeps only what came before; make the initramfs anew";

impl Explain for InitramfsError {
    fn code(&self) -> &'static str {
        match self {
            Self::MemberTruncated { .. } => "CPIO_TRUNCATED",
            Self::MemberSplit { .. } => "CPIO_SPLIT",
            Self::SegmentTruncated { .. } => "SEGMENT_TRUNCATED",
            Self::SegmentCorrupt { .. } => "SEGMENT_CORRUPT",
            Self::TrailerMissing { .. } => "CPIO_TRAILER_MISSING",
            Self::FormatRefused { .. } => "CPIO_FORMAT_REFUSED",
            Self::MagicUnknown { .. } => "CPIO_MAGIC_UNKNOWN",
            Self::FieldMalformed { .. } => "CPIO_FIELD_MALFORMED",
            Self::NameUnterminated { .. } => "CPIO_NAME_UNTERMINATED",
            Self::ChecksumWrong { .. } => "CPIO_CHECKSUM_WRONG",
            Self::PaddingBroken { .. } => "CPIO_PADDING_BROKEN",
            Self::JunkInSegment { .. } => "SEGMENT_JUNK",
            Self::SegmentUnknown { .. } => "SEGMENT_UNKNOWN",
            Self::FirstSegmentForeign { .. } => "SEGMENT_FOREIGN",
            Self::WindowTooLarge { .. } => "SEGMENT_WINDOW_TOO_LARGE",
            Self::UnpackedTooLarge { .. } => "INITRAMFS_TOO_LARGE",
            Self::RatioTooHigh { .. } => "INITRAMFS_RATIO_TOO_HIGH",
            Self::TooManyMembers { .. } => "INITRAMFS_TOO_MANY_MEMBERS",
            Self::TooManySegments { .. } => "INITRAMFS_TOO_MANY_SEGMENTS",
            Self::TextTooLarge { .. } => "INITRAMFS_TEXT_TOO_LARGE",
            Self::TooManySteps { .. } => "INITRAMFS_TOO_MANY_STEPS",
            Self::TooDeep { .. } => "INITRAMFS_TOO_DEEP",
            Self::PathTooLong { .. } => "INITRAMFS_PATH_TOO_LONG",
            Self::Nothing => "INITRAMFS_NOTHING",
        }
    }

    fn place(&self) -> Place {
        let offset = match self {
            Self::MemberTruncated { at, .. }
            | Self::MemberSplit { at, .. }
            | Self::TrailerMissing { at, .. }
            | Self::FormatRefused { at, .. }
            | Self::MagicUnknown { at, .. }
            | Self::FieldMalformed { at, .. }
            | Self::NameUnterminated { at, .. }
            | Self::ChecksumWrong { at, .. }
            | Self::PaddingBroken { at }
            | Self::JunkInSegment { at, .. }
            | Self::TooManyMembers { at, .. }
            | Self::TooManySteps { at, .. } => Some(at.segment.map_or(at.offset, |segment| segment.offset)),
            Self::SegmentTruncated { segment, .. }
            | Self::SegmentCorrupt { segment, .. }
            | Self::FirstSegmentForeign { segment }
            | Self::WindowTooLarge { segment, .. }
            | Self::TooManySegments { segment, .. }
            | Self::UnpackedTooLarge { segment, .. }
            | Self::RatioTooHigh { segment, .. } => Some(segment.offset),
            Self::SegmentUnknown { offset, .. } => Some(*offset),
            Self::TextTooLarge { .. } | Self::TooDeep { .. } | Self::PathTooLong { .. } => None,
            Self::Nothing => Some(0),
        };
        let path = match self {
            Self::ChecksumWrong { name, .. }
            | Self::PathTooLong { name, .. }
            | Self::TooDeep { path: name, .. } => Some(name.clone()),
            _ => None,
        };
        Place {
            path,
            offset_bytes: offset,
            ..Place::default()
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::SegmentCorrupt { segment, .. } | Self::SegmentTruncated { segment, .. }
                if segment.compression == Compression::Lz4Legacy =>
            {
                "the file is cut, or what follows an lz4 segment has fewer than four NUL bytes before it"
            }
            Self::MemberTruncated { .. } | Self::SegmentTruncated { .. } => {
                "the file is cut; copy it again and compare its size with the original's"
            }
            Self::MemberSplit { .. } => {
                "the kernel reads every compressed stream on its own and stops here; compress the archive in one piece"
            }
            Self::TrailerMissing { .. } => {
                "the file may be cut between two members; if it is whole, let cpio write it anew, with a trailer"
            }
            Self::FormatRefused { .. } => "repack it with cpio -o -H newc",
            Self::SegmentUnknown { head, .. } if is_zstd_skippable(head) => {
                "zstd's skippable frames, as pzstd writes them, are refused by the kernel; compress with zstd"
            }
            Self::FirstSegmentForeign { .. } => {
                "the kernel takes its first bytes for a member and stops; a tar or other archive is no initramfs"
            }
            Self::SegmentCorrupt { .. }
            | Self::MagicUnknown { .. }
            | Self::FieldMalformed { .. }
            | Self::NameUnterminated { .. }
            | Self::JunkInSegment { .. }
            | Self::SegmentUnknown { .. } => KERNEL_STOPS,
            Self::PaddingBroken { .. } => {
                "the kernel stops here; pad with NUL bytes to a multiple of 4 before what is appended"
            }
            Self::ChecksumWrong { .. } => "the kernel keeps this file and stops; copy the initramfs again",
            Self::WindowTooLarge { .. } => "the kernel refuses it as well; compress with a smaller window",
            Self::UnpackedTooLarge { .. } => {
                "if the image is known to be good, raise --limit max-unpacked-bytes"
            }
            Self::RatioTooHigh { .. } => "if the image is known to be good, raise --limit max-ratio",
            Self::TooManyMembers { .. } => "if the image is known to be good, raise --limit max-files",
            Self::TooDeep { .. } => {
                "no initramfs needs this; if it is known to be good, raise --limit max-depth"
            }
            Self::TooManySegments { .. } | Self::TextTooLarge { .. } | Self::TooManySteps { .. } => {
                "no initramfs needs this; look where it comes from"
            }
            Self::PathTooLong { .. } => "the kernel cannot give such a path to IMA; shorten it",
            Self::Nothing => {
                "an empty archive, a disk that nothing was written to, or a copy that failed: make the image again"
            }
        })
    }
}

/// Magic numbers 0x184D2A50 to 0x184D2A5F, little-endian.
fn is_zstd_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}
