//! What Python 3.11 knows of characters: Unicode 14, in the reading of its module `re`.
//!
//! The tables of other regular expression engines do not serve: their `\w` has marks and joiners that
//! Python's has not, and they follow newer versions of Unicode.

mod tables;

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Whether `\w` matches: letters, numbers of every kind, and `_`.
pub(super) fn is_word(code: u32) -> bool {
    in_runs(tables::WORD, code)
}

/// Whether `\s` matches, and `str.strip` takes it off.
pub(super) fn is_space(code: u32) -> bool {
    in_runs(tables::SPACE, code)
}

/// Runs of characters that `\w` matches.
pub(super) fn word_runs() -> &'static [[u32; 2]] {
    tables::WORD.as_chunks().0
}

/// Runs of characters that `\d` matches.
pub(super) fn digit_runs() -> &'static [[u32; 2]] {
    tables::DIGIT.as_chunks().0
}

/// Runs of characters that `\s` matches.
pub(super) fn space_runs() -> &'static [[u32; 2]] {
    tables::SPACE.as_chunks().0
}

fn in_runs(table: &[u32], code: u32) -> bool {
    let (runs, _) = table.as_chunks::<2>();
    let after = runs.partition_point(|&[first, _]| first <= code);
    after
        .checked_sub(1)
        .and_then(|at| runs.get(at))
        .is_some_and(|&[_, last]| code <= last)
}

/// The lower case of a character: one character, as back references under `(?i:…)` compare them.
pub(super) fn lower(code: u32) -> u32 {
    let (rows, _) = tables::LOWER.as_chunks::<4>();
    let after = rows.partition_point(|&[first, ..]| first <= code);
    let row = after.checked_sub(1).and_then(|at| rows.get(at));
    row.and_then(|row| lower_in_row(*row, code)).unwrap_or(code)
}

fn lower_in_row([first, last, lower_of_first, step]: [u32; 4], code: u32) -> Option<u32> {
    let ahead = code.checked_sub(first)?;
    if code > last || ahead.checked_rem(step)? != 0 {
        return None;
    }
    lower_of_first.checked_add(ahead)
}

/// All characters that match `code` under `(?i:…)`, itself included; none if it has no case.
pub(super) fn same_but_case(code: u32) -> &'static [u32] {
    FAMILIES
        .by_member
        .get(&code)
        .and_then(|&family| FAMILIES.all.get(family))
        .map_or(&[], Vec::as_slice)
}

/// All sets of characters that match one another under `(?i:…)`.
pub(super) fn case_families() -> &'static [Vec<u32>] {
    &FAMILIES.all
}

struct Families {
    all: Vec<Vec<u32>>,
    by_member: BTreeMap<u32, usize>,
}

/// Python takes two characters for the same if their lower cases are, or if these have the same upper case.
static FAMILIES: LazyLock<Families> = LazyLock::new(|| {
    let mut representative = BTreeMap::new();
    for &[one, other] in tables::SAME_UPPER.as_chunks::<2>().0 {
        let first = representative.get(&one).copied().unwrap_or(one);
        representative.insert(other, first);
    }
    let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut insert = |code: u32| {
        let low = lower(code);
        let family = members
            .entry(representative.get(&low).copied().unwrap_or(low))
            .or_default();
        for member in [low, code] {
            if !family.contains(&member) {
                family.push(member);
            }
        }
    };
    for &[first, last, _, step] in tables::LOWER.as_chunks::<4>().0 {
        (first..=last)
            .step_by(usize::try_from(step).unwrap_or(1))
            .for_each(&mut insert);
    }
    tables::SAME_UPPER.iter().copied().for_each(&mut insert);
    let all: Vec<Vec<u32>> = members.into_values().collect();
    let by_member = (0..)
        .zip(&all)
        .flat_map(|(family, members)| members.iter().map(move |&member| (member, family)))
        .collect();
    Families { all, by_member }
});
