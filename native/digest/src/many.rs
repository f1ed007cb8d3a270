//! Many messages that are all in memory, hashed on the calling thread.

use std::cell::Cell;
use std::ops::Range;

use crate::lanes::{Block, Lane, Lanes, State, pad};
use crate::{Algorithm, Digest, hash};

/// The digests of `messages`, in their order, two at a time where the machine gains by it.
#[must_use]
pub fn hash_many(algorithm: Algorithm, messages: &[&[u8]]) -> Vec<Digest> {
    match Lanes::detect(algorithm) {
        Some(lanes) => hash_in_lanes(lanes, messages),
        None => messages.iter().map(|message| hash(algorithm, message)).collect(),
    }
}

pub(crate) fn hash_in_lanes(lanes: Lanes, messages: &[&[u8]]) -> Vec<Digest> {
    let digests: Vec<Cell<Digest>> = vec![Cell::new(lanes.digest(&lanes.initial())); messages.len()];
    let waiting = Cell::new((messages, digests.as_slice()));
    let mut left = MemoryLane::new(lanes, &waiting);
    let mut right = MemoryLane::new(lanes, &waiting);
    while lanes.step(&mut left, &mut right) {}
    digests.into_iter().map(Cell::into_inner).collect()
}

/// Messages that no lane has taken yet, and where their digests go.
type Waiting<'m> = Cell<(&'m [&'m [u8]], &'m [Cell<Digest>])>;

struct MemoryLane<'m> {
    lanes: Lanes,
    waiting: &'m Waiting<'m>,
    digest: Option<&'m Cell<Digest>>,
    state: State,
    /// Whole blocks of the message that are still to come.
    blocks: &'m [Block],
    /// The rest of the message and its padding.
    last: [Block; 2],
    /// Which blocks of `last` are still to come.
    last_ready: Range<usize>,
}

impl<'m> MemoryLane<'m> {
    fn new(lanes: Lanes, waiting: &'m Waiting<'m>) -> Self {
        Self {
            lanes,
            waiting,
            digest: None,
            state: lanes.initial(),
            blocks: &[],
            last: [[0; 64]; 2],
            last_ready: 0..0,
        }
    }

    /// Takes the next message. None if there is none.
    fn load(&mut self) -> Option<()> {
        let (messages, digests) = self.waiting.get();
        let (message, messages) = messages.split_first()?;
        let (digest, digests) = digests.split_first()?;
        self.waiting.set((messages, digests));

        let (blocks, rest) = message.as_chunks();
        self.last
            .as_flattened_mut()
            .get_mut(..rest.len())?
            .copy_from_slice(rest);
        let size_bytes = u64::try_from(message.len()).unwrap_or(u64::MAX);
        self.last_ready = 0..pad(&mut self.last, size_bytes);
        self.blocks = blocks;
        self.state = self.lanes.initial();
        self.digest = Some(digest);
        Some(())
    }
}

impl Lane for MemoryLane<'_> {
    fn ready(&mut self) -> Option<(&mut State, &[Block])> {
        loop {
            if !self.blocks.is_empty() {
                return Some((&mut self.state, self.blocks));
            }
            if !self.last_ready.is_empty() {
                return Some((&mut self.state, self.last.get(self.last_ready.clone())?));
            }
            if let Some(digest) = self.digest.take() {
                digest.set(self.lanes.digest(&self.state));
            }
            self.load()?;
        }
    }

    fn advance(&mut self, blocks: usize) {
        if self.blocks.is_empty() {
            self.last_ready.start = self.last_ready.start.saturating_add(blocks);
        } else {
            self.blocks = self.blocks.get(blocks..).unwrap_or_default();
        }
    }
}
