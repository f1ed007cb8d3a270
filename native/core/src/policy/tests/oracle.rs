//! Comparison with Keylime's own validator, converter and lookup.
//!
//! `IMA_ASSAY_KEYLIME` names a virtual environment made by `.ci/setup-keylime`; compared with Keylime 7.14.3.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ima_assay_digest::{decode_hex, encode_hex};
use serde_json::{Value, json};

use super::{HELLO, HELLO_SHA1, WORLD, load, policy_with};
use crate::policy::{
    KeylimeAnswer, KeylimeStanding, Policy, ReadOptions, Section, Shape, SignatureStatus, read,
};
use crate::signature::{Envelope, EnvelopeSignature, RUNTIME_POLICY_TYPE};

/// Reads a JSON array of cases, answers with an array: for each case whether the policy is taken, and what each of
/// its questions is answered. A flat or JSON allowlist goes through the converter first.
const PROGRAM: &str = r#"
import json, os, sys, tempfile
answers_to = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from keylime.cmd import convert_runtime_policy
from keylime.ima import ast, ima

def converted(text):
    with tempfile.NamedTemporaryFile("wb") as file:
        file.write(text)
        file.flush()
        return convert_runtime_policy.convert_legacy_allowlist(file.name)

def answer(policy, section, name, digest):
    digest, name = ast.Digest("x:" + digest), ast.Name(name)
    try:
        failure = ima._validate_ima_ng(None, policy, digest, name, section)
    except (KeyError, AttributeError, TypeError):
        return "exception"
    return failure.events[0].event_id if failure else "listed"

def judge(case):
    text = case["text"].encode("utf-8", "surrogatepass")
    try:
        policy = converted(text) if case["convert"] else ima.deserialize_runtime_policy(text.decode())
    except BaseException:
        return {"taken": False, "answers": None}
    try:
        ima.validate_runtime_policy(policy)
        taken = True
    except ima.ImaValidationError:
        taken = False
    answers = [answer(policy, *question) for question in case["questions"]]
    return {"taken": taken, "answers": answers}

json.dump([judge(case) for case in json.load(sys.stdin)], answers_to)
answers_to.flush()
"#;

/// The directory with Keylime. None, and a line that says so, where there is none.
fn keylime() -> Option<OsString> {
    match std::env::var_os("IMA_ASSAY_KEYLIME").filter(|directory| !directory.is_empty()) {
        Some(directory) => Some(directory),
        None if std::env::var_os("IMA_ASSAY_REQUIRE_TOOLS").is_some() => {
            panic!("IMA_ASSAY_KEYLIME names no directory")
        }
        None => {
            println!("skipped: IMA_ASSAY_KEYLIME names no directory of .ci/setup-keylime");
            None
        }
    }
}

