//! Several policies together: what a verification asks for each entry of a measurement list.

use std::sync::Arc;

use ima_assay_digest::Algorithm;

use super::loaded::{Policy, Section};
use super::map::{ListedDigest, ListedDigests};
use super::near::{Near, Wanted, near};

/// Policies and allowlists that hold together: what one of them lists is listed.
///
/// Lookups allocate nothing and may come from several threads at once.
#[derive(Debug, Clone, Default)]
pub struct PolicySet {
    policies: Vec<Arc<Policy>>,
}

/// A digest that is listed for a name, and by which policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Index into [`PolicySet::policies`].
    pub origin: usize,
    /// The digest.
    pub digest: ListedDigest<'a>,
}

/// What a set of policies says of a digest, strictly: the algorithm must be the same as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement<'a> {
    /// The digest is listed for the name.
    Listed(Candidate<'a>),
    /// The name is listed, though with no digest of this algorithm.
    OtherAlgorithm {
        /// A digest of the same bytes that is, or is taken for, one of another algorithm.
        same_bytes: Option<Candidate<'a>>,
    },
    /// The name is listed with other digests, or with text that is none.
    OtherDigest,
    /// The name is not listed.
    NotListed,
}

/// A pattern of paths that are not appraised, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exclude<'a> {
    /// Python's regular expression, which has to match from the start of a path.
    pub pattern: &'a str,
    /// Index into [`PolicySet::policies`].
    pub origin: usize,
    /// Its place in `excludes` of that policy, counted from 0.
    pub index: usize,
}

impl PolicySet {
    /// A set of these policies, which keep their order. Several sets can share a policy.
    #[must_use]
    pub fn new<P: Into<Arc<Policy>>>(policies: Vec<P>) -> Self {
        Self {
            policies: policies.into_iter().map(Into::into).collect(),
        }
    }

    /// The policies.
    #[must_use]
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }

    /// Whether there is no policy in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Whether a policy has this name, be it without a digest.
    #[must_use]
    pub fn knows(&self, section: Section, name: &[u8]) -> bool {
        self.policies
            .iter()
            .any(|policy| policy.section(section).get(name).is_some())
    }

    /// The digests that are listed for a name, in the order of the policies.
    pub fn listed<'a>(&'a self, section: Section, name: &[u8]) -> impl Iterator<Item = Candidate<'a>> {
        self.found(section, name)
            .flat_map(|(origin, digests)| digests.map(move |digest| Candidate { origin, digest }))
    }

    /// What the policies say of a digest of a name.
    #[must_use]
    pub fn judge(&self, section: Section, name: &[u8], algorithm: Algorithm, digest: &[u8]) -> Judgement<'_> {
        let mut is_known = false;
        let mut has_algorithm = false;
        let mut has_digest = false;
        let mut same_bytes = None;
        for (origin, digests) in self.found(section, name) {
            is_known = true;
            for listed in digests {
                has_digest = true;
                let is_of_algorithm = listed.algorithm == Some(algorithm);
                has_algorithm |= is_of_algorithm;
                if listed.bytes == digest {
                    let candidate = Candidate {
                        origin,
                        digest: listed,
                    };
                    if is_of_algorithm {
                        return Judgement::Listed(candidate);
                    }
                    same_bytes.get_or_insert(candidate);
                }
            }
        }
        match (is_known, same_bytes) {
            (false, _) => Judgement::NotListed,
            (true, Some(_)) => Judgement::OtherAlgorithm { same_bytes },
            (true, None) if has_digest && !has_algorithm => Judgement::OtherAlgorithm { same_bytes: None },
            (true, None) => Judgement::OtherDigest,
        }
    }

    fn found<'a>(
        &'a self,
        section: Section,
        name: &[u8],
    ) -> impl Iterator<Item = (usize, ListedDigests<'a>)> {
        self.policies
            .iter()
            .enumerate()
            .filter_map(move |(origin, policy)| Some((origin, policy.section(section).get(name)?.digests())))
    }

    /// What a person who looks at a finding should see: names and digests that are nearly the wanted ones.
    /// At most `max`, the most telling first. The first call builds an index, which takes about as long as
    /// reading the policies; each call takes a bounded time.
    #[must_use]
    pub fn near(
        &self,
        section: Section,
        name: &[u8],
        algorithm: Algorithm,
        digest: &[u8],
        max: usize,
    ) -> Vec<Near<'_>> {
        let wanted = Wanted {
            name,
            algorithm,
            digest,
        };
        near(&self.policies, section, &wanted, max)
    }

    /// The first policy that ignores keys of this keyring, if one does.
    #[must_use]
    pub fn ignores_keyring(&self, keyring: &[u8]) -> Option<usize> {
        self.policies.iter().position(|policy| {
            policy
                .ignored_keyrings()
                .any(|ignored| ignored == "*" || ignored.as_bytes() == keyring)
        })
    }

    /// The exclude patterns of all policies.
    pub fn excludes(&self) -> impl Iterator<Item = Exclude<'_>> {
        self.policies.iter().enumerate().flat_map(|(origin, policy)| {
            policy
                .excludes()
                .enumerate()
                .map(move |(index, pattern)| Exclude {
                    pattern,
                    origin,
                    index,
                })
        })
    }

    /// The keyrings of keys for signatures, as JSON text, with the policy each comes from.
    pub fn verification_keys(&self) -> impl Iterator<Item = (usize, &str)> {
        self.policies
            .iter()
            .map(|policy| policy.verification_keys())
            .enumerate()
            .filter(|(_, keys)| !keys.is_empty())
    }
}
