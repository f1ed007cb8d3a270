//! Unpacks an archive into a tree, as `tar -x` does in an empty directory that is the root; or several, the layers of a
//! container image, one over the other.

use std::ops::ControlFlow;

use super::error::TarError;
use super::header::Block;
use super::input::{padding, skip};
use super::listing;
use super::member::{Member, Refused, What, clean};
use super::members::{self, Take};
use super::sparse::{Map, Pieces};
use super::whiteout::Whiteout;
use crate::image::cursor::{Cursor, Fill};
use crate::image::handover::{self, Handover};
use crate::image::rootfs::{Data, Inode, Kind, Refusal, Regular, Rootfs};
use crate::image::signature;
use crate::image::{ContentId, ImageError, Note, Scan, Sink};
use crate::path::Escaped;

/// Files up to this size are handed over whole.
const WHOLE_FILE_BYTES: u64 = 64 << 10;

/// The state of an archive that is being unpacked.
pub(in crate::image) struct Unpacker<'a, 'b, 's> {
    scan: &'a Scan<'b>,
    sink: &'a mut dyn Sink<'s>,
    rootfs: Rootfs,
    handover: Handover,
    max_bytes: u64,
    bytes: u64,
    members: u64,
    /// Whether archives are layers, in which names may be whiteouts.
    is_layered: bool,
}

impl<'a, 'b, 's> Unpacker<'a, 'b, 's> {
    /// Takes files of up to `max_bytes` together.
    pub(in crate::image) fn new(scan: &'a Scan<'b>, sink: &'a mut dyn Sink<'s>, max_bytes: u64) -> Self {
        Self {
            scan,
            sink,
            rootfs: Rootfs::empty(scan.limits.max_symlinks),
            handover: Handover::new(),
            max_bytes,
            bytes: 0,
            members: 0,
            is_layered: false,
        }
    }

    /// The same for layers: each archive is unpacked over those before it.
    pub(in crate::image) fn of_layers(
        scan: &'a Scan<'b>,
        sink: &'a mut dyn Sink<'s>,
        max_bytes: u64,
    ) -> Self {
        Self {
            is_layered: true,
            ..Self::new(scan, sink, max_bytes)
        }
    }

    /// Members of all archives so far.
    pub(in crate::image) fn members(&self) -> u64 {
        self.members
    }

    /// Unpacks everything, and reads what follows to its end.
    pub(in crate::image) fn unpack<F: Fill>(&mut self, cursor: &mut Cursor<F>) -> Result<(), ImageError> {
        if self.is_layered {
            self.rootfs.next_layer();
        }
        members::each(cursor, self)
    }

