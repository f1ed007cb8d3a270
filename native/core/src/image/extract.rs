//! From images to an allowlist: scan, hash, list.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use ima_assay_digest::{Algorithm, Control, Digest, Outcome, PoolOptions, Submit, hash_all};

use super::boot::{self, BootFile};
use super::{
    Content, ContentId, File, ImageError, Limits, Note, Scan, Selection, Sink, Skip, Source, Summary,
};
use crate::allowlist::{Allowlist, Builder, FileFacts, Signatures};
use crate::error::{Explain, Place};
use crate::path::Escaped;

/// How to extract. The defaults are Keylime's: SHA-256, and its choice of files.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Hash algorithms, all of them in one pass.
    pub algorithms: Vec<Algorithm>,
    /// Which files of a root filesystem are wanted.
    pub selection: Selection,
    /// What is refused as too large.
    pub limits: Limits,
    /// List what cannot be read instead of stopping there.
    pub keep_going: bool,
    /// Hashing threads beside the one that reads the image.
    pub threads: NonZeroUsize,
    /// Also list the files of what a root filesystem boots: of the initramfs files and UKIs in it.
    pub boot_files: bool,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self {
            algorithms: vec![Algorithm::Sha256],
            selection: Selection::default(),
            limits: Limits::default(),
            keep_going: false,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            boot_files: true,
        }
    }
}

impl ExtractOptions {
    /// How what an image boots is extracted: it is taken whole, by the machine that has the file in its part.
    fn of_boot_file(&self) -> Self {
        Self {
            selection: Selection::new([], []),
            boot_files: false,
            ..self.clone()
        }
    }
}

/// What came out of one or more images.
#[derive(Debug)]
pub struct Extraction {
    /// The digests, each with its origin.
    pub allowlist: Allowlist,
    /// One for each image, in the order given, and behind it one for each file that it boots: the origins of `allowlist`.
    pub sources: Vec<Summary>,
}

/// An image's error, and which image it was.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct SourceError {
    /// The image, as the caller named it.
    pub input: Vec<u8>,
    /// What is wrong with it.
    #[source]
    pub error: ImageError,
}

impl Explain for SourceError {
    fn code(&self) -> &'static str {
        self.error.code()
    }

    fn place(&self) -> Place {
        Place {
            input: Some(self.input.clone()),
            ..self.error.place()
        }
    }

    fn hint(&self) -> Option<&'static str> {
        self.error.hint()
    }
}

/// Extracts one allowlist from several images, one after another.
///
/// # Errors
/// The first error of the first image that has one, unless `keep_going` and the rest can still be read;
/// [`ImageError::NothingListed`] if not a single file was found.
pub fn extract(
    sources: &[(Vec<u8>, Box<dyn Source>)],
    options: &ExtractOptions,
    control: &Control,
) -> Result<Extraction, SourceError> {
    announce(sources.iter().map(|(_, source)| source.as_ref()), control);
    let mut builder = Builder::default();
    let mut summaries = Vec::with_capacity(sources.len());
    for (name, source) in sources {
        let error = |error| SourceError {
            input: name.clone(),
            error,
        };
        let (mut summary, inside) =
            extract_one(name, source.as_ref(), options, control, &mut builder).map_err(error)?;
        // A part may be empty.
        if summary.files == 0 && summary.omitted_count == 0 && options.selection.shard.is_none() {
            let skipped = |skip| summary.skipped.get(&skip).copied().unwrap_or(0);
            return Err(error(ImageError::NothingListed {
                owners: skipped(Skip::Owner),
                paths: skipped(Skip::Path),
            }));
        }
        summary.name.clone_from(name);
        summaries.push(summary);
        let options = options.of_boot_file();
        for BootFile { path, source } in inside {
            let name = [name.as_slice(), b":", &path].concat();
            announce(std::iter::once(source.as_ref()), control);
            let mut summary = match extract_one(&name, source.as_ref(), &options, control, &mut builder) {
                Ok((summary, _)) => summary,
                Err(error) if options.keep_going && !matches!(error, ImageError::Cancelled) => {
                    builder.new_origin(&name);
                    let mut summary = Summary::default();
                    summary.omit(error);
                    summary
                }
                Err(error) => return Err(SourceError { input: name, error }),
            };
            summary.name = name;
            summaries.push(summary);
        }
    }
    Ok(Extraction {
        allowlist: builder.build(),
        sources: summaries,
    })
}

