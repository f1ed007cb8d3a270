//! Container images: OCI layouts, in a directory or an archive, and what `docker save` writes.
//!
//! ```text
//! index.json ─► index… ─► manifest of one image ─► configuration ─► diff_ids ─┐
//!                                               └─► layers ─► digest, diff_id ┴─► tree ─► files
//! ```
//!
//! Nothing is unpacked to disk: layers are read where they lie, in order, and unpacked over one another in memory.
//! Every document and layer has the size and the digest that the one before it states.

mod archive;
mod choose;
mod digest;
mod document;
mod error;
mod layers;
mod media;
mod platform;
mod store;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::path::Path;

use ima_assay_digest::Control;

use choose::{Chooser, Found};
use digest::Name;
use document::Saved;
pub use error::OciError;
use layers::{LayerBlob, LayerSink};
pub use platform::Platform;
use store::{Store, verify};

pub(super) use archive::open;

use super::tar::Unpacker;
use super::{Fact, ImageError, Layer, Note, Scan, Sink, Source};

/// How many times their own size the files of all layers may have together, where that is more than the limit: holes.
const USUAL_RATIO: u64 = 16;

/// A container image, or several of which one is read.
#[derive(Debug)]
pub struct Container {
    store: Store,
    /// What `inspect` calls it.
    kind: &'static str,
    /// Whether it has an `index.json`, which then counts.
    is_layout: bool,
    file_bytes: Option<u64>,
}

/// Whether a directory is an OCI layout, be it one that has lost a file: that is no root of a filesystem, whose
/// files would be the blobs.
pub(super) fn is_layout(directory: &Path) -> bool {
    let has_file = |name| directory.join(name).is_file();
    let has_directory = |name| directory.join(name).is_dir();
    match (has_file("oci-layout"), has_file("index.json")) {
        (true, true) => true,
        (false, false) => false,
        _ => has_directory("blobs") && !has_directory("usr") && !has_directory("etc"),
    }
}

impl Container {
    /// The layout in a directory.
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self {
            store: Store::Directory(directory.to_owned()),
            kind: "oci layout",
            is_layout: true,
            file_bytes: None,
        }
    }

    /// What is known of an image that was chosen.
    fn describe(&self, found: &Found, control: &Control) -> Result<Image, ImageError> {
        match found {
            Found::Saved(saved) => self.describe_saved(saved, control),
            Found::Other(descriptor, problem) => Err(OciError::MediaTypeRefused {
                name: descriptor.digest().to_owned(),
                media_type: descriptor.media_type.clone(),
                problem,
            }
            .into()),
            Found::Manifest(descriptor) => {
                let name = descriptor.digest();
                let bytes = self.store.document(descriptor, control)?;
                let manifest = document::read_manifest(name, &descriptor.media_type, &bytes)?;
                let refused = |name: &str, media_type: &str, problem| OciError::MediaTypeRefused {
                    name: name.to_owned(),
                    media_type: media_type.to_owned(),
                    problem,
                };
                let config = &manifest.config;
                if let Some(problem) = media::refused_config(&config.media_type) {
                    return Err(refused(name, &config.media_type, problem).into());
                }
                let mut image = Image::new(Some(name), config.digest());
                let bytes = self.store.document(config, control)?;
                let config = document::read_config(config.digest(), &bytes)?;
                image.platform = config.platform();
                let diff_ids = config.diff_ids(&image.config)?;
                let layers = manifest.layers.unwrap_or_default();
                check_count(layers.len(), diff_ids.len())?;
                for (layer, diff_id) in layers.iter().zip(diff_ids) {
                    if let Some(problem) = media::refused_layer(&layer.media_type) {
                        return Err(refused(layer.digest(), &layer.media_type, problem).into());
                    }
                    let digest = layer.name()?;
                    image.layers.push(LayerBlob {
                        name: digest.text().to_owned(),
                        blob: self.store.blob(&digest, layer.size)?,
                        digest: Some(digest),
                        diff_id,
                    });
                }
                Ok(image)
            }
        }
    }

    /// An image that `docker save` lists by paths. A configuration that is called by its digest has it.
    fn describe_saved(&self, saved: &Saved, control: &Control) -> Result<Image, ImageError> {
        let bytes = self.store.document_at(&saved.config, control)?;
        let stem = saved.config.rsplit('/').next().unwrap_or_default();
        let stem = stem.trim_end_matches(".json");
        let hex = stem.strip_prefix("sha256:").unwrap_or(stem);
        let digest = Name::parse(&format!("sha256:{hex}")).ok();
        if let Some(digest) = &digest {
            verify(digest, &bytes)?;
        }
        let config = document::read_config(&saved.config, &bytes)?;
        let mut image = Image::new(None, digest.as_ref().map_or(saved.config.as_str(), Name::text));
        image.platform = config.platform();
        let diff_ids = config.diff_ids(&saved.config)?;
        let layers = saved.layers.as_deref().unwrap_or_default();
        check_count(layers.len(), diff_ids.len())?;
        for (path, diff_id) in layers.iter().zip(diff_ids) {
            image.layers.push(LayerBlob {
                name: path.clone(),
                digest: None,
                diff_id,
                blob: self.store.at(path)?,
            });
        }
        Ok(image)
    }
}

