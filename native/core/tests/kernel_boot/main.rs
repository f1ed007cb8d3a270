//! Boots Debian's kernel on hand-made initramfs files and compares what it unpacks with what our reader says.
//!
//! Slow: runs where `IMA_ASSAY_SLOW_TESTS` is set and `IMA_ASSAY_KERNEL` names a kernel, with qemu (emulating, so
//! that any machine will do) and a static busybox.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that overflows or panics fails, as it should"
)]

mod buffers;
mod compare;
mod machine;
#[path = "../support/mod.rs"]
mod support;

use std::env;
use std::io::{self, Write as _};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

// What `support` calls them by.
use ima_assay_core::{error, image};

use buffers::Buffer;
use machine::Machine;

/// The compressors that make the buffers.
const TOOLS: [&str; 6] = ["gzip", "bzip2", "xz", "lzop", "lz4", "zstd"];

/// A line that shows although the test passes, unlike what it prints.
fn say(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The machine, or none after saying why.
fn machine() -> Option<Machine> {
    if env::var_os("IMA_ASSAY_SLOW_TESTS").is_none() {
        say("skipped: the kernel under qemu (IMA_ASSAY_SLOW_TESTS is not set)");
        return None;
    }
    let missing = TOOLS.iter().find(|tool| machine::in_path(tool).is_none());
    let found = match missing {
        Some(tool) => Err(format!("{tool} not installed")),
        None => Machine::find(),
    };
    match found {
        Ok(machine) => Some(machine),
        Err(missing) if env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_some() => panic!("{missing}"),
        Err(missing) => {
            say(&format!("skipped: the kernel under qemu ({missing})"));
            None
        }
    }
}

#[test]
fn the_kernel_unpacks_what_we_read() {
    let Some(machine) = machine() else { return };
    let started = Instant::now();
    let only = env::var("IMA_ASSAY_KERNEL_CASE").unwrap_or_default();
    let mut queue = buffers::all(&machine.oracle());
    queue.retain(|buffer| buffer.why.contains(&only));
    queue.reverse();
    let count = queue.len();
    assert!(count > 0, "no buffer is called {only}");
    let (queue, failures) = (Mutex::new(queue), Mutex::new(Vec::new()));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop();
                    let Some(buffer) = next else { break };
                    if let Some(failure) = try_one(&machine, &buffer) {
                        say(&format!("failed: {}", buffer.why));
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    say(&format!(
        "{count} initramfs files booted in {} s, {workers} at a time",
        started.elapsed().as_secs()
    ));
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {count} disagree\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

/// What is wrong with a buffer, with everything needed to look into it.
fn try_one(machine: &Machine, buffer: &Buffer) -> Option<String> {
    let boot = machine.boot(&buffer.bytes);
    let differences = compare::differences(buffer, &boot);
    if differences.is_empty() {
        return None;
    }
    Some(format!(
        "== {} ({:?})\n  {}\n-- console\n{}",
        buffer.why,
        buffer.agreement,
        differences.join("\n  "),
        boot.console.trim_end()
    ))
}
