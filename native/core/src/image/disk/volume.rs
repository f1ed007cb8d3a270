//! The parts of a disk that can hold a filesystem, and what each of them is.

use std::sync::Arc;

use super::btrfs;
use super::erofs;
use super::ext4;
use super::filesystem::Filesystem;
use super::lvm::{self, LogicalVolume};
use super::number::{le16, le32};
use super::read_at::{Part, ReadAt, read_vec};
use super::table::{Guid, Partition, Table, guid_text};
use super::{DiskError, number, squashfs, xfs};
use crate::error::Explain as _;
use crate::image::{Fact, Layer};
use crate::path::Escaped;

/// Bytes looked at to tell what a volume is: iso9660 and btrfs say it latest.
const HEAD_BYTES: u64 = 68 << 10;

/// A filesystem that can be read, or why it cannot.
pub(super) type Opened = Result<Filesystem, DiskError>;

/// A partition, the whole disk where there are none, or a logical volume.
pub(super) struct Volume {
    pub(super) partition: Option<Partition>,
    pub(super) logical: Option<lvm::Name>,
    /// `ext4`, `xfs`, `swap`, …
    pub(super) kind: &'static str,
    pub(super) label: String,
    /// The filesystem's own id, as `fstab` has it.
    pub(super) uuid: String,
    /// None if it is of a kind that is not read.
    pub(super) filesystem: Option<Opened>,
    /// None of a logical volume that cannot be put together.
    size_bytes: Option<u64>,
}

impl Volume {
    /// All volumes of a disk: the partitions, and what LVM makes of them.
    pub(super) fn all(disk: &Arc<dyn ReadAt>, table: Option<&Table>) -> Result<Vec<Self>, DiskError> {
        let parts: Vec<(Arc<dyn ReadAt>, Option<Partition>)> = match table {
            None => vec![(Arc::clone(disk), None)],
            Some(table) => table
                .partitions
                .iter()
                .map(|partition| {
                    require_whole(disk.as_ref(), partition)?;
                    let part = Part::new(Arc::clone(disk), partition.start, partition.size_bytes);
                    let part: Arc<dyn ReadAt> = Arc::new(part);
                    Ok((part, Some(partition.clone())))
                })
                .collect::<Result<_, DiskError>>()?,
        };
        let mut volumes = Vec::new();
        let mut physical = Vec::new();
        for (part, partition) in parts {
            let volume = Self::look(Arc::clone(&part), partition)?;
            if volume.kind == LVM {
                physical.push((volumes.len(), part));
            }
            volumes.push(volume);
        }
        let parts: Vec<_> = physical.iter().map(|(_, part)| Arc::clone(part)).collect();
        let found = lvm::assemble(&parts);
        for (number, error) in found.failed {
            let place = physical.get(number).map(|(place, _)| *place);
            if let Some(volume) = place.and_then(|place| volumes.get_mut(place)) {
                volume.filesystem = Some(Err(error));
            }
        }
        volumes.extend(found.volumes.into_iter().map(Self::of_lvm));
        Ok(volumes)
    }

    /// A disk that is an ISO 9660 filesystem, and may have partitions as well, so that it also starts from a USB stick.
    /// Before the filesystem there may be anything, so that what is no whole table is none.
    pub(super) fn with_iso9660(disk: &Arc<dyn ReadAt>) -> Result<(Option<Table>, Vec<Self>), DiskError> {
        let table = Table::read(disk.as_ref()).unwrap_or_default();
        let mut volumes = Self::all(disk, None)?;
        if table.is_some() {
            volumes.extend(Self::all(disk, table.as_ref())?);
        }
        Ok((table, volumes))
    }

    /// A logical volume. What keeps it from being read matters once it is the root or mounted.
    fn of_lvm(volume: LogicalVolume) -> Self {
        let looked = volume.bytes.and_then(|bytes| Self::look(bytes, None));
        let found = looked.unwrap_or_else(|error| Self {
            partition: None,
            logical: None,
            kind: "unknown",
            label: String::new(),
            uuid: String::new(),
            filesystem: Some(Err(error)),
            size_bytes: None,
        });
        Self {
            logical: Some(volume.name),
            ..found
        }
    }

