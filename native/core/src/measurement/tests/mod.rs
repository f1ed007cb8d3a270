//! Tests of reading and printing whole lists.

mod corpus;
mod event_logs;
mod faults;
mod joins;
mod lines;
mod made;
mod properties;
mod replays;
mod texts;
mod truncation;
mod vectors;

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// A collection of lists that others made: `IMA_ASSAY_SHARED`. None, and a line that says so, without it.
fn shared(folder: &str) -> Option<PathBuf> {
    match std::env::var_os("IMA_ASSAY_SHARED") {
        Some(shared) => Some(Path::new(&shared).join(folder)),
        None => {
            println!("skipped: IMA_ASSAY_SHARED is not set");
            None
        }
    }
}

/// The folders of a collection that describe a case, in order.
fn cases(folder: &str) -> Vec<(PathBuf, serde_json::Value)> {
    let Some(folder) = shared(folder) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let described = folders
        .into_iter()
        .filter(|folder| folder.join("case.json").exists());
    described
        .map(|folder| {
            let case = fs::read(folder.join("case.json")).unwrap();
            (folder, serde_json::from_slice(&case).unwrap())
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = Vec::new();
    ima_assay_digest::encode_hex(bytes, &mut hex);
    String::from_utf8(hex).unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    ima_assay_digest::decode_hex(hex.as_bytes()).unwrap()
}

/// What a list is, entry by entry.
#[derive(Debug, Default)]
struct Read {
    entries: Vec<Owned>,
    faults: Vec<Fault>,
    format: Option<Format>,
}

/// An entry that does not borrow.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    number: u64,
    pcr: u32,
    hash: String,
    template: String,
    fields: Vec<(&'static str, String)>,
    is_violation: bool,
    check: Check,
    fault: Option<Problem>,
    notes: Notes,
}

fn owned(entry: &Entry<'_>) -> Owned {
    Owned {
        number: entry.number(),
        pcr: entry.pcr(),
        hash: hex(entry.recorded_hash()),
        template: String::from_utf8_lossy(entry.template()).into_owned(),
        fields: entry
            .fields()
            .map(|field| (field.id.name(), hex(field.bytes)))
            .collect(),
        is_violation: entry.is_violation(),
        check: entry.check(),
        fault: entry.fault().map(|fault| fault.problem),
        notes: entry.notes(),
    }
}

fn read(list: &[u8]) -> Read {
    read_parts(&[list])
}

fn read_parts(parts: &[&[u8]]) -> Read {
    let sources = parts.iter().map(|part| Box::new(*part) as Source<'_>).collect();
    let mut reader = Reader::of_segments(sources, Limits::default()).unwrap();
    let mut read = Read::default();
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Entry(entry) => read.entries.push(owned(&entry)),
            Item::Fault(fault) => read.faults.push(fault),
        }
    }
    read.format = Some(reader.format());
    read
}

/// All entries, printed one after the other.
fn print(list: &[u8], form: Form, bank: Option<ima_assay_digest::Algorithm>) -> Result<Vec<u8>, PrintError> {
    let mut reader = Reader::new(list, Limits::default()).unwrap();
    let mut out = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Entry(entry) = item {
            entry.print(form, bank, &mut out)?;
        }
    }
    Ok(out)
}

#[test]
fn a_reader_can_be_handed_to_another_thread() {
    fn takes(_: impl Send) {}
    takes(Reader::new(&b""[..], Limits::default()).unwrap());
    takes(Replay::new(ReplayOptions::default()).unwrap());
}