fn check_count(layers: usize, diff_ids: usize) -> Result<(), OciError> {
    if layers == diff_ids {
        return Ok(());
    }
    Err(OciError::LayerCountWrong { layers, diff_ids })
}

/// The image that is read.
#[derive(Debug)]
struct Image {
    /// The digest of its manifest, where it has one.
    manifest: Option<String>,
    /// The digest of its configuration, or its path.
    config: String,
    platform: Option<Platform>,
    layers: Vec<LayerBlob>,
}

impl Image {
    fn new(manifest: Option<&str>, config: &str) -> Self {
        Self {
            manifest: manifest.map(str::to_owned),
            config: config.to_owned(),
            platform: None,
            layers: Vec::new(),
        }
    }

    fn facts(&self) -> Vec<(&'static str, Fact)> {
        let mut facts = Vec::new();
        if let Some(digest) = &self.manifest {
            facts.push(("digest", Fact::Text(digest.clone())));
        }
        if let Some(platform) = &self.platform {
            facts.push(("platform", Fact::Text(platform.to_string())));
        }
        facts.push(("config", Fact::Text(self.config.clone())));
        let layers = u64::try_from(self.layers.len()).unwrap_or(u64::MAX);
        facts.push(("layers", Fact::Number(layers)));
        facts
    }
}

impl Source for Container {
    fn is_root_filesystem(&self) -> bool {
        true
    }

    fn has_platforms(&self) -> bool {
        true
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        let mut chooser = Chooser {
            store: &self.store,
            control: scan.control,
            documents: 0,
        };
        let candidates = if self.is_layout {
            chooser.in_layout()?
        } else {
            chooser.in_saved()?
        };
        let selection = scan.selection;
        let choice = chooser.choose(
            candidates,
            selection.image.as_deref(),
            selection.platform.as_ref(),
        )?;
        let image = self.describe(&choice.image, scan.control)?;
        if let (Some(known), Some(platform)) = (choice.by_machine, &image.platform) {
            sink.note(Note {
                code: "PLATFORM_CHOSEN",
                path: None,
                offset_bytes: None,
                text: format!("the image for this machine's {platform} was taken of {known}"),
            });
        }
        let at = Cell::new(0);
        let mut sink = LayerSink {
            sink,
            at: &at,
            layers: &image.layers,
        };
        let packed = image.layers.iter().map(|layer| layer.blob.size_bytes());
        let packed = packed.fold(0, u64::saturating_add);
        let max_bytes = scan
            .limits
            .max_unpacked_bytes
            .max(packed.saturating_mul(USUAL_RATIO));
        let mut unpacker = Unpacker::of_layers(scan, &mut sink, max_bytes);
        let (mut unpacked, mut layers) = (0_u64, Vec::new());
        for (index, layer) in image.layers.iter().enumerate() {
            at.set(index.saturating_add(1));
            let (bytes, shown) = layer.unpack(at.get(), unpacked, &mut unpacker, scan)?;
            unpacked = unpacked.saturating_add(bytes);
            layers.push(shown);
        }
        at.set(0);
        let mut facts = image.facts();
        facts.push(("files", Fact::Number(unpacker.finish()?)));
        Ok(Layer {
            kind: self.kind,
            size_bytes: self.file_bytes,
            facts: vec![(
                "images",
                Fact::Number(u64::try_from(choice.images).unwrap_or(u64::MAX)),
            )],
            layers: vec![Layer {
                kind: "image",
                size_bytes: Some(packed),
                facts,
                layers,
                ..Layer::default()
            }],
            ..Layer::default()
        })
    }
}
