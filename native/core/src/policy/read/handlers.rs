//! What is done with each part of a JSON policy.

use std::borrow::Cow;

use serde::de::{self, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::json::{Key, Name, Reader};
use super::keyring;
use super::scalar::Scalar;
use super::value::{Expect, Handler};
use crate::policy::envelope::{EnvelopeSignature, decode};
use crate::policy::error::PolicyError;
use crate::policy::loaded::Section;
use crate::policy::problem::ProblemCode;

/// What an envelope is made of.
#[derive(Default)]
pub(super) struct EnvelopeParts<'de> {
    pub(super) payload: Option<Cow<'de, str>>,
    pub(super) payload_type: Option<String>,
    pub(super) signatures: Vec<EnvelopeSignature>,
}

/// The whole file.
pub(super) struct Top<'r, 'de>(pub(super) &'r mut Reader<'de>);

impl<'de> Handler<'de> for Top<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "an object";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.0
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let reader = self.0;
        while let Some(key) = members.next_key_seed(Key(reader))? {
            match &*key {
                b"meta" => {
                    reader.enter("meta")?;
                    members.next_value_seed(Expect(Meta(reader)))?;
                }
                b"release" => {
                    reader.enter("release")?;
                    number(reader, members.next_value()?, 0, i64::MAX)?;
                }
                b"digests" => section(reader, "digests", Section::Digests, &mut members)?,
                b"hashes" => {
                    reader.has_hashes = true;
                    section(reader, "hashes", Section::Digests, &mut members)?;
                }
                b"keyrings" => section(reader, "keyrings", Section::Keyrings, &mut members)?,
                b"ima-buf" => section(reader, "ima-buf", Section::Buffers, &mut members)?,
                b"excludes" => {
                    reader.enter("excludes")?;
                    members.next_value_seed(Expect(List {
                        reader,
                        kind: ListKind::Excludes,
                    }))?;
                }
                b"ima" => {
                    reader.enter("ima")?;
                    members.next_value_seed(Expect(Ima(reader)))?;
                }
                b"verification-keys" => {
                    reader.enter("verification-keys")?;
                    let keys = members.next_value_seed(Expect(Text(reader)))?.unwrap_or_default();
                    verification_keys(reader, keys.into_owned());
                }
                b"payload" => {
                    reader.enter("payload")?;
                    reader.envelope.payload = members.next_value_seed(Expect(Text(reader)))?;
                }
                b"payloadType" => {
                    reader.enter("payloadType")?;
                    let payload_type = members.next_value_seed(Expect(Text(reader)))?;
                    reader.envelope.payload_type = payload_type.map(Cow::into_owned);
                }
                b"signatures" => {
                    reader.enter("signatures")?;
                    members.next_value_seed(Expect(Signatures(reader)))?;
                }
                b"exclude" => {
                    reader.enter("exclude")?;
                    skip(reader, members.next_value()?, 1)?;
                    reader.note(
                        ProblemCode::KeyIgnored,
                        "the key of policies is \"excludes\"; Keylime reads \"exclude\" no more",
                    );
                }
                _ => {
                    reader.enter_unknown();
                    skip(reader, members.next_value()?, 1)?;
                }
            }
        }
        Ok(())
    }
}

/// `digests`, `hashes`, `keyrings` or `ima-buf`.
fn section<'de, A: MapAccess<'de>>(
    reader: &mut Reader<'de>,
    key: &'static str,
    section: Section,
    members: &mut A,
) -> Result<(), A::Error> {
    reader.enter(key)?;
    members.next_value_seed(Expect(Map { reader, section }))
}

/// Passes over a value that nobody asked for.
fn skip<'de, E: de::Error>(reader: &mut Reader<'de>, value: &'de RawValue, above: usize) -> Result<(), E> {
    reader.check_depth(value.get(), above)
}

/// A whole number from `min` to `max`; what else it is, is noted.
fn number<'de, E: de::Error>(
    reader: &mut Reader<'de>,
    value: &'de RawValue,
    min: i64,
    max: i64,
) -> Result<Option<i64>, E> {
    skip(reader, value, 2)?;
    match Scalar::of(value.get()) {
        Scalar::Integer(value) => {
            if value < min {
                reader.note(ProblemCode::ValueOutOfRange, "the number is too small");
            } else if value > max {
                reader.note(ProblemCode::ValueOutOfRange, "the number is too large");
            }
            Ok(Some(value))
        }
        Scalar::Null => {
            reader.note_null();
            Ok(None)
        }
        _ => {
            reader.note(ProblemCode::TypeWrong, "a whole number belongs here");
            Ok(None)
        }
    }
}

fn verification_keys(reader: &mut Reader<'_>, keys: String) {
    if !keys.is_empty()
        && let Err(problem) = keyring::check(&keys)
    {
        reader.note(ProblemCode::VerificationKeysMalformed, problem);
    }
    reader.policy.verification_keys = keys;
}

/// `meta`.
struct Meta<'r, 'de>(&'r mut Reader<'de>);

