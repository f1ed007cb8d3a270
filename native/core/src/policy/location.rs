//! Where something stands in a policy.

use std::fmt;

use crate::path::Escaped;

/// Where something stands in a policy: a JSON path, a line, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// The keys of the format that lead there, with dots between, as `ima.log_hash_alg`; empty for the top of
    /// the file and for flat lists.
    pub key: &'static str,
    /// The name below the key: a path, a keyring, a buffer.
    pub name: Option<Vec<u8>>,
    /// The item of the list, counted from 0 as in a JSON path.
    pub index: Option<usize>,
    /// The line of the file, counted from 1. For an item of a list it is the line of its name.
    pub line: Option<u64>,
}

impl Location {
    /// A key of the format.
    pub(super) fn of_key(key: &'static str) -> Self {
        Self {
            key,
            ..Self::default()
        }
    }

    /// A line.
    pub(super) fn of_line(line: u64) -> Self {
        Self {
            line: Some(line),
            ..Self::default()
        }
    }
}

impl fmt::Display for Location {
    /// As `digests["/usr/bin/x"][0], line 12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key)?;
        if let Some(name) = &self.name {
            write!(f, "[\"{}\"]", Escaped(name))?;
        }
        if let Some(index) = self.index {
            write!(f, "[{index}]")?;
        }
        let has_path = !self.key.is_empty() || self.name.is_some() || self.index.is_some();
        match (self.line, has_path) {
            (Some(line), true) => write!(f, ", line {line}"),
            (Some(line), false) => write!(f, "line {line}"),
            (None, true) => Ok(()),
            (None, false) => f.write_str("the top level"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_reads_as_a_json_path_and_a_line() {
        let mut location = Location::of_key("digests");
        assert_eq!(location.to_string(), "digests");
        location.name = Some(b"/a\n\xff".to_vec());
        location.index = Some(2);
        location.line = Some(7);
        assert_eq!(location.to_string(), "digests[\"/a\\n\\xff\"][2], line 7");
        assert_eq!(Location::of_line(3).to_string(), "line 3");
        assert_eq!(Location::default().to_string(), "the top level");
    }
}
