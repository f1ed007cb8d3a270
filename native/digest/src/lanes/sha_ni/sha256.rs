//! SHA-256 (FIPS 180-4, 6.2.2). The instructions want the eight words of the state as ABEF and CDGH.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi32, _mm_storeu_si128,
};

use super::{Both, load};
use crate::lanes::{Block, State};

/// Round constants, FIPS 180-4, 4.2.2: sixteen rounds a row, four rounds a column.
#[rustfmt::skip]
static K: [[[u32; 4]; 4]; 4] = [
    [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5], [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3], [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    ],
    [
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc], [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7], [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    ],
    [
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13], [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3], [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    ],
    [
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5], [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208], [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ],
];

/// Takes as many blocks of each stream as both have.
#[target_feature(enable = "sha,avx")]
pub(super) fn compress(left: &mut State, left_blocks: &[Block], right: &mut State, right_blocks: &[Block]) {
    // Four big-endian words.
    let mask = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let (mut abef, mut cdgh) = load_states(left, right);
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        let before = (abef, cdgh);
        let mut w0 = load::<0>(left, right, mask);
        let mut w1 = load::<16>(left, right, mask);
        let mut w2 = load::<32>(left, right, mask);
        let mut w3 = load::<48>(left, right, mask);
        let [first @ .., [k0, k1, k2, k3]] = &K;
        // The four stand in full so that no word ever changes its register.
        for [k0, k1, k2, k3] in first {
            four_rounds(&mut abef, &mut cdgh, w0, k0);
            w0 = next_words(w0, w1, w2, w3);
            four_rounds(&mut abef, &mut cdgh, w1, k1);
            w1 = next_words(w1, w2, w3, w0);
            four_rounds(&mut abef, &mut cdgh, w2, k2);
            w2 = next_words(w2, w3, w0, w1);
            four_rounds(&mut abef, &mut cdgh, w3, k3);
            w3 = next_words(w3, w0, w1, w2);
        }
        four_rounds(&mut abef, &mut cdgh, w0, k0);
        four_rounds(&mut abef, &mut cdgh, w1, k1);
        four_rounds(&mut abef, &mut cdgh, w2, k2);
        four_rounds(&mut abef, &mut cdgh, w3, k3);
        abef = add(abef, before.0);
        cdgh = add(cdgh, before.1);
    }
    store_states(abef, cdgh, left, right);
}

#[inline]
#[target_feature(enable = "avx")]
fn add(one: Both, other: Both) -> Both {
    [_mm_add_epi32(one[0], other[0]), _mm_add_epi32(one[1], other[1])]
}

/// The message schedule: words t to t + 3 from the sixteen before them.
#[inline]
#[target_feature(enable = "sha,avx")]
fn next_words(w0: Both, w1: Both, w2: Both, w3: Both) -> Both {
    let sigma0 = [
        _mm_sha256msg1_epu32(w0[0], w1[0]),
        _mm_sha256msg1_epu32(w0[1], w1[1]),
    ];
    let seventh = [
        _mm_alignr_epi8::<4>(w3[0], w2[0]),
        _mm_alignr_epi8::<4>(w3[1], w2[1]),
    ];
    let sum = add(sigma0, seventh);
    [
        _mm_sha256msg2_epu32(sum[0], w3[0]),
        _mm_sha256msg2_epu32(sum[1], w3[1]),
    ]
}

#[inline]
#[target_feature(enable = "sha,avx")]
fn four_rounds(abef: &mut Both, cdgh: &mut Both, words: Both, constants: &[u32; 4]) {
    // SAFETY: the array has the 16 bytes that are read; no alignment is needed.
    let constants: __m128i = unsafe { _mm_loadu_si128(constants.as_ptr().cast()) };
    let low = add(words, [constants; 2]);
    // Each instruction makes the new ABEF out of the old one, in CDGH's register: the names swap twice.
    cdgh[0] = _mm_sha256rnds2_epu32(cdgh[0], abef[0], low[0]);
    cdgh[1] = _mm_sha256rnds2_epu32(cdgh[1], abef[1], low[1]);
    let high = [
        _mm_shuffle_epi32::<0x0e>(low[0]),
        _mm_shuffle_epi32::<0x0e>(low[1]),
    ];
    abef[0] = _mm_sha256rnds2_epu32(abef[0], cdgh[0], high[0]);
    abef[1] = _mm_sha256rnds2_epu32(abef[1], cdgh[1], high[1]);
}

/// ABEF and CDGH of both states.
#[inline]
#[target_feature(enable = "avx")]
fn load_states(left: &State, right: &State) -> (Both, Both) {
    let [left, right] = [left, right].map(|state| {
        // SAFETY: a state has 32 bytes: two halves of 16; no alignment is needed.
        let [abcd, efgh] = unsafe {
            [
                _mm_loadu_si128(state.as_ptr().cast()),
                _mm_loadu_si128(state.as_ptr().add(4).cast()),
            ]
        };
        let cdab = _mm_shuffle_epi32::<0xb1>(abcd);
        let efgh = _mm_shuffle_epi32::<0x1b>(efgh);
        [
            _mm_alignr_epi8::<8>(cdab, efgh),
            _mm_blend_epi16::<0xf0>(efgh, cdab),
        ]
    });
    ([left[0], right[0]], [left[1], right[1]])
}

#[inline]
#[target_feature(enable = "avx")]
fn store_states(abef: Both, cdgh: Both, left: &mut State, right: &mut State) {
    for (state, abef, cdgh) in [(left, abef[0], cdgh[0]), (right, abef[1], cdgh[1])] {
        let feba = _mm_shuffle_epi32::<0x1b>(abef);
        let dchg = _mm_shuffle_epi32::<0xb1>(cdgh);
        // SAFETY: a state has 32 bytes: two halves of 16; no alignment is needed.
        unsafe {
            _mm_storeu_si128(state.as_mut_ptr().cast(), _mm_blend_epi16::<0xf0>(feba, dchg));
            _mm_storeu_si128(state.as_mut_ptr().add(4).cast(), _mm_alignr_epi8::<8>(dchg, feba));
        }
    }
}
