//! The documents of a container image, as far as they decide which files come out.
//!
//! ```text
//! index.json, an index    manifests: descriptor…              OCI, or a manifest list of Docker's
//! a manifest              config: descriptor, layers: descriptor…
//! a configuration         os, architecture, variant, rootfs.diff_ids: digest…
//! manifest.json           {Config: path, RepoTags: name…, Layers: path…}…       what `docker save` writes
//! a descriptor            mediaType, digest, size; maybe platform, annotations
//! ```
//!
//! Programs written in Go take a key in any case, and some guess what a document is by its keys. What they would read
//! otherwise than we do is refused. Source: OCI image specification 1.1; CVE-2021-41190.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::digest::Name;
use super::error::OciError;
use super::platform::Platform;

/// What registries take of a manifest at most.
pub(super) const MAX_DOCUMENT_BYTES: u64 = 4 << 20;

/// Names bytes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    digest: String,
    pub(super) size: u64,
    platform: Option<PlatformFields>,
    annotations: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    others: Others,
}

impl Descriptor {
    /// # Errors
    /// [`OciError::DigestMalformed`], [`OciError::DocumentAmbiguous`].
    pub(super) fn name(&self) -> Result<Name, OciError> {
        check_case(&self.digest, &self.others, &KEYS)?;
        Name::parse(&self.digest)
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) fn platform(&self) -> Option<Platform> {
        self.platform.as_ref().and_then(PlatformFields::platform)
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// What people call it.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        ["org.opencontainers.image.ref.name", "io.containerd.image.name"]
            .iter()
            .filter_map(|key| self.annotation(key))
    }

    /// Whether it is what a builder says of an image, stored beside it.
    pub(super) fn is_attestation(&self) -> bool {
        self.annotation("vnd.docker.reference.type").is_some()
            || self.platform().is_some_and(|platform| platform.is_unknown())
    }
}

#[derive(Debug, Clone, Deserialize)]
struct PlatformFields {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

impl PlatformFields {
    fn platform(&self) -> Option<Platform> {
        let (os, architecture) = (self.os.as_deref()?, self.architecture.as_deref()?);
        Some(Platform::new(os, architecture, self.variant.as_deref()))
    }
}

/// Lists manifests, and other indexes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    media_type: Option<String>,
    pub(super) manifests: Option<Vec<Descriptor>>,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
}

/// Lists the layers of one image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    media_type: Option<String>,
    pub(super) config: Descriptor,
    pub(super) layers: Option<Vec<Descriptor>>,
    manifests: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

/// What an image is configured to be.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    rootfs: RootFs,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<String>>,
    #[serde(flatten)]
    others: Others,
}

impl Config {
    pub(super) fn platform(&self) -> Option<Platform> {
        let (os, architecture) = (self.os.as_deref()?, self.architecture.as_deref()?);
        Some(Platform::new(os, architecture, self.variant.as_deref()))
    }

    /// What each layer unpacks to. `name` is the document's.
    ///
    /// # Errors
    /// [`OciError::DigestMalformed`], [`OciError::DocumentAmbiguous`].
    pub(super) fn diff_ids(&self, name: &str) -> Result<Vec<Name>, OciError> {
        check_case(name, &self.rootfs.others, &KEYS)?;
        let diff_ids = self.rootfs.diff_ids.iter().flatten();
        diff_ids.map(|text| Name::parse(text)).collect()
    }
}

/// An image as `docker save` lists it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    pub(super) repo_tags: Option<Vec<String>>,
    pub(super) layers: Option<Vec<String>>,
    #[serde(flatten)]
    others: Others,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    image_layout_version: String,
}

/// The keys of an object beside those that are known.
type Others = BTreeMap<String, IgnoredAny>;

/// Keys that decide what is read, over all documents but one.
const KEYS: [&str; 12] = [
    "architecture",
    "config",
    "diff_ids",
    "digest",
    "fsLayers",
    "layers",
    "manifests",
    "mediaType",
    "os",
    "rootfs",
    "size",
    "variant",
];

/// Those of the list that `docker save` writes.
const SAVED_KEYS: [&str; 3] = ["Config", "Layers", "RepoTags"];

fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, OciError> {
    serde_json::from_slice(bytes).map_err(|error| OciError::DocumentMalformed {
        name: name.to_owned(),
        error,
    })
}

/// A document whose keys have the case that they should have.
fn parse_exact<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, OciError> {
    check_case(name, &parse(name, bytes)?, &KEYS)?;
    parse(name, bytes)
}

/// Refuses keys that only some programs take for those that are known.
fn check_case(name: &str, keys: &Others, known: &[&str]) -> Result<(), OciError> {
    let differs = |key: &String| {
        let mut known = known.iter();
        known.any(|known| known.eq_ignore_ascii_case(key) && known != key)
    };
    if keys.keys().any(differs) {
        return Err(ambiguous(name, "a key that differs from a known one in its case"));
    }
    Ok(())
}

fn ambiguous(name: &str, problem: &'static str) -> OciError {
    OciError::DocumentAmbiguous {
        name: name.to_owned(),
        problem,
    }
}

/// Whether a document says that it is something else than what it was named as.
fn differs(said: Option<&str>, named: &str) -> bool {
    said.is_some_and(|said| !said.is_empty() && !named.is_empty() && said != named)
}

/// Reads an index that was named as one of `media_type`, which may be empty.
pub(super) fn read_index(name: &str, media_type: &str, bytes: &[u8]) -> Result<Index, OciError> {
    let index: Index = parse_exact(name, bytes)?;
    if index.config.is_some() || index.layers.is_some() || differs(index.media_type.as_deref(), media_type) {
        return Err(ambiguous(name, "an index that is a manifest as well"));
    }
    Ok(index)
}

/// Reads a manifest that was named as one of `media_type`, which may be empty.
pub(super) fn read_manifest(name: &str, media_type: &str, bytes: &[u8]) -> Result<Manifest, OciError> {
    let manifest: Manifest = parse_exact(name, bytes)?;
    let is_other = manifest.manifests.is_some() || manifest.fs_layers.is_some();
    if is_other || differs(manifest.media_type.as_deref(), media_type) {
        return Err(ambiguous(name, "a manifest that is something else as well"));
    }
    Ok(manifest)
}

pub(super) fn read_config(name: &str, bytes: &[u8]) -> Result<Config, OciError> {
    parse_exact(name, bytes)
}

/// Reads what `docker save` lists.
pub(super) fn read_saved(name: &str, bytes: &[u8]) -> Result<Vec<Saved>, OciError> {
    let images: Vec<Saved> = parse(name, bytes)?;
    for image in &images {
        check_case(name, &image.others, &SAVED_KEYS)?;
    }
    Ok(images)
}

/// Checks the mark of a layout.
pub(super) fn check_layout(name: &str, bytes: &[u8]) -> Result<(), OciError> {
    let layout: Layout = parse(name, bytes)?;
    let version = layout.image_layout_version;
    if version.starts_with("1.") {
        Ok(())
    } else {
        Err(OciError::LayoutUnsupported { version })
    }
}
