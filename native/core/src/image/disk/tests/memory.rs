//! Images in memory, which can be changed and read again and again.

use super::*;

/// Paths, with the bytes of files and the targets of links.
pub(super) type Contents = BTreeSet<(Vec<u8>, Vec<u8>)>;

/// Everything that is in a filesystem; or the first error. Nothing is hashed, so that it can
/// be read again and again.
pub(super) fn contents(filesystem: &filesystem::Filesystem) -> Result<Contents, DiskError> {
    let mut found = BTreeSet::new();
    let root = filesystem.root()?;
    let mut seen = BTreeSet::from([root.identity()]);
    let mut pending = vec![(Vec::new(), root)];
    while let Some((path, directory)) = pending.pop() {
        filesystem.directory_bytes(&directory)?;
        for (name, entry) in filesystem.list(&directory)? {
            let path = [&path[..], b"/", &name].concat();
            let node = filesystem.node(entry)?.unwrap();
            let bytes = match node.kind() {
                filesystem::Kind::Directory if seen.insert(node.identity()) => {
                    pending.push((path.clone(), node));
                    Vec::new()
                }
                filesystem::Kind::Symlink => filesystem.target(&node)?.unwrap(),
                filesystem::Kind::Regular if seen.insert(node.identity()) => {
                    filesystem.small_file(&node, 4 << 20)?.unwrap_or_default()
                }
                _ => Vec::new(),
            };
            found.insert((path, bytes));
        }
    }
    Ok(found)
}

/// An image in memory.
pub(super) struct Memory(std::sync::Mutex<Vec<u8>>);

impl ReadAt for Memory {
    fn size_bytes(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let bytes = self.0.lock().unwrap();
        read_at::check_range(offset, buffer.len(), bytes.len() as u64)?;
        buffer.copy_from_slice(&bytes[offset as usize..][..buffer.len()]);
        Ok(())
    }
}

impl Memory {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn replace(&self, at: usize, bytes: &[u8]) {
        self.0.lock().unwrap()[at..][..bytes.len()].copy_from_slice(bytes);
    }

    /// What is found once this byte has changed, and is changed back.
    pub(super) fn changed<T>(self: &Arc<Self>, at: usize, change: u8, find: impl Fn(&Arc<Self>) -> T) -> T {
        self.0.lock().unwrap()[at] ^= change;
        let found = find(self);
        self.0.lock().unwrap()[at] ^= change;
        found
    }
}
