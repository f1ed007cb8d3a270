//! Disk images: a container, partitions, filesystems, and the root among them.
//!
//! ```text
//! file ─► container, if any ─► partition table, or none ─► volumes, also LVM's ─► root ─► its fstab ─► files
//! ```
//!
//! Everything is read through one trait of bytes by offset, from several threads at once: what opens an image
//! reads its structures, and the hashing threads read the files.

mod btrfs;
mod container;
mod erofs;
mod error;
mod ext4;
mod filesystem;
mod iso9660;
mod lvm;
mod number;
mod qcow2;
mod read_at;
mod root;
mod runs;
mod squashfs;
mod table;
#[cfg(test)]
mod tests;
mod vdi;
mod vfat;
mod vhd;
mod vhdx;
mod vmdk;
mod volume;
mod walk;
mod xfs;

use std::fs;
use std::path::Path;
use std::sync::Arc;

pub use btrfs::BtrfsError;
use container::{Container, OtherFiles};
pub use container::{ContainerError, Format, OtherFileError};
pub use erofs::ErofsError;
pub use error::DiskError;
pub use ext4::Ext4Error;
pub use iso9660::Iso9660Error;
pub use lvm::LvmError;
pub use qcow2::Qcow2Error;
use read_at::{Raw, ReadAt};
use root::{Mount, Mounts};
pub use squashfs::SquashfsError;
use table::Table;
use volume::Volume;
use walk::Walk;
pub use xfs::XfsError;

use super::compression::Compression;
use super::{Fact, ImageError, Layer, Note, Scan, Sink, Source};

/// Bytes in which a disk without a partition table says what it is: iso9660 does so latest.
const START_BYTES: u64 = 34 << 10;

/// A disk image.
pub struct Disk {
    container: Container,
    file_bytes: u64,
    /// Bytes of the file, and of those that it is not whole without.
    stored_bytes: u64,
    table: Option<Table>,
    volumes: Vec<Volume>,
    /// What a person should know of how it was unpacked.
    note: Option<Note>,
}

/// Whether the first bytes of a file are those of a disk image.
#[must_use]
pub fn looks_like(head: &[u8]) -> bool {
    container::looks_like(head)
        || volume::is_filesystem(head)
        || iso9660::looks_like(head)
        || lvm::looks_like(head)
        || table::looks_like(head)
}

/// Whether they are those of a btrfs, of which zeros come first. On a disk with partitions it is a former one.
#[must_use]
pub fn looks_like_btrfs(head: &[u8]) -> bool {
    btrfs::looks_like(head)
}

impl Disk {
    /// Opens a disk image. `path` is where it lies, if that is known: other files that it needs are read if they
    /// lie below the same directory, or below `allowed`.
    ///
    /// # Errors
    /// [`ImageError::Disk`]: the container, the partition table or the start of a partition cannot be read.
    pub fn open(file: fs::File, path: Option<&Path>, allowed: Option<&Path>) -> Result<Self, ImageError> {
        Self::look(file, &OtherFiles::of(path, allowed)).map_err(ImageError::from)
    }

    /// The same disk, which was compressed, with what a person should know of how it was unpacked.
    pub(super) fn unpacked_from(mut self, compression: Compression, note: Note) -> Self {
        let fact = ("compression", Fact::Text(compression.name().to_owned()));
        self.container.facts.push(fact);
        self.note = Some(note);
        self
    }

    fn look(file: fs::File, others: &OtherFiles) -> Result<Self, DiskError> {
        let raw: Arc<dyn ReadAt> = Arc::new(Raw::new(file)?);
        let file_bytes = raw.size_bytes();
        let container = container::open(raw, others)?;
        let disk = &container.disk;
        // A filesystem on the whole disk may have anything in its first sector.
        let start = read_at::read_vec(
            disk.as_ref(),
            0,
            number::index(disk.size_bytes().min(START_BYTES)),
        )?;
        let (table, volumes) = if volume::is_filesystem(&start) {
            (None, Volume::all(disk, None)?)
        } else if iso9660::looks_like(&start) {
            Volume::with_iso9660(disk)?
        } else {
            let table = Table::read(disk.as_ref())?;
            let volumes = Volume::all(disk, table.as_ref())?;
            (table, volumes)
        };
        Ok(Self {
            file_bytes,
            volumes,
            table,
            container,
            note: None,
            stored_bytes: file_bytes.saturating_add(others.opened_bytes()),
        })
    }
}

/// Where a volume is mounted.
fn mount_path(mount: &Mount<'_>) -> Vec<u8> {
    if mount.path.is_empty() {
        b"/".to_vec()
    } else {
        mount.path.clone()
    }
}

impl Source for Disk {
    fn has_partitions(&self) -> bool {
        true
    }

    fn is_root_filesystem(&self) -> bool {
        true
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        if let Some(note) = &self.note {
            sink.note(note.clone());
        }
        let root = root::find_root(&self.volumes, scan.selection.partition.as_deref())?;
        let Mounts { mounts, optional } = root::mounts(root, &self.volumes)?;
        for (device, path) in optional {
            sink.note(Note {
                code: "MOUNT_MISSING",
                text: format!("{device} is not in the image, and may be missing by fstab"),
                path: Some(path),
                offset_bytes: None,
            });
        }
        if self.table.as_ref().is_some_and(|table| table.is_backup) {
            sink.note(Note {
                code: "GPT_BACKUP",
                path: None,
                offset_bytes: None,
                text: "only the copy of the partition table at the end of the disk is whole".to_owned(),
            });
        }
        for mount in &mounts {
            if mount.volume.is_some_and(Volume::is_replayed) {
                sink.note(Note {
                    code: "JOURNAL_REPLAYED",
                    path: Some(mount_path(mount)),
                    offset_bytes: None,
                    text: "the filesystem was not unmounted: it is read as its journal makes it, and what was not \
                           written to it yet is missing"
                        .to_owned(),
                });
            }
        }
        Walk::new(scan, sink, &mounts, self.stored_bytes).run()?;
        Ok(self.layer(&mounts))
    }

    fn outline(&self) -> Option<Layer> {
        Some(self.layer(&[]))
    }
}

impl Disk {
    /// The container, and the parts in it with the places they are mounted on.
    fn layer(&self, mounts: &[Mount<'_>]) -> Layer {
        let place = |volume: &Volume| {
            let mount = mounts
                .iter()
                .find(|mount| mount.volume.is_some_and(|mounted| std::ptr::eq(mounted, volume)));
            mount.map(mount_path)
        };
        let Container { kind, ref facts, .. } = self.container;
        let mut facts = facts.clone();
        facts.push((
            "partitionTable",
            Fact::Text(self.table.as_ref().map_or("none", |table| table.kind).to_owned()),
        ));
        Layer {
            kind,
            size_bytes: Some(self.file_bytes),
            facts,
            layers: self
                .volumes
                .iter()
                .map(|volume| volume.layer(place(volume).as_deref()))
                .collect(),
            ..Layer::default()
        }
    }
}
