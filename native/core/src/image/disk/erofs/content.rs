//! The bytes of a file: as they are, unpacked, or from the inode that ends of files are packed in together.

use std::sync::Arc;

use super::extent::{Data, Extent, Map};
use super::index::Window;
use super::inode::{Layout, Node};
use super::{Erofs, corrupt};
use crate::image::disk::DiskError;
use crate::image::disk::filesystem::Kind;
use crate::image::disk::number::{index, len64};
use crate::image::disk::read_at::read_vec;

/// Bytes of a packed inode that are read at once, where it is kept as it is.
const PIECE_BYTES: u64 = 64 << 10;

/// Longest target of a symbolic link (Linux, `PATH_MAX`).
const MAX_TARGET_BYTES: u64 = 4096;

/// The inode in which whole files and the ends of others are.
pub(super) struct Packed {
    node: Node,
    /// None if it is kept as it is.
    map: Option<Map>,
}

/// Bytes that were read and not handed on yet.
#[derive(Default)]
struct Chunk {
    bytes: Arc<Vec<u8>>,
    taken: usize,
    end: usize,
}

impl Chunk {
    /// Those of `bytes` from `start` on, `most` of them if there are more.
    fn new(bytes: Arc<Vec<u8>>, start: u64, most: u64) -> Self {
        let end = len64(&bytes).min(start.saturating_add(most));
        Self {
            bytes,
            taken: index(start),
            end: index(end),
        }
    }

    /// Moves as many bytes as there are, and as `buffer` takes.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let from = self.bytes.get(self.taken..self.end).unwrap_or_default();
        let len = from.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), from.get(..len)) {
            to.copy_from_slice(from);
        }
        self.taken = self.taken.saturating_add(len);
        len
    }
}

impl Erofs {
    /// Opens the packed inode, if there is one.
    pub(super) fn open_packed(&self) -> Result<Option<Packed>, DiskError> {
        let Some(number) = self.superblock.packed else {
            return Ok(None);
        };
        let node = self.node(number)?;
        let map = match node.layout {
            Layout::Packed { .. } if node.size_bytes > 0 => Some(self.map(&node, &mut Window::default())?),
            _ => None,
        };
        Ok(Some(Packed { node, map }))
    }

    /// Fills `buffer` from the packed inode.
    pub(super) fn read_packed(&self, mut at: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let mut window = Window::default();
        let mut rest = buffer;
        while !rest.is_empty() {
            let done = self.piece(&mut window, at, u64::MAX)?.take(rest);
            at = at.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
            rest = rest.get_mut(done..).unwrap_or_default();
        }
        Ok(())
    }

    /// Bytes of the packed inode from `at` on: at least one, and at most `most`.
    fn piece(&self, window: &mut Window, at: u64, most: u64) -> Result<Chunk, DiskError> {
        let outside = |at| corrupt(at, "a place in the packed inode that it does not have");
        let packed = self.packed.as_ref().ok_or_else(|| outside(at))?;
        if at >= packed.node.size_bytes {
            return Err(outside(at));
        }
        let Some(map) = &packed.map else {
            let run = self.run(&packed.node, at)?;
            let len = run.bytes.min(PIECE_BYTES);
            let bytes = match run.place {
                Some(place) => read_vec(self.volume.as_ref(), place, index(len))?,
                None => vec![0; index(len)],
            };
            return Ok(Chunk::new(Arc::new(bytes), 0, most));
        };
        let in_itself = || packed.node.corrupt("the packed inode is in itself");
        let Map::Clusters(clusters) = map else {
            return Err(in_itself());
        };
        let extent = self.extent(clusters, window, at)?;
        if matches!(extent.data, Data::Fragment(_)) {
            return Err(in_itself());
        }
        let bytes = self
            .pieces
            .get_or_insert_with(&extent.start, || self.unpack(&extent).map(Arc::new))?;
        Ok(Chunk::new(bytes, at.saturating_sub(extent.start), most))
    }