    fn take<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        block: &Block,
        member: Result<Member, Refused>,
    ) -> Result<(), ImageError> {
        self.members = self.members.saturating_add(1);
        let member = match member {
            Ok(member) => member,
            // Nobody knows where the next header is.
            Err(Refused {
                error,
                stored: u64::MAX,
            }) => return Err(error.into()),
            Err(Refused { error, stored }) => {
                self.sink.omit(error.into())?;
                return skip(
                    cursor,
                    cursor.offset(),
                    stored.saturating_add(padding(stored)),
                    "data",
                );
            }
        };
        let limit = self.scan.limits.max_files;
        if self.members > limit {
            let path = [b"/", &member.path[..]].concat();
            return Err(ImageError::TooManyFiles { path, limit });
        }
        let whiteout = if self.is_layered {
            Whiteout::of(&member.path)
        } else {
            None
        };
        match (whiteout, member.what) {
            (None, What::Regular | What::GnuSparse | What::PaxSparse) => {
                self.regular(cursor, block, &member)?;
            }
            (whiteout, _) => {
                let made = match whiteout {
                    Some(whiteout) => self.white_out(&member, whiteout),
                    None => self.place(&member),
                };
                if let Err(error) = made {
                    self.sink.omit(error.into())?;
                }
                skip(cursor, member.offset, member.stored, "data")?;
            }
        }
        if self.is_layered {
            // What is missing of it is missing at the end of the archive.
            cursor.skip(padding(member.stored))?;
        } else {
            skip(cursor, member.offset, padding(member.stored), "padding")?;
        }
        let limit = self.scan.limits.max_text_bytes;
        if self.rootfs.text_bytes() > limit {
            return Err(TarError::TooMuchText { limit }.into());
        }
        let (offset, limit) = (member.offset, self.scan.limits.max_path_steps);
        if self.rootfs.steps() > limit {
            return Err(TarError::TooManySteps { offset, limit }.into());
        }
        Ok(())
    }

    /// Makes what has no data.
    fn place(&mut self, member: &Member) -> Result<(), TarError> {
        let path = &member.path;
        match member.what {
            What::Directory => self.directory(member),
            What::HardLink => self.hard_link(member),
            What::Symlink => {
                if member.link.is_empty() {
                    return Err(TarError::NameRefused {
                        offset: member.offset,
                        path: path.clone(),
                        problem: "a link to nothing",
                    });
                }
                self.make(member, |rootfs| rootfs.symlink(&member.link, path))
            }
            _ => self.make(member, |rootfs| rootfs.mknod(path, Kind::CharacterDevice)),
        }
    }

    /// Clears the place of a member that is no directory and makes it there, with the directories that lack.
    fn make<T>(
        &mut self,
        member: &Member,
        mut make: impl FnMut(&mut Rootfs) -> Result<T, Refusal>,
    ) -> Result<T, TarError> {
        let path = &member.path;
        let blocked = |refusal| TarError::Blocked {
            offset: member.offset,
            path: path.clone(),
            refusal,
        };
        if let Ok(there) = self.rootfs.lstat(path) {
            match self.rootfs.kind(there) {
                _ if self.is_layered && !self.rootfs.is_of_this_layer(path) => {
                    // What is over a directory hides all of it.
                    self.rootfs.remove_lower(path).map_err(blocked)?;
                }
                Kind::Directory => self.rootfs.rmdir(path).map_err(blocked)?,
                _ => {
                    self.rootfs.unlink(path).map_err(blocked)?;
                    self.note_duplicate(member);
                }
            }
        }
        match make(&mut self.rootfs) {
            Err(Refusal::NotFound) => {
                self.make_parents(path).map_err(blocked)?;
                make(&mut self.rootfs).map_err(blocked)
            }
            made => made.map_err(blocked),
        }
    }

    /// Makes the directories above a path that are not there.
    fn make_parents(&mut self, path: &[u8]) -> Result<(), Refusal> {
        for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            // With the slash, so that a link is followed.
            let parent = path.get(..=end).unwrap_or_default();
            match self.rootfs.lstat(parent) {
                Err(Refusal::NotFound) => self.rootfs.mkdir(parent)?,
                found => {
                    found?;
                }
            }
        }
        Ok(())
    }

    fn directory(&mut self, member: &Member) -> Result<(), TarError> {
        let path = &member.path;
        if path.is_empty() {
            return Ok(());
        }
        match self.rootfs.lstat(path) {
            Ok(there) if self.rootfs.kind(there) == Kind::Directory => {
                self.rootfs.name_again(path);
                Ok(())
            }
            _ => self.make(member, |rootfs| rootfs.mkdir(path)),
        }
    }

    /// Takes away what a whiteout names in the layers below.
    fn white_out(&mut self, member: &Member, whiteout: Whiteout<'_>) -> Result<(), TarError> {
        let ambiguous = |problem| TarError::Ambiguous {
            offset: member.offset,
            path: member.path.clone(),
            problem,
        };
        if !matches!(member.what, What::Regular | What::HardLink) {
            return Err(ambiguous("a whiteout that is no regular file"));
        }
        let removed = match whiteout {
            Whiteout::Opaque(directory) => self.rootfs.make_opaque(directory),
            Whiteout::Name(path) => self.rootfs.remove_lower(&path),
            Whiteout::Unclear => {
                return Err(ambiguous(
                    "the name of a whiteout, whose meaning differs between programs",
                ));
            }
        };
        match removed {
            Err(Refusal::Exists) => Err(ambiguous("a whiteout of what the same layer has")),
            removed => removed.map_err(|refusal| TarError::Blocked {
                offset: member.offset,
                path: member.path.clone(),
                refusal,
            }),
        }
    }

    fn hard_link(&mut self, member: &Member) -> Result<(), TarError> {
        let (path, offset) = (&member.path, member.offset);
        let target = clean(&member.link).map_err(|problem| TarError::NameRefused {
            offset,
            path: member.link.clone(),
            problem,
        })?;
        let missing = |refusal| TarError::LinkTargetMissing {
            offset,
            path: path.clone(),
            target: target.clone(),
            refusal,
        };
        if self.leads_through_a_link(&target) {
            return Err(TarError::Ambiguous {
                offset,
                path: path.clone(),
                problem: "a hard link to a path that leads through a symbolic link",
            });
        }
        let linked = self.rootfs.lstat(&target).map_err(missing)?;
        if self.rootfs.kind(linked) == Kind::Directory {
            return Err(missing(Refusal::IsADirectory));
        }
        if self.rootfs.lstat(path) == Ok(linked) {
            self.rootfs.name_again(path);
            return Ok(());
        }
        self.make(member, |rootfs| rootfs.link(&target, path))
    }

    fn leads_through_a_link(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut parents = ends.filter_map(|(end, _)| path.get(..end));
        parents.any(|parent| {
            let there = self.rootfs.lstat(parent);
            there.is_ok_and(|there| self.rootfs.kind(there) == Kind::Symlink)
        })
    }

    fn note_duplicate(&mut self, member: &Member) {
        let path = [b"/", &member.path[..]].concat();
        self.sink.note(Note {
            code: "DUPLICATE_PATH",
            text: format!(
                "{} is in the archive again at byte {}: the last one counts",
                Escaped(&path),
                member.offset
            ),
            path: Some(path),
            offset_bytes: Some(member.offset),
        });
    }

    /// A regular file, whose data are hashed unless nobody wants files of its owner.
    fn regular<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        block: &Block,
        member: &Member,
    ) -> Result<(), ImageError> {
        let map = Map::read(cursor, block, member)?;
        self.bytes = self.bytes.saturating_add(map.size);
        let limit = self.max_bytes;
        if self.bytes > limit {
            return Err(TarError::TooLarge { limit }.into());
        }
        let stored = map
            .regions
            .iter()
            .map(|region| region.len)
            .fold(0, u64::saturating_add);
        let inode = match self.make(member, |rootfs| rootfs.open(&member.path)) {
            Ok(inode) => inode,
            Err(error) => {
                self.sink.omit(error.into())?;
                return skip(cursor, member.offset, stored, "data");
            }
        };
        let data = if self.scan.selection.skips_owner(member.uid) {
            skip(cursor, member.offset, stored, "data")?;
            Data::Partial
        } else {
            let content = self.content(cursor, member.offset, &map)?;
            if self.scan.selection.signatures {
                signature::take(self.sink, content, member.records.attributes.clone())?;
            }
            Data::Stored {
                content,
                size_bytes: map.size,
            }
        };
        self.fill(inode, member, data);
        Ok(())
    }

    fn fill(&mut self, inode: Inode, member: &Member, data: Data) {
        if let Some(file) = self.rootfs.regular_mut(inode) {
            *file = Regular {
                data,
                mode: 0o100_000 | member.mode,
                uid: member.uid,
                gid: member.gid,
            };
        }
    }

    /// Hands over a file.
    fn content<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        offset: u64,
        map: &Map,
    ) -> Result<ContentId, ImageError> {
        let mut pieces = Pieces::new(cursor, offset, map);
        if map.size <= WHOLE_FILE_BYTES {
            let mut bytes = vec![0; usize::try_from(map.size).unwrap_or(0)];
            pieces.read(&mut bytes)?;
            return self.sink.content(handover::whole(bytes));
        }
        let (feeder, content) = self.handover.stream(map.size);
        let id = self.sink.content(content)?;
        while pieces.at() < map.size {
            if self.scan.control.is_cancelled() {
                return Err(ImageError::Cancelled);
            }
            let mut chunk = feeder.chunk(map.size.saturating_sub(pieces.at()));
            pieces.read(&mut chunk)?;
            feeder.send(chunk);
        }
        Ok(id)
    }

    /// Whether the tree is an OCI layout or what `docker save` writes, of which versions before 1.10 knew no
    /// `manifest.json`: its blobs are no files of a machine.
    fn is_container_image(&self) -> bool {
        let has = |path: &[u8]| self.rootfs.lstat(path).is_ok();
        let is_saved = has(b"manifest.json") || has(b"repositories");
        has(b"oci-layout") && has(b"index.json") || is_saved && !has(b"usr") && !has(b"etc")
    }

    /// Hands over the files of the tree as it is now, and says how many.
    pub(in crate::image) fn finish(self) -> Result<u64, ImageError> {
        if !self.is_layered && self.is_container_image() {
            return Err(TarError::ContainerImage.into());
        }
        listing::list(&self.rootfs, self.scan, self.sink)
    }
}

impl Take for Unpacker<'_, '_, '_> {
    fn member<F: Fill>(
        &mut self,
        cursor: &mut Cursor<F>,
        block: &Block,
        member: Result<Member, Refused>,
    ) -> Result<ControlFlow<()>, ImageError> {
        self.take(cursor, block, member)?;
        Ok(ControlFlow::Continue(()))
    }

    fn note(&mut self, note: Note) {
        self.sink.note(note);
    }

    /// Layers have digests, and umoci writes neither the mark nor the last padding.
    fn needs_end_mark(&self) -> bool {
        !self.is_layered
    }
}
