//! What a verification finds: one thing wrong each, with all that is needed to see why.

use std::fmt;

use ima_assay_digest::hex;

use crate::path::Escaped;

macro_rules! codes {
    ($($(#[$doc:meta])+ $variant:ident $name:literal;)*) => {
        /// What a finding is about: a closed set. The text of a code is part of the interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingCode {
            $($(#[$doc])+ $variant,)*
        }

        impl FindingCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code, in `SCREAMING_SNAKE`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The code of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.name() == name)
            }
        }
    };
}

codes! {
    /// No policy lists the path.
    NotListed "NOT_LISTED";
    /// The path is listed with other digests.
    DigestMismatch "DIGEST_MISMATCH";
    /// The bytes of the digest are listed, as a digest of another algorithm.
    AlgorithmMismatch "ALGORITHM_MISMATCH";
    /// The template hash is not that of the entry's fields.
    TemplateHashMismatch "TEMPLATE_HASH_MISMATCH";
    /// The kernel could not measure what was used.
    Violation "VIOLATION";
    /// A signature that does not fit the file.
    SignatureInvalid "SIGNATURE_INVALID";
    /// A signature by a key that is not known.
    SignatureKeyUnknown "SIGNATURE_KEY_UNKNOWN";
    /// Something that is no signature, where one should be.
    SignatureMalformed "SIGNATURE_MALFORMED";
    /// A key that no policy lists for its keyring.
    KeyNotListed "KEY_NOT_LISTED";
    /// A buffer that no policy lists.
    BufferNotListed "BUFFER_NOT_LISTED";
    /// A digest that is not that of the buffer beside it.
    BufferDigestMismatch "BUFFER_DIGEST_MISMATCH";
    /// An event of the device mapper that no policy lists.
    DeviceMapper "DEVICE_MAPPER";
    /// An entry of a PCR that was not asked for.
    UnexpectedPcr "UNEXPECTED_PCR";
    /// The list does not lead to the PCR values.
    PcrMismatch "PCR_MISMATCH";
    /// The quote proves nothing.
    QuoteInvalid "QUOTE_INVALID";
    /// The quote was made for another nonce.
    NonceMismatch "NONCE_MISMATCH";
    /// The boot aggregate is not that of the boot PCRs.
    BootAggregateMismatch "BOOT_AGGREGATE_MISMATCH";
    /// An entry that is not made up as it should be.
    EntryMalformed "ENTRY_MALFORMED";
    /// An entry of a template that cannot be read or judged.
    TemplateUnknown "TEMPLATE_UNKNOWN";
    /// The list ends too early, or has nothing in it.
    ListTruncated "LIST_TRUNCATED";
    /// The path is listed, without a digest of the entry's algorithm.
    DigestMissing "DIGEST_MISSING";
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that nearly fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// How it is near, as `same-digest`.
    pub kind: &'static str,
    /// The path, keyring or buffer that is listed, escaped.
    pub path: String,
    /// `algorithm:hex` of what is listed.
    pub digest: Option<String>,
    /// The policy it is from.
    pub origin: Option<String>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The number of the entry, counted from 1; none for what concerns the list as a whole.
    pub entry: Option<u64>,
    /// What it is about.
    pub code: FindingCode,
    /// The event that a Keylime verifier would report; only by its rules.
    pub event: Option<&'static str>,
    /// The name that the entry measures, escaped for one line.
    pub path: Option<String>,
    /// `algorithm:hex`, or what else was found.
    pub found: Option<String>,
    /// What would have been right: at most [`Finding::MAX_EXPECTED`].
    pub expected: Vec<String>,
    /// What is wrong, in one sentence, without the full stop.
    pub problem: String,
    /// What to do about it, likewise.
    pub hint: String,
    /// What nearly fits: at most [`Finding::MAX_NEAR`].
    pub near: Vec<NearMiss>,
}

impl Finding {
    /// Digests that are shown as expected.
    pub const MAX_EXPECTED: usize = 8;
    /// Near misses that are shown.
    pub const MAX_NEAR: usize = 5;

    /// A finding with nothing but what is always there.
    pub(super) fn new(code: FindingCode, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            entry: None,
            code,
            event: None,
            path: None,
            found: None,
            expected: Vec::new(),
            problem: problem.into(),
            hint: hint.into(),
            near: Vec::new(),
        }
    }

    pub(super) fn at(mut self, entry: u64, name: Option<&[u8]>) -> Self {
        self.entry = Some(entry);
        self.path = name.map(shown);
        self
    }

    pub(super) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    pub(super) fn expected(mut self, expected: impl IntoIterator<Item = String>) -> Self {
        self.expected = expected.into_iter().take(Self::MAX_EXPECTED).collect();
        self
    }
}

/// Where the two sets of rules disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The number of the entry; none for what concerns the list as a whole.
    pub entry: Option<u64>,
    /// The name that the entry measures, escaped.
    pub path: Option<String>,
    /// The first finding by the strict rules; none where they accept.
    pub strict: Option<FindingCode>,
    /// The first event of a Keylime verifier; none where it accepts.
    pub keylime: Option<&'static str>,
    /// Why they disagree.
    pub why: &'static str,
}

/// Bytes of a name that are shown. No file has a longer one (Linux, `PATH_MAX`), and a hostile list may have
/// megabytes.
const MAX_SHOWN_BYTES: usize = 4096 + 10;

/// A name for a report: on one line, and not longer than a name can be.
pub(super) fn shown(name: &[u8]) -> String {
    match name.get(..MAX_SHOWN_BYTES) {
        Some(start) if start.len() < name.len() => format!("{}…", Escaped(start)),
        _ => Escaped(name).to_string(),
    }
}

/// `algorithm:hex`; the hex digits alone if the algorithm is not known.
pub(super) fn tagged(algorithm: Option<&str>, bytes: &[u8]) -> String {
    match algorithm {
        Some(name) => format!("{name}:{}", hex(bytes)),
        None => hex(bytes),
    }
}
