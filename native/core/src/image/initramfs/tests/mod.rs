//! Tests of the whole reader.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, as it should"
)]

mod compressions;
mod fixtures;
mod hostile;
mod kernel;
mod locate;

use std::collections::BTreeMap;
use std::fs;

use ima_assay_digest::{Algorithm, Control};

use super::error::InitramfsError;
use crate::error::Explain as _;
use crate::image::{
    Content, ContentId, File, ImageError, Layer, Limits, Note, Scan, Selection, Sink, Skip, Source,
};

#[path = "../../../../tests/support/mod.rs"]
mod support;

use support::scan::{Options, Tree, initramfs};
use support::tools::run;

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap()
}

fn sha256(data: &[u8]) -> String {
    ima_assay_digest::hash(Algorithm::Sha256, data).to_string()
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