/// Says what an image is made of, without hashing it.
///
/// # Errors
/// As [`extract`], but an unreadable file is none: no file is opened.
pub fn inspect(
    name: &[u8],
    source: &dyn Source,
    options: &ExtractOptions,
    control: &Control,
) -> Result<Summary, SourceError> {
    announce(std::iter::once(source), control);
    let mut collector = Collector::new(None, options);
    note_unmet(source, options, &mut collector);
    let scan = Scan {
        selection: &options.selection,
        limits: &options.limits,
        control,
    };
    collector.summary.layer = match source.scan(&scan, &mut collector) {
        Ok(layer) => layer,
        Err(error) => match source.outline().filter(|_| options.keep_going) {
            Some(outline) => {
                collector.summary.omit(error);
                outline
            }
            None => {
                return Err(SourceError {
                    input: name.to_vec(),
                    error,
                });
            }
        },
    };
    collector.summary.name = name.to_vec();
    for file in &collector.files {
        collector.summary.count(file);
    }
    let Collector {
        files, mut summary, ..
    } = collector;
    let boot_files =
        look_inside(source, &scan, &files, options, &mut summary).map_err(|error| SourceError {
            input: name.to_vec(),
            error,
        })?;
    for BootFile { path, source } in boot_files {
        let name = [name, b":", &path].concat();
        let inside = inspect(&name, source.as_ref(), &options.of_boot_file(), control)?;
        summary.take_in(inside, &path);
    }
    Ok(summary)
}

/// Says how much there is to read, if all sources know it: a share of some of it would mislead.
fn announce<'a>(sources: impl Iterator<Item = &'a dyn Source>, control: &Control) {
    let total: Option<u64> = sources.map(Source::size_bytes).sum();
    control.add_input_total_bytes(total.unwrap_or(0));
}

fn extract_one<'s>(
    name: &[u8],
    source: &'s dyn Source,
    options: &ExtractOptions,
    control: &Control,
    builder: &mut Builder,
) -> Result<(Summary, Vec<BootFile>), ImageError> {
    let pool = PoolOptions {
        algorithms: &options.algorithms,
        threads: options.threads,
        fail_fast: !options.keep_going,
        control,
    };
    let scan = Scan {
        selection: &options.selection,
        limits: &options.limits,
        control,
    };
    let (scanned, outcomes) = hash_all(&pool, |submit: &Submit<'_, Content<'s>>| {
        let mut collector = Collector::new(Some(submit), options);
        note_unmet(source, options, &mut collector);
        source.scan(&scan, &mut collector).map(|layer| {
            collector.summary.layer = layer;
            (collector.files, collector.signatures, collector.summary)
        })
    });
    if control.is_cancelled() {
        return Err(ImageError::Cancelled);
    }
    let mut contents = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        contents.push(match outcome {
            Outcome::Hashed(hashed) => Hashed::Digests(hashed.digests),
            Outcome::Failed(error) if options.keep_going || matches!(error, ImageError::Stopped) => {
                Hashed::Failed(Some(error))
            }
            Outcome::Failed(error) => return Err(error),
            Outcome::NotReached => Hashed::Failed(Some(ImageError::Stopped)),
        });
    }
    let (files, signatures, mut summary) = scanned?;
    let boot_files = look_inside(source, &scan, &files, options, &mut summary)?;
    let origin = builder.new_origin(name);
    let sysroots = match source.is_root_filesystem() {
        true => options.selection.sysroots.as_slice(),
        false => &[],
    };
    for file in &files {
        if options.selection.skips_shard(&file.path) {
            summary.skip(Skip::Shard);
            continue;
        }
        match contents.get_mut(file.content.0) {
            Some(Hashed::Digests(digests)) => {
                let facts = FileFacts {
                    mode: file.mode,
                    uid: file.uid,
                    gid: file.gid,
                    size_bytes: file.size_bytes,
                };
                for digest in digests.iter() {
                    builder.insert(&file.path, digest, origin, Some(facts));
                    for sysroot in sysroots {
                        builder.insert(
                            &[sysroot.as_slice(), &file.path].concat(),
                            digest,
                            origin,
                            Some(facts),
                        );
                    }
                }
                if let Some(signatures) = signatures.get(&file.content) {
                    builder.sign(&file.path, origin, signatures);
                }
                summary.count(file);
            }
            Some(Hashed::Failed(error)) => {
                summary.omit(error.take().unwrap_or_else(|| ImageError::SharesUnreadable {
                    path: file.path.clone(),
                }))
            }
            None => return Err(ImageError::Stopped),
        }
    }
    Ok((summary, boot_files))
}

