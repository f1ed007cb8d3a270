//! Maps of digests, lists of texts, and texts.

use std::borrow::Cow;

use serde::de::{self, MapAccess, SeqAccess};

use super::json::Reader;
use super::name::Name;
use super::value::{Expect, Handler};
use crate::policy::loaded::Section;

/// A map of names to lists of digests.
pub(super) struct Map<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) section: Section,
}

impl<'de> Handler<'de> for Map<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "an object of names, each with an array of digests";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.reader
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { reader, section } = self;
        while let Some(()) = members.next_key_seed(Name { reader, section })? {
            members.next_value_seed(Expect(Digests { reader, section }))?;
        }
        Ok(())
    }

    fn null<E: de::Error>(self) -> Result<(), E> {
        self.reader.note_null();
        Ok(())
    }
}

/// The digests of a name.
struct Digests<'r, 'de> {
    reader: &'r mut Reader<'de>,
    section: Section,
}

impl<'de> Handler<'de> for Digests<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "an array of digests";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.reader
    }

    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { reader, section } = self;
        for index in 0.. {
            reader.here.index = Some(index);
            if items
                .next_element_seed(Expect(Digest { reader, section }))?
                .is_none()
            {
                break;
            }
        }
        Ok(())
    }

    /// Keylime's own documentation once had a bare digest here: there is only one thing it can mean.
    fn text<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.reader.policy.section_mut(self.section).mark_last_bare();
        self.reader.push(self.section, text);
        Ok(())
    }
}

/// A digest.
struct Digest<'r, 'de> {
    reader: &'r mut Reader<'de>,
    section: Section,
}

impl<'de> Handler<'de> for Digest<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "a digest";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.reader
    }

    fn borrowed_text<E: de::Error>(self, text: &'de str) -> Result<(), E> {
        self.reader.pass(self.section, text);
        self.reader.push(self.section, text);
        Ok(())
    }

    fn text<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.reader.push(self.section, text);
        Ok(())
    }
}

/// Which list of texts.
#[derive(Clone, Copy)]
pub(super) enum ListKind {
    Excludes,
    IgnoredKeyrings,
}

/// `excludes` or `ima.ignored_keyrings`.
pub(super) struct List<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) kind: ListKind,
}

impl<'de> Handler<'de> for List<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "an array of texts";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.reader
    }

    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { reader, kind } = self;
        for index in 0.. {
            reader.here.index = Some(index);
            if items
                .next_element_seed(Expect(ListItem { reader, kind }))?
                .is_none()
            {
                break;
            }
        }
        Ok(())
    }

    fn null<E: de::Error>(self) -> Result<(), E> {
        self.reader.note_null();
        Ok(())
    }
}

/// A text of a list.
struct ListItem<'r, 'de> {
    reader: &'r mut Reader<'de>,
    kind: ListKind,
}

impl<'de> Handler<'de> for ListItem<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "text";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.reader
    }

    fn text<E: de::Error>(self, text: &str) -> Result<(), E> {
        let Self { reader, kind } = self;
        reader.count()?;
        let list = match kind {
            ListKind::Excludes => &mut reader.policy.excludes,
            ListKind::IgnoredKeyrings => &mut reader.policy.ignored_keyrings,
        };
        list.push(text).map_err(|_| reader.too_many())
    }
}

/// A text; none if it is `null`.
pub(super) struct Text<'r, 'de>(pub(super) &'r mut Reader<'de>);

impl<'de> Handler<'de> for Text<'_, 'de> {
    type Value = Option<Cow<'de, str>>;
    const EXPECTED: &'static str = "text";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.0
    }

    fn borrowed_text<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn text<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn null<E: de::Error>(self) -> Result<Self::Value, E> {
        self.0.note_null();
        Ok(None)
    }
}
