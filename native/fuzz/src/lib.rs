//! What the fuzz targets share: a file in memory, and a scan of it that must keep its promises.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use ima_assay_core::image::{
    Content, ContentId, File, ImageError, Layer, Limits, Note, Scan, Selection, Sink, Skip, Source,
};
use ima_assay_digest::Control;

/// A file in memory.
pub fn in_memory(bytes: &[u8]) -> fs::File {
    let file = rustix::fs::memfd_create("fuzz", rustix::fs::MemfdFlags::CLOEXEC).expect("memory for a file");
    let mut file = fs::File::from(file);
    file.write_all(bytes).expect("memory for the bytes");
    file
}

const SECTOR_BYTES: usize = 512;
/// A sector's number and its bytes.
const RECORD_BYTES: usize = 2 + SECTOR_BYTES;

/// A disk in memory whose sectors are zeros, but for those that the bytes give: the number of each, then what is in it.
pub fn in_sectors(bytes: &[u8]) -> fs::File {
    let file = in_memory(&[]);
    file.set_len(u64::from(u16::MAX) * 512)
        .expect("memory for a file");
    for record in bytes.chunks(RECORD_BYTES) {
        let Some((number, sector)) = record.split_first_chunk() else {
            continue;
        };
        let at = u64::from(u16::from_le_bytes(*number)) * 512;
        file.write_all_at(sector, at).expect("memory for a sector");
    }
    file
}

/// The bytes that give this disk, as far as a number reaches.
#[must_use]
pub fn to_sectors(disk: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, sector) in (0..u16::MAX).zip(disk.chunks(SECTOR_BYTES)) {
        if sector.iter().any(|byte| *byte != 0) {
            bytes.extend(number.to_le_bytes());
            bytes.extend(sector);
        }
    }
    bytes
}

/// Limits small enough for many runs a second.
pub fn limits() -> Limits {
    Limits {
        max_unpacked_bytes: 8 << 20,
        max_window_bytes: 1 << 20,
        max_files: 20_000,
        ..Limits::default()
    }
}

/// What a scan gives, without any bytes.
pub struct Found {
    /// What the image is made of.
    pub layer: Layer,
    /// Files, sorted by path.
    pub files: Vec<File>,
    /// Errors that were kept going over.
    pub omitted: usize,
}

/// Scans, and checks what every scan promises. Contents are dropped unread.
///
/// # Errors
/// What the source says.
pub fn scan(source: &dyn Source, keep_going: bool) -> Result<Found, ImageError> {
    let mut sink = Collected {
        keep_going,
        ..Collected::default()
    };
    let layer = source.scan(
        &Scan {
            selection: &Selection::default(),
            limits: &limits(),
            control: &Control::default(),
        },
        &mut sink,
    )?;
    let mut paths = BTreeSet::new();
    for file in &sink.files {
        let path = &file.path;
        assert!(
            path.starts_with(b"/") && !path.contains(&0) && path.len() < 4096,
            "{path:?}"
        );
        assert!(
            path.split(|byte| *byte == b'/')
                .skip(1)
                .all(|part| !part.is_empty() && part != b"." && part != b".." && part.len() < 256),
            "{path:?}"
        );
        assert!(paths.insert(path.clone()), "{path:?} twice");
        assert!(file.content.0 < sink.contents, "{path:?} without bytes");
        assert_eq!(file.mode & 0o170_000, 0o100_000);
    }
    sink.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Found {
        layer,
        files: sink.files,
        omitted: sink.omitted,
    })
}

#[derive(Default)]
struct Collected {
    keep_going: bool,
    contents: usize,
    files: Vec<File>,
    omitted: usize,
}

impl<'s> Sink<'s> for Collected {
    fn content(&mut self, _: Content<'s>) -> Result<ContentId, ImageError> {
        self.contents += 1;
        Ok(ContentId(self.contents - 1))
    }

    fn file(&mut self, file: File) {
        self.files.push(file);
    }

    fn skip(&mut self, _: Skip) {}

    fn note(&mut self, note: Note) {
        assert!(!note.text.is_empty());
        assert!(!note.text.chars().any(char::is_control), "{}", note.text);
    }

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        if !self.keep_going {
            return Err(error);
        }
        self.omitted += 1;
        Ok(())
    }
}

/// An error is one line of text, whatever the image says.
pub fn check_error(error: &ImageError) {
    use ima_assay_core::error::Explain as _;
    let text = error.to_string();
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text}");
    assert!(!error.code().is_empty());
    let _ = (error.place(), error.hint());
}
