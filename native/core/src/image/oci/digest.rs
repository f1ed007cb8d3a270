//! How container images name bytes: `ALGORITHM:HEX`.

use std::fmt;

use ima_assay_digest::{Algorithm, Digest};

use super::error::OciError;

/// A digest as documents state it: what is not exactly so never becomes part of a path.
///
/// Source: OCI image specification 1.1, `descriptor.md`, "Digests".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    algorithm: Algorithm,
    text: String,
}

impl Name {
    /// # Errors
    /// [`OciError::DigestMalformed`].
    pub(super) fn parse(text: &str) -> Result<Self, OciError> {
        let malformed = || OciError::DigestMalformed {
            text: text.to_owned(),
        };
        let (algorithm, hex) = text.split_once(':').ok_or_else(malformed)?;
        let algorithm = match algorithm {
            "sha256" => Algorithm::Sha256,
            "sha384" => Algorithm::Sha384,
            "sha512" => Algorithm::Sha512,
            _ => return Err(malformed()),
        };
        let is_lower_hex = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_lower_hex || Digest::from_hex(algorithm, hex).is_err() {
            return Err(malformed());
        }
        Ok(Self {
            algorithm,
            text: text.to_owned(),
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where a layout keeps the bytes: `blobs/ALGORITHM/HEX`.
    pub(super) fn path(&self) -> String {
        format!("blobs/{}", self.text.replace(':', "/"))
    }

    /// Whether bytes with this digest are those it names.
    pub(super) fn is(&self, found: &Digest) -> bool {
        self.text == show(found)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A digest as documents state it.
pub(super) fn show(digest: &Digest) -> String {
    format!("{}:{digest}", digest.algorithm().name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_exact_digest_is_a_name() {
        let hex = "a".repeat(64);
        assert!(Name::parse(&format!("sha256:{hex}")).is_ok());
        assert!(Name::parse(&format!("sha512:{hex}{hex}")).is_ok());
        for text in [
            String::new(),
            hex.clone(),
            format!("sha256:{}", "A".repeat(64)),
            format!("sha256:{}", "a".repeat(63)),
            format!("sha512:{hex}"),
            format!("md5:{}", "a".repeat(32)),
            "sha256:../../../etc/passwd".to_owned(),
            format!("sha256:{}/", "a".repeat(63)),
            format!("sha256:sha256:{hex}"),
        ] {
            assert!(Name::parse(&text).is_err(), "{text}");
        }
    }
}
