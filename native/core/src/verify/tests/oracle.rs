//! Keylime's own code as the oracle of its rules, on lists of others and on lists with something wrong in them.
//!
//! `IMA_ASSAY_KEYLIME` names a virtual environment with Keylime; compared with 7.14.3.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64ct::{Base64, Encoding as _};

use super::*;
use crate::signature::{Keyring, Provenance};
use crate::testing::shared;

/// A list, and what a verifier is told about it.
#[derive(Clone, Default)]
struct Job {
    list: Vec<u8>,
    policy: Option<Value>,
    pcr: Option<Digest>,
    keys: Vec<Vec<u8>>,
    boot: Vec<Digest>,
    reports_violations: bool,
}

/// Entry and event in order; the entry is 0 for the list as a whole.
type Events = Vec<(u64, String)>;

/// What Keylime says of a list.
#[derive(Debug)]
struct Answer {
    events: Events,
    /// The value of PCR 10 after all the lines that it can read; none after an exception.
    value: Option<Digest>,
}

/// Asks Keylime. None, and a line that says so, where there is none.
fn ask(jobs: &[Job]) -> Option<Vec<Answer>> {
    let Some(directory) = std::env::var_os("IMA_ASSAY_KEYLIME").filter(|directory| !directory.is_empty())
    else {
        assert!(
            !crate::testing::must_not_skip(),
            "IMA_ASSAY_KEYLIME names no directory"
        );
        println!("skipped: IMA_ASSAY_KEYLIME names no directory");
        return None;
    };
    let mut python = Command::new(Path::new(&directory).join("bin/python"))
        .args(["-c", include_str!("oracle.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    let mut text = String::new();
    for job in jobs {
        let boot = (!job.boot.is_empty())
            .then(|| json!({"sha256": job.boot.iter().map(ToString::to_string).collect::<Vec<_>>()}));
        let keys: Vec<String> = job.keys.iter().map(|key| Base64::encode_string(key)).collect();
        let job = json!({
            "list": Base64::encode_string(&job.list),
            "policy": job.policy,
            "pcr": job.pcr.map(|value| value.to_string()),
            "bank": crate::measurement::bank_name(job.pcr.map_or(Algorithm::Sha256, |value| value.algorithm())),
            "keys": keys,
            "boot": boot,
            "tomtou": job.reports_violations,
        });
        text += &format!("{job}\n");
    }
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let answers = std::str::from_utf8(&output.stdout).unwrap().lines();
    let answers = answers.zip(jobs).map(|(answer, job)| {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let bank = job.pcr.map_or(Algorithm::Sha256, |value| value.algorithm());
        Answer {
            events: events_of(&answer),
            value: answer["value"]
                .as_str()
                .map(|value| Digest::from_hex(bank, value).unwrap()),
        }
    });
    Some(answers.collect())
}

fn events_of(answer: &Value) -> Events {
    let row = |row: &Value| (row[0].as_u64().unwrap(), row[1].as_str().unwrap().to_owned());
    let mut events: Events = answer["events"].as_array().unwrap().iter().map(row).collect();
    if !answer["raised"].is_null() {
        let (line, name) = row(&answer["raised"]);
        events.push((line, format!("exception.{name}")));
    }
    assert_eq!(answer["pass"] == true, events.is_empty());
    // What concerns the whole list comes last there, and first here.
    events.sort_by_key(|(line, _)| *line);
    events
}

/// What our rules say.
fn predict(job: &Job) -> Option<Events> {
    let set = match &job.policy {
        Some(policy) => PolicySet::new(vec![super::policy(policy)]),
        None => PolicySet::default(),
    };
    let options = Options {
        rules: Rules::Keylime,
        max_findings: usize::MAX,
        keylime_reports_violations: job.reports_violations,
        ..Options::default()
    };
    let mut evidence = Evidence::new(source(&job.list), &set);
    if let Some(value) = job.pcr {
        evidence.pcrs.insert(10, value).unwrap();
    }
    evidence.keys = Keyring::new();
    for key in &job.keys {
        evidence
            .keys
            .add(key, &Provenance::Given(b"key".to_vec()))
            .unwrap();
    }
    evidence.boot_aggregates.clone_from(&job.boot);
    let report = match verify(evidence, &options) {
        Ok(report) => report,
        Err(VerifyError::NothingToVerifyWith) => return None,
        // Not a list at all to us.
        Err(VerifyError::List(_)) => return None,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(report.keylime_verdict == Verdict::Pass, report.finding_count == 0);
    let events = report.findings.iter();
    Some(
        events
            .map(|finding| (finding.entry.unwrap_or(0), finding.event.unwrap().to_owned()))
            .collect(),
    )
}

/// Compares, and shows the first lists on which we are wrong.
fn compare(jobs: &[Job]) -> Vec<Answer> {
    let Some(answers) = ask(jobs) else {
        return Vec::new();
    };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (job, answer) in jobs.iter().zip(&answers) {
        let Some(prediction) = predict(job) else { continue };
        let mut answer = answer.events.clone();
        let mut prediction = prediction;
        // An entry on several lines is one to us and several to Keylime.
        if has_line_ends_in_names(&job.list) {
            answer
                .iter_mut()
                .chain(&mut prediction)
                .for_each(|(entry, _)| *entry = (*entry).min(1));
        }
        compared += 1;
        if prediction != answer {
            wrong.push((job, prediction, answer));
        }
    }
    println!("{compared} of {} lists compared", jobs.len());
    for (job, prediction, answer) in wrong.iter().take(10) {
        let is_other = |pair: &(&(u64, String), &(u64, String))| pair.0 != pair.1;
        println!(
            "{}\npolicy {:?}\npredicted {prediction:?}\nKeylime   {answer:?}\nfirst {:?}\n",
            String::from_utf8_lossy(&job.list[..job.list.len().min(3000)]),
            job.policy.as_ref().map(ToString::to_string),
            prediction.iter().zip(answer).find(is_other),
        );
    }
    assert!(wrong.is_empty(), "{} of {compared} lists", wrong.len());
    drop(wrong);
    answers
}

fn has_line_ends_in_names(list: &[u8]) -> bool {
    let Ok(mut reader) = crate::measurement::Reader::new(list, crate::measurement::Limits::default()) else {
        return false;
    };
    while let Ok(Some(item)) = reader.next() {
        if let crate::measurement::Item::Entry(entry) = item
            && entry.notes().line_ends_in_name > 0
        {
            return true;
        }
    }
    false
}

/// Lists that others made, in the ASCII form and of the bank that Keylime is given.
fn others() -> Vec<Vec<u8>> {
    let mut lists = Vec::new();
    for folder in ["vectors/ima-log", "corpus"] {
        let Some(root) = shared(folder) else { continue };
        let mut folders: Vec<_> = std::fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        folders.sort();
        for folder in folders {
            for name in ["ascii_runtime_measurements_sha1", "ascii_runtime_measurements"] {
                lists.extend(std::fs::read(folder.join(name)));
            }
        }
    }
    lists
}

/// The names and digests of a list's lines, for a policy.
fn measured(list: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(list);
    let columns = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mut measured = Vec::new();
    for columns in columns {
        if let [_, _, _, digest, name, ..] = columns[..] {
            let digest = digest.rsplit(':').next().unwrap();
            if digest.len() >= 40 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                measured.push((name.to_owned(), digest.to_lowercase()));
            }
        }
    }
    measured
}

#[test]
fn lists_of_others_are_judged_as_keylime_does() {
    let mut jobs = Vec::new();
    for list in others() {
        let mut all = serde_json::Map::new();
        for (name, digest) in measured(&list) {
            let digests = all.entry(name).or_insert(json!([]));
            digests.as_array_mut().unwrap().push(digest.into());
        }
        let all = Value::Object(all);
        for members in [
            json!({}),
            json!({"digests": all}),
            json!({"digests": all, "keyrings": all, "ima-buf": all}),
            json!({"excludes": [""]}),
            json!({"digests": all, "ima-buf": all, "ima": {"ignored_keyrings": ["*"], "log_hash_alg": "sha1", "dm_policy": null}}),
        ] {
            let policy = full_policy(&members);
            for reports_violations in [false, true] {
                jobs.push(Job {
                    list: list.clone(),
                    policy: Some(policy.clone()),
                    reports_violations,
                    ..Job::default()
                });
            }
            jobs.push(Job {
                list: list.clone(),
                policy: Some(policy),
                pcr: Some(hash(Algorithm::Sha256, b"never")),
                ..Job::default()
            });
        }
    }
    compare(&jobs);
}

/// Small numbers that look random and are always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}

#[test]
fn lists_with_something_wrong_are_judged_as_keylime_does() {
    let mut dice = Dice(0x5eed);
    let lists = others();
    if lists.is_empty() {
        return;
    }
    let pool: Vec<&[u8]> = lists
        .iter()
        .flat_map(|list| list.split(|&byte| byte == b'\n'))
        .filter(|line| !line.is_empty() && line.len() < 2000)
        .collect();
    let mut jobs = Vec::new();
    for _ in 0..3000 {
        let mut lines: Vec<Vec<u8>> = (0..1 + dice.below(8))
            .map(|_| dice.pick(&pool).to_vec())
            .collect();
        let sound = lines.join(&b'\n');
        for _ in 0..dice.below(4) {
            let index = dice.below(lines.len());
            damage(&mut lines[index], &mut dice);
        }
        let mut list = lines.join(&b'\n');
        if dice.below(8) > 0 {
            list.push(b'\n');
        }
        let mut digests = serde_json::Map::new();
        for (name, digest) in measured(&sound) {
            if dice.below(4) > 0 {
                let listed = digests.entry(name).or_insert(json!([]));
                listed.as_array_mut().unwrap().push(digest.into());
            }
        }
        let digests = Value::Object(digests);
        let mut members = json!({"digests": digests});
        if dice.below(2) == 0 {
            members["ima-buf"] = digests.clone();
        }
        if dice.below(2) == 0 {
            members["keyrings"] = digests.clone();
        }
        if dice.below(3) == 0 {
            members["excludes"] =
                json!([*dice.pick(&["/usr", "(?i)x", "boot", r"(/etc)\1", "/opt|/bin", "[a", ".ima"])]);
        }
        let policy = (dice.below(10) > 0).then(|| full_policy(&members));
        let start = [0; 32];
        jobs.push(Job {
            list,
            policy,
            pcr: (dice.below(3) == 0).then(|| match dice.below(2) {
                0 => Digest::new(Algorithm::Sha256, &start).unwrap(),
                _ => hash(Algorithm::Sha256, b"never"),
            }),
            reports_violations: dice.below(3) == 0,
            boot: if dice.below(5) == 0 {
                vec![list::boot()]
            } else {
                Vec::new()
            },
            ..Job::default()
        });
    }
    // The value that Keylime itself comes to has to be the one that we say it reaches.
    let values = compare(&jobs).into_iter().map(|answer| answer.value);
    let again = jobs.iter().zip(values).filter_map(|(job, value)| {
        Some(Job {
            pcr: Some(value?),
            ..job.clone()
        })
    });
    let again: Vec<_> = again.collect();
    let reached = compare(&again)
        .into_iter()
        .filter(|answer| answer.events.iter().all(|(line, _)| *line > 0));
    assert!(again.is_empty() || reached.count() == again.len());
}

#[test]
fn signatures_and_keys_are_judged_as_keylime_does() {
    let rows = signatures::rows().into_iter();
    let mut jobs: Vec<_> = rows
        .map(|row| Job {
            list: row.list.ascii(),
            policy: Some(full_policy(&row.members)),
            keys: if row.has_key {
                vec![signatures::certificate()]
            } else {
                Vec::new()
            },
            ..Job::default()
        })
        .collect();
    let without_policy: Vec<_> = jobs
        .iter()
        .map(|job| Job {
            policy: None,
            ..job.clone()
        })
        .collect();
    jobs.extend(without_policy);
    for (folder, keys) in [
        ("corpus/sig", &["vendor.der", "vendor2.pem"][..]),
        (
            "vectors/ima-log/sig-v2",
            &["rsa2048.cert.der", "ec256.cert.der", "ec384.pub.pem"],
        ),
        ("vectors/ima-log/sigv2-verity", &["rsa2048.cert.der"]),
        ("vectors/ima-log/mixed", &[]),
    ] {
        let Some(folder) = shared(folder) else { continue };
        let list = ["ascii_runtime_measurements", "ascii_runtime_measurements_sha1"]
            .iter()
            .find_map(|name| std::fs::read(folder.join(name)).ok())
            .unwrap();
        let keys: Vec<_> = keys
            .iter()
            .map(|name| std::fs::read(folder.join("keys").join(name)).unwrap())
            .collect();
        for members in [json!({}), json!({"excludes": ["/usr"]})] {
            jobs.push(Job {
                list: list.clone(),
                policy: Some(full_policy(&members)),
                keys: keys.clone(),
                ..Job::default()
            });
        }
    }
    compare(&jobs);
}

/// Does something to a line that a kernel would not.
fn damage(line: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(line.len().max(1));
    let mut columns: Vec<Vec<u8>> = line.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect();
    let last = columns.len() - 1;
    let column = dice.below(columns.len());
    match dice.below(16) {
        0 => {
            columns[0] = dice
                .pick(&["11", "010", " 10", "9", "24", "-1", "x", ""])
                .as_bytes()
                .to_vec()
        }
        1 if last >= 1 => columns[1] = b"f".repeat(40),
        2 if last >= 1 => columns[1] = b"0".repeat(40),
        3 if last >= 1 => columns[1] = b"0".repeat(*dice.pick(&[39, 64, 32, 38])),
        4 if last >= 2 => {
            columns[2] = dice
                .pick(&[
                    "ima",
                    "ima-ng",
                    "ima-sig",
                    "ima-buf",
                    "ima-ngv2",
                    "d-ng|n-ng",
                    "zz",
                ])
                .as_bytes()
                .to_vec();
        }
        5 => columns[column].make_ascii_uppercase(),
        6 => columns.insert(column, Vec::new()),
        7 => {
            columns.remove(column);
        }
        8 => columns[column].push(b'\r'),
        9 => columns[last].extend_from_slice("\u{e9}".as_bytes()),
        10 => columns[last].push(0xff),
        11 => columns[column].insert(0, b':'),
        12 => columns[column].push(b'\t'),
        13 => columns[last] = Vec::new(),
        14 => {
            line.truncate(at);
            return;
        }
        _ => {
            if let Some(byte) = line.get_mut(at) {
                *byte = *dice.pick(b"0a:/ \r\x00x");
            }
            return;
        }
    }
    *line = columns.join(&b' ');
}
