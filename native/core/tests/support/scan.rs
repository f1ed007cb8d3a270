//! What a reader makes of an initramfs: its files with their digests, and everything it said.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::sync::mpsc;
use std::thread;

use ima_assay_digest::{Algorithm, Control, Hasher};

use crate::error::Explain as _;
use crate::image::initramfs::Initramfs;
use crate::image::{
    Content, ContentId, File, ImageError, Layer, Limits, Note, Scan, Selection, Sink, Skip, Source,
};

/// What comes out of a scan.
pub(crate) struct Tree {
    pub(crate) layer: Layer,
    pub(crate) files: Vec<File>,
    /// SHA-256 of every content, or why there is none.
    pub(crate) digests: Vec<Result<String, ImageError>>,
    pub(crate) notes: Vec<Note>,
    pub(crate) skips: BTreeMap<Skip, usize>,
    pub(crate) omitted: Vec<ImageError>,
}

impl Tree {
    /// Paths and SHA-256 digests.
    pub(crate) fn listing(&self) -> BTreeMap<Vec<u8>, String> {
        self.files
            .iter()
            .map(|file| {
                let digest = self.digests[file.content.0].as_ref().unwrap();
                (file.path.clone(), digest.clone())
            })
            .collect()
    }

    pub(crate) fn note_codes(&self) -> Vec<&'static str> {
        self.notes.iter().map(|note| note.code).collect()
    }

    pub(crate) fn omitted_codes(&self) -> Vec<&'static str> {
        self.omitted.iter().map(ImageError::code).collect()
    }
}

/// Hashes contents on a thread of its own, one after the other.
struct TestSink<'s> {
    contents: mpsc::SyncSender<Content<'s>>,
    next: usize,
    files: Vec<File>,
    notes: Vec<Note>,
    skips: BTreeMap<Skip, usize>,
    keep_going: bool,
    omitted: Vec<ImageError>,
}

impl<'s> Sink<'s> for TestSink<'s> {
    fn content(&mut self, content: Content<'s>) -> Result<ContentId, ImageError> {
        self.contents.send(content).unwrap();
        self.next += 1;
        Ok(ContentId(self.next - 1))
    }

    fn file(&mut self, file: File) {
        self.files.push(file);
    }

    fn skip(&mut self, skip: Skip) {
        *self.skips.entry(skip).or_default() += 1;
    }

    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        if self.keep_going {
            self.omitted.push(error);
            Ok(())
        } else {
            Err(error)
        }
    }
}

/// How a scan is done.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) limits: Limits,
    pub(crate) keep_going: bool,
    pub(crate) control: Control,
}

impl Options {
    pub(crate) fn keep_going() -> Self {
        Self {
            keep_going: true,
            ..Self::default()
        }
    }

    pub(crate) fn scan(&self, source: &dyn Source) -> Result<Tree, ImageError> {
        thread::scope(|scope| {
            let (contents, received) = mpsc::sync_channel::<Content<'_>>(64);
            let hashing = scope.spawn(move || received.into_iter().map(sha256_of).collect::<Vec<_>>());
            let mut sink = TestSink {
                contents,
                next: 0,
                files: Vec::new(),
                notes: Vec::new(),
                skips: BTreeMap::new(),
                keep_going: self.keep_going,
                omitted: Vec::new(),
            };
            let layer = source.scan(
                &Scan {
                    selection: &Selection::default(),
                    limits: &self.limits,
                    control: &self.control,
                },
                &mut sink,
            );
            drop(sink.contents);
            let digests = hashing.join().unwrap();
            Ok(Tree {
                layer: layer?,
                files: sink.files,
                digests,
                notes: sink.notes,
                skips: sink.skips,
                omitted: sink.omitted,
            })
        })
    }

    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Tree, ImageError> {
        self.scan(&initramfs(bytes))
    }
}

fn sha256_of(mut content: Content<'_>) -> Result<String, ImageError> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(hasher.finish().to_string()),
            len => hasher.update(&buffer[..len]),
        }
    }
}

/// A file without a name.
pub(crate) fn temporary(bytes: &[u8]) -> fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

pub(crate) fn initramfs(bytes: &[u8]) -> Initramfs {
    Initramfs::open(temporary(bytes), b"test.img".to_vec()).unwrap()
}
