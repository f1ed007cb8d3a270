//! The superblock, and its copies. Numbers of btrfs have their lowest byte first.
//!
//! ```text
//!   0 checksum of the rest [32]   32 id of the filesystem [16]   48 its own place   56 flags   64 "_BHRfS_M"
//!  72 generation    80 root tree    88 chunk tree   96 log tree   112 bytes   128 root directory of the root tree
//! 136 devices      144 bytes of a sector u32   148 of a node u32   160 of the system chunks u32
//! 164 generation of the chunk tree   188 incompatible features u64   196 kind of checksum u16
//! 198 levels of the root and 199 of the chunk tree   201 this device: number u64, bytes u64, …
//! 299 label [256]   571 id that metadata has, if it is another [16]   811 system chunks [2048]
//! ```
//!
//! Source: Linux, `include/uapi/linux/btrfs_tree.h`, `fs/btrfs/disk-io.c` (`btrfs_validate_super`).

use super::BtrfsError;
use super::checksum::{CHECKSUM_BYTES, Checksum};
use super::tree::{MAX_LEVEL, Root};
use crate::image::disk::DiskError;
use crate::image::disk::number::{byte, index, le16, le32, le64};
use crate::image::disk::read_at::{ReadAt, read_vec};

pub(in crate::image::disk) const MAGIC: &[u8] = b"_BHRfS_M";
/// Where the magic is on a volume.
pub(in crate::image::disk) const MAGIC_AT: usize = 0x1_0040;
const SUPERBLOCK_BYTES: usize = 4096;
/// The superblock and its copies; as many as there is room for.
const PLACES: [u64; 3] = [64 << 10, 64 << 20, 256 << 30];
const MAX_SYSTEM_CHUNKS: usize = 2048;
const SYSTEM_CHUNKS_AT: usize = 811;
const SECTORS: std::ops::RangeInclusive<u32> = 2048..=65536;

const ROOT_TREE: u64 = 1;
const CHUNK_TREE: u64 = 3;

/// Written, being balanced, and having seen an error: none of them changes what lies where.
const KNOWN_FLAGS: u64 = 0x7;
const FLAGS: [(&str, u64); 7] = [
    (
        "the flag of a seed, which another filesystem is built on",
        1 << 32,
    ),
    ("the flag of a metadata dump, without the bytes of files", 1 << 33),
    ("the flag of a metadata dump, without the bytes of files", 1 << 34),
    ("a change of its id that was interrupted", 1 << 35),
    ("a change of its id that was interrupted", 1 << 36),
    ("a change of its block groups that was interrupted", 1 << 38),
    ("a change of its checksums that was interrupted", 3 << 39),
];

/// Incompatible features: name, bit, and whether a reader here can do without more. RAID5 and RAID6 are refused where
/// there is a chunk of them.
const FEATURES: [(&str, u64, bool); 17] = [
    ("mixed backrefs", 1, true),
    ("default subvolume", 1 << 1, true),
    ("mixed groups", 1 << 2, true),
    ("lzo", 1 << 3, true),
    ("zstd", 1 << 4, true),
    ("big metadata", 1 << 5, true),
    ("extended iref", 1 << 6, true),
    ("raid56", 1 << 7, true),
    ("skinny metadata", 1 << 8, true),
    ("no holes", 1 << 9, true),
    ("metadata uuid", METADATA_ID, true),
    ("raid1c34", 1 << 11, true),
    ("zoned", 1 << 12, false),
    ("extent tree v2", 1 << 13, false),
    ("raid stripe tree", 1 << 14, false),
    ("simple quota", 1 << 16, true),
    ("remap tree", 1 << 17, false),
];
const METADATA_ID: u64 = 1 << 10;

/// What a reader needs of a superblock.
#[derive(Debug)]
pub(super) struct Superblock {
    pub(super) root_tree: Root,
    pub(super) chunk_tree: Root,
    pub(super) root_directory: u64,
    pub(super) sector_bytes: u64,
    pub(super) node_bytes: usize,
    pub(super) device: u64,
    /// Bytes of the device that are the filesystem's.
    pub(super) size_bytes: u64,
    pub(super) checksum: Checksum,
    /// What metadata names as its filesystem.
    pub(super) metadata_id: [u8; 16],
    /// Chunks of the chunk tree itself.
    pub(super) system_chunks: Vec<u8>,
}

