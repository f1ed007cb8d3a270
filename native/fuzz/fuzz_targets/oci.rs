//! Any bytes as an archive, also with the right sums; and any documents and layers as those of a container image with the right digests.
#![no_main]

use ima_assay_digest::{Algorithm, hash};
use ima_assay_fuzz::{parts, read_any, tar, with_tar_sums};
use libfuzzer_sys::fuzz_target;

/// `index.json`, a manifest, a configuration; layers follow.
const DOCUMENTS: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    read_any(bytes);
    read_any(&with_tar_sums(bytes));
    let parts = parts(bytes, DOCUMENTS);
    let mut members = vec![(
        "oci-layout".to_owned(),
        &b"{\"imageLayoutVersion\":\"1.0.0\"}"[..],
    )];
    for (number, part) in parts.iter().enumerate() {
        let name = match number {
            0 => "index.json".to_owned(),
            _ => format!("blobs/sha256/{}", hash(Algorithm::Sha256, part)),
        };
        members.push((name, part));
    }
    read_any(&tar(&members));
});