    /// The bytes of an extent that has a cluster.
    fn unpack(&self, extent: &Extent) -> Result<Vec<u8>, DiskError> {
        let Data::Cluster {
            place,
            bytes,
            packing,
        } = extent.data
        else {
            return Ok(Vec::new());
        };
        let packed = read_vec(self.volume.as_ref(), place, index(bytes))?;
        let len = extent.end.saturating_sub(extent.start);
        packing
            .unpack(packed, len, self.superblock.has_zero_padding)
            .ok_or_else(|| corrupt(place, "a cluster does not unpack"))
    }

    /// The bytes of a file, directory or symbolic link.
    pub(in crate::image::disk) fn bytes(&self, file: &Node) -> Bytes<'_> {
        Bytes {
            fs: self,
            node: file.clone(),
            at: 0,
            map: None,
            extent: None,
            window: Window::default(),
            packed_window: Window::default(),
            chunk: Chunk::default(),
        }
    }

    /// The target of a symbolic link.
    pub(in crate::image::disk) fn target(&self, link: &Node) -> Result<Option<Vec<u8>>, DiskError> {
        if link.kind != Kind::Symlink {
            return Ok(None);
        }
        if link.size_bytes == 0 || link.size_bytes > MAX_TARGET_BYTES {
            return Err(link.corrupt("a symbolic link to nothing, or too far"));
        }
        let mut target = vec![0; index(link.size_bytes)];
        self.bytes(link).read(&mut target)?;
        Ok(Some(target))
    }
}

/// The bytes of a file, in order. What belongs to it is looked up at the first read, by the thread that reads.
pub(in crate::image::disk) struct Bytes<'f> {
    fs: &'f Erofs,
    node: Node,
    /// Bytes that were handed on.
    at: u64,
    map: Option<Map>,
    extent: Option<Extent>,
    window: Window,
    packed_window: Window,
    chunk: Chunk,
}

impl Bytes<'_> {
    /// Fills `buffer`, or as much of it as there are bytes left.
    pub(in crate::image::disk) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let left = index(self.node.size_bytes.saturating_sub(self.at));
        let len = buffer.len().min(left);
        let mut rest = buffer.get_mut(..len).unwrap_or_default();
        while !rest.is_empty() {
            let done = match self.node.layout {
                Layout::Packed { .. } => self.unpacked(rest)?,
                _ => self.plain(rest)?,
            };
            self.at = self.at.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
            rest = rest.get_mut(done..).unwrap_or_default();
        }
        Ok(len)
    }

    fn plain(&self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let run = self.fs.run(&self.node, self.at)?;
        let len = buffer.len().min(index(run.bytes));
        let buffer = buffer.get_mut(..len).unwrap_or_default();
        match run.place {
            Some(place) => self.fs.volume.read_at(place, buffer)?,
            None => buffer.fill(0),
        }
        Ok(len)
    }

    fn unpacked(&mut self, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let done = self.chunk.take(buffer);
        if done > 0 {
            return Ok(done);
        }
        self.chunk = self.next()?;
        match self.chunk.take(buffer) {
            0 => Err(self.node.corrupt("a packed file ends too early")),
            done => Ok(done),
        }
    }

    /// The bytes that follow, as many as are kept in one piece.
    fn next(&mut self) -> Result<Chunk, DiskError> {
        let map = match self.map {
            Some(map) => map,
            None => *self.map.insert(self.fs.map(&self.node, &mut self.window)?),
        };
        let clusters = match map {
            Map::Clusters(clusters) => clusters,
            Map::Fragment { offset, size_bytes } => {
                let (at, most) = (offset.saturating_add(self.at), size_bytes.saturating_sub(self.at));
                return self.fs.piece(&mut self.packed_window, at, most);
            }
        };
        let extent = match self.extent.filter(|extent| self.at < extent.end) {
            Some(extent) => extent,
            None => *self
                .extent
                .insert(self.fs.extent(&clusters, &mut self.window, self.at)?),
        };
        let inside = self.at.saturating_sub(extent.start);
        match extent.data {
            Data::Fragment(offset) => {
                let most = extent.end.saturating_sub(self.at);
                self.fs
                    .piece(&mut self.packed_window, offset.saturating_add(inside), most)
            }
            Data::Cluster { .. } => Ok(Chunk::new(Arc::new(self.fs.unpack(&extent)?), inside, u64::MAX)),
        }
    }
}
