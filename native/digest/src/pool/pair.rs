//! A worker with two contents in flight, one in each lane.

use std::ops::Range;

use super::queue::{Numbered, Tally, Worker};
use super::{Content, Hashed, Outcome, READ_BYTES, read_into};
use crate::lanes::{Block, Lane, Lanes, State, pad};

/// Hashes contents until the queue ends.
pub(super) fn work<C: Content>(worker: &Worker<'_, C>, lanes: Lanes) -> Vec<Numbered<Outcome<C::Error>>> {
    let mut left = ContentLane::new(worker, lanes);
    let mut right = ContentLane::new(worker, lanes);
    loop {
        while lanes.step(&mut left, &mut right) {}
        // Only now, with nothing in flight: the content in a lane may need the producer to go on, and the
        // producer may have nothing to submit before that content's end.
        left.tally.flush();
        right.tally.flush();
        match worker.wait() {
            Some(next) => left.load(next),
            None => break,
        }
    }
    left.outcomes.append(&mut right.outcomes);
    left.outcomes
}

struct ContentLane<'a, C: Content> {
    worker: &'a Worker<'a, C>,
    lanes: Lanes,
    tally: Tally<'a>,
    outcomes: Vec<Numbered<Outcome<C::Error>>>,
    /// The content in this lane; none before its first and after its last.
    current: Option<Numbered<C>>,
    size_bytes: u64,
    state: State,
    /// Room for [`READ_BYTES`] and a padding.
    buffer: Box<[Block]>,
    /// Bytes of the buffer that are filled.
    filled: usize,
    /// Whole blocks of the buffer that are not yet in the state. What is filled behind them is no block yet.
    ready: Range<usize>,
    /// Whether the padding is in the buffer, so that nothing follows.
    padded: bool,
}

impl<'a, C: Content> ContentLane<'a, C> {
    fn new(worker: &'a Worker<'a, C>, lanes: Lanes) -> Self {
        Self {
            worker,
            lanes,
            tally: worker.tally(),
            outcomes: Vec::new(),
            current: None,
            size_bytes: 0,
            state: lanes.initial(),
            buffer: vec![[0; 64]; (READ_BYTES / 64).saturating_add(2)].into_boxed_slice(),
            filled: 0,
            ready: 0..0,
            padded: false,
        }
    }

    /// Puts a content into this empty lane.
    fn load(&mut self, next: Numbered<C>) {
        self.current = Some(next);
        self.size_bytes = 0;
        self.state = self.lanes.initial();
        self.filled = 0;
        self.ready = 0..0;
        self.padded = false;
    }

    /// Reads until the buffer is full or the content at its end, and then adds the padding.
    fn fill(&mut self, content: &mut C) -> Result<(), C::Error> {
        let buffer = self.buffer.as_flattened_mut();
        let rest = self.ready.end.saturating_mul(64)..self.filled;
        self.filled = rest.len();
        buffer.copy_within(rest, 0);
        while let Some(room @ [_, ..]) = buffer.get_mut(self.filled..READ_BYTES) {
            let count = read_into(content, room)?.len();
            self.filled = self.filled.saturating_add(count);
            self.size_bytes = self.size_bytes.saturating_add(self.tally.bytes(count));
            if count == 0 {
                let whole = self.filled / 64;
                let Some(room) = self.buffer.get_mut(whole..).and_then(<[Block]>::first_chunk_mut) else {
                    unreachable!("the buffer has two blocks more than are ever read");
                };
                self.ready = 0..whole.saturating_add(pad(room, self.size_bytes));
                self.padded = true;
                return Ok(());
            }
        }
        self.ready = 0..self.filled / 64;
        Ok(())
    }

    fn end(&mut self, number: usize, value: Outcome<C::Error>) {
        match value {
            Outcome::Failed(_) => self.worker.failed(),
            _ => self.tally.file(),
        }
        self.outcomes.push(Numbered { number, value });
    }
}

impl<C: Content> Lane for ContentLane<'_, C> {
    fn ready(&mut self) -> Option<(&mut State, &[Block])> {
        while self.ready.is_empty() {
            if self.worker.stop.is_set() {
                self.current = None;
                self.worker.drain();
                return None;
            }
            match self.current.take() {
                None => self.load(self.worker.poll()?),
                Some(Numbered { number, .. }) if self.padded => {
                    let hashed = Hashed {
                        size_bytes: self.size_bytes,
                        digests: Box::new([self.lanes.digest(&self.state)]),
                    };
                    self.end(number, Outcome::Hashed(hashed));
                }
                Some(mut current) => match self.fill(&mut current.value) {
                    Ok(()) => self.current = Some(current),
                    Err(error) => self.end(current.number, Outcome::Failed(error)),
                },
            }
        }
        Some((&mut self.state, self.buffer.get(self.ready.clone())?))
    }

    fn advance(&mut self, blocks: usize) {
        self.ready.start = self.ready.start.saturating_add(blocks);
    }
}
