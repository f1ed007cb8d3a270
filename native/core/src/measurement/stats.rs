//! What a list is made of, in numbers.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::entry::{Check, Item};
use super::fault::Problem;
use super::template::FieldId;

/// Names counted apart; a list can make up any number of them.
const MAX_NAMES: usize = 256;

/// What a list is made of, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Entries that could be told apart.
    pub entries: u64,
    /// Violations among them.
    pub violations: u64,
    /// Entries named as a boot aggregate: one more than there were kexecs, unless files have that name.
    pub boot_aggregates: u64,
    /// Entries with a signature.
    pub signatures: u64,
    /// Entries with a buffer.
    pub buffers: u64,
    /// Entries by template.
    pub templates: Counts<Vec<u8>>,
    /// Entries by PCR.
    pub pcrs: Counts<u32>,
    /// Entries by the name of the file digest's algorithm; empty where it has none.
    pub algorithms: Counts<Vec<u8>>,
    /// Faults by the code of the finding, wrong template hashes among them.
    pub faults: Counts<&'static str>,
}

/// How often each name was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts<K> {
    /// In order of the names.
    pub counts: BTreeMap<K, u64>,
    /// All beyond the first 256 names.
    pub other: u64,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self {
            counts: BTreeMap::new(),
            other: 0,
        }
    }
}

impl<K: Ord> Counts<K> {
    fn add<Q>(&mut self, name: &Q)
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let is_full = self.counts.len() >= MAX_NAMES;
        let count = match self.counts.get_mut(name) {
            Some(count) => count,
            None if is_full => &mut self.other,
            None => self.counts.entry(name.to_owned()).or_default(),
        };
        *count = count.saturating_add(1);
    }
}

impl Stats {
    /// Counts what comes next in the list.
    pub fn add(&mut self, item: &Item<'_>) {
        let entry = match item {
            Item::Entry(entry) => entry,
            Item::Fault(fault) => {
                self.faults.add(&fault.problem.code());
                return;
            }
        };
        let count = |counter: &mut u64, is_so: bool| *counter = counter.saturating_add(is_so.into());
        count(&mut self.entries, true);
        count(&mut self.violations, entry.is_violation());
        count(&mut self.boot_aggregates, entry.is_named_boot_aggregate());
        count(&mut self.signatures, entry.bytes(FieldId::Sig).is_some());
        count(&mut self.buffers, entry.bytes(FieldId::Buf).is_some());
        self.templates.add(entry.template());
        self.pcrs.add(&entry.pcr());
        if let Some(digest) = entry.file_digest() {
            self.algorithms.add(digest.algorithm_name.unwrap_or_default());
        }
        if let Some(fault) = entry.fault() {
            self.faults.add(&fault.problem.code());
        }
        if entry.check() == Check::Differs {
            self.faults.add(&Problem::HashDiffers.code());
        }
    }
}
