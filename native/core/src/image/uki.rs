//! Unified kernel images: a PE file whose sections are a kernel, its command line and its initramfs.
//!
//! ```text
//!    0  "MZ"                     60  offset of the PE header, u32le
//!   PE  "PE\0\0"                 +6  sections u16   +20  size of the optional header u16
//!  +24  optional header          then for every section 40 bytes:
//!    0  name, 8 bytes             8  size in memory u32  12  address
//!   16  size in the file u32     20  offset in the file u32
//! ```
//!
//! What the kernel gets is `.ucode` and then `.initrd`, each padded to four bytes. Sections before the first
//! `.profile` belong to every profile, those after it to that profile. Sources: PE format; the UAPI group's
//! specification of unified kernel images.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use super::initramfs::Initramfs;
use super::{Fact, ImageError, Layer, Note, Scan, Sink, Source};
use crate::error::{Explain, Place};
use crate::path::Escaped;

/// Sections that are listed and looked for. Windows' own loader takes no more than 96.
const MAX_SECTIONS: usize = 256;

const SECTION_BYTES: usize = 40;
const PE_HEADER_BYTES: usize = 24;

/// Sections with a line of text worth showing, and how much of it is read.
const TEXTS: [(&str, &str); 2] = [(".cmdline", "cmdline"), (".uname", "uname")];
const TEXT_BYTES: u64 = 4096;

/// Why a unified kernel image cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UkiError {
    /// The headers of the PE file are cut or point out of it.
    #[error("no PE file: {problem} at byte {offset}")]
    Malformed {
        /// Where it should be.
        offset: u64,
        /// What is missing.
        problem: &'static str,
    },
    /// A section reaches beyond the end of the file.
    #[error("section {name}: ends at byte {end}, the file at byte {size}")]
    SectionTruncated {
        /// Its name.
        name: String,
        /// Where it ends.
        end: u64,
        /// Where the file ends.
        size: u64,
    },
    /// A section stands twice in one profile; boot loaders differ in which one they take.
    #[error("section {name} is there twice in one profile")]
    SectionTwice {
        /// Its name.
        name: &'static str,
    },
    /// There is no initramfs in it.
    #[error("no .initrd section")]
    InitrdMissing,
}

impl Explain for UkiError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "UKI_MALFORMED",
            Self::SectionTruncated { .. } => "UKI_TRUNCATED",
            Self::SectionTwice { .. } => "UKI_SECTION_TWICE",
            Self::InitrdMissing => "UKI_INITRD_MISSING",
        }
    }

    fn place(&self) -> Place {
        let offset_bytes = match self {
            Self::Malformed { offset, .. } => Some(*offset),
            Self::SectionTruncated { size, .. } => Some(*size),
            Self::SectionTwice { .. } | Self::InitrdMissing => None,
        };
        Place {
            offset_bytes,
            ..Place::default()
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Malformed { .. } | Self::SectionTruncated { .. } => {
                "the file is cut; copy it again and compare its size with the original's"
            }
            Self::SectionTwice { .. } => "build it anew, with one of them",
            Self::InitrdMissing => "its initramfs is another file; give that one",
        })
    }
}

/// A section of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    name: [u8; 8],
    range: Range<u64>,
}

impl Section {
    fn is(&self, name: &str) -> bool {
        let len = self
            .name
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(self.name.len());
        self.name.get(..len) == Some(name.as_bytes())
    }

    fn shown(&self) -> String {
        let name = self.name.split(|byte| *byte == 0).next().unwrap_or_default();
        Escaped(name).to_string()
    }

    fn len(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }
}

/// Whether a file that starts with these bytes, enough of them for its section table, is a PE file with the sections
/// of a unified kernel image. A kernel that is a PE file has none of them.
#[must_use]
pub fn looks_like(head: &[u8]) -> bool {
    let read = |bytes: &mut [u8], offset: u64| -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let from = head.get(start..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    };
    head.starts_with(b"MZ")
        && sections(read).is_ok_and(|sections| {
            sections
                .iter()
                .any(|section| section.is(".linux") || section.is(".initrd"))
        })
}

/// The section table, read with `read_exact_at`.
fn sections(
    mut read_exact_at: impl FnMut(&mut [u8], u64) -> io::Result<()>,
) -> Result<Vec<Section>, SectionsError> {
    let mut read = |bytes: &mut [u8], offset: u64, problem: &'static str| {
        read_exact_at(bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SectionsError::Uki(UkiError::Malformed { offset, problem }),
            _ => SectionsError::Io(error),
        })
    };
    let mut dos = [0; 64];
    read(&mut dos, 0, "no DOS header")?;
    let pe_offset = u64::from(number(&dos, 60));
    let mut pe = [0; PE_HEADER_BYTES];
    read(&mut pe, pe_offset, "no PE header")?;
    if !dos.starts_with(b"MZ") || !pe.starts_with(b"PE\0\0") {
        return Err(SectionsError::Uki(UkiError::Malformed {
            offset: pe_offset,
            problem: "no PE signature",
        }));
    }
    let count = usize::from(short(&pe, 6));
    if count > MAX_SECTIONS {
        return Err(SectionsError::Uki(UkiError::Malformed {
            offset: pe_offset,
            problem: "more sections than any boot loader takes",
        }));
    }
    let mut offset = pe_offset
        .saturating_add(u64::from(short(&pe, 20)))
        .saturating_add(24);
    let mut found = Vec::new();
    for _ in 0..count {
        let mut entry = [0; SECTION_BYTES];
        read(&mut entry, offset, "no section table")?;
        offset = offset.saturating_add(40);
        // In memory it may be longer, padded with NULs, or shorter than in the file.
        let len = u64::from(number(&entry, 8).min(number(&entry, 16)));
        let start = u64::from(number(&entry, 20));
        found.push(Section {
            name: entry.first_chunk().copied().unwrap_or_default(),
            range: start..start.saturating_add(len),
        });
    }
    Ok(found)
}

