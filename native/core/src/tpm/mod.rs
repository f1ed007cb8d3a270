//! What quotes and PCR values share: the TPM's numbers, its marshaled structures, and PCR selections.
//!
//! Source of the layouts: TCG, *TPM 2.0 Library*, part 2 (Structures).

pub mod algorithm;
mod error;
mod reader;
mod selection;

pub use error::TpmError;
pub(crate) use reader::Reader;
pub use selection::{BankSelection, MAX_BANKS, MAX_PCRS, PcrMask, PcrSelection};
