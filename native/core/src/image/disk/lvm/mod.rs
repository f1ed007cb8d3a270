//! LVM: volumes made of pieces of physical volumes.
//!
//! ```text
//! partitions ─► label and metadata of each ─► groups, each by its newest metadata ─► volumes ─► segments ─► pieces
//! ```
//!
//! Volumes that are pieces and nothing more are read, linear or striped; all others are refused by their type.
//! Source: LVM2, `lib/format_text`.

mod error;
mod group;
mod label;
mod segment;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use error::LvmError;
use group::Group;
pub(super) use label::looks_like;

use super::DiskError;
use super::read_at::ReadAt;

/// Physical volumes by their ids. A copy of one has the id of the first.
type Physical = BTreeMap<String, Vec<Arc<dyn ReadAt>>>;

fn impossible(name: &Name, problem: &'static str) -> DiskError {
    let volume = name.path();
    LvmError::Impossible { volume, problem }.into()
}

/// What a logical volume is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) group: String,
    pub(super) volume: String,
}

impl Name {
    /// `group/volume`, as LVM's own programs take it.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.group, self.volume)
    }

    /// What is behind `/dev/mapper/`: hyphens of the names are doubled there.
    pub(super) fn mapped(&self) -> String {
        let [group, volume] = [&self.group, &self.volume].map(|name| name.replace('-', "--"));
        format!("{group}-{volume}")
    }
}

/// A logical volume, or why it cannot be read.
pub(super) struct LogicalVolume {
    pub(super) name: Name,
    pub(super) bytes: Result<Arc<dyn ReadAt>, DiskError>,
}

/// What physical volumes have together.
pub(super) struct Found {
    /// In the order of the metadata.
    pub(super) volumes: Vec<LogicalVolume>,
    /// Physical volumes, by their place among those given, that nothing whole is known of.
    pub(super) failed: Vec<(usize, DiskError)>,
}

/// Puts the logical volumes of these physical ones together.
pub(super) fn assemble(physical: &[Arc<dyn ReadAt>]) -> Found {
    let mut by_id = Physical::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut failed = Vec::new();
    for (number, volume) in physical.iter().enumerate() {
        let found = label::Label::read(volume.as_ref()).and_then(|label| {
            by_id.entry(label.id).or_default().push(Arc::clone(volume));
            label.text.map(|text| Group::parse(&text)).transpose()
        });
        match found {
            Ok(group) => groups.extend(group),
            Err(error) => failed.push((number, error)),
        }
    }
    // Of a group's metadata the newest counts: a physical volume may have been away when it was last written.
    groups.sort_by(|left, right| (&left.id, right.generation).cmp(&(&right.id, left.generation)));
    groups.dedup_by(|older, newest| older.id == newest.id);
    let mut volumes = Vec::new();
    for group in &groups {
        let is_alone = groups.iter().filter(|other| other.name == group.name).count() == 1;
        volumes.extend(group.volumes(&by_id).into_iter().map(|volume| match is_alone {
            true => volume,
            false => LogicalVolume {
                bytes: Err(impossible(
                    &volume.name,
                    "another group of the image has the name of its group",
                )),
                ..volume
            },
        }));
    }
    Found { volumes, failed }
}
