//! A volume group and its volumes, by the text of its metadata.
//!
//! ```text
//! GROUP {  id  seqno  extent_size (sectors)
//!   physical_volumes { pv0 { id  pe_start (sectors)  pe_count } … }
//!   logical_volumes { NAME { status  segment1 { start_extent  extent_count  type  stripes = ["pv0", extent, …] } … } … } }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use super::segment::{Pieces, Segment};
use super::text::{self, Section, Value};
use super::{LogicalVolume, LvmError, Name, Physical, impossible};
use crate::image::disk::DiskError;
use crate::image::disk::number::index;
use crate::image::disk::read_at::{Part, ReadAt};

const SECTOR_BYTES: u64 = 512;
/// Volumes of a group: as many as a GPT has partitions.
const MAX_VOLUMES: usize = 8192;

/// A volume group.
pub(super) struct Group {
    pub(super) id: String,
    /// Counts up with every change.
    pub(super) generation: u64,
    pub(super) name: String,
    extent_bytes: u64,
    /// By the names that the segments use.
    physical: BTreeMap<String, Member>,
    volumes: Vec<(String, Section)>,
    snapshots: BTreeMap<String, &'static str>,
}

/// A physical volume of the group.
struct Member {
    id: String,
    start: u64,
    extents: u64,
}

impl Group {
    pub(super) fn parse(text: &[u8]) -> Result<Self, DiskError> {
        let corrupt = |offset: usize, problem| {
            DiskError::from(LvmError::Corrupt {
                offset: u64::try_from(offset).unwrap_or(u64::MAX),
                problem,
            })
        };
        let parsed = text::parse(text).map_err(|(at, problem)| corrupt(at, problem))?;
        let group = parsed
            .sections()
            .next()
            .and_then(|(name, section)| Self::read(name, section));
        group.ok_or_else(|| corrupt(0, "its metadata describes no volume group that there could be"))
    }

    fn read(name: &str, section: &Section) -> Option<Self> {
        let members = section.section("physical_volumes")?.sections();
        let physical = members
            .map(|(name, member)| {
                let member = Member {
                    id: bare(member.text("id")?),
                    start: member.number("pe_start")?.checked_mul(SECTOR_BYTES)?,
                    extents: member.number("pe_count")?,
                };
                Some((name.to_owned(), member))
            })
            .collect::<Option<_>>()?;
        let volumes: Vec<(String, Section)> = section
            .section("logical_volumes")
            .into_iter()
            .flat_map(Section::sections)
            .map(|(name, volume)| (name.to_owned(), volume.clone()))
            .collect();
        let extent_bytes = section.number("extent_size")?.checked_mul(SECTOR_BYTES)?;
        Some(Self {
            id: bare(section.text("id")?),
            generation: section.number("seqno")?,
            name: name.to_owned(),
            extent_bytes: Some(extent_bytes).filter(|bytes| *bytes > 0)?,
            physical,
            snapshots: snapshots(&volumes),
            volumes: Some(volumes).filter(|volumes| volumes.len() <= MAX_VOLUMES)?,
        })
    }

    /// The volumes that a system would see.
    pub(super) fn volumes(&self, physical: &Physical) -> Vec<LogicalVolume> {
        // The others are parts of volumes that are more than pieces. A snapshot goes by the name of its store.
        let visible = self.volumes.iter().filter(|(name, volume)| {
            let is_snapshot = |(_, segment): (_, &Section)| segment.text("type") == Some("snapshot");
            let is_visible = volume.has("status", "VISIBLE") || self.snapshots.contains_key(name);
            is_visible && !volume.sections().any(is_snapshot)
        });
        visible
            .map(|(name, section)| {
                let name = Name {
                    group: self.name.clone(),
                    volume: name.clone(),
                };
                LogicalVolume {
                    bytes: self.bytes(&name, section, physical),
                    name,
                }
            })
            .collect()
    }

