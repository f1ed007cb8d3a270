//! Bytes that cost something to get and are kept for the next read, in memory of a bounded size.

use std::hash::Hash;
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::super::DiskError;
use super::super::number::{index, len64};
use super::super::read_at::{ReadAt, read_vec};

/// Bytes that one cache keeps.
const CACHE_BYTES: u64 = 32 << 20;

/// Bytes of a table that are read at once.
const PAGE_BYTES: u64 = 64 << 10;

/// Pieces that are made once, while other threads that want the same wait for it.
pub(in crate::image::disk) struct Kept<K> {
    pieces: Arc<Cache<K, Arc<[u8]>>>,
}

impl<K> Clone for Kept<K> {
    fn clone(&self) -> Self {
        Self {
            pieces: Arc::clone(&self.pieces),
        }
    }
}

impl<K: Eq + Hash + Clone> Kept<K> {
    /// For pieces of at most `piece_bytes`.
    pub(in crate::image::disk) fn new(piece_bytes: u64) -> Self {
        let most = CACHE_BYTES.checked_div(piece_bytes).unwrap_or_default().max(8);
        Self {
            pieces: Arc::new(Cache::new(index(most))),
        }
    }

    /// The piece with a key, made if it is not there.
    pub(in crate::image::disk) fn get(
        &self,
        key: &K,
        make: impl FnOnce() -> Result<Vec<u8>, DiskError>,
    ) -> Result<Arc<[u8]>, DiskError> {
        self.pieces.get_or_insert_with(key, || make().map(Arc::from))
    }
}

/// The tables of a file, whose entries are looked up again and again.
pub(in crate::image::disk) struct Pages {
    file: Arc<dyn ReadAt>,
    /// Tells this file from others that have the same cache.
    number: usize,
    pages: Kept<(usize, u64)>,
}

impl Pages {
    /// The tables of a file with a cache of its own.
    pub(in crate::image::disk) fn new(file: Arc<dyn ReadAt>) -> Self {
        Self::sharing(file, 0, &Self::cache())
    }

    /// A cache for the tables of several files.
    pub(in crate::image::disk) fn cache() -> Kept<(usize, u64)> {
        Kept::new(PAGE_BYTES)
    }

    /// The tables of one of several files, which have different numbers.
    pub(in crate::image::disk) fn sharing(
        file: Arc<dyn ReadAt>,
        number: usize,
        pages: &Kept<(usize, u64)>,
    ) -> Self {
        Self {
            file,
            number,
            pages: pages.clone(),
        }
    }

    /// The `N` bytes at `at`, which is a multiple of `N`.
    pub(in crate::image::disk) fn entry<const N: usize>(&self, at: u64) -> Result<[u8; N], DiskError> {
        let start = at & !(PAGE_BYTES.wrapping_sub(1));
        let size = self.file.size_bytes();
        let page = self.pages.get(&(self.number, start), || {
            let len = PAGE_BYTES.min(size.saturating_sub(start));
            read_vec(self.file.as_ref(), start, index(len))
        })?;
        let entry = page.get(index(at.saturating_sub(start))..);
        let entry = entry.and_then(<[u8]>::first_chunk).copied();
        entry.ok_or_else(|| DiskError::BeyondEnd {
            offset: start.saturating_add(len64(&page)),
            size,
        })
    }
}