fn ask(directory: &OsString, cases: &Value) -> Value {
    let mut python = Command::new(Path::new(directory).join("bin/python"))
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    let text = cases.to_string();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_envelope_of_keylimes_signer_is_taken_apart() {
    let Some(directory) = keylime() else { return };
    let program = r#"
import json, sys
from cryptography.hazmat.primitives.asymmetric import ec
from keylime.dsse import dsse, ecdsa
signer = ecdsa.Signer(ec.generate_private_key(ec.SECP256R1()))
payload = sys.argv[1].encode()
envelope = dsse.Sign("application/vnd.keylime+json", payload, signer)
signature = json.loads(envelope)["signatures"][0]
print(json.dumps([envelope, signature["keyid"], dsse.b64dec(signature["sig"]).hex()]))
"#;
    let text = policy_with("", "");
    let output = Command::new(Path::new(&directory).join("bin/python"))
        .args(["-c", program, &text])
        .output()
        .unwrap();
    let answer: [String; 3] = serde_json::from_slice(&output.stdout).unwrap();
    let [envelope, key_id, signature] = answer;
    let check = |envelope: &Envelope| {
        assert_eq!(envelope.payload_type, RUNTIME_POLICY_TYPE);
        assert_eq!(envelope.payload, text.as_bytes());
        let expected = EnvelopeSignature {
            key_id: Some(key_id.clone()),
            signature: decode_hex(signature.as_bytes()).unwrap(),
        };
        assert_eq!(envelope.signatures, [expected]);
        SignatureStatus::Verified
    };
    let options = ReadOptions {
        check_signatures: Some(&check),
        ..ReadOptions::default()
    };
    let policy = read(envelope.as_bytes(), b"file", &options).unwrap();
    assert_eq!(policy.signature(), SignatureStatus::Verified);
    assert_eq!(policy.validate(9).problems, []);
}

/// Policies with every kind of value at every key.
fn policies() -> Vec<String> {
    let mut texts = vec![
        policy_with("", ""),
        "{}".to_owned(),
        "[]".to_owned(),
        "\"x\"".to_owned(),
        "{\"digests\": {}}".to_owned(),
        format!("{{\"hashes\": {{\"/a\": [\"{HELLO}\"]}}}}"),
        format!("\u{feff}{}", policy_with("", "")),
        format!(" \n{}\n", policy_with("", "")),
        format!("{},", policy_with("", "")),
        policy_with("release", "0, \"unknown\": {\"x\": [1e999, \"\\ud800\"]}"),
        policy_with("release", "0, \"exclude\": [\"(\"]"),
        policy_with("release", "0, \"payload\": \"\""),
        policy_with("excludes", "[\"(\", \"\"]"),
        policy_with("excludes", "[\"a\", null]"),
        policy_with(
            "meta",
            "{\"version\": 1, \"generator\": 3, \"timestamp\": 5, \"x\": 1}",
        ),
        policy_with(
            "meta",
            "{\"version\": 1, \"generator\": 3, \"timestamp\": \"\", \"x\": 1}",
        ),
        policy_with("meta", "{\"version\": 1}"),
        policy_with("ima", "{\"ignored_keyrings\": [], \"log_hash_alg\": \"sha1\"}"),
        policy_with("ima", "{\"ignored_keyrings\": [], \"dm_policy\": null}"),
        policy_with("ima.ignored_keyrings", "[\"*\", 1]"),
        policy_with("ima.ignored_keyrings", "[\"*\"]"),
    ];
    let keys = [
        "meta",
        "meta.version",
        "meta.generator",
        "release",
        "digests",
        "excludes",
        "keyrings",
        "ima",
        "ima.ignored_keyrings",
        "ima.log_hash_alg",
        "ima.dm_policy",
        "ima-buf",
        "verification-keys",
    ];
    let values = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "2",
        "3",
        "4",
        "-1",
        "-0",
        "1.0",
        "0.5",
        "2.0",
        "-1.0",
        "1e0",
        "1e30",
        "1e999",
        "100000000000000000000000000",
        "\"\"",
        "\"x\"",
        "\"1\"",
        "[]",
        "[1]",
        "[\"x\"]",
        "{}",
        "{\"a\": 1}",
        "{\"a\": []}",
        "{\"a\": [\"x\"]}",
        "{\"a\": \"x\"}",
        "{\"\": [[]]}",
    ];
    for key in keys {
        texts.extend(values.iter().map(|value| policy_with(key, value)));
    }
    for algorithm in [
        "sha1", "sha256", "sha384", "sha512", "sm3_256", "SHA1", "md5", "sha1\\n",
    ] {
        texts.push(policy_with("ima.log_hash_alg", &format!("\"{algorithm}\"")));
    }
    let digests = [
        HELLO.to_owned(),
        HELLO_SHA1.to_owned(),
        HELLO.to_uppercase(),
        format!("sha256:{HELLO}"),
        format!("{HELLO}\\n"),
        format!("{HELLO}\\n\\n"),
        format!("{HELLO}\\r\\n"),
        format!(" {HELLO}"),
        format!("{HELLO}0"),
        HELLO[..39].to_owned(),
        HELLO[..40].to_owned(),
        HELLO[..41].to_owned(),
        format!("{}\\n", &HELLO[..39]),
        "0".repeat(127),
        "0".repeat(128),
        "0".repeat(129),
        format!("{}\\n", "0".repeat(128)),
        format!("{}g", &HELLO[..40]),
        format!("{}\\u0661", &HELLO[..40]),
        "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
    ];
    for digest in &digests {
        for section in ["digests", "keyrings", "ima-buf"] {
            texts.push(policy_with(section, &format!("{{\"/a\": [\"{digest}\"]}}")));
        }
        texts.push(policy_with(
            "digests",
            &format!("{{\"/a\": [\"{WORLD}\", \"{digest}\", \"{WORLD}\"]}}"),
        ));
        texts.push(policy_with(
            "digests",
            &format!("{{\"/a\": [\"{digest}\"], \"/a\": [\"{WORLD}\"]}}"),
        ));
        texts.push(policy_with(
            "digests",
            &format!("{{\"/a\": [\"{WORLD}\"], \"/a\": [\"{digest}\"]}}"),
        ));
    }
    let keyrings = [
        "{}",
        "[]",
        "x",
        "\"{}\"",
        "{\"keyids\": [], \"pubkeys\": []}",
        "{\"keyids\": [1, 2.0, -3], \"pubkeys\": [\"!\"]}",
        "{\"keyids\": [1.5], \"pubkeys\": []}",
        "{\"keyids\": [true], \"pubkeys\": []}",
        "{\"keyids\": [null], \"pubkeys\": []}",
        "{\"keyids\": {}, \"pubkeys\": []}",
        "{\"keyids\": [], \"pubkeys\": [1]}",
        "{\"keyids\": []}",
        "{\"pubkeys\": []}",
        "{\"keyids\": [], \"pubkeys\": [], \"x\": 1}",
        "{\"keyids\": [], \"pubkeys\": [], \"meta\": {}}",
        "{\"keyids\": [], \"pubkeys\": [], \"meta\": null}",
        "{\"keyids\": [], \"pubkeys\": [], \"meta\": {\"version\": 1}}",
        "{\"keyids\": [], \"pubkeys\": [], \"meta\": {\"version\": 1.0, \"x\": 1}}",
        "{\"keyids\": [], \"pubkeys\": [], \"meta\": {\"version\": 0}}",
        "{\"keyids\": [], \"pubkeys\": [], \"meta\": {\"version\": \"1\"}}",
        "{\"keyids\": 1, \"keyids\": [], \"pubkeys\": []}",
        "{\"keyids\": [], \"keyids\": 1, \"pubkeys\": []}",
        "{\"keyids\": [], \"pubkeys\": []} x",
        " ",
    ];
    texts.extend(keyrings.map(|keyring| policy_with("verification-keys", &json!(keyring).to_string())));
    texts
}

