//! `TPML_PCR_SELECTION`: which PCRs of which banks.
//!
//! ```text
//! u32 count, then for each bank: u16 hash algorithm | u8 n | byte bitmap[n]      bit p%8 of byte p/8 is PCR p
//! ```

use std::fmt;
use std::str::FromStr;

use ima_assay_digest::Algorithm;

use super::algorithm;
use super::{Reader, TpmError};

/// `HASH_COUNT` of the C structures: no TPM has more banks.
pub const MAX_BANKS: u32 = 16;
/// PCRs that a bitmap can name. PCs have 24.
pub const MAX_PCRS: u8 = 32;
/// `PCR_SELECT_MAX` of the C structures, in bytes.
pub(crate) const MAX_BITMAP_BYTES: u8 = 4;

/// PCRs of one bank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PcrMask(u32);

impl PcrMask {
    /// From a bitmap of at most four bytes, the first one for PCRs 0 to 7.
    pub(crate) fn from_bitmap(bitmap: &[u8]) -> Self {
        let mut bytes = [0; 4];
        for (to, from) in bytes.iter_mut().zip(bitmap) {
            *to = *from;
        }
        Self(u32::from_le_bytes(bytes))
    }

    /// With PCR `index` as well; from [`MAX_PCRS`] on nothing is added.
    #[must_use]
    pub fn with(self, index: u8) -> Self {
        Self(self.0 | 1_u32.checked_shl(u32::from(index)).unwrap_or(0))
    }

    /// Whether PCR `index` is among them.
    #[must_use]
    pub fn contains(self, index: u8) -> bool {
        self.0.checked_shr(u32::from(index)).unwrap_or(0) & 1 == 1
    }

    /// The PCRs, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..MAX_PCRS).filter(move |&index| self.contains(index))
    }

    /// How many PCRs.
    #[must_use]
    pub fn len(self) -> usize {
        usize::try_from(self.0.count_ones()).unwrap_or(usize::MAX)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// PCRs of one bank, and which bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankSelection {
    /// The bank's algorithm, as the TPM numbers it (`TPM_ALG_ID`).
    pub algorithm_id: u16,
    /// The PCRs.
    pub pcrs: PcrMask,
}

impl BankSelection {
    /// The bank's algorithm; `None` for a number that is not known here.
    #[must_use]
    pub fn bank(&self) -> Option<Algorithm> {
        algorithm::hash(self.algorithm_id)
    }
}

/// Which PCRs of which banks, in the order in which a TPM concatenates their values: banks as they are listed,
/// in each the PCRs ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PcrSelection {
    banks: Vec<BankSelection>,
}

impl PcrSelection {
    /// A selection from its parts.
    #[must_use]
    pub fn new(banks: Vec<BankSelection>) -> Self {
        Self { banks }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, TpmError> {
        let count = reader.count("count of banks", MAX_BANKS)?;
        let banks = (0..count)
            .map(|_| {
                let algorithm_id = reader.u16()?;
                let offset = reader.offset();
                let len = reader.u8()?;
                if len > MAX_BITMAP_BYTES {
                    let limit = u64::from(MAX_BITMAP_BYTES);
                    return Err(reader.too_large("sizeofSelect", offset, u64::from(len), limit));
                }
                let pcrs = PcrMask::from_bitmap(reader.take(usize::from(len))?);
                Ok(BankSelection { algorithm_id, pcrs })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { banks })
    }

    /// The banks, as they are listed. One without PCRs can be among them: a TPM returns an empty bitmap for a
    /// bank that it does not have.
    #[must_use]
    pub fn banks(&self) -> &[BankSelection] {
        &self.banks
    }

    /// Every selected PCR, in the order in which their values are concatenated.
    pub fn pcrs(&self) -> impl Iterator<Item = (BankSelection, u8)> {
        self.banks
            .iter()
            .flat_map(|bank| bank.pcrs.iter().map(|index| (*bank, index)))
    }

    /// How many PCRs are selected; one that is selected twice counts twice, as it is hashed twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.banks
            .iter()
            .fold(0, |sum, bank| sum.saturating_add(bank.pcrs.len()))
    }

    /// Whether no PCR is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether PCR `index` of `bank` is selected.
    #[must_use]
    pub fn covers(&self, bank: Algorithm, index: u8) -> bool {
        self.banks
            .iter()
            .any(|selected| selected.bank() == Some(bank) && selected.pcrs.contains(index))
    }

    /// Whether both select the same PCRs in the same order. How long their bitmaps are, and banks without
    /// PCRs, make no difference.
    #[must_use]
    pub fn selects_the_same(&self, other: &Self) -> bool {
        self.pcrs()
            .map(|(bank, index)| (bank.algorithm_id, index))
            .eq(other.pcrs().map(|(bank, index)| (bank.algorithm_id, index)))
    }
}

impl fmt::Display for PcrSelection {
    /// As tpm2-tools write it: `sha1:10+sha256:0,7,10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, selected) in self.banks.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { "+" })?;
            match selected.bank() {
                Some(bank) => write!(f, "{bank}:")?,
                None => write!(f, "{:#06x}:", selected.algorithm_id)?,
            }
            if selected.pcrs.is_empty() {
                f.write_str("none")?;
            }
            for (number, index) in selected.pcrs.iter().enumerate() {
                write!(f, "{}{index}", if number == 0 { "" } else { "," })?;
            }
        }
        Ok(())
    }
}

impl FromStr for PcrSelection {
    type Err = TpmError;

    /// Reads what tpm2-tools take: `sha256:0,7,10+sha1:all`, where `all` is PCR 0 to 23.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = |problem| TpmError::SelectionMalformed {
            text: text.to_owned(),
            problem,
        };
        let banks = text
            .split('+')
            .map(|part| {
                let (bank, pcrs) = part.split_once(':').ok_or(malformed("no colon after a bank"))?;
                let algorithm_id = bank
                    .parse()
                    .ok()
                    .and_then(algorithm::hash_id)
                    .ok_or(malformed("no bank of a TPM has this name"))?;
                let pcrs = match pcrs {
                    "all" => (0..24).fold(PcrMask::default(), PcrMask::with),
                    pcrs => pcrs.split(',').try_fold(PcrMask::default(), |mask, index| {
                        let index = index.parse().ok().filter(|&index| index < MAX_PCRS);
                        index
                            .map(|index| mask.with(index))
                            .ok_or(malformed("no PCR has this number"))
                    })?,
                };
                Ok(BankSelection { algorithm_id, pcrs })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { banks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_read_and_written_as_tpm2_tools_do() {
        let rows = [
            ("sha256:10", "sha256:10", 1),
            ("sha1:10+sha256:10,0,7", "sha1:10+sha256:0,7,10", 4),
            (
                "sha384:all",
                "sha384:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
                24,
            ),
            ("sm3_256:31", "sm3:31", 1),
        ];
        for (text, written, len) in rows {
            let selection: PcrSelection = text.parse().unwrap();
            assert_eq!(selection.to_string(), written);
            assert_eq!(selection.len(), len);
        }
        for text in [
            "",
            "sha256",
            "sha256:",
            "md5:1",
            "sha256:32",
            "sha256:1,,2",
            "sha256:-1",
            "sha256:1+",
        ] {
            assert!(text.parse::<PcrSelection>().is_err(), "{text}");
        }
    }
}
