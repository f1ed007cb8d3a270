//! Writes the seed of the target `disk` that is this image: its first 32 MiB without what is zeros.
//!
//! ```text
//! cargo +nightly run --bin seed IMAGE > corpus/disk/NAME
//! ```

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let image = std::env::args_os().nth(1).expect("the name of an image");
    let seed = ima_assay_fuzz::to_sectors(&std::fs::read(image)?);
    std::io::stdout().lock().write_all(&seed)
}
