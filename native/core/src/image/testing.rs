//! What tests of several kinds of images need.

use std::path::Path;
use std::sync::Arc;

use ima_assay_digest::Control;

use super::{ExtractOptions, Extraction, Selection, SourceError, extract, open};

/// Everything is listed, whoever owns it.
pub(super) fn options() -> ExtractOptions {
    let mut selection = Selection::new([], []);
    selection.all_owners = true;
    ExtractOptions {
        selection,
        ..ExtractOptions::default()
    }
}

pub(super) fn extracted(image: &Path, options: &ExtractOptions) -> Result<Extraction, SourceError> {
    let control = Arc::new(Control::default());
    let name = image.as_os_str().as_encoded_bytes().to_vec();
    let source = open(&name, &options.limits, &control)?;
    extract(&[(name, source)], options, &control)
}
