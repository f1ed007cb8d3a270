//! A policy of IMA, as far as it says what is never measured.
//!
//! ```text
//! # comment
//! dont_measure fsmagic=0x01021994
//! measure func=BPRM_CHECK
//! measure func=FILE_CHECK mask=MAY_READ uid=0
//! ```
//!
//! The first rule that fits a file decides. Source: the kernel's `Documentation/ABI/testing/ima_policy`.

use crate::image::Note;
use crate::path::Escaped;

/// Numbers of filesystems that a machine starts from, as `statfs` gives them.
const FILESYSTEMS: [(u64, &str); 7] = [
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x7371_7368, "squashfs"),
    (0x794c_7630, "overlayfs"),
];

/// What a policy measures of files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ImaPolicy {
    /// Whether it measures anything.
    measures: bool,
    /// Whether it measures files that are only read.
    measures_reading: bool,
    /// Filesystems that are left out before any rule measures.
    unmeasured: Vec<&'static str>,
}

impl ImaPolicy {
    /// Reads a policy. Rules that say nothing of measuring are passed over.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut policy = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let mut words = line
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            let Some(action) = words.next() else {
                continue;
            };
            let conditions: Vec<&[u8]> = words.collect();
            let value = |name: &[u8]| conditions.iter().find_map(|word| word.strip_prefix(name));
            match action {
                b"measure" => {
                    policy.measures = true;
                    // A rule without a hook is for all of them.
                    policy.measures_reading |=
                        value(b"func=").is_none_or(|hook| matches!(hook, b"FILE_CHECK" | b"PATH_CHECK"));
                }
                b"dont_measure" if !policy.measures && conditions.len() == 1 => {
                    policy.unmeasured.extend(value(b"fsmagic=").and_then(filesystem));
                }
                _ => {}
            }
        }
        policy
    }

    /// What a person should know of a list for machines with this policy.
    pub(super) fn notes(&self, path: &[u8]) -> Vec<Note> {
        let shown = Escaped(path);
        let note = |code, text| Note {
            code,
            path: Some(path.to_vec()),
            offset_bytes: None,
            text,
        };
        let mut notes = Vec::new();
        if !self.measures {
            let text =
                format!("{shown} measures nothing: on a machine that loads it nothing of the list is met");
            notes.push(note("IMA_POLICY_EMPTY", text));
        } else if !self.measures_reading {
            let text = format!(
                "{shown} measures what is executed or mapped and not what is read: of the list only programs, libraries \
                 and the like are met"
            );
            notes.push(note("IMA_POLICY_EXECUTED_ONLY", text));
        }
        if self.measures && !self.unmeasured.is_empty() {
            let text = format!(
                "{shown} measures nothing on {}: what lies there is not met",
                self.unmeasured.join(", ")
            );
            notes.push(note("IMA_POLICY_FILESYSTEMS", text));
        }
        notes
    }
}

fn filesystem(magic: &[u8]) -> Option<&'static str> {
    let digits = std::str::from_utf8(magic).ok()?;
    let digits = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
        .unwrap_or(digits);
    let number = u64::from_str_radix(digits, 16).ok()?;
    let row = FILESYSTEMS.into_iter().find(|(known, _)| *known == number)?;
    Some(row.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        let notes = ImaPolicy::parse(text.as_bytes()).notes(b"/etc/ima/ima-policy");
        notes.iter().map(|note| note.code).collect()
    }

    /// The first is the kernel's `tcb`, as `ima_policy.c` has it; the second what diskimage-builder's element installs:
    /// there the filesystems come too late.
    #[test]
    fn what_a_policy_leaves_out_is_noted() {
        let tcb = "dont_measure fsmagic=0x9fa0\ndont_measure fsmagic=0x1021994\ndont_measure fsmagic=0x62656572\n\
                   measure func=MMAP_CHECK mask=MAY_EXEC\nmeasure func=BPRM_CHECK mask=MAY_EXEC\n\
                   measure func=FILE_CHECK mask=^MAY_READ euid=0\n";
        assert_eq!(codes(tcb), ["IMA_POLICY_FILESYSTEMS"]);
        let element = "# programs\nmeasure func=BPRM_CHECK mask=MAY_EXEC\nmeasure func=FILE_MMAP mask=MAY_EXEC\n\
                       dont_measure fsmagic=0x01021994\n";
        assert_eq!(codes(element), ["IMA_POLICY_EXECUTED_ONLY"]);
        assert_eq!(codes("measure\n"), [""; 0]);
        assert_eq!(codes("appraise func=BPRM_CHECK\n"), ["IMA_POLICY_EMPTY"]);
        assert_eq!(codes(""), ["IMA_POLICY_EMPTY"]);
        // One label, not the filesystem.
        assert_eq!(
            codes("dont_measure fsmagic=0x1021994 obj_type=x\nmeasure\n"),
            [""; 0]
        );
    }
}
