//! Why a container image cannot be read.

use crate::error::{Explain, Place};
use crate::image::ImageError;
use crate::image::compression::Compression;
use crate::path::Escaped;

/// Why a container image cannot be read. Blobs are named by their digests, what else is in an archive by its path there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// A layout of a later version.
    #[error("the layout is of version \"{}\", and version 1 is read", Escaped(version.as_bytes()))]
    LayoutUnsupported {
        /// What it says.
        version: String,
    },
    /// An index, a manifest, a configuration or a list of images that is none.
    #[error("{}: {error}", Escaped(name.as_bytes()))]
    DocumentMalformed {
        /// Which one.
        name: String,
        /// What is wrong, and where.
        #[source]
        error: serde_json::Error,
    },
    /// A document that programs would read in different ways.
    #[error("{}: {problem}", Escaped(name.as_bytes()))]
    DocumentAmbiguous {
        /// Which one.
        name: String,
        /// What is not clear.
        problem: &'static str,
    },
    /// A document larger than any that registries take.
    #[error("{} has more than {limit} bytes", Escaped(name.as_bytes()))]
    DocumentTooLarge {
        /// Which one.
        name: String,
        /// The limit.
        limit: u64,
    },
    /// Indexes inside one another.
    #[error("{}: an index inside more than {limit} others", Escaped(name.as_bytes()))]
    TooDeep {
        /// The first one too many.
        name: String,
        /// The limit.
        limit: usize,
    },
    /// Indexes and manifests that have to be read to choose one.
    #[error("more than {limit} indexes and manifests")]
    TooManyDocuments {
        /// The limit.
        limit: usize,
    },
    /// A digest that is none, or of an algorithm that is not known.
    #[error("\"{}\" is no digest of sha256, sha384 or sha512", Escaped(text.as_bytes()))]
    DigestMalformed {
        /// What stands in its place.
        text: String,
    },
    /// What a document names is not there.
    #[error("{} is not in the image", Escaped(name.as_bytes()))]
    BlobMissing {
        /// Its digest or path.
        name: String,
    },
    /// What a document names is there in a way that programs read differently.
    #[error("{}: {problem}", Escaped(name.as_bytes()))]
    BlobUnclear {
        /// Its digest or path.
        name: String,
        /// What is not clear.
        problem: &'static str,
    },
    /// A blob is longer or shorter than stated.
    #[error("{digest} has {found} bytes, and {stated} are stated")]
    BlobSizeWrong {
        /// Its digest.
        digest: String,
        /// What the document says.
        stated: u64,
        /// What is there.
        found: u64,
    },
    /// The bytes are others than those that are named.
    #[error("{stated} is stated, and the bytes have {found}")]
    DigestMismatch {
        /// What the document says.
        stated: String,
        /// What the bytes have.
        found: String,
    },
    /// A layer unpacks to other bytes than the configuration states.
    #[error("layer {layer} unpacks to {found}, and the configuration states {stated}")]
    DiffIdMismatch {
        /// The layer, counted from 1.
        layer: usize,
        /// What the configuration says.
        stated: String,
        /// What it unpacks to.
        found: String,
    },
    /// A manifest and its configuration disagree.
    #[error("the manifest has {layers} layers, and the configuration states {diff_ids}")]
    LayerCountWrong {
        /// Layers of the manifest.
        layers: usize,
        /// Layers of the configuration.
        diff_ids: usize,
    },
    /// Something of a kind that is no image, or no layer, that can be read.
    #[error("{}: media type \"{}\": {problem}", Escaped(name.as_bytes()), Escaped(media_type.as_bytes()))]
    MediaTypeRefused {
        /// Its digest or path.
        name: String,
        /// What it says that it is.
        media_type: String,
        /// Why it is not read.
        problem: &'static str,
    },
    /// A layer that no program which runs images would unpack.
    #[error("a layer is compressed with {}", compression.name())]
    CompressionRefused {
        /// How.
        compression: Compression,
    },
    /// No image at all.
    #[error("there is no image in it")]
    Nothing,
    /// No image of the name that was asked for.
    #[error("there is no image \"{}\"; there are: {known}", Escaped(wanted.as_bytes()))]
    ImageMissing {
        /// What was asked for.
        wanted: String,
        /// The images that are there.
        known: String,
    },
    /// No image for the platform.
    #[error("there is no image for {wanted}; there are: {known}")]
    PlatformMissing {
        /// The platform that was asked for, or this machine's.
        wanted: String,
        /// The images that are there.
        known: String,
    },
    /// Several images could be meant.
    #[error("several images could be meant: {known}")]
    ImageAmbiguous {
        /// The images that are there.
        known: String,
    },
    /// A layer cannot be unpacked.
    #[error("layer {layer}, {name}: {error}")]
    Layer {
        /// The layer, counted from 1.
        layer: usize,
        /// Its digest or path.
        name: String,
        /// What is wrong with it.
        #[source]
        error: Box<ImageError>,
    },
}