    fn look(volume: Arc<dyn ReadAt>, partition: Option<Partition>) -> Result<Self, DiskError> {
        let size_bytes = volume.size_bytes();
        let head = read_vec(volume.as_ref(), 0, number::index(HEAD_BYTES.min(size_bytes)))?;
        let kind = kind_of(&head);
        let (label, uuid) = names_of(kind, &head);
        Ok(Self {
            partition,
            logical: None,
            kind,
            label,
            uuid,
            filesystem: match kind {
                BTRFS => Some(Filesystem::open_btrfs(volume)),
                EROFS => Some(Filesystem::open_erofs(volume)),
                EXT4 => Some(Filesystem::open_ext4(volume)),
                ISO9660 => Some(Filesystem::open_iso9660(volume)),
                VFAT => Some(Filesystem::open_vfat(volume)),
                XFS => Some(Filesystem::open_xfs(volume)),
                SQUASHFS => Some(Filesystem::open_squashfs(volume)),
                _ => None,
            },
            size_bytes: Some(size_bytes),
        })
    }

    /// Its number; none for a whole disk and a logical volume.
    pub(super) fn number(&self) -> Option<u32> {
        self.partition.as_ref().map(|partition| partition.number)
    }

    /// Whether it is the disk as a whole.
    pub(super) fn is_disk(&self) -> bool {
        self.partition.is_none() && self.logical.is_none()
    }

    /// Whether a person means it by a number, 0 for the disk as a whole, or by `group/volume`.
    pub(super) fn is_named(&self, name: &str) -> bool {
        let number = self.number().map(|number| number.to_string());
        let path = self.logical.as_ref().map(lvm::Name::path);
        number.or(path).map_or(name == "0", |known| known == name)
    }

    /// Whether its kind of filesystem can hold a system: vfat has neither owners nor links.
    pub(super) fn can_be_root(&self) -> bool {
        self.filesystem.is_some() && self.kind != VFAT
    }

    /// Whether its filesystem is read as its journal makes it.
    pub(super) fn is_replayed(&self) -> bool {
        matches!(&self.filesystem, Some(Ok(filesystem)) if filesystem.is_replayed())
    }

    /// How a person calls it.
    pub(super) fn name(&self) -> String {
        match (&self.logical, self.number()) {
            (Some(name), _) => format!("volume {}", Escaped(name.path().as_bytes())),
            (None, Some(number)) => format!("partition {number}"),
            (None, None) => "the disk".to_owned(),
        }
    }

    /// Name and kind, and what keeps it from being read.
    pub(super) fn description(&self) -> String {
        match &self.filesystem {
            Some(Err(error)) => format!("{} ({}, {})", self.name(), self.kind, error.code()),
            _ => format!("{} ({})", self.name(), self.kind),
        }
    }

    /// The part of the disk, as `inspect` shows it.
    pub(super) fn layer(&self, mount: Option<&[u8]>) -> Layer {
        let mut facts = Vec::new();
        let mut text = |name, value: &str| {
            if !value.is_empty() {
                facts.push((name, Fact::Text(value.to_owned())));
            }
        };
        if let Some(name) = &self.logical {
            text("name", &name.path());
        }
        text("filesystem", self.kind);
        text("label", &self.label);
        text("uuid", &self.uuid);
        if let Some(partition) = &self.partition {
            text("name", &partition.name);
            text(
                "type",
                &partition.type_id.as_ref().map(guid_text).unwrap_or_default(),
            );
        }
        text(
            "mountedAt",
            &mount.map(String::from_utf8_lossy).unwrap_or_default(),
        );
        if self.is_replayed() {
            text("journal", "replayed");
        }
        if let Some(Err(error)) = &self.filesystem {
            text("unreadable", error.code());
        }
        if let Some(number) = self.number() {
            facts.insert(0, ("number", Fact::Text(number.to_string())));
        }
        let (kind, offset_bytes) = match (&self.partition, &self.logical) {
            (Some(partition), _) => ("partition", Some(partition.start)),
            // Its pieces may be anywhere.
            (None, Some(_)) => ("volume", None),
            (None, None) => ("volume", Some(0)),
        };
        Layer {
            kind,
            offset_bytes,
            size_bytes: self.size_bytes,
            facts,
            layers: Vec::new(),
        }
    }
}

