//! Values of PCRs.

use std::collections::BTreeMap;

use ima_assay_digest::{Algorithm, Digest, MAX_LEN};

/// PCRs of a bank.
pub const PCRS: u32 = super::super::binary::PCRS;

/// A bank's name as TPMs and their tools spell it: `sha256`, `sm3_256`.
#[must_use]
pub fn bank_name(bank: Algorithm) -> &'static str {
    match bank {
        Algorithm::Sm3 => "sm3_256",
        Algorithm::Sha3_256 => "sha3_256",
        Algorithm::Sha3_384 => "sha3_384",
        Algorithm::Sha3_512 => "sha3_512",
        bank => bank.name(),
    }
}

/// Values of PCRs, of any banks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pcrs {
    values: BTreeMap<(Algorithm, u32), Digest>,
}

impl Pcrs {
    /// Sets the value of a PCR; the algorithm of the digest is its bank.
    pub fn insert(&mut self, index: u32, value: Digest) {
        self.values.insert((value.algorithm(), index), value);
    }

    /// The value of a PCR.
    #[must_use]
    pub fn get(&self, bank: Algorithm, index: u32) -> Option<&Digest> {
        self.values.get(&(bank, index))
    }

    /// Bank, index and value of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Algorithm, u32, &Digest)> {
        self.values
            .iter()
            .map(|((bank, index), value)| (*bank, *index, value))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The banks it has values of, in order.
    pub fn banks(&self) -> impl Iterator<Item = Algorithm> {
        let mut banks: Vec<Algorithm> = self.values.keys().map(|(bank, _)| *bank).collect();
        banks.dedup();
        banks.into_iter()
    }
}

/// What a PCR holds before anything is extended: zeros; ones in 17 to 22, until a dynamic launch.
pub(in super::super) fn at_reset(index: u32) -> [u8; MAX_LEN] {
    if (17..=22).contains(&index) {
        [0xff; MAX_LEN]
    } else {
        [0; MAX_LEN]
    }
}
