//! The layers of an image: each is verified while it is unpacked over those before it.
//!
//! ```text
//! blob ─► digest ─► decompression, if any ─► diff_id ─► members ─► tree
//! ```

use std::cell::Cell;

use ima_assay_digest::{Algorithm, Digest};

use super::digest::{Name, show};
use super::error::OciError;
use super::store::Blob;
use crate::allowlist::Signatures;
use crate::image::compression::{Compression, HEAD_BYTES};
use crate::image::cursor::{Cursor, Fill};
use crate::image::hashing::Hashing;
use crate::image::tar::{BUFFER_BYTES, Unpacked, Unpacker};
use crate::image::{Content, ContentId, Fact, File, ImageError, Layer, Note, Scan, Sink, Skip};
use crate::path::Escaped;

/// One layer, as the manifest and the configuration describe it.
#[derive(Debug)]
pub(super) struct LayerBlob {
    /// Its digest, or its path where there is none.
    pub(super) name: String,
    pub(super) digest: Option<Name>,
    /// What it unpacks to.
    pub(super) diff_id: Name,
    pub(super) blob: Blob,
}

impl LayerBlob {
    /// Unpacks the layer with the number `layer`, from 1, over those before it, which unpacked to `before` bytes, and
    /// says to how many bytes this one does. Whatever is wrong with its bytes, that they are others than those that
    /// are named comes first.
    ///
    /// # Errors
    /// [`OciError::DigestMismatch`], [`OciError::DiffIdMismatch`], [`OciError::Layer`].
    pub(super) fn unpack(
        &self,
        layer: usize,
        before: u64,
        unpacker: &mut Unpacker<'_, '_, '_>,
        scan: &Scan<'_>,
    ) -> Result<(u64, Layer), ImageError> {
        let read = Cell::new(0);
        let members = unpacker.members();
        let diff = self.diff_id.algorithm();
        let mut algorithms = vec![self.digest.as_ref().map_or(diff, Name::algorithm), diff];
        algorithms.dedup();
        let section = self.blob.section(scan.control, &read);
        let mut packed = Cursor::new(Hashing::new(section, &algorithms), BUFFER_BYTES);
        let done = unpack_stream(&mut packed, diff, &read, before, unpacker, scan);
        if let Err(ImageError::Cancelled | ImageError::Stopped | ImageError::Io { .. }) = done {
            return Err(done.err().unwrap_or(ImageError::Stopped));
        }
        packed.skip(u64::MAX)?;
        let digests = packed.into_source().finish();
        if let (Some(stated), Some(found)) = (&self.digest, digests.first())
            && !stated.is(found)
        {
            return Err(OciError::DigestMismatch {
                stated: stated.text().to_owned(),
                found: show(found),
            }
            .into());
        }
        let stream = done.map_err(|error| self.explain(layer, error))?;
        let found = stream.diff_id.as_ref().or(digests.last());
        if let Some(found) = found.filter(|found| !self.diff_id.is(found)) {
            return Err(OciError::DiffIdMismatch {
                layer,
                stated: self.diff_id.text().to_owned(),
                found: show(found),
            }
            .into());
        }
        let name = match &self.digest {
            Some(digest) => ("digest", digest),
            None => ("diffId", &self.diff_id),
        };
        let facts = vec![
            (name.0, Fact::Text(name.1.to_string())),
            (
                "compression",
                Fact::Text(stream.compression.map_or("none", Compression::name).to_owned()),
            ),
            ("unpackedBytes", Fact::Number(stream.unpacked)),
            (
                "members",
                Fact::Number(unpacker.members().saturating_sub(members)),
            ),
        ];
        let shown = Layer {
            kind: "layer",
            size_bytes: Some(self.blob.size_bytes()),
            facts,
            ..Layer::default()
        };
        Ok((stream.unpacked, shown))
    }

    fn explain(&self, layer: usize, error: ImageError) -> ImageError {
        match error {
            ImageError::Oci(error) => error.into(),
            error => OciError::Layer {
                layer,
                name: Escaped(self.name.as_bytes()).to_string(),
                error: Box::new(error),
            }
            .into(),
        }
    }
}

/// What was met in a blob.
struct Stream {
    compression: Option<Compression>,
    /// Bytes of the archive.
    unpacked: u64,
    /// Of the archive, where it is not the blob itself.
    diff_id: Option<Digest>,
}

/// Unpacks what a blob is.
fn unpack_stream<F: Fill>(
    packed: &mut Cursor<F>,
    diff: Algorithm,
    read: &Cell<u64>,
    before: u64,
    unpacker: &mut Unpacker<'_, '_, '_>,
    scan: &Scan<'_>,
) -> Result<Stream, ImageError> {
    let compression = match Compression::detect(packed.peek(HEAD_BYTES)?) {
        None => {
            unpacker.unpack(packed)?;
            return Ok(Stream {
                compression: None,
                unpacked: packed.offset(),
                diff_id: None,
            });
        }
        Some(compression @ (Compression::Gzip | Compression::Zstd)) => compression,
        Some(compression) => return Err(OciError::CompressionRefused { compression }.into()),
    };
    let mark = Cell::new(false);
    let unpacked = Unpacked::new(compression, packed, scan.limits, (read, &mark), before)?;
    let mut unpacked = Cursor::new(Hashing::new(unpacked, &[diff]), BUFFER_BYTES);
    unpacker.unpack(&mut unpacked)?;
    Ok(Stream {
        compression: Some(compression),
        unpacked: unpacked.offset(),
        diff_id: unpacked.into_source().finish().pop(),
    })
}

/// Tells with each omission and note which layer it is about.
pub(super) struct LayerSink<'a, 's> {
    pub(super) sink: &'a mut dyn Sink<'s>,
    /// The number of the layer, from 1, and its name; 0 outside of layers.
    pub(super) at: &'a Cell<usize>,
    pub(super) layers: &'a [LayerBlob],
}

impl LayerSink<'_, '_> {
    fn layer(&self) -> Option<(usize, &LayerBlob)> {
        let layer = self.at.get();
        Some((layer, self.layers.get(layer.checked_sub(1)?)?))
    }
}

impl<'s> Sink<'s> for LayerSink<'_, 's> {
    fn content(&mut self, content: Content<'s>) -> Result<ContentId, ImageError> {
        self.sink.content(content)
    }

    fn signatures(&mut self, content: ContentId, signatures: Signatures) -> Result<(), ImageError> {
        self.sink.signatures(content, signatures)
    }

    fn file(&mut self, file: File) {
        self.sink.file(file);
    }

    fn skip(&mut self, skip: Skip) {
        self.sink.skip(skip);
    }

    fn note(&mut self, mut note: Note) {
        if let Some((layer, _)) = self.layer() {
            note.text = format!("layer {layer}: {}", note.text);
        }
        self.sink.note(note);
    }

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        let error = match self.layer() {
            Some((layer, blob)) => blob.explain(layer, error),
            None => error,
        };
        self.sink.omit(error)
    }
}