impl<'de> Handler<'de> for Meta<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "an object";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.0
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let reader = self.0;
        while let Some(key) = members.next_key_seed(Key(reader))? {
            match &*key {
                b"version" => {
                    reader.enter("meta.version")?;
                    reader.policy.meta.version = number(reader, members.next_value()?, 0, i64::MAX)?;
                }
                b"generator" => {
                    reader.enter("meta.generator")?;
                    reader.policy.meta.generator = number(reader, members.next_value()?, 0, 3)?;
                }
                b"timestamp" => {
                    reader.enter("meta.timestamp")?;
                    let value: &RawValue = members.next_value()?;
                    skip(reader, value, 2)?;
                    match Scalar::of(value.get()) {
                        Scalar::Text(text) => reader.policy.meta.timestamp = Some(text),
                        _ => reader.note(ProblemCode::TypeWrong, "text belongs here"),
                    }
                }
                _ => {
                    reader.enter_unknown();
                    skip(reader, members.next_value()?, 2)?;
                }
            }
        }
        Ok(())
    }

    fn null<E: de::Error>(self) -> Result<(), E> {
        self.0.note_null();
        Ok(())
    }
}

/// `ima`.
struct Ima<'r, 'de>(&'r mut Reader<'de>);

impl<'de> Handler<'de> for Ima<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "an object";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.0
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let reader = self.0;
        while let Some(key) = members.next_key_seed(Key(reader))? {
            reader.ima_members = reader.ima_members.saturating_add(1);
            match &*key {
                b"ignored_keyrings" => {
                    reader.enter("ima.ignored_keyrings")?;
                    members.next_value_seed(Expect(List {
                        reader,
                        kind: ListKind::IgnoredKeyrings,
                    }))?;
                }
                b"log_hash_alg" => {
                    reader.enter("ima.log_hash_alg")?;
                    let algorithm = members.next_value_seed(Expect(Text(reader)))?;
                    if algorithm
                        .as_ref()
                        .is_some_and(|name| !LOG_ALGORITHMS.contains(&&**name))
                    {
                        reader.note(
                            ProblemCode::LogAlgorithmUnsupported,
                            "Keylime takes sha1, sha256, sha384 or sha512; nearly always it is sha1",
                        );
                    }
                    reader.policy.log_hash_algorithm = algorithm.map(Cow::into_owned);
                }
                b"dm_policy" => {
                    reader.enter("ima.dm_policy")?;
                    let value: &RawValue = members.next_value()?;
                    skip(reader, value, 2)?;
                    if Scalar::of(value.get()) != Scalar::Null {
                        reader.note(
                            ProblemCode::DmPolicyPresent,
                            "Keylime takes nothing but null here",
                        );
                    }
                }
                _ => {
                    reader.enter_unknown();
                    skip(reader, members.next_value()?, 2)?;
                }
            }
        }
        Ok(())
    }

    fn null<E: de::Error>(self) -> Result<(), E> {
        self.0.note_null();
        Ok(())
    }
}

/// What `ima.log_hash_alg` may be.
const LOG_ALGORITHMS: [&str; 4] = ["sha1", "sha256", "sha384", "sha512"];

/// A map of names to lists of digests.
struct Map<'r, 'de> {
    reader: &'r mut Reader<'de>,
    section: Section,
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
enum ListKind {
    Excludes,
    IgnoredKeyrings,
}

/// `excludes` or `ima.ignored_keyrings`.
struct List<'r, 'de> {
    reader: &'r mut Reader<'de>,
    kind: ListKind,
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
struct Text<'r, 'de>(&'r mut Reader<'de>);

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

/// `signatures` of an envelope.
struct Signatures<'r, 'de>(&'r mut Reader<'de>);

impl<'de> Handler<'de> for Signatures<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "an array of signatures";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.0
    }

    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let reader = self.0;
        for index in 0.. {
            reader.here.key = "signatures";
            reader.here.index = Some(index);
            if items.next_element_seed(Expect(Signature(reader)))?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// A signature of an envelope.
struct Signature<'r, 'de>(&'r mut Reader<'de>);

impl<'de> Handler<'de> for Signature<'_, 'de> {
    type Value = ();
    const EXPECTED: &'static str = "an object with \"sig\"";

    fn reader(&mut self) -> &mut Reader<'de> {
        self.0
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let reader = self.0;
        reader.count()?;
        let (mut key_id, mut signature) = (None, None);
        while let Some(key) = members.next_key_seed(Key(reader))? {
            match &*key {
                b"keyid" => {
                    key_id = members
                        .next_value_seed(Expect(Text(reader)))?
                        .map(Cow::into_owned);
                }
                b"sig" => {
                    signature = members
                        .next_value_seed(Expect(Text(reader)))?
                        .and_then(|text| decode(&text));
                }
                _ => skip(reader, members.next_value()?, 3)?,
            }
        }
        let Some(signature) = signature else {
            let location = reader.location();
            return Err(reader.stop(PolicyError::EnvelopeMalformed {
                location,
                problem: "the signature has no \"sig\" in base64",
            }));
        };
        reader
            .envelope
            .signatures
            .push(EnvelopeSignature { key_id, signature });
        Ok(())
    }
}
