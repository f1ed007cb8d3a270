//! Any bytes behind the mark of a squashfs, with the bytes of its files.
#![no_main]

use ima_assay_core::image::disk::Disk;
use ima_assay_fuzz::{Reading, check_error, in_memory, read_twice};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut image = b"hsqs".to_vec();
    image.extend_from_slice(bytes.get(4..).unwrap_or_default());
    match Disk::open(in_memory(&image), None, None) {
        Ok(disk) => read_twice(&disk, Reading::Bytes),
        Err(error) => check_error(&error),
    }
});