/// Notes what files of an image say of its list, and gives those that it boots.
fn look_inside(
    source: &dyn Source,
    scan: &Scan<'_>,
    files: &[File],
    options: &ExtractOptions,
    summary: &mut Summary,
) -> Result<Vec<BootFile>, ImageError> {
    match boot::look_inside(source, scan, files, options.boot_files) {
        Ok(inside) => {
            inside.notes.into_iter().for_each(|note| summary.note(note));
            Ok(inside.boot_files)
        }
        Err(error) if options.keep_going && !matches!(error, ImageError::Cancelled) => {
            summary.omit(error);
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Says that a part of an image was named in vain.
fn note_unmet(source: &dyn Source, options: &ExtractOptions, collector: &mut Collector<'_, '_>) {
    let mut note = |code, text| {
        collector.note(Note {
            code,
            path: None,
            offset_bytes: None,
            text,
        });
    };
    let selection = &options.selection;
    if let Some(name) = selection.partition.as_ref().filter(|_| !source.has_partitions()) {
        let name = Escaped(name.as_bytes());
        note(
            "PARTITION_UNMET",
            format!("there is no partition {name}: this is no disk image"),
        );
    }
    if selection.package_keys.is_some() && !source.is_signed() {
        note(
            "PACKAGE_KEY_UNMET",
            "nothing of it was checked with a key of packages: this is no package".to_owned(),
        );
    }
    if source.has_platforms() {
        return;
    }
    if let Some(platform) = &selection.platform {
        note(
            "PLATFORM_UNMET",
            format!("there is no choice of {platform}: this is no container image"),
        );
    }
    if let Some(image) = &selection.image {
        let image = Escaped(image.as_bytes());
        note(
            "IMAGE_UNMET",
            format!("there is no choice of {image}: this is no container image"),
        );
    }
}

/// What became of a content. Its error is listed once; further names of the file refer to it.
enum Hashed {
    Digests(Box<[Digest]>),
    Failed(Option<ImageError>),
}

/// Takes what a source yields: bytes go to the pool, the rest is kept.
struct Collector<'c, 's> {
    /// The pool, or none to look without hashing.
    submit: Option<&'c Submit<'c, Content<'s>>>,
    keep_going: bool,
    contents: usize,
    files: Vec<File>,
    signatures: HashMap<ContentId, Signatures>,
    signature_bytes: u64,
    max_signature_bytes: u64,
    summary: Summary,
}

impl<'c, 's> Collector<'c, 's> {
    fn new(submit: Option<&'c Submit<'c, Content<'s>>>, options: &ExtractOptions) -> Self {
        Self {
            submit,
            keep_going: options.keep_going,
            contents: 0,
            files: Vec::new(),
            signatures: HashMap::new(),
            signature_bytes: 0,
            max_signature_bytes: options.limits.max_text_bytes,
            summary: Summary::default(),
        }
    }
}

impl<'s> Sink<'s> for Collector<'_, 's> {
    fn content(&mut self, content: Content<'s>) -> Result<ContentId, ImageError> {
        let id = match self.submit {
            Some(submit) => submit.submit(content).map_err(|_| ImageError::Stopped)?,
            None => self.contents,
        };
        self.contents = self.contents.saturating_add(1);
        Ok(ContentId(id))
    }

    fn signatures(&mut self, content: ContentId, signatures: Signatures) -> Result<(), ImageError> {
        for signature in [&signatures.ima, &signatures.evm].into_iter().flatten() {
            let len = u64::try_from(signature.len()).unwrap_or(u64::MAX);
            self.signature_bytes = self.signature_bytes.saturating_add(len);
        }
        if self.signature_bytes > self.max_signature_bytes {
            let limit = self.max_signature_bytes;
            return Err(ImageError::SignaturesTooLarge { limit });
        }
        self.signatures.insert(content, signatures);
        Ok(())
    }

    fn file(&mut self, file: File) {
        self.files.push(file);
    }

    fn skip(&mut self, skip: Skip) {
        self.summary.skip(skip);
    }

    fn note(&mut self, note: Note) {
        self.summary.note(note);
    }

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        if !self.keep_going {
            return Err(error);
        }
        self.summary.omit(error);
        Ok(())
    }
}
