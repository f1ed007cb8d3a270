//! Our tree beside the kernel's.

use std::collections::{BTreeMap, BTreeSet};

use ima_assay_digest::Algorithm;

use crate::buffers::{Agreement, Buffer};
use crate::error::Explain as _;
use crate::image::Skip;
use crate::machine::{Boot, Entry, ORACLE};
use crate::support::scan::{Options, Tree};

const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const SYMLINK: u32 = 0o120_000;

/// Everything in which our reading of a buffer and the kernel's differ from what is expected, a line each.
pub(crate) fn differences(buffer: &Buffer, boot: &Boot) -> Vec<String> {
    let mut found = Vec::new();
    let strict = Options::default()
        .read(&buffer.bytes)
        .map_err(|error| error.code());
    let ours = Options::keep_going().read(&buffer.bytes);
    let said = match (&strict, &ours) {
        (Err(code), Ok(tree)) if !tree.omitted_codes().contains(code) => {
            format!("{code}, but not when kept going")
        }
        (Err(code), _) => (*code).to_owned(),
        (Ok(tree), _) => match buffer.agreement {
            Agreement::Tolerant(code) if tree.note_codes().contains(&code) => code.to_owned(),
            _ if tree.note_codes().contains(&"KERNEL_REFUSES_SEGMENT") => "that it cannot boot".to_owned(),
            _ => "nothing".to_owned(),
        },
    };
    let (code, stops) = match buffer.agreement {
        Agreement::Sound => ("nothing", Some(false)),
        Agreement::Silent(code) => (code, Some(false)),
        Agreement::Stops(code) | Agreement::Tolerant(code) => (code, Some(true)),
        // A kernel may stop here, and older ones do not.
        Agreement::Strict(code) | Agreement::Refused(code) => (code, None),
    };
    if !said.starts_with(code) {
        found.push(format!("we say {said}, {code} was expected"));
    }
    if stops.is_some_and(|stops| stops != boot.complaint.is_some()) {
        found.push(format!("the kernel's complaint is {:?}", boot.complaint));
    }
    match ours {
        Err(_) if matches!(buffer.agreement, Agreement::Refused(_)) => {}
        Err(error) => found.push(format!("we have no tree: {error}")),
        Ok(_) if matches!(buffer.agreement, Agreement::Refused(_)) => found.push("we have a tree".to_owned()),
        Ok(tree) => {
            compare_trees(buffer, &tree, boot, &mut found);
            if !found.is_empty() {
                found.push(format!("we see {:?}", tree.layer));
            }
        }
    }
    found
}

fn compare_trees(buffer: &Buffer, ours: &Tree, boot: &Boot, found: &mut Vec<String>) {
    let is_started = ours.files.iter().any(|file| file.path == b"/.oracle/init");
    let empty = BTreeMap::new();
    let theirs = match &boot.tree {
        Some(theirs) => theirs,
        None if is_started => {
            found.push("the kernel gave no tree".to_owned());
            return;
        }
        None => &empty,
    };
    // On the one side where only one of the two goes on.
    let (they_have_more, we_have_more) = match buffer.agreement {
        Agreement::Strict(_) => (boot.complaint.is_none(), false),
        Agreement::Tolerant(_) => (false, true),
        _ => (false, false),
    };
    let case = |path: &[u8]| {
        let top = path.strip_prefix(b"/c")?.split(|byte| *byte == b'/').next()?;
        let index: usize = std::str::from_utf8(top).ok()?.parse().ok()?;
        buffer.cases.get(index).map(|case| case.why)
    };
    let mut differs = |path: &[u8], what: &str| {
        let why = case(path).map_or(String::new(), |why| format!(" ({why})"));
        found.push(format!("{}: {what}{why}", path.escape_ascii()));
    };
    let is_half_written = |path: &[u8]| buffer.half_written.iter().any(|name| name.as_bytes() == path);
    let our_lines = lines_of(ours);
    let their_lines: BTreeMap<&[u8], String> = theirs
        .iter()
        .filter(|(_, entry)| entry.mode & KIND == REGULAR)
        .map(|(path, entry)| (path.as_slice(), line_of(entry)))
        .collect();
    let paths: BTreeSet<&[u8]> = our_lines.keys().chain(their_lines.keys()).copied().collect();
    for path in paths {
        match (our_lines.get(path), their_lines.get(path)) {
            (Some(our), Some(their)) if our == their => {}
            (Some(our), Some(their)) => differs(path, &format!("we have {our}, the kernel {their}")),
            (Some(our), None) if !we_have_more => differs(path, &format!("only we have {our}")),
            (None, Some(their)) if !they_have_more && !is_half_written(path) => {
                differs(path, &format!("only the kernel has {their}"));
            }
            _ => {}
        }
    }
    if they_have_more && our_lines.len() >= their_lines.len() {
        found.push("the kernel has no more than we have".to_owned());
    }
    if we_have_more && our_lines.len() <= their_lines.len() {
        found.push("we have no more than the kernel has".to_owned());
    }
    compare_table(buffer, theirs, found);
    if !they_have_more && !we_have_more && is_started {
        compare_counts(ours, theirs, found);
        compare_links(ours, theirs, found);
    }
}

