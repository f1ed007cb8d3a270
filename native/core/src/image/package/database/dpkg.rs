//! dpkg's database: a list of paths for each package, and a file with a stanza for each.
//!
//! ```text
//! info/bash.list, info/libc6:amd64.list      /usr
//!                                            /usr/bin/bash …
//! status                                     Package: bash
//!                                            Version: 5.2.15-2+b7 …
//!                                            (empty line)
//! ```

use std::collections::{HashMap, HashSet};

use super::{Names, Owner};

/// The name of a package whose list is at `path`: without its architecture.
pub(super) fn package(path: &[u8]) -> Vec<u8> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let name = name.strip_suffix(b".list").unwrap_or(name);
    name.split(|byte| *byte == b':')
        .next()
        .unwrap_or_default()
        .to_vec()
}

/// Which of the paths that are asked for are in a list.
pub(super) fn paths(list: &[u8], names: &Names<'_>) -> Vec<Vec<u8>> {
    let lines = list.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| names.asked(line))
        .map(<[u8]>::to_vec)
        .collect()
}

/// The packages of some lists, with the versions that the status file says.
pub(super) fn owners(lists: Vec<(Vec<u8>, Vec<Vec<u8>>)>, status: &[u8]) -> Vec<Owner> {
    let wanted: HashSet<&[u8]> = lists
        .iter()
        .filter(|(_, paths)| !paths.is_empty())
        .map(|(name, _)| name.as_slice())
        .collect();
    let versions = versions(status, &wanted);
    let mut owners = Vec::new();
    for (name, paths) in &lists {
        let version = versions.get(name.as_slice()).map(|version| version.to_vec());
        owners.extend(paths.iter().map(|path| Owner {
            path: path.clone(),
            manager: "dpkg",
            name: name.clone(),
            version: version.clone(),
        }));
    }
    owners
}

fn versions<'t>(status: &'t [u8], wanted: &HashSet<&[u8]>) -> HashMap<&'t [u8], &'t [u8]> {
    let mut versions = HashMap::new();
    let mut package = None;
    for line in status.split(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(b"Package: ") {
            package = Some(name).filter(|name| wanted.contains(name));
        } else if let (Some(version), Some(name)) = (line.strip_prefix(b"Version: "), package) {
            versions.insert(name, version);
        } else if line.is_empty() {
            package = None;
        }
    }
    versions
}
