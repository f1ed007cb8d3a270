//! VMDK: a disk of extents, in one file or in several, each of them whole or in grains that were written.
//!
//! ```text
//! descriptor, a text ─► extents one after another ─┬─ flat:   bytes of a file
//!  (alone, or inside of                            ├─ sparse: grain directory ─► grain table ─► grain
//!   the only extent)                               └─ zero
//!                    └─► parent: has what no grain has
//! ```
//!
//! Source: VMware, `Virtual Disk Format 5.0`. What VMware ESXi alone writes (COWD, SESPARSE, VMFS) is refused by name.

mod descriptor;
mod header;
mod sparse;

use std::sync::Arc;

use descriptor::{Descriptor, Form, MAX_DESCRIPTOR_BYTES};
use header::Header;
use sparse::{Caches, Sparse};

use super::DiskError;
use super::container::{ContainerError, Format, Mapped, Mapping, OtherFiles};
use super::number::index;
use super::read_at::{ReadAt, check_range, read_vec};
use crate::image::Fact;
use crate::path::Escaped;

const FORMAT: Format = Format("VMDK");

const SECTOR_BYTES: u64 = 512;

/// Sectors beyond this address nothing that exists.
const MAX_SECTORS: u64 = 1 << 47;

/// What sparse extents of ESXi start with.
const ESXI_SPARSE: &[u8] = b"COWD";

/// The disk inside a VMDK.
pub(super) struct Vmdk {
    descriptor: Descriptor,
    /// Whether the extents are in other files than the descriptor.
    is_split: bool,
    /// In the order of the disk.
    extents: Vec<Extent>,
    parent: Option<Arc<dyn ReadAt>>,
}

struct Extent {
    /// Where it starts on the disk, and where it ends.
    start: u64,
    end: u64,
    bytes: Bytes,
}

enum Bytes {
    Zeros,
    Flat(Arc<dyn ReadAt>, u64),
    Sparse(Sparse),
}

/// Whether a file is a VMDK.
pub(super) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(header::MAGIC) || head.starts_with(descriptor::MAGIC) || head.starts_with(ESXI_SPARSE)
}

impl Vmdk {
    /// Opens it with all files it needs, as far as they may be read.
    pub(super) fn open(file: Arc<dyn ReadAt>, others: &OtherFiles) -> Result<Self, DiskError> {
        let len = file.size_bytes().min(SECTOR_BYTES);
        let head = read_vec(file.as_ref(), 0, index(len))?;
        if head.starts_with(ESXI_SPARSE) {
            return Err(FORMAT.unsupported("a sparse extent of VMware ESXi (COWD)"));
        }
        let is_split = !head.starts_with(header::MAGIC);
        let (descriptor, extents) = if is_split {
            Self::in_several_files(file.as_ref(), others)?
        } else {
            Self::in_one_file(file)?
        };
        let parent = match &descriptor.parent {
            None => None,
            Some(parent) => Some(open_parent(parent, others)?),
        };
        Ok(Self {
            descriptor,
            is_split,
            extents,
            parent,
        })
    }

    /// The descriptor is inside of the only extent.
    fn in_one_file(file: Arc<dyn ReadAt>) -> Result<(Descriptor, Vec<Extent>), DiskError> {
        let header = Header::read(file.as_ref())?;
        let (at, len) = header.descriptor.ok_or(ContainerError::DescriptorMissing)?;
        if len > MAX_DESCRIPTOR_BYTES {
            return Err(FORMAT.malformed(36, "the descriptor is larger than 256 KiB"));
        }
        let text = read_vec(file.as_ref(), at, index(len))?;
        if !text.starts_with(descriptor::MAGIC) {
            return Err(ContainerError::DescriptorMissing.into());
        }
        let descriptor = Descriptor::parse(&text, at)?;
        // The name of the extent is that which the file had when it was made.
        if descriptor.sectors() != header.sectors {
            return Err(FORMAT.malformed(at, "the descriptor is of a disk of another size"));
        }
        let end = header.sectors.saturating_mul(SECTOR_BYTES);
        let caches = Caches::new(header.grain_bytes());
        let extent = Extent {
            start: 0,
            end,
            bytes: Bytes::Sparse(Sparse::new(file, header, 0, &caches)),
        };
        Ok((descriptor, vec![extent]))
    }

