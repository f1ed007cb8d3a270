//! Any bytes as a disk image, and as the sectors of one that is otherwise empty.
#![no_main]

use std::fs::File;

use ima_assay_core::image::disk::{Disk, looks_like};
use ima_assay_fuzz::{check_error, in_memory, in_sectors, scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = looks_like(bytes);
    // A qcow2, in which everything lies where its tables say.
    read(|| in_memory(bytes));
    // Anything else has its parts far from one another.
    read(|| in_sectors(bytes));
});

fn read(file: impl Fn() -> File) {
    let disk = match Disk::open(file(), None, None) {
        Ok(disk) => disk,
        Err(error) => return check_error(&error),
    };
    let [strict, kept] = [false, true].map(|keep_going| scan(&disk, keep_going).inspect_err(check_error));
    match (strict, kept) {
        (Ok(strict), Ok(kept)) => {
            assert_eq!(kept.omitted, 0);
            assert_eq!(strict.files, kept.files);
        }
        (Err(_), Ok(kept)) => assert!(kept.omitted > 0),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(_)) => panic!("an error only when kept going"),
    }
}