#[test]
fn keylime_takes_what_is_said_to_be_taken_and_refuses_the_rest() {
    let Some(directory) = keylime() else { return };
    let texts = policies();
    let cases: Vec<Value> = texts
        .iter()
        .map(|text| json!({"text": text, "convert": false, "questions": []}))
        .collect();
    let answers = ask(&directory, &json!(cases));
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), texts.len());
    let mut taken = 0;
    for (text, answer) in texts.iter().zip(answers) {
        let ours = load(text).is_ok_and(|policy| policy.keylime().standing() == KeylimeStanding::Taken);
        assert_eq!(
            answer["taken"],
            ours,
            "{text}: {:?}",
            load(text).map(|policy| policy.validate(9))
        );
        taken += usize::from(ours);
    }
    assert!(taken > 50 && taken < texts.len() - 200, "{taken}");
}

fn answer(policy: &Policy, section: Section, name: &str, digest: &[u8]) -> &'static str {
    match policy.keylime().answer(section, name.as_bytes(), digest) {
        KeylimeAnswer::Listed => "listed",
        KeylimeAnswer::OtherDigest => "ima.validation.ima-ng.runtime_policy_hash",
        KeylimeAnswer::NotListed => "ima.validation.ima-ng.not_in_allowlist",
        KeylimeAnswer::Exception => "exception",
    }
}

