//! Not a test of speed as such: prints it when asked to.

use std::time::Instant;

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

#[test]
#[ignore = "measures; run it in release mode with --nocapture"]
fn speed_of_200_patterns() {
    let patterns = realistic_patterns(200);
    let names = realistic_names(200_000);
    let bytes: usize = names.iter().map(Vec::len).sum();
    let start = Instant::now();
    let set = ExcludeSet::new(patterns, &ExcludeLimits::default()).unwrap();
    println!(
        "compiled in {:?}; names have {} bytes on average",
        start.elapsed(),
        bytes / names.len()
    );
    for round in 0..3 {
        let start = Instant::now();
        let found = names
            .iter()
            .filter(|name| set.find(name).unwrap().is_some())
            .count();
        let each = start.elapsed().as_nanos() / names.len() as u128;
        println!(
            "round {round}: {each} ns a name, {found} of {} excluded",
            names.len()
        );
    }
}
