//! ISO 9660, with Rock Ridge, with Joliet, or with neither.
//!
//! ```text
//! 16 sectors for others │ descriptors of the volume ─► record of the root ─► records ─► extents, each in one piece
//! ```
//!
//! Which names and owners a file has is what Linux shows where it mounts the volume without options: those of Rock
//! Ridge, else of Joliet, else its own in small letters. Nothing has a checksum, but every number is there twice.
//! Source: ECMA-119; Linux, `fs/isofs`.

mod descriptor;
mod error;
mod names;
mod record;
mod rock_ridge;

use std::sync::Arc;

use descriptor::Descriptor;
pub(super) use descriptor::looks_like;
pub use error::Iso9660Error;
use names::Names;
pub(super) use record::Record;
use rock_ridge::Fields;

use super::DiskError;
use super::filesystem::Kind;
use super::number::{be16, be32, index, le16, le32, len64};
use super::read_at::ReadAt;
use super::runs::{Run, RunReader};

const SECTOR_BYTES: u64 = 2048;

/// What everything is without Rock Ridge: readable, executable, and root's.
const DIRECTORY_MODE: u32 = 0o040_555;
const FILE_MODE: u32 = 0o100_555;

/// A filesystem.
pub(super) struct Iso9660 {
    volume: Arc<dyn ReadAt>,
    descriptor: Descriptor,
    names: Names,
}

/// A file, directory or something else.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where its record is.
    at: u64,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size_bytes: u64,
    runs: Vec<Run>,
    target: Vec<u8>,
    is_unread: Option<&'static str>,
}

impl Node {
    /// The block that it begins in: what a directory is known by.
    pub(super) fn first_block(&self) -> u64 {
        self.runs.first().map_or(0, |run| run.physical)
    }
}

fn corrupt(at: u64, problem: &'static str) -> DiskError {
    Iso9660Error::Corrupt { at, problem }.into()
}

fn unsupported(what: &'static str) -> DiskError {
    Iso9660Error::Unsupported { what }.into()
}

/// A number that is there twice; none if the copies differ.
fn both16(bytes: &[u8], at: usize) -> Option<u16> {
    let number = le16(bytes, at);
    (number == be16(bytes, at.saturating_add(2))).then_some(number)
}

/// As [`both16`].
fn both32(bytes: &[u8], at: usize) -> Option<u32> {
    let number = le32(bytes, at);
    (number == be32(bytes, at.saturating_add(4))).then_some(number)
}

impl Iso9660 {
    pub(super) fn open(volume: Arc<dyn ReadAt>) -> Result<Self, DiskError> {
        let (primary, joliet) = descriptor::read(volume.as_ref())?;
        let size = primary.sectors.saturating_mul(SECTOR_BYTES);
        if size > volume.size_bytes() {
            return Err(DiskError::BeyondEnd {
                offset: size.saturating_sub(1),
                size: volume.size_bytes(),
            });
        }
        let mut iso = Self {
            volume,
            descriptor: primary,
            names: Names::Plain,
        };
        let root = iso.record_at(iso.descriptor.root.first_block())?;
        let fields = rock_ridge::of_root(root.extensions());
        let is_rock_ridge = match (fields, &joliet) {
            (None, _) => false,
            (Some(_), None) => true,
            // Linux wants to be told by name, where there is a choice.
            (Some((fields, _)), Some(_)) => iso.fields(fields, root.at)?.has_signature,
        };
        match (fields.filter(|_| is_rock_ridge), joliet) {
            (Some((_, skip)), _) => iso.names = Names::RockRidge { skip },
            (None, Some(joliet)) => {
                iso.names = Names::Joliet;
                iso.descriptor = joliet;
            }
            (None, None) => {}
        }
        Ok(iso)
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.descriptor.sectors.saturating_mul(SECTOR_BYTES)
    }