#[derive(Debug)]
enum SectionsError {
    Io(io::Error),
    Uki(UkiError),
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk());
    u32::from_le_bytes(chunk.copied().unwrap_or_default())
}

fn short(bytes: &[u8], at: usize) -> u16 {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk());
    u16::from_le_bytes(chunk.copied().unwrap_or_default())
}

/// A unified kernel image in a file.
#[derive(Debug)]
pub struct Uki {
    initramfs: Initramfs,
    layer: Layer,
    profiles: usize,
}

impl Uki {
    /// Reads the section table. `path` is only shown.
    ///
    /// # Errors
    /// [`ImageError::Io`]; [`ImageError::Uki`] where it is no such image or has no initramfs.
    pub fn open(file: fs::File, path: Vec<u8>) -> Result<Self, ImageError> {
        let io_error = |error| ImageError::Io {
            path: path.clone(),
            error,
        };
        let size = file.metadata().map_err(io_error)?.len();
        let all =
            sections(|bytes, offset| file.read_exact_at(bytes, offset)).map_err(|error| match error {
                SectionsError::Io(error) => io_error(error),
                SectionsError::Uki(error) => error.into(),
            })?;
        if let Some(cut) = all.iter().find(|section| section.range.end > size) {
            return Err(UkiError::SectionTruncated {
                name: cut.shown(),
                end: cut.range.end,
                size,
            }
            .into());
        }
        let mut profiles = all.split(|section| section.is(".profile"));
        let base = profiles.next().unwrap_or_default();
        let first = profiles.next().unwrap_or_default();
        let initrd = one(first, base, ".initrd")?.ok_or(UkiError::InitrdMissing)?;
        let parts = [one(first, base, ".ucode")?, Some(initrd)]
            .into_iter()
            .flatten()
            .map(|section| section.range.clone())
            .collect();
        let mut facts = Vec::new();
        for (name, fact) in TEXTS {
            if let Some(section) = one(first, base, name)? {
                let mut text = vec![0; usize::try_from(section.len().min(TEXT_BYTES)).unwrap_or(0)];
                file.read_exact_at(&mut text, section.range.start)
                    .map_err(io_error)?;
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                facts.push((fact, Fact::Text(Escaped(text.trim_ascii_end()).to_string())));
            }
        }
        let layers = all
            .iter()
            .map(|section| Layer {
                kind: "section",
                offset_bytes: Some(section.range.start),
                size_bytes: Some(section.len()),
                facts: vec![("name", Fact::Text(section.shown()))],
                layers: Vec::new(),
            })
            .collect();
        Ok(Self {
            profiles: all.iter().filter(|section| section.is(".profile")).count(),
            initramfs: Initramfs::in_parts(file, path, parts),
            layer: Layer {
                kind: "uki",
                offset_bytes: Some(0),
                size_bytes: Some(size),
                facts,
                layers,
            },
        })
    }
}

/// The section of this name in a profile, or else the one that all profiles share. An empty one is none.
fn one<'a>(
    profile: &'a [Section],
    base: &'a [Section],
    name: &'static str,
) -> Result<Option<&'a Section>, UkiError> {
    for sections in [profile, base] {
        let mut named = sections
            .iter()
            .filter(|section| section.is(name) && section.len() > 0);
        if let Some(found) = named.next() {
            return match named.next() {
                None => Ok(Some(found)),
                Some(_) => Err(UkiError::SectionTwice { name }),
            };
        }
    }
    Ok(None)
}

impl Source for Uki {
    fn size_bytes(&self) -> Option<u64> {
        self.initramfs.size_bytes()
    }

    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
        let note = |code, text: &str| Note {
            code,
            path: None,
            offset_bytes: None,
            text: text.to_owned(),
        };
        sink.note(note(
            "UKI_ADDS_AT_BOOT",
            "systemd-stub adds files under /.extra at boot (credentials, extensions, PCR signatures); they are not in this image",
        ));
        if self.profiles > 1 {
            sink.note(note(
                "UKI_PROFILES",
                &format!(
                    "{} profiles: the initramfs is the first profile's, which boots unless another one is chosen",
                    self.profiles
                ),
            ));
        }
        let mut layer = self.layer.clone();
        layer.layers.push(self.initramfs.scan(scan, sink)?);
        Ok(layer)
    }
}
