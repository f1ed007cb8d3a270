//! Lists that others made, with what a right reader finds in them.

mod entries;
mod malformed;
mod replays;

use serde_json::Value;

use super::*;

/// A list of the collection, and what is known of it.
struct List {
    name: String,
    case: Value,
    bytes: Vec<u8>,
    form: Form,
    /// As TPMs name it, or `tpm_alg_27`.
    bank: String,
}

impl List {
    fn entries(&self) -> &[Value] {
        self.case["entries"].as_array().unwrap()
    }

    /// Whether a template hash is wrong, in this bank or another.
    fn has_wrong_hashes(&self) -> bool {
        self.entries()
            .iter()
            .any(|entry| entry.get("templateHashWrongIn").is_some())
    }

    fn is_padded(&self) -> bool {
        self.bank.starts_with("tpm_alg")
    }

    /// Whether the case has a list like this one in that form and bank.
    fn sibling<'a>(&self, lists: &'a [Self], form: Form, bank: &str) -> Option<&'a Self> {
        lists.iter().find(|list| {
            list.case["id"] == self.case["id"]
                && list.form == form
                && list.bank == bank
                && !list.name.ends_with("3.13")
        })
    }
}

/// All sound lists of the collection.
fn lists() -> Vec<List> {
    let mut lists = Vec::new();
    for (folder, case) in cases("vectors/ima-log") {
        for file in case["files"].as_array().unwrap() {
            let path = file["path"].as_str().unwrap();
            let form = match file["kind"].as_str().unwrap() {
                "ascii" => Form::Ascii,
                "binary" => Form::Binary,
                _ => continue,
            };
            if path.contains('/') || file.get("part").is_some() || path.ends_with("with_tail") {
                continue;
            }
            lists.push(List {
                name: format!("{}/{path}", folder.file_name().unwrap().display()),
                bytes: fs::read(folder.join(path)).unwrap(),
                form,
                bank: file["bank"].as_str().unwrap().to_owned(),
                case: case.clone(),
            });
        }
    }
    lists
}
