//! What the fuzz targets share: a file in memory, and a scan of it that must keep its promises.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use ima_assay_core::image::{
    Content, ContentId, File, ImageError, Layer, Limits, Note, Scan, Selection, Sink, Skip, Source, open,
};
use ima_assay_digest::{Algorithm, Control, hash};

/// A file in memory.
pub fn in_memory(bytes: &[u8]) -> fs::File {
    let file = rustix::fs::memfd_create("fuzz", rustix::fs::MemfdFlags::CLOEXEC).expect("memory for a file");
    let mut file = fs::File::from(file);
    file.write_all(bytes).expect("memory for the bytes");
    file
}

const SECTOR_BYTES: usize = 512;
/// A sector's number and its bytes.
const RECORD_BYTES: usize = 2 + SECTOR_BYTES;

/// A disk in memory whose sectors are zeros, but for those that the bytes give: the number of each, then what is in it.
pub fn in_sectors(bytes: &[u8]) -> fs::File {
    let file = in_memory(&[]);
    file.set_len(u64::from(u16::MAX) * 512)
        .expect("memory for a file");
    for record in bytes.chunks(RECORD_BYTES) {
        let Some((number, sector)) = record.split_first_chunk() else {
            continue;
        };
        let at = u64::from(u16::from_le_bytes(*number)) * 512;
        file.write_all_at(sector, at).expect("memory for a sector");
    }
    file
}

/// The bytes that give this disk, as far as a number reaches.
#[must_use]
pub fn to_sectors(disk: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, sector) in (0..u16::MAX).zip(disk.chunks(SECTOR_BYTES)) {
        if sector.iter().any(|byte| *byte != 0) {
            bytes.extend(number.to_le_bytes());
            bytes.extend(sector);
        }
    }
    bytes
}

/// Opens these bytes as `extract` opens a file, whatever they are, and reads them.
pub fn read_any(bytes: &[u8]) {
    let file = in_memory(bytes);
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    match open(name.as_bytes(), &limits(), &Arc::default()) {
        Ok(source) => read_twice(source.as_ref(), Reading::Names),
        Err(error) => check_error(&error.error),
    }
}

/// Scans a source until its first error, and again over all that can be left out: both have to say the same.
pub fn read_twice(source: &dyn Source, reading: Reading) {
    let [strict, kept] =
        [false, true].map(|keep_going| scan_for(source, keep_going, reading).inspect_err(check_error));
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

/// The parts that a line `--` separates. In the first `texts` of them `{{2}}` stands for the SHA-256 of part 2, and
/// `{{#2}}` for its size; only parts behind are known, so that every digest can be right.
#[must_use]
pub fn parts(bytes: &[u8], texts: usize) -> Vec<Vec<u8>> {
    const MARK: &[u8] = b"\n--\n";
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        parts.push(rest[..at].to_vec());
        rest = &rest[at + MARK.len()..];
    }
    parts.push(rest.to_vec());
    for number in (0..parts.len().min(texts)).rev() {
        for behind in number + 1..parts.len().min(10) {
            let digest = hash(Algorithm::Sha256, &parts[behind]).to_string();
            let size = parts[behind].len().to_string();
            let part = replace(
                &parts[number],
                format!("{{{{{behind}}}}}").as_bytes(),
                digest.as_bytes(),
            );
            parts[number] = replace(&part, format!("{{{{#{behind}}}}}").as_bytes(), size.as_bytes());
        }
    }
    parts
}

fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(old.len()).position(|window| window == old) {
        found.extend_from_slice(&rest[..at]);
        found.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    found.extend_from_slice(rest);
    found
}

const BLOCK_BYTES: usize = 512;

/// A tar archive whose headers have the sums of their bytes, wherever its sizes lead.
#[must_use]
pub fn with_tar_sums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(block) = bytes.get_mut(at..at + BLOCK_BYTES) {
        if block.iter().any(|byte| *byte != 0) {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let digits = block[124..136]
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'7'));
        let size = digits.fold(0_usize, |size, digit| {
            size * 8 % (1 << 40) + usize::from(digit - b'0')
        });
        at += BLOCK_BYTES + size.next_multiple_of(BLOCK_BYTES);
    }
    bytes
}

