//! SHA-1 (FIPS 180-4, 6.1.2). The instructions want the first four words of the state together, A on top,
//! and the fifth on top of a register of its own.

use std::arch::x86_64::{
    _mm_add_epi32, _mm_cvtsi32_si128, _mm_extract_epi32, _mm_loadu_si128, _mm_set_epi64x, _mm_sha1msg1_epu32,
    _mm_sha1msg2_epu32, _mm_sha1nexte_epu32, _mm_sha1rnds4_epu32, _mm_shuffle_epi32, _mm_storeu_si128,
    _mm_xor_si128,
};

use super::{Both, load};
use crate::lanes::{Block, State};

/// Takes as many blocks of each stream as both have.
#[target_feature(enable = "sha,avx")]
pub(super) fn compress(left: &mut State, left_blocks: &[Block], right: &mut State, right_blocks: &[Block]) {
    // Four big-endian words, the first on top.
    let mask = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let (mut abcd, mut e) = load_states(left, right);
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        let before = (abcd, e);
        let mut words = [
            load::<0>(left, right, mask),
            load::<16>(left, right, mask),
            load::<32>(left, right, mask),
            load::<48>(left, right, mask),
        ];
        // The first four rounds take E as it is; the others make it from the A of four rounds ago.
        let [current, ..] = words;
        let first = [_mm_add_epi32(e[0], current[0]), _mm_add_epi32(e[1], current[1])];
        e = abcd;
        abcd = rounds::<0>(abcd, first);
        words = shift_in(words, next_words(words));
        for _ in 1..5 {
            words = four_rounds::<0>(&mut abcd, &mut e, words);
        }
        for _ in 5..10 {
            words = four_rounds::<1>(&mut abcd, &mut e, words);
        }
        for _ in 10..15 {
            words = four_rounds::<2>(&mut abcd, &mut e, words);
        }
        for _ in 15..20 {
            words = four_rounds::<3>(&mut abcd, &mut e, words);
        }
        e = next_e(e, before.1);
        abcd = [
            _mm_add_epi32(abcd[0], before.0[0]),
            _mm_add_epi32(abcd[1], before.0[1]),
        ];
    }
    store_states(abcd, e, left, right);
}

#[inline]
#[target_feature(enable = "sha,avx")]
fn rounds<const FUNCTION: i32>(abcd: Both, e: Both) -> Both {
    [
        _mm_sha1rnds4_epu32::<FUNCTION>(abcd[0], e[0]),
        _mm_sha1rnds4_epu32::<FUNCTION>(abcd[1], e[1]),
    ]
}

/// E of these rounds, out of the state four rounds ago, added to `words`.
#[inline]
#[target_feature(enable = "sha,avx")]
fn next_e(abcd: Both, words: Both) -> Both {
    [
        _mm_sha1nexte_epu32(abcd[0], words[0]),
        _mm_sha1nexte_epu32(abcd[1], words[1]),
    ]
}

/// Four rounds with the first of `words`; the others and the next four for the rounds to come.
#[inline]
#[target_feature(enable = "sha,avx")]
fn four_rounds<const FUNCTION: i32>(abcd: &mut Both, e: &mut Both, words: [Both; 4]) -> [Both; 4] {
    let [current, ..] = words;
    let this_e = next_e(*e, current);
    *e = *abcd;
    *abcd = rounds::<FUNCTION>(*abcd, this_e);
    shift_in(words, next_words(words))
}

#[inline]
fn shift_in([_, second, third, fourth]: [Both; 4], next: Both) -> [Both; 4] {
    [second, third, fourth, next]
}

/// The message schedule: words t to t + 3 from the sixteen before them.
#[inline]
#[target_feature(enable = "sha,avx")]
fn next_words([w0, w1, w2, w3]: [Both; 4]) -> Both {
    let partial = [_mm_sha1msg1_epu32(w0[0], w1[0]), _mm_sha1msg1_epu32(w0[1], w1[1])];
    let partial = [_mm_xor_si128(partial[0], w2[0]), _mm_xor_si128(partial[1], w2[1])];
    [
        _mm_sha1msg2_epu32(partial[0], w3[0]),
        _mm_sha1msg2_epu32(partial[1], w3[1]),
    ]
}

/// A to D, and E, of both states.
#[inline]
#[target_feature(enable = "avx")]
fn load_states(left: &State, right: &State) -> (Both, Both) {
    let [left, right] = [left, right].map(|state| {
        // SAFETY: the first four words of a state are 16 bytes; no alignment is needed.
        let dcba = unsafe { _mm_loadu_si128(state.as_ptr().cast()) };
        let e = _mm_cvtsi32_si128(state[4].cast_signed());
        [_mm_shuffle_epi32::<0x1b>(dcba), _mm_shuffle_epi32::<0x1b>(e)]
    });
    ([left[0], right[0]], [left[1], right[1]])
}

#[inline]
#[target_feature(enable = "avx")]
fn store_states(abcd: Both, e: Both, left: &mut State, right: &mut State) {
    for (state, abcd, e) in [(left, abcd[0], e[0]), (right, abcd[1], e[1])] {
        // SAFETY: the first four words of a state are 16 bytes; no alignment is needed.
        unsafe { _mm_storeu_si128(state.as_mut_ptr().cast(), _mm_shuffle_epi32::<0x1b>(abcd)) };
        state[4] = _mm_extract_epi32::<3>(e).cast_unsigned();
    }
}