impl Explain for OciError {
    fn code(&self) -> &'static str {
        match self {
            Self::LayoutUnsupported { .. } => "OCI_LAYOUT_UNSUPPORTED",
            Self::DocumentMalformed { .. } => "OCI_DOCUMENT_MALFORMED",
            Self::DocumentAmbiguous { .. } => "OCI_DOCUMENT_AMBIGUOUS",
            Self::DocumentTooLarge { .. } => "OCI_DOCUMENT_TOO_LARGE",
            Self::TooDeep { .. } => "OCI_TOO_DEEP",
            Self::TooManyDocuments { .. } => "OCI_TOO_MANY_DOCUMENTS",
            Self::DigestMalformed { .. } => "OCI_DIGEST_MALFORMED",
            Self::BlobMissing { .. } => "OCI_BLOB_MISSING",
            Self::BlobUnclear { .. } => "OCI_BLOB_UNCLEAR",
            Self::BlobSizeWrong { .. } => "OCI_BLOB_SIZE_WRONG",
            Self::DigestMismatch { .. } => "OCI_DIGEST_MISMATCH",
            Self::DiffIdMismatch { .. } => "OCI_DIFF_ID_MISMATCH",
            Self::LayerCountWrong { .. } => "OCI_LAYER_COUNT_WRONG",
            Self::MediaTypeRefused { .. } => "OCI_MEDIA_TYPE_REFUSED",
            Self::CompressionRefused { .. } => "OCI_COMPRESSION_REFUSED",
            Self::Nothing => "OCI_NOTHING",
            Self::ImageMissing { .. } => "OCI_IMAGE_MISSING",
            Self::PlatformMissing { .. } => "OCI_PLATFORM_MISSING",
            Self::ImageAmbiguous { .. } => "OCI_IMAGE_AMBIGUOUS",
            Self::Layer { error, .. } => error.code(),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Layer { error, .. } => error.place(),
            _ => Place::default(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::LayoutUnsupported { .. } => "convert it with `skopeo copy`",
            Self::DocumentMalformed { .. }
            | Self::BlobMissing { .. }
            | Self::BlobSizeWrong { .. }
            | Self::DigestMismatch { .. } => {
                "the image is damaged or was changed; copy it again from where it was made"
            }
            Self::DocumentAmbiguous { .. } | Self::BlobUnclear { .. } => {
                "programs disagree about such an image; make it anew with `skopeo copy`"
            }
            Self::DigestMalformed { .. } | Self::DiffIdMismatch { .. } | Self::LayerCountWrong { .. } => {
                "no program should have written this; build the image anew"
            }
            Self::DocumentTooLarge { .. } | Self::TooDeep { .. } | Self::TooManyDocuments { .. } => {
                "copy the one image that is wanted out of it with `skopeo copy`"
            }
            Self::MediaTypeRefused { .. } | Self::CompressionRefused { .. } => {
                "give an image whose layers are tar archives, plain or compressed with gzip or zstd"
            }
            Self::Nothing => "check what was copied into it, for example with `skopeo inspect`",
            Self::ImageMissing { .. } | Self::ImageAmbiguous { .. } => {
                "name one with --image-name, by a name or digest that is listed, or with --platform"
            }
            Self::PlatformMissing { .. } => {
                "name one that is there with --platform OS/ARCHITECTURE[/VARIANT]"
            }
            Self::Layer { error, .. } => return error.hint(),
        })
    }
}
