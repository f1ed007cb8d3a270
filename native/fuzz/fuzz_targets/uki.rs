//! Any bytes as a unified kernel image; and any bytes as the section table and the sections of one.
#![no_main]

use ima_assay_core::image::uki::{Uki, looks_like};
use ima_assay_fuzz::{check_error, in_memory, scan};
use libfuzzer_sys::fuzz_target;

const SECTIONS: usize = 4;
const SECTION_BYTES: usize = 40;

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    read(&with_headers(bytes));
});

fn read(bytes: &[u8]) {
    let _ = looks_like(bytes);
    match Uki::open(in_memory(bytes), b"fuzz".to_vec()) {
        Ok(uki) => {
            for keep_going in [false, true] {
                if let Err(error) = scan(&uki, keep_going) {
                    check_error(&error);
                }
            }
        }
        Err(error) => check_error(&error),
    }
}

/// A PE file whose sections have the names that matter, and places and sizes that the bytes choose.
fn with_headers(bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![0; 64];
    all[..2].copy_from_slice(b"MZ");
    all[60] = 64;
    all.extend_from_slice(b"PE\0\0");
    all.resize(64 + 24, 0);
    all[64 + 6] = u8::try_from(SECTIONS).expect("a few");
    let (choices, rest) = bytes.split_at(bytes.len().min(SECTIONS * 5));
    let data = all.len() + SECTIONS * SECTION_BYTES;
    for choice in choices.chunks_exact(5) {
        let name: &[u8; 8] = match choice[0] % 8 {
            0 | 1 => b".initrd\0",
            2 => b".ucode\0\0",
            3 => b".cmdline",
            4 => b".profile",
            5 => b".linux\0\0",
            6 => b".uname\0\0",
            _ => b"\x1b[2J\n\0\0\0",
        };
        let size = u32::from(u16::from_le_bytes([choice[1], choice[2]]));
        let at = u32::try_from(data).expect("small") + u32::from(u16::from_le_bytes([choice[3], choice[4]]));
        all.extend_from_slice(name);
        for number in [size, 0, size, at] {
            all.extend_from_slice(&number.to_le_bytes());
        }
        all.extend_from_slice(&[0; 16]);
    }
    all.resize(data, 0);
    all.extend_from_slice(rest);
    all
}
