//! Two streams with the SHA instructions of x86 processors, instruction by instruction in turn.
//!
//! `sha256rnds2` takes four cycles and a new one can start every second cycle; two streams keep the unit
//! busy, three or four need more registers than there are and gain nothing. AVX is here for its encoding: with a
//! third operand most copies of registers go, which were a third of all instructions and 5 % of the time while the
//! other half of a core is busy. Processors with SHA but without AVX, small ones, hash one stream at a time.

mod sha1;
mod sha256;

use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_shuffle_epi8};

use super::{Block, State, Two};
use crate::Algorithm;

/// The same value of the left and the right stream.
type Both = [__m128i; 2];

/// The compression function of `algorithm`, if this processor has the instructions.
pub(super) fn detect(algorithm: Algorithm) -> Option<Two> {
    let has_instructions = is_x86_feature_detected!("sha") && is_x86_feature_detected!("avx");
    match algorithm {
        Algorithm::Sha1 if has_instructions => Some(sha1),
        Algorithm::Sha224 | Algorithm::Sha256 if has_instructions => Some(sha256),
        _ => None,
    }
}

fn sha1(left: &mut State, left_blocks: &[Block], right: &mut State, right_blocks: &[Block]) {
    // SAFETY: only `detect` hands this function out, and only where the processor has the instructions.
    unsafe { sha1::compress(left, left_blocks, right, right_blocks) }
}

fn sha256(left: &mut State, left_blocks: &[Block], right: &mut State, right_blocks: &[Block]) {
    // SAFETY: only `detect` hands this function out, and only where the processor has the instructions.
    unsafe { sha256::compress(left, left_blocks, right, right_blocks) }
}

/// Sixteen bytes of each block, put in the order of `mask`.
#[inline]
#[target_feature(enable = "avx")]
fn load<const AT: usize>(left: &Block, right: &Block, mask: __m128i) -> Both {
    const { assert!(AT <= 48) };
    // SAFETY: a block has 64 bytes, so 16 can be read from its 48th at the latest; no alignment is needed.
    let [left, right] = unsafe {
        [
            _mm_loadu_si128(left.as_ptr().add(AT).cast()),
            _mm_loadu_si128(right.as_ptr().add(AT).cast()),
        ]
    };
    [_mm_shuffle_epi8(left, mask), _mm_shuffle_epi8(right, mask)]
}
