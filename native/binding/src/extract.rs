//! `extract` and `inspect`, off the main thread.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use ima_assay_core::allowlist::Allowlist as List;
use ima_assay_core::image::oci::Platform;
use ima_assay_core::image::package::PackageKeys;
use ima_assay_core::image::{self, DEFAULT_SKIPPED_PATHS, ExtractOptions, Limits, Selection, Shard};
use ima_assay_digest::Control as Shared;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::Value;

use crate::allowlist::Allowlist;
use crate::control::Control;
use crate::error::{explained, guarded};
use crate::list::algorithm;

/// How to extract. TypeScript has filled in every choice; a limit left out is the core's default.
#[napi(object, object_to_js = false)]
pub struct ExtractArguments {
    /// Names of hash algorithms.
    pub algorithms: Vec<String>,
    /// Paths to leave out beside the default ones.
    pub skip_paths: Vec<Buffer>,
    /// Leave out what Keylime's generator leaves out.
    pub default_skips: bool,
    /// Take files of every owner.
    pub all_owners: bool,
    /// Stay on one filesystem.
    pub one_file_system: bool,
    /// The part of a disk image that is the root: a partition's number, or `group/volume` of LVM.
    pub partition: Option<String>,
    /// The platform of a container image, `OS/ARCHITECTURE[/VARIANT]`.
    pub platform: Option<String>,
    /// The name or digest of a container image.
    pub image_name: Option<String>,
    /// Where root filesystems are before `switch_root`: their files are listed there, too.
    pub sysroots: Vec<String>,
    /// Also read signatures of files.
    pub signatures: bool,
    /// Files with certificates that packages have to be signed by; none: signatures are not looked at.
    pub package_keys: Vec<Buffer>,
    /// Also list the files of what a root filesystem boots.
    pub boot_files: bool,
    /// Whether files that a package has in `/lib` and the like are below `/usr` once it is installed.
    pub merged_usr: bool,
    /// List what cannot be read instead of stopping.
    pub keep_going: bool,
    /// The part that is wanted, from 1, and how many there are.
    pub shard: Option<(u32, u32)>,
    /// Hashing threads; 0 for one per core.
    pub threads: u32,
    /// Upper bounds.
    pub limits: LimitArguments,
    /// Where the other files of an image may lie, beside its own directory.
    pub backing_directory: Option<String>,
}

/// Upper bounds; see `Limits` of the core.
#[napi(object, object_to_js = false)]
pub struct LimitArguments {
    /// Bytes a compressed image may unpack to.
    pub max_unpacked_bytes: Option<f64>,
    /// Unpacked bytes for each byte of input.
    pub max_ratio: Option<f64>,
    /// Members or files.
    pub max_files: Option<f64>,
    /// Compressed segments of an initramfs.
    pub max_segments: Option<f64>,
    /// Bytes of names, of targets and of paths of an initramfs.
    pub max_text_bytes: Option<f64>,
    /// Parts of paths looked up in an initramfs.
    pub max_path_steps: Option<f64>,
    /// Directories inside one another.
    pub max_depth: Option<f64>,
    /// Symbolic links followed for one path.
    pub max_symlinks: Option<f64>,
    /// Memory of a decompressor's window.
    pub max_window_bytes: Option<f64>,
    /// Bytes of standard input kept in a temporary file.
    pub max_spooled_bytes: Option<f64>,
}

impl LimitArguments {
    pub(crate) fn into_limits(self) -> Limits {
        let defaults = Limits::default();
        let bytes = |given: Option<f64>, default: u64| given.map_or(default, whole);
        let count = |given: Option<f64>, default: usize| {
            given.map_or(default, |value| {
                usize::try_from(whole(value)).unwrap_or(usize::MAX)
            })
        };
        Limits {
            max_unpacked_bytes: bytes(self.max_unpacked_bytes, defaults.max_unpacked_bytes),
            max_ratio: bytes(self.max_ratio, defaults.max_ratio),
            max_files: bytes(self.max_files, defaults.max_files),
            max_segments: bytes(self.max_segments, defaults.max_segments),
            max_text_bytes: bytes(self.max_text_bytes, defaults.max_text_bytes),
            max_path_steps: bytes(self.max_path_steps, defaults.max_path_steps),
            max_depth: count(self.max_depth, defaults.max_depth),
            max_symlinks: count(self.max_symlinks, defaults.max_symlinks),
            max_window_bytes: bytes(self.max_window_bytes, defaults.max_window_bytes),
            max_spooled_bytes: bytes(self.max_spooled_bytes, defaults.max_spooled_bytes),
            backing_directory: None,
        }
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "TypeScript checked that it is a safe, positive integer; the cast saturates"
)]
pub(crate) fn whole(value: f64) -> u64 {
    value as u64
}

/// Names of files, as the core takes them.
pub(crate) fn names(buffers: &[Buffer]) -> Vec<Vec<u8>> {
    buffers.iter().map(|name| name.to_vec()).collect()
}

/// Certificates by their files; none for no file. Not for the main thread: a pipe may have to be waited for.
pub(crate) fn read_package_keys(
    files: &[Vec<u8>],
    control: &Arc<Shared>,
) -> napi::Result<Option<Arc<PackageKeys>>> {
    if files.is_empty() {
        return Ok(None);
    }
    match PackageKeys::read(files, SystemTime::now(), control) {
        Ok(keys) => Ok(Some(Arc::new(keys))),
        Err(error) => Err(explained(&error)),
    }
}

