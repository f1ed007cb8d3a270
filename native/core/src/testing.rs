//! What tests of several modules need.

use std::path::{Path, PathBuf};
use std::process::Command;

use ima_assay_digest::{decode_hex, encode_hex};

/// Bytes from hex digits; blanks and line ends between them do not matter.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    decode_hex(&digits).unwrap()
}

/// Hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut digits = Vec::new();
    encode_hex(bytes, &mut digits);
    String::from_utf8(digits).unwrap()
}

/// A directory of a collection of lists, quotes and signatures that others made. `None`, and a line that says so,
/// without it. It is data and no tool: a checkout by itself does not have it.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    match std::env::var_os("IMA_ASSAY_SHARED") {
        Some(root) => Some(Path::new(&root).join(path)),
        None => {
            println!("skipped: IMA_ASSAY_SHARED is not set");
            None
        }
    }
}

/// Whether a test fails where it lacks something.
pub(crate) fn must_not_skip() -> bool {
    std::env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_some()
}

/// Whether a program is installed. If not, a line says that a test is skipped.
pub(crate) fn has_tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|directory| directory.join(name).is_file());
    assert!(is_there || !must_not_skip(), "{name} not installed");
    if !is_there {
        println!("skipped: {name} not installed");
    }
    is_there
}

/// Runs a program in a directory and gives its standard output. It must succeed.
pub(crate) fn run(directory: &Path, line: &str) -> Vec<u8> {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    let output = command.args(words).current_dir(directory).output().unwrap();
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Every way to change one bit.
pub(crate) fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}
