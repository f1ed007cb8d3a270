//! What form a list has: told by its bytes, since nothing in it says so.
//!
//! A list carried over kexec has a header before its records:
//!
//! ```text
//! u16 version 1 │ u16 0 │ u32 0 │ u64 bytes, header included │ u64 entries
//! ```
//!
//! Source: Linux, `security/integrity/ima/ima.h`, `struct ima_kexec_hdr`.

use ima_assay_digest::{Algorithm, Digest, ShortHasher};

use super::binary::{self, Layout};
use super::compression::Compression;
use super::error::ListError;
use super::limits::Limits;
use super::order::ByteOrder;

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `ascii_runtime_measurements`.
    Ascii,
    /// `binary_runtime_measurements`.
    Binary,
    /// The binary form behind the header of a buffer carried over kexec.
    Kexec,
}

/// What the template hashes of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListHash {
    /// Hashes of the template data.
    Of(Algorithm),
    /// SHA-1 hashes and zeros up to this many bytes: the list of a bank whose algorithm the kernel lacks.
    PaddedSha1 {
        /// 32, 48 or 64.
        len: usize,
    },
}

impl ListHash {
    /// What template hashes of this length can be, the likely first. None if no bank has them.
    fn candidates(len: usize) -> &'static [Self] {
        use ListHash::{Of, PaddedSha1};
        match len {
            20 => &[Of(Algorithm::Sha1)],
            32 => &[
                Of(Algorithm::Sha256),
                Of(Algorithm::Sm3),
                Of(Algorithm::Sha3_256),
                PaddedSha1 { len: 32 },
            ],
            48 => &[
                Of(Algorithm::Sha384),
                Of(Algorithm::Sha3_384),
                PaddedSha1 { len: 48 },
            ],
            64 => &[
                Of(Algorithm::Sha512),
                Of(Algorithm::Sha3_512),
                PaddedSha1 { len: 64 },
            ],
            _ => &[],
        }
    }

    /// Bytes of a template hash.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a template hash is never empty")]
    pub fn len(&self) -> usize {
        match self {
            Self::Of(algorithm) => algorithm.len(),
            Self::PaddedSha1 { len } => *len,
        }
    }

    /// The algorithm that hashed the template data.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Of(algorithm) => *algorithm,
            Self::PaddedSha1 { .. } => Algorithm::Sha1,
        }
    }

    /// What the algorithm made of a template hash; none if there is something else than zeros behind it.
    pub(super) fn hashed<'a>(&self, recorded: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Of(_) => Some(recorded),
            Self::PaddedSha1 { .. } => {
                let (hashed, padding) = recorded.split_at_checked(Algorithm::Sha1.len())?;
                padding.iter().all(|&byte| byte == 0).then_some(hashed)
            }
        }
    }
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// How entries are written.
    pub encoding: Encoding,
    /// The byte order inside template data; in the binary form of the frame as well.
    pub byte_order: ByteOrder,
    /// What the template hashes are.
    pub hash: ListHash,
    /// Whether a template hash has shown that `byte_order` and `hash` are right. Until then they are the
    /// likely ones; a list of violations alone proves neither.
    pub is_proven: bool,
    /// How the list is compressed.
    pub compression: Option<Compression>,
}

/// What the first bytes of a list say.
pub(super) enum Detected {
    /// The ASCII form, behind `skip` bytes.
    Ascii { skip: usize },
    /// The binary form.
    Binary { layout: Layout, kexec: Option<Kexec> },
}

/// The header of a buffer carried over kexec.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kexec {
    version: u16,
    /// Bytes of the records; later, of those that are still to come.
    pub(super) size_bytes: u64,
    /// How many records there are.
    pub(super) entries: u64,
    /// Entries of the list before the first of them.
    pub(super) entries_before: u64,
}

pub(super) const KEXEC_HEADER_BYTES: usize = 24;
const KEXEC_VERSION: u16 = 1;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Lengths of template hashes.
const HASH_BYTES: [usize; 4] = [20, 32, 48, 64];

/// Bytes that tell the form.
pub(super) const HEAD_BYTES: usize = 64 << 10;

/// The form of a list that starts with `head`.
pub(super) fn detect(head: &[u8], limits: &Limits) -> Result<Detected, ListError> {
    let skip = if head.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    if is_ascii(head.get(skip..).unwrap_or_default()) {
        return Ok(Detected::Ascii { skip });
    }
    let layout = |order, hash_bytes| Layout::new(order, hash_bytes, limits);
    let mut best: Option<(u32, Layout, Option<Kexec>)> = None;
    let mut consider = |fit: u32, layout, kexec| {
        if fit > best.as_ref().map_or(0, |(fit, ..)| *fit) {
            best = Some((fit, layout, kexec));
        }
    };
    for order in ByteOrder::ALL {
        if let Some((kexec, records)) = kexec_header(head, order) {
            let layout = layout(order, 20);
            consider(binary::fit(records, layout), layout, Some(kexec));
        }
    }
    for order in ByteOrder::ALL {
        for hash_bytes in HASH_BYTES {
            let layout = layout(order, hash_bytes);
            consider(binary::fit(head, layout), layout, None);
        }
    }
    match best {
        Some((_, _, Some(kexec))) if kexec.version != KEXEC_VERSION => Err(ListError::KexecVersion {
            version: kexec.version,
        }),
        Some((_, layout, kexec)) => Ok(Detected::Binary { layout, kexec }),
        // A file that was never written out is a list without entries, and says so entry by entry.
        None if head.iter().all(|&byte| byte == 0) => Ok(Detected::Binary {
            layout: layout(ByteOrder::Little, 20),
            kexec: None,
        }),
        None => Err(ListError::NotAList),
    }
}

