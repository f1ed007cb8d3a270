//! The binary form: records one after another, without header, padding or end.
//!
//! ```text
//! u32 PCR │ template hash │ u32 length │ template name │ u32 length │ template data: u32 length │ field …
//!         └ 20, 32, 48 or 64 bytes, as the file's bank has it
//! u32 PCR │ template hash │ u32 3      │ ima           │ digest     │ u32 length │ name
//! ```
//!
//! Integers are in the byte order of the machine, and nothing in the file says which. Source: Linux,
//! `security/integrity/ima/ima_fs.c`, `ima_measurements_show`.

use std::ops::Range;

use super::fault::Problem;
use super::limits::Limits;
use super::order::ByteOrder;
use super::template::LEGACY;

/// PCRs that a TPM has.
pub(super) const PCRS: u32 = 24;

/// Longest template name (Linux, `MAX_TEMPLATE_NAME_LEN` in `ima_template.c`).
const MAX_TEMPLATE_NAME_BYTES: u32 = 255;

/// The name of the template `ima` where it is hashed, with its padding (Linux, `IMA_EVENT_NAME_LEN_MAX` and
/// a NUL).
pub(super) const LEGACY_NAME_BYTES: usize = 256;

/// The digest of the template `ima`: SHA-1, or MD5 if `ima_hash=md5`.
pub(super) const LEGACY_DIGEST_BYTES: [usize; 2] = [20, 16];

/// What the bytes at the start of a record are.
pub(super) enum Parsed {
    /// A record whose parts meet.
    Record(Record),
    /// The start of a record that has at least so many bytes.
    Short { needed: usize },
    /// No record can be found here or behind.
    Broken(Problem),
}

/// Where the parts of a record are, in bytes from its start.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) pcr: u32,
    pub(super) hash: Range<usize>,
    pub(super) template: Range<usize>,
    pub(super) body: Body,
    pub(super) len: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Template data.
    Data(Range<usize>),
    /// What the template `ima` has instead.
    Legacy {
        digest: Range<usize>,
        name: Range<usize>,
    },
}

/// How records are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) order: ByteOrder,
    pub(super) hash_bytes: usize,
    pub(super) legacy_digest_bytes: usize,
    pub(super) max_entry_bytes: usize,
}

impl Layout {
    pub(super) fn new(order: ByteOrder, hash_bytes: usize, limits: &Limits) -> Self {
        let [legacy_digest_bytes, _] = LEGACY_DIGEST_BYTES;
        Self {
            order,
            hash_bytes,
            legacy_digest_bytes,
            max_entry_bytes: limits.max_entry_bytes,
        }
    }
}

/// Takes parts off the front of a record.
struct Parts<'a> {
    bytes: &'a [u8],
    at: usize,
    layout: Layout,
}

impl Parts<'_> {
    fn take(&mut self, len: usize) -> Result<Range<usize>, Parsed> {
        let end = self.at.saturating_add(len);
        if end > self.layout.max_entry_bytes {
            return Err(Parsed::Broken(Problem::EntryTooLong {
                limit: self.layout.max_entry_bytes,
            }));
        }
        if end > self.bytes.len() {
            return Err(Parsed::Short { needed: end });
        }
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    fn number(&mut self) -> Result<u32, Parsed> {
        let range = self.take(4)?;
        let bytes = self.bytes.get(range).unwrap_or_default();
        Ok(self.layout.order.first_u32(bytes).unwrap_or(0))
    }

    fn counted(&mut self) -> Result<Range<usize>, Parsed> {
        let len = self.number()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn record(&mut self) -> Result<Record, Parsed> {
        let pcr = self.number()?;
        let hash = self.take(self.layout.hash_bytes)?;
        let name_len = self.number()?;
        if name_len == 0 || name_len > MAX_TEMPLATE_NAME_BYTES {
            return Err(Parsed::Broken(Problem::TemplateNameLength { len: name_len }));
        }
        let template = self.take(usize::try_from(name_len).unwrap_or(usize::MAX))?;
        let name = self.bytes.get(template.clone()).unwrap_or_default();
        if !is_printable(name) {
            return Err(Parsed::Broken(Problem::TemplateNameUnprintable));
        }
        let body = if name == LEGACY.as_bytes() {
            Body::Legacy {
                digest: self.take(self.layout.legacy_digest_bytes)?,
                name: self.counted()?,
            }
        } else {
            Body::Data(self.counted()?)
        };
        Ok(Record {
            pcr,
            hash,
            template,
            body,
            len: self.at,
        })
    }
}

/// What `bytes` start with.
pub(super) fn parse(bytes: &[u8], layout: Layout) -> Parsed {
    let mut parts = Parts { bytes, at: 0, layout };
    match parts.record() {
        Ok(record) => Parsed::Record(record),
        Err(parsed) => parsed,
    }
}

/// Whether it can be a template's name: the kernel puts a blank behind it in the ASCII form.
pub(super) fn is_printable(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_graphic)
}

/// Records that tell one layout from another.
const PROBED_RECORDS: u32 = 16;

/// How well `bytes` fit a layout: the records at their start whose parts meet, and one more if what follows
/// these can be the start of a record.
pub(super) fn fit(mut bytes: &[u8], layout: Layout) -> u32 {
    let mut fitting = 0_u32;
    while fitting < PROBED_RECORDS {
        let is_pcr = layout.order.first_u32(bytes).is_none_or(|pcr| pcr < PCRS);
        match parse(bytes, layout) {
            Parsed::Record(record) if is_pcr => {
                fitting = fitting.saturating_add(1);
                bytes = bytes.get(record.len..).unwrap_or_default();
            }
            Parsed::Short { .. } | Parsed::Broken(Problem::EntryTooLong { .. })
                if is_pcr && has_printable_start(bytes, layout) =>
            {
                return fitting.saturating_add(1);
            }
            _ => return fitting,
        }
    }
    fitting
}

/// Whether what is there of a template name is printable.
fn has_printable_start(bytes: &[u8], layout: Layout) -> bool {
    let name_at = layout.hash_bytes.saturating_add(8);
    let len_at = name_at.saturating_sub(4);
    let len = bytes
        .get(len_at..)
        .and_then(|bytes| layout.order.first_u32(bytes))
        .and_then(|len| usize::try_from(len).ok());
    let name = bytes.get(name_at..).unwrap_or_default();
    let name = name.get(..len.unwrap_or(0)).unwrap_or(name);
    is_printable(name)
}