    pub(super) fn root(&self) -> Result<Node, DiskError> {
        let record = self.descriptor.root.clone();
        Ok(Node {
            at: record.at,
            kind: Kind::Directory,
            mode: DIRECTORY_MODE,
            uid: 0,
            gid: 0,
            size_bytes: record.size_bytes,
            runs: record.runs,
            target: Vec::new(),
            is_unread: None,
        })
    }

    /// What a record stands for.
    pub(super) fn node(&self, record: Record) -> Result<Node, DiskError> {
        if record.volume() > 1 && record.volume() != self.descriptor.sequence {
            return Err(unsupported("a file on another volume of a set"));
        }
        let mut fields = self.fields_of(&record)?;
        let mut record = record;
        if let Some(block) = fields.child {
            record = self.record_at(block.into())?;
            fields = self.fields_of(&record)?;
        }
        let default = if record.is_directory() {
            DIRECTORY_MODE
        } else {
            FILE_MODE
        };
        let (mode, uid, gid) = fields.owner.unwrap_or((default, 0, 0));
        let kind = u16::try_from(mode).ok().and_then(Kind::of_mode);
        let kind = kind.ok_or_else(|| corrupt(record.at, "a file of no kind"))?;
        if record.is_directory() != (kind == Kind::Directory) {
            return Err(corrupt(record.at, "a directory and something else in one"));
        }
        Ok(Node {
            at: record.at,
            kind,
            mode,
            uid,
            gid,
            size_bytes: record.size_bytes,
            runs: record.runs,
            target: fields.target,
            is_unread: fields.is_unread,
        })
    }

    /// What Rock Ridge says of a file; nothing where there is none.
    fn fields_of(&self, record: &Record) -> Result<Fields, DiskError> {
        match self.names {
            Names::RockRidge { skip } => {
                let fields = record.extensions().get(skip..).unwrap_or_default();
                self.fields(fields, record.at)
            }
            Names::Joliet | Names::Plain => Ok(Fields::default()),
        }
    }

    /// Names and records of what is in a directory.
    pub(super) fn list(&self, directory: &Node) -> Result<Vec<(Vec<u8>, Record)>, DiskError> {
        let mut names = Vec::new();
        for record in self.records(&directory.runs, directory.size_bytes)? {
            let fields = self.fields_of(&record)?;
            // It is listed where it was moved from.
            if fields.is_moved {
                continue;
            }
            let name = if fields.name.is_empty() {
                self.names.of(record.name())
            } else {
                Some(fields.name)
            };
            let name = name.filter(|name| {
                !matches!(name.as_slice(), b"" | b"." | b"..")
                    && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
            });
            let name = name.ok_or_else(|| corrupt(record.at, "a name that no file has"))?;
            names.push((name, record));
        }
        Ok(names)
    }

    /// The target of a symbolic link.
    pub(super) fn target(link: &Node) -> Result<Option<Vec<u8>>, DiskError> {
        match (link.kind, link.target.as_slice()) {
            (Kind::Symlink, []) => Err(corrupt(link.at, "a symbolic link to nothing")),
            (Kind::Symlink, target) => Ok(Some(target.to_vec())),
            _ => Ok(None),
        }
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, file: &Node) -> Bytes<'_> {
        Bytes {
            volume: self.volume.as_ref(),
            reader: RunReader::new(file.runs.clone(), SECTOR_BYTES),
            left: file.size_bytes,
            is_unread: file.is_unread,
        }
    }
}

/// The bytes of a file, in order.
pub(super) struct Bytes<'f> {
    volume: &'f dyn ReadAt,
    reader: RunReader,
    left: u64,
    is_unread: Option<&'static str>,
}

impl Bytes<'_> {
    /// Fills `buffer`, or as much of it as there are bytes left.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        if let Some(what) = self.is_unread {
            return Err(unsupported(what));
        }
        let len = buffer.len().min(index(self.left));
        let buffer = buffer.get_mut(..len).unwrap_or_default();
        self.reader.read(self.volume, buffer)?;
        self.left = self.left.saturating_sub(len64(buffer));
        Ok(len)
    }
}
