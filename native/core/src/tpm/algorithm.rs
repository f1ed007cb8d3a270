//! `TPM_ALG_ID`: the numbers of hash algorithms and signature schemes (TCG Algorithm Registry).

use ima_assay_digest::Algorithm;

/// `TPM_ALG_NULL`: none.
pub const NULL: u16 = 0x0010;
/// `TPM_ALG_RSA`, the type of a key.
pub const RSA: u16 = 0x0001;
/// `TPM_ALG_ECC`, the type of a key.
pub const ECC: u16 = 0x0023;
/// `TPM_ALG_RSASSA`.
pub const RSASSA: u16 = 0x0014;
/// `TPM_ALG_RSAPSS`.
pub const RSAPSS: u16 = 0x0016;
/// `TPM_ALG_ECDSA`.
pub const ECDSA: u16 = 0x0018;

/// Hash algorithms of the registry, as far as IMA can name them too.
const HASHES: [(u16, Algorithm); 8] = [
    (0x0004, Algorithm::Sha1),
    (0x000b, Algorithm::Sha256),
    (0x000c, Algorithm::Sha384),
    (0x000d, Algorithm::Sha512),
    (0x0012, Algorithm::Sm3),
    (0x0027, Algorithm::Sha3_256),
    (0x0028, Algorithm::Sha3_384),
    (0x0029, Algorithm::Sha3_512),
];

/// The hash algorithm with this number.
#[must_use]
pub fn hash(id: u16) -> Option<Algorithm> {
    HASHES.iter().find(|row| row.0 == id).map(|row| row.1)
}

/// The number of a hash algorithm, if TPMs have one for it.
#[must_use]
pub fn hash_id(algorithm: Algorithm) -> Option<u16> {
    HASHES.iter().find(|row| row.1 == algorithm).map(|row| row.0)
}

/// The registry's name for a signature scheme or another algorithm that can stand in its place.
#[must_use]
pub fn name(id: u16) -> Option<&'static str> {
    Some(match id {
        0x0005 => "HMAC",
        NULL => "NULL",
        RSASSA => "RSASSA",
        RSAPSS => "RSAPSS",
        ECDSA => "ECDSA",
        0x001a => "ECDAA",
        0x001b => "SM2",
        0x001c => "ECSCHNORR",
        0x00a1 => "LMS",
        0x00a2 => "XMSS",
        _ => return None,
    })
}
