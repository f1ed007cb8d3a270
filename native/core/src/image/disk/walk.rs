//! The walk over the mounted filesystems: every file, at the path that it has on the machine.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::DiskError;
use super::filesystem::{Bytes, Facts, Filesystem, Identity, Kind, Node};
use super::root::Mount;
use crate::image::signature;
use crate::image::{ContentId, File, ImageError, Note, Scan, Sink, Skip};

/// How many times the size of the image its files may have together, where that is more than the limit: unpacked
/// clusters, and holes.
const USUAL_RATIO: u64 = 16;

/// One walk.
pub(super) struct Walk<'a, 'b, 's> {
    scan: &'a Scan<'b>,
    sink: &'a mut dyn Sink<'s>,
    mounts: &'a [Mount<'s>],
    /// Paths to skip that were asked for and not met yet.
    unmet: BTreeSet<&'b [u8]>,
    max_bytes: u64,
    files: u64,
    bytes: u64,
    text_bytes: u64,
}

/// A directory that is still to be read.
struct Pending {
    path: Vec<u8>,
    node: Node,
    depth: usize,
}

/// A file that was found, until all of its filesystem are: they are read in the order of their blocks, so that no
/// cluster of the image is unpacked twice.
struct Found {
    path: Vec<u8>,
    node: Node,
    facts: Facts,
}

