//! Which of the images in a layout or archive is meant.

use std::collections::BTreeSet;

use super::document::{self, Descriptor, Saved};
use super::error::OciError;
use super::media::{self, Named};
use super::platform::Platform;
use super::store::Store;
use crate::image::ImageError;
use crate::path::Escaped;
use ima_assay_digest::Control;

/// Indexes inside one another.
const MAX_DEPTH: usize = 8;

/// Indexes, manifests and configurations that are read to choose.
const MAX_DOCUMENTS: usize = 1_000;

/// An image that could be meant.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// What people call it, and the digests of its indexes and of its manifest.
    names: BTreeSet<String>,
    platform: Option<Platform>,
    pub(super) image: Found,
}

/// Where an image is described.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Manifest(Descriptor),
    Saved(Saved),
    /// No image, and why.
    Other(Descriptor, &'static str),
}

/// What was chosen.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) image: Found,
    /// How many there are.
    pub(super) images: usize,
    /// All platforms there are, if this machine's decided.
    pub(super) by_machine: Option<String>,
}

impl Candidate {
    /// Its tags, or its digest where it has none.
    fn show(&self) -> String {
        let tags: Vec<&str> = self.tags().into_iter().collect();
        let name = match (&self.image, tags.as_slice()) {
            (Found::Manifest(descriptor) | Found::Other(descriptor, _), []) => descriptor.digest().to_owned(),
            (Found::Saved(saved), []) => saved.config.clone(),
            (_, tags) => tags.join(" "),
        };
        let name = Escaped(name.as_bytes());
        match &self.platform {
            Some(platform) => format!("{name} ({platform})"),
            None => name.to_string(),
        }
    }

    fn tags(&self) -> BTreeSet<&str> {
        let names = self.names.iter().map(String::as_str);
        names.filter(|name| !is_digest(name)).collect()
    }
}

fn is_digest(name: &str) -> bool {
    super::digest::Name::parse(name).is_ok()
}

/// Reads what is in a store and chooses.
pub(super) struct Chooser<'a> {
    pub(super) store: &'a Store,
    pub(super) control: &'a Control,
    pub(super) documents: usize,
}

