//! Which volume is the root, and where its `fstab` mounts the others.

use super::DiskError;
use super::btrfs::Subvolume;
use super::filesystem::{Filesystem, Kind, Node};
use super::table::guid_text;
use super::volume::{BTRFS, ISO9660, Volume};

/// Types of root partitions by the Discoverable Partitions Specification: x86-64, arm64.
const ROOT_TYPES: [&str; 2] = [
    "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
    "b921b045-1df0-41c3-af44-4c6f280d3fae",
];

/// Labels that image builders give a root.
const ROOT_LABELS: [&str; 3] = ["cloudimg-rootfs", "img-rootfs", "root"];

const MAX_FSTAB_BYTES: u64 = 1 << 20;
const MAX_LINKS: usize = 40;

/// A volume at its place in the tree.
pub(super) struct Mount<'d> {
    /// None if it is not in the image.
    pub(super) volume: Option<&'d Volume>,
    /// As `fstab` names it.
    pub(super) device: String,
    /// Empty for the root.
    pub(super) path: Vec<u8>,
    /// Which part of it, where it is a btrfs.
    pub(super) subvolume: Subvolume,
}

/// The root among the volumes.
///
/// # Errors
/// [`DiskError::PartitionMissing`], [`DiskError::RootMissing`], [`DiskError::RootAmbiguous`].
pub(super) fn find_root<'d>(volumes: &'d [Volume], wanted: Option<&str>) -> Result<&'d Volume, DiskError> {
    if let Some(name) = wanted {
        let found = volumes.iter().find(|volume| volume.is_named(name));
        return found.ok_or_else(|| DiskError::PartitionMissing {
            name: name.to_owned(),
            known: describe(volumes.iter()),
        });
    }
    // A partition that begins where an ISO 9660 filesystem on the disk does is the same once more.
    let is_iso9660 = |volume: &&Volume| volume.kind == ISO9660;
    let has_iso9660 = volumes.iter().filter(is_iso9660).any(Volume::is_disk);
    let readable: Vec<&Volume> = volumes
        .iter()
        .filter(|volume| volume.can_be_root())
        .filter(|volume| !has_iso9660 || volume.is_disk() || !is_iso9660(volume))
        .collect();
    let systems: Vec<&Volume> = readable
        .iter()
        .copied()
        .filter(|volume| is_system(volume))
        .collect();
    let candidates = match (systems.as_slice(), readable.as_slice()) {
        ([root], _) | ([], [root]) => return Ok(root),
        ([], []) => {
            return Err(DiskError::RootMissing {
                known: describe(volumes.iter()),
            });
        }
        ([], readable) => readable,
        (systems, _) => systems,
    };
    let by_type = |volume: &&Volume| {
        let type_id = volume.partition.as_ref().and_then(|partition| partition.type_id);
        type_id.is_some_and(|type_id| ROOT_TYPES.contains(&guid_text(&type_id).as_str()))
    };
    let by_label = |volume: &&Volume| ROOT_LABELS.contains(&volume.label.as_str());
    only(candidates, by_type)
        .or_else(|| only(candidates, by_label))
        .ok_or_else(|| DiskError::RootAmbiguous {
            candidates: describe(candidates.iter().copied()),
        })
}

fn only<'d>(volumes: &[&'d Volume], is_wanted: impl Fn(&&Volume) -> bool) -> Option<&'d Volume> {
    let mut wanted = volumes.iter().copied().filter(|volume| is_wanted(volume));
    wanted.next().filter(|_| wanted.next().is_none())
}

fn describe<'d>(volumes: impl Iterator<Item = &'d Volume>) -> String {
    let all: Vec<String> = volumes.map(Volume::description).collect();
    if all.is_empty() {
        return "none".to_owned();
    }
    all.join(", ")
}

/// Whether it has what a system has.
fn is_system(volume: &Volume) -> bool {
    let Some(Ok(filesystem)) = &volume.filesystem else {
        return false;
    };
    [&b"/etc/os-release"[..], b"/usr/lib/os-release"]
        .iter()
        .any(|path| matches!(look_up(filesystem, path), Ok(Some(_))))
}

/// What is at a path, links followed; none if nothing is.
pub(super) fn look_up(filesystem: &Filesystem, path: &[u8]) -> Result<Option<Node>, DiskError> {
    let mut directories = vec![filesystem.root()?];
    let mut pending: Vec<Vec<u8>> = steps(path);
    let mut links: usize = 0;
    while let Some(step) = pending.pop() {
        if step == b".." {
            if directories.len() > 1 {
                directories.pop();
            }
            continue;
        }
        let Some(directory) = directories.last().filter(|node| node.kind() == Kind::Directory) else {
            return Ok(None);
        };
        let entries = filesystem.list(directory)?;
        let found = entries.into_iter().find(|(name, _)| *name == step);
        let Some(node) = found
            .map(|(_, entry)| filesystem.node(entry))
            .transpose()?
            .flatten()
        else {
            return Ok(None);
        };
        if node.kind() != Kind::Symlink {
            directories.push(node);
            continue;
        }
        links = links.saturating_add(1);
        let Some(target) = filesystem.target(&node)?.filter(|_| links <= MAX_LINKS) else {
            return Ok(None);
        };
        if target.starts_with(b"/") {
            directories.truncate(1);
        }
        pending.extend(steps(&target));
    }
    Ok(directories.pop())
}

