//! Any bytes as a disk image, and as the sectors of one that is otherwise empty.
#![no_main]

use std::fs::File;

use ima_assay_core::image::disk::{Disk, looks_like};
use ima_assay_fuzz::{Reading, check_error, in_memory, in_sectors, read_twice};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = looks_like(bytes);
    // A qcow2, in which everything lies where its tables say.
    read(|| in_memory(bytes));
    // Anything else has its parts far from one another.
    read(|| in_sectors(bytes));
});

fn read(file: impl Fn() -> File) {
    match Disk::open(file(), None, None) {
        Ok(disk) => read_twice(&disk, Reading::Names),
        Err(error) => check_error(&error),
    }
}
