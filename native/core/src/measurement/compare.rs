//! Two lists of one machine, say of two banks or in two forms: they must tell the same.

use super::entry::{Entry, Item};
use super::error::ListError;
use super::fault::Fault;
use super::reader::Reader;

/// The first entry in which two lists differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Its number.
    pub entry: u64,
    /// What differs.
    pub kind: DifferenceKind,
}

/// What can differ between two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// The left list ends before: the right one was read later, or the left one is cut off.
    LeftEnds,
    /// The right list ends before.
    RightEnds,
    /// One of them has a fault here.
    Fault(Fault),
    /// The PCR.
    Pcr,
    /// The template.
    Template,
    /// Only one of them is a violation.
    Violation,
    /// The template data.
    Data,
    /// The template hash, in two lists of the same bank.
    Hash,
}

/// The first entry in which two lists of one machine differ, apart from the template hashes of different banks;
/// none if they tell the same.
///
/// # Errors
/// Those of either reader.
pub fn first_difference(
    left: &mut Reader<'_>,
    right: &mut Reader<'_>,
) -> Result<Option<Difference>, ListError> {
    loop {
        let entry = left.entries().saturating_add(1);
        let kind = match (left.next()?, right.next()?) {
            (None, None) => return Ok(None),
            (None, Some(_)) => DifferenceKind::LeftEnds,
            (Some(_), None) => DifferenceKind::RightEnds,
            (Some(Item::Fault(fault)), _) | (_, Some(Item::Fault(fault))) => DifferenceKind::Fault(fault),
            (Some(Item::Entry(left)), Some(Item::Entry(right))) => match difference(&left, &right) {
                Some(kind) => kind,
                None => continue,
            },
        };
        return Ok(Some(Difference { entry, kind }));
    }
}

fn difference(left: &Entry<'_>, right: &Entry<'_>) -> Option<DifferenceKind> {
    if let Some(fault) = left.fault().or_else(|| right.fault()) {
        return Some(DifferenceKind::Fault(fault));
    }
    let rows = [
        (left.pcr() == right.pcr(), DifferenceKind::Pcr),
        (left.template() == right.template(), DifferenceKind::Template),
        (
            left.is_violation() == right.is_violation(),
            DifferenceKind::Violation,
        ),
        (left.data() == right.data(), DifferenceKind::Data),
        (
            left.list_hash() != right.list_hash() || left.recorded_hash() == right.recorded_hash(),
            DifferenceKind::Hash,
        ),
    ];
    rows.into_iter()
        .find(|(is_same, _)| !is_same)
        .map(|(_, kind)| kind)
}
