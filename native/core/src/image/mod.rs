//! Images: where files come from.
//!
//! A [`Source`] hands over **contents** in the order in which it can read them, and **files** (a path
//! and what belongs to it) once their final path is known. The two are apart because an image's last
//! word on a path often comes after its bytes: a later initramfs segment replaces a file, a container
//! layer hides one, a hard link gives one content a second name.
//!
//! ```text
//! Source ──content(bytes)──► Sink ──► hashing pool ──► digest of each content ─┐
//!        ──file(path, content)──► Sink ────────────────────────────────────────┴─► Allowlist
//! ```

mod boot;
mod collect;
mod compression;
mod cursor;
pub mod disk;
mod error;
mod extract;
mod handover;
mod hashing;
pub mod initramfs;
mod limits;
pub mod oci;
mod open;
pub mod package;
mod packed;
mod rootfs;
mod selection;
mod shard;
mod signature;
mod summary;
pub mod tar;
mod temporary;
#[cfg(test)]
mod testing;
mod tree;
pub mod uki;
mod unread;

pub use error::ImageError;
pub use extract::{ExtractOptions, Extraction, SourceError, extract, inspect};
pub use limits::Limits;
pub use open::open;
pub use packed::PackedError;
pub use selection::{DEFAULT_SKIPPED_PATHS, Selection, Skip};
pub use shard::Shard;
pub use summary::{MAX_LISTED, Summary};
pub use tree::Tree;

use crate::allowlist::Signatures;
use crate::path::Escaped;
use ima_assay_digest::Control;

/// Bytes of one file, read by a hashing thread.
pub type Content<'s> = Box<dyn ima_assay_digest::Content<Error = ImageError> + 's>;

/// Names a content handed to [`Sink::content`], counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub usize);

/// A regular file at its final place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Absolute physical path, no link on the way. Any bytes but NUL; spelled as on the machine,
    /// not yet as IMA writes it.
    pub path: Vec<u8>,
    /// Its bytes. Hard links share one.
    pub content: ContentId,
    /// `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size the image states, in bytes.
    pub size_bytes: u64,
}

/// Something a person should know about an image that is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// A stable code, in `SCREAMING_SNAKE`.
    pub code: &'static str,
    /// The path it is about.
    pub path: Option<Vec<u8>>,
    /// Bytes before it in the image, counted from 0.
    pub offset_bytes: Option<u64>,
    /// One sentence.
    pub text: String,
}

impl Note {
    /// That a path to skip was asked for in vain.
    fn unmet_skip(path: &[u8], why: &str) -> Self {
        Self {
            code: "SKIP_UNMET",
            path: Some(path.to_vec()),
            offset_bytes: None,
            text: format!("{} is not skipped: {why}", Escaped(path)),
        }
    }
}

/// One part of an image and the parts inside it, as `inspect` shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    /// What it is: `initramfs`, `segment`, `archive`, `tree`, `uki`, `tar`, …
    pub kind: &'static str,
    /// Where it starts in the part around it.
    pub offset_bytes: Option<u64>,
    /// How long it is there.
    pub size_bytes: Option<u64>,
    /// Facts of this kind, in the order in which a person wants them.
    pub facts: Vec<(&'static str, Fact)>,
    /// The parts inside.
    pub layers: Vec<Layer>,
}

/// A value of [`Layer::facts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A count or a size.
    Number(u64),
    /// A name. Shown escaped.
    Text(String),
}

/// Takes what a source yields.
pub trait Sink<'s> {
    /// Takes bytes to hash. Blocks while the hashing threads are behind.
    ///
    /// # Errors
    /// [`ImageError::Cancelled`], or [`ImageError::Stopped`] after another content failed.
    fn content(&mut self, content: Content<'s>) -> Result<ContentId, ImageError>;

    /// Takes the signatures of a content, as its attributes have them.
    /// Nobody gives any unless [`Selection::signatures`] asks for them.
    ///
    /// # Errors
    /// [`ImageError::SignaturesTooLarge`].
    fn signatures(&mut self, content: ContentId, signatures: Signatures) -> Result<(), ImageError> {
        let _ = (content, signatures);
        Ok(())
    }

    /// Takes a file at its final path.
    fn file(&mut self, file: File);

    /// Counts something that was left out because the selection asks for it.
    fn skip(&mut self, skip: Skip);

    /// Records something a person should know.
    fn note(&mut self, note: Note);

    /// Reports something that cannot be read, at the point where the rest still can.
    ///
    /// # Errors
    /// The same error, unless the caller asked to keep going; then it is counted and listed.
    fn omit(&mut self, error: ImageError) -> Result<(), ImageError>;
}

/// What a source needs to know beside its input.
pub struct Scan<'a> {
    /// Which files of a root filesystem are wanted.
    pub selection: &'a Selection,
    /// What is refused as too large.
    pub limits: &'a Limits,
    /// Counters and the way to stop.
    pub control: &'a Control,
}

/// Anything files can be read from. One implementation per format.
pub trait Source: Send + Sync {
    /// How many bytes a scan reads, where that is known before it.
    fn size_bytes(&self) -> Option<u64> {
        None
    }

    /// What it is made of, as far as that is known before a scan: worth showing where one fails.
    fn outline(&self) -> Option<Layer> {
        None
    }

    /// Whether it is a root filesystem, on which `switch_root` puts a machine that an initramfs has started.
    fn is_root_filesystem(&self) -> bool {
        false
    }

    /// Whether it is a package or a repository, which can be signed.
    fn is_signed(&self) -> bool {
        false
    }

    /// Whether one of its partitions can be named as the root.
    fn has_partitions(&self) -> bool {
        false
    }

    /// Whether one of several images, for different platforms, can be chosen.
    fn has_platforms(&self) -> bool {
        false
    }

    /// Reads the image once, from its start to its end, and says what it is made of.
    ///
    /// # Errors
    /// [`ImageError`]: the image cannot be read, is not what it claims to be, or is too large.
    fn scan<'s>(&'s self, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError>;
}