#[test]
fn keylime_finds_what_its_view_finds() {
    let Some(directory) = keylime() else { return };
    let upper = HELLO.to_uppercase();
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    let json = policy_with(
        "digests",
        &format!(
            "{{\"/a\": [\"{HELLO}\", \"{HELLO_SHA1}\"], \"/upper\": [\"{upper}\"], \"/named\": [\"sha256:{HELLO}\"], \
             \"/feed\": [\"{HELLO}\\n\"], \"/empty\": [], \"/junk\": [\"x\"], \"/md5\": [\"{md5}\"], \
             \"/odd\": [\"{HELLO}0\"], \"/a b\": [\"{HELLO}\"], \"/twice\": [\"{HELLO}\"], \"/twice\": [\"{WORLD}\"], \
             \"/caf\\u00e9\": [\"{HELLO}\"], \"\": [\"{HELLO}\"]}}"
        ),
    );
    let keys = format!("{{\".ima\": [\"{WORLD}\"]}}");
    let flat = format!(
        "{HELLO}  /a\n{HELLO_SHA1}\t/a\n{upper}  /upper\nsha256:{HELLO}  /named\n{HELLO} */star\n{HELLO} *star\n\
         \\{HELLO}  /esc\\\\aped\n{md5}  /md5\n{HELLO}  /a b\n{WORLD} %keyring:.ima\n{HELLO}  /twice\n{WORLD}  /twice\n\
         {HELLO}  /crlf\r\n   {HELLO}   /caf\u{e9}"
    );
    let good = format!("{HELLO}  /a\n{WORLD} %keyring:.ima\n{HELLO}  /a b\n{HELLO} */star\n");
    let old = format!(
        "{{\"hashes\": {{\"/a\": [\"{HELLO}\"], \"/upper\": [\"{upper}\"]}}, \"keyrings\": {keys}, \"ima\": null}}"
    );
    let old_with = |rest: &str| format!("{{\"hashes\": {{\"/a\": [\"{HELLO}\"]}}{rest}}}");
    let texts = [
        (json.clone(), false),
        (
            json.replace("\"keyrings\": {}", &format!("\"keyrings\": {keys}")),
            false,
        ),
        (json.replace("\"keyrings\": {}", "\"keyrings\": null"), false),
        (format!("{{\"digests\": {{\"/a\": [\"{HELLO}\"]}}}}"), false),
        (flat.clone(), true),
        (flat.replace('\n', "\n\n"), true),
        (good.clone(), true),
        (format!("\u{feff}{good}"), true),
        (old, true),
        (old_with(""), true),
        (
            old_with(", \"ima\": {}, \"excludes\": [], \"release\": 0, \"meta\": {\"version\": \"x\"}"),
            true,
        ),
        (old_with(", \"ima\": {\"ignored_keyrings\": [\".ima\"]}"), true),
        (old_with(", \"release\": \"x\""), true),
        (old_with(", \"ima-buf\": {\"x\": []}"), true),
        ("{\"hashes\": {}}".to_owned(), true),
    ];
    let names = [
        "/a",
        "/upper",
        "/named",
        "/feed",
        "/empty",
        "/junk",
        "/md5",
        "/odd",
        "/a b",
        "/a_b",
        "/twice",
        "/caf\u{e9}",
        "",
        "/star",
        "star",
        "/esc\\aped",
        "/crlf",
        ".ima",
        "%keyring:.ima",
        "/none",
    ];
    let digests: Vec<Vec<u8>> = [HELLO, HELLO_SHA1, WORLD, md5]
        .iter()
        .map(|hex| decode_hex(hex.as_bytes()).unwrap())
        .collect();
    let mut questions = Vec::new();
    for section in Section::ALL {
        for name in names {
            questions.extend(digests.iter().map(|digest| (section, name, digest)));
        }
    }
    let asked: Vec<Value> = questions
        .iter()
        .map(|(section, name, digest)| {
            let mut hex = Vec::new();
            encode_hex(digest, &mut hex);
            json!([section.key(), name, String::from_utf8(hex).unwrap()])
        })
        .collect();
    let cases: Vec<Value> = texts
        .iter()
        .map(|(text, convert)| json!({"text": text, "convert": convert, "questions": asked}))
        .collect();
    let answers = ask(&directory, &json!(cases));
    for ((text, _), theirs) in texts.iter().zip(answers.as_array().unwrap()) {
        let policy = load(text).unwrap();
        let is_taken = policy.keylime().standing() != KeylimeStanding::Refused;
        assert_eq!(theirs["taken"], is_taken, "{text}: {:?}", policy.validate(9));
        // A byte order mark spoils the first digest, and the policy is refused for it anyway.
        let answers = theirs["answers"].as_array();
        let Some(answers) = answers.filter(|_| !text.starts_with('\u{feff}')) else {
            continue;
        };
        for ((section, name, digest), theirs) in questions.iter().zip(answers) {
            // IMA writes no blank; a flat list's rows are spelled as IMA does, and Keylime's are not.
            if name.contains(' ') && policy.shape() == Shape::FlatAllowlist {
                continue;
            }
            let ours = answer(&policy, *section, name, digest);
            assert_eq!(theirs, ours, "{section:?} {name:?} {digest:02x?} in {text}");
        }
    }
}