impl Chooser<'_> {
    fn count_document(&mut self) -> Result<(), OciError> {
        self.documents = self.documents.saturating_add(1);
        if self.documents > MAX_DOCUMENTS {
            return Err(OciError::TooManyDocuments { limit: MAX_DOCUMENTS });
        }
        Ok(())
    }

    /// The images of a layout, from its `index.json` down.
    pub(super) fn in_layout(&mut self) -> Result<Vec<Candidate>, ImageError> {
        let bytes = self.store.document_at("oci-layout", self.control)?;
        document::check_layout("oci-layout", &bytes)?;
        let bytes = self.store.document_at("index.json", self.control)?;
        let index = document::read_index("index.json", "", &bytes)?;
        let mut found = Vec::new();
        let mut pending: Vec<(Descriptor, BTreeSet<String>, usize)> = Vec::new();
        let enter =
            |pending: &mut Vec<_>, manifests: Option<Vec<Descriptor>>, names: &BTreeSet<String>, depth| {
                for descriptor in manifests.into_iter().flatten().rev() {
                    pending.push((descriptor, names.clone(), depth));
                }
            };
        enter(&mut pending, index.manifests, &BTreeSet::new(), 0);
        while let Some((descriptor, mut names, depth)) = pending.pop() {
            if descriptor.is_attestation() {
                continue;
            }
            names.extend(descriptor.names().map(str::to_owned));
            names.insert(descriptor.digest().to_owned());
            let image = match media::named(&descriptor.media_type) {
                Named::Manifest => Found::Manifest(descriptor),
                Named::Other(why) => Found::Other(descriptor, why),
                Named::Index => {
                    let name = descriptor.digest();
                    if depth >= MAX_DEPTH {
                        return Err(OciError::TooDeep {
                            name: name.to_owned(),
                            limit: MAX_DEPTH,
                        }
                        .into());
                    }
                    self.count_document()?;
                    let bytes = self.store.document(&descriptor, self.control)?;
                    let index = document::read_index(name, &descriptor.media_type, &bytes)?;
                    enter(&mut pending, index.manifests, &names, depth.saturating_add(1));
                    continue;
                }
            };
            add(&mut found, names, image)?;
        }
        Ok(found)
    }

    /// The images that `docker save` lists.
    pub(super) fn in_saved(&mut self) -> Result<Vec<Candidate>, ImageError> {
        let bytes = self.store.document_at("manifest.json", self.control)?;
        let images = document::read_saved("manifest.json", &bytes)?;
        let candidates = images.into_iter().map(|image| Candidate {
            names: image.repo_tags.iter().flatten().cloned().collect(),
            platform: None,
            image: Found::Saved(image),
        });
        Ok(candidates.collect())
    }

    /// The platform that the configuration of an image states.
    fn platform(&mut self, candidate: &Candidate) -> Result<Option<Platform>, ImageError> {
        if candidate.platform.is_some() {
            return Ok(candidate.platform.clone());
        }
        let (name, bytes) = match &candidate.image {
            Found::Manifest(descriptor) => {
                self.count_document()?;
                let bytes = self.store.document(descriptor, self.control)?;
                let name = descriptor.digest();
                let manifest = document::read_manifest(name, &descriptor.media_type, &bytes)?;
                if media::refused_config(&manifest.config.media_type).is_some() {
                    return Ok(None);
                }
                self.count_document()?;
                let bytes = self.store.document(&manifest.config, self.control)?;
                (manifest.config.digest().to_owned(), bytes)
            }
            Found::Saved(saved) => {
                self.count_document()?;
                let bytes = self.store.document_at(&saved.config, self.control)?;
                (saved.config.clone(), bytes)
            }
            Found::Other(..) => return Ok(None),
        };
        Ok(document::read_config(&name, &bytes)?.platform())
    }

    /// Chooses as `docker` and `skopeo` do: the only one, the one that is named, or the one for this machine.
    ///
    /// # Errors
    /// [`OciError::ImageMissing`], [`OciError::PlatformMissing`], [`OciError::ImageAmbiguous`],
    /// [`OciError::MediaTypeRefused`], and what is wrong with the documents.
    pub(super) fn choose(
        &mut self,
        candidates: Vec<Candidate>,
        wanted: Option<&str>,
        platform: Option<&Platform>,
    ) -> Result<Choice, ImageError> {
        let images = candidates.len();
        let known = show_all(&candidates);
        let mut left = candidates;
        if let Some(wanted) = wanted {
            left.retain(|candidate| candidate.names.contains(wanted));
            if left.is_empty() {
                let wanted = wanted.to_owned();
                return Err(OciError::ImageMissing { wanted, known }.into());
            }
        }
        let (others, mut left): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|candidate| matches!(candidate.image, Found::Other(..)));
        if left.is_empty() {
            return Err(nothing(others.into_iter().next()).into());
        }
        let only = |image: Candidate, by_machine| Choice {
            image: image.image,
            images,
            by_machine,
        };
        if platform.is_none() && left.len() == 1 {
            return left
                .pop()
                .map(|one| only(one, None))
                .ok_or_else(|| OciError::Nothing.into());
        }
        for candidate in &mut left {
            candidate.platform = self.platform(candidate)?;
        }
        let known = show_all(&left);
        let are_named_apart = left.iter().map(Candidate::tags).collect::<BTreeSet<_>>().len() > 1;
        if platform.is_none() && wanted.is_none() && are_named_apart {
            return Err(OciError::ImageAmbiguous { known }.into());
        }
        let machine = Platform::of_this_machine();
        let target = platform.unwrap_or(&machine);
        left.retain(|candidate| candidate.platform.as_ref() == Some(target));
        match (left.pop(), left.is_empty()) {
            (Some(one), true) => Ok(only(one, platform.is_none().then_some(known))),
            (Some(_), false) => Err(OciError::ImageAmbiguous { known }.into()),
            (None, _) => Err(OciError::PlatformMissing {
                wanted: target.to_string(),
                known,
            }
            .into()),
        }
    }
}

/// Adds an image, or its further names.
fn add(found: &mut Vec<Candidate>, names: BTreeSet<String>, image: Found) -> Result<(), OciError> {
    let descriptor = match &image {
        Found::Manifest(descriptor) | Found::Other(descriptor, _) => descriptor,
        Found::Saved(_) => return Ok(()),
    };
    let is_same = |candidate: &&mut Candidate| candidate.names.contains(descriptor.digest());
    if let Some(there) = found.iter_mut().find(is_same) {
        there.names.extend(names);
        return Ok(());
    }
    if found.len() >= MAX_DOCUMENTS {
        return Err(OciError::TooManyDocuments { limit: MAX_DOCUMENTS });
    }
    found.push(Candidate {
        names,
        platform: descriptor.platform(),
        image,
    });
    Ok(())
}

fn nothing(other: Option<Candidate>) -> OciError {
    match other.map(|other| other.image) {
        Some(Found::Other(descriptor, problem)) => OciError::MediaTypeRefused {
            name: descriptor.digest().to_owned(),
            media_type: descriptor.media_type,
            problem,
        },
        _ => OciError::Nothing,
    }
}

/// The images that an error lists.
const MAX_SHOWN: usize = 20;

fn show_all(candidates: &[Candidate]) -> String {
    let mut shown: Vec<String> = candidates.iter().take(MAX_SHOWN).map(Candidate::show).collect();
    let more = candidates.len().saturating_sub(MAX_SHOWN);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    if shown.is_empty() {
        return "none".to_owned();
    }
    shown.join(", ")
}