/// The steps of a path, the first one last.
fn steps(path: &[u8]) -> Vec<Vec<u8>> {
    let steps = path.split(|&byte| byte == b'/').rev();
    steps
        .filter(|step| !matches!(*step, [] | [b'.']))
        .map(<[u8]>::to_vec)
        .collect()
}

/// What the root's `fstab` says.
pub(super) struct Mounts<'d> {
    /// The root, and the others, each below the one before it.
    pub(super) mounts: Vec<Mount<'d>>,
    /// Devices that are not in the image and need not be there, with their paths.
    pub(super) optional: Vec<(String, Vec<u8>)>,
}

/// Reads the root's `fstab`.
///
/// # Errors
/// The root cannot be read.
pub(super) fn mounts<'d>(root: &'d Volume, volumes: &'d [Volume]) -> Result<Mounts<'d>, DiskError> {
    let mut found = Mounts {
        mounts: vec![Mount {
            volume: Some(root),
            device: String::new(),
            path: Vec::new(),
            subvolume: Subvolume::System,
        }],
        optional: Vec::new(),
    };
    let Some(Ok(filesystem)) = &root.filesystem else {
        return Ok(found);
    };
    let fstab = match look_up(filesystem, b"/etc/fstab")? {
        Some(node) if node.kind() == Kind::Regular => filesystem.small_file(&node, MAX_FSTAB_BYTES)?,
        _ => None,
    };
    for line in fstab.unwrap_or_default().split(|&byte| byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let mut fields = line.split_whitespace();
        let (Some(device), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let is_device = DEVICES.iter().any(|start| device.starts_with(start));
        if !is_device || !path.starts_with('/') || path == "/" || fields.next() == Some("swap") {
            continue;
        }
        let path = path.trim_end_matches('/').replace("\\040", " ").into_bytes();
        let volume = volumes.iter().find(|volume| is_called(volume, device));
        // Of a btrfs several subvolumes may be mounted.
        if volume.is_some_and(|volume| std::ptr::eq(volume, root) && volume.kind != BTRFS) {
            continue;
        }
        let options = fields.next().unwrap_or_default();
        let is_optional = options
            .split(',')
            .any(|option| matches!(option, "noauto" | "nofail"));
        if volume.is_none() && is_optional {
            found.optional.push((device.to_owned(), path));
        } else {
            found.mounts.push(Mount {
                volume,
                device: device.to_owned(),
                path,
                subvolume: Subvolume::of_options(options),
            });
        }
    }
    found.mounts.sort_by(|left, right| left.path.cmp(&right.path));
    found.mounts.dedup_by(|later, earlier| later.path == earlier.path);
    Ok(found)
}

/// How lines of `fstab` start that mount a device: the others are of the kernel or of the network.
const DEVICES: [&str; 5] = ["LABEL=", "UUID=", "PARTLABEL=", "PARTUUID=", "/dev/"];

/// Whether a line of `fstab` means this volume.
fn is_called(volume: &Volume, device: &str) -> bool {
    let partition = volume.partition.as_ref();
    let by = |name: &str, directory: &str| {
        device
            .strip_prefix(name)
            .map(|value| value.trim_matches('"'))
            .or_else(|| device.strip_prefix(directory))
            .filter(|value| !value.is_empty())
    };
    if let Some(label) = by("LABEL=", "/dev/disk/by-label/") {
        return volume.label == label;
    }
    if let Some(uuid) = by("UUID=", "/dev/disk/by-uuid/") {
        return volume.uuid.eq_ignore_ascii_case(uuid);
    }
    if let Some(id) = by("PARTUUID=", "/dev/disk/by-partuuid/") {
        let known = partition.and_then(|partition| partition.id);
        return known.is_some_and(|known| guid_text(&known).eq_ignore_ascii_case(id));
    }
    if let Some(name) = by("PARTLABEL=", "/dev/disk/by-partlabel/") {
        return partition.is_some_and(|partition| partition.name == name);
    }
    let Some(device) = device.strip_prefix("/dev/") else {
        return false;
    };
    if let Some(name) = &volume.logical {
        return device == name.path() || device.strip_prefix("mapper/") == Some(name.mapped().as_str());
    }
    // vda1, sda2, nvme0n1p3: the number at the end.
    let digits = device.trim_start_matches(|character: char| !character.is_ascii_digit());
    let number = device
        .rsplit(|character: char| !character.is_ascii_digit())
        .next();
    !digits.is_empty()
        && !device.contains('/')
        && partition.is_some_and(|partition| number == Some(partition.number.to_string().as_str()))
}