/// A tar archive of files.
#[must_use]
pub fn tar(members: &[(String, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, data) in members {
        let mut header = [0; BLOCK_BYTES];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..124].copy_from_slice(b"0000644\x000000000\x000000000\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        header[156] = b'0';
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK_BYTES, 0);
    with_tar_sums(&bytes)
}

/// Limits small enough for many runs a second.
pub fn limits() -> Limits {
    Limits {
        max_unpacked_bytes: 8 << 20,
        max_window_bytes: 1 << 20,
        max_files: 20_000,
        ..Limits::default()
    }
}

/// What a scan gives, without any bytes.
pub struct Found {
    /// What the image is made of.
    pub layer: Layer,
    /// Files, sorted by path.
    pub files: Vec<File>,
    /// Errors that were kept going over.
    pub omitted: usize,
}

/// What is read of files. Those of an archive come with the scan and must not be waited for in its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// Their names alone.
    #[default]
    Names,
    /// Their bytes as well.
    Bytes,
}

/// Scans, and checks what every scan promises. Contents are dropped unread.
///
/// # Errors
/// What the source says.
pub fn scan(source: &dyn Source, keep_going: bool) -> Result<Found, ImageError> {
    scan_for(source, keep_going, Reading::Names)
}

fn scan_for(source: &dyn Source, keep_going: bool, reading: Reading) -> Result<Found, ImageError> {
    let mut sink = Collected {
        keep_going,
        reading,
        ..Collected::default()
    };
    let layer = source.scan(
        &Scan {
            selection: &Selection::default(),
            limits: &limits(),
            control: &Control::default(),
        },
        &mut sink,
    )?;
    let mut paths = BTreeSet::new();
    for file in &sink.files {
        let path = &file.path;
        assert!(
            path.starts_with(b"/") && !path.contains(&0) && path.len() < 4096,
            "{path:?}"
        );
        assert!(
            path.split(|byte| *byte == b'/')
                .skip(1)
                .all(|part| !part.is_empty() && part != b"." && part != b".." && part.len() < 256),
            "{path:?}"
        );
        assert!(paths.insert(path.clone()), "{path:?} twice");
        assert!(file.content.0 < sink.contents, "{path:?} without bytes");
        assert_eq!(file.mode & 0o170_000, 0o100_000);
    }
    sink.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Found {
        layer,
        files: sink.files,
        omitted: sink.omitted,
    })
}

#[derive(Default)]
struct Collected {
    keep_going: bool,
    reading: Reading,
    contents: usize,
    files: Vec<File>,
    omitted: usize,
}

impl<'s> Sink<'s> for Collected {
    fn content(&mut self, mut content: Content<'s>) -> Result<ContentId, ImageError> {
        self.contents += 1;
        let mut buffer = vec![
            0;
            if self.reading == Reading::Bytes {
                64 << 10
            } else {
                0
            }
        ];
        while !buffer.is_empty() {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => assert!(count <= buffer.len()),
                // The bytes of one file: that it has none is for those who hash it.
                Err(error) => {
                    check_error(&error);
                    break;
                }
            }
        }
        Ok(ContentId(self.contents - 1))
    }

    fn file(&mut self, file: File) {
        self.files.push(file);
    }

    fn skip(&mut self, _: Skip) {}

    fn note(&mut self, note: Note) {
        assert!(!note.text.is_empty());
        assert!(!note.text.chars().any(char::is_control), "{}", note.text);
    }

    fn omit(&mut self, error: ImageError) -> Result<(), ImageError> {
        if !self.keep_going {
            return Err(error);
        }
        self.omitted += 1;
        Ok(())
    }
}

/// An error is one line of text, whatever the image says.
pub fn check_error(error: &ImageError) {
    use ima_assay_core::error::Explain as _;
    let text = error.to_string();
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text}");
    assert!(!error.code().is_empty());
    let _ = (error.place(), error.hint());
}
