//! `meta`, `ima` and other values that are no lists of digests.

use std::borrow::Cow;

use serde::de::{self, MapAccess};
use serde_json::value::RawValue;

use super::json::Reader;
use super::lists::{List, ListKind, Text};
use super::name::Key;
use super::scalar::Scalar;
use super::value::{Expect, Handler};
use crate::policy::problem::ProblemCode;

/// Passes over a value that nobody asked for.
pub(super) fn skip<'de, E: de::Error>(
    reader: &mut Reader<'de>,
    value: &'de RawValue,
    above: usize,
) -> Result<(), E> {
    reader.check_depth(value.get(), above)
}

/// A whole number from `min` to `max`; what else it is, is noted.
pub(super) fn number<'de, E: de::Error>(
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

/// `meta`.
pub(super) struct Meta<'r, 'de>(pub(super) &'r mut Reader<'de>);

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
pub(super) struct Ima<'r, 'de>(pub(super) &'r mut Reader<'de>);

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
