//! Builds newc archives member by member, right or wrong as a test wants them.

/// A member. `Default` gives a regular file without links.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) magic: &'static str,
    pub(crate) ino: u32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) nlink: u32,
    pub(crate) dev_minor: u32,
    pub(crate) name: Vec<u8>,
    /// Bytes of NUL between the name and its padding; one is right.
    pub(crate) name_nuls: usize,
    /// What the header says where it should not be the truth.
    pub(crate) name_size: Option<u32>,
    pub(crate) file_size: Option<u32>,
    pub(crate) checksum: u32,
    pub(crate) data: Vec<u8>,
}

impl Member {
    pub(crate) fn new(mode: u32, name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Self {
        Self {
            magic: "070701",
            ino: 0,
            mode,
            uid: 0,
            gid: 0,
            nlink: 1,
            dev_minor: 0,
            name: name.as_ref().to_vec(),
            name_nuls: 1,
            name_size: None,
            file_size: None,
            checksum: 0,
            data: data.as_ref().to_vec(),
        }
    }

    /// One of several names of an inode.
    pub(crate) fn linked(self, ino: u32, nlink: u32) -> Self {
        Self { ino, nlink, ..self }
    }

    /// A member of a `070702` archive with the right sum.
    pub(crate) fn summed(self) -> Self {
        let checksum = self
            .data
            .iter()
            .fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        Self {
            magic: "070702",
            checksum,
            ..self
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let name_size = u32::try_from(self.name.len() + self.name_nuls).unwrap();
        let file_size = u32::try_from(self.data.len()).unwrap();
        out.extend_from_slice(self.magic.as_bytes());
        for field in [
            self.ino,
            self.mode,
            self.uid,
            self.gid,
            self.nlink,
            1_700_000_000,
            self.file_size.unwrap_or(file_size),
            0,
            self.dev_minor,
            0,
            0,
            self.name_size.unwrap_or(name_size),
            self.checksum,
        ] {
            out.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        out.extend_from_slice(&self.name);
        out.resize(out.len() + self.name_nuls, 0);
        pad(out);
        out.extend_from_slice(&self.data);
        pad(out);
    }
}

/// NUL bytes up to a multiple of four.
pub(crate) fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

pub(crate) fn file(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Member {
    Member::new(0o100_644, name, data)
}

pub(crate) fn directory(name: impl AsRef<[u8]>) -> Member {
    Member::new(0o040_755, name, b"")
}

pub(crate) fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Member {
    Member::new(0o120_777, name, target)
}

pub(crate) fn fifo(name: impl AsRef<[u8]>) -> Member {
    Member::new(0o010_644, name, b"")
}

pub(crate) fn character_device(name: impl AsRef<[u8]>) -> Member {
    Member::new(0o020_600, name, b"")
}

pub(crate) fn socket(name: impl AsRef<[u8]>) -> Member {
    Member::new(0o140_755, name, b"")
}

pub(crate) fn trailer() -> Member {
    Member::new(0, b"TRAILER!!!", b"")
}

/// Members without a trailer.
pub(crate) fn members(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        member.write(&mut out);
    }
    out
}

/// An archive with its trailer.
pub(crate) fn archive(archived: &[Member]) -> Vec<u8> {
    let mut out = members(archived);
    trailer().write(&mut out);
    out
}
