//! A tree that several archives are unpacked into, one over the other: what a layer takes away from those below it.
//!
//! Every name remembers the layer that made it or named it again. What a layer removes is of the layers below: its own
//! names stay, wherever in the layer the removal stands. Source: OCI image specification 1.1, `layer.md`, "Whiteouts".

use super::{Body, Inode, Last, Link, Node, ROOT, Refusal, Rootfs};

impl Rootfs {
    /// Begins the next layer: from here on all that is there is of the layers below.
    pub(in crate::image) fn next_layer(&mut self) {
        self.layer = self.layer.saturating_add(1);
    }

    /// Whether the last part of a path is a name that this layer has made; a link itself.
    pub(in crate::image) fn is_of_this_layer(&self, path: &[u8]) -> bool {
        match self.walk(ROOT, path, &mut 0) {
            Ok(Last::Name { parent, name, .. }) => self
                .link_of(parent, name)
                .is_some_and(|link| link.layer == self.layer),
            _ => false,
        }
    }

    /// Says that this layer names a directory that was there.
    pub(in crate::image) fn name_again(&mut self, path: &[u8]) {
        let Ok(Last::Name { parent, name, .. }) = self.walk(ROOT, path, &mut 0) else {
            return;
        };
        let (name, layer) = (name.to_vec(), self.layer);
        if let Some(Node {
            body: Body::Directory { entries, .. },
            ..
        }) = self.nodes.get_mut(parent.0)
            && let Some(link) = entries.get_mut(name.as_slice())
        {
            link.layer = layer;
        }
    }

    /// Takes away what the layers below have at a path, a directory with all below it. Nothing there is no fault.
    ///
    /// # Errors
    /// [`Refusal::Exists`] where this layer itself has something there; what is wrong with the path.
    pub(in crate::image) fn remove_lower(&mut self, path: &[u8]) -> Result<(), Refusal> {
        let (parent, name) = match self.walk(ROOT, path, &mut 0) {
            Ok(Last::Name { parent, name, .. }) => (parent, name),
            Ok(Last::Directory(_)) => return Err(Refusal::NotPermitted),
            Err(Refusal::NotFound) => return Ok(()),
            Err(refusal) => return Err(refusal),
        };
        let Some(link) = self.link_of(parent, name) else {
            return Ok(());
        };
        if link.layer == self.layer {
            return Err(Refusal::Exists);
        }
        if self.is_directory(link.inode) {
            self.empty_of_lower(link.inode);
            if !self.is_empty(link.inode) {
                return Err(Refusal::Exists);
            }
        }
        self.remove(parent, name);
        Ok(())
    }

    /// Takes away all that the layers below have in a directory, at any depth. No directory there is no fault.
    ///
    /// # Errors
    /// What is wrong with the path.
    pub(in crate::image) fn make_opaque(&mut self, path: &[u8]) -> Result<(), Refusal> {
        // With a slash, so that a link is followed.
        match self.lstat(&[path, b"/"].concat()) {
            Ok(directory) => self.empty_of_lower(directory),
            Err(Refusal::NotFound) => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    fn link_of(&self, directory: Inode, name: &[u8]) -> Option<Link> {
        match self.body(directory) {
            Body::Directory { entries, .. } => entries.get(name).copied(),
            _ => None,
        }
    }

    fn is_empty(&self, directory: Inode) -> bool {
        matches!(self.body(directory), Body::Directory { entries, .. } if entries.is_empty())
    }

    /// Removes every name of a layer below, from the bottom up; a directory stays while it holds a name of this layer.
    fn empty_of_lower(&mut self, directory: Inode) {
        let mut pending = vec![(directory, self.names_in(directory))];
        while let Some((parent, names)) = pending.last_mut() {
            let parent = *parent;
            let Some((name, link, is_done)) = names.pop() else {
                pending.pop();
                continue;
            };
            self.count_step();
            if self.is_directory(link.inode) && !is_done {
                names.push((name, link, true));
                let inside = self.names_in(link.inode);
                pending.push((link.inode, inside));
                continue;
            }
            let is_kept = self.is_directory(link.inode) && !self.is_empty(link.inode);
            if link.layer < self.layer && !is_kept {
                self.remove(parent, &name);
            }
        }
    }

    /// The names in a directory, none of them looked into yet.
    fn names_in(&self, directory: Inode) -> Vec<(Box<[u8]>, Link, bool)> {
        match self.body(directory) {
            Body::Directory { entries, .. } => {
                let names = entries.iter();
                names.map(|(name, link)| (name.clone(), *link, false)).collect()
            }
            _ => Vec::new(),
        }
    }
}