impl Superblock {
    /// The superblock, or a copy of it where its checksum is wrong.
    pub(super) fn read(volume: &dyn ReadAt) -> Result<Self, DiskError> {
        let mut first_error = None;
        let mut id = None;
        for place in PLACES {
            let end = place.saturating_add(4096);
            if end > volume.size_bytes() && first_error.is_some() {
                break;
            }
            let bytes = read_vec(volume, place, SUPERBLOCK_BYTES)?;
            // A copy of a filesystem that was there before has another id.
            let is_ours = *id.get_or_insert(id_at(&bytes, 32)) == id_at(&bytes, 32);
            match check(&bytes, place) {
                Ok(checksum) if is_ours => {
                    let superblock = Self::parse(&bytes, checksum)?;
                    if superblock.size_bytes > volume.size_bytes() {
                        return Err(DiskError::BeyondEnd {
                            offset: superblock.size_bytes.saturating_sub(1),
                            size: volume.size_bytes(),
                        });
                    }
                    return Ok(superblock);
                }
                Ok(_) => {}
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(impossible))
    }

    fn parse(bytes: &[u8], checksum: Checksum) -> Result<Self, DiskError> {
        refuse_flags(le64(bytes, 56))?;
        let incompatible = le64(bytes, 188);
        refuse_features(incompatible)?;
        let devices = le64(bytes, 136);
        if devices != 1 {
            return Err(BtrfsError::DeviceMissing { devices }.into());
        }
        if le64(bytes, 96) != 0 {
            return Err(BtrfsError::LogDirty.into());
        }
        let (sector, node) = (le32(bytes, 144), le32(bytes, 148));
        let system_chunks = bytes
            .get(SYSTEM_CHUNKS_AT..)
            .and_then(|rest| rest.get(..index(le32(bytes, 160))))
            .filter(|chunks| chunks.len() <= MAX_SYSTEM_CHUNKS);
        let is_possible = SECTORS.contains(&sector)
            && sector.is_power_of_two()
            && SECTORS.contains(&node)
            && node.is_power_of_two()
            && node >= 4096
            && node >= sector
            && byte(bytes, 198) <= MAX_LEVEL
            && byte(bytes, 199) <= MAX_LEVEL;
        let Some(system_chunks) = system_chunks.filter(|_| is_possible) else {
            return Err(impossible());
        };
        let generation = le64(bytes, 72);
        Ok(Self {
            root_tree: Root {
                tree: ROOT_TREE,
                logical: le64(bytes, 80),
                level: byte(bytes, 198),
                generation,
            },
            chunk_tree: Root {
                tree: CHUNK_TREE,
                logical: le64(bytes, 88),
                level: byte(bytes, 199),
                generation: le64(bytes, 164),
            },
            root_directory: le64(bytes, 128),
            sector_bytes: sector.into(),
            node_bytes: index(node),
            device: le64(bytes, 201),
            size_bytes: le64(bytes, 209),
            checksum,
            metadata_id: id_at(bytes, if incompatible & METADATA_ID == 0 { 32 } else { 571 }),
            system_chunks: system_chunks.to_vec(),
        })
    }
}

/// Checks that this is a superblock, and the one of this place.
fn check(bytes: &[u8], place: u64) -> Result<Checksum, DiskError> {
    let damaged = |mark| {
        Err(BtrfsError::Damaged {
            what: "superblock",
            logical: place,
            mark,
        }
        .into())
    };
    let number = le16(bytes, 196);
    if bytes.get(64..72) != Some(MAGIC) {
        return damaged("magic");
    }
    let Some(checksum) = Checksum::of_number(number) else {
        return Err(unsupported(format!("checksums of kind {number}")));
    };
    let (stated, rest) = bytes.split_at_checked(CHECKSUM_BYTES).unwrap_or_default();
    if !checksum.is_right(rest, stated) {
        return damaged("checksum");
    }
    if le64(bytes, 48) != place {
        return damaged("place");
    }
    Ok(checksum)
}

fn id_at(bytes: &[u8], at: usize) -> [u8; 16] {
    let id = bytes.get(at..).and_then(<[u8]>::first_chunk);
    id.copied().unwrap_or_default()
}

fn impossible() -> DiskError {
    BtrfsError::Superblock {
        problem: "it has sizes that no filesystem has",
    }
    .into()
}

pub(super) fn unsupported(feature: impl Into<String>) -> DiskError {
    BtrfsError::Unsupported {
        feature: feature.into(),
    }
    .into()
}

fn refuse_flags(flags: u64) -> Result<(), DiskError> {
    if let Some((name, _)) = FLAGS.iter().find(|(_, bits)| flags & bits != 0) {
        return Err(unsupported(*name));
    }
    match flags & !KNOWN_FLAGS {
        0 => Ok(()),
        unknown => Err(unsupported(format!(
            "the flag of bit {}",
            unknown.trailing_zeros()
        ))),
    }
}

/// Features that change what lies where, and are not known, make every byte doubtful. Others that are not known
/// matter to those alone who write.
fn refuse_features(incompatible: u64) -> Result<(), DiskError> {
    let mut rest = incompatible;
    for (name, bit, is_supported) in FEATURES {
        if incompatible & bit != 0 && !is_supported {
            return Err(unsupported(format!("the incompatible feature {name}")));
        }
        rest &= !bit;
    }
    if rest != 0 {
        let bit = rest.trailing_zeros();
        return Err(unsupported(format!("the incompatible feature of bit {bit}")));
    }
    Ok(())
}

/// Whether a volume starts like a btrfs filesystem.
pub(in crate::image::disk) fn looks_like(head: &[u8]) -> bool {
    head.get(MAGIC_AT..).is_some_and(|rest| rest.starts_with(MAGIC))
}
