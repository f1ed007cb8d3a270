//! CRC-32C as the kernel chains it: from a start, and without the last inversion.

/// Goes on from `start` over these bytes.
pub(super) fn crc32c(start: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!start, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_kernels() {
        // The check value of CRC-32C, before its last inversion.
        assert_eq!(crc32c(!0, b"123456789"), !0xe306_9283);
        assert_eq!(crc32c(crc32c(!0, b"1234"), b"56789"), !0xe306_9283);
    }
}