/// A record starts with a PCR in four bytes, three of them NUL. Behind line ends the ASCII form has none.
fn is_ascii(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    // Policies and reports are JSON, and easily given in a list's place.
    if matches!(text.first(), Some(b'{' | b'[')) {
        return false;
    }
    let text = text.get(..4).unwrap_or(text);
    text.iter()
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

/// The header of a buffer carried over kexec, and what follows it, if `head` can be one.
fn kexec_header(head: &[u8], order: ByteOrder) -> Option<(Kexec, &[u8])> {
    let (header, records) = head.split_at_checked(KEXEC_HEADER_BYTES)?;
    let (version, rest) = header.split_first_chunk()?;
    let (reserved, rest) = rest.split_first_chunk::<6>()?;
    let (size, rest) = rest.split_first_chunk()?;
    let size_bytes = order
        .u64(*size)
        .checked_sub(u64::try_from(KEXEC_HEADER_BYTES).unwrap_or(u64::MAX))?;
    let kexec = Kexec {
        version: order.u16(*version),
        size_bytes,
        entries: order.u64(*rest.first_chunk()?),
        entries_before: 0,
    };
    (kexec.version != 0 && *reserved == [0; 6]).then_some((kexec, records))
}

/// What is known of the hashes of a list, and what hashes them.
#[derive(Default)]
pub(super) struct Identity {
    hashers: Vec<ShortHasher>,
    /// None before the first template hash.
    hash: Option<ListHash>,
    is_hash_proven: bool,
    order: ByteOrder,
    is_order_proven: bool,
}

impl Identity {
    /// What a list is that has template hashes of this length, as long as nothing else is known.
    pub(super) fn assume(&mut self, order: ByteOrder, hash_bytes: usize) {
        self.order = order;
        self.hash = ListHash::candidates(hash_bytes).first().copied();
    }

    /// The byte order does not need to be proven: it can be seen.
    pub(super) fn order_is_seen(&mut self) {
        self.is_order_proven = true;
    }

    pub(super) fn order(&self) -> ByteOrder {
        self.order
    }

    pub(super) fn hash(&self) -> ListHash {
        self.hash.unwrap_or(ListHash::Of(Algorithm::Sha1))
    }

    pub(super) fn is_proven(&self) -> bool {
        self.is_hash_proven && self.is_order_proven
    }

    pub(super) fn is_hash_proven(&self) -> bool {
        self.is_hash_proven
    }

    /// Takes the length of the first template hash for that of all. False if this one has another, or one
    /// that no bank has.
    pub(super) fn admits(&mut self, hash_bytes: usize) -> bool {
        if self.hash.is_none() {
            self.assume(self.order, hash_bytes);
        }
        self.hash.is_some_and(|hash| hash.len() == hash_bytes)
    }

    /// The other byte order, if it may be that of the list.
    pub(super) fn other_order(&self) -> Option<ByteOrder> {
        let other = match self.order {
            ByteOrder::Little => ByteOrder::Big,
            ByteOrder::Big => ByteOrder::Little,
        };
        (!self.is_order_proven).then_some(other)
    }

    /// The template hash, if template data in this byte order has the recorded one by what is known, or by
    /// what is not yet ruled out. `shows_order` tells whether the data would be other in another order.
    pub(super) fn prove(
        &mut self,
        recorded: &[u8],
        data: &[u8],
        order: ByteOrder,
        shows_order: bool,
    ) -> Option<Digest> {
        let known = self.hash?;
        let candidates = if self.is_hash_proven {
            std::slice::from_ref(&known)
        } else {
            ListHash::candidates(known.len())
        };
        for &candidate in candidates {
            let digest = self.digest(candidate.algorithm(), data);
            if candidate.hashed(recorded) == Some(digest.bytes()) {
                self.hash = Some(candidate);
                self.is_hash_proven = true;
                if shows_order {
                    self.order = order;
                    self.is_order_proven = true;
                }
                return Some(digest);
            }
        }
        None
    }

    fn digest(&mut self, algorithm: Algorithm, data: &[u8]) -> Digest {
        let known = self
            .hashers
            .iter()
            .position(|hasher| hasher.algorithm() == algorithm);
        let index = known.unwrap_or(self.hashers.len());
        if known.is_none() {
            self.hashers.push(ShortHasher::new(algorithm));
        }
        match self.hashers.get_mut(index) {
            Some(hasher) => hasher.hash(data),
            None => ima_assay_digest::hash(algorithm, data),
        }
    }
}
