//! What of an unpacked tree is listed: the same choice as of a directory.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::error::TarError;
use crate::image::rootfs::{Data, Found, Rootfs};
use crate::image::{File, ImageError, Note, Scan, Sink, Skip};

/// Longest path that the kernel can name, without its NUL.
const MAX_PATH_BYTES: usize = 4095;

/// Hands over the files of a tree, and says how many.
pub(super) fn list<'s>(rootfs: &Rootfs, scan: &Scan<'_>, sink: &mut dyn Sink<'s>) -> Result<u64, ImageError> {
    let limit = scan.limits.max_depth;
    let listing = RefCell::new(Listing {
        scan,
        unmet: scan.selection.asked().collect(),
        sink,
        text_bytes: 0,
        files: 0,
        stopped: Ok(()),
    });
    let walked = rootfs.each(
        limit,
        |path| !listing.borrow_mut().skips(path),
        |path, found| {
            let mut listing = listing.borrow_mut();
            if listing.stopped.is_ok() {
                listing.stopped = listing.take(path, &found);
            }
        },
    );
    let mut listing = listing.into_inner();
    listing.stopped?;
    walked.map_err(|path| ImageError::TooDeep { path, limit })?;
    for path in std::mem::take(&mut listing.unmet) {
        listing
            .sink
            .note(Note::unmet_skip(path, "there is no such path in the archive"));
    }
    Ok(listing.files)
}

/// What of the tree is listed.
struct Listing<'a, 'b, 's> {
    scan: &'a Scan<'b>,
    sink: &'a mut dyn Sink<'s>,
    /// Paths to skip that were asked for and not met yet.
    unmet: BTreeSet<&'b [u8]>,
    text_bytes: u64,
    files: u64,
    stopped: Result<(), ImageError>,
}

impl Listing<'_, '_, '_> {
    fn skips(&mut self, path: &[u8]) -> bool {
        let is_skipped = self.scan.selection.skips_path(path);
        if is_skipped {
            self.unmet.remove(path);
            self.sink.skip(Skip::Path);
        }
        is_skipped
    }

    fn take(&mut self, path: &[u8], found: &Found<'_>) -> Result<(), ImageError> {
        let file = match found {
            Found::Symlink => {
                self.sink.skip(Skip::Symlink);
                return Ok(());
            }
            Found::Special => {
                self.sink.skip(Skip::Special);
                return Ok(());
            }
            Found::Regular(file) => file,
        };
        if self.scan.selection.skips_owner(file.uid) {
            self.sink.skip(Skip::Owner);
            return Ok(());
        }
        if self.skips(path) {
            return Ok(());
        }
        let len = u64::try_from(path.len()).unwrap_or(u64::MAX);
        self.text_bytes = self.text_bytes.saturating_add(len);
        let limit = self.scan.limits.max_text_bytes;
        if self.text_bytes > limit {
            return Err(TarError::TooMuchText { limit }.into());
        }
        if path.len() > MAX_PATH_BYTES {
            return self.sink.omit(ImageError::TooDeep {
                path: path.to_vec(),
                limit: MAX_PATH_BYTES,
            });
        }
        // Every file was given its data where it was made.
        let Data::Stored { content, size_bytes } = file.data else {
            return Err(ImageError::Stopped);
        };
        self.files = self.files.saturating_add(1);
        self.sink.file(File {
            path: path.to_vec(),
            content,
            mode: u32::from(file.mode),
            uid: file.uid,
            gid: file.gid,
            size_bytes,
        });
        Ok(())
    }
}
