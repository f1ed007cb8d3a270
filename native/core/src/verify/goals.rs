//! What a replay should reach: PCR values, or the digest that a quote has of them.

use ima_assay_digest::{Algorithm, Digest};

use super::VerifyError;
use super::evidence::{Evidence, Options};
use super::keylime;
use super::unchecked::Unchecked;
use crate::measurement::{Composite, Pcrs, Replay, ReplayOptions, bank_name};
use crate::pcr::PcrValues;
use crate::quote::Attest;

/// Banks that are replayed to be shown, where nothing has to be reached.
const SHOWN_BANKS: [Algorithm; 2] = [Algorithm::Sha1, Algorithm::Sha256];

/// Banks in the order in which a Keylime agent would be asked for them.
const KEYLIME_BANKS: [Algorithm; 5] = [
    Algorithm::Sha256,
    Algorithm::Sha384,
    Algorithm::Sha512,
    Algorithm::Sha1,
    Algorithm::Sm3,
];

/// The PCR that Keylime looks at.
pub(super) const KEYLIME_PCR: u8 = 10;

/// What a replay should reach.
pub(super) struct Goals {
    pub(super) expected: Pcrs,
    pub(super) composite: Option<Composite>,
    start: Pcrs,
}

impl Goals {
    /// From the values that were given, and from a quote whose values were not.
    pub(super) fn new(
        evidence: &Evidence<'_>,
        options: &Options,
        quoted: Option<Composite>,
        unchecked: &mut Unchecked,
    ) -> Self {
        let mut expected = Pcrs::default();
        let mut start = all(&evidence.start);
        for (_, index, value) in evidence.pcrs.iter() {
            if options.pcrs.contains(&index) {
                expected.insert(index.into(), *value);
            }
        }
        // PCRs that are quoted and that the list does not touch have the values that were given.
        for (bank, index) in quoted.iter().flat_map(|composite| &composite.selection) {
            let narrow = u8::try_from(*index).unwrap_or(u8::MAX);
            let given = evidence.pcrs.get(*bank, narrow);
            if let Some(value) = given.filter(|_| !options.pcrs.contains(&narrow)) {
                start.insert(*index, *value);
            }
        }
        if expected.is_empty() && quoted.is_none() {
            unchecked.add("PCR values: none given, so that nothing shows that the list is whole and genuine");
        }
        Self {
            expected,
            composite: quoted,
            start,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.expected.is_empty() && self.composite.is_none()
    }

    /// The replay that shows whether they are reached.
    pub(super) fn replay(&self, options: &Options) -> Result<Replay, VerifyError> {
        let banks = match &options.banks {
            Some(banks) => banks.clone(),
            None if self.is_empty() => SHOWN_BANKS.to_vec(),
            None => Vec::new(),
        };
        Ok(Replay::new(ReplayOptions {
            banks,
            start: self.start.clone(),
            expected: self.expected.clone(),
            composite: self.composite.clone(),
            padded: !self.is_empty(),
        })?)
    }

    /// The one value that Keylime compares, and its bank: the quoted bank, or that of a given value.
    pub(super) fn keylime(&self, attest: Option<&Attest<'_>>) -> Option<(Algorithm, keylime::Goal)> {
        let is_quoted =
            |bank: &Algorithm| attest.is_none_or(|attest| attest.selection.covers(*bank, KEYLIME_PCR));
        let of_bank = |bank: Algorithm| {
            let value = self.expected.get(bank, KEYLIME_PCR.into()).copied();
            let value = value.map(keylime::Goal::Value);
            Some((bank, value.or_else(|| self.keylime_composite(bank))?))
        };
        let mut quoted = KEYLIME_BANKS.into_iter().filter(is_quoted);
        quoted
            .find_map(of_bank)
            .or_else(|| KEYLIME_BANKS.into_iter().find_map(of_bank))
    }

    /// The quoted digest, if PCR 10 of this bank is the only value in it that is not known.
    fn keylime_composite(&self, bank: Algorithm) -> Option<keylime::Goal> {
        let composite = self.composite.as_ref()?;
        let wanted = (bank, u32::from(KEYLIME_PCR));
        let at = composite
            .selection
            .iter()
            .position(|selected| *selected == wanted)?;
        let (before, rest) = composite.selection.split_at_checked(at)?;
        let values = |selection: &[(Algorithm, u32)]| {
            let mut bytes = Vec::new();
            for (bank, index) in selection {
                bytes.extend_from_slice(self.start.get(*bank, *index)?.bytes());
            }
            Some(bytes)
        };
        Some(keylime::Goal::Quoted {
            before: values(before)?,
            after: values(rest.get(1..)?)?,
            digest: composite.digest,
        })
    }

    /// Where Keylime starts from.
    pub(super) fn keylime_start(&self, bank: Algorithm) -> Option<&Digest> {
        self.start.get(bank, KEYLIME_PCR.into())
    }
}

/// Values as the replay takes them.
pub(super) fn all(values: &PcrValues) -> Pcrs {
    let mut pcrs = Pcrs::default();
    for (_, index, value) in values.iter() {
        pcrs.insert(index.into(), *value);
    }
    pcrs
}

/// `BANK:INDEX`.
pub(super) fn pcr_name(bank: Algorithm, index: u32) -> String {
    format!("{}:{index}", bank_name(bank))
}

/// Names the given values that a quote does not cover: nobody vouches for them.
pub(super) fn name_uncovered(attest: &Attest<'_>, pcrs: &PcrValues, unchecked: &mut Unchecked) {
    let uncovered = pcrs
        .iter()
        .map(|(bank, index, _)| (bank, index))
        .filter(|&(bank, index)| !attest.selection.covers(bank, index));
    let names = name_ranges(uncovered);
    if !names.is_empty() {
        unchecked.add(format!("PCR values that the quote does not cover: {names}"));
    }
}

/// `BANK:INDEX` or `BANK:FIRST-LAST` of PCRs that come by bank, then by index.
pub(super) fn name_ranges(pcrs: impl Iterator<Item = (Algorithm, u8)>) -> String {
    let mut ranges: Vec<(Algorithm, u8, u8)> = Vec::new();
    for (bank, index) in pcrs {
        match ranges.last_mut() {
            Some((of, _, last)) if *of == bank && last.checked_add(1) == Some(index) => *last = index,
            _ => ranges.push((bank, index, index)),
        }
    }
    let names = ranges.into_iter().map(|(bank, first, last)| {
        let name = pcr_name(bank, first.into());
        if first == last {
            name
        } else {
            format!("{name}-{last}")
        }
    });
    names.collect::<Vec<_>>().join(" ")
}
