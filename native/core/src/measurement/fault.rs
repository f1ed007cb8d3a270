//! What is wrong with a list, entry by entry. A fault is data: reading goes on where it can.

use std::fmt;

use super::template::FieldId;
use crate::error::{Explain, Place};

/// Where in a list something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The number of the entry, counted from 1 through all segments.
    pub entry: u64,
    /// The segment, counted from 1.
    pub segment: u32,
    /// Bytes of the segment, unpacked, before the entry.
    pub offset_bytes: u64,
    /// The line of the segment, counted from 1, in the ASCII form.
    pub line: Option<u64>,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} (", self.entry)?;
        if self.segment > 1 {
            write!(f, "part {}, ", self.segment)?;
        }
        match self.line {
            Some(line) => write!(f, "line {line})"),
            None => write!(f, "byte {})", self.offset_bytes),
        }
    }
}

/// One thing that is wrong with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct Fault {
    /// The entry it is wrong with.
    pub at: At,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The first column is no number.
    #[error("the PCR is not a number")]
    PcrMalformed,
    /// A PCR that no TPM has.
    #[error("there is no PCR {pcr}")]
    PcrOutOfRange {
        /// Its number.
        pcr: u32,
    },
    /// A template hash with another character than a hex digit, or with half a byte.
    #[error("the template hash is not hexadecimal")]
    HashNotHex,
    /// A template hash as long as no hash algorithm makes it, or as the other entries have it.
    #[error("the template hash has {found} bytes, not {expected}")]
    HashLength {
        /// Bytes of this one.
        found: usize,
        /// Bytes of the others, or of SHA-1.
        expected: usize,
    },
    /// The template hash is not that of the template data.
    #[error("the template hash does not fit the fields")]
    HashDiffers,
    /// Tabs where single blanks should be.
    #[error("the columns have tabs between them, not single blanks")]
    TabSeparated,
    /// An empty column where none can be.
    #[error("two blanks stand between columns where there is one")]
    BlankDoubled,
    /// A line with fewer columns than its template has.
    #[error("the line has too few columns for its template")]
    ColumnsMissing,
    /// A line with more columns than its template has.
    #[error("the line has too many columns for its template")]
    ColumnsSurplus,
    /// A NUL byte, which the kernel cannot write into the ASCII form.
    #[error("the line has a NUL byte")]
    LineHasNul,
    /// An entry that is too long.
    #[error("the entry has more than {limit} bytes")]
    EntryTooLong {
        /// Bytes it may have.
        limit: usize,
    },
    /// Neither a template of the kernel nor fields of it.
    #[error("the template is unknown")]
    TemplateUnknown,
    /// A template name that cannot be one.
    #[error("the template name has {len} bytes")]
    TemplateNameLength {
        /// Its length.
        len: u32,
    },
    /// A template name with blanks, control characters or bytes beyond ASCII.
    #[error("the template name is not printable")]
    TemplateNameUnprintable,
    /// The name in an entry of the template `ima` is longer than 256 bytes.
    #[error("the name has {len} bytes, more than 256")]
    LegacyNameLength {
        /// Its length.
        len: usize,
    },
    /// A field that would end behind the template data.
    #[error("field {field} is longer than the template data")]
    FieldTooLong {
        /// The field.
        field: FieldId,
    },
    /// Template data that ends before the template's last field.
    #[error("the template data ends before field {field}")]
    FieldMissing {
        /// The first that is missing.
        field: FieldId,
    },
    /// Template data behind the template's last field.
    #[error("{len} bytes of template data are left over")]
    DataLeftOver {
        /// How many.
        len: usize,
    },
    /// A field that the ASCII form shows as hexadecimal, and which is not.
    #[error("field {field} is not hexadecimal")]
    FieldNotHex {
        /// The field.
        field: FieldId,
    },
    /// A field that should be a number and is none.
    #[error("field {field} is not a number of its size")]
    FieldNotNumber {
        /// The field.
        field: FieldId,
    },
    /// A number with another count of bytes than it has.
    #[error("field {field} does not have the bytes of its number")]
    NumberLength {
        /// The field.
        field: FieldId,
    },
    /// A digest without the name of its algorithm before it.
    #[error("field {field} does not start with an algorithm, a colon and a NUL byte")]
    DigestUntagged {
        /// The field.
        field: FieldId,
    },
    /// A digest whose length is not that of its algorithm.
    #[error("the digest in field {field} does not have the length of its algorithm")]
    DigestLength {
        /// The field.
        field: FieldId,
    },
    /// A text without a NUL byte at its end.
    #[error("field {field} does not end in a NUL byte")]
    TextUnterminated {
        /// The field.
        field: FieldId,
    },
    /// A text with a NUL byte before its end.
    #[error("field {field} has a NUL byte inside")]
    TextHasNul {
        /// The field.
        field: FieldId,
    },
    /// The list ends inside an entry of the binary form.
    #[error("the list ends at least {missing} bytes before the end of this entry")]
    Truncated {
        /// Bytes that are missing, as far as the entry says.
        missing: u64,
    },
    /// The last line has no line end, and nothing shows that it is whole.
    #[error("the list ends inside this line, or right before its line end")]
    LineTruncated,
    /// NUL bytes up to the end, as in a file that was never written out.
    #[error("only NUL bytes follow")]
    OnlyNuls,
    /// A buffer carried over kexec ends before the size that its header gives.
    #[error("the buffer ends {missing} bytes before the size that its header gives")]
    KexecTruncated {
        /// Bytes that are missing.
        missing: u64,
    },
    /// A buffer carried over kexec has more or fewer entries than its header says.
    #[error("the buffer has {found} entries, its header says {claimed}")]
    KexecCount {
        /// What the header says.
        claimed: u64,
        /// What is there.
        found: u64,
    },
}

impl Problem {
    /// The code of the finding that it makes in a report.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::HashDiffers => "TEMPLATE_HASH_MISMATCH",
            Self::TemplateUnknown => "TEMPLATE_UNKNOWN",
            Self::Truncated { .. }
            | Self::LineTruncated
            | Self::OnlyNuls
            | Self::KexecTruncated { .. }
            | Self::KexecCount { .. } => "LIST_TRUNCATED",
            _ => "ENTRY_MALFORMED",
        }
    }
}

impl Explain for Fault {
    fn code(&self) -> &'static str {
        self.problem.code()
    }

    fn place(&self) -> Place {
        Place {
            offset_bytes: Some(self.at.offset_bytes),
            line: self.at.line,
            entry: Some(self.at.entry),
            ..Place::default()
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self.problem {
            Problem::HashDiffers => {
                Some("the list was altered, or the copy was damaged; compare it with the binary form")
            }
            Problem::TemplateUnknown => Some(
                "only the binary form holds the data of a template made with fields that are not known here",
            ),
            Problem::Truncated { .. }
            | Problem::LineTruncated
            | Problem::OnlyNuls
            | Problem::KexecTruncated { .. } => {
                Some("copy the list again; securityfs gives no size, so read it to its end")
            }
            Problem::TabSeparated
            | Problem::BlankDoubled
            | Problem::ColumnsMissing
            | Problem::ColumnsSurplus => Some("copy the list without an editor or a terminal between"),
            Problem::EntryTooLong { .. } => Some("raise the limit if the entry is genuine"),
            _ => None,
        }
    }
}
