//! The trees, in which everything is an item with a key.
//!
//! ```text
//! node    0 checksum of the rest [32]   32 id of the filesystem [16]   48 its own logical address   80 generation
//!        88 tree   96 entries u32   100 level u8   101 entries
//! key     0 object u64   8 kind u8   9 offset u64
//! level 0       key, start of the item behind byte 101 u32, its bytes u32; the items, the first one last
//! other levels  first key of a node below, its logical address u64, its generation u64
//! ```
//!
//! Source: Linux, `fs/btrfs/ctree.c`, `fs/btrfs/tree-checker.c`.

use std::ops::{ControlFlow, Range, RangeInclusive};
use std::sync::Arc;

use super::checksum::CHECKSUM_BYTES;
use super::{Btrfs, BtrfsError};
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index, le32, le64};
use crate::image::disk::read_at::read_vec;

/// Levels of a tree (Linux, `BTRFS_MAX_LEVEL`), counted from 0.
pub(super) const MAX_LEVEL: u8 = 7;
pub(super) const KEY_BYTES: usize = 17;
const HEAD_BYTES: usize = 101;
const ITEM_BYTES: usize = 25;
const POINTER_BYTES: usize = 33;

/// What an item is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) object: u64,
    pub(super) kind: u8,
    pub(super) offset: u64,
}

impl Key {
    pub(super) fn new(object: u64, kind: u8, offset: u64) -> Self {
        Self { object, kind, offset }
    }

    pub(super) fn read(bytes: &[u8], at: usize) -> Self {
        let bytes = bytes.get(at..).unwrap_or_default();
        Self::new(le64(bytes, 0), byte(bytes, 8), le64(bytes, 9))
    }

    /// All keys of an object and a kind.
    pub(super) fn all(object: u64, kind: u8) -> RangeInclusive<Self> {
        Self::new(object, kind, 0)..=Self::new(object, kind, u64::MAX)
    }
}

/// Where a tree begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Root {
    /// Its number.
    pub(super) tree: u64,
    pub(super) logical: u64,
    pub(super) level: u8,
    pub(super) generation: u64,
}

/// A node whose checksum is right, and whose keys are in order.
pub(super) struct Node {
    level: u8,
    generation: u64,
    keys: Vec<Key>,
    below: Below,
}

enum Below {
    /// Places of the items, and the bytes that they are in.
    Items(Vec<Range<usize>>, Vec<u8>),
    /// Logical addresses and generations.
    Nodes(Vec<(u64, u64)>),
}

/// What is known of a node before it is read.
#[derive(Clone, Copy)]
struct Expected {
    logical: u64,
    level: u8,
    generation: u64,
    first: Option<Key>,
    /// The first key that belongs to the next node.
    end: Option<Key>,
}

/// Whether there is more to be seen.
pub(super) type Step = Result<ControlFlow<()>, DiskError>;

impl Btrfs {
    /// Shows the items of a range of keys, in order.
    pub(super) fn visit(
        &self,
        root: Root,
        range: &RangeInclusive<Key>,
        each: &mut dyn FnMut(Key, &[u8]) -> Step,
    ) -> Result<(), DiskError> {
        let expected = Expected {
            logical: root.logical,
            level: root.level,
            generation: root.generation,
            first: None,
            end: None,
        };
        self.descend(expected, range, each).map(|_| ())
    }

