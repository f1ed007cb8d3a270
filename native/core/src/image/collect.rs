//! Chosen files of an image, whole: what has to be read and not only hashed.
//!
//! An image may say a file's path only behind its bytes, so it is scanned twice: the first scan tells which contents the
//! chosen files have, the second hands those over. Both number contents alike, unless something changes in a directory
//! between them: then it is scanned anew.
//!
//! ```text
//! scan ─► files ─► wanted? ─► contents ┐
//! scan ─► content(bytes) ──────────────┴─► take(path, bytes) on a thread of its own
//! ```

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::{Content, ContentId, File, ImageError, Note, Scan, Sink, Skip, Source};

/// Contents that may wait for the one that is being taken.
const WAITING_CONTENTS: usize = 1;

/// How often a directory that changes is scanned before that is an error.
const MAX_ATTEMPTS: usize = 3;

/// Reads the files that are `wanted`, one after another, in the order of the image; a file with several names once, by the
/// first of them. `scanned` are the files that a scan like this one found just now, if there was one. What cannot be
/// scanned is passed over: whoever reads the whole image hears of it.
///
/// # Errors
/// What ends a scan, what `take` says, or [`ImageError::Changed`].
pub(super) fn collect<T: Send>(
    source: &dyn Source,
    scan: &Scan<'_>,
    scanned: Option<&[File]>,
    wanted: impl Fn(&[u8]) -> bool,
    mut take: impl FnMut(&[u8], &mut dyn Read) -> Result<T, ImageError> + Send,
) -> Result<Vec<(Vec<u8>, T)>, ImageError> {
    let mut names = scanned.map(|files| names_of(files, &wanted));
    let mut attempt = 0_usize;
    loop {
        let chosen = match names.take() {
            Some(names) => names,
            None => {
                let mut first = Chosen::default();
                source.scan(scan, &mut first)?;
                names_of(&first.files, &wanted)
            }
        };
        attempt = attempt.saturating_add(1);
        match read_contents(source, scan, &chosen, &mut take) {
            Err(ImageError::Changed { .. }) if attempt < MAX_ATTEMPTS => {}
            read => return read,
        }
    }
}

/// The contents to be read, each with the first path that it has.
fn names_of(files: &[File], wanted: &impl Fn(&[u8]) -> bool) -> HashMap<ContentId, Vec<u8>> {
    let mut names = HashMap::new();
    for file in files.iter().filter(|file| wanted(&file.path)) {
        names.entry(file.content).or_insert_with(|| file.path.clone());
    }
    names
}

fn read_contents<T: Send>(
    source: &dyn Source,
    scan: &Scan<'_>,
    names: &HashMap<ContentId, Vec<u8>>,
    take: impl FnMut(&[u8], &mut dyn Read) -> Result<T, ImageError> + Send,
) -> Result<Vec<(Vec<u8>, T)>, ImageError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (sender, receiver) = sync_channel(WAITING_CONTENTS);
    thread::scope(|threads| {
        let reader = threads.spawn(move || take_all(&receiver, names, take));
        let mut second = Chosen {
            chosen: Some((names, sender)),
            ..Chosen::default()
        };
        let scanned = source.scan(scan, &mut second);
        let files = std::mem::take(&mut second.files);
        // The reader ends when nobody can send any more.
        drop(second);
        let taken = reader.join().map_err(|_| ImageError::Stopped)?;
        scanned?;
        let found: HashMap<&[u8], ContentId> = files
            .iter()
            .map(|file| (file.path.as_slice(), file.content))
            .collect();
        let is_moved =
            |(content, path): &(&ContentId, &Vec<u8>)| found.get(path.as_slice()) != Some(*content);
        match names.iter().find(is_moved) {
            Some((_, path)) => Err(ImageError::Changed { path: path.clone() }),
            None => taken,
        }
    })
}

