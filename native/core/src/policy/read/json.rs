//! The reader of JSON policies: it notes what serde hands it and builds nothing but the policy's own tables.

use serde::de::{self, DeserializeSeed, IgnoredAny};

use super::lines::{Lines, count_lines};
use super::signatures::EnvelopeParts;
use super::top::Top;
use super::value::Expect;
use super::{ReadLimits, ReadOptions, scalar};
use crate::policy::error::PolicyError;
use crate::policy::loaded::{Policy, Section, Shape};
use crate::policy::location::Location;
use crate::policy::map::{Full, Quirks, Repeat};
use crate::policy::problem::{Problem, ProblemCode};
use crate::signature::{Envelope, decode};

/// What a JSON file holds.
pub(super) enum Parsed {
    Policy(Box<Policy>),
    Envelope(Envelope),
}

/// Reads JSON text.
pub(super) fn read(bytes: &[u8], origin: &[u8], options: &ReadOptions<'_>) -> Result<Parsed, PolicyError> {
    // Checked once for all: the parser then takes every string for UTF-8.
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let before = bytes.get(..offset).unwrap_or_default();
        PolicyError::NotUtf8 {
            offset,
            location: Location::of_line(count_lines(before).saturating_add(1)),
        }
    })?;
    let mut reader = Reader::new(text, origin, options);
    reader.policy.digests.expect_file_of(text.len());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let outcome = Expect(Top(&mut reader))
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    match outcome {
        Ok(()) => reader.finish(),
        Err(error) => Err(reader.explain(error)),
    }
}

/// Everything that is known while a file is read.
pub(super) struct Reader<'de> {
    pub(super) policy: Policy,
    pub(super) envelope: EnvelopeParts<'de>,
    /// Whether the map of digests is called `hashes`.
    pub(super) has_hashes: bool,
    /// Members of `ima`, known or not.
    pub(super) ima_members: usize,
    /// Where the parser is.
    pub(super) here: Here,
    /// Keys of the format so far, with dots between, those whose value is `null` included.
    seen: Vec<&'static str>,
    text: &'de str,
    limits: ReadLimits,
    entries: usize,
    pub(super) lines: Lines<'de>,
    /// Why the parser was stopped. Errors of serde carry text alone.
    fault: Option<PolicyError>,
    /// A name has a control character, written as it is or escaped.
    pub(super) has_control_character: bool,
    /// The last name was written with escapes, so it is not known where it stands.
    pub(super) is_line_unknown: bool,
}

/// The place in the format.
#[derive(Clone, Copy, Default)]
pub(super) struct Here {
    pub(super) key: &'static str,
    /// The map whose last name is meant.
    pub(super) section: Option<Section>,
    pub(super) index: Option<usize>,
}

impl<'de> Reader<'de> {
    fn new(text: &'de str, origin: &[u8], options: &ReadOptions<'_>) -> Self {
        Self {
            policy: Policy::new(origin, Shape::RuntimePolicy, options.assumed_algorithm),
            envelope: EnvelopeParts::default(),
            has_hashes: false,
            ima_members: 0,
            here: Here::default(),
            seen: Vec::new(),
            text,
            limits: options.limits,
            entries: 0,
            lines: Lines::new(text),
            fault: None,
            has_control_character: false,
            is_line_unknown: false,
        }
    }

    /// Where the parser is.
    pub(super) fn location(&self) -> Location {
        let name = self
            .here
            .section
            .and_then(|section| Some(self.policy.section(section).last_entry()?.name().to_vec()));
        Location {
            key: self.here.key,
            name,
            index: self.here.index,
            line: Some(u64::from(self.lines.line)),
        }
    }

    /// Stops the parser.
    pub(super) fn stop<E: de::Error>(&mut self, fault: PolicyError) -> E {
        self.fault = Some(fault);
        E::custom("stopped")
    }

