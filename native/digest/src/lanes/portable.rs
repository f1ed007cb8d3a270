//! One stream at a time, through RustCrypto: it uses the hash instructions of x86 and ARM where they are.

use super::{Block, State};

/// FIPS 180-4, 5.3.1.
pub(super) const SHA1_INITIAL: State = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
    0,
    0,
    0,
];

/// FIPS 180-4, 5.3.2.
pub(super) const SHA224_INITIAL: State = [
    0xc105_9ed8,
    0x367c_d507,
    0x3070_dd17,
    0xf70e_5939,
    0xffc0_0b31,
    0x6858_1511,
    0x64f9_8fa7,
    0xbefa_4fa4,
];

/// FIPS 180-4, 5.3.3.
pub(super) const SHA256_INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

pub(super) fn sha256(state: &mut State, blocks: &[Block]) {
    sha2::block_api::compress256(state, blocks);
}

pub(super) fn sha1(state: &mut State, blocks: &[Block]) {
    if let Some(words) = state.first_chunk_mut::<5>() {
        sha1::block_api::compress(words, blocks);
    }
}
