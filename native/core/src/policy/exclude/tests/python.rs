//! Python itself as the oracle.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What Python makes of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its message, and the position it points at, if it does.
    Refused(String, Option<usize>),
    /// For each name whether it matches; none where Python failed or took too long.
    Compiled(Vec<Option<bool>>),
}

/// Patterns, and names to try each of them on.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) patterns: Vec<String>,
    pub(super) names: Vec<Vec<u8>>,
}

/// What a Python 3.11 prints for a program and this input, after its version, of which the last number is
/// returned with it. None, and a line that says so, if there is no such Python.
pub(super) fn python(program: &str, input: &str) -> Option<(u32, String)> {
    for name in ["python3.11", "python3"] {
        let child = Command::new(name)
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else { continue };
        let mut stdin = child.stdin.take().unwrap();
        let text = input.to_owned();
        // It answers while it still reads. If it is another Python it ends before.
        let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let answer = String::from_utf8(output.stdout).unwrap();
        let (version, answer) = answer.split_once('\n').unwrap_or_default();
        if let Some(micro) = version.strip_prefix("[3, 11, ") {
            assert!(
                output.status.success(),
                "Python failed after {} bytes",
                answer.len()
            );
            let micro = micro.trim_end_matches(']').parse().unwrap();
            return Some((micro, answer.to_owned()));
        }
    }
    assert!(
        std::env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_none(),
        "no Python 3.11"
    );
    println!("skipped: no Python 3.11");
    None
}

/// Asks Python 3.11.
pub(super) fn ask(questions: &[Question]) -> Option<Vec<Vec<Verdict>>> {
    let mut input = String::new();
    for question in questions {
        let names: Vec<String> = question.names.iter().map(|name| hex(name)).collect();
        input += &json!({"patterns": question.patterns, "names": names}).to_string();
        input.push('\n');
    }
    let (micro, answer) = python(include_str!("oracle.py"), &input)?;
    let mut answers: Vec<Vec<Verdict>> = answer
        .lines()
        .map(|line| {
            let verdicts: Vec<Value> = serde_json::from_str(line).unwrap();
            verdicts.iter().map(verdict).collect()
        })
        .collect();
    assert_eq!(answers.len(), questions.len());
    if micro < POSSESSIVE_GROUPS_WORK_SINCE {
        let patterns = questions.iter().flat_map(|question| &question.patterns);
        for (pattern, verdict) in patterns.zip(answers.iter_mut().flatten()) {
            if let (Verdict::Compiled(matches), true) = (verdict, has_possessive_group(pattern)) {
                matches.fill(None);
            }
        }
    }
    Some(answers)
}

/// Before Python 3.11.5 a possessive repeat of a group could give a round back, or go on from the wrong place
/// (CPython, gh-106052).
const POSSESSIVE_GROUPS_WORK_SINCE: u32 = 5;

fn has_possessive_group(pattern: &str) -> bool {
    pattern.split(')').skip(1).any(|after| {
        let counts = |character: char| character.is_ascii_digit() || character == ',';
        let after_braces = after
            .strip_prefix('{')
            .map(|braces| braces.trim_start_matches(counts));
        after_braces
            .map_or_else(
                || after.strip_prefix(['*', '+', '?']),
                |braces| braces.strip_prefix('}'),
            )
            .is_some_and(|after| after.starts_with('+'))
    })
}

fn verdict(value: &Value) -> Verdict {
    match value {
        Value::Array(refused) => Verdict::Refused(
            refused[0].as_str().unwrap().to_owned(),
            refused[1].as_u64().map(|position| position as usize),
        ),
        compiled => {
            let matches = compiled["matches"].as_array().unwrap();
            Verdict::Compiled(matches.iter().map(Value::as_bool).collect())
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
