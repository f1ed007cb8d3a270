//! Any bytes as an initramfs.
#![no_main]

use ima_assay_core::image::Layer;
use ima_assay_core::image::initramfs::{Initramfs, looks_like};
use ima_assay_fuzz::{Found, check_error, in_memory, scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = looks_like(bytes);
    let strict = read(bytes, false);
    let kept = read(bytes, true);
    match (&strict, &kept) {
        (Some(strict), Some(kept)) => {
            assert_eq!(kept.omitted, 0);
            assert_eq!(strict.files, kept.files);
        }
        (None, Some(kept)) => assert!(kept.omitted > 0),
        (None, None) => {}
        (Some(_), None) => panic!("an error only when kept going"),
    }
    // A shorter file is never a smaller tree in silence, unless it is cut between two segments.
    if let Some(whole) = strict {
        let sum = bytes
            .iter()
            .fold(bytes.len(), |sum, byte| sum.wrapping_mul(31) + usize::from(*byte));
        let len = sum % bytes.len().max(1);
        if let Some(cut) = read(&bytes[..len], false) {
            assert!(
                whole.files == cut.files || is_between_segments(&whole.layer, len),
                "cut to {len} bytes: {:?}",
                whole.layer
            );
        }
    }
});

fn read(bytes: &[u8], keep_going: bool) -> Option<Found> {
    let source = Initramfs::open(in_memory(bytes), b"fuzz".to_vec()).expect("a file in memory has a size");
    scan(&source, keep_going).inspect_err(check_error).ok()
}

/// Whether a whole segment ends at or before `len`, and the next one starts behind it.
fn is_between_segments(layer: &Layer, len: usize) -> bool {
    let len = u64::try_from(len).expect("memory is smaller");
    let mut last_end = 0;
    for segment in &layer.layers {
        let start = segment.offset_bytes.expect("segments have a place");
        if start < len {
            last_end = start + segment.size_bytes.expect("segments have a size");
        }
    }
    last_end <= len
}
