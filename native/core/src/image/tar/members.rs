//! The members of an archive, one after another.
//!
//! ```text
//! archive   member…  block of zeros  block of zeros  (zeros)
//! member    extended header…  header  data, padded to a block
//! ```

use std::ops::ControlFlow;

use super::error::TarError;
use super::extended::{self, Extended, Records};
use super::header::{Block, Fault, Header};
use super::input::{padding, read_block, read_extended, skip};
use super::member::{Member, Refused};
use crate::image::cursor::{Cursor, Fill};
use crate::image::{ImageError, Note};

/// What is done with members.
pub(super) trait Take {
    /// Takes a member, whose data, and their padding to a block, follow at the cursor and must be taken from it.
    ///
    /// # Errors
    /// Whatever makes it useless to go on.
    fn member<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        block: &Block,
        member: Result<Member, Refused>,
    ) -> Result<ControlFlow<()>, ImageError>;

    /// Takes what a person should know of the archive.
    fn note(&mut self, note: Note);

    /// Whether an archive without its end mark is cut: not so if its digest says that it is all there.
    fn needs_end_mark(&self) -> bool {
        true
    }
}

/// Hands over every member, and reads what follows the last one to its end, unless told to stop.
///
/// # Errors
/// [`TarError`], and what `take` says.
pub(super) fn each<F: Fill>(cursor: &mut Cursor<F>, take: &mut impl Take) -> Result<(), ImageError> {
    let (mut extended, mut global) = (Extended::default(), Records::default());
    loop {
        let offset = cursor.offset();
        let Some(block) = read_block(cursor, offset)? else {
            return if take.needs_end_mark() || !extended.is_empty() {
                Err(TarError::EndMissing { offset }.into())
            } else {
                Ok(())
            };
        };
        if block.iter().all(|byte| *byte == 0) {
            if !extended.is_empty() {
                return Err(stray(&extended).into());
            }
            return end(cursor, take);
        }
        let header = Header::parse(&block).map_err(|fault| match fault {
            Fault::Checksum => TarError::ChecksumWrong { offset },
            Fault::Field(field) => TarError::FieldMalformed { offset, field },
        })?;
        let size = header.size;
        match header.typeflag {
            b'x' | b'X' | b'L' | b'K' => {
                if extended.is_empty() {
                    extended.offset = offset;
                }
                let bytes = read_extended(cursor, offset, size)?;
                let malformed = |problem| TarError::ExtendedMalformed { offset, problem };
                let is_second = match header.typeflag {
                    b'L' => extended
                        .long_name
                        .replace(extended::long_name(&bytes).map_err(malformed)?)
                        .is_some(),
                    b'K' => extended
                        .long_link
                        .replace(extended::long_name(&bytes).map_err(malformed)?)
                        .is_some(),
                    _ => extended
                        .records
                        .replace(Records::parse(&bytes).map_err(malformed)?)
                        .is_some(),
                };
                if is_second {
                    return Err(malformed("a second one for the same member").into());
                }
                skip(cursor, offset, padding(size), "padding")?;
            }
            _ if matches!(header.typeflag, b'g' | b'V') && !extended.is_empty() => {
                return Err(stray(&extended).into());
            }
            b'g' => {
                let bytes = read_extended(cursor, offset, size)?;
                let malformed = |problem| TarError::ExtendedMalformed { offset, problem };
                let records = Records::parse(&bytes).map_err(malformed)?;
                if records.is_of_one_member() {
                    return Err(malformed("a name, size or map for all members that follow").into());
                }
                global.uid = records.uid.or(global.uid);
                global.gid = records.gid.or(global.gid);
                skip(cursor, offset, padding(size), "padding")?;
            }
            // The name of the archive.
            b'V' => skip(cursor, offset, size.saturating_add(padding(size)), "data")?,
            _ => {
                let member = Member::new(offset, header, std::mem::take(&mut extended), &global);
                if take.member(cursor, &block, member)?.is_break() {
                    return Ok(());
                }
            }
        }
    }
}

/// The second block of zeros, and what follows it.
fn end<F: Fill>(cursor: &mut Cursor<F>, take: &mut impl Take) -> Result<(), ImageError> {
    let offset = cursor.offset();
    let second = match read_block(cursor, offset)? {
        Some(block) => block,
        None if !take.needs_end_mark() => return Ok(()),
        None => return Err(TarError::EndMissing { offset }.into()),
    };
    if second.iter().any(|byte| *byte != 0) {
        return Err(TarError::Ambiguous {
            offset,
            path: Vec::new(),
            problem: "one block of zeros, which ends the archive for some programs only",
        }
        .into());
    }
    if cursor.skip_zeros()?.is_some() {
        take.note(Note {
            code: "TRAILING_BYTES",
            path: None,
            offset_bytes: Some(cursor.offset()),
            text: format!(
                "what follows the end of the archive at byte {} is not listed: no program unpacks it",
                cursor.offset()
            ),
        });
        cursor.skip(u64::MAX)?;
    }
    Ok(())
}

fn stray(extended: &Extended) -> TarError {
    TarError::ExtendedMalformed {
        offset: extended.offset,
        problem: "no member follows that it could belong to",
    }
}
