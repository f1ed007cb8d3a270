//! The committed samples, cut anywhere.

use std::path::Path;

use super::support::scan::temporary;
use super::*;
use crate::image::initramfs::Initramfs;

#[test]
fn a_sample_cut_anywhere_is_an_error_unless_it_is_cut_between_segments() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/initramfs");
    let mut samples = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "img") {
            continue;
        }
        samples += 1;
        let bytes = fs::read(&path).unwrap();
        let file = temporary(&bytes);
        let cut_to = |len: u64| {
            let part = std::iter::once(0..len).collect();
            let source = Initramfs::in_parts(file.try_clone().unwrap(), b"cut.img".to_vec(), part);
            Options::default().scan(&source)
        };
        let whole = cut_to(len(&bytes)).unwrap();
        // Where a segment ends and up to where the next one begins.
        let ends = whole.layer.layers.iter().map(|segment| {
            let start = segment.offset_bytes.unwrap();
            (start, start + segment.size_bytes.unwrap())
        });
        let ends: Vec<(u64, u64)> = ends.collect();
        for len in 0..len(&bytes) {
            let is_between = ends
                .iter()
                .rfind(|(start, _)| *start < len)
                .is_some_and(|(_, end)| *end <= len);
            // The lz4 format has no mark at its end: NULs behind it are one.
            let cut = cut_to(len);
            assert_eq!(cut.is_ok(), is_between, "{} cut to {len} bytes", path.display());
        }
    }
    assert!(samples >= 15, "{samples} samples");
}
