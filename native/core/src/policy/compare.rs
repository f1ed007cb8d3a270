//! What differs between two policies.

use std::collections::BTreeSet;
use std::iter::Peekable;

use ima_assay_digest::hex;
use serde_json::{Value, json};

use super::compose::Composed;
use super::loaded::Section;
use crate::allowlist::{Allowlist, Listed};
use crate::path::Escaped;

/// What became of a name or a value from the left to the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Only the right one has it.
    Added,
    /// Only the left one has it.
    Removed,
    /// Both have the name, with other digests.
    Changed,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything, of two policies.
    Everything,
    /// Digests of files, since one side is an image. For a path that both have, only digests of algorithms that
    /// both have count.
    Files,
}

/// A name whose digests differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameDifference<'a> {
    /// Which map it is in.
    pub section: Section,
    /// The path, keyring or buffer.
    pub name: &'a [u8],
    /// What became of it.
    pub change: Change,
    /// Digests that only the left one lists for it.
    pub removed: Vec<&'a [u8]>,
    /// Digests that only the right one lists for it.
    pub added: Vec<&'a [u8]>,
}

/// A setting, or an item of a list of settings, that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDifference {
    /// The key, as `ima.log_hash_alg`.
    pub key: &'static str,
    /// The value or item that only the left one has.
    pub removed: Option<String>,
    /// The value or item that only the right one has.
    pub added: Option<String>,
}

/// What differs between two policies. Timestamps and generators do not count: they say who wrote a policy, and
/// when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences<'a> {
    /// In the order of the sections, then bytewise by name.
    pub names: Vec<NameDifference<'a>>,
    /// In the order of a policy's keys.
    pub settings: Vec<SettingDifference>,
}

/// Compares two policies, in time that grows with their sizes.
#[must_use]
pub fn compare<'a>(left: &'a Composed, right: &'a Composed, scope: Scope) -> Differences<'a> {
    let mut differences = Differences::default();
    let sections: &[Section] = match scope {
        Scope::Everything => &Section::ALL,
        Scope::Files => &[Section::Digests],
    };
    for &section in sections {
        let (left, right) = (left.section(section), right.section(section));
        compare_names(section, left, right, scope, &mut differences.names);
    }
    if scope == Scope::Everything {
        differences.settings = compare_settings(left, right);
    }
    differences
}

fn compare_names<'a>(
    section: Section,
    left: &'a Allowlist,
    right: &'a Allowlist,
    scope: Scope,
    out: &mut Vec<NameDifference<'a>>,
) {
    let mut left = left.rows().peekable();
    let mut right = right.rows().peekable();
    let (mut old, mut new) = (Vec::new(), Vec::new());
    loop {
        let name = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(row), None) | (None, Some(row)) => row.path,
            (Some(one), Some(other)) => one.path.min(other.path),
        };
        take(&mut left, name, &mut old);
        take(&mut right, name, &mut new);
        let change = match (old.is_empty(), new.is_empty()) {
            (true, _) => Change::Added,
            (_, true) => Change::Removed,
            _ => Change::Changed,
        };
        if scope == Scope::Files && change == Change::Changed {
            let lengths = |digests: &[&[u8]]| digests.iter().map(|digest| digest.len()).collect();
            let (in_old, in_new): (BTreeSet<usize>, BTreeSet<usize>) = (lengths(&old), lengths(&new));
            if !in_old.is_disjoint(&in_new) {
                old.retain(|digest| in_new.contains(&digest.len()));
                new.retain(|digest| in_old.contains(&digest.len()));
            }
        }
        if old != new {
            let without = |digests: &[&'a [u8]], others: &[&'a [u8]]| {
                let is_other = |digest: &&[u8]| others.binary_search(digest).is_err();
                digests.iter().copied().filter(is_other).collect()
            };
            out.push(NameDifference {
                section,
                name,
                change,
                removed: without(&old, &new),
                added: without(&new, &old),
            });
        }
    }
}

/// The digests of the rows that begin with this name, sorted and unique.
fn take<'a>(rows: &mut Peekable<impl Iterator<Item = Listed<'a>>>, name: &[u8], out: &mut Vec<&'a [u8]>) {
    out.clear();
    while let Some(row) = rows.next_if(|row| row.path == name) {
        out.push(row.digest);
    }
    out.sort_unstable();
    out.dedup();
}

