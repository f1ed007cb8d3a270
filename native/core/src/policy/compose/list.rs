//! What a machine measured, taken for what it should measure.

use ima_assay_digest::{Algorithm, Digest, hash};

use super::{ComposeError, Draft, OriginKind};
use crate::measurement::{Check, Entry, Fault, FieldId, Problem};
use crate::policy::Section;
use crate::public_key::is_certificate;

/// What is wanted of a measurement list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListWants {
    /// Digests of files, and the boot aggregate.
    pub digests: bool,
    /// Digests of keys, by keyring.
    pub keyrings: bool,
    /// Digests of other buffers.
    pub buffers: bool,
}

/// What became of the entries of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken over.
    pub taken: u64,
    /// Violations: they have no digest.
    pub violations: u64,
    /// Keys of keyrings that are ignored.
    pub ignored_keys: u64,
    /// Not asked for.
    pub unwanted: u64,
    /// A boot aggregate of zeros.
    pub zero_aggregates: u64,
}

/// The entry that stands for the boot.
const BOOT_AGGREGATE: &[u8] = b"boot_aggregate";

impl Draft {
    /// Adds an entry of a measurement list. Only an entry whose template hash is right is taken: nothing vouches for
    /// another. Violations and keys of ignored keyrings are left out, and counted.
    ///
    /// # Errors
    /// [`ComposeError::Entry`], [`ComposeError::EntryDigest`].
    pub fn add_list_entry(
        &mut self,
        entry: &Entry<'_>,
        wants: ListWants,
        list: &[u8],
        tally: &mut Tally,
    ) -> Result<(), ComposeError> {
        if entry.is_violation() {
            tally.violations = tally.violations.saturating_add(1);
            return Ok(());
        }
        let faulty = |fault| ComposeError::Entry {
            origin: list.to_vec(),
            fault,
        };
        if let Some(fault) = entry.fault() {
            return Err(faulty(fault));
        }
        if entry.check() != Check::Matches {
            return Err(faulty(Fault {
                at: entry.at(),
                problem: Problem::HashDiffers,
            }));
        }
        let (Some(name), Some(digest)) = (entry.name(), entry.file_digest()) else {
            return Err(faulty(Fault {
                at: entry.at(),
                problem: Problem::TemplateUnknown,
            }));
        };
        let section = match entry.bytes(FieldId::Buf) {
            None => Section::Digests,
            Some(buffer) if is_certificate(buffer) => Section::Keyrings,
            Some(_) => Section::Buffers,
        };
        let is_wanted = match section {
            Section::Digests => wants.digests,
            Section::Keyrings => wants.keyrings,
            Section::Buffers => wants.buffers,
        };
        if !is_wanted {
            tally.unwanted = tally.unwanted.saturating_add(1);
            return Ok(());
        }
        if section == Section::Keyrings && self.ignores(name) {
            tally.ignored_keys = tally.ignored_keys.saturating_add(1);
            return Ok(());
        }
        let algorithm = match digest.algorithm_name {
            Some(_) => digest.algorithm(),
            None => by_length(digest.digest.len()),
        };
        let value = algorithm.and_then(|algorithm| Digest::new(algorithm, digest.digest).ok());
        let meaningless = |problem| ComposeError::EntryDigest {
            origin: list.to_vec(),
            entry: entry.number(),
            problem,
        };
        let value = value.ok_or(meaningless("the digest is not of the algorithm that is named"))?;
        // The policy will list the digest, which says nothing unless it is the buffer's.
        if let Some(buffer) = entry.bytes(FieldId::Buf)
            && hash(value.algorithm(), buffer) != value
        {
            return Err(meaningless("the digest is not that of the buffer"));
        }
        if name == BOOT_AGGREGATE && digest.digest.iter().all(|&byte| byte == 0) {
            tally.zero_aggregates = tally.zero_aggregates.saturating_add(1);
        }
        let origin = self.origin(list, OriginKind::MeasurementList);
        self.builder(section).insert(name, &value, origin, None);
        tally.taken = tally.taken.saturating_add(1);
        Ok(())
    }

    /// Notes what was left out of a list.
    pub fn note_tally(&mut self, list: &[u8], tally: &Tally) {
        let rows = [
            (
                "VIOLATIONS_LEFT_OUT",
                tally.violations,
                "violations are left out: they have no digest",
            ),
            (
                "KEYS_IGNORED",
                tally.ignored_keys,
                "keys of ignored keyrings are left out",
            ),
            (
                "BOOT_AGGREGATE_ZERO",
                tally.zero_aggregates,
                "the boot aggregate is zero: the machine had no TPM, and every machine without one will pass",
            ),
        ];
        for (code, count, text) in rows {
            self.note(code, list, count, text);
        }
    }

    fn ignores(&self, keyring: &[u8]) -> bool {
        self.ignored_keyrings
            .keys()
            .any(|name| name == "*" || name.as_bytes() == keyring)
    }
}

/// The template `ima` names no algorithm and has room for two.
fn by_length(bytes: usize) -> Option<Algorithm> {
    [Algorithm::Sha1, Algorithm::Md5]
        .into_iter()
        .find(|algorithm| algorithm.len() == bytes)
}
