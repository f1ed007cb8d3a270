//! The message of a quote.
//!
//! ```text
//! u32 magic ff544347 "\xffTCG" | u16 type 8018 | TPM2B qualifiedSigner | TPM2B extraData (the nonce)
//! u64 clock | u32 resetCount | u32 restartCount | u8 safe | u64 firmwareVersion
//! TPML_PCR_SELECTION | TPM2B pcrDigest
//! ```

use ima_assay_digest::{Algorithm, Digest, Hasher, MAX_LEN};

use crate::tpm::{PcrSelection, Reader, TpmError};

/// `TPM_GENERATED_VALUE`: a restricted key signs no other bytes that start like this.
const MAGIC: u32 = 0xff54_4347;
/// `TPM_ST_ATTEST_QUOTE`.
const QUOTE: u16 = 0x8018;
/// `TPMU_NAME`: an algorithm and its longest digest.
const MAX_NAME_BYTES: usize = MAX_LEN + 2;

/// The message of a quote, taken apart. Nothing of it counts before its signature is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attest<'a> {
    /// The name of the key and of its ancestors. Cannot be checked with the key alone.
    pub qualified_signer: &'a [u8],
    /// The nonce: what the asker gave.
    pub extra_data: &'a [u8],
    /// When it was made, in the TPM's own count.
    pub clock: ClockInfo,
    /// The version of the TPM's firmware, in the vendor's own count.
    pub firmware_version: u64,
    /// The PCRs that are quoted.
    pub selection: PcrSelection,
    /// The hash of their values.
    pub pcr_digest: &'a [u8],
}

/// `TPMS_CLOCK_INFO`. Two quotes with the same counts are from one boot of one TPM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockInfo {
    /// Milliseconds that the TPM was powered.
    pub clock_ms: u64,
    /// Counts up at every reset.
    pub reset_count: u32,
    /// Counts up at every restart or resume since the last reset.
    pub restart_count: u32,
    /// Whether the clock cannot have gone back.
    pub is_safe: bool,
}

/// Why a message is no quote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestFault {
    /// Not made by a TPM.
    #[error("the message does not start with a TPM's magic but with {found:#010x}")]
    Magic {
        /// What stands there.
        found: u32,
    },
    /// Made by a TPM, and no quote.
    #[error("the message is {}, no quote", attestation_name(*found))]
    Type {
        /// `TPMI_ST_ATTEST`.
        found: u16,
    },
    /// Cut or damaged.
    #[error(transparent)]
    Structure(#[from] TpmError),
}

/// `TPM_ST_ATTEST_*`.
fn attestation_name(id: u16) -> String {
    String::from(match id {
        0x8014 => "an attestation of NV contents",
        0x8015 => "an attestation of a session audit",
        0x8016 => "an attestation of a command audit",
        0x8017 => "a certification of a key",
        0x8019 => "an attestation of the time",
        0x801a => "an attestation of a creation",
        0x801c => "an attestation of an NV digest",
        _ => return format!("of the unknown type {id:#06x}"),
    })
}

/// Why no `pcrDigest` can be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PcrDigestFault {
    /// A value of a selected PCR is not given.
    #[error("the value of PCR {index} of the {bank} bank is not given")]
    ValueMissing {
        /// The bank.
        bank: Algorithm,
        /// The PCR.
        index: u8,
    },
    /// PCRs of a bank are selected that is not known here.
    #[error("PCRs of a bank with the unknown algorithm {id:#06x} are quoted")]
    BankUnknown {
        /// The `TPM_ALG_ID`.
        id: u16,
    },
}

impl<'a> Attest<'a> {
    /// Takes a message apart. All of it must be used up.
    ///
    /// # Errors
    /// [`AttestFault`].
    pub fn parse(message: &'a [u8]) -> Result<Self, AttestFault> {
        let mut reader = Reader::new("TPMS_ATTEST", message);
        let magic = reader.u32()?;
        if magic != MAGIC {
            return Err(AttestFault::Magic { found: magic });
        }
        let kind = reader.u16()?;
        if kind != QUOTE {
            return Err(AttestFault::Type { found: kind });
        }
        let attest = Self {
            qualified_signer: reader.sized("qualifiedSigner", MAX_NAME_BYTES)?,
            extra_data: reader.sized("extraData", MAX_NAME_BYTES)?,
            clock: ClockInfo {
                clock_ms: reader.u64()?,
                reset_count: reader.u32()?,
                restart_count: reader.u32()?,
                is_safe: {
                    let offset = reader.offset();
                    match reader.u8()? {
                        0 => false,
                        1 => true,
                        other => return Err(reader.unknown("safe", offset, u64::from(other)).into()),
                    }
                },
            },
            firmware_version: reader.u64()?,
            selection: PcrSelection::read(&mut reader)?,
            pcr_digest: reader.sized("pcrDigest", MAX_LEN)?,
        };
        reader.end()?;
        Ok(attest)
    }

    /// The `pcrDigest` that a TPM in this state would have quoted: the values of the selected PCRs, hashed in
    /// the selection's order with the hash algorithm of the signature.
    ///
    /// # Errors
    /// [`PcrDigestFault`].
    pub fn pcr_digest_of<'v>(
        &self,
        hash: Algorithm,
        mut value: impl FnMut(Algorithm, u8) -> Option<&'v Digest>,
    ) -> Result<Digest, PcrDigestFault> {
        let mut hasher = Hasher::new(hash);
        for (selected, index) in self.selection.pcrs() {
            let bank = selected.bank().ok_or(PcrDigestFault::BankUnknown {
                id: selected.algorithm_id,
            })?;
            let value = value(bank, index).ok_or(PcrDigestFault::ValueMissing { bank, index })?;
            hasher.update(value.bytes());
        }
        Ok(hasher.finish())
    }
}
