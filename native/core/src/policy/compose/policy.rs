//! Everything of a policy that was read, taken over into a draft.

use ima_assay_digest::Digest;

use super::{Claim, ComposeError, Draft, OriginKind, note};
use crate::policy::exclude::{ExcludeError, ExcludeLimits, ExcludePattern, ExcludeSet};
use crate::policy::map::EntryView;
use crate::policy::{Location, Policy, ProblemCode, Section, Shape, SignatureStatus};

/// What `ima.log_hash_alg` may be; Keylime takes no other.
const LOG_ALGORITHMS: [&str; 4] = ["sha1", "sha256", "sha384", "sha512"];

impl Draft {
    /// Adds all that a policy lists and says: digests, keyrings, buffers, patterns, keys and settings. How it was
    /// written does not matter: digests lose their prefix and upper case, names are spelled as IMA does.
    ///
    /// # Errors
    /// [`ComposeError::Unusable`] for what would be lost, [`ComposeError::Conflict`], [`ComposeError::Keys`].
    pub fn add_policy(&mut self, policy: &Policy) -> Result<(), ComposeError> {
        let is_unchecked = policy.signature() == SignatureStatus::Unchecked;
        self.note(
            "SIGNATURE_UNCHECKED",
            policy.origin(),
            u64::from(is_unchecked),
            "it is signed, and was taken without a look at its signatures",
        );
        let unusable = |location, problem| ComposeError::Unusable {
            origin: policy.origin().to_vec(),
            location,
            problem,
        };
        let origin = self.origin(policy.origin(), OriginKind::Policy);
        let known = usize::try_from(origin)
            .ok()
            .and_then(|index| self.origins.get_mut(index));
        if let Some(known) = known {
            known.shape = Some(policy.shape());
        }
        for section in Section::ALL {
            let mut replaced: u64 = 0;
            for entry in policy.section(section).entries() {
                if entry.quirks().is_replaced {
                    replaced = replaced.saturating_add(1);
                    continue;
                }
                self.add_entry(policy, section, &entry, origin)?;
            }
            self.note(
                "NAME_TWICE",
                policy.origin(),
                replaced,
                "names stand there again, and only the last counts, as with Keylime",
            );
        }
        if let Some(note) = policy
            .notes
            .iter()
            .find(|note| note.code == ProblemCode::DmPolicyPresent)
        {
            return Err(unusable(note.location.clone(), note.problem));
        }
        self.add_settings(policy, origin)?;
        self.add_verification_keys(policy.verification_keys(), policy.origin(), origin)
    }

    fn add_entry(
        &mut self,
        policy: &Policy,
        section: Section,
        entry: &EntryView<'_>,
        origin: u32,
    ) -> Result<(), ComposeError> {
        let at = |index, problem| ComposeError::Unusable {
            origin: policy.origin().to_vec(),
            location: Location {
                key: section.key(),
                name: Some(entry.name().to_vec()),
                index,
                line: Some(u64::from(entry.line())).filter(|&line| line > 0),
            },
            problem,
        };
        let mut listed = entry.digests();
        let mut count: usize = 0;
        for (index, row) in entry.rows().enumerate() {
            let digest = (!row.digest.is_empty()).then(|| listed.next()).flatten();
            let digest = digest
                .and_then(|digest| Digest::new(digest.algorithm?, digest.bytes).ok())
                .ok_or_else(|| at(Some(index), "it is no digest of any hash algorithm"))?;
            self.builder(section).insert(entry.name(), &digest, origin, None);
            count = count.saturating_add(1);
        }
        if count == 0 {
            return Err(at(None, "no digest is listed for the name"));
        }
        Ok(())
    }

    fn add_settings(&mut self, policy: &Policy, origin: u32) -> Result<(), ComposeError> {
        for pattern in policy.excludes() {
            note(&mut self.excludes, pattern, origin);
        }
        for keyring in policy.ignored_keyrings() {
            note(&mut self.ignored_keyrings, keyring, origin);
        }
        if let Some(algorithm) = policy.log_hash_algorithm() {
            if !LOG_ALGORITHMS.contains(&algorithm) {
                return Err(ComposeError::Unusable {
                    origin: policy.origin().to_vec(),
                    location: Location::of_key("ima.log_hash_alg"),
                    problem: "Keylime takes sha1, sha256, sha384 or sha512",
                });
            }
            if self.choices.log_hash_algorithm.is_none() {
                let claim = self.log_hash_algorithm.take();
                let value = algorithm.to_owned();
                self.log_hash_algorithm = Some(self.agree("ima.log_hash_alg", claim, value, origin)?);
            }
        }
        // 0 is what everybody writes who has no number to give.
        let release = policy.release().and_then(|release| u64::try_from(release).ok());
        if let Some(value) = release.filter(|&release| release > 0)
            && self.choices.release.is_none()
        {
            let claim = self.release.take();
            self.release = Some(self.agree("release", claim, value, origin)?);
        }
        if let Some(timestamp) = &policy.meta().timestamp {
            // The latest: a union is as new as its newest part, whatever the order.
            self.timestamp = self.timestamp.take().max(Some(timestamp.clone()));
        }
        self.is_upgraded |= policy.shape() == Shape::OldRuntimePolicy;
        Ok(())
    }

    fn agree<T: ToString + PartialEq>(
        &self,
        key: &'static str,
        claim: Option<Claim<T>>,
        value: T,
        origin: u32,
    ) -> Result<Claim<T>, ComposeError> {
        match claim {
            Some(claim) if claim.value != value => Err(ComposeError::Conflict {
                key,
                first: claim.value.to_string(),
                first_origin: self.name_of(claim.origin),
                second: value.to_string(),
                second_origin: self.name_of(origin),
            }),
            Some(claim) => Ok(claim),
            None => Ok(Claim { value, origin }),
        }
    }
}

impl Draft {
    /// Notes patterns of a policy that leave nothing to be checked.
    pub fn note_excludes(&mut self, policy: &Policy, set: &ExcludeSet) {
        let count = u64::try_from(set.limitless().count()).unwrap_or(u64::MAX);
        self.note(
            "EXCLUDES_EVERYTHING",
            policy.origin(),
            count,
            "a pattern excludes every path: nothing is checked",
        );
    }
}

/// Compiles the patterns of a policy, so that no policy is made with one that a verifier cannot use.
///
/// # Errors
/// Every pattern that cannot be used.
pub fn compile_excludes(policy: &Policy) -> Result<ExcludeSet, Vec<ExcludeError>> {
    ExcludeSet::new(
        policy.excludes().map(ExcludePattern::from).collect(),
        &ExcludeLimits::default(),
    )
}
