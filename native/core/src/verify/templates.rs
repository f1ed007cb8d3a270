//! How many entries each template has.

use super::finding::shown;

/// Names that are counted apart. A hostile list can have a new one in every entry.
const MAX_NAMES: usize = 64;

/// What the others are counted under.
const OTHERS: &str = "others";

#[derive(Default)]
pub(super) struct Templates {
    counts: Vec<(Vec<u8>, u64)>,
    others: u64,
}

impl Templates {
    pub(super) fn count(&mut self, name: &[u8]) {
        if let Some((_, count)) = self.counts.iter_mut().find(|(known, _)| known == name) {
            *count = count.saturating_add(1);
        } else if self.counts.len() < MAX_NAMES {
            self.counts.push((name.to_vec(), 1));
        } else {
            self.others = self.others.saturating_add(1);
        }
    }

    pub(super) fn into_counts(self) -> Vec<(String, u64)> {
        let mut counts: Vec<(String, u64)> = self
            .counts
            .into_iter()
            .map(|(name, count)| (shown(&name), count))
            .collect();
        if self.others > 0 {
            counts.push((OTHERS.to_owned(), self.others));
        }
        counts
    }
}
