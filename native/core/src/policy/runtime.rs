//! Runtime policies, version 1: an allowlist and what else a Keylime verifier wants to know.
//!
//! ```text
//! {"meta": {…}, "release": 0, "digests": {"/usr/bin/x": ["5891b5…"], …}, "excludes": ["/tmp/.*"],
//!  "keyrings": {}, "ima": {…}, "ima-buf": {}, "verification-keys": ""}
//! ```

use std::collections::{BTreeMap, BTreeSet};

use ima_assay_digest::hex;
use serde_json::json;

use super::python_json;
use crate::allowlist::{Allowlist, AllowlistError, Format, Listed};

/// Everything in a runtime policy beside its digests. The defaults are those of Keylime's empty policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicySettings {
    /// `meta.timestamp`; left out if none.
    pub timestamp: Option<String>,
    /// `release`: a number for the policy's author.
    pub release: u64,
    /// `excludes`: patterns of paths that are not appraised, in their order.
    pub excludes: Vec<String>,
    /// `keyrings`: lower-case hex digests of keys, by keyring.
    pub keyrings: BTreeMap<String, BTreeSet<String>>,
    /// `ima-buf`: lower-case hex digests of buffers, by name.
    pub ima_buf: BTreeMap<String, BTreeSet<String>>,
    /// `ima.ignored_keyrings`.
    pub ignored_keyrings: Vec<String>,
    /// `ima.log_hash_alg`; none for SHA-1.
    pub log_hash_algorithm: Option<String>,
    /// `verification-keys`: an IMA keyring as JSON text, or nothing.
    pub verification_keys: String,
}

/// Writes a runtime policy as Keylime's own tools do, with `digests` in bytewise order.
#[derive(Debug, Clone, Default)]
pub struct RuntimePolicy {
    /// Everything beside the digests.
    pub settings: PolicySettings,
    /// Which version of the format.
    pub dialect: Dialect,
}

/// The JSON forms that a policy has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Version 1, made from lists.
    #[default]
    Current,
    /// Version 1, upgraded from an older one.
    Upgraded,
    /// Version 0. Keylime's converter makes version 1 of it.
    Old,
    /// The JSON allowlist before there were policies: `hashes`, and no `meta`.
    JsonAllowlist,
}

impl Dialect {
    /// `meta.version` and `meta.generator`. A verifier switches IMA off for generators below 2.
    fn meta(self) -> Option<(u8, u8)> {
        match self {
            Self::Current => Some((1, 3)),
            Self::Upgraded => Some((1, 2)),
            Self::Old => Some((0, 0)),
            Self::JsonAllowlist => None,
        }
    }
}

/// Shortest digest a policy may hold, in bytes (Keylime's schema: 40 hex digits).
pub(super) const MIN_DIGEST_BYTES: usize = 20;

const FORMAT: &str = "a runtime policy";

