//! Why a package cannot be read.

use crate::error::{Explain, Place};
use crate::image::ImageError;
use crate::path::Escaped;

/// Why a package cannot be read. Offsets count the bytes of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A Debian package that is none.
    #[error("byte {offset}: {problem}")]
    DebMalformed {
        /// Where it is wrong.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A Debian package of a later version, or compressed in a way that `dpkg` does not know.
    #[error("{problem}")]
    DebUnsupported {
        /// What is not read.
        problem: &'static str,
    },
    /// An RPM package whose lead or one of its headers is none.
    #[error("byte {offset}: {problem}")]
    RpmMalformed {
        /// Where the part starts.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// An RPM package that ends inside one of its parts.
    #[error("byte {offset}: the package ends inside its {part}")]
    RpmTruncated {
        /// Where the part starts, in the file or in what the payload unpacks to.
        offset: u64,
        /// Which one.
        part: &'static str,
    },
    /// An RPM package that is not read.
    #[error("{problem}")]
    RpmUnsupported {
        /// What is not read.
        problem: &'static str,
    },
    /// A part of an RPM package has other bytes than those that are stated.
    #[error("its {part} has the digest {found}, and {stated} is stated")]
    RpmDigestMismatch {
        /// Which part.
        part: &'static str,
        /// What the package says.
        stated: String,
        /// What the bytes have.
        found: String,
    },
    /// A file of an RPM package has other bytes than those that its header states.
    #[error("{} has the digest {found}, and the header states {stated}", Escaped(path))]
    RpmFileDigestMismatch {
        /// Absolute.
        path: Vec<u8>,
        /// What the header says.
        stated: String,
        /// What the bytes have.
        found: String,
    },
    /// The payload of an RPM package is not what its header lists.
    #[error("{}: {problem}", Escaped(path))]
    RpmPayloadMismatch {
        /// As the header or the payload has it.
        path: Vec<u8>,
        /// What is wrong.
        problem: &'static str,
    },
    /// A file that should have a certificate, and has none that can be read.
    #[error("no OpenPGP certificate: {}", Escaped(problem.as_bytes()))]
    KeyMalformed {
        /// What is wrong.
        problem: String,
    },
    /// Something that has to be signed is not.
    #[error("{part} is not signed")]
    Unsigned {
        /// What it is.
        part: &'static str,
    },
    /// It is signed, by nobody whose certificate was given.
    #[error("{part} is signed by {signer}, which is none of the given keys")]
    SignerUnknown {
        /// What it is.
        part: &'static str,
        /// Fingerprint or id of the key.
        signer: String,
    },
    /// It is not what was signed, or by no key that may sign.
    #[error("the signature of {part} is wrong: {}", Escaped(problem.as_bytes()))]
    SignatureWrong {
        /// What it is.
        part: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Its signature could be forged.
    #[error("the signature of {part} is too weak: {problem}")]
    SignatureWeak {
        /// What it is.
        part: &'static str,
        /// Why.
        problem: String,
    },
    /// Its signature is no longer valid.
    #[error("the signature of {part} by {key} has expired")]
    SignatureExpired {
        /// What it is.
        part: &'static str,
        /// Fingerprint.
        key: String,
    },
    /// The key that signed it is no longer valid, or was not then.
    #[error("{part} is signed by {key}, which has expired or was not valid then")]
    KeyExpired {
        /// What it is.
        part: &'static str,
        /// Fingerprint.
        key: String,
    },
    /// The key that signed it was taken back.
    #[error("{part} is signed by {key}, which is revoked")]
    KeyRevoked {
        /// What it is.
        part: &'static str,
        /// Fingerprint.
        key: String,
    },
    /// Metadata of a repository that are none, or contradict themselves.
    #[error("{}: {problem}", Escaped(name.as_bytes()))]
    RepositoryMalformed {
        /// The file of metadata, or the package.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// What the metadata name is not there.
    #[error("{} is not in the repository", Escaped(name.as_bytes()))]
    RepositoryFileMissing {
        /// Its path.
        name: String,
    },
    /// A file is not the one that the metadata state.
    #[error("{} has {found}, and {stated} is stated", Escaped(name.as_bytes()))]
    RepositoryFileWrong {
        /// Its path.
        name: String,
        /// Size or checksum by the metadata.
        stated: String,
        /// Size or checksum of the file.
        found: String,
    },
    /// A package of a repository cannot be read.
    #[error("{}: {error}", Escaped(package.as_bytes()))]
    InRepository {
        /// Its path in the repository.
        package: String,
        /// What is wrong with it.
        #[source]
        error: Box<ImageError>,
    },
}

impl Explain for PackageError {
    fn code(&self) -> &'static str {
        match self {
            Self::DebMalformed { .. } => "DEB_MALFORMED",
            Self::DebUnsupported { .. } => "DEB_UNSUPPORTED",
            Self::RpmMalformed { .. } => "RPM_MALFORMED",
            Self::RpmTruncated { .. } => "RPM_TRUNCATED",
            Self::RpmUnsupported { .. } => "RPM_UNSUPPORTED",
            Self::RpmDigestMismatch { .. } => "RPM_DIGEST_MISMATCH",
            Self::RpmFileDigestMismatch { .. } => "RPM_FILE_DIGEST_MISMATCH",
            Self::RpmPayloadMismatch { .. } => "RPM_PAYLOAD_MISMATCH",
            Self::KeyMalformed { .. } => "PACKAGE_KEY_MALFORMED",
            Self::Unsigned { .. } => "PACKAGE_UNSIGNED",
            Self::SignerUnknown { .. } => "PACKAGE_SIGNER_UNKNOWN",
            Self::SignatureWrong { .. } => "PACKAGE_SIGNATURE_WRONG",
            Self::SignatureWeak { .. } => "PACKAGE_SIGNATURE_WEAK",
            Self::SignatureExpired { .. } => "PACKAGE_SIGNATURE_EXPIRED",
            Self::KeyExpired { .. } => "PACKAGE_KEY_EXPIRED",
            Self::KeyRevoked { .. } => "PACKAGE_KEY_REVOKED",
            Self::RepositoryMalformed { .. } => "REPOSITORY_MALFORMED",
            Self::RepositoryFileMissing { .. } => "REPOSITORY_FILE_MISSING",
            Self::RepositoryFileWrong { .. } => "REPOSITORY_FILE_WRONG",
            Self::InRepository { error, .. } => error.code(),
        }
    }

    fn place(&self) -> Place {
        let (path, offset_bytes) = match self {
            Self::DebMalformed { offset, .. }
            | Self::RpmMalformed { offset, .. }
            | Self::RpmTruncated { offset, .. } => (None, Some(*offset)),
            Self::RpmFileDigestMismatch { path, .. } | Self::RpmPayloadMismatch { path, .. } => {
                (Some(path.clone()), None)
            }
            Self::InRepository { error, .. } => return error.place(),
            _ => (None, None),
        };
        Place {
            path,
            offset_bytes,
            ..Place::default()
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::DebMalformed { .. } | Self::RpmMalformed { .. } | Self::RpmTruncated { .. } => {
                "the package is damaged; fetch it again and compare its checksum with the repository's"
            }
            Self::DebUnsupported { .. } => "unpack it with `dpkg-deb -x` and give the directory",
            Self::RpmUnsupported { .. } => "give the binary package that is installed",
            Self::RpmDigestMismatch { .. }
            | Self::RpmFileDigestMismatch { .. }
            | Self::RpmPayloadMismatch { .. } => {
                "the package is damaged or was changed; fetch it again and check it with `rpm -K`"
            }
            Self::KeyMalformed { .. } => {
                "export it: `gpg --armor --export FINGERPRINT`, or take the key file of the distribution"
            }
            Self::Unsigned { .. } => {
                "take it from its maker's repository; of a .deb, which is rarely signed, apt checks the repository: then leave --package-key out"
            }
            Self::SignerUnknown { .. } => {
                "give the certificate of that key with --package-key, if you trust it"
            }
            Self::SignatureWrong { .. } => {
                "it was changed or is damaged; fetch it again, and compare with `rpm -K` or `gpgv`"
            }
            Self::SignatureWeak { .. } => "ask its maker for one that is signed with a newer key and SHA-256",
            Self::SignatureExpired { .. } | Self::KeyExpired { .. } => {
                "fetch the certificate anew, which may have been prolonged, or a newer package"
            }
            Self::KeyRevoked { .. } => "ask its maker which key replaces it",
            Self::RepositoryMalformed { .. } => "make the metadata anew with `createrepo_c`",
            Self::RepositoryFileMissing { .. } | Self::RepositoryFileWrong { .. } => {
                "the repository was not copied whole, or changed meanwhile; copy it again, or run `createrepo_c`"
            }
            Self::InRepository { error, .. } => return error.hint(),
        })
    }
}
