//! Why an archive cannot be read.

use std::io;

use crate::error::{Explain, Place};
use crate::image::compression::Compression;
use crate::image::rootfs::Refusal;
use crate::path::Escaped;

/// Why an archive cannot be read. Offsets count the bytes of the archive before the member, unpacked if it is
/// compressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// The archive ends inside a member.
    #[error("member at byte {offset}: the archive ends {missing} bytes before the end of its {part}")]
    Truncated {
        /// Where the member starts.
        offset: u64,
        /// What is cut.
        part: &'static str,
        /// Bytes that are not there.
        missing: u64,
    },
    /// The archive ends after a member, without the two blocks of zeros.
    #[error("byte {offset}: the archive ends without its end mark, two blocks of zeros")]
    EndMissing {
        /// Where the mark should be.
        offset: u64,
    },
    /// The sum in a header is not that of its bytes.
    #[error("byte {offset}: no header of a member, its checksum is wrong")]
    ChecksumWrong {
        /// Where the header starts.
        offset: u64,
    },
    /// A field of a header is no number, or one that means nothing.
    #[error("member at byte {offset}: {field} is no number that it can be")]
    FieldMalformed {
        /// Where the header starts.
        offset: u64,
        /// The field, as POSIX calls it.
        field: &'static str,
    },
    /// A header that describes the next one.
    #[error("extended header at byte {offset}: {problem}")]
    ExtendedMalformed {
        /// Where it starts.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// The map of a sparse file.
    #[error("member at byte {offset}, {}: {problem}", Escaped(path))]
    SparseMalformed {
        /// Where its header starts.
        offset: u64,
        /// Its name.
        path: Vec<u8>,
        /// What is wrong.
        problem: &'static str,
    },
    /// Programs that unpack archives would make different things of it.
    #[error("member at byte {offset}, {}: {problem}", Escaped(path))]
    Ambiguous {
        /// Where its header starts.
        offset: u64,
        /// Its name.
        path: Vec<u8>,
        /// What is not clear.
        problem: &'static str,
    },
    /// A name that leads out of the tree, or to nothing.
    #[error("member at byte {offset}, \"{}\": {problem}", Escaped(path))]
    NameRefused {
        /// Where its header starts.
        offset: u64,
        /// The name.
        path: Vec<u8>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A kind of member that is not known.
    #[error("member at byte {offset}, {}: type '{}' is not known", Escaped(path), Escaped(&[*typeflag]))]
    TypeUnknown {
        /// Where its header starts.
        offset: u64,
        /// Its name.
        path: Vec<u8>,
        /// Its type.
        typeflag: u8,
    },
    /// Something else stands where it belongs.
    #[error("member at byte {offset}, {}: cannot be made, {refusal}", Escaped(path))]
    Blocked {
        /// Where its header starts.
        offset: u64,
        /// Its name.
        path: Vec<u8>,
        /// Why.
        refusal: Refusal,
    },
    /// A hard link to nothing.
    #[error(
        "member at byte {offset}, {}: a hard link to {}, which is not there: {refusal}",
        Escaped(path),
        Escaped(target)
    )]
    LinkTargetMissing {
        /// Where its header starts.
        offset: u64,
        /// Its name.
        path: Vec<u8>,
        /// What it should be a name of.
        target: Vec<u8>,
        /// Why it cannot be.
        refusal: Refusal,
    },
    /// A container image with other files beside it, so that it was not told for one; or of Docker before 1.10.
    #[error("the archive holds a container image, but among other files or in a form that is not read")]
    ContainerImage,
    /// The file ends inside its compression.
    #[error("the file ends inside its {} stream, after {unpacked} bytes unpacked", compression.name())]
    StreamTruncated {
        /// How it is compressed.
        compression: Compression,
        /// Bytes that were unpacked.
        unpacked: u64,
    },
    /// A decoder refuses the bytes.
    #[error("the {} stream is unreadable after {unpacked} bytes unpacked: {error}", compression.name())]
    StreamCorrupt {
        /// How it is compressed.
        compression: Compression,
        /// Bytes that were unpacked.
        unpacked: u64,
        /// What the decoder said.
        #[source]
        error: io::Error,
    },
    /// A decoder would need a larger window than is allowed.
    #[error("the {} stream needs a window of more than {limit} bytes", compression.name())]
    WindowTooLarge {
        /// How it is compressed.
        compression: Compression,
        /// The limit.
        limit: u64,
    },
    /// It unpacks to more bytes than are allowed, or its files have more.
    #[error("the archive unpacks to more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// It unpacks to far more bytes than it has.
    #[error("the archive unpacks to more than {limit} times its size")]
    RatioTooHigh {
        /// The limit.
        limit: u64,
    },
    /// Its names, or the paths that come out, are longer than is allowed.
    #[error("names, targets of links or paths have more than {limit} bytes")]
    TooMuchText {
        /// The limit.
        limit: u64,
    },
    /// Its paths lead over more directories and links than is allowed.
    #[error("member at byte {offset}: paths up to here lead over more than {limit} parts")]
    TooManySteps {
        /// Where the member starts at which there were too many.
        offset: u64,
        /// The limit.
        limit: u64,
    },
}

