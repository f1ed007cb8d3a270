//! Where the members of an archive lie, so that they can be read in any order.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::ops::{ControlFlow, Range};

use super::error::TarError;
use super::header::Block;
use super::input::{padding, skip};
use super::member::{Member, Refused, What, clean};
use super::members::{self, Take};
use super::stream::Section;
use crate::image::cursor::{Cursor, Fill};
use crate::image::{ImageError, Limits, Note};
use ima_assay_digest::Control;

/// Read ahead: headers are far from one another.
const BUFFER_BYTES: usize = 4 << 10;

/// Links that are followed to a member.
const MAX_HOPS: usize = 8;

/// Where the bytes of a member are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) enum Place {
    /// In the archive.
    Stored(Range<u64>),
    /// Nowhere.
    Missing,
    /// In more than one place, or not in one piece.
    Unclear(&'static str),
}

#[derive(Debug)]
enum Indexed {
    Stored(Range<u64>),
    Link(Vec<u8>),
    Unclear(&'static str),
}

/// The members of a plain archive by their names.
#[derive(Debug, Default)]
pub(in crate::image) struct Index {
    members: BTreeMap<Vec<u8>, Indexed>,
}

impl Index {
    /// Reads the headers of a plain archive, until `goes_on` says no to a path, each with its parts joined by one slash.
    ///
    /// # Errors
    /// As of unpacking it; [`ImageError::TooManyFiles`], [`TarError::TooMuchText`].
    pub(in crate::image) fn read(
        file: &fs::File,
        size_bytes: u64,
        limits: &Limits,
        goes_on: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Self, ImageError> {
        let (control, read) = (Control::default(), Cell::new(0));
        let section = Section::new(file, b"", 0..size_bytes, &control, &read);
        Self::read_from(&mut Cursor::new(section, BUFFER_BYTES), limits, goes_on)
    }

    /// The same for an archive that can only be read in order.
    ///
    /// # Errors
    /// As [`Index::read`].
    pub(in crate::image) fn read_from<F: Fill>(
        cursor: &mut Cursor<F>,
        limits: &Limits,
        goes_on: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Self, ImageError> {
        let mut reading = Reading {
            index: Self::default(),
            limits,
            text_bytes: 0,
            goes_on,
        };
        members::each(cursor, &mut reading)?;
        Ok(reading.index)
    }

    /// Whether there is something of this name.
    pub(in crate::image) fn has(&self, name: &[u8]) -> bool {
        self.members.contains_key(name)
    }

    /// Where the bytes of a member are, links to other members followed.
    pub(in crate::image) fn find(&self, name: &[u8]) -> Place {
        let Ok(mut name) = clean(name) else {
            return Place::Missing;
        };
        for _ in 0..=MAX_HOPS {
            match self.members.get(&name) {
                None => return Place::Missing,
                Some(Indexed::Stored(range)) => return Place::Stored(range.clone()),
                Some(Indexed::Unclear(why)) => return Place::Unclear(why),
                Some(Indexed::Link(target)) => name.clone_from(target),
            }
        }
        Place::Unclear("a link that leads in a circle")
    }

    fn add(&mut self, path: Vec<u8>, indexed: Indexed) {
        match self.members.entry(path) {
            Entry::Vacant(place) => {
                place.insert(indexed);
            }
            Entry::Occupied(mut there) => {
                there.insert(Indexed::Unclear("there are two of this name"));
            }
        }
    }
}

struct Reading<'a> {
    index: Index,
    limits: &'a Limits,
    text_bytes: u64,
    goes_on: &'a mut dyn FnMut(&[u8]) -> bool,
}

impl Take for Reading<'_> {
    fn member<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        _: &Block,
        member: Result<Member, Refused>,
    ) -> Result<ControlFlow<()>, ImageError> {
        let member = member.map_err(|refused| refused.error)?;
        if !(self.goes_on)(&member.path) {
            return Ok(ControlFlow::Break(()));
        }
        let start = cursor.offset();
        let end = start.saturating_add(member.stored);
        let indexed = match member.what {
            What::Regular => Some(Indexed::Stored(start..end)),
            What::GnuSparse | What::PaxSparse => Some(Indexed::Unclear("it is stored as a sparse file")),
            What::HardLink => clean(&member.link).ok().map(Indexed::Link),
            What::Symlink => beside(&member.path, &member.link).map(Indexed::Link),
            What::Directory | What::Special => None,
        };
        skip(
            cursor,
            member.offset,
            member.stored.saturating_add(padding(member.stored)),
            "data",
        )?;
        let len = member.path.len().saturating_add(member.link.len());
        self.text_bytes = self
            .text_bytes
            .saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        let limit = self.limits.max_text_bytes;
        if self.text_bytes > limit {
            return Err(TarError::TooMuchText { limit }.into());
        }
        let limit = self.limits.max_files;
        if u64::try_from(self.index.members.len()).unwrap_or(u64::MAX) >= limit {
            let path = member.path;
            return Err(ImageError::TooManyFiles { path, limit });
        }
        if let Some(indexed) = indexed {
            self.index.add(member.path, indexed);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn note(&mut self, _: Note) {}
}

/// What a symbolic link at a path names, as a path from the top of the archive; none if that is above it.
fn beside(path: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    parts.pop();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    (!target.starts_with(b"/")).then(|| parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_inside_the_archive_only() {
        let rows = [
            ("a/layer.tar", "../b.tar", Some("b.tar")),
            ("a/layer.tar", "../c/layer.tar", Some("c/layer.tar")),
            ("x", "./y", Some("y")),
            ("a/x", "../../y", None),
            ("a/x", "/y", None),
        ];
        for (path, target, expected) in rows {
            let found = beside(path.as_bytes(), target.as_bytes());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{path} {target}");
        }
    }
}
