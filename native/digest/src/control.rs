//! What a caller can see of long work and do to it while it runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared between the caller and the threads at work: a way to stop, and counters to watch.
#[derive(Debug, Default)]
pub struct Control {
    cancelled: AtomicBool,
    files: AtomicU64,
    hashed_bytes: AtomicU64,
    input_bytes: AtomicU64,
    input_total_bytes: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Files hashed so far.
    pub files: u64,
    /// Bytes hashed so far.
    pub hashed_bytes: u64,
    /// Bytes of the inputs read so far, for inputs whose size is known.
    pub input_bytes: u64,
    /// Sum of the known sizes of the inputs; 0 where none is known (a tree).
    pub input_total_bytes: u64,
}

impl Control {
    /// Asks all threads to stop as soon as they can. There is no way back.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether someone asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Counts bytes that were hashed.
    pub fn add_hashed_bytes(&self, bytes: u64) {
        self.hashed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts files that were hashed to their end.
    pub fn add_files(&self, files: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
    }

    /// Counts bytes that were read from an input of known size.
    pub fn add_input_bytes(&self, bytes: u64) {
        self.input_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Announces an input of known size.
    pub fn add_input_total_bytes(&self, bytes: u64) {
        self.input_total_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The counters now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            files: self.files.load(Ordering::Relaxed),
            hashed_bytes: self.hashed_bytes.load(Ordering::Relaxed),
            input_bytes: self.input_bytes.load(Ordering::Relaxed),
            input_total_bytes: self.input_total_bytes.load(Ordering::Relaxed),
        }
    }
}
