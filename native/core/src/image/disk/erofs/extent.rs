//! The packed clusters of a file, and its end that may be kept elsewhere.
//!
//! ```text
//! header   at the next multiple of 8 behind the inode and its attributes
//!          0 offset in the packed inode u32, or 2 bytes of the end that is kept here u16   4 flags u16
//!          6 two algorithms of four bits   7 log2 of blocks in a cluster, three bits
//!          bit 63 set: all of the file is in the packed inode, at the offset that the other bits are
//! index    behind it, after 8 more bytes if it is a full one; then the end, if it is kept here
//! flags    1 packs of 16   2, 4 several blocks in a packed cluster of the first or the second kind   8 the end is here
//!          16 plain clusters are interlaced   32 the end is in the packed inode
//! ```
//!
//! Source: Linux, `fs/erofs/zmap.c`.

use super::index::{Cluster, Form, Head, Index, Kind, Window};
use super::inode::{Layout, Node};
use super::unpack::{MAX_BYTES, MAX_PACKED_BYTES, Packing};
use super::{Erofs, corrupt, unsupported};
use crate::image::disk::DiskError;
use crate::image::disk::number::{divide, le16, le32, le64};
use crate::image::disk::read_at::read_vec;

const HEADER_BYTES: u64 = 8;
const RESERVED_BYTES: u64 = 8;

/// All bytes are in the packed inode.
const IS_FRAGMENT: u64 = 1 << 63;
const CLUSTER_LOG: u8 = 7;

const PACKS_OF_16: u16 = 0x1;
const IS_BIG_FIRST: u16 = 0x2;
const IS_BIG_SECOND: u16 = 0x4;
const HAS_INLINE_END: u16 = 0x8;
const IS_INTERLACED: u16 = 0x10;
const HAS_FRAGMENT_END: u16 = 0x20;
const FLAGS: u16 = 0x3f;

/// A part of a file that is kept in one piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) data: Data,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Data {
    /// From this byte of the packed inode on.
    Fragment(u64),
    Cluster {
        place: u64,
        bytes: u64,
        packing: Packing,
    },
}

/// Where the bytes of a packed file are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Map {
    Fragment { offset: u64, size_bytes: u64 },
    Clusters(Clusters),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Clusters {
    index: Index,
    size_bytes: u64,
    flags: u16,
    /// Numbers of the algorithms.
    algorithms: [u8; 2],
    end: End,
}

/// What is kept elsewhere: what begins in a cluster and goes on to the end of the file.
#[derive(Debug, Clone, Copy)]
enum End {
    None,
    Inline { cluster: u64, place: u64, bytes: u64 },
    Fragment { cluster: u64, offset: u64 },
}

impl Erofs {
    /// Reads what belongs to a packed file that is not empty.
    pub(super) fn map(&self, node: &Node, window: &mut Window) -> Result<Map, DiskError> {
        let start = node.behind().next_multiple_of(HEADER_BYTES);
        let header = read_vec(self.volume.as_ref(), start, 8)?;
        let size_bytes = node.size_bytes;
        let whole = le64(&header, 0);
        if whole & IS_FRAGMENT != 0 {
            let offset = whole & !IS_FRAGMENT;
            return Ok(Map::Fragment { offset, size_bytes });
        }
        let flags = le16(&header, 4);
        let algorithms = header.get(6).copied().unwrap_or_default();
        let cluster_log = header.get(7).copied().unwrap_or_default() & CLUSTER_LOG;
        let is_full = node.layout == Layout::Packed { is_compact: false };
        if flags & !FLAGS != 0 || (is_full && flags & PACKS_OF_16 != 0) {
            return Err(unsupported(format!("a packed file with flags {flags:#x}")));
        }
        if cluster_log != 0 {
            return Err(unsupported(
                "a packed file with clusters of several blocks in its index",
            ));
        }
        let is_big = match flags & (IS_BIG_FIRST | IS_BIG_SECOND) {
            0 => false,
            some if is_full || some == IS_BIG_FIRST | IS_BIG_SECOND => true,
            _ => {
                return Err(corrupt(
                    start,
                    "packed clusters of which only some may have several blocks",
                ));
            }
        };
        let log = self.superblock.block_log;
        // A pack has no room for the offsets in larger blocks.
        if !is_full && (log > 14 || (log > 12 && flags & PACKS_OF_16 != 0)) {
            return Err(corrupt(
                start,
                "a compact index of blocks that are too large for it",
            ));
        }
        let behind = start.saturating_add(HEADER_BYTES);
        let index = Index {
            start: if is_full {
                behind.saturating_add(RESERVED_BYTES)
            } else {
                behind
            },
            form: match is_full {
                true => Form::Full,
                false => Form::Compact {
                    has_packs_of_16: flags & PACKS_OF_16 != 0,
                },
            },
            cluster_log: log,
            clusters: (size_bytes.saturating_sub(1) >> log).saturating_add(1),
            is_big,
        };
        let mut clusters = Clusters {
            index,
            size_bytes,
            flags,
            algorithms: [algorithms & 0xf, algorithms >> 4],
            end: End::None,
        };
        clusters.end = self.end(&clusters, window, &header)?;
        Ok(Map::Clusters(clusters))
    }

