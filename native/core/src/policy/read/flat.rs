//! Policies from flat allowlists.

use ima_assay_digest::Digest;

use super::ReadOptions;
use crate::allowlist::{AllowlistError, FlatRow, flat_rows};
use crate::path::ima_spelling;
use crate::policy::error::{PolicyError, RejectedLine};
use crate::policy::loaded::{Policy, Section, Shape};
use crate::policy::location::Location;
use crate::policy::map::{Quirks, Repeat};
use crate::policy::problem::{Problem, ProblemCode};
use crate::policy::writing::Writing;

/// Reads the rows; those of keys go to `keyrings`, and paths are spelled as IMA does.
pub(super) fn read(text: &[u8], origin: &[u8], options: &ReadOptions<'_>) -> Result<Policy, PolicyError> {
    let limits = &options.limits;
    let mut policy = Policy::new(origin, Shape::FlatAllowlist, options.assumed_algorithm);
    policy.digests.expect_file_of(text.len());
    let mut entries: usize = 0;
    let mut rejected = Vec::new();
    let mut total: u64 = 0;
    for row in flat_rows(text) {
        match row {
            Ok(row) => {
                entries = entries.saturating_add(1);
                let is_in = entries <= limits.max_entries && insert(&mut policy, &row).is_some();
                if !is_in {
                    return Err(PolicyError::TooManyEntries {
                        location: Location::of_line(row.line),
                        limit: limits.max_entries,
                    });
                }
            }
            Err(AllowlistError::LineMalformed { line, problem }) => {
                total = total.saturating_add(1);
                if rejected.len() < limits.max_problems.max(1) {
                    rejected.push(RejectedLine { line, problem });
                }
            }
            // Rows have no other error.
            Err(_) => {}
        }
    }
    if total > 0 {
        return Err(PolicyError::LinesRejected { rejected, total });
    }
    if entries == 0 {
        return Err(PolicyError::Empty);
    }
    note_text(&mut policy, text);
    for section in Section::ALL {
        policy.section_mut(section).shrink();
    }
    Ok(policy)
}

/// None if the tables are full.
fn insert(policy: &mut Policy, row: &FlatRow<'_>) -> Option<()> {
    let (map, name) = match row.keyring() {
        Some(keyring) => (&mut policy.keyrings, ima_spelling(keyring)),
        None => (&mut policy.digests, ima_spelling(&row.path)),
    };
    let quirks = Quirks {
        is_binary: row.is_binary,
        is_escaped: row.is_escaped,
        is_respelled: row.path.contains(&b' '),
        ..Quirks::default()
    };
    let line = u32::try_from(row.line).unwrap_or(u32::MAX);
    map.begin(&name, line, Repeat::Adds, quirks).ok()?;
    let named = row.is_algorithm_named.then(|| row.digest.algorithm());
    let writing = Writing::of_row(
        row.is_algorithm_named,
        row.is_upper_case,
        Digest::bytes(&row.digest).len(),
    );
    map.push(row.digest.bytes(), named, writing);
    Some(())
}

fn note_text(policy: &mut Policy, text: &[u8]) {
    if let Err(error) = std::str::from_utf8(text) {
        let before = text.get(..error.valid_up_to()).unwrap_or_default();
        let lines = before.iter().filter(|&&byte| byte == b'\n').count();
        policy.notes.push(Problem {
            code: ProblemCode::ListNotUtf8,
            location: Location::of_line(u64::try_from(lines).unwrap_or(u64::MAX).saturating_add(1)),
            problem: "the list has names that are not UTF-8, at which Keylime's converter stops",
        });
    }
    if text.last() != Some(&b'\n') {
        policy.notes.push(Problem {
            code: ProblemCode::LastRowUnterminated,
            location: Location::default(),
            problem: "the last row does not end with a line feed: the file may be cut",
        });
    }
}