    /// Stops the parser at a value of the wrong type.
    pub(super) fn wrong_type<E: de::Error>(&mut self, expected: &'static str, found: &'static str) -> E {
        let location = self.location();
        self.stop(PolicyError::WrongType {
            location,
            expected,
            found,
        })
    }

    /// Comes to a key of the format.
    pub(super) fn enter<E: de::Error>(&mut self, key: &'static str) -> Result<(), E> {
        self.here = Here {
            key,
            ..Here::default()
        };
        if self.seen.contains(&key) {
            let location = self.location();
            return Err(self.stop(PolicyError::KeyTwice { location }));
        }
        self.seen.push(key);
        self.policy.present.push(key);
        Ok(())
    }

    /// Comes to a key that is not of the format.
    pub(super) fn enter_unknown(&mut self) {
        self.here = Here::default();
    }

    /// Notes a problem of the value at hand.
    pub(super) fn note(&mut self, code: ProblemCode, problem: &'static str) {
        let location = self.location();
        self.policy.notes.push(Problem {
            code,
            location,
            problem,
        });
    }

    /// Takes `null` for a value that is not there.
    pub(super) fn note_null(&mut self) {
        let key = self.here.key;
        self.note(ProblemCode::TypeWrong, NULL);
        self.policy.present.retain(|present| *present != key);
    }

    /// Counts a name, a pattern or a signature.
    pub(super) fn count<E: de::Error>(&mut self) -> Result<(), E> {
        self.entries = self.entries.saturating_add(1);
        if self.entries > self.limits.max_entries {
            return Err(self.too_many());
        }
        Ok(())
    }

    /// Stops the parser where there is no place for more.
    pub(super) fn too_many<E: de::Error>(&mut self) -> E {
        let location = self.location();
        let limit = self.limits.max_entries;
        self.stop(PolicyError::TooManyEntries { location, limit })
    }

    /// Starts an entry of a section.
    pub(super) fn begin(&mut self, section: Section, name: &[u8]) -> Result<(), Full> {
        self.here.section = Some(section);
        self.here.index = None;
        let line = self.lines.line;
        self.policy
            .section_mut(section)
            .begin(name, line, Repeat::Replaces, Quirks::default())
    }

    /// Adds a digest to the last entry.
    pub(super) fn push(&mut self, section: Section, text: &str) {
        self.policy.section_mut(section).push_text(text);
    }

    /// Comes to a text that lies in the file as it is.
    pub(super) fn pass(&mut self, section: Section, text: &'de str) {
        if self.is_line_unknown {
            self.is_line_unknown = false;
            self.lines.advance(text.as_bytes());
            let line = self.lines.line;
            self.policy.section_mut(section).set_last_line(line);
        }
    }

    /// Refuses a value that lies `above` levels deep and is too deep itself.
    pub(super) fn check_depth<E: de::Error>(&mut self, json: &str, above: usize) -> Result<(), E> {
        let limit = self.limits.max_depth;
        if scalar::depth(json).saturating_add(above) > limit {
            let location = self.location();
            return Err(self.stop(PolicyError::TooDeep { location, limit }));
        }
        Ok(())
    }

    fn explain(self, error: serde_json::Error) -> PolicyError {
        // The parser knows the line of the value, this reader only that of the last name.
        let line = u64::try_from(error.line()).ok();
        let at = |location| Location { line, ..location };
        match self.fault {
            None => PolicyError::NotJson { error },
            Some(PolicyError::WrongType {
                location,
                expected,
                found,
            }) => PolicyError::WrongType {
                location: at(location),
                expected,
                found,
            },
            Some(fault) => fault,
        }
    }

