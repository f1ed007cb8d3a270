//! Packages: the files of a `.deb` or `.rpm` at the paths they are installed at.

mod deb;
mod error;
mod installed;
mod rpm;
#[cfg(test)]
mod tests;

pub use deb::Deb;
pub use error::PackageError;
pub use rpm::Rpm;

/// Whether the first bytes of a file are those of a Debian package.
pub(super) fn looks_like_deb(head: &[u8]) -> bool {
    head.starts_with(deb::MAGIC)
}

/// Whether the first bytes of a file are those of an RPM package.
pub(super) fn looks_like_rpm(head: &[u8]) -> bool {
    head.starts_with(&rpm::MAGIC)
}
