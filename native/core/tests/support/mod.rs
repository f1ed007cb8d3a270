//! What several tests need.

pub(crate) mod cases;
pub(crate) mod cpio;
pub(crate) mod scan;
pub(crate) mod tools;
