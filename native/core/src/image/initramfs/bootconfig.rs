//! The boot configuration that may follow an initramfs, which the kernel cuts off before it unpacks.
//!
//! ```text
//! … initramfs │ configuration, padded with NULs │ size u32le │ sum of its bytes u32le │ "#BOOTCONFIG\n" │ 0 to 3 NULs
//! ```
//!
//! Source: Linux, `init/main.c`, `get_boot_config_from_initrd`: where size or sum is wrong, nothing is cut.

use std::io;

const MAGIC: &[u8; 12] = b"#BOOTCONFIG\n";

/// Bytes a boot loader may have added to reach a multiple of four.
const MAX_PADDING: usize = 3;

/// How much is read at once to add it up.
const PIECE_BYTES: usize = 64 << 10;

/// Bytes at the end of an initramfs of `len` bytes that belong to its boot configuration, read with
/// `read_exact_at`.
pub(super) fn trailing_bytes(
    len: u64,
    mut read_exact_at: impl FnMut(&mut [u8], u64) -> io::Result<()>,
) -> io::Result<u64> {
    let tail_len = len.min(u64::try_from(MAGIC.len().saturating_add(MAX_PADDING)).unwrap_or(0));
    let mut tail = vec![0; usize::try_from(tail_len).unwrap_or(0)];
    read_exact_at(&mut tail, len.saturating_sub(tail_len))?;
    // The kernel takes the match nearest to the end.
    let Some(from_start) = tail.windows(MAGIC.len()).rposition(|window| window == MAGIC) else {
        return Ok(0);
    };
    let from_end = tail.len().saturating_sub(from_start);
    let Some(numbers_at) = len
        .checked_sub(u64::try_from(from_end).unwrap_or(u64::MAX))
        .and_then(|magic_at| magic_at.checked_sub(8))
    else {
        return Ok(0);
    };
    let (mut size, mut stated) = ([0; 4], [0; 4]);
    read_exact_at(&mut size, numbers_at)?;
    read_exact_at(&mut stated, numbers_at.saturating_add(4))?;
    let size = u64::from(u32::from_le_bytes(size));
    let Some(start) = numbers_at.checked_sub(size) else {
        return Ok(0);
    };
    let (mut sum, mut at) = (0_u32, start);
    let mut piece = vec![0; PIECE_BYTES];
    while at < numbers_at {
        let left = numbers_at.saturating_sub(at);
        let step = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let bytes = piece.get_mut(..step).unwrap_or_default();
        read_exact_at(bytes, at)?;
        sum = bytes
            .iter()
            .fold(sum, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        at = at.saturating_add(u64::try_from(step).unwrap_or(u64::MAX));
    }
    Ok(if sum == u32::from_le_bytes(stated) {
        len.saturating_sub(start)
    } else {
        0
    })
}
