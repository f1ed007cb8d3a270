//! Why a list cannot be read any further.

use std::io;

use super::compression::Compression;
use crate::error::{Explain, Place};

/// Why a list cannot be read any further. What is merely wrong with an entry is a [`super::Fault`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The source failed.
    #[error("cannot read: {0}")]
    Io(#[source] io::Error),
    /// The list is compressed, and its bytes are no stream of that compression.
    #[error("not a sound {} stream after {unpacked} bytes unpacked: {error}", .compression.name())]
    CompressionCorrupt {
        /// How it is compressed.
        compression: Compression,
        /// Bytes that could be unpacked.
        unpacked: u64,
        /// What the decoder said.
        #[source]
        error: io::Error,
    },
    /// The list is compressed, and the stream ends early.
    #[error("the {} stream ends early, after {unpacked} bytes unpacked", .compression.name())]
    CompressionTruncated {
        /// How it is compressed.
        compression: Compression,
        /// Bytes that could be unpacked.
        unpacked: u64,
    },
    /// The list unpacks to more than is allowed.
    #[error("the list unpacks to more than {unpacked} bytes, from {packed}")]
    UnpackedTooLarge {
        /// Bytes unpacked so far.
        unpacked: u64,
        /// Bytes they were unpacked from.
        packed: u64,
    },
    /// The first bytes are no measurement list of any form.
    #[error("not a measurement list: the first bytes fit neither the ASCII nor the binary form")]
    NotAList,
    /// A buffer carried over kexec with another version than 1.
    #[error("a buffer carried over kexec of version {version}; only version 1 is known")]
    KexecVersion {
        /// The version.
        version: u16,
    },
    /// More entries than allowed.
    #[error("the list has more than {limit} entries")]
    TooManyEntries {
        /// How many are allowed.
        limit: u64,
    },
}

impl Explain for ListError {
    fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "LIST_UNREADABLE",
            Self::CompressionCorrupt { .. } => "LIST_COMPRESSION_CORRUPT",
            Self::CompressionTruncated { .. } => "LIST_COMPRESSION_TRUNCATED",
            Self::UnpackedTooLarge { .. } => "LIST_TOO_LARGE",
            Self::NotAList => "LIST_FORMAT_UNKNOWN",
            Self::KexecVersion { .. } => "KEXEC_VERSION_UNKNOWN",
            Self::TooManyEntries { .. } => "TOO_MANY_ENTRIES",
        }
    }

    fn place(&self) -> Place {
        Place::default()
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io(_) | Self::KexecVersion { .. } => None,
            Self::CompressionCorrupt { .. } | Self::CompressionTruncated { .. } => {
                Some("copy the file again, or give the list uncompressed")
            }
            Self::UnpackedTooLarge { .. } | Self::TooManyEntries { .. } => {
                Some("raise the limit if the list is genuine")
            }
            Self::NotAList => Some(
                "give ascii_runtime_measurements or binary_runtime_measurements of \
                 /sys/kernel/security/integrity/ima",
            ),
        }
    }
}
