//! The XML of a repository's metadata, element by element, in bounded memory.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::super::error::PackageError;
use crate::image::ImageError;

/// Bytes of one tag or text, and of all texts of an element.
const MAX_TEXT_BYTES: usize = 1 << 20;

/// Elements inside one another.
const MAX_DEPTH: usize = 16;

/// An element that has ended.
#[derive(Debug)]
pub(super) struct Element {
    /// Without its prefix.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) text: String,
}

impl Element {
    fn new(tag: &BytesStart<'_>) -> Option<Self> {
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.ok()?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        Some(Self {
            name: tag.local_name().as_ref().to_owned(),
            attributes,
            text: String::new(),
        })
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        all.find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Takes an element with those that it is in.
type Take<'t> = dyn FnMut(&[Element], &Element) -> Result<(), ImageError> + 't;

/// Hands over every element when it ends, after those that it is in, the outermost one first. `name` is only shown.
///
/// # Errors
/// [`PackageError::RepositoryMalformed`], and what `reader` and `take` say.
pub(super) fn each(name: &str, reader: impl BufRead, take: &mut Take<'_>) -> Result<(), ImageError> {
    let malformed = |problem| PackageError::RepositoryMalformed {
        name: name.to_owned(),
        problem,
    };
    let (left, fault) = (Cell::new(0), RefCell::new(None));
    let mut reader = Reader::from_reader(Limited {
        inner: reader,
        left: &left,
        fault: &fault,
    });
    let (mut open, mut buffer): (Vec<Element>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut has_root = false;
    loop {
        left.set(MAX_TEXT_BYTES);
        buffer.clear();
        let Ok(event) = reader.read_event_into(&mut buffer) else {
            return Err(fault
                .take()
                .unwrap_or_else(|| malformed("it is no well-formed XML, or has too long a text").into()));
        };
        let ended = match event {
            Event::Eof if open.is_empty() && has_root => return Ok(()),
            Event::Eof => return Err(malformed("it ends before its last element").into()),
            Event::Start(tag) => {
                has_root = true;
                if open.len() >= MAX_DEPTH {
                    return Err(malformed("an element inside too many others").into());
                }
                open.push(Element::new(&tag).ok_or_else(|| malformed("a tag that is not well-formed"))?);
                None
            }
            Event::Empty(tag) => {
                has_root = true;
                Some(Element::new(&tag).ok_or_else(|| malformed("a tag that is not well-formed"))?)
            }
            Event::End(_) => Some(open.pop().ok_or_else(|| malformed("an end without a start"))?),
            Event::Text(text) => {
                add(&mut open, &text).map_err(malformed)?;
                None
            }
            Event::GeneralRef(reference) => {
                let text =
                    resolve(&reference).ok_or_else(|| malformed("an entity that XML does not have"))?;
                add(&mut open, &text).map_err(malformed)?;
                None
            }
            // It could say what a reader who knows nothing of document types does not see.
            Event::DocType(_) => return Err(malformed("a document type").into()),
            Event::CData(_) => return Err(malformed("a section of CDATA").into()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => None,
        };
        if let Some(element) = ended {
            take(&open, &element)?;
        }
    }
}

/// Adds to the text of the innermost element.
fn add(open: &mut [Element], text: &str) -> Result<(), &'static str> {
    let Some(element) = open.last_mut() else {
        // Line ends in front of the first element and behind it.
        return match text.trim_ascii().is_empty() {
            true => Ok(()),
            false => Err("a text outside of all elements"),
        };
    };
    if element.text.len().saturating_add(text.len()) > MAX_TEXT_BYTES {
        return Err("too long a text");
    }
    element.text.push_str(text);
    Ok(())
}

fn resolve(reference: &BytesRef<'_>) -> Option<String> {
    match reference.resolve_char_ref().ok()? {
        Some(character) => Some(character.to_string()),
        None => resolve_predefined_entity(reference).map(str::to_owned),
    }
}

/// Gives only so many bytes until it is told that an event has ended.
struct Limited<'a, R> {
    inner: R,
    left: &'a Cell<usize>,
    /// What the bytes come from said.
    fault: &'a RefCell<Option<ImageError>>,
}

impl<R: BufRead> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let len = available.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), available.get(..len)) {
            to.copy_from_slice(from);
        }
        self.consume(len);
        Ok(len)
    }
}

impl<R: BufRead> BufRead for Limited<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left.get() == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        match self.inner.fill_buf() {
            Ok(bytes) => {
                let len = bytes.len().min(self.left.get());
                Ok(bytes.get(..len).unwrap_or_default())
            }
            Err(error) => {
                let kind = error.kind();
                if let Ok(error) = error.downcast::<ImageError>() {
                    self.fault.replace(Some(error));
                }
                Err(kind.into())
            }
        }
    }

    fn consume(&mut self, len: usize) {
        self.left.set(self.left.get().saturating_sub(len));
        self.inner.consume(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Explain as _;

    fn names(text: &str) -> Result<Vec<String>, &'static str> {
        let mut names = Vec::new();
        each("test", text.as_bytes(), &mut |open, element| {
            let above: Vec<&str> = open.iter().map(|element| element.name.as_str()).collect();
            names.push(format!("{} {}={}", above.join("/"), element.name, element.text));
            Ok(())
        })
        .map(|()| names)
        .map_err(|error| error.code())
    }

    #[test]
    fn elements_are_handed_over_with_their_text() {
        let text = "<?xml version=\"1.0\"?>\n<a xmlns:x=\"y\"><!-- no --><x:b c='&lt;'>1 &amp; &#50;</x:b><d/></a>\n";
        assert_eq!(names(text).unwrap(), ["a b=1 & 2", "a d=", " a="]);
        each("test", text.as_bytes(), &mut |_, element| {
            assert_eq!(element.attribute("c"), (element.name == "b").then_some("<"));
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn what_is_cut_or_no_xml_is_refused() {
        let sound = "<a><b>1</b><c d=\"e\"/></a>";
        assert!(names(sound).is_ok());
        for len in 0..sound.len() {
            assert_eq!(names(&sound[..len]), Err("REPOSITORY_MALFORMED"), "{len}");
        }
        for text in [
            "<a></b>",
            "<a>&other;</a>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a><![CDATA[x]]></a>",
            "text",
            "<a b=c></a>",
            "<a b='1' b='2'></a>",
            "<a/>text",
        ] {
            assert_eq!(names(text), Err("REPOSITORY_MALFORMED"), "{text}");
        }
        let deep = format!("{}{}", "<a>".repeat(17), "</a>".repeat(17));
        assert_eq!(names(&deep), Err("REPOSITORY_MALFORMED"));
        let long = format!("<a>{}</a>", "x".repeat((1 << 20) + 1));
        assert_eq!(names(&long), Err("REPOSITORY_MALFORMED"));
        let long = format!("<a {}='1'/>", "x".repeat((1 << 20) + 1));
        assert_eq!(names(&long), Err("REPOSITORY_MALFORMED"));
    }
}
