//! Any bytes as a package, as the archive in a Debian package, and as header and payload of an RPM without a digest.
#![no_main]

use ima_assay_fuzz::{read_any, with_tar_sums};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read_any(bytes);
    let mut deb = b"!<arch>\n".to_vec();
    for (name, data) in [
        ("debian-binary", &b"2.0\n"[..]),
        ("control.tar", b""),
        ("data.tar", &with_tar_sums(bytes)),
    ] {
        let size = data.len();
        deb.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644).into_bytes());
        deb.extend_from_slice(data);
        deb.resize(deb.len().next_multiple_of(2), b'\n');
    }
    read_any(&deb);
    let mut rpm = vec![0; 96];
    rpm[..6].copy_from_slice(b"\xed\xab\xee\xdb\x03\x00");
    rpm[79] = 5; // where the signature is: in a header of its own
    rpm.extend_from_slice(b"\x8e\xad\xe8\x01\0\0\0\0\0\0\0\0\0\0\0\0");
    rpm.extend_from_slice(bytes);
    read_any(&rpm);
});
