//! Why keys or envelopes cannot be read.

use crate::error::{Explain, Place};
use crate::public_key::KeyError;

/// Why keys or envelopes cannot be read. That a signature does not verify is no error but a result:
/// [`super::SignatureOutcome`], [`super::EnvelopeOutcome`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A file of keys cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// More keys share one id than are tried.
    #[error("more than {limit} keys have the id {key_id:08x}")]
    TooManyKeys {
        /// The id.
        key_id: u32,
        /// The limit.
        limit: usize,
    },
    /// A keyring of Keylime that cannot be read.
    #[error("keyring: {problem}")]
    KeyringMalformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A key in a keyring of Keylime that cannot be read.
    #[error("keyring, key {number}: {error}")]
    KeyringKey {
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        error: KeyError,
    },
    /// A key that no envelope can be signed with.
    #[error("envelopes are signed with ECDSA, and {found} is another kind of key")]
    EnvelopeKeyForeign {
        /// What the key is.
        found: crate::public_key::KeyKind,
    },
}

impl Explain for SignatureError {
    fn code(&self) -> &'static str {
        match self {
            Self::Key(error) => error.code(),
            Self::TooManyKeys { .. } => "KEYRING_TOO_MANY_KEYS",
            Self::KeyringMalformed { .. } => "KEYRING_MALFORMED",
            Self::KeyringKey { .. } => "KEYRING_KEY_UNREADABLE",
            Self::EnvelopeKeyForeign { .. } => "ENVELOPE_KEY_FOREIGN",
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Key(error) => error.place(),
            _ => Place::default(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Key(error) | Self::KeyringKey { error, .. } => return error.hint(),
            Self::TooManyKeys { .. } => "give the keys that are meant, and no others",
            Self::KeyringMalformed { .. } => {
                "a keyring is JSON with `pubkeys`, Base64 of SubjectPublicKeyInfo, and as many `keyids`"
            }
            Self::EnvelopeKeyForeign { .. } => "give the EC key that the policy was signed with, as PEM",
        })
    }
}