    /// The item with exactly this key.
    pub(super) fn item(&self, root: Root, key: Key) -> Result<Option<Vec<u8>>, DiskError> {
        let mut found = None;
        self.visit(root, &(key..=key), &mut |_, item| {
            found = Some(item.to_vec());
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// A node's keys lie between those that the one above it says, and are in order. So no node is of any use twice,
    /// and what a hostile tree can make us do is bounded.
    fn descend(
        &self,
        expected: Expected,
        range: &RangeInclusive<Key>,
        each: &mut dyn FnMut(Key, &[u8]) -> Step,
    ) -> Step {
        let node = self.node_at(expected)?;
        let start = node.keys.partition_point(|key| key < range.start());
        match &node.below {
            Below::Items(places, bytes) => {
                for (key, place) in node.keys.iter().zip(places).skip(start) {
                    if key > range.end() {
                        return Ok(ControlFlow::Break(()));
                    }
                    if each(*key, bytes.get(place.clone()).unwrap_or_default())?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Below::Nodes(nodes) => {
                // What is behind the start may begin in the node before it.
                let start = match node.keys.get(start) {
                    Some(key) if key == range.start() => start,
                    _ => start.saturating_sub(1),
                };
                for (number, (key, (logical, generation))) in
                    node.keys.iter().zip(nodes).enumerate().skip(start)
                {
                    if key > range.end() {
                        return Ok(ControlFlow::Break(()));
                    }
                    let below = Expected {
                        logical: *logical,
                        level: node.level.saturating_sub(1),
                        generation: *generation,
                        first: Some(*key),
                        end: node.keys.get(number.saturating_add(1)).copied().or(expected.end),
                    };
                    if self.descend(below, range, each)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn node_at(&self, expected: Expected) -> Result<Arc<Node>, DiskError> {
        let logical = expected.logical;
        let read = || self.read_node(expected).map(Arc::new);
        let node = self.nodes.get_or_insert_with(&logical, read)?;
        expected.check(&node)?;
        Ok(node)
    }

    /// The first copy of a node that is whole and the expected one.
    fn read_node(&self, expected: Expected) -> Result<Node, DiskError> {
        let logical = expected.logical;
        let len = self.superblock.node_bytes;
        let places = self
            .chunks
            .places(logical, u64::try_from(len).unwrap_or(u64::MAX))?;
        let mut first_error = None;
        for place in places {
            let read = read_vec(self.volume.as_ref(), place, len);
            let node = read.and_then(|bytes| {
                self.check_node(&bytes, logical)?;
                let node = Node::parse(bytes, logical)?;
                expected.check(&node)?;
                Ok(node)
            });
            match node {
                Ok(node) => return Ok(node),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| corrupt(logical, "the address is in no chunk")))
    }

    fn check_node(&self, bytes: &[u8], logical: u64) -> Result<(), DiskError> {
        let (stated, rest) = bytes.split_at_checked(CHECKSUM_BYTES).unwrap_or_default();
        let mark = if !self.superblock.checksum.is_right(rest, stated) {
            "checksum"
        } else if bytes.get(32..48) != Some(&self.superblock.metadata_id) {
            "filesystem's id"
        } else if le64(bytes, 48) != logical {
            "address"
        } else {
            return Ok(());
        };
        Err(damaged(logical, mark))
    }
}

impl Expected {
    fn check(&self, node: &Node) -> Result<(), DiskError> {
        let mark = if node.generation != self.generation {
            "generation"
        } else if node.level != self.level {
            "level"
        } else if self.first.is_some() && node.keys.first() != self.first.as_ref() {
            "first key"
        } else if self
            .end
            .is_some_and(|end| node.keys.last().is_some_and(|last| *last >= end))
        {
            "last key"
        } else {
            return Ok(());
        };
        Err(damaged(self.logical, mark))
    }
}

impl Node {
    fn parse(bytes: Vec<u8>, logical: u64) -> Result<Self, DiskError> {
        let (entries, level) = (index(le32(&bytes, 96)), byte(&bytes, 100));
        let body = bytes.get(HEAD_BYTES..).unwrap_or_default();
        let entry_bytes = if level == 0 { ITEM_BYTES } else { POINTER_BYTES };
        let head = entries.checked_mul(entry_bytes).and_then(|used| body.get(..used));
        let head = head.ok_or_else(|| corrupt(logical, "a node has more entries than it has room for"))?;
        // Only an empty tree has a node without entries.
        if entries == 0 && level > 0 {
            return Err(corrupt(logical, "a node has nothing below it"));
        }
        let entry = |number: usize| {
            let at = number.saturating_mul(entry_bytes);
            head.get(at..).unwrap_or_default()
        };
        let keys: Vec<Key> = (0..entries).map(|number| Key::read(entry(number), 0)).collect();
        if !keys.is_sorted_by(|left, right| left < right) {
            return Err(corrupt(logical, "the keys of a node are out of order"));
        }
        let generation = le64(&bytes, 80);
        let below = if level > 0 {
            let nodes = (0..entries).map(entry);
            Below::Nodes(nodes.map(|entry| (le64(entry, 17), le64(entry, 25))).collect())
        } else {
            let items = (0..entries).map(entry);
            let sizes = items.map(|entry| (index(le32(entry, 17)), index(le32(entry, 21))));
            let places = places(sizes, head.len(), body.len());
            let places = places.ok_or_else(|| corrupt(logical, "the items of a node overlap"))?;
            Below::Items(places, bytes)
        };
        Ok(Self {
            level,
            generation,
            keys,
            below,
        })
    }
}

/// Where the items are in their node; none if they do not lie one before the other, from its end on.
fn places(
    sizes: impl Iterator<Item = (usize, usize)>,
    head_bytes: usize,
    body_bytes: usize,
) -> Option<Vec<Range<usize>>> {
    let mut end = body_bytes;
    let mut places = Vec::new();
    for (start, len) in sizes {
        if start.checked_add(len)? != end || start < head_bytes {
            return None;
        }
        places.push(start.checked_add(HEAD_BYTES)?..end.checked_add(HEAD_BYTES)?);
        end = start;
    }
    Some(places)
}

fn damaged(logical: u64, mark: &'static str) -> DiskError {
    BtrfsError::Damaged {
        what: "node",
        logical,
        mark,
    }
    .into()
}

fn corrupt(logical: u64, problem: &'static str) -> DiskError {
    BtrfsError::Corrupt { logical, problem }.into()
}
