//! Any documents as the metadata of a repository of packages, with the right checksums; and any bytes as its package.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use ima_assay_core::image::open;
use ima_assay_fuzz::{Reading, check_error, limits, parts, read_twice};
use libfuzzer_sys::fuzz_target;

/// A directory in memory, where there is one.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let shared = PathBuf::from("/dev/shm");
    let parent = if shared.is_dir() {
        shared
    } else {
        std::env::temp_dir()
    };
    let directory = parent.join(format!("ima-assay-fuzz-{}", std::process::id()));
    fs::create_dir_all(directory.join("repodata")).expect("a directory");
    directory
});

fuzz_target!(|bytes: &[u8]| {
    let parts = parts(bytes, 2);
    for (number, name) in ["repodata/repomd.xml", "repodata/primary.xml", "package.rpm"]
        .into_iter()
        .enumerate()
    {
        let part = parts.get(number).map(Vec::as_slice).unwrap_or_default();
        fs::write(DIRECTORY.join(name), part).expect("memory for a file");
    }
    match open(
        DIRECTORY.as_os_str().as_encoded_bytes(),
        &limits(),
        &Arc::default(),
    ) {
        Ok(source) => read_twice(source.as_ref(), Reading::Names),
        Err(error) => check_error(&error.error),
    }
});
