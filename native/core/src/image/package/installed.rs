//! Where files of a package are once it is installed.
//!
//! A package may ship `/lib/x` on systems where `/lib` is a link to `/usr/lib`: the kernel then names the file
//! `/usr/lib/x`. All distributions that are maintained today have merged these directories; for older ones the selection
//! says so.

use crate::allowlist::Signatures;
use crate::image::{Content, ContentId, File, ImageError, Note, Selection, Sink, Skip};

/// Directories that are links to those of the same name below `/usr`.
const MERGED: [&[u8]; 7] = [
    b"/bin/",
    b"/sbin/",
    b"/lib/",
    b"/lib32/",
    b"/lib64/",
    b"/libo32/",
    b"/libx32/",
];

/// Whether a path is below one of these directories.
pub(super) fn is_merged(path: &[u8]) -> bool {
    MERGED.iter().any(|top| path.starts_with(top))
}

/// Passes files on under the paths that they have once they are installed.
pub(super) struct Installed<'a, 's> {
    sink: &'a mut dyn Sink<'s>,
    is_merged: bool,
    moved: u64,
}

impl<'a, 's> Installed<'a, 's> {
    /// Passes them on to `sink`, by what the selection says of `/usr`.
    pub(super) fn new(sink: &'a mut dyn Sink<'s>, selection: &Selection) -> Self {
        Self {
            sink,
            is_merged: selection.merged_usr,
            moved: 0,
        }
    }

    /// Says how many files are listed elsewhere than the package says.
    pub(super) fn finish(self) {
        if self.moved == 0 {
            return;
        }
        self.sink.note(Note {
            code: "USR_MERGED",
            path: None,
            offset_bytes: None,
            text: format!(
                "{} of its files in /bin, /sbin or /lib are listed below /usr, where these directories lead",
                self.moved
            ),
        });
    }
}

impl<'s> Sink<'s> for Installed<'_, 's> {
    fn content(&mut self, content: Content<'s>) -> Result<ContentId, ImageError> {
        self.sink.content(content)
    }

    fn signatures(&mut self, content: ContentId, signatures: Signatures) -> Result<(), ImageError> {
        self.sink.signatures(content, signatures)
    }

    fn file(&mut self, mut file: File) {
        if self.is_merged && is_merged(&file.path) {
            file.path = [b"/usr", file.path.as_slice()].concat();
            self.moved = self.moved.saturating_add(1);
        }
        self.sink.file(file);
    }

    fn skip(&mut self, skip: Skip) {
        self.sink.skip(skip);
    }

    fn note(&mut self, note: Note) {
        self.sink.note(note);
    }

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        self.sink.omit(error)
    }
}
