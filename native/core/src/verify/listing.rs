//! What the policies list for a name, and what to say where that is not what was measured.

use ima_assay_digest::Algorithm;

use super::finding::{Finding, FindingCode, NearMiss, shown, tagged};
use super::subject::Seen;
use crate::policy::{Judgement, ListedDigest, Near, PolicySet, Section};

/// A digest that should be listed for a name.
pub(super) struct Wanted<'s, 'a> {
    pub(super) seen: Seen<'s, 'a>,
    pub(super) section: Section,
    pub(super) name: &'s [u8],
    pub(super) algorithm: Option<Algorithm>,
    pub(super) digest: &'s [u8],
}

impl<'s, 'a> Wanted<'s, 'a> {
    pub(super) fn new(seen: Seen<'s, 'a>, section: Section, name: &'s [u8], digest: &'s [u8]) -> Self {
        Self {
            seen,
            section,
            name,
            algorithm: seen.subject.algorithm,
            digest,
        }
    }

    /// What the policies say. A digest of an unknown algorithm is never listed.
    pub(super) fn judge<'e>(&self, policies: &'e PolicySet) -> Judgement<'e> {
        match self.algorithm {
            Some(algorithm) => policies.judge(self.section, self.name, algorithm, self.digest),
            None if policies.knows(self.section, self.name) => Judgement::OtherAlgorithm { same_bytes: None },
            None => Judgement::NotListed,
        }
    }

    /// The code of the finding that it makes.
    pub(super) fn code(&self, judgement: &Judgement<'_>, policies: &PolicySet) -> FindingCode {
        match (self.section, judgement) {
            (Section::Keyrings, _) => FindingCode::KeyNotListed,
            (Section::Buffers, _) => FindingCode::BufferNotListed,
            (Section::Digests, Judgement::NotListed | Judgement::Listed(_)) => FindingCode::NotListed,
            (Section::Digests, Judgement::OtherAlgorithm { same_bytes: Some(_) }) => {
                FindingCode::AlgorithmMismatch
            }
            (Section::Digests, Judgement::OtherAlgorithm { same_bytes: None }) => FindingCode::DigestMissing,
            (Section::Digests, Judgement::OtherDigest) => {
                if policies.listed(self.section, self.name).next().is_some() {
                    FindingCode::DigestMismatch
                } else {
                    FindingCode::DigestMissing
                }
            }
        }
    }

    /// The finding, with what is listed and what nearly is.
    pub(super) fn finding(
        &self,
        code: FindingCode,
        policies: &PolicySet,
        judgement: &Judgement<'_>,
        is_validly_signed: bool,
    ) -> Finding {
        let (problem, hint) = self.words(code, policies, judgement, is_validly_signed);
        let listed = policies.listed(self.section, self.name);
        let mut finding = Finding::new(code, problem, hint)
            .at(self.seen.entry.number(), Some(self.name))
            .expected(listed.map(|candidate| digest_text(&candidate.digest)));
        finding.found = self.seen.subject.digest_text();
        if let Some(algorithm) = self.algorithm {
            let near = policies.near(self.section, self.name, algorithm, self.digest, Finding::MAX_NEAR);
            finding.near = near
                .iter()
                .filter(|near| near.path != self.name)
                .map(|near| near_miss(near, policies))
                .collect();
        }
        finding
    }

    fn words(
        &self,
        code: FindingCode,
        policies: &PolicySet,
        judgement: &Judgement<'_>,
        is_validly_signed: bool,
    ) -> (&'static str, &'static str) {
        let is_known = !matches!(judgement, Judgement::NotListed);
        match code {
            FindingCode::KeyNotListed if is_known => (
                "another key was loaded on this keyring than the policy lists for it",
                "add the digest to keyrings if the key is meant to be trusted",
            ),
            FindingCode::KeyNotListed => (
                "a key was loaded on a keyring for which the policy lists none",
                "add the digest to keyrings if the key is meant to be trusted",
            ),
            FindingCode::BufferNotListed if is_known => (
                "the policy lists other contents for this buffer",
                "add the digest to ima-buf if the buffer may have this content",
            ),
            FindingCode::BufferNotListed => (
                "no policy lists this buffer",
                "add the digest to ima-buf if the buffer may have this content",
            ),
            FindingCode::DeviceMapper => (
                "a device-mapper event that no policy lists",
                "add the digest to ima-buf if the device is meant to be set up like this",
            ),
            FindingCode::BootAggregateMismatch => (
                "the policy lists another boot aggregate",
                "boot aggregates are of one machine; give the values of PCR 0 to 9, or list this one",
            ),
            FindingCode::DigestMismatch if is_validly_signed => (
                "the policy lists this path with other digests; the file is validly signed, but it is not one of these versions",
                "add the digest if this version is meant, or remove the path if every signed version is",
            ),
            FindingCode::DigestMismatch if self.seen.subject.is_verity() => (
                "the policy lists this path with another digest; the entry has an fs-verity digest, which is never that of the file's bytes",
                "list the fs-verity digest, or measure without digest_type=verity",
            ),
            FindingCode::DigestMismatch => (
                "the policy lists this path with another digest: the file is not the one it should be",
                "if the file was updated on purpose, add its digest; otherwise find out who changed it",
            ),
            FindingCode::AlgorithmMismatch => (
                "the policy lists these bytes, but as a digest of another algorithm",
                "list the digest with its algorithm, or say which algorithm digests of this length are of",
            ),
            FindingCode::DigestMissing if self.algorithm.is_none() => (
                "the path is listed, but the entry's hash algorithm is unknown, so that its digest cannot be compared",
                "boot with an ima_hash= that the policy has digests of",
            ),
            FindingCode::DigestMissing => (
                "the policy lists this path without a digest of the entry's algorithm",
                "add the digest of this algorithm, or boot with an ima_hash= that the policy has digests of",
            ),
            _ if policies.is_empty() => (
                "no policy was given, and no known key has signed the file",
                "give the policy of this machine",
            ),
            _ => (
                "no policy lists this path",
                "if the file belongs to the machine, add its digest; otherwise find out how it came there",
            ),
        }
    }
}

/// `algorithm:hex` of what is listed.
pub(super) fn digest_text(digest: &ListedDigest<'_>) -> String {
    tagged(digest.algorithm.map(Algorithm::name), digest.bytes)
}

fn near_miss(near: &Near<'_>, policies: &PolicySet) -> NearMiss {
    NearMiss {
        kind: near.kind.name(),
        path: shown(near.path),
        digest: near.digest.as_ref().map(digest_text),
        origin: policies
            .policies()
            .get(near.origin)
            .map(|policy| shown(policy.origin())),
    }
}