pub(super) const BTRFS: &str = "btrfs";
const EROFS: &str = "erofs";
const EXT4: &str = "ext4";
pub(super) const ISO9660: &str = "iso9660";
const VFAT: &str = "vfat";
const XFS: &str = "xfs";
const SQUASHFS: &str = "squashfs";
const LVM: &str = "LVM2";

/// Whether a disk without a partition table may start like this: filesystems that leave its first sector to others
/// come first, since anything may be in there.
pub(super) fn is_filesystem(head: &[u8]) -> bool {
    ext4::looks_like(head) || xfs::looks_like(head) || squashfs::looks_like(head) || erofs::looks_like(head)
}

/// Text at a place that tells a kind.
const MAGICS: [(&str, usize, &[u8]); 9] = [
    (XFS, 0, b"XFSB"),
    (BTRFS, btrfs::MAGIC_AT, btrfs::MAGIC),
    (SQUASHFS, 0, b"hsqs"),
    ("LUKS", 0, b"LUKS\xba\xbe"),
    ("swap", 4086, b"SWAPSPACE2"),
    (ISO9660, 0x8001, b"CD001"),
    ("udf", 0x8001, b"BEA01"),
    (VFAT, 82, b"FAT32"),
    (VFAT, 54, b"FAT1"),
];

fn kind_of(head: &[u8]) -> &'static str {
    // Its mark is longer than that of ext4, which could be a part of its id.
    if erofs::looks_like(head) {
        return EROFS;
    }
    if ext4::looks_like(head) {
        return EXT4;
    }
    if lvm::looks_like(head) {
        return LVM;
    }
    MAGICS
        .iter()
        .find(|(_, at, magic)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
        .map_or("unknown", |(kind, ..)| kind)
}

/// Label and id of a filesystem, by which `fstab` calls it even if it cannot be read.
fn names_of(kind: &str, head: &[u8]) -> (String, String) {
    let text = |at: usize, len: usize| {
        let bytes = head
            .get(at..)
            .and_then(|rest| rest.get(..len))
            .unwrap_or_default();
        let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(bytes).trim_end().to_owned()
    };
    let uuid = |at: usize| {
        head.get(at..)
            .and_then(<[u8]>::first_chunk)
            .map(uuid_text)
            .unwrap_or_default()
    };
    let serial = |at: usize| format!("{:04X}-{:04X}", le16(head, at.saturating_add(2)), le16(head, at));
    match kind {
        EXT4 => (text(1144, 16), uuid(1128)),
        XFS => (text(108, 12), uuid(32)),
        EROFS => (text(1088, 16), uuid(1072)),
        BTRFS => (text(0x1_012b, 256), uuid(0x1_0020)),
        ISO9660 => (text(0x8028, 32), String::new()),
        "swap" => (text(1052, 16), uuid(1036)),
        VFAT if le16(head, 22) == 0 && le32(head, 36) != 0 => (text(71, 11), serial(67)),
        VFAT => (text(43, 11), serial(39)),
        _ => (String::new(), String::new()),
    }
}

/// Whether all of a partition is there: of an image that was cut the last one is not, and it may be one that can be
/// missing by fstab.
fn require_whole(disk: &dyn ReadAt, partition: &Partition) -> Result<(), DiskError> {
    let end = partition.start.saturating_add(partition.size_bytes);
    if end <= disk.size_bytes() {
        return Ok(());
    }
    Err(DiskError::BeyondEnd {
        offset: end.saturating_sub(1),
        size: disk.size_bytes(),
    })
}

/// A filesystem's id as people write it.
fn uuid_text(uuid: &Guid) -> String {
    let hex = ima_assay_digest::hex(uuid);
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}
