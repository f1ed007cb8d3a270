//! The start of a block of LZ4.
//!
//! ```text
//! sequence   0 four bits of literals, four bits of a match   further bytes of the first length   literals
//!            offset u16   further bytes of the second length; a match has 4 bytes more than it says
//! ```
//!
//! `lz4_flex` unpacks blocks whose ends are known and wanted. Of a block that several files share the first bytes may
//! be all that is wanted, and before padding stood in front of a block nothing says where it ends.

use crate::image::disk::number::le16;

/// Bytes of the shortest match.
const MIN_MATCH: usize = 4;

/// The first `len` bytes of what a block unpacks to.
pub(super) fn start(block: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = block;
    loop {
        let (&token, behind) = rest.split_first()?;
        let (literals, behind) = length(token >> 4, behind)?;
        let wanted = literals.min(len.checked_sub(bytes.len())?);
        bytes.extend_from_slice(behind.get(..wanted)?);
        if bytes.len() >= len {
            return Some(bytes);
        }
        let behind = behind.get(literals..)?;
        let offset = usize::from(le16(behind, 0));
        let (matched, behind) = length(token & 0xf, behind.get(2..)?)?;
        let from = bytes.len().checked_sub(offset).filter(|_| offset > 0)?;
        let mut missing = matched.checked_add(MIN_MATCH)?.min(len.checked_sub(bytes.len())?);
        // A match may reach into what it makes: each round copies all that there is from its start on.
        while missing > 0 {
            let part = missing.min(bytes.len().checked_sub(from)?);
            bytes.extend_from_within(from..from.checked_add(part)?);
            missing = missing.checked_sub(part)?;
        }
        if bytes.len() >= len {
            return Some(bytes);
        }
        rest = behind;
    }
}

/// A length of which four bits are known, and what is behind it.
fn length(bits: u8, mut rest: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = usize::from(bits);
    if bits < 0xf {
        return Some((length, rest));
    }
    loop {
        let (&more, behind) = rest.split_first()?;
        length = length.checked_add(more.into())?;
        rest = behind;
        if more < 0xff {
            return Some((length, rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text with repetitions of every distance, and bytes without.
    fn sample() -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 0..300_u32 {
            bytes.extend(number.wrapping_mul(2_654_435_761).to_le_bytes());
            bytes.extend(std::iter::repeat_n(number as u8, number as usize % 40));
            bytes.extend_from_within(bytes.len() / 2..bytes.len() / 2 + number as usize % 30);
        }
        bytes
    }

    #[test]
    fn every_start_is_that_of_the_block_whatever_stands_behind_it() {
        let sample = sample();
        let mut block = lz4_flex::block::compress(&sample);
        block.extend([0; 100]);
        for len in (0..sample.len()).step_by(17).chain([sample.len()]) {
            assert_eq!(start(&block, len).as_deref(), sample.get(..len), "{len}");
        }
    }

    #[test]
    fn a_block_that_ends_too_early_or_points_out_of_itself_is_none() {
        let sample = sample();
        let block = lz4_flex::block::compress(&sample);
        for len in (0..block.len()).step_by(3) {
            assert_eq!(start(&block[..len], sample.len()), None, "{len}");
        }
        // One literal, then a match two bytes back, and one no bytes back.
        assert_eq!(start(&[0x10, b'a', 2, 0, 0], 10), None);
        assert_eq!(start(&[0x10, b'a', 0, 0, 0], 10), None);
        assert_eq!(start(&[0xf0, 0xff, 0xff], 10), None);
    }
}
