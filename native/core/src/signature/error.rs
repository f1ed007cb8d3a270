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
    /// JSON that is no DSSE envelope.
    #[error("signed policy: {problem}")]
    EnvelopeMalformed {
        /// The line, counted from 1, where the JSON breaks off.
        line: Option<u64>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An envelope around something else than a runtime policy.
    #[error("signed, but no runtime policy: the payload's type is \"{}\"", found.escape_debug())]
    PayloadForeign {
        /// `payloadType`.
        found: String,
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
            Self::EnvelopeMalformed { .. } => "ENVELOPE_MALFORMED",
            Self::PayloadForeign { .. } => "ENVELOPE_PAYLOAD_FOREIGN",
            Self::EnvelopeKeyForeign { .. } => "ENVELOPE_KEY_FOREIGN",
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Key(error) => error.place(),
            Self::EnvelopeMalformed { line, .. } => Place {
                line: *line,
                ..Place::default()
            },
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
            Self::EnvelopeMalformed { .. } => "give the file as keylime-policy sign runtime wrote it",
            Self::PayloadForeign { .. } => "sign a runtime policy, with keylime-policy sign runtime",
            Self::EnvelopeKeyForeign { .. } => "give the EC key that the policy was signed with, as PEM",
        })
    }
}