    fn finish(mut self) -> Result<Parsed, PolicyError> {
        if self.has_control_character {
            // Names are read as bytes, for the sake of lone surrogates, and there the parser lets control
            // characters pass. It does not where a value is ignored.
            serde_json::from_str::<IgnoredAny>(self.text).map_err(|error| PolicyError::NotJson { error })?;
        }
        if self
            .envelope
            .payload
            .as_ref()
            .is_some_and(|text| !text.is_empty())
        {
            return self.finish_envelope().map(Parsed::Envelope);
        }
        let shape = match (self.has_hashes, self.policy.has(Section::Digests.key())) {
            (true, true) => return Err(PolicyError::TwoShapes),
            (false, false) => return Err(PolicyError::NoDigests),
            (true, false) => Shape::JsonAllowlist,
            (false, true) if self.policy.meta.version.is_some_and(|version| version < 1) => {
                Shape::OldRuntimePolicy
            }
            (false, true) => Shape::RuntimePolicy,
        };
        self.policy.shape = shape;
        self.note_missing();
        for section in Section::ALL {
            self.policy.section_mut(section).shrink();
        }
        Ok(Parsed::Policy(Box::new(self.policy)))
    }

    fn note_missing(&mut self) {
        let is_allowlist = self.policy.shape == Shape::JsonAllowlist;
        if is_allowlist {
            // Keylime's converter throws `meta` away and replaces what is empty.
            self.policy
                .notes
                .retain(|note| !note.location.key.starts_with("meta") && note.problem != NULL);
        }
        let has_ima = self.policy.has("ima") && !(is_allowlist && self.ima_members == 0);
        let has_meta = self.policy.has("meta") && !is_allowlist;
        let missing: Vec<&'static str> = REQUIRED
            .into_iter()
            .filter(|key| {
                let is_asked_for = match key.split_once('.') {
                    None => !is_allowlist,
                    Some(("ima", _)) => has_ima,
                    Some(_) => has_meta,
                };
                is_asked_for && !self.policy.has(key)
            })
            .collect();
        for key in missing {
            let was_null = |note: &Problem| note.location.key == key && note.code == ProblemCode::TypeWrong;
            if !self.policy.notes.iter().any(was_null) {
                self.policy.notes.push(Problem {
                    code: ProblemCode::KeyMissing,
                    location: Location::of_key(key),
                    problem: "the key is missing",
                });
            }
        }
        if is_allowlist && self.policy.digests.is_empty() {
            self.policy.notes.push(Problem {
                code: ProblemCode::ListEmpty,
                location: Location::of_key("hashes"),
                problem: "the allowlist is empty, at which Keylime's converter stops",
            });
        }
    }

    fn finish_envelope(self) -> Result<Envelope, PolicyError> {
        let malformed = |key, problem| PolicyError::EnvelopeMalformed {
            location: Location::of_key(key),
            problem,
        };
        if let Some(key) = ["digests", "hashes"].into_iter().find(|key| self.policy.has(key)) {
            return Err(malformed(
                key,
                "it stands beside a signed payload, and Keylime reads the payload alone",
            ));
        }
        let parts = self.envelope;
        let payload = parts
            .payload
            .and_then(|text| decode(&text))
            .ok_or_else(|| malformed("payload", "the payload is no base64"))?;
        let payload_type = parts
            .payload_type
            .ok_or_else(|| malformed("payloadType", "the envelope does not say what its payload is"))?;
        if parts.signatures.is_empty() {
            return Err(malformed("signatures", "the envelope has no signature"));
        }
        Ok(Envelope {
            payload_type,
            payload,
            signatures: parts.signatures,
        })
    }
}

/// The problem of a value that is `null`, which the converter of old formats replaces.
const NULL: &str = "null is no value of this key";

/// The keys that Keylime's schema requires, those below `meta` and `ima` if these are there.
const REQUIRED: [&str; 13] = [
    "meta",
    "meta.version",
    "meta.generator",
    "release",
    "digests",
    "excludes",
    "keyrings",
    "ima",
    "ima.ignored_keyrings",
    "ima.log_hash_alg",
    "ima.dm_policy",
    "ima-buf",
    "verification-keys",
];
