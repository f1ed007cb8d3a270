//! How fast policies are read and asked, in CPU time of one thread.
//!
//! `cargo run --release -p ima-assay-core --example policy_speed -- [MEGABYTES | FILE]`

use std::error::Error;
use std::fs;
use std::hint::black_box;

use ima_assay_core::policy::{Judgement, PolicySet, ReadOptions, Section, read};
use ima_assay_digest::{Algorithm, Digest, hash_many};

/// Entries of the measurement list that is looked up.
const ENTRIES: usize = 200_000;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "50".to_owned());
    let (names, digests, json, flat) = match argument.parse::<usize>() {
        Ok(megabytes) => generate(megabytes.saturating_mul(1_000_000)),
        Err(_) => (Vec::new(), Vec::new(), fs::read(&argument)?, Vec::new()),
    };
    let mut set = PolicySet::default();
    for (format, text) in [("JSON", &json), ("flat", &flat)] {
        if text.is_empty() {
            continue;
        }
        let before = status("VmRSS:");
        let (policy, seconds) = timed(|| read(text, format.as_bytes(), &ReadOptions::default()))?;
        let policy = policy?;
        let kept = status("VmRSS:").saturating_sub(before).saturating_mul(1024);
        println!(
            "read {format}: {} MB, {} names, {:.0} MB/s; kept {:.2} of the file, peak of the process {} MB",
            text.len() / 1_000_000,
            policy.section(Section::Digests).len(),
            float(text.len())? / 1e6 / seconds,
            float(kept)? / float(text.len())?,
            status("VmHWM:") / 1024,
        );
        let (validation, seconds) = timed(|| policy.validate(100))?;
        println!("validate: {:.0} ms, {:?}", seconds * 1e3, validation.counts);
        set = PolicySet::new(vec![policy]);
    }
    if !names.is_empty() {
        ask(&set, &names, &digests)?;
    }
    Ok(())
}

/// Looks names up in an order that no cache can foresee, one of eight with a foreign digest. As in a verification
/// the entries themselves lie in a row.
fn ask(set: &PolicySet, names: &[String], digests: &[Digest]) -> Result<(), Box<dyn Error>> {
    let picks: Vec<usize> = (0..ENTRIES)
        .map(|number| {
            number
                .wrapping_mul(7_368_787)
                .checked_rem(names.len())
                .unwrap_or(0)
        })
        .collect();
    let mut list = Vec::new();
    for (number, &pick) in picks.iter().enumerate() {
        let digest = digests.get(pick.wrapping_add(usize::from(number % 8 == 0)));
        if let (Some(name), Some(digest)) = (names.get(pick), digest) {
            list.extend_from_slice(digest.bytes());
            list.extend_from_slice(name.as_bytes());
            list.push(b'\n');
        }
    }
    let (listed, seconds) = timed(|| {
        let mut listed: usize = 0;
        let mut rest = &list[..];
        while let Some((digest, after)) = rest.split_at_checked(32) {
            let end = after
                .iter()
                .position(|&byte| byte == b'\n')
                .unwrap_or(after.len());
            let (name, after) = after.split_at_checked(end).unwrap_or_default();
            let judgement = set.judge(Section::Digests, name, Algorithm::Sha256, digest);
            listed = listed.wrapping_add(usize::from(matches!(black_box(judgement), Judgement::Listed(_))));
            rest = after.get(1..).unwrap_or_default();
        }
        listed
    })?;
    println!(
        "judge: {ENTRIES} entries, {listed} listed, {:.1} million/s",
        float(ENTRIES)? / 1e6 / seconds
    );
    let near = |number: &usize| {
        let (name, digest) = (names.get(*number)?, digests.get(number.wrapping_add(1))?);
        let name = format!("/sysroot{name}");
        Some(
            set.near(
                Section::Digests,
                name.as_bytes(),
                Algorithm::Sha256,
                digest.bytes(),
                5,
            )
            .len(),
        )
    };
    let before = status("VmRSS:");
    let (_, seconds) = timed(|| picks.first().and_then(near))?;
    println!(
        "first near: {:.0} ms, {} MB",
        seconds * 1e3,
        status("VmRSS:").saturating_sub(before) / 1024
    );
    let (found, seconds) = timed(|| picks.iter().filter_map(near).sum::<usize>())?;
    println!(
        "near: {found} found, {:.2} million/s",
        float(ENTRIES)? / 1e6 / seconds
    );
    Ok(())
}

type Generated = (Vec<String>, Vec<Digest>, Vec<u8>, Vec<u8>);

/// Names as long as those of a root filesystem, and a policy and a flat list of them.
fn generate(bytes: usize) -> Generated {
    let mut names = Vec::new();
    let mut json = b"{\"meta\": {\"version\": 1, \"generator\": 3}, \"release\": 0, \"digests\": {".to_vec();
    let mut flat = Vec::new();
    let mut digests: Vec<Digest> = Vec::new();
    while json.len() < bytes {
        let number = names.len();
        let name = format!(
            "/usr/lib/x86_64-linux-gnu/{:x}/file{number}.so",
            number.wrapping_mul(2_654_435_761) % 4096
        );
        let digest = hash_many(Algorithm::Sha256, &[name.as_bytes()]);
        let hex = digest.first().map(ToString::to_string).unwrap_or_default();
        let comma = if number == 0 { "" } else { ", " };
        json.extend_from_slice(format!("{comma}\"{name}\": [\"{hex}\"]").as_bytes());
        flat.extend_from_slice(format!("{hex}  {name}\n").as_bytes());
        digests.extend(digest);
        names.push(name);
    }
    json.extend_from_slice(
        b"}, \"excludes\": [], \"keyrings\": {}, \"ima\": {\"ignored_keyrings\": [], \"log_hash_alg\": \"sha1\", \
          \"dm_policy\": null}, \"ima-buf\": {}, \"verification-keys\": \"\"}",
    );
    (names, digests, json, flat)
}

fn timed<T>(work: impl FnOnce() -> T) -> Result<(T, f64), Box<dyn Error>> {
    let before = cpu_seconds()?;
    let value = work();
    Ok((value, cpu_seconds()? - before))
}

fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

fn status(field: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

fn float(number: usize) -> Result<f64, Box<dyn Error>> {
    Ok(f64::from(u32::try_from(number)?))
}
