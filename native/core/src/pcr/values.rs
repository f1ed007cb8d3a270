//! The map that every form ends in.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ima_assay_digest::{Algorithm, Digest};

use super::PcrError;

/// PCR values by bank and index. A PCR has one value: another one is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PcrValues {
    values: BTreeMap<(Algorithm, u8), Digest>,
}

impl PcrValues {
    /// The value of a PCR; the digest's algorithm is the bank's.
    #[must_use]
    pub fn get(&self, bank: Algorithm, index: u8) -> Option<&Digest> {
        self.values.get(&(bank, index))
    }

    /// Adds a value of PCR `index` of the bank that is the digest's algorithm. The same value again is fine.
    ///
    /// # Errors
    /// [`PcrError::Conflict`].
    pub fn insert(&mut self, index: u8, value: Digest) -> Result<(), PcrError> {
        match self.values.entry((value.algorithm(), index)) {
            Entry::Vacant(entry) => {
                entry.insert(value);
                Ok(())
            }
            Entry::Occupied(entry) if *entry.get() == value => Ok(()),
            Entry::Occupied(entry) => Err(PcrError::Conflict {
                index,
                first: Box::new(*entry.get()),
                second: Box::new(value),
            }),
        }
    }

    /// Adds all values of another file.
    ///
    /// # Errors
    /// [`PcrError::Conflict`] for the first PCR with two values.
    pub fn merge(&mut self, other: &Self) -> Result<(), PcrError> {
        other
            .iter()
            .try_for_each(|(_, index, value)| self.insert(index, *value))
    }

    /// All values, by bank, then by index.
    pub fn iter(&self) -> impl Iterator<Item = (Algorithm, u8, &Digest)> {
        self.values
            .iter()
            .map(|(&(bank, index), value)| (bank, index, value))
    }

    /// The banks that have a value.
    pub fn banks(&self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL
            .iter()
            .copied()
            .filter(|&bank| self.values.range((bank, 0)..=(bank, u8::MAX)).next().is_some())
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
