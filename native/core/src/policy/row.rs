//! Digests as they lie in a map's arena, behind the name they belong to.
//!
//! ```text
//! length │ algorithm │ writing │ digest
//! └ of the digest, a byte      └ nothing, if the text is no digest
//!          └ the kernel's number, or 255
//!                      └ what is unusual about its text
//! ```

use ima_assay_digest::Algorithm;

use super::writing::Writing;

/// In place of an algorithm's number: it is not named.
const UNNAMED: u8 = u8::MAX;

/// Bytes before a digest in the arena.
pub(super) const HEAD_LEN: usize = 3;

/// What stands before a digest.
pub(super) fn head(len: usize, algorithm: Option<Algorithm>, writing: Writing) -> [u8; HEAD_LEN] {
    // A digest has at most 64 bytes.
    let len = u8::try_from(len).unwrap_or(0);
    [
        len,
        algorithm.map_or(UNNAMED, Algorithm::kernel_id),
        writing.bits(),
    ]
}

/// A digest in the arena.
pub(super) struct Row<'a> {
    /// Empty if the text is none.
    pub(super) digest: &'a [u8],
    /// The algorithm, if it is named.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) writing: Writing,
}

/// The digests of an entry.
#[derive(Debug, Clone)]
pub(super) struct Rows<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        let [len, algorithm, writing, rest @ ..] = self.0 else {
            return None;
        };
        let (digest, rest) = rest.split_at_checked(usize::from(*len))?;
        self.0 = rest;
        Some(Row {
            digest,
            algorithm: (*algorithm != UNNAMED)
                .then(|| Algorithm::from_kernel_id(*algorithm))
                .flatten(),
            writing: Writing::from_bits(*writing),
        })
    }
}
