//! Packages: the files of a `.deb` or `.rpm`, or of all packages of a repository, at the paths they are installed at.

mod database;
mod deb;
mod error;
mod installed;
mod keys;
mod ranges;
mod repository;
mod rpm;
#[cfg(test)]
mod tests;

pub use database::{Owner, Owners, owners};
pub use deb::Deb;
pub use error::PackageError;
pub use keys::PackageKeys;
pub(super) use repository::is_repository;
pub use repository::{MissingFile, Repository, missing_of_repository};
pub use rpm::Rpm;

/// Whether the first bytes of a file are those of a Debian package.
pub(super) fn looks_like_deb(head: &[u8]) -> bool {
    head.starts_with(deb::MAGIC)
}

/// Whether the first bytes of a file are those of an RPM package.
pub(super) fn looks_like_rpm(head: &[u8]) -> bool {
    head.starts_with(&rpm::MAGIC)
}
