//! How long it takes to read, check and replay a list: `cargo run --release --example measurement_list`.
//!
//! ```text
//! measurement_list [ENTRIES]            makes a list and measures
//! measurement_list ENTRIES binary|ascii FILE   writes the list, for other programs to be measured with
//! ```
//!
//! Times are of the processor, of this thread alone: other work on the machine does not count.

use std::error::Error;
use std::fs;

use ima_assay_core::measurement::{Check, Form, Item, Limits, Reader, Replay, ReplayOptions};
use ima_assay_digest::{Algorithm, hash};

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let entries = arguments.first().map_or(Ok(200_000), |entries| entries.parse())?;
    let list = make(entries)?;
    if let [_, form, file] = arguments.as_slice() {
        let form = if form == "ascii" {
            Form::Ascii
        } else {
            Form::Binary
        };
        return Ok(fs::write(file, print(&list, form)?)?);
    }
    let two = vec![Algorithm::Sha1, Algorithm::Sha256];
    for (form, name) in [(Form::Binary, "binary"), (Form::Ascii, "ascii")] {
        let list = print(&list, form)?;
        println!("{name}: {entries} entries, {} bytes", list.len());
        measure("read", || read(&list))?;
        measure("read, check", || check(&list))?;
        measure("read, check, replay sha1 sha256", || {
            replay(&list, two.clone(), false)
        })?;
        measure("  and the padded rule", || replay(&list, two.clone(), true))?;
        measure("read, check, replay five banks", || {
            replay(&list, ReplayOptions::BANKS.to_vec(), true)
        })?;
        measure("JSON lines", || json(&list))?;
    }
    Ok(())
}

/// The shortest of five runs.
fn measure(what: &str, mut run: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    let mut shortest = f64::MAX;
    for _ in 0..5 {
        let start = processor_seconds()?;
        run()?;
        shortest = shortest.min(processor_seconds()? - start);
    }
    println!("  {shortest:.4} s  {what}");
    Ok(())
}

/// Time that this thread had a processor (proc(5), `schedstat`).
fn processor_seconds() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: u64 = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(std::time::Duration::from_nanos(nanoseconds).as_secs_f64())
}

/// A list of `ima-ng` with paths as long as those of a distribution.
fn make(entries: u64) -> Result<Vec<u8>, Failure> {
    let mut list = Vec::new();
    for entry in 0..entries {
        let digest = hash(Algorithm::Sha256, &entry.to_le_bytes());
        let name = format!("/usr/lib/x86_64-linux-gnu/part-{}/lib{entry}.so.1", entry % 97);
        let mut data = Vec::new();
        for field in [
            [b"sha256:\0", digest.bytes()].concat(),
            [name.as_bytes(), b"\0"].concat(),
        ] {
            data.extend(u32::try_from(field.len())?.to_le_bytes());
            data.extend(field);
        }
        list.extend(10_u32.to_le_bytes());
        list.extend(hash(Algorithm::Sha1, &data).bytes());
        list.extend(6_u32.to_le_bytes());
        list.extend(b"ima-ng");
        list.extend(u32::try_from(data.len())?.to_le_bytes());
        list.extend(data);
    }
    Ok(list)
}

fn print(list: &[u8], form: Form) -> Result<Vec<u8>, Failure> {
    let mut reader = Reader::new(list, Limits::default())?;
    let mut out = Vec::new();
    while let Some(item) = reader.next()? {
        match item {
            Item::Entry(entry) => entry.print(form, None, &mut out)?,
            Item::Fault(fault) => return Err(fault.into()),
        }
    }
    Ok(out)
}

fn read(list: &[u8]) -> Result<(), Failure> {
    let mut reader = Reader::new(list, Limits::default())?;
    let mut named = Vec::new();
    while let Some(item) = reader.next()? {
        if let Item::Entry(entry) = item {
            named.push(entry.name().is_some() && entry.file_digest().is_some());
        }
    }
    match named.iter().all(|is_named| *is_named) {
        true => Ok(()),
        false => Err("an entry without a name or a digest".into()),
    }
}

fn check(list: &[u8]) -> Result<(), Failure> {
    let mut reader = Reader::new(list, Limits::default())?;
    while let Some(item) = reader.next()? {
        match item {
            Item::Entry(entry) if entry.check() == Check::Matches => {}
            other => return Err(format!("{other:?}").into()),
        }
    }
    Ok(())
}

fn replay(list: &[u8], banks: Vec<Algorithm>, padded: bool) -> Result<(), Failure> {
    let mut reader = Reader::new(list, Limits::default())?;
    let mut replay = Replay::new(ReplayOptions {
        banks,
        padded,
        ..ReplayOptions::default()
    })?;
    while let Some(item) = reader.next()? {
        match item {
            Item::Entry(entry) if replay.extend(&entry) == Check::Matches => {}
            other => return Err(format!("{other:?}").into()),
        }
    }
    match replay.finish().entries() {
        0 => Err("no entries".into()),
        _ => Ok(()),
    }
}

fn json(list: &[u8]) -> Result<(), Failure> {
    let mut reader = Reader::new(list, Limits::default())?;
    let mut out = Vec::new();
    while let Some(item) = reader.next()? {
        if let Item::Entry(entry) = item {
            out.clear();
            entry.print_json(&mut out);
        }
    }
    Ok(())
}
