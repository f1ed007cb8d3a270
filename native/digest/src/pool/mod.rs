//! A pool that hashes many contents at once.
//!
//! One thread produces contents, `threads` others hash them. Where the algorithm allows it each thread keeps
//! two contents in flight, one in each lane ([`crate::lanes`]): as soon as one ends the next takes its lane.
//!
//! ```text
//! produce ──submit──► queue of 256 ──► thread 1: left lane · right lane ─┐
//!                                 └──► thread 2: left lane · right lane ─┴─► outcomes, in order of submission
//! ```

mod pair;
mod queue;
mod single;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use crate::lanes::Lanes;
use crate::{Algorithm, Control, Digest};

use queue::{Numbered, Stop, Worker};
pub use queue::{Stopped, Submit};

/// Bytes of one file, read by a hashing thread.
pub trait Content: Send {
    /// Why the bytes cannot be read.
    type Error: Send;

    /// Reads the next bytes into `buffer`; 0 only at the end. Opens what has to be opened.
    ///
    /// It may wait for the thread that calls [`Submit::submit`] if that thread, until it has given all bytes
    /// of this content, waits for no other content and submits none. Dropping a content must let such a
    /// thread go on: the pool drops contents early when it stops.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being read; the content is then given up.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error>;
}

impl<C: Content + ?Sized> Content for Box<C> {
    type Error = C::Error;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        (**self).read(buffer)
    }
}

/// What one call of [`Content::read`] is asked for: two such buffers fit in a core's second-level cache.
const READ_BYTES: usize = 128 << 10;

/// One call of [`Content::read`]: the bytes it gave.
fn read_into<'b, C: Content>(content: &mut C, buffer: &'b mut [u8]) -> Result<&'b [u8], C::Error> {
    let count = content.read(buffer)?;
    let bytes = buffer.get(..count);
    assert!(
        bytes.is_some(),
        "a content claims to have read more than it was asked for"
    );
    Ok(bytes.unwrap_or_default())
}

/// How the pool works.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions<'a> {
    /// The algorithms; every content is read once for all.
    pub algorithms: &'a [Algorithm],
    /// Hashing threads, beside the one that produces.
    pub threads: NonZeroUsize,
    /// Stop at the first content that fails.
    pub fail_fast: bool,
    /// Counters and the way to stop.
    pub control: &'a Control,
}

/// A content hashed to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    /// Bytes that were read.
    pub size_bytes: u64,
    /// One digest an algorithm, in the order of [`PoolOptions::algorithms`].
    pub digests: Box<[Digest]>,
}

/// What became of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<E> {
    /// It was hashed to its end.
    Hashed(Hashed),
    /// It could not be read.
    Failed(E),
    /// The pool stopped before it was hashed to its end.
    NotReached,
}

/// Runs `produce` on the calling thread while other threads hash what it submits.
///
/// Returns what `produce` returned, and one outcome a content in the order of submission.
///
/// ```
/// use ima_assay_digest::{Algorithm, Content, Control, Outcome, PoolOptions, hash_all};
///
/// struct Text(&'static [u8]);
///
/// impl Content for Text {
///     type Error = std::io::Error;
///
///     fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
///         std::io::Read::read(&mut self.0, buffer)
///     }
/// }
///
/// let options = PoolOptions {
///     algorithms: &[Algorithm::Sha256],
///     threads: std::thread::available_parallelism()?,
///     fail_fast: true,
///     control: &Control::default(),
/// };
/// let (last, outcomes) = hash_all(&options, |pool| {
///     pool.submit(Text(b"hello"))?;
///     pool.submit(Text(b"world"))
/// });
/// assert_eq!(last, Ok(1));
/// assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Hashed(hashed) if hashed.size_bytes == 5)));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// If `produce` or a content panics (with their panic, after all threads have ended), or a thread cannot be
/// started.
pub fn hash_all<C: Content, R>(
    options: &PoolOptions<'_>,
    produce: impl FnOnce(&Submit<'_, C>) -> R,
) -> (R, Vec<Outcome<C::Error>>) {
    let lanes = match *options.algorithms {
        [algorithm] => Lanes::detect(algorithm),
        _ => None,
    };
    hash_all_with(lanes, options, produce)
}

fn hash_all_with<C: Content, R>(
    lanes: Option<Lanes>,
    options: &PoolOptions<'_>,
    produce: impl FnOnce(&Submit<'_, C>) -> R,
) -> (R, Vec<Outcome<C::Error>>) {
    let stop = Stop::new(options.control);
    let stop = &stop;
    thread::scope(|scope| {
        let (submit, queue) = queue::bounded(stop);
        let mut threads = Vec::new();
        for _ in 0..options.threads.get() {
            let worker = Worker {
                queue: queue.clone(),
                stop,
                fail_fast: options.fail_fast,
            };
            threads.push(scope.spawn(move || work(&worker, lanes, options.algorithms)));
        }
        drop(queue);

        let produced = catch_unwind(AssertUnwindSafe(|| produce(&submit)));
        if produced.is_err() {
            stop.set();
        }
        let mut outcomes: Vec<Outcome<C::Error>> = Vec::new();
        outcomes.resize_with(submit.finish(), || Outcome::NotReached);
        let mut panicked = None;
        for thread in threads {
            match thread.join().and_then(|done| done) {
                Ok(done) => place(done, &mut outcomes),
                Err(payload) => panicked = panicked.or(Some(payload)),
            }
        }
        // A content's panic comes first: the producer's may follow from it.
        match (panicked, produced) {
            (None, Ok(produced)) => (produced, outcomes),
            (Some(payload), _) | (None, Err(payload)) => resume_unwind(payload),
        }
    })
}

/// The life of one worker: ends with the queue, even if a content panics.
fn work<C: Content>(
    worker: &Worker<'_, C>,
    lanes: Option<Lanes>,
    algorithms: &[Algorithm],
) -> thread::Result<Vec<Numbered<Outcome<C::Error>>>> {
    let done = catch_unwind(AssertUnwindSafe(|| match lanes {
        Some(lanes) => pair::work(worker, lanes),
        None => single::work(worker, algorithms),
    }));
    if done.is_err() {
        worker.stop.set();
        // What waits in the queue must still be dropped: the producer may be feeding it.
        while worker.wait().is_some() {}
    }
    done
}

/// Puts outcomes at their place in the order of submission.
fn place<E>(done: Vec<Numbered<Outcome<E>>>, outcomes: &mut [Outcome<E>]) {
    for Numbered { number, value } in done {
        if let Some(outcome) = outcomes.get_mut(number) {
            *outcome = value;
        }
    }
}
