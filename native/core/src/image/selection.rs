//! Which files of a root filesystem are wanted.

/// The directories Keylime's own generator leaves out of a root filesystem.
///
/// Source: `keylime-policy create runtime`, 7.14.
pub const DEFAULT_SKIPPED_DIRECTORIES: [&str; 10] = [
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
    /// A directory of [`Selection::skipped_directories`]: nothing below it was looked at.
    Directory,
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
}

impl Skip {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Directory,
        Self::Owner,
        Self::Symlink,
        Self::Special,
        Self::Mount,
        Self::Loop,
    ];

    /// The reason's name in results: `directories`, `owners`, …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "directories",
            Self::Owner => "owners",
            Self::Symlink => "symlinks",
            Self::Special => "special",
            Self::Mount => "mounts",
            Self::Loop => "loops",
        }
    }
}

/// Which files of a root filesystem are wanted. An initramfs is always taken whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Absolute paths inside the root, bytewise sorted; nothing at or below them is read.
    skipped_directories: Vec<Vec<u8>>,
    /// Take files of every owner, not only of root.
    pub all_owners: bool,
    /// Stay on the filesystem the tree starts on.
    pub one_file_system: bool,
}

impl Selection {
    /// A selection that skips `directories`, absolute paths inside the root.
    pub fn new(directories: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut skipped_directories: Vec<Vec<u8>> = directories.into_iter().collect();
        skipped_directories.sort();
        skipped_directories.dedup();
        Self {
            skipped_directories,
            all_owners: false,
            one_file_system: false,
        }
    }

    /// Whether nothing at or below this directory is wanted.
    #[must_use]
    pub fn skips_directory(&self, path: &[u8]) -> bool {
        self.skipped_directories
            .binary_search_by(|skipped| skipped.as_slice().cmp(path))
            .is_ok()
    }

    /// Whether a file of this owner is left out.
    #[must_use]
    pub fn skips_owner(&self, uid: u32) -> bool {
        !self.all_owners && uid != 0
    }
}

impl Default for Selection {
    /// Keylime's choice: its directories, and only files of root.
    fn default() -> Self {
        Self::new(DEFAULT_SKIPPED_DIRECTORIES.map(|path| path.as_bytes().to_vec()))
    }
}