impl Explain for TarError {
    fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "TAR_TRUNCATED",
            Self::EndMissing { .. } => "TAR_END_MISSING",
            Self::ChecksumWrong { .. } => "TAR_CHECKSUM_WRONG",
            Self::FieldMalformed { .. } => "TAR_FIELD_MALFORMED",
            Self::ExtendedMalformed { .. } => "TAR_EXTENDED_MALFORMED",
            Self::SparseMalformed { .. } => "TAR_SPARSE_MALFORMED",
            Self::Ambiguous { .. } => "TAR_AMBIGUOUS",
            Self::NameRefused { .. } => "TAR_NAME_REFUSED",
            Self::TypeUnknown { .. } => "TAR_TYPE_UNKNOWN",
            Self::Blocked { .. } => "TAR_PATH_BLOCKED",
            Self::LinkTargetMissing { .. } => "TAR_LINK_TARGET_MISSING",
            Self::ContainerImage => "TAR_CONTAINER_IMAGE",
            Self::StreamTruncated { .. } => "TAR_STREAM_TRUNCATED",
            Self::StreamCorrupt { .. } => "TAR_STREAM_CORRUPT",
            Self::WindowTooLarge { .. } => "TAR_WINDOW_TOO_LARGE",
            Self::TooLarge { .. } => "TAR_TOO_LARGE",
            Self::RatioTooHigh { .. } => "TAR_RATIO_TOO_HIGH",
            Self::TooMuchText { .. } => "TAR_TOO_MUCH_TEXT",
            Self::TooManySteps { .. } => "TAR_TOO_MANY_STEPS",
        }
    }

    fn place(&self) -> Place {
        let (path, offset_bytes) = match self {
            Self::Truncated { offset, .. }
            | Self::EndMissing { offset }
            | Self::ChecksumWrong { offset }
            | Self::FieldMalformed { offset, .. }
            | Self::ExtendedMalformed { offset, .. }
            | Self::TooManySteps { offset, .. } => (None, Some(*offset)),
            Self::SparseMalformed { offset, path, .. }
            | Self::Ambiguous { offset, path, .. }
            | Self::NameRefused { offset, path, .. }
            | Self::TypeUnknown { offset, path, .. }
            | Self::Blocked { offset, path, .. }
            | Self::LinkTargetMissing { offset, path, .. } => (Some(path.clone()), Some(*offset)),
            _ => (None, None),
        };
        Place {
            path,
            offset_bytes,
            ..Place::default()
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Truncated { .. } | Self::EndMissing { .. } | Self::StreamTruncated { .. } => {
                "the archive is cut; copy it again and compare its size with the original's"
            }
            Self::ChecksumWrong { .. }
            | Self::FieldMalformed { .. }
            | Self::ExtendedMalformed { .. }
            | Self::SparseMalformed { .. }
            | Self::StreamCorrupt { .. } => {
                "the archive is damaged; copy it again, or make it anew with GNU tar"
            }
            Self::Ambiguous { .. } => {
                "programs disagree about such a member; make the archive anew with GNU tar"
            }
            Self::NameRefused { .. }
            | Self::TypeUnknown { .. }
            | Self::Blocked { .. }
            | Self::LinkTargetMissing { .. } => {
                "no program unpacks this as it is meant; make the archive anew, or leave it out with --keep-going"
            }
            Self::ContainerImage => {
                "give the container image alone, as `docker save` or `skopeo copy` writes it"
            }
            Self::WindowTooLarge { .. } => "if the archive is meant to be so, raise --limit max-window-bytes",
            Self::TooLarge { .. } => "if the archive is meant to be so, raise --limit max-unpacked-bytes",
            Self::RatioTooHigh { .. } => "if the archive is meant to be so, raise --limit max-ratio",
            Self::TooMuchText { .. } => "if the archive is meant to be so, raise --limit max-text-bytes",
            Self::TooManySteps { .. } => "if the archive is meant to be so, raise --limit max-path-steps",
        })
    }
}
