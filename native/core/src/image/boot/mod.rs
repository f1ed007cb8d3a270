//! What an image boots, and what it measures: the initramfs files and UKIs inside of it, and its own IMA policy.
//!
//! Both are files of the image that say something about its list. An initramfs is listed as a file, under its own path,
//! and so are the files in it, under theirs. A policy tells which of the listed files a machine never measures.

mod ima_policy;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

use self::ima_policy::ImaPolicy;
use super::collect::collect;
use super::initramfs::{self, Initramfs};
use super::temporary;
use super::uki::{self, Uki, UkiError};
use super::{File, ImageError, Note, Scan, Source};
use crate::path::Escaped;

/// Where systemd and others look for a policy to load.
const IMA_POLICY: &[u8] = b"/etc/ima/ima-policy";

/// Bytes of a policy, which is a line a rule.
const MAX_POLICY_BYTES: u64 = 1 << 20;

/// Bytes that tell an initramfs or a UKI.
const HEAD_BYTES: usize = 1024;

/// An initramfs or a UKI of an image.
pub(super) struct BootFile {
    /// Absolute inside the image.
    pub(super) path: Vec<u8>,
    pub(super) source: Box<dyn Source>,
}

/// What is found in an image beside the files to list.
#[derive(Default)]
pub(super) struct Inside {
    /// In the order of their paths.
    pub(super) boot_files: Vec<BootFile>,
    pub(super) notes: Vec<Note>,
}

/// A file that was read.
enum Opened {
    BootFile(Box<dyn Source>),
    Unknown(&'static str),
    Policy(Vec<u8>),
}

/// Looks into those files of an image that say something about its list, which were `scan`ned just now. An image that is
/// no root filesystem boots nothing; another one, only if that is wanted.
///
/// # Errors
/// What ends a scan; a boot file that is damaged, or cannot be kept; [`ImageError::Changed`].
pub(super) fn look_inside(
    source: &dyn Source,
    scan: &Scan<'_>,
    files: &[File],
    wants_boot_files: bool,
) -> Result<Inside, ImageError> {
    let mut inside = Inside::default();
    let is_root = source.is_root_filesystem();
    if !is_root {
        inside.notes.extend(note_whole_root(files));
    }
    let is_wanted = |path: &[u8]| path == IMA_POLICY || is_root && wants_boot_files && is_boot_file(path);
    let limit = scan.limits.max_spooled_bytes;
    let mut read = collect(source, scan, Some(files), is_wanted, |path, bytes| match path {
        IMA_POLICY => read_policy(bytes, path),
        _ => open(bytes, path, limit),
    })?;
    read.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (path, opened) in read {
        match opened {
            Opened::BootFile(source) => {
                inside.notes.extend(note_rescue(&path));
                inside.boot_files.push(BootFile { path, source });
            }
            Opened::Unknown(problem) => inside.notes.push(Note {
                code: "BOOT_FILE_UNKNOWN",
                text: format!("no files are listed of {}: {problem}", Escaped(&path)),
                path: Some(path),
                offset_bytes: None,
            }),
            Opened::Policy(text) => inside.notes.extend(ImaPolicy::parse(&text).notes(&path)),
        }
    }
    Ok(inside)
}

/// Whether a file has a name by which boot loaders and their configurations know initramfs files and UKIs.
fn is_boot_file(path: &[u8]) -> bool {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
    match parts.as_slice() {
        [b"usr", b"lib", b"modules", _, name] => {
            matches!(*name, b"initramfs.img" | b"initrd" | b"initrd.img")
        }
        [b"boot" | b"efi", rest @ .., name] => {
            // Names on vfat have no case of their own.
            let is_in_linux = match rest {
                [.., efi, linux] => efi.eq_ignore_ascii_case(b"EFI") && linux.eq_ignore_ascii_case(b"Linux"),
                _ => false,
            };
            let is_uki = is_in_linux && name.to_ascii_lowercase().ends_with(b".efi");
            is_uki || rest.len() <= 3 && name.starts_with(b"initr")
        }
        _ => false,
    }
}

/// An initramfs for another day than the machine's usual one.
fn note_rescue(path: &[u8]) -> Option<Note> {
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    let purpose = ["rescue", "kdump"]
        .into_iter()
        .find(|purpose| name.windows(purpose.len()).any(|part| part == purpose.as_bytes()))?;
    Some(Note {
        code: "BOOT_FILE_SPECIAL",
        text: format!("{} is for {purpose}, and listed like the others", Escaped(path)),
        path: Some(path.to_vec()),
        offset_bytes: None,
    })
}

/// An initramfs that is the whole system, as a ramdisk for deployment is: what no `switch_root` leaves.
fn note_whole_root(files: &[File]) -> Option<Note> {
    let has = |paths: &[&str]| {
        files
            .iter()
            .any(|file| paths.iter().any(|path| file.path == path.as_bytes()))
    };
    let is_system = has(&["/usr/lib/os-release", "/etc/os-release"]);
    // What dracut and systemd put there, and what initramfs-tools puts there.
    let is_initrd = has(&[
        "/etc/initrd-release",
        "/usr/lib/initrd-release",
        "/conf/initramfs.conf",
    ]);
    (is_system && !is_initrd).then(|| Note {
        code: "RAMDISK_ON_TMPFS",
        path: None,
        offset_bytes: None,
        text: "this initramfs is a whole system: started without root= it stays on tmpfs, of which the kernel's own \
               policy ima_policy=tcb measures nothing"
            .to_owned(),
    })
}

fn read_policy(bytes: &mut dyn Read, path: &[u8]) -> Result<Opened, ImageError> {
    let mut text = Vec::new();
    let read = bytes
        .take(MAX_POLICY_BYTES.saturating_add(1))
        .read_to_end(&mut text);
    read.map_err(|error| ImageError::Io {
        path: path.to_vec(),
        error,
    })?;
    Ok(match u64::try_from(text.len()) {
        Ok(len) if len <= MAX_POLICY_BYTES => Opened::Policy(text),
        _ => Opened::Unknown("it is too large for a policy"),
    })
}

/// Keeps a boot file in a temporary file, and opens it.
fn open(bytes: &mut dyn Read, path: &[u8], limit: u64) -> Result<Opened, ImageError> {
    let file = temporary::keep(bytes, path, limit)?;
    let head = head(&file).map_err(|error| ImageError::Io {
        path: path.to_vec(),
        error,
    })?;
    if uki::looks_like(&head) {
        return match Uki::open(file, path.to_vec()) {
            Ok(uki) => Ok(Opened::BootFile(Box::new(uki))),
            Err(ImageError::Uki(UkiError::InitrdMissing)) => {
                Ok(Opened::Unknown("it is a kernel without an initramfs"))
            }
            Err(error) => Err(error),
        };
    }
    if initramfs::looks_like(&head) {
        return Ok(Opened::BootFile(Box::new(Initramfs::open(file, path.to_vec())?)));
    }
    Ok(Opened::Unknown("it is neither an initramfs nor a UKI"))
}

fn head(file: &fs::File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD_BYTES];
    let mut len = 0;
    while let Some(rest) = head.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, u64::try_from(len).unwrap_or(u64::MAX))? {
            0 => break,
            read => len = len.saturating_add(read),
        }
    }
    head.truncate(len);
    Ok(head)
}
