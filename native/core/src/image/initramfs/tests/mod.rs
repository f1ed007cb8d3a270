//! Tests of the whole reader.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, as it should"
)]

mod compressions;
mod hostile;
mod kernel;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use ima_assay_digest::{Algorithm, Control, Hasher};

use super::Initramfs;
use super::error::InitramfsError;
use crate::error::Explain as _;
use crate::image::{
    Content, ContentId, File, ImageError, Layer, Limits, Note, Scan, Selection, Sink, Skip, Source,
};

#[path = "../../../../tests/support/mod.rs"]
mod support;

/// What comes out of a scan.
struct Tree {
    layer: Layer,
    files: Vec<File>,
    /// SHA-256 of every content, or why there is none.
    digests: Vec<Result<String, ImageError>>,
    notes: Vec<Note>,
    skips: BTreeMap<Skip, usize>,
    omitted: Vec<ImageError>,
}

impl Tree {
    /// Paths and SHA-256 digests.
    fn listing(&self) -> BTreeMap<Vec<u8>, String> {
        self.files
            .iter()
            .map(|file| {
                let digest = self.digests[file.content.0].as_ref().unwrap();
                (file.path.clone(), digest.clone())
            })
            .collect()
    }

    fn note_codes(&self) -> Vec<&'static str> {
        self.notes.iter().map(|note| note.code).collect()
    }

    fn omitted_codes(&self) -> Vec<&'static str> {
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
struct Options {
    limits: Limits,
    keep_going: bool,
    control: Control,
}

impl Options {
    fn keep_going() -> Self {
        Self {
            keep_going: true,
            ..Self::default()
        }
    }

    fn scan(&self, source: &dyn Source) -> Result<Tree, ImageError> {
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

    fn read(&self, bytes: &[u8]) -> Result<Tree, ImageError> {
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

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap()
}

fn sha256(data: &[u8]) -> String {
    ima_assay_digest::hash(Algorithm::Sha256, data).to_string()
}

/// A file without a name.
fn temporary(bytes: &[u8]) -> fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn initramfs(bytes: &[u8]) -> Initramfs {
    Initramfs::open(temporary(bytes), b"test.img".to_vec()).unwrap()
}

/// Reads an initramfs that is expected to be sound.
fn read(bytes: &[u8]) -> Tree {
    Options::default().read(bytes).unwrap()
}

/// Paths and digests of files whose bytes are known.
fn listing<P: AsRef<[u8]>, D: AsRef<[u8]>>(files: &[(P, D)]) -> BTreeMap<Vec<u8>, String> {
    files
        .iter()
        .map(|(path, data)| (path.as_ref().to_vec(), sha256(data.as_ref())))
        .collect()
}

/// The error of an initramfs that cannot be read to its end.
fn error(bytes: &[u8]) -> InitramfsError {
    match Options::default().read(bytes) {
        Err(ImageError::Initramfs(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("no error"),
    }
}

fn error_code(bytes: &[u8]) -> &'static str {
    error(bytes).code()
}

/// Runs a tool with bytes on standard input. `None`, and a line that says so, where it is not installed.
fn run(command: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if std::env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_some() => panic!("{command}: {error}"),
        Err(_) => {
            eprintln!("skipped: {command} not installed");
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    assert!(
        output.status.success(),
        "{command} {arguments:?}: {}",
        output.status
    );
    Some(output.stdout)
}
