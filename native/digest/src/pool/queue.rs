//! The queue between the producer and the workers, and the ways in which it ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender};

use super::Content;
use crate::Control;

/// Contents that may wait: each may hold a file descriptor or the bytes of a small file.
const QUEUE_LEN: usize = 256;

/// Something that belongs to a content, with the content's number in the order of submission.
pub(super) struct Numbered<T> {
    pub(super) number: usize,
    pub(super) value: T,
}

/// Why a content is not taken: someone cancelled, or an earlier content failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hashing has stopped: it was cancelled, or an earlier content failed")]
pub struct Stopped;

/// The producer's end of the pool.
pub struct Submit<'p, C> {
    sender: Sender<Numbered<C>>,
    submitted: AtomicUsize,
    stop: &'p Stop<'p>,
}

impl<C: Content> Submit<'_, C> {
    /// Hands over a content; returns its number, counted from 0. Waits while the queue is full.
    ///
    /// # Errors
    /// [`Stopped`]: the content is dropped, and so will be all that follow.
    pub fn submit(&self, content: C) -> Result<usize, Stopped> {
        if self.stop.is_set() {
            return Err(Stopped);
        }
        let number = self.submitted.fetch_add(1, Ordering::Relaxed);
        // A worker takes from the queue for as long as there is a producer.
        self.sender
            .send(Numbered {
                number,
                value: content,
            })
            .map_err(|_| Stopped)?;
        Ok(number)
    }

    /// Ends the queue; returns how many contents went through it.
    pub(super) fn finish(self) -> usize {
        self.submitted.into_inner()
    }
}

/// A queue whose producer is told of `stop`.
pub(super) fn bounded<'p, C>(stop: &'p Stop<'p>) -> (Submit<'p, C>, Receiver<Numbered<C>>) {
    let (sender, receiver) = crossbeam_channel::bounded(QUEUE_LEN);
    let submit = Submit {
        sender,
        submitted: AtomicUsize::new(0),
        stop,
    };
    (submit, receiver)
}

/// Whether the work is to end early, for whichever reason.
pub(super) struct Stop<'a> {
    /// A content failed where that ends the work, or somebody panicked.
    failed: AtomicBool,
    control: &'a Control,
}

impl<'a> Stop<'a> {
    pub(super) fn new(control: &'a Control) -> Self {
        Self {
            failed: AtomicBool::new(false),
            control,
        }
    }

    pub(super) fn set(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || self.control.is_cancelled()
    }
}

/// A worker's end of the queue, and what it has to know.
pub(super) struct Worker<'a, C> {
    pub(super) queue: Receiver<Numbered<C>>,
    pub(super) stop: &'a Stop<'a>,
    pub(super) fail_fast: bool,
}

impl<'a, C> Worker<'a, C> {
    /// Waits for the next content. None at the end of all.
    pub(super) fn wait(&self) -> Option<Numbered<C>> {
        self.queue.recv().ok()
    }

    /// The next content, if one waits.
    pub(super) fn poll(&self) -> Option<Numbered<C>> {
        self.queue.try_recv().ok()
    }

    /// Drops what waits, so that a producer in `submit` goes on and sees the stop.
    pub(super) fn drain(&self) {
        while self.poll().is_some() {}
    }

    /// Takes note that a content failed.
    pub(super) fn failed(&self) {
        if self.fail_fast {
            self.stop.set();
        }
    }

    pub(super) fn tally(&self) -> Tally<'a> {
        Tally {
            control: self.stop.control,
            files: 0,
            bytes: 0,
        }
    }
}

/// Counts for one lane, so that threads do not fight over the shared counters.
pub(super) struct Tally<'a> {
    control: &'a Control,
    files: u64,
    bytes: u64,
}

impl Tally<'_> {
    const MAX_BYTES: u64 = 1 << 20;
    const MAX_FILES: u64 = 64;

    /// Counts bytes; returns their number in the type of sizes.
    pub(super) fn bytes(&mut self, count: usize) -> u64 {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(count);
        if self.bytes >= Self::MAX_BYTES {
            self.flush();
        }
        count
    }

    pub(super) fn file(&mut self) {
        self.files = self.files.saturating_add(1);
        if self.files >= Self::MAX_FILES {
            self.flush();
        }
    }

    /// Brings the shared counters up to date.
    pub(super) fn flush(&mut self) {
        if self.bytes > 0 {
            self.control.add_hashed_bytes(self.bytes);
        }
        if self.files > 0 {
            self.control.add_files(self.files);
        }
        (self.bytes, self.files) = (0, 0);
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}
