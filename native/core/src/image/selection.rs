//! Which files of a root filesystem are wanted.

use std::sync::Arc;

use super::Shard;
use super::oci::Platform;
use super::package::PackageKeys;

/// The directories Keylime's own generator leaves out of a root filesystem.
///
/// Source: `keylime-policy create runtime`, 7.14.
pub const DEFAULT_SKIPPED_PATHS: [&str; 10] = [
    "/dev",
    "/lost+found",
    "/media",
    "/mnt",
    "/proc",
    "/run",
    "/snap",
    "/sys",
    "/tmp",
    "/var",
];

/// Why something was left out on purpose. Each reason is counted in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// A path the selection names. Of a directory nothing below it was looked at.
    Path,
    /// A regular file of another owner than root.
    Owner,
    /// A symbolic link: its target is listed under the target's own path.
    Symlink,
    /// A device, FIFO or socket.
    Special,
    /// A directory that another filesystem is mounted on, where only one is wanted.
    Mount,
    /// A directory that is one of its own parents, by a bind mount.
    Loop,
    /// A file of another shard.
    Shard,
}

impl Skip {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Path,
        Self::Owner,
        Self::Symlink,
        Self::Special,
        Self::Mount,
        Self::Loop,
        Self::Shard,
    ];

    /// The reason's name in results: `paths`, `owners`, …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Path => "paths",
            Self::Owner => "owners",
            Self::Symlink => "symlinks",
            Self::Special => "special",
            Self::Mount => "mounts",
            Self::Loop => "loops",
            Self::Shard => "shards",
        }
    }
}

/// Which files of a root filesystem are wanted. An initramfs is always taken whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Absolute paths inside the root, bytewise sorted, without a slash at the end.
    skipped_paths: Vec<Vec<u8>>,
    /// Those of them that a person asked for, who should hear when one is not there.
    asked: Vec<Vec<u8>>,
    /// Take files of every owner, not only of root.
    pub all_owners: bool,
    /// Stay on the filesystem the tree starts on.
    pub one_file_system: bool,
    /// The part of a disk image that is the root: the number of a partition as Linux counts them, or `group/volume` of
    /// LVM. None: it is looked for.
    pub partition: Option<String>,
    /// The platform of the container image, where there are several. None: this machine's.
    pub platform: Option<Platform>,
    /// The name or digest of the container image, where there are several.
    pub image: Option<String>,
    /// Where a root filesystem is before `switch_root`: its files are listed below these paths, too. Absolute, without a
    /// slash at the end.
    pub sysroots: Vec<Vec<u8>>,
    /// Also read the signatures of files.
    pub signatures: bool,
    /// What packages and repositories have to be signed by. None: signatures are not looked at.
    pub package_keys: Option<Arc<PackageKeys>>,
    /// Whether files that a package has in `/bin`, `/lib` and the like are below `/usr` once it is installed.
    pub merged_usr: bool,
    /// Take only the files of one part; also of an initramfs.
    pub shard: Option<Shard>,
}

impl Selection {
    /// A selection that leaves out these paths, absolute inside the root, and all that is below them: `usual`
    /// ones, which need not be there, and those that were `asked` for.
    pub fn new(usual: impl IntoIterator<Item = Vec<u8>>, asked: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let asked: Vec<Vec<u8>> = asked.into_iter().map(without_slash).collect();
        let usual = usual.into_iter().map(without_slash);
        let mut skipped_paths: Vec<Vec<u8>> = usual.chain(asked.iter().cloned()).collect();
        skipped_paths.sort();
        skipped_paths.dedup();
        Self {
            skipped_paths,
            asked,
            all_owners: false,
            one_file_system: false,
            partition: None,
            platform: None,
            image: None,
            sysroots: Vec::new(),
            signatures: false,
            package_keys: None,
            merged_usr: true,
            shard: None,
        }
    }

    /// Whether this path is one of those left out. A walk from the top asks for every directory on
    /// its way, so that what is below is never reached.
    #[must_use]
    pub fn skips_path(&self, path: &[u8]) -> bool {
        self.skipped_paths
            .binary_search_by(|skipped| skipped.as_slice().cmp(path))
            .is_ok()
    }

    /// The paths that were asked for.
    pub fn asked(&self) -> impl Iterator<Item = &[u8]> {
        self.asked.iter().map(Vec::as_slice)
    }

    /// Whether a file is of another part than the one that is wanted.
    #[must_use]
    pub fn skips_shard(&self, path: &[u8]) -> bool {
        self.shard.is_some_and(|shard| !shard.has(path))
    }

    /// Whether a file of this owner is left out.
    #[must_use]
    pub fn skips_owner(&self, uid: u32) -> bool {
        !self.all_owners && uid != 0
    }
}

impl Default for Selection {
    /// Keylime's choice: not its directories, and only files of root.
    fn default() -> Self {
        Self::new(DEFAULT_SKIPPED_PATHS.map(|path| path.as_bytes().to_vec()), [])
    }
}

fn without_slash(mut path: Vec<u8>) -> Vec<u8> {
    while path.last() == Some(&b'/') {
        path.pop();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_skipped_by_its_whole_name() {
        let selection = Selection::new([b"/var/".to_vec()], [b"/etc/motd".to_vec()]);
        for (path, skipped) in [
            ("/var", true),
            ("/variant", false),
            ("/etc/motd", true),
            ("/etc", false),
            ("/usr/var", false),
        ] {
            assert_eq!(selection.skips_path(path.as_bytes()), skipped, "{path}");
        }
    }
}
