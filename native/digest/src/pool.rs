//! A pool that hashes many files at once.

/// Bytes of one file, read by a hashing thread.
pub trait Content: Send {
    /// Why the bytes cannot be read.
    type Error: Send;

    /// Reads the next bytes into `buffer`; 0 only at the end. Opens what has to be opened.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being read; the content is then given up.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error>;
}
