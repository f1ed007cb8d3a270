//! Tells an archive that holds a container image from one that is a root filesystem.
//!
//! ```text
//! oci-layout, index.json, blobs/sha256/HEX…                      an OCI layout
//! manifest.json, repositories, HEX.json, HEX/layer.tar…          docker save, up to version 24
//! all of both                                                    docker save, from version 25 on
//! ```
//!
//! Blobs are read where they lie, by their offset. For that a compressed archive is unpacked into a temporary file
//! without a name first.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;

use super::{Container, Store};
use crate::image::compression::Compression;
use crate::image::cursor::Cursor;
use crate::image::packed;
use crate::image::tar::{BUFFER_BYTES, Index, Section, Tar, Unpacked};
use crate::image::{ImageError, Limits, Source};
use ima_assay_digest::Control;

/// Members of a compressed archive that are looked at to tell what it is, and bytes that are unpacked for it.
const MAX_TELLING: usize = 16;
const MAX_TELLING_BYTES: u64 = 1 << 20;

/// What the root of a filesystem has.
const ROOT_NAMES: [&[u8]; 20] = [
    b"bin", b"boot", b"dev", b"etc", b"home", b"lib", b"lib32", b"lib64", b"libx32", b"media", b"mnt",
    b"opt", b"proc", b"root", b"run", b"sbin", b"srv", b"sys", b"usr", b"var",
];

/// What the top of a container image has.
const CONTAINER_NAMES: [&[u8]; 5] = [
    b"blobs",
    b"index.json",
    b"manifest.json",
    b"oci-layout",
    b"repositories",
];

/// Opens an archive, whichever of the two it is.
///
/// # Errors
/// [`ImageError::Io`]; of a compressed container image what unpacking it says.
pub(in crate::image) fn open(
    file: fs::File,
    name: Vec<u8>,
    compression: Option<Compression>,
    limits: &Limits,
    control: &Control,
) -> Result<Box<dyn Source>, ImageError> {
    let (file, compression) = match compression {
        Some(compression) if starts_as_container(&file, compression, limits) => (
            packed::spool(&file, &name, compression, limits, control)?.file,
            None,
        ),
        compression => (file, compression),
    };
    if compression.is_none()
        && let Some(container) = container(&file, &name, limits)
    {
        return Ok(Box::new(container));
    }
    Ok(Box::new(Tar::open(file, name, compression)?))
}

/// The container image in a plain archive. What is wrong with an archive is for its reader to say.
fn container(file: &fs::File, name: &[u8], limits: &Limits) -> Option<Container> {
    let size_bytes = file.metadata().ok()?.len();
    let (mut is_told, mut has_root, mut has_blobs) = (false, false, false);
    let index = Index::read(file, size_bytes, limits, &mut |path| {
        let top = first_part(path);
        has_root |= matches!(top, b"usr" | b"etc");
        has_blobs |= top == b"blobs";
        is_told |= is_of_container(top);
        is_told || !ROOT_NAMES.contains(&top)
    });
    let index = index.ok()?;
    let (has_mark, has_index) = (index.has(b"oci-layout"), index.has(b"index.json"));
    let is_saved = index.has(b"manifest.json");
    // A layout that has lost a file is refused by what it lacks, and no root of a filesystem.
    let is_damaged = !is_saved && has_blobs && has_mark != has_index;
    let is_layout = has_mark && has_index || is_damaged;
    // Beside a root filesystem none of them is what was meant: the archive's reader says so.
    if has_root || !is_layout && !is_saved {
        return None;
    }
    Some(Container {
        store: Store::Archive {
            file: Arc::new(file.try_clone().ok()?),
            path: name.to_vec(),
            index,
        },
        kind: if is_layout {
            "oci archive"
        } else {
            "docker archive"
        },
        is_layout,
        file_bytes: Some(size_bytes),
    })
}

/// Whether the first members of a compressed archive are those of a container image.
fn starts_as_container(file: &fs::File, compression: Compression, limits: &Limits) -> bool {
    let (control, read, mark) = (Control::default(), Cell::new(0), Cell::new(false));
    let few = Limits {
        max_unpacked_bytes: MAX_TELLING_BYTES,
        ..limits.clone()
    };
    let section = Section::new(file, b"", 0..u64::MAX, &control, &read);
    let mut packed = Cursor::new(section, BUFFER_BYTES);
    let Ok(unpacked) = Unpacked::new(compression, &mut packed, &few, (&read, &mark), 0) else {
        return false;
    };
    let (mut is_told, mut looked_at) = (false, 0_usize);
    // A fault ends the look as well.
    let _ = Index::read_from(&mut Cursor::new(unpacked, BUFFER_BYTES), limits, &mut |path| {
        let top = first_part(path);
        is_told = is_of_container(top);
        looked_at = looked_at.saturating_add(1);
        !is_told && !ROOT_NAMES.contains(&top) && looked_at < MAX_TELLING
    });
    is_told
}

fn first_part(path: &[u8]) -> &[u8] {
    path.split(|byte| *byte == b'/').next().unwrap_or_default()
}

/// Whether the first part of a path is one that container images have: fixed names, and digests.
fn is_of_container(top: &[u8]) -> bool {
    let name = top.strip_prefix(b"sha256:").unwrap_or(top);
    let is_digest = name.first_chunk::<64>().is_some_and(|hex| {
        let is_hex = hex.iter().all(u8::is_ascii_hexdigit);
        is_hex && name.get(64).is_none_or(|byte| *byte == b'.')
    });
    is_digest || CONTAINER_NAMES.contains(&top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_images_are_told_by_names_that_no_root_has() {
        let hex = "0123456789abcdef".repeat(4);
        for name in [
            "blobs".to_owned(),
            "manifest.json".to_owned(),
            hex.clone(),
            format!("{hex}.json"),
            format!("{hex}.tar.gz"),
            format!("sha256:{hex}"),
        ] {
            assert!(is_of_container(name.as_bytes()), "{name}");
            assert!(!ROOT_NAMES.contains(&name.as_bytes()), "{name}");
        }
        for name in [
            "usr".to_owned(),
            "".to_owned(),
            hex[1..].to_owned(),
            format!("{hex}0"),
        ] {
            assert!(!is_of_container(name.as_bytes()), "{name}");
        }
    }
}