/// Owner, mode, size and digest of our files, without the oracle's own.
fn lines_of(ours: &Tree) -> BTreeMap<&[u8], String> {
    let listing = ours.listing();
    ours.files
        .iter()
        .filter(|file| !file.path.starts_with(ORACLE.as_bytes()))
        .map(|file| {
            let entry = Entry {
                mode: file.mode,
                uid: file.uid,
                gid: file.gid,
                size: file.size_bytes,
                inode: 0,
                digest: listing.get(&file.path).cloned(),
            };
            (file.path.as_slice(), line_of(&entry))
        })
        .collect()
}

fn line_of(entry: &Entry) -> String {
    format!(
        "{:06o} {}:{} {} bytes {}",
        entry.mode,
        entry.uid,
        entry.gid,
        entry.size,
        entry.digest.as_deref().unwrap_or("without a digest")
    )
}

/// The kernel's tree beside the table that the fast tests take their expectations from.
fn compare_table(buffer: &Buffer, theirs: &BTreeMap<Vec<u8>, Entry>, found: &mut Vec<String>) {
    for (index, case) in buffer.cases.iter().enumerate() {
        for (path, data) in &case.files {
            let path = match path.strip_prefix(b"/") {
                Some(_) => path.clone(),
                None => [format!("/c{index}/").as_bytes(), path].concat(),
            };
            let digest = ima_assay_digest::hash(Algorithm::Sha256, data).to_string();
            if theirs.get(&path).and_then(|entry| entry.digest.as_ref()) != Some(&digest) {
                found.push(format!(
                    "{}: the table is wrong ({})",
                    path.escape_ascii(),
                    case.why
                ));
            }
        }
    }
}

/// What is no regular file is only counted by us.
fn compare_counts(ours: &Tree, theirs: &BTreeMap<Vec<u8>, Entry>, found: &mut Vec<String>) {
    let count = |is_wanted: &dyn Fn(u32) -> bool| {
        theirs
            .values()
            .filter(|entry| is_wanted(entry.mode & KIND))
            .count()
    };
    let rows = [
        ("symbolic links", Skip::Symlink, count(&|kind| kind == SYMLINK)),
        (
            "devices, FIFOs and sockets",
            Skip::Special,
            count(&|kind| ![REGULAR, DIRECTORY, SYMLINK].contains(&kind)),
        ),
    ];
    for (what, skip, theirs) in rows {
        let ours = ours.skips.get(&skip).copied().unwrap_or(0);
        if ours != theirs {
            found.push(format!("we count {ours} {what}, the kernel {theirs}"));
        }
    }
}

/// Names of one inode share one content, and only they do; but for empty files, which all share one.
fn compare_links(ours: &Tree, theirs: &BTreeMap<Vec<u8>, Entry>, found: &mut Vec<String>) {
    let mut contents = BTreeMap::new();
    let mut inodes = BTreeMap::new();
    for file in ours.files.iter().filter(|file| file.size_bytes > 0) {
        let Some(inode) = theirs.get(&file.path).map(|entry| entry.inode) else {
            continue;
        };
        let content = file.content;
        if *contents.entry(inode).or_insert(content) != content
            || *inodes.entry(content).or_insert(inode) != inode
        {
            found.push(format!(
                "{}: linked to other names than the kernel's",
                file.path.escape_ascii()
            ));
        }
    }
}
