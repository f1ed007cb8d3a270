//! What a Keylime verifier makes of a policy: the facts that its verdict follows from.
//!
//! Keylime compares text, knows no algorithms, and indexes the JSON object as it is. Where this view and the
//! strict one of [`PolicySet`](super::PolicySet) differ, a strict verdict and Keylime's differ.

use ima_assay_digest::{Algorithm, encode_hex};

use super::loaded::{Policy, Section, Shape};
use super::problem::ProblemCode;

/// A policy as a Keylime verifier sees it. An allowlist is seen as `keylime_convert_runtime_policy` converts it,
/// which is what `keylime_tenant --allowlist` sends.
#[derive(Debug, Clone, Copy)]
pub struct KeylimeView<'a> {
    policy: &'a Policy,
}

/// Whether a verifier takes a policy at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeylimeStanding {
    /// As it is.
    Taken,
    /// After `keylime_convert_runtime_policy` has made a policy of it.
    TakenConverted,
    /// No: [`Policy::validate`] tells why.
    Refused,
}

/// What Keylime finds when it looks up a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeylimeAnswer {
    /// The entry passes.
    Listed,
    /// The name is there, the digest is not: `ima.validation.ima-ng.runtime_policy_hash`.
    OtherDigest,
    /// The name is not there: `ima.validation.ima-ng.not_in_allowlist`.
    NotListed,
    /// The policy lacks the section, so Python raises `KeyError`. The schema keeps such policies out.
    Exception,
}

impl Policy {
    /// The policy as Keylime sees it.
    #[must_use]
    pub fn keylime(&self) -> KeylimeView<'_> {
        KeylimeView { policy: self }
    }
}

impl<'a> KeylimeView<'a> {
    /// Whether a verifier takes the policy. Looks at all of it.
    #[must_use]
    pub fn standing(&self) -> KeylimeStanding {
        match self.policy.shape() {
            _ if self.policy.validate(0).is_refused_by_keylime() => KeylimeStanding::Refused,
            Shape::RuntimePolicy | Shape::OldRuntimePolicy => KeylimeStanding::Taken,
            Shape::JsonAllowlist | Shape::FlatAllowlist | Shape::Allowlist => KeylimeStanding::TakenConverted,
        }
    }

    /// Whether verification gets to the first entry: it indexes `ima.log_hash_alg` and `ima.dm_policy`, and ends
    /// with `KeyError` if one of them is missing.
    #[must_use]
    pub fn starts(&self) -> bool {
        !self.is_json_policy() || (self.policy.has("ima.log_hash_alg") && self.policy.has("ima.dm_policy"))
    }

    /// Looks a digest up. Excludes come before this, and signatures too. The name is one that IMA writes, which
    /// has no blank.
    #[must_use]
    pub fn answer(&self, section: Section, name: &[u8], digest: &[u8]) -> KeylimeAnswer {
        if self.is_json_policy() && !self.policy.has(section.key()) {
            return KeylimeAnswer::Exception;
        }
        let Some(listing) = self.policy.section(section).get(name) else {
            return KeylimeAnswer::NotListed;
        };
        let is_flat = self.policy.shape() == Shape::FlatAllowlist;
        let mut answer = KeylimeAnswer::NotListed;
        for entry in listing.entries() {
            let quirks = entry.quirks();
            // The converter keeps blanks, marks and escapes: to Keylime the row is of another path.
            if is_flat && (quirks.is_binary || quirks.is_respelled || quirks.is_escaped) {
                continue;
            }
            answer = KeylimeAnswer::OtherDigest;
            if entry
                .digests()
                .any(|listed| listed.is_plain && listed.bytes == digest)
            {
                return KeylimeAnswer::Listed;
            }
        }
        answer
    }

    /// The texts that Keylime shows as `expected`, as far as they are digests: lower-case hex.
    pub fn expected(&self, section: Section, name: &[u8]) -> impl Iterator<Item = String> + use<'a> {
        let listing = self.policy.section(section).get(name);
        listing
            .into_iter()
            .flat_map(|listing| listing.digests())
            .filter(|listed| listed.is_plain)
            .map(|listed| {
                let mut hex = Vec::new();
                encode_hex(listed.bytes, &mut hex);
                String::from_utf8(hex).unwrap_or_default()
            })
    }

    /// Whether keys of this keyring are neither checked nor learned.
    #[must_use]
    pub fn ignores_keyring(&self, keyring: &[u8]) -> bool {
        self.policy
            .ignored_keyrings()
            .any(|ignored| ignored == "*" || ignored.as_bytes() == keyring)
    }

    /// The algorithm of template hashes. A name that Keylime does not know becomes SHA-1, with a warning.
    #[must_use]
    pub fn log_hash_algorithm(&self) -> Algorithm {
        match self.policy.log_hash_algorithm() {
            Some("sha256") => Algorithm::Sha256,
            Some("sha384") => Algorithm::Sha384,
            Some("sha512") => Algorithm::Sha512,
            Some("sm3_256") => Algorithm::Sm3,
            _ => Algorithm::Sha1,
        }
    }

    /// Whether a device-mapper policy is active.
    #[must_use]
    pub fn has_dm_policy(&self) -> bool {
        let mut notes = self.policy.notes.iter();
        notes.any(|note| note.code == ProblemCode::DmPolicyPresent)
    }

    /// Whether a verifier in push mode asks for a measurement list at all: it does for generators above 1. The
    /// converter writes 3.
    #[must_use]
    pub fn is_checked_in_push_mode(&self) -> bool {
        !self.is_json_policy()
            || self
                .policy
                .meta()
                .generator
                .is_some_and(|generator| generator > 1)
    }

    fn is_json_policy(&self) -> bool {
        matches!(
            self.policy.shape(),
            Shape::RuntimePolicy | Shape::OldRuntimePolicy
        )
    }
}