impl<'a, 'b, 's> Walk<'a, 'b, 's> {
    pub(super) fn new(
        scan: &'a Scan<'b>,
        sink: &'a mut dyn Sink<'s>,
        mounts: &'a [Mount<'s>],
        image_bytes: u64,
    ) -> Self {
        Self {
            scan,
            sink,
            mounts,
            unmet: scan.selection.asked().collect(),
            max_bytes: scan
                .limits
                .max_unpacked_bytes
                .max(image_bytes.saturating_mul(USUAL_RATIO)),
            files: 0,
            bytes: 0,
            text_bytes: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<(), ImageError> {
        for mount in self.mounts {
            if self.is_below_a_skipped(&mount.path) {
                continue;
            }
            let Some(volume) = mount.volume else {
                let device = mount.device.clone();
                self.sink
                    .omit(at(&mount.path, DiskError::MountMissing { device }))?;
                continue;
            };
            match &volume.filesystem {
                Some(Ok(filesystem)) => self.filesystem(filesystem, mount)?,
                Some(Err(error)) => self.sink.omit(at(&mount.path, error.clone()))?,
                None => {
                    let error = DiskError::FilesystemUnsupported {
                        volume: volume.name(),
                        kind: volume.kind,
                    };
                    self.sink.omit(at(&mount.path, error))?;
                }
            }
        }
        for path in std::mem::take(&mut self.unmet) {
            self.sink
                .note(Note::unmet_skip(path, "there is no such path in the image"));
        }
        Ok(())
    }

    /// Whether this path or one above it is to be skipped. A mount point there is not looked at.
    fn is_below_a_skipped(&mut self, path: &[u8]) -> bool {
        let ends = (1..=path.len()).filter(|&end| matches!(path.get(end), None | Some(b'/')));
        let mut above = ends.filter_map(|end| path.get(..end));
        let skipped = above.find(|above| self.scan.selection.skips_path(above));
        if let Some(skipped) = skipped {
            self.unmet.remove(skipped);
            self.sink.skip(Skip::Path);
        }
        skipped.is_some()
    }

    fn filesystem(&mut self, filesystem: &'s Filesystem, mount: &Mount<'_>) -> Result<(), ImageError> {
        let mounted_at = &mount.path;
        let root = match filesystem.top(&mount.subvolume) {
            Ok(root) => root,
            // A subvolume that is not there is one mount less; without a root there is nothing.
            Err(error) if !mounted_at.is_empty() => return self.sink.omit(at(mounted_at, error)),
            Err(error) => return Err(at(mounted_at, error)),
        };
        let mut pending = vec![Pending {
            path: mounted_at.clone(),
            node: root.clone(),
            depth: 0,
        }];
        let mut seen = HashSet::from([root.identity()]);
        let mut left = filesystem.size_bytes();
        let mut found = Vec::new();
        while let Some(directory) = pending.pop() {
            if self.scan.control.is_cancelled() {
                return Err(ImageError::Cancelled);
            }
            // Directories that share blocks would be read again and again.
            let size = filesystem.directory_bytes(&directory.node);
            let size = size.map_err(|error| at(&directory.path, error))?;
            left = left
                .checked_sub(size)
                .ok_or_else(|| at(&directory.path, DiskError::DirectoriesOverlap))?;
            let entries = match filesystem.list(&directory.node) {
                Ok(entries) => entries,
                Err(error) => {
                    self.sink.omit(at(&directory.path, error))?;
                    continue;
                }
            };
            let mut names = HashSet::new();
            if !entries.iter().all(|(name, _)| names.insert(name)) {
                self.sink.omit(at(&directory.path, DiskError::NameTwice))?;
                continue;
            }
            for (name, entry) in entries {
                let path = [&directory.path[..], b"/", &name].concat();
                match filesystem.node(entry) {
                    Err(error) => self.sink.omit(at(&path, error))?,
                    Ok(None) => {}
                    Ok(Some(node)) if node.kind() == Kind::Directory => {
                        if !seen.insert(node.identity()) {
                            self.sink.skip(Skip::Loop);
                            continue;
                        }
                        pending.extend(self.enter(path, node, directory.depth)?);
                    }
                    Ok(Some(node)) => found.extend(self.take(filesystem, path, node)?),
                }
            }
        }
        found.sort_by_key(|file: &Found| file.facts.first_block);
        self.submit(filesystem, found)
    }

    /// A directory to be read, unless it is skipped or hidden by a mount.
    fn enter(&mut self, path: Vec<u8>, node: Node, depth: usize) -> Result<Option<Pending>, ImageError> {
        if self.skips(&path) || self.mounts.iter().any(|mount| mount.path == path) {
            return Ok(None);
        }
        let (depth, limit) = (depth.saturating_add(1), self.scan.limits.max_depth);
        if depth > limit {
            self.sink.omit(ImageError::TooDeep { path, limit })?;
            return Ok(None);
        }
        self.count_text(&path)?;
        Ok(Some(Pending { path, node, depth }))
    }

    fn take(
        &mut self,
        filesystem: &Filesystem,
        path: Vec<u8>,
        node: Node,
    ) -> Result<Option<Found>, ImageError> {
        match node.kind() {
            Kind::Regular => {}
            Kind::Symlink => {
                self.sink.skip(Skip::Symlink);
                return Ok(None);
            }
            Kind::Directory | Kind::Special => {
                self.sink.skip(Skip::Special);
                return Ok(None);
            }
        }
        let facts = filesystem.facts(&node);
        if self.scan.selection.skips_owner(facts.uid) {
            self.sink.skip(Skip::Owner);
            return Ok(None);
        }
        if self.skips(&path) {
            return Ok(None);
        }
        if self.scan.selection.skips_shard(&path) {
            self.sink.skip(Skip::Shard);
            return Ok(None);
        }
        self.count_text(&path)?;
        Ok(Some(Found { path, node, facts }))
    }

    fn skips(&mut self, path: &[u8]) -> bool {
        let is_skipped = self.scan.selection.skips_path(path);
        if is_skipped {
            self.unmet.remove(path);
            self.sink.skip(Skip::Path);
        }
        is_skipped
    }

    fn count_text(&mut self, path: &[u8]) -> Result<(), ImageError> {
        let len = u64::try_from(path.len()).unwrap_or(u64::MAX);
        self.text_bytes = self.text_bytes.saturating_add(len);
        let limit = self.scan.limits.max_text_bytes;
        if self.text_bytes > limit {
            return Err(at(path, DiskError::TooMuchText { limit }));
        }
        Ok(())
    }

    /// Hands the files of a filesystem over, those with several names once.
    fn submit(&mut self, filesystem: &'s Filesystem, found: Vec<Found>) -> Result<(), ImageError> {
        let mut linked: HashMap<Identity, ContentId> = HashMap::new();
        for Found { path, node, facts } in found {
            let limit = self.scan.limits.max_files;
            if self.files >= limit {
                return Err(ImageError::TooManyFiles { path, limit });
            }
            self.files = self.files.saturating_add(1);
            let known = facts.linked.and_then(|number| linked.get(&number).copied());
            let content = match (known, filesystem.bytes(&node)) {
                (Some(content), _) => content,
                (None, None) => continue,
                (None, Some(bytes)) => {
                    self.count_bytes(&path, facts.size_bytes)?;
                    let path = path.clone();
                    let content = self.sink.content(Box::new(DiskFile {
                        path: path.clone(),
                        bytes,
                    }))?;
                    if self.scan.selection.signatures {
                        match filesystem.attributes(&node) {
                            Ok(attributes) => signature::take(self.sink, content, attributes)?,
                            Err(error) => self.sink.omit(at(&path, error))?,
                        }
                    }
                    if let Some(number) = facts.linked {
                        linked.insert(number, content);
                    }
                    content
                }
            };
            self.sink.file(File {
                path,
                content,
                mode: facts.mode,
                uid: facts.uid,
                gid: facts.gid,
                size_bytes: facts.size_bytes,
            });
        }
        Ok(())
    }

    /// A hostile image can claim files of any size, all of them holes.
    fn count_bytes(&mut self, path: &[u8], size_bytes: u64) -> Result<(), ImageError> {
        self.bytes = self.bytes.saturating_add(size_bytes);
        if self.bytes > self.max_bytes {
            let limit = self.max_bytes;
            return Err(at(path, DiskError::TooLarge { limit }));
        }
        Ok(())
    }
}

/// An error of a path inside the image.
fn at(path: &[u8], error: DiskError) -> ImageError {
    let path = if path.is_empty() { b"/" } else { path };
    ImageError::Disk {
        path: Some(path.to_vec()),
        error,
    }
}

/// A file, read by the thread that hashes it.
struct DiskFile<'s> {
    path: Vec<u8>,
    bytes: Bytes<'s>,
}

impl ima_assay_digest::Content for DiskFile<'_> {
    type Error = ImageError;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        self.bytes.read(buffer).map_err(|error| at(&self.path, error))
    }
}
