//! Why nothing can be said.

use crate::error::{Explain, Place};
use crate::measurement::{ListError, ReplayError};
use crate::path::Escaped;
use crate::policy::exclude::ExcludeError;
use crate::signature::SignatureError;

/// Why a verification comes to no verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is nothing to hold the list against.
    #[error("there is nothing to verify the list with")]
    NothingToVerifyWith,
    /// The list cannot be read.
    #[error("{0}")]
    List(#[from] ListError),
    /// A PCR that no TPM has was asked for.
    #[error("{0}")]
    Replay(#[from] ReplayError),
    /// An exclude pattern cannot be used.
    #[error("{}: {error}", Escaped(origin))]
    Exclude {
        /// The policy or list it is from.
        origin: Vec<u8>,
        /// The first one that cannot.
        error: ExcludeError,
    },
    /// The `verification-keys` of a policy cannot be used.
    #[error("{}: verification-keys: {error}", Escaped(origin))]
    VerificationKeys {
        /// The policy.
        origin: Vec<u8>,
        /// Why.
        error: SignatureError,
    },
}

impl Explain for VerifyError {
    fn code(&self) -> &'static str {
        match self {
            Self::NothingToVerifyWith => "NOTHING_TO_VERIFY_WITH",
            Self::List(error) => error.code(),
            Self::Replay(error) => error.code(),
            Self::Exclude { error, .. } => error.code(),
            Self::VerificationKeys { error, .. } => error.code(),
        }
    }

    fn place(&self) -> Place {
        let (place, origin) = match self {
            Self::NothingToVerifyWith => return Place::default(),
            Self::List(error) => return error.place(),
            Self::Replay(error) => return error.place(),
            Self::Exclude { origin, error } => (error.place(), origin),
            Self::VerificationKeys { origin, error } => (error.place(), origin),
        };
        Place {
            input: Some(origin.clone()),
            ..place
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NothingToVerifyWith => {
                Some("give a policy or an allowlist, PCR values, a quote, or keys of file signatures")
            }
            Self::List(error) => error.hint(),
            Self::Replay(error) => error.hint(),
            Self::Exclude { error, .. } => error.hint(),
            Self::VerificationKeys { error, .. } => error.hint(),
        }
    }
}
