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

/// What a Python 3.11 prints for a program and this input. None, and a line that says so, if there is none.
pub(super) fn python(program: &str, input: &str) -> Option<String> {
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
        if output.status.success() && answer.starts_with("[3, 11]\n") {
            return Some(answer.split_once('\n').unwrap().1.to_owned());
        }
    }
    assert!(
        std::env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_none(),
        "no Python 3.11, or its program failed"
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
    let answer = python(include_str!("oracle.py"), &input)?;
    let answers: Vec<Vec<Verdict>> = answer
        .lines()
        .map(|line| {
            let verdicts: Vec<Value> = serde_json::from_str(line).unwrap();
            verdicts.iter().map(verdict).collect()
        })
        .collect();
    assert_eq!(answers.len(), questions.len());
    Some(answers)
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