impl Format for RuntimePolicy {
    fn head(&self, _list: &Allowlist, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some((version, generator)) = self.dialect.meta() {
            let mut meta = json!({"version": version, "generator": generator});
            if let (Some(fields), Some(timestamp)) = (meta.as_object_mut(), &self.settings.timestamp) {
                fields.insert("timestamp".to_owned(), timestamp.as_str().into());
            }
            out.extend_from_slice(b"\"meta\": ");
            python_json::write(&meta, out);
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(b"\"release\": ");
        python_json::write(&self.settings.release, out);
        out.extend_from_slice(match self.dialect {
            Dialect::JsonAllowlist => b", \"hashes\": {".as_slice(),
            _ => b", \"digests\": {",
        });
    }

    fn path(&self, rows: &[Listed<'_>], is_first: bool, out: &mut Vec<u8>) -> Result<(), AllowlistError> {
        let Some(first) = rows.first() else { return Ok(()) };
        let Ok(path) = std::str::from_utf8(first.path) else {
            return Err(AllowlistError::PathUnlistable {
                path: first.raw_path.to_vec(),
                format: FORMAT,
                problem: "it is not UTF-8, and Keylime reads policies and measurement lists as text",
            });
        };
        if let Some(row) = rows.iter().find(|row| row.algorithm.len() < MIN_DIGEST_BYTES) {
            return Err(AllowlistError::DigestUnlistable {
                path: row.raw_path.to_vec(),
                format: FORMAT,
                algorithm: row.algorithm.name(),
                problem: "Keylime wants 40 hex digits or more",
            });
        }
        let mut digests: Vec<String> = rows.iter().map(|row| hex(row.digest)).collect();
        digests.sort_unstable();
        digests.dedup();
        if !is_first {
            out.extend_from_slice(b", ");
        }
        python_json::write(path, out);
        out.extend_from_slice(b": ");
        python_json::write(&digests, out);
        Ok(())
    }

    fn tail(&self, out: &mut Vec<u8>) {
        let settings = &self.settings;
        out.extend_from_slice(b"}, \"excludes\": ");
        python_json::write(&settings.excludes, out);
        out.extend_from_slice(b", \"keyrings\": ");
        python_json::write(&settings.keyrings, out);
        out.extend_from_slice(b", \"ima\": {\"ignored_keyrings\": ");
        python_json::write(&settings.ignored_keyrings, out);
        out.extend_from_slice(b", \"log_hash_alg\": ");
        python_json::write(settings.log_hash_algorithm.as_deref().unwrap_or("sha1"), out);
        out.extend_from_slice(b", \"dm_policy\": null}, \"ima-buf\": ");
        python_json::write(&settings.ima_buf, out);
        out.extend_from_slice(b", \"verification-keys\": ");
        python_json::write(&settings.verification_keys, out);
        out.extend_from_slice(b"}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allowlist::{Builder, Writer};
    use ima_assay_digest::{Algorithm, hash};
    use std::sync::Arc;

    fn write(list: Allowlist, settings: PolicySettings) -> Result<Vec<u8>, AllowlistError> {
        let mut writer = Writer::new(
            Arc::new(list),
            Box::new(RuntimePolicy {
                settings,
                ..RuntimePolicy::default()
            }),
            false,
        );
        Ok(writer.next_piece(1 << 20)?.unwrap_or_default())
    }

    fn list(path: &[u8], algorithms: &[Algorithm]) -> Allowlist {
        let mut builder = Builder::default();
        for (origin, algorithm) in algorithms.iter().enumerate() {
            let origin = builder.origin(format!("image {origin}").as_bytes());
            builder.insert(path, &hash(*algorithm, b"hello\n"), origin, None);
        }
        builder.build()
    }

    #[test]
    fn an_empty_allowlist_gives_keylimes_empty_policy_with_our_generator() {
        let text = write(Allowlist::default(), PolicySettings::default()).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "{\"meta\": {\"version\": 1, \"generator\": 3}, \"release\": 0, \"digests\": {}, \"excludes\": [], \
             \"keyrings\": {}, \"ima\": {\"ignored_keyrings\": [], \"log_hash_alg\": \"sha1\", \
             \"dm_policy\": null}, \"ima-buf\": {}, \"verification-keys\": \"\"}"
        );
    }

    #[test]
    fn a_digest_seen_in_two_images_is_listed_once() {
        let text = write(list(b"/a b", &[Algorithm::Sha256; 2]), PolicySettings::default()).unwrap();
        let policy: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(
            policy["digests"],
            json!({"/a_b": ["5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"]})
        );
    }

    #[test]
    fn what_keylime_cannot_take_is_refused() {
        let not_text = write(list(b"/\xff", &[Algorithm::Sha256]), PolicySettings::default());
        assert!(matches!(not_text, Err(AllowlistError::PathUnlistable { .. })));
        let short = write(list(b"/a", &[Algorithm::Md5]), PolicySettings::default());
        assert!(matches!(short, Err(AllowlistError::DigestUnlistable { .. })));
    }
}
