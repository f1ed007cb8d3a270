//! Bytes that can be read only once, in a temporary file without a name: formats want to look back.

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::os::unix::ffi::OsStringExt as _;

use super::ImageError;

/// Keeps all of `input`, which is called `name`.
///
/// # Errors
/// [`ImageError::Io`]; [`ImageError::InputTooLarge`] if there are more than `limit` bytes.
pub(super) fn keep(input: &mut dyn Read, name: &[u8], limit: u64) -> Result<File, ImageError> {
    let failed = |path: Vec<u8>| |error| ImageError::Io { path, error };
    let directory = std::env::temp_dir();
    let file = tempfile::tempfile_in(&directory);
    let mut file = file.map_err(failed(directory.into_os_string().into_vec()))?;
    let copied = io::copy(&mut input.take(limit.saturating_add(1)), &mut file);
    if copied.map_err(failed(name.to_vec()))? > limit {
        return Err(ImageError::InputTooLarge {
            name: name.to_vec(),
            limit,
        });
    }
    file.rewind().map_err(failed(name.to_vec()))?;
    Ok(file)
}