fn take_all<T>(
    contents: &Receiver<(ContentId, Content<'_>)>,
    names: &HashMap<ContentId, Vec<u8>>,
    mut take: impl FnMut(&[u8], &mut dyn Read) -> Result<T, ImageError>,
) -> Result<Vec<(Vec<u8>, T)>, ImageError> {
    let mut taken = Vec::new();
    let mut failed = None;
    // The scan must not wait for a reader that has gone: after an error the rest is let go.
    for (id, content) in contents {
        let Some(name) = names.get(&id).filter(|_| failed.is_none()) else {
            continue;
        };
        let mut reader = Reader { content, error: None };
        let value = take(name, &mut reader);
        match (reader.error, value) {
            (Some(error), _) | (None, Err(error)) => failed = Some(error),
            (None, Ok(value)) => taken.push((name.clone(), value)),
        }
    }
    failed.map_or(Ok(taken), Err)
}

/// A content as a reader, which keeps the error that it met.
struct Reader<'s> {
    content: Content<'s>,
    error: Option<ImageError>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer).map_err(|error| {
            let shown = io::Error::other(error.to_string());
            self.error = Some(error);
            shown
        })
    }
}

/// The contents to hand over, and where to.
type Wanted<'c, 's> = (
    &'c HashMap<ContentId, Vec<u8>>,
    SyncSender<(ContentId, Content<'s>)>,
);

/// Takes all files, and the contents that are chosen.
#[derive(Default)]
struct Chosen<'c, 's> {
    chosen: Option<Wanted<'c, 's>>,
    contents: usize,
    files: Vec<File>,
}

impl<'s> Sink<'s> for Chosen<'_, 's> {
    fn content(&mut self, content: Content<'s>) -> Result<ContentId, ImageError> {
        let id = ContentId(self.contents);
        self.contents = self.contents.saturating_add(1);
        if let Some((names, sender)) = &self.chosen
            && names.contains_key(&id)
        {
            sender.send((id, content)).map_err(|_| ImageError::Stopped)?;
        }
        Ok(id)
    }

    fn file(&mut self, file: File) {
        self.files.push(file);
    }

    fn skip(&mut self, _: Skip) {}

    fn note(&mut self, _: Note) {}

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        match error {
            ImageError::Cancelled | ImageError::Stopped => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ima_assay_digest::Control;

    use super::*;
    use crate::image::handover::whole;
    use crate::image::{Layer, Limits, Selection};

    /// Files of which one more comes first with each of the first scans.
    struct Growing {
        scans: AtomicUsize,
        until: usize,
    }

    impl Source for Growing {
        fn scan<'s>(&'s self, _: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<Layer, ImageError> {
            let scans = self.scans.fetch_add(1, Ordering::Relaxed);
            let new = (0..scans.min(self.until)).map(|number| format!("/new{number}"));
            for path in new.chain(["/one", "/two", "/three"].map(str::to_owned)) {
                let content = sink.content(whole(path.clone().into_bytes()))?;
                sink.file(File {
                    path: path.into_bytes(),
                    content,
                    mode: 0o100_644,
                    uid: 0,
                    gid: 0,
                    size_bytes: 0,
                });
            }
            Ok(Layer::default())
        }
    }

    /// `path=text` of each file that is read.
    fn collected(until: usize) -> Result<Vec<String>, ImageError> {
        let source = Growing {
            scans: AtomicUsize::new(0),
            until,
        };
        let scan = Scan {
            selection: &Selection::new([], []),
            limits: &Limits::default(),
            control: &Control::default(),
        };
        let wanted = |path: &[u8]| path.starts_with(b"/t");
        let read = collect(&source, &scan, None, wanted, |_, bytes| {
            let mut text = Vec::new();
            bytes.read_to_end(&mut text).map_err(|_| ImageError::Stopped)?;
            Ok(text)
        })?;
        let shown = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut read: Vec<String> = read
            .iter()
            .map(|(path, text)| format!("{}={}", shown(path), shown(text)))
            .collect();
        read.sort();
        Ok(read)
    }

    #[test]
    fn chosen_files_are_read_even_while_others_come() {
        for until in [0, 1, 3] {
            assert_eq!(
                collected(until).unwrap(),
                ["/three=/three", "/two=/two"],
                "{until}"
            );
        }
    }

    #[test]
    fn what_never_stays_the_same_is_an_error() {
        assert!(matches!(collected(usize::MAX), Err(ImageError::Changed { .. })));
    }
}
