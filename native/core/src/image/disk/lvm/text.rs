//! The text of the metadata.
//!
//! ```text
//! name { … }      name = 12      name = "text"      name = ["text", 12]      # to the end of the line
//! ```
//!
//! Source: LVM2, `libdm/libdm-config.c`.

/// Sections in sections: the metadata has four.
const MAX_DEPTH: usize = 16;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    Text(String),
    List(Vec<Value>),
    Section(Section),
    /// A number below zero or with a fraction, of which none is of use here.
    Other,
}

/// Names and values, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Section(Vec<(String, Value)>);

impl Section {
    fn value(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The values of a list; a single value is a list of one.
    pub(super) fn list(&self, name: &str) -> &[Value] {
        match self.value(name) {
            Some(Value::List(values)) => values,
            Some(value) => std::slice::from_ref(value),
            None => &[],
        }
    }

    /// Whether a list has this text.
    pub(super) fn has(&self, name: &str, text: &str) -> bool {
        let mut values = self.list(name).iter();
        values.any(|value| matches!(value, Value::Text(known) if known == text))
    }

    pub(super) fn section(&self, name: &str) -> Option<&Self> {
        match self.value(name)? {
            Value::Section(section) => Some(section),
            _ => None,
        }
    }

    /// All sections in it, with their names.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::Section(section) => Some((name.as_str(), section)),
            _ => None,
        })
    }
}

/// Parses the text. On an error, the byte where it is and what is wrong.
pub(super) fn parse(text: &[u8]) -> Result<Section, (usize, &'static str)> {
    let mut parser = Parser { text, at: 0 };
    let section = parser.entries(0).map_err(|problem| (parser.at, problem))?;
    if parser.at == text.len() {
        Ok(section)
    } else {
        Err((parser.at, "a brace closes what was not opened"))
    }
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// The next byte that means something. The text is followed by zeros.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b'#' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.step();
                    }
                }
                b' ' | b'\t' | b'\r' | b'\n' | 0 => self.step(),
                byte => return Some(byte),
            }
        }
    }

    /// Names and values up to the brace that closes them, or the end.
    fn entries(&mut self, depth: usize) -> Result<Section, &'static str> {
        if depth > MAX_DEPTH {
            return Err("its sections are nested too deeply");
        }
        let mut section = Section::default();
        while self.next().is_some_and(|byte| byte != b'}') {
            let name = match self.peek() {
                Some(b'"') => self.string()?,
                _ => self.word()?,
            };
            let value = match self.next() {
                Some(b'{') => {
                    self.step();
                    let below = self.entries(depth.saturating_add(1))?;
                    if self.peek() != Some(b'}') {
                        return Err("a section has no end");
                    }
                    self.step();
                    Value::Section(below)
                }
                Some(b'=') => {
                    self.step();
                    self.value()?
                }
                _ => return Err("a name has no value"),
            };
            section.0.push((name, value));
        }
        Ok(section)
    }

    fn value(&mut self) -> Result<Value, &'static str> {
        if self.next() != Some(b'[') {
            return self.single();
        }
        self.step();
        let mut values = Vec::new();
        loop {
            match self.next() {
                Some(b']') => {
                    self.step();
                    return Ok(Value::List(values));
                }
                Some(b',') => self.step(),
                Some(_) => values.push(self.single()?),
                None => return Err("a list has no end"),
            }
        }
    }

    fn single(&mut self) -> Result<Value, &'static str> {
        if self.next() == Some(b'"') {
            return self.string().map(Value::Text);
        }
        let word = self.word()?;
        let is_number = word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.'));
        match word.parse() {
            Ok(number) => Ok(Value::Number(number)),
            Err(_) if is_number => Ok(Value::Other),
            Err(_) => Err("a value is neither a text nor a number"),
        }
    }

    /// A text in quotation marks, which a backslash takes their meaning.
    fn string(&mut self) -> Result<String, &'static str> {
        self.step();
        let mut bytes = Vec::new();
        loop {
            let byte = self.peek().ok_or("a text has no end")?;
            self.step();
            match byte {
                b'"' => return String::from_utf8(bytes).map_err(|_| "a text is not UTF-8"),
                b'\\' => {
                    bytes.extend(self.peek());
                    self.step();
                }
                byte => bytes.push(byte),
            }
        }
    }

    fn word(&mut self) -> Result<String, &'static str> {
        let start = self.at;
        while self.peek().is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.' | b'/')
        }) {
            self.step();
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        if word.is_empty() {
            return Err("there is a character that means nothing here");
        }
        Ok(String::from_utf8_lossy(word).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_apart_as_lvm_writes_it() {
        let text = b"# Generated\nvg-0 {\n\tid = \"a\\\"b\\\\c\" # c\n\tempty = []\n\tboth = [\"pv0\", 7]\n\tlow = -1\n\tpv0 {\n\t}\n}\n\0\0";
        let parsed = parse(text).unwrap();
        let group = parsed.section("vg-0").unwrap();
        assert_eq!(group.text("id"), Some("a\"b\\c"));
        assert_eq!(group.list("empty"), []);
        let both = [Value::Text("pv0".to_owned()), Value::Number(7)];
        assert_eq!(group.list("both"), both);
        assert_eq!(group.number("low"), None);
        assert_eq!(group.sections().next(), Some(("pv0", &Section::default())));
    }

    #[test]
    fn text_that_does_not_close_is_an_error_with_its_place() {
        for (text, at) in [
            (&b"a {"[..], 3),
            (b"a = [1, 2", 9),
            (b"a = \"b", 6),
            (b"a = b", 5),
            (b"a", 1),
            (b"}", 0),
            (b"a = 1 } b = 2", 6),
            (b"a = !", 4),
            (b"= 1", 0),
            (b"a = 1\n!", 6),
        ] {
            assert_eq!(parse(text).unwrap_err().0, at, "{}", text.escape_ascii());
        }
        let deep = b"a {".repeat(100_000);
        assert!(parse(&deep).is_err());
    }
}