fn compare_settings(left: &Composed, right: &Composed) -> Vec<SettingDifference> {
    let mut differences = Vec::new();
    let mut value = |key, one: String, other: String| {
        if one != other {
            differences.push(SettingDifference {
                key,
                removed: Some(one),
                added: Some(other),
            });
        }
    };
    value("release", left.release().to_string(), right.release().to_string());
    value(
        "ima.log_hash_alg",
        left.log_hash_algorithm().to_owned(),
        right.log_hash_algorithm().to_owned(),
    );
    let mut list = |key, one: BTreeSet<String>, other: BTreeSet<String>| {
        let removed = one.difference(&other).map(|item| SettingDifference {
            key,
            removed: Some(item.clone()),
            added: None,
        });
        let added = other.difference(&one).map(|item| SettingDifference {
            key,
            removed: None,
            added: Some(item.clone()),
        });
        differences.extend(removed.chain(added));
    };
    let excludes = |policy: &Composed| policy.excludes().map(str::to_owned).collect();
    list("excludes", excludes(left), excludes(right));
    let ignored = |policy: &Composed| policy.ignored_keyrings().map(str::to_owned).collect();
    list("ima.ignored_keyrings", ignored(left), ignored(right));
    let keys = |policy: &Composed| policy.key_ids().map(|id| format!("{id:08x}")).collect();
    list("verification-keys", keys(left), keys(right));
    differences
}

/// How differences are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffFace {
    /// A line each, for people.
    Text {
        /// With ANSI colours.
        is_coloured: bool,
    },
    /// `{"schemaVersion":1,"isSame":…,"counts":{…},"names":[…],"settings":[…]}`.
    Json,
}

impl Differences<'_> {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.settings.is_empty()
    }

    /// How many names became so.
    #[must_use]
    pub fn count(&self, change: Change) -> usize {
        self.names
            .iter()
            .filter(|difference| difference.change == change)
            .count()
    }

    /// Shows them; `left` and `right` are what the policies are called.
    #[must_use]
    pub fn show(&self, left: &[u8], right: &[u8], face: DiffFace) -> Vec<u8> {
        match face {
            DiffFace::Json => self.to_json(),
            DiffFace::Text { is_coloured } => self.to_text(left, right, is_coloured),
        }
    }

    fn to_text(&self, left: &[u8], right: &[u8], is_coloured: bool) -> Vec<u8> {
        let mut text = Text {
            out: String::new(),
            is_coloured,
        };
        if self.is_empty() {
            return b"no differences\n".to_vec();
        }
        text.line(Style::Removed, &format!("--- {}", Escaped(left)));
        text.line(Style::Added, &format!("+++ {}", Escaped(right)));
        for difference in &self.names {
            let name = match difference.section {
                Section::Digests => Escaped(difference.name).to_string(),
                section => format!("{} {}", section.key(), Escaped(difference.name)),
            };
            for digest in &difference.removed {
                text.line(Style::Removed, &format!("- {}  {name}", hex(digest)));
            }
            for digest in &difference.added {
                text.line(Style::Added, &format!("+ {}  {name}", hex(digest)));
            }
        }
        for SettingDifference { key, removed, added } in &self.settings {
            let shown = |value: &str| Escaped(value.as_bytes()).to_string();
            if let Some(value) = removed {
                text.line(Style::Removed, &format!("- {key}: {}", shown(value)));
            }
            if let Some(value) = added {
                text.line(Style::Added, &format!("+ {key}: {}", shown(value)));
            }
        }
        let [added, removed, changed] =
            [Change::Added, Change::Removed, Change::Changed].map(|change| self.count(change));
        let settings = self.settings.len();
        text.line(
            Style::Plain,
            &format!(
                "{added} added, {removed} removed, {changed} changed; {settings} differences in settings"
            ),
        );
        text.out.into_bytes()
    }

    fn to_json(&self) -> Vec<u8> {
        let names = self.names.iter().map(|difference| {
            let mut name = json!({
                "section": difference.section.key(),
                "name": String::from_utf8_lossy(difference.name),
                "change": match difference.change {
                    Change::Added => "added",
                    Change::Removed => "removed",
                    Change::Changed => "changed",
                },
                "removed": difference.removed.iter().map(|digest| hex(digest)).collect::<Vec<_>>(),
                "added": difference.added.iter().map(|digest| hex(digest)).collect::<Vec<_>>(),
            });
            if let (Some(members), Err(_)) = (name.as_object_mut(), std::str::from_utf8(difference.name)) {
                members.insert("name:bytes".to_owned(), hex(difference.name).into());
            }
            name
        });
        let settings = self.settings.iter().map(|difference| {
            json!({"key": difference.key, "removed": difference.removed, "added": difference.added})
        });
        let mut text = json!({
            "schemaVersion": 1,
            "isSame": self.is_empty(),
            "counts": {
                "added": self.count(Change::Added),
                "removed": self.count(Change::Removed),
                "changed": self.count(Change::Changed),
                "settings": self.settings.len(),
            },
            "names": names.collect::<Value>(),
            "settings": settings.collect::<Value>(),
        })
        .to_string()
        .into_bytes();
        text.push(b'\n');
        text
    }
}

