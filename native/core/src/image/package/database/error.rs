//! Why a database of packages cannot be read.

use std::io;

use super::super::error::PackageError;

/// Why a database of packages cannot be read. Offsets count the bytes of its file.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    /// It contradicts itself, or is cut.
    #[error("byte {offset}: {problem}")]
    Malformed {
        /// Where it is wrong.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// It has more bytes than are read.
    #[error("it has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// A package in it is none.
    #[error("package {number}: {error}")]
    Header {
        /// Which one, from 1, in the order of the file.
        number: usize,
        /// What is wrong with it.
        #[source]
        error: PackageError,
    },
    /// SQLite cannot read it.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A database of SQLite, and none of rpm.
    #[error("it has no table of packages")]
    NoTable,
    /// It cannot be read from the image, or kept for reading.
    #[error(transparent)]
    Io(#[from] io::Error),
}