    fn bytes(
        &self,
        name: &Name,
        section: &Section,
        physical: &Physical,
    ) -> Result<Arc<dyn ReadAt>, DiskError> {
        if let Some(kind) = self.snapshots.get(&name.volume) {
            return Err(unsupported(name, kind));
        }
        let impossible = |problem| impossible(name, problem);
        let count = section.number("segment_count").filter(|count| *count > 0);
        let count = count.ok_or_else(|| impossible("it has no segments"))?;
        let mut segments = Vec::new();
        let mut next: u64 = 0;
        for (number, (_, segment)) in
            (0..count).zip(section.sections().filter(|(name, _)| name.starts_with("segment")))
        {
            let (start, extents) = (segment.number("start_extent"), segment.number("extent_count"));
            let end = extents
                .filter(|extents| *extents > 0)
                .and_then(|extents| next.checked_add(extents));
            let size = extents.and_then(|extents| extents.checked_mul(self.extent_bytes));
            let (Some(end), Some(size), true) = (end, size, start == Some(next)) else {
                return Err(impossible("its segments do not follow one another"));
            };
            let start = next.saturating_mul(self.extent_bytes);
            segments.push(self.segment(name, segment, start, size, physical)?);
            next = end;
            if number.saturating_add(1) == count && next.checked_mul(self.extent_bytes).is_some() {
                return Ok(Arc::new(Pieces::new(segments)));
            }
        }
        Err(impossible("it has fewer segments than it says"))
    }

    fn segment(
        &self,
        name: &Name,
        section: &Section,
        start: u64,
        size_bytes: u64,
        physical: &Physical,
    ) -> Result<Segment, DiskError> {
        let kind = section.text("type").unwrap_or("unknown");
        if !matches!(kind, "striped" | "linear") {
            return Err(unsupported(name, kind));
        }
        let impossible = |problem| impossible(name, problem);
        let (stripes, rest) = section.list("stripes").as_chunks::<2>();
        let count = u64::try_from(stripes.len()).unwrap_or(u64::MAX);
        if stripes.is_empty() || !rest.is_empty() || section.number("stripe_count") != Some(count) {
            return Err(impossible("it has another number of stripes than it says"));
        }
        let extents = size_bytes.checked_div(self.extent_bytes).unwrap_or_default();
        let stripe_bytes = match stripes {
            [_] => size_bytes,
            _ => section
                .number("stripe_size")
                .and_then(|sectors| sectors.checked_mul(SECTOR_BYTES))
                .filter(|bytes| *bytes > 0 && self.extent_bytes.is_multiple_of(*bytes))
                .ok_or_else(|| impossible("its stripes have a size that none has"))?,
        };
        let piece_extents = Some(extents).filter(|extents| extents.is_multiple_of(count));
        let piece_extents = piece_extents
            .and_then(|extents| extents.checked_div(count))
            .ok_or_else(|| impossible("its stripes differ in length"))?;
        let mut pieces: Vec<Arc<dyn ReadAt>> = Vec::new();
        for stripe in stripes {
            let [Value::Text(member), Value::Number(first)] = stripe else {
                return Err(impossible("a stripe is no place on a physical volume"));
            };
            let member = self.physical.get(member);
            let member =
                member.ok_or_else(|| impossible("a stripe is on no physical volume of the group"))?;
            let is_inside = first
                .checked_add(piece_extents)
                .is_some_and(|end| end <= member.extents);
            let at = first
                .checked_mul(self.extent_bytes)
                .and_then(|at| at.checked_add(member.start));
            let (Some(at), true) = (at, is_inside) else {
                return Err(impossible("a stripe is not on its physical volume"));
            };
            let volume = match physical.get(&member.id).map(Vec::as_slice) {
                Some([volume]) => volume,
                Some(_) => return Err(impossible("the image has a physical volume of it twice")),
                None => {
                    return Err(LvmError::PhysicalVolumeMissing {
                        volume: name.path(),
                        missing: member.id.clone(),
                    }
                    .into());
                }
            };
            let size = piece_extents.saturating_mul(self.extent_bytes);
            pieces.push(Arc::new(Part::new(Arc::clone(volume), at, size)));
        }
        Ok(Segment {
            start,
            size_bytes,
            stripe_bytes,
            pieces,
        })
    }
}

