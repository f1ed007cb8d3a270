//! Programs that tests compare with or make their inputs with.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

/// Runs a tool with bytes on standard input. `None`, and a line that says so, where it is not installed.
pub(crate) fn run(command: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if std::env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_some() => panic!("{command}: {error}"),
        Err(_) => {
            eprintln!("skipped: {command} not installed");
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    assert!(
        output.status.success(),
        "{command} {arguments:?}: {}",
        output.status
    );
    Some(output.stdout)
}
