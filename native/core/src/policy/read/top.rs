//! The top of a JSON file: which part is read by whom.

use std::borrow::Cow;

use serde::de::MapAccess;

use super::json::Reader;
use super::keyring;
use super::lists::{List, ListKind, Map, Text};
use super::name::Key;
use super::settings::{Ima, Meta, number, skip};
use super::signatures::Signatures;
use super::value::{Expect, Handler};
use crate::policy::loaded::Section;
use crate::policy::problem::ProblemCode;

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
                    reader.policy.release = number(reader, members.next_value()?, 0, i64::MAX)?;
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

fn verification_keys(reader: &mut Reader<'_>, keys: String) {
    if !keys.is_empty()
        && let Err(problem) = keyring::check(&keys)
    {
        reader.note(ProblemCode::VerificationKeysMalformed, problem);
    }
    reader.policy.verification_keys = keys;
}