    /// The file is the descriptor, and the extents are in others.
    fn in_several_files(
        file: &dyn ReadAt,
        others: &OtherFiles,
    ) -> Result<(Descriptor, Vec<Extent>), DiskError> {
        if file.size_bytes() > MAX_DESCRIPTOR_BYTES {
            return Err(FORMAT.malformed(0, "the descriptor is larger than 256 KiB"));
        }
        let descriptor = Descriptor::parse(&read_vec(file, 0, index(file.size_bytes()))?, 0)?;
        let caches = Caches::new(header::MAX_GRAIN_BYTES);
        let (mut extents, mut start) = (Vec::new(), 0_u64);
        for (number, line) in descriptor.extents.iter().enumerate() {
            let size_bytes = line.sectors.saturating_mul(SECTOR_BYTES);
            let bytes = match line.form {
                Form::Zero => Bytes::Zeros,
                Form::Flat { sector } => {
                    let file = others.open_file(&line.name)?;
                    let at = sector.saturating_mul(SECTOR_BYTES);
                    check_range(at, index(size_bytes), file.size_bytes())?;
                    Bytes::Flat(file, at)
                }
                Form::Sparse => {
                    let file = others.open_file(&line.name)?;
                    let header = Header::read(file.as_ref())?;
                    if header.sectors != line.sectors {
                        return Err(FORMAT.malformed(line.offset, "the extent is in a file of another size"));
                    }
                    Bytes::Sparse(Sparse::new(file, header, number, &caches))
                }
            };
            let end = start.saturating_add(size_bytes);
            extents.push(Extent { start, end, bytes });
            start = end;
        }
        Ok((descriptor, extents))
    }

    /// What `inspect` shows of it.
    pub(super) fn facts(&self) -> Vec<(&'static str, Fact)> {
        let text = |name: &[u8]| Fact::Text(Escaped(name).to_string());
        let mut facts = vec![
            ("type", text(&self.descriptor.create_type)),
            ("diskBytes", Fact::Number(self.disk_bytes())),
        ];
        match self.descriptor.extents.as_slice() {
            [only] if self.is_split => facts.push(("dataFile", text(&only.name))),
            [_] => {}
            several => {
                let extents = u64::try_from(several.len()).unwrap_or(u64::MAX);
                facts.push(("extents", Fact::Number(extents)));
            }
        }
        if let Some(parent) = &self.descriptor.parent {
            facts.push(("backingFile", text(&parent.name)));
        }
        facts
    }
}

/// The VMDK below another one: the version of it that this one was made over.
fn open_parent(parent: &descriptor::Parent, others: &OtherFiles) -> Result<Arc<dyn ReadAt>, DiskError> {
    let (file, below) = others.open_image(&parent.name)?;
    let changed = || FORMAT.parent_changed(&parent.name);
    let head = read_vec(file.as_ref(), 0, index(file.size_bytes().min(SECTOR_BYTES)))?;
    if !looks_like(&head) {
        return Err(changed());
    }
    let disk = Vmdk::open(file, &below)?;
    if disk.descriptor.content_id != parent.content_id {
        return Err(changed());
    }
    Ok(Arc::new(disk))
}

impl Mapped for Vmdk {
    fn disk_bytes(&self) -> u64 {
        self.extents.last().map_or(0, |extent| extent.end)
    }

    fn below(&self) -> Option<&dyn ReadAt> {
        self.parent.as_deref()
    }

    fn map(&self, offset: u64) -> Result<(Mapping<'_>, u64), DiskError> {
        let number = self.extents.partition_point(|extent| extent.end <= offset);
        let extent = self.extents.get(number).ok_or(DiskError::BeyondEnd {
            offset,
            size: self.disk_bytes(),
        })?;
        let inside = offset.saturating_sub(extent.start);
        let left = extent.end.saturating_sub(offset);
        match &extent.bytes {
            Bytes::Zeros => Ok((Mapping::Zeros, left)),
            Bytes::Flat(file, at) => Ok((Mapping::At(file.as_ref(), at.saturating_add(inside)), left)),
            Bytes::Sparse(sparse) => {
                let (mapping, run) = sparse.map(inside)?;
                Ok((mapping, run.min(left)))
            }
        }
    }
}