#[derive(Clone, Copy)]
enum Style {
    Plain,
    Added,
    Removed,
}

struct Text {
    out: String,
    is_coloured: bool,
}

impl Text {
    fn line(&mut self, style: Style, line: &str) {
        let (begin, end) = match style {
            _ if !self.is_coloured => ("", ""),
            Style::Plain => ("", ""),
            Style::Added => ("\u{1b}[32m", "\u{1b}[0m"),
            Style::Removed => ("\u{1b}[31m", "\u{1b}[0m"),
        };
        for piece in [begin, line, end, "\n"] {
            self.out.push_str(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::compose::{Choices, Draft};
    use crate::policy::tests::{HELLO, HELLO_SHA1, WORLD, load};

    fn composed(text: &str) -> Composed {
        let mut draft = Draft::new(Choices::default());
        draft.add_policy(&load(text).unwrap()).unwrap();
        draft.finish()
    }

    #[test]
    fn names_are_added_removed_or_changed() {
        let left = composed(&format!(
            "{HELLO}  /a\n{HELLO}  /b\n{HELLO}  /d\n{WORLD}  %keyring:.ima\n"
        ));
        let right = composed(&format!("{HELLO}  /a\n{WORLD}  /b\n{HELLO}  /b\n{HELLO}  /c\n"));
        let differences = compare(&left, &right, Scope::Everything);
        let shown: Vec<_> = differences
            .names
            .iter()
            .map(|difference| {
                (
                    difference.name,
                    difference.change,
                    difference.removed.len(),
                    difference.added.len(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (&b"/b"[..], Change::Changed, 0, 1),
                (b"/c", Change::Added, 0, 1),
                (b"/d", Change::Removed, 1, 0),
                (b".ima", Change::Removed, 1, 0),
            ]
        );
        let plain = DiffFace::Text { is_coloured: false };
        assert_eq!(
            String::from_utf8(differences.show(b"old", b"new\n", plain)).unwrap(),
            format!(
                "--- old\n+++ new\\n\n+ {WORLD}  /b\n+ {HELLO}  /c\n- {HELLO}  /d\n- {WORLD}  keyrings .ima\n\
                 1 added, 2 removed, 1 changed; 0 differences in settings\n"
            )
        );
        let back = compare(&right, &left, Scope::Everything);
        assert_eq!(back.count(Change::Added), 2, "the other way round");
        assert!(compare(&left, &left, Scope::Everything).is_empty());
    }

    #[test]
    fn settings_count_between_policies_and_not_against_an_image() {
        let policy = |excludes: &str, algorithm: &str| {
            composed(&format!(
                "{{\"digests\": {{}}, \"release\": 3, \"excludes\": {excludes}, \
                 \"ima\": {{\"ignored_keyrings\": [\"x\"], \"log_hash_alg\": \"{algorithm}\"}}}}"
            ))
        };
        let (left, right) = (
            policy("[\"/a\", \"/b\"]", "sha1"),
            policy("[\"/b\", \"/c\"]", "sha256"),
        );
        let differences = compare(&left, &right, Scope::Everything);
        let keys: Vec<_> = differences
            .settings
            .iter()
            .map(|difference| difference.key)
            .collect();
        assert_eq!(keys, ["ima.log_hash_alg", "excludes", "excludes"]);
        assert!(compare(&left, &right, Scope::Files).is_empty());
        let json: Value = serde_json::from_slice(&differences.show(b"", b"", DiffFace::Json)).unwrap();
        assert_eq!(
            json["settings"][1],
            json!({"key": "excludes", "removed": "/a", "added": null})
        );
    }

    #[test]
    fn against_an_image_only_common_algorithms_count() {
        let policy = composed(&format!("{HELLO}  /a\n{HELLO}  /b\n{WORLD}  /c\n"));
        let image = composed(&format!(
            "{HELLO}  /a\n{HELLO_SHA1}  /a\n{HELLO_SHA1}  /b\n{HELLO}  /c\n{HELLO_SHA1}  /c\n"
        ));
        let differences = compare(&policy, &image, Scope::Files);
        let names: Vec<_> = differences
            .names
            .iter()
            .map(|difference| difference.name)
            .collect();
        assert_eq!(names, [b"/b", b"/c"]);
        assert_eq!(compare(&policy, &image, Scope::Everything).names.len(), 3);
    }
}