/// What snapshots make of volumes that are otherwise like others: stores of what changed, and volumes into which a
/// snapshot is being merged.
fn snapshots(volumes: &[(String, Section)]) -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    let segments = volumes.iter().flat_map(|(_, volume)| volume.sections());
    for (_, segment) in segments.filter(|(_, segment)| segment.text("type") == Some("snapshot")) {
        let mut mark = |role, kind| {
            if let Some(volume) = segment.text(role) {
                found.insert(volume.to_owned(), kind);
            }
        };
        mark("cow_store", "snapshot");
        if segment.text("merging_store").is_some() {
            mark("merging_store", "snapshot that is being merged");
            mark("origin", "snapshot that is being merged");
        }
    }
    found
}

fn unsupported(name: &Name, kind: &str) -> DiskError {
    LvmError::TypeUnsupported {
        volume: name.path(),
        kind: kind.chars().take(index(64_u8)).collect(),
    }
    .into()
}

/// An id as labels have it: the metadata has hyphens in it.
fn bare(id: &str) -> String {
    id.replace('-', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Explain as _;
    use crate::image::disk::read_at::check_range;

    /// A group as LVM writes it, but for what does not matter here.
    const TEXT: &str = r#"vg { id = "aa-bb" seqno = 3 extent_size = 2
        physical_volumes { pv0 { id = "p-0" pe_start = 4 pe_count = 8 } pv1 { id = "p-1" pe_start = 2 pe_count = 8 } }
        logical_volumes {
            root { status = ["READ", "VISIBLE"] segment_count = 2
                segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 1 stripes = ["pv0", 6] }
                segment2 { start_extent = 2 extent_count = 4 type = "striped" stripe_count = 2 stripe_size = 1
                    stripes = ["pv1", 1, "pv0", 2] } }
            hidden { status = ["READ"] segment_count = 0 } } }"#;

    /// Each byte is the number of its sector, and that of the volume in the high half.
    struct Numbered(u8);

    impl ReadAt for Numbered {
        fn size_bytes(&self) -> u64 {
            20 * SECTOR_BYTES
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
            check_range(offset, buffer.len(), self.size_bytes())?;
            for (at, byte) in (offset..).zip(buffer) {
                *byte = (at / SECTOR_BYTES) as u8 | self.0 << 6;
            }
            Ok(())
        }
    }

    fn volumes(text: &str, disks: u8) -> Result<Vec<LogicalVolume>, DiskError> {
        let physical = (0..disks).map(|number| {
            let volume: Arc<dyn ReadAt> = Arc::new(Numbered(number));
            (format!("p{number}"), vec![volume])
        });
        Ok(Group::parse(text.as_bytes())?.volumes(&physical.collect()))
    }

    #[test]
    fn a_volume_is_its_extents_in_their_order() {
        let volumes = volumes(TEXT, 2).unwrap();
        assert_eq!(volumes.len(), 1);
        assert_eq!(volumes[0].name.path(), "vg/root");
        let volume = volumes[0].bytes.as_ref().unwrap();
        let mut bytes = vec![0; 12 * 512];
        volume.read_at(0, &mut bytes).unwrap();
        let sectors: Vec<u8> = bytes.chunks(512).map(|sector| sector[0]).collect();
        let second = |sector: u8| 64 | sector;
        let expected = [
            16,
            17,
            18,
            19,
            second(4),
            8,
            second(5),
            9,
            second(6),
            10,
            second(7),
            11,
        ];
        assert_eq!(sectors, expected);
        for from in 0..bytes.len() {
            let mut part = vec![0; (bytes.len() - from).min(700)];
            volume.read_at(from as u64, &mut part).unwrap();
            assert_eq!(part, bytes[from..][..part.len()], "from {from}");
        }
        assert!(volume.read_at(1, &mut bytes).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (from, to, expected) in [
            ("extent_size = 2", "extent_size = 0", "LVM_CORRUPT"),
            ("seqno = 3", "seqno = \"3\"", "LVM_CORRUPT"),
            (
                "extent_size = 2",
                "extent_size = 18446744073709551615",
                "LVM_CORRUPT",
            ),
            ("pe_start = 4", "pe_start = -4", "LVM_CORRUPT"),
            ("segment_count = 2", "segment_count = 3", "LVM_CORRUPT"),
            ("segment_count = 2", "segment_count = 0", "LVM_CORRUPT"),
            ("start_extent = 2", "start_extent = 3", "LVM_CORRUPT"),
            ("start_extent = 2", "start_extent = 1", "LVM_CORRUPT"),
            ("extent_count = 2", "extent_count = 0", "LVM_CORRUPT"),
            ("extent_count = 4", "extent_count = 5", "LVM_CORRUPT"),
            (
                "extent_count = 4",
                "extent_count = 18446744073709551615",
                "LVM_CORRUPT",
            ),
            (
                "extent_count = 4",
                "extent_count = 9223372036854775807",
                "LVM_CORRUPT",
            ),
            ("stripe_size = 1", "stripe_size = 0", "LVM_CORRUPT"),
            ("stripe_size = 1", "stripe_size = 3", "LVM_CORRUPT"),
            ("stripe_count = 2", "stripe_count = 1", "LVM_CORRUPT"),
            ("\"pv1\", 1,", "\"pv1\",", "LVM_CORRUPT"),
            ("\"pv1\", 1,", "1, \"pv1\",", "LVM_CORRUPT"),
            ("\"pv1\", 1,", "\"pv7\", 1,", "LVM_CORRUPT"),
            ("\"pv0\", 6", "\"pv0\", 7", "LVM_CORRUPT"),
            ("\"pv0\", 6", "\"pv0\", 18446744073709551615", "LVM_CORRUPT"),
            (
                "\"striped\" stripe_count = 1",
                "\"error\" stripe_count = 1",
                "LVM_UNSUPPORTED",
            ),
            ("physical_volumes", "other", "LVM_CORRUPT"),
            ("vg {", "vg = 1 x = [", "LVM_CORRUPT"),
        ] {
            let text = TEXT.replace(from, to);
            assert_ne!(text, TEXT, "{from}");
            let found = volumes(&text, 2).and_then(|mut volumes| volumes.remove(0).bytes);
            assert_eq!(found.err().map(|error| error.code()), Some(expected), "{to}");
        }
        let missing = volumes(TEXT, 1).unwrap().remove(0).bytes;
        assert_eq!(missing.err().unwrap().code(), "LVM_INCOMPLETE");
        let many: String = (0..9000).map(|number| format!("lv{number} {{ }} ")).collect();
        let text = TEXT.replace("hidden {", &format!("{many} hidden {{"));
        assert!(volumes(&text, 2).is_err());
    }

    #[test]
    fn volumes_that_snapshots_change_are_refused() {
        let with = |segment: &str| {
            let snapshot = format!(
                "snapshot0 {{ status = [\"VISIBLE\"] segment1 {{ type = \"snapshot\" {segment} }} }}"
            );
            let text = TEXT.replace("hidden {", &format!("{snapshot} hidden {{"));
            let found = volumes(&text, 2).unwrap();
            assert_eq!(found[0].name.path(), "vg/root");
            let codes = found
                .into_iter()
                .map(|volume| volume.bytes.map_or_else(|error| error.code(), |_| "read"));
            codes.collect::<Vec<_>>()
        };
        assert_eq!(with("origin = \"root\" cow_store = \"other\""), ["read"]);
        assert_eq!(
            with("origin = \"root\" cow_store = \"hidden\""),
            ["read", "LVM_UNSUPPORTED"]
        );
        assert_eq!(with("cow_store = \"root\""), ["LVM_UNSUPPORTED"]);
        assert_eq!(
            with("origin = \"root\" merging_store = \"hidden\""),
            ["LVM_UNSUPPORTED", "LVM_UNSUPPORTED"]
        );
    }
}
