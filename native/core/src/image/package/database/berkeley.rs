//! rpm's database in Berkeley DB: a hash of numbers to headers, of which only the headers are read, page by page.
//!
//! ```text
//! page 0      12 magic 00061561   16 version   20 bytes of a page   24 encryption   32 number of the last page
//! hash page   20 number of items, 16 bits   25 type 2 or 13   26 where each item starts, 16 bits each;
//!             the items stand from the end of the page: key, value, key, value …
//!     item    0 type: 1 the bytes follow; 3 they lie elsewhere:   4 first page   8 how many bytes
//! overflow    16 next page   22 bytes on this page, 16 bits   25 type 7   26 bytes
//! ```
//!
//! Numbers have the byte order of the machine that wrote them, which the magic tells.
//! Source: Berkeley DB 5.3, `dbinc/db_page.h`.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::error::DatabaseError;

const MAGIC: u32 = 0x0006_1561;
const PAGE_HEAD_BYTES: usize = 26;

const UNSORTED_HASH: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;

const BYTES_FOLLOW: u8 = 1;
const BYTES_ELSEWHERE: u8 = 3;

/// Bytes of a key: a package's number. The one of number 0 holds the highest number, and no header.
const KEY_BYTES: usize = 4;

/// Bytes of a header.
const MAX_VALUE_BYTES: u32 = 64 << 20;

/// The pages of a database.
struct Pages<'f> {
    file: &'f File,
    bytes: usize,
    is_big_endian: bool,
}

/// Hands over each header.
///
/// # Errors
/// [`DatabaseError::Malformed`], [`DatabaseError::Io`], and what `take` says.
pub(super) fn each_header(
    file: &File,
    take: &mut dyn FnMut(&[u8]) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let malformed = |offset, problem| DatabaseError::Malformed { offset, problem };
    let mut head = [0; 72];
    file.read_exact_at(&mut head, 0)?;
    let mut pages = Pages {
        file,
        bytes: head.len(),
        is_big_endian: false,
    };
    if pages.number(&head, 12)? != MAGIC {
        pages.is_big_endian = true;
    }
    if pages.number(&head, 12)? != MAGIC {
        return Err(malformed(12, "no hash of Berkeley DB"));
    }
    let (page_bytes, last) = (pages.number(&head, 20)?, pages.number(&head, 32)?);
    if !(512..=65_536).contains(&page_bytes) || !page_bytes.is_power_of_two() {
        return Err(malformed(20, "pages of no size that there is"));
    }
    if head.get(24).is_none_or(|encryption| *encryption != 0) {
        return Err(malformed(24, "it is encrypted"));
    }
    let pages = Pages {
        bytes: usize::try_from(page_bytes).unwrap_or(usize::MAX),
        ..pages
    };
    // A header can be on every page once: whoever shares pages among headers makes the reading long.
    let mut left = file.metadata()?.len();
    for number in 1..=last {
        let page = pages.page(number)?;
        if !matches!(page.get(25), Some(&HASH | &UNSORTED_HASH)) {
            continue;
        }
        for header in pages.values(number, &page, &mut left)? {
            take(&header)?;
        }
    }
    Ok(())
}

impl Pages<'_> {
    fn at(&self, page: u32) -> u64 {
        u64::from(page).saturating_mul(u64::try_from(self.bytes).unwrap_or(u64::MAX))
    }

    fn page(&self, number: u32) -> Result<Vec<u8>, DatabaseError> {
        let mut page = vec![0; self.bytes];
        self.file.read_exact_at(&mut page, self.at(number))?;
        Ok(page)
    }

    fn number(&self, bytes: &[u8], at: usize) -> Result<u32, DatabaseError> {
        let number = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let number = number.ok_or(DatabaseError::Malformed {
            offset: 0,
            problem: "a page that is too short",
        })?;
        Ok(match self.is_big_endian {
            true => u32::from_be_bytes(*number),
            false => u32::from_le_bytes(*number),
        })
    }

    fn short(&self, bytes: &[u8], at: usize) -> usize {
        let number = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>());
        let number = number.copied().unwrap_or_default();
        usize::from(match self.is_big_endian {
            true => u16::from_be_bytes(number),
            false => u16::from_le_bytes(number),
        })
    }

    /// The values of a page of the hash that are headers.
    fn values(&self, number: u32, page: &[u8], left: &mut u64) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let malformed = |problem| DatabaseError::Malformed {
            offset: self.at(number),
            problem,
        };
        let count = self.short(page, 20);
        let mut starts = Vec::with_capacity(count);
        for item in 0..count {
            starts.push(self.short(page, PAGE_HEAD_BYTES.saturating_add(item.saturating_mul(2))));
        }
        // Items stand one below the other from the end of the page.
        let mut end = page.len();
        let mut items = Vec::with_capacity(count);
        for start in starts {
            let item = page.get(start..end).filter(|item| !item.is_empty());
            items.push(item.ok_or_else(|| malformed("an item that lies outside of its page"))?);
            end = start;
        }
        let mut values = Vec::new();
        for pair in items.chunks(2) {
            let [key, value] = pair else {
                return Err(malformed("a key without a value"));
            };
            if key.len() != KEY_BYTES.saturating_add(1) || key.iter().skip(1).all(|byte| *byte == 0) {
                continue;
            }
            values.push(match value.split_first() {
                Some((&BYTES_FOLLOW, bytes)) => bytes.to_vec(),
                Some((&BYTES_ELSEWHERE, _)) => {
                    self.overflow(self.number(value, 4)?, self.number(value, 8)?, left)?
                }
                _ => return Err(malformed("a value of no kind that rpm writes")),
            });
        }
        Ok(values)
    }

    /// The bytes of a value that has pages of its own.
    fn overflow(&self, first: u32, len: u32, left: &mut u64) -> Result<Vec<u8>, DatabaseError> {
        let malformed = |page, problem| DatabaseError::Malformed {
            offset: self.at(page),
            problem,
        };
        if len > MAX_VALUE_BYTES {
            return Err(malformed(first, "a header that is larger than any"));
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mut value = Vec::new();
        let mut number = first;
        while value.len() < len {
            let read = u64::try_from(self.bytes).unwrap_or(u64::MAX);
            *left = left
                .checked_sub(read)
                .ok_or_else(|| malformed(number, "headers that share pages"))?;
            let page = self.page(number)?;
            let end = PAGE_HEAD_BYTES.saturating_add(self.short(&page, 22));
            let bytes = page.get(PAGE_HEAD_BYTES..end).filter(|bytes| !bytes.is_empty());
            match (page.get(25), bytes) {
                (Some(&OVERFLOW), Some(bytes)) => value.extend_from_slice(bytes),
                _ => return Err(malformed(number, "a page that holds no part of a header")),
            }
            number = self.number(&page, 16)?;
        }
        match value.len() == len {
            true => Ok(value),
            false => Err(malformed(first, "a header of another length than is stated")),
        }
    }
}
