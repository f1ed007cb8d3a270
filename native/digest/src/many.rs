//! Many messages that are all in memory, hashed on the calling thread.

use std::cell::Cell;

use crate::lanes::{Block, Lane, Lanes, Padding, State};
use crate::{Algorithm, Digest, hash};

/// The digests of `messages`, in their order, two at a time where the machine gains by it.
#[must_use]
pub fn hash_many(algorithm: Algorithm, messages: &[&[u8]]) -> Vec<Digest> {
    match Lanes::detect(algorithm) {
        Some(lanes) => hash_in_lanes(lanes, messages),
        None => messages.iter().map(|message| hash(algorithm, message)).collect(),
    }
}

fn hash_in_lanes(lanes: Lanes, messages: &[&[u8]]) -> Vec<Digest> {
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
    /// The rest of the message and its padding: the last `last_left` of these.
    last: [Block; 2],
    last_left: usize,
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
            last_left: 0,
        }
    }

    /// Takes the next message. None if there is none.
    fn load(&mut self) -> Option<()> {
        let (messages, digests) = self.waiting.get();
        let (message, messages) = messages.split_first()?;
        let (digest, digests) = digests.split_first()?;
        self.waiting.set((messages, digests));

        let (blocks, rest) = message.as_chunks();
        let padding = Padding::new(u64::try_from(message.len()).unwrap_or(u64::MAX));
        let last_bytes = rest.len().saturating_add(padding.bytes().len());
        let last = self.last.as_flattened_mut();
        let from = last.len().saturating_sub(last_bytes);
        let end = rest.iter().chain(padding.bytes());
        for (to, byte) in last.iter_mut().skip(from).zip(end) {
            *to = *byte;
        }
        self.last_left = last_bytes / 64;
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
            if self.last_left > 0 {
                let from = self.last.len().saturating_sub(self.last_left);
                return Some((&mut self.state, self.last.get(from..)?));
            }
            if let Some(digest) = self.digest.take() {
                digest.set(self.lanes.digest(&self.state));
            }
            self.load()?;
        }
    }

    fn advance(&mut self, blocks: usize) {
        match self.blocks.get(blocks..) {
            Some(rest) if !self.blocks.is_empty() => self.blocks = rest,
            _ => self.last_left = self.last_left.saturating_sub(blocks),
        }
    }
}
