//! Bytes that are hashed on their way, to be compared with what something states of them.

use ima_assay_digest::{Algorithm, Digest, Hasher};

use super::ImageError;
use super::cursor::Fill;

/// Hashes what is read through it.
pub(crate) struct Hashing<F> {
    inner: F,
    hashers: Vec<Hasher>,
}

impl<F> Hashing<F> {
    /// With all of `algorithms`, in one pass.
    pub(crate) fn new(inner: F, algorithms: &[Algorithm]) -> Self {
        Self {
            inner,
            hashers: algorithms
                .iter()
                .map(|algorithm| Hasher::new(*algorithm))
                .collect(),
        }
    }

    /// Hashes bytes that stand in front.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.hashers {
            hasher.update(bytes);
        }
    }

    /// The digests of all that was read, in the order of the algorithms.
    pub(crate) fn finish(self) -> Vec<Digest> {
        self.hashers.into_iter().map(Hasher::finish).collect()
    }
}

impl<F: Fill> Fill for Hashing<F> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        let len = self.inner.fill(buffer)?;
        self.update(buffer.get(..len).unwrap_or_default());
        Ok(len)
    }
}