    /// Looks for the end that is kept elsewhere.
    fn end(&self, file: &Clusters, window: &mut Window, header: &[u8]) -> Result<End, DiskError> {
        let last = file.size_bytes.saturating_sub(1);
        match file.flags & (HAS_INLINE_END | HAS_FRAGMENT_END) {
            0 => Ok(End::None),
            HAS_INLINE_END => {
                let (cluster, _) = self.head(file, window, last)?;
                let place = file.index.behind(last >> file.index.cluster_log);
                let bytes = u64::from(le16(header, 2));
                let (_, inside) = divide(place, self.superblock.block_bytes());
                if bytes == 0 || inside.saturating_add(bytes) > self.superblock.block_bytes() {
                    return Err(file
                        .index
                        .corrupt("the end of a file is not in the block of its index"));
                }
                Ok(End::Inline {
                    cluster,
                    place,
                    bytes,
                })
            }
            HAS_FRAGMENT_END => {
                let (cluster, head) = self.head(file, window, last)?;
                let high = match file.index.form {
                    Form::Full => u64::from(head.block) << 32,
                    Form::Compact { .. } => 0,
                };
                let offset = high | u64::from(le32(header, 0));
                Ok(End::Fragment { cluster, offset })
            }
            _ => Err(file.index.corrupt("a file whose end is in two places")),
        }
    }

    /// The cluster in which what has byte `at` begins.
    fn head(&self, file: &Clusters, window: &mut Window, at: u64) -> Result<(u64, Head), DiskError> {
        let index = &file.index;
        let mut number = at >> index.cluster_log;
        let start_of = |number: u64| number << index.cluster_log;
        let mut back = match index.cluster(self.volume.as_ref(), window, number)? {
            Cluster::Head(head) if start_of(number).saturating_add(head.offset) <= at => {
                return Ok((number, head));
            }
            Cluster::Head(_) => 1,
            Cluster::Inner { back, .. } => back,
        };
        while back > 0 {
            number = number
                .checked_sub(back)
                .ok_or_else(|| index.corrupt("a cluster that belongs to one before the first"))?;
            if at.saturating_sub(start_of(number)) > MAX_BYTES.saturating_add(start_of(1)) {
                return Err(index.corrupt("a packed cluster of more bytes than one can have"));
            }
            back = match index.cluster(self.volume.as_ref(), window, number)? {
                Cluster::Head(head) => return Ok((number, head)),
                Cluster::Inner { back, .. } => back,
            };
        }
        Err(index.corrupt("a cluster that belongs to none before it"))
    }

    /// What has byte `at` of a file.
    pub(super) fn extent(&self, file: &Clusters, window: &mut Window, at: u64) -> Result<Extent, DiskError> {
        let (number, head) = self.head(file, window, at)?;
        let index = &file.index;
        let start = (number << index.cluster_log).saturating_add(head.offset);
        let (end, inner) = self.follow(file, window, number)?;
        if end <= at || end > file.size_bytes || end.saturating_sub(start) > MAX_BYTES {
            return Err(index.corrupt("a packed cluster of a length that none has"));
        }
        let (place, bytes) = match file.end {
            End::Fragment { cluster, offset } if cluster == number => {
                let data = Data::Fragment(offset);
                return Ok(Extent { start, end, data });
            }
            End::Inline {
                cluster,
                place,
                bytes,
            } if cluster == number => (place, bytes),
            _ => {
                let is_big = match head.kind {
                    Kind::First => file.flags & IS_BIG_FIRST != 0,
                    Kind::Plain | Kind::Second => file.flags & IS_BIG_SECOND != 0,
                };
                let blocks = match inner.filter(|_| is_big) {
                    None => 1,
                    Some(blocks) => blocks.unwrap_or_default(),
                };
                let log = self.superblock.block_log;
                (u64::from(head.block) << log, blocks << log)
            }
        };
        if bytes == 0 || bytes > MAX_PACKED_BYTES {
            return Err(index.corrupt("a packed cluster of no number of blocks that one has"));
        }
        let data = Data::Cluster {
            place,
            bytes,
            packing: self.packing(file, &head, start)?,
        };
        Ok(Extent { start, end, data })
    }

    /// Where what begins in a cluster ends, and what the first inner cluster behind it, if there is one, says of its
    /// blocks.
    fn follow(
        &self,
        file: &Clusters,
        window: &mut Window,
        number: u64,
    ) -> Result<(u64, Option<Option<u64>>), DiskError> {
        let index = &file.index;
        let most = (MAX_BYTES >> index.cluster_log).saturating_add(1);
        let mut inner = None;
        for distance in 1..=most {
            let next = number.saturating_add(distance);
            if next >= index.clusters {
                return Ok((file.size_bytes, inner));
            }
            match index.cluster(self.volume.as_ref(), window, next)? {
                Cluster::Head(head) => {
                    let end = (next << index.cluster_log).saturating_add(head.offset);
                    return Ok((end, inner));
                }
                Cluster::Inner { back, blocks } => {
                    // It may lead to one between them, since a distance has few bits.
                    if back == 0 || back > distance || (blocks.is_some() && distance > 1) {
                        return Err(index.corrupt("a cluster that belongs to none before it"));
                    }
                    inner.get_or_insert(blocks);
                }
            }
        }
        Err(index.corrupt("a packed cluster of more bytes than one can have"))
    }

    fn packing(&self, file: &Clusters, head: &Head, start: u64) -> Result<Packing, DiskError> {
        let [first, second] = file.algorithms;
        let number = match head.kind {
            Kind::Plain if file.flags & IS_INTERLACED != 0 => {
                let block_bytes = self.superblock.block_bytes();
                let (_, inside) = divide(start, block_bytes);
                return Ok(Packing::Interlaced(block_bytes.saturating_sub(inside)));
            }
            Kind::Plain => return Ok(Packing::Plain),
            Kind::First => first,
            Kind::Second => second,
        };
        match self.superblock.algorithm(number) {
            Some(algorithm) => Ok(Packing::Packed {
                algorithm,
                is_whole: !head.is_start_only,
            }),
            None => Err(unsupported(format!(
                "a file that is packed by algorithm {number}"
            ))),
        }
    }
}
