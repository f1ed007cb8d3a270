//! What is wrong with a policy that can be read all the same.

use std::collections::BTreeMap;

use super::location::Location;

/// One thing that is wrong, or at least unwise, in a policy that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind.
    pub code: ProblemCode,
    /// Where it stands.
    pub location: Location,
    /// What is wrong, as half a sentence.
    pub problem: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])+ $variant:ident $name:literal $effect:ident;)*) => {
        /// Kinds of problems. The text of a code is part of the interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[$doc])+ $variant,)*
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code, in `SCREAMING_SNAKE`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether a Keylime verifier refuses a policy for it (HTTP 400). The others it takes without a word.
            #[must_use]
            pub fn is_refused_by_keylime(self) -> bool {
                const REFUSED: bool = true;
                const TAKEN: bool = false;
                match self { $(Self::$variant => $effect,)* }
            }
        }
    };
}

codes! {
    /// A key that Keylime requires is missing.
    KeyMissing "KEY_MISSING" REFUSED;
    /// A value of a type that Keylime does not take, and that can be read nonetheless.
    TypeWrong "TYPE_WRONG" REFUSED;
    /// A number that Keylime does not take.
    ValueOutOfRange "VALUE_OUT_OF_RANGE" REFUSED;
    /// A name without a single digest.
    ListEmpty "LIST_EMPTY" REFUSED;
    /// A digest with its algorithm before it.
    DigestPrefixed "DIGEST_PREFIXED" REFUSED;
    /// A digest with upper-case digits.
    DigestUpperCase "DIGEST_UPPER_CASE" REFUSED;
    /// A digest of fewer than 40 digits, MD5 for one.
    DigestTooShort "DIGEST_TOO_SHORT" REFUSED;
    /// A digest of more than 128 digits.
    DigestTooLong "DIGEST_TOO_LONG" REFUSED;
    /// Text that is no digest at all. It can match nothing.
    DigestMalformed "DIGEST_MALFORMED" REFUSED;
    /// A digest with half a byte at its end. It can match nothing, and Keylime does not say so.
    DigestOdd "DIGEST_ODD" TAKEN;
    /// A digest with a line feed after it, which Keylime takes and never finds equal.
    DigestLineFeed "DIGEST_LINE_FEED" TAKEN;
    /// A digest of a length that no known algorithm has.
    DigestLengthUnknown "DIGEST_LENGTH_UNKNOWN" TAKEN;
    /// A name that IMA never writes: it has a blank or a NUL.
    NameNeverMatches "NAME_NEVER_MATCHES" TAKEN;
    /// A name that is not UTF-8. Keylime ends with an exception when it meets such a name in a list.
    NameNotUtf8 "NAME_NOT_UTF8" TAKEN;
    /// A name stands twice in a JSON object. The last one counts, here as with Keylime.
    NameTwice "NAME_TWICE" TAKEN;
    /// `meta.generator` is 0 or 1: in push mode a Keylime verifier asks for no measurement list at all.
    GeneratorSwitchesOff "GENERATOR_SWITCHES_OFF" TAKEN;
    /// A `log_hash_alg` that Keylime does not take.
    LogAlgorithmUnsupported "LOG_ALGORITHM_UNSUPPORTED" REFUSED;
    /// A device-mapper policy, which Keylime does not let in.
    DmPolicyPresent "DM_POLICY_PRESENT" REFUSED;
    /// `verification-keys` is no IMA keyring.
    VerificationKeysMalformed "VERIFICATION_KEYS_MALFORMED" REFUSED;
    /// A key of older formats that has no effect any more.
    KeyIgnored "KEY_IGNORED" TAKEN;
    /// The file begins with a byte order mark.
    ByteOrderMark "BYTE_ORDER_MARK" REFUSED;
    /// The payload of the envelope is of another type than a policy's.
    PayloadTypeForeign "PAYLOAD_TYPE_FOREIGN" TAKEN;
    /// A flat allowlist with names that are not UTF-8: Keylime's converter stops.
    ListNotUtf8 "LIST_NOT_UTF8" REFUSED;
    /// An escaped row of a flat allowlist: Keylime takes the backslash for a part of the digest.
    RowEscaped "ROW_ESCAPED" REFUSED;
    /// A row in binary mode: Keylime takes the `*` for a part of the path.
    RowBinary "ROW_BINARY" TAKEN;
    /// The last row does not end with a line feed: the file may be cut.
    LastRowUnterminated "LAST_ROW_UNTERMINATED" TAKEN;
}

/// Everything [`Policy::validate`](super::Policy::validate) found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validation {
    /// The first problems, in the order of the file's keys and rows.
    pub problems: Vec<Problem>,
    /// How many there are of each code; more than are listed where the limit cut them off.
    pub counts: BTreeMap<ProblemCode, u64>,
}

impl Validation {
    /// Whether a Keylime verifier would refuse the policy.
    #[must_use]
    pub fn is_refused_by_keylime(&self) -> bool {
        self.counts.keys().any(|code| code.is_refused_by_keylime())
    }

    /// How many problems there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts
            .values()
            .fold(0, |total, count| total.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_a_name_of_its_own() {
        let names: BTreeSet<_> = ProblemCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), ProblemCode::ALL.len());
    }
}
