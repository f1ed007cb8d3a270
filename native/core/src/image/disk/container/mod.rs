//! What a disk can be kept in: one table, from the first and the last bytes of a file to the disk in it.
//!
//! A format maps places of the disk to places of files ([`Mapped`]); caches, images below others and the
//! files that an image names are the same for all of them.

mod error;
mod kept;
mod mapped;
mod other_files;

use std::sync::Arc;

pub use error::{ContainerError, Format};
pub(super) use kept::{Kept, Pages};
pub(super) use mapped::{Mapped, Mapping};
pub use other_files::OtherFileError;
pub(super) use other_files::OtherFiles;

use super::DiskError;
use super::number::index;
use super::qcow2::{self, Qcow2};
use super::read_at::{ReadAt, read_vec};
use super::vdi::{self, Vdi};
use super::vhd::{self, Vhd};
use super::vhdx::{self, Vhdx};
use super::vmdk::{self, Vmdk};
use crate::image::Fact;

/// Bytes at the start of a file, and again at its end, that tell every format.
const ENDS_BYTES: u64 = 512;

/// A disk, and what is known of what it was kept in.
pub(super) struct Container {
    /// As `inspect` shows it.
    pub(super) kind: &'static str,
    pub(super) facts: Vec<(&'static str, Fact)>,
    pub(super) disk: Arc<dyn ReadAt>,
}

type Opened = (Vec<(&'static str, Fact)>, Arc<dyn ReadAt>);

/// One format: a new one is a row here.
struct Row {
    kind: &'static str,
    /// As a qcow2 names it that has such an image below.
    name: &'static [u8],
    /// Whether these are the first and the last bytes of one.
    detect: fn(&[u8], &[u8]) -> bool,
    open: fn(Arc<dyn ReadAt>, &OtherFiles) -> Result<Opened, DiskError>,
}

const FORMATS: [Row; 5] = [
    Row {
        kind: "qcow2",
        name: b"qcow2",
        detect: |head, _| qcow2::looks_like(head),
        open: |file, others| {
            let disk = Qcow2::open(file, others)?;
            Ok((disk.facts(), Arc::new(disk)))
        },
    },
    Row {
        kind: "vmdk",
        name: b"vmdk",
        detect: |head, _| vmdk::looks_like(head),
        open: |file, others| {
            let disk = Vmdk::open(file, others)?;
            Ok((disk.facts(), Arc::new(disk)))
        },
    },
    Row {
        kind: "vhd",
        name: b"vpc",
        detect: |head, tail| vhd::looks_like(head, tail),
        open: |file, others| {
            let disk = Vhd::open(file, others)?;
            Ok((disk.facts(), Arc::new(disk)))
        },
    },
    Row {
        kind: "vdi",
        name: b"vdi",
        detect: |head, _| vdi::looks_like(head),
        open: |file, _| {
            let disk = Vdi::open(file)?;
            Ok((disk.facts(), Arc::new(disk)))
        },
    },
    Row {
        kind: "vhdx",
        name: b"vhdx",
        detect: |head, _| vhdx::looks_like(head),
        open: |file, _| {
            let disk = Vhdx::open(file)?;
            Ok((disk.facts(), Arc::new(disk)))
        },
    },
];

/// Whether the first bytes of a file are those of a format that is not just the disk.
pub(super) fn looks_like(head: &[u8]) -> bool {
    FORMATS.iter().any(|row| (row.detect)(head, &[]))
}

/// The disk in a file of any format; a file of none is the disk itself.
pub(super) fn open(file: Arc<dyn ReadAt>, others: &OtherFiles) -> Result<Container, DiskError> {
    let size = file.size_bytes();
    let len = size.min(ENDS_BYTES);
    let head = read_vec(file.as_ref(), 0, index(len))?;
    let tail = read_vec(file.as_ref(), size.saturating_sub(len), index(len))?;
    let found = FORMATS.iter().find(|row| (row.detect)(&head, &tail));
    open_as(found, file, others)
}

/// The image below a qcow2, of the format that this one says or else of the one it looks like.
pub(super) fn open_below(
    name: &[u8],
    format: Option<&[u8]>,
    others: &OtherFiles,
) -> Result<Arc<dyn ReadAt>, DiskError> {
    let (file, below) = others.open_image(name)?;
    let container = match format {
        None => open(file, &below)?,
        Some(b"raw") => open_as(None, file, &below)?,
        Some(format) => {
            let row = FORMATS.iter().find(|row| row.name == format);
            let row =
                row.ok_or_else(|| other_files::refused(name, "which is of a format that is not read"))?;
            open_as(Some(row), file, &below)?
        }
    };
    Ok(container.disk)
}

fn open_as(row: Option<&Row>, file: Arc<dyn ReadAt>, others: &OtherFiles) -> Result<Container, DiskError> {
    let (kind, (facts, disk)) = match row {
        Some(row) => (row.kind, (row.open)(file, others)?),
        None => ("raw", (Vec::new(), file)),
    };
    Ok(Container { kind, facts, disk })
}
