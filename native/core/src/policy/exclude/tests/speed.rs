//! Not a test of speed as such: prints it when asked to.

use std::time::Duration;

use crate::policy::exclude::{ExcludeLimits, ExcludePattern, ExcludeSet};

/// Patterns as they are found in the field: absolute paths with dots unescaped, `.*` tails, alternations.
pub(super) fn realistic_patterns(count: usize) -> Vec<ExcludePattern> {
    let directories = [
        "/var/log",
        "/var/cache/apt",
        "/tmp",
        "/run/user",
        "/opt/vendor",
        "/usr/share/doc",
        "/home",
    ];
    (0..count)
        .map(|number| {
            let directory = directories[number % directories.len()];
            let text = match number % 8 {
                0 => format!("{directory}/service{number}/.*"),
                1 => format!("^{directory}/app-{number}/data.bin$"),
                2 => format!("{directory}/(alpha|beta|gamma){number}/.*\\.log"),
                3 => format!("{directory}/[^/]+/cache{number}/.*"),
                4 => format!("{directory}/lib{number}.so(.*)?"),
                5 => format!("{directory}/.*/node_modules{number}/.*\\.js$"),
                6 => format!("{directory}/user[0-9]+/\\.config{number}/.*"),
                _ => format!("{directory}/python3\\.{number}/site-packages/.*\\.pyc?$"),
            };
            ExcludePattern::from(text.as_str())
        })
        .collect()
}

/// Names as measurement lists have them, some of which the patterns match.
pub(super) fn realistic_names(count: usize) -> Vec<Vec<u8>> {
    let directories = [
        "/usr/bin",
        "/usr/lib/x86_64-linux-gnu",
        "/var/log",
        "/usr/lib/python3/dist-packages/pkg",
        "/opt/vendor",
        "/usr/share/doc",
        "/home/user12/projects/thing",
        "/tmp",
        "/usr/lib/modules/6.1.0-13-amd64/kernel/drivers/net",
    ];
    (0..count)
        .map(|number| {
            let directory = directories[number % directories.len()];
            let rest = match number % 5 {
                0 => format!("service{}/file{number}.dat", number % 211),
                1 => format!("lib{}.so.6.0.{number}", number % 307),
                2 => format!("some/deeper/path/to/module_{number}.py"),
                3 => format!("alpha{}/x/y/{number}.log", number % 101),
                _ => format!("binary-{number}"),
            };
            format!("{directory}/{rest}").into_bytes()
        })
        .collect()
}

/// Time that this thread has run, whatever else the machine does.
fn thread_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap())
}

/// Prints how long each name takes.
fn measure(what: &str, patterns: Vec<ExcludePattern>, names: &[Vec<u8>]) {
    let start = thread_time();
    let set = ExcludeSet::new(patterns, &ExcludeLimits::default()).unwrap();
    let compiled = thread_time() - start;
    let mut best = u128::MAX;
    let mut found = 0;
    for _ in 0..5 {
        let start = thread_time();
        found = names
            .iter()
            .filter(|name| set.find(name).unwrap().is_some())
            .count();
        best = best.min((thread_time() - start).as_nanos() / names.len() as u128);
    }
    println!(
        "{what}: compiled in {compiled:?}, {best} ns a name, {found} of {} excluded",
        names.len()
    );
}

#[test]
#[ignore = "measures; run it in release mode with --nocapture"]
fn speed_of_200_patterns() {
    let names = realistic_names(200_000);
    let bytes: usize = names.iter().map(Vec::len).sum();
    println!("names have {} bytes on average", bytes / names.len());
    let made = |text: fn(usize) -> String| -> Vec<ExcludePattern> {
        (0..200).map(|number| text(number).as_str().into()).collect()
    };
    measure("no patterns", Vec::new(), &names);
    measure("as in the field", realistic_patterns(200), &names);
    measure(
        "paths alone",
        made(|number| format!("/opt/vendor/file{number}.dat")),
        &names,
    );
    measure(
        "anywhere in a path",
        made(|number| format!("/.*/service{number}/.*")),
        &names,
    );
    measure("ends of paths", made(|number| format!(".*\\.{number}$")), &names);
    measure(
        "without case",
        made(|number| format!("(?i:/opt/Vendor/file{number}/)")),
        &names,
    );
    measure(
        "word boundaries",
        made(|number| format!("/.*\\bmodule_{number}\\b")),
        &names,
    );
    measure(
        "one look-ahead",
        made(|number| {
            if number == 0 {
                "/usr/(?!bin/).*/module".to_owned()
            } else {
                format!("/opt/x{number}/")
            }
        }),
        &names,
    );
    measure(
        "look-ahead in all",
        made(|number| format!("/(?!usr/).*module_{number}")),
        &names,
    );
    let no_text: Vec<Vec<u8>> = names
        .iter()
        .take(20_000)
        .map(|name| [name, &b"\xff"[..]].concat())
        .collect();
    measure("names that are not UTF-8", realistic_patterns(200), &no_text);
}

#[test]
#[ignore = "measures; run it in release mode with --nocapture"]
fn memory_of_the_largest_sets() {
    let resident_mib = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() / 256
    };
    let sets: [(&str, usize, String); 3] = [
        ("word characters, counted", 5, r"/x\w{1,66}/y".to_owned()),
        ("paths", 20_000, format!("/opt{}", "/abcdefghi".repeat(4))),
        ("repeats of any character", 12, "/.{1,5000}/y".to_owned()),
    ];
    for (what, count, text) in sets {
        let before = resident_mib();
        let start = thread_time();
        let set = ExcludeSet::new(vec![text.as_str().into(); count], &ExcludeLimits::default());
        let compiled = thread_time() - start;
        let set = set.unwrap_or_else(|errors| panic!("{what}: {}", errors[0]));
        let start = thread_time();
        for name in realistic_names(1_000) {
            set.find(&name).unwrap();
        }
        let each = (thread_time() - start).as_nanos() / 1_000;
        println!(
            "{what}: {} MiB, compiled in {compiled:?}, {each} ns a name",
            resident_mib() - before
        );
    }
}