impl ExtractArguments {
    pub(crate) fn into_options(self) -> napi::Result<ExtractOptions> {
        let algorithms = self
            .algorithms
            .iter()
            .map(|name| algorithm(name))
            .collect::<napi::Result<Vec<_>>>()?;
        let defaults = DEFAULT_SKIPPED_PATHS.map(|path| path.as_bytes().to_vec());
        let usual = self.default_skips.then_some(defaults).into_iter().flatten();
        let mut selection = Selection::new(usual, self.skip_paths.iter().map(|path| path.to_vec()));
        selection.all_owners = self.all_owners;
        selection.one_file_system = self.one_file_system;
        selection.partition = self.partition;
        selection.platform = self.platform.as_deref().and_then(Platform::parse);
        selection.image = self.image_name;
        selection.sysroots = self.sysroots.into_iter().map(String::into_bytes).collect();
        selection.signatures = self.signatures;
        selection.merged_usr = self.merged_usr;
        selection.shard = self.shard.and_then(|(index, count)| Shard::new(index, count));
        let default = ExtractOptions::default();
        Ok(ExtractOptions {
            algorithms,
            selection,
            limits: Limits {
                backing_directory: self.backing_directory.map(PathBuf::from),
                ..self.limits.into_limits()
            },
            keep_going: self.keep_going,
            boot_files: self.boot_files,
            threads: usize::try_from(self.threads)
                .ok()
                .and_then(NonZeroUsize::new)
                .unwrap_or(default.threads),
        })
    }
}

/// An extraction under way.
pub struct ExtractTask {
    sources: Vec<Vec<u8>>,
    package_keys: Vec<Vec<u8>>,
    options: ExtractOptions,
    control: Arc<Shared>,
}

impl Task for ExtractTask {
    type Output = (List, Value);
    type JsValue = Extraction;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        guarded(|| {
            self.options.selection.package_keys = read_package_keys(&self.package_keys, &self.control)?;
            let sources = self
                .sources
                .iter()
                .map(|name| {
                    image::open(name, &self.options.limits, &self.control)
                        .map(|source| (name.clone(), source))
                        .map_err(|error| explained(&error))
                })
                .collect::<napi::Result<Vec<_>>>()?;
            let extraction =
                image::extract(&sources, &self.options, &self.control).map_err(|error| explained(&error))?;
            let sources = extraction.sources.iter().map(image::Summary::to_json).collect();
            Ok((extraction.allowlist, sources))
        })
    }

    fn resolve(&mut self, _env: Env, (list, sources): Self::Output) -> napi::Result<Extraction> {
        Ok(Extraction {
            list: Arc::new(list),
            sources,
        })
    }
}

/// What came out of one or more images.
#[napi]
pub struct Extraction {
    list: Arc<List>,
    sources: Value,
}

#[napi]
impl Extraction {
    /// A summary of each image, as JSON text.
    #[napi]
    #[must_use]
    pub fn sources(&self) -> String {
        self.sources.to_string()
    }

    /// The digests.
    #[napi]
    #[must_use]
    pub fn allowlist(&self) -> Allowlist {
        Allowlist {
            list: Arc::clone(&self.list),
            sources: self.sources.clone(),
        }
    }
}

/// Extracts one allowlist from several images. A name `-` is standard input.
///
/// # Errors
/// Unknown algorithms; later, by the promise, all that is wrong with the images.
#[napi(catch_unwind, ts_return_type = "Promise<Extraction>")]
pub fn extract(
    sources: Vec<Buffer>,
    options: ExtractArguments,
    control: &Control,
) -> napi::Result<AsyncTask<ExtractTask>> {
    Ok(AsyncTask::new(ExtractTask {
        sources: names(&sources),
        package_keys: names(&options.package_keys),
        options: options.into_options()?,
        control: Arc::clone(&control.shared),
    }))
}

/// An inspection under way.
pub struct InspectTask {
    source: Vec<u8>,
    package_keys: Vec<Vec<u8>>,
    options: ExtractOptions,
    control: Arc<Shared>,
}

impl Task for InspectTask {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> napi::Result<String> {
        guarded(|| {
            self.options.selection.package_keys = read_package_keys(&self.package_keys, &self.control)?;
            let source = image::open(&self.source, &self.options.limits, &self.control)
                .map_err(|error| explained(&error))?;
            image::inspect(&self.source, source.as_ref(), &self.options, &self.control)
                .map(|summary| summary.to_json().to_string())
                .map_err(|error| explained(&error))
        })
    }

    fn resolve(&mut self, _env: Env, summary: String) -> napi::Result<String> {
        Ok(summary)
    }
}

/// Says what an image is made of, as JSON text. A name `-` is standard input.
///
/// # Errors
/// By the promise, all that is wrong with the image.
#[napi(catch_unwind, ts_return_type = "Promise<string>")]
pub fn inspect(
    source: Buffer,
    options: ExtractArguments,
    control: &Control,
) -> napi::Result<AsyncTask<InspectTask>> {
    Ok(AsyncTask::new(InspectTask {
        source: source.to_vec(),
        package_keys: names(&options.package_keys),
        options: options.into_options()?,
        control: Arc::clone(&control.shared),
    }))
}
