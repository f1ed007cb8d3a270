//! The parts of an envelope.

use std::borrow::Cow;

use serde::de::{MapAccess, SeqAccess};

use super::json::Reader;
use super::lists::Text;
use super::name::Key;
use super::settings::skip;
use super::value::{Expect, Handler};
use crate::policy::error::PolicyError;
use crate::signature::{EnvelopeSignature, MAX_ENVELOPE_SIGNATURES, decode};

/// What an envelope is made of.
#[derive(Default)]
pub(super) struct EnvelopeParts<'de> {
    pub(super) payload: Option<Cow<'de, str>>,
    pub(super) payload_type: Option<String>,
    pub(super) signatures: Vec<EnvelopeSignature>,
}

/// `signatures` of an envelope.
pub(super) struct Signatures<'r, 'de>(pub(super) &'r mut Reader<'de>);

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
        if reader.envelope.signatures.len() >= MAX_ENVELOPE_SIGNATURES {
            let location = reader.location();
            return Err(reader.stop(PolicyError::EnvelopeMalformed {
                location,
                problem: "the envelope has more than 64 signatures",
            }));
        }
        reader
            .envelope
            .signatures
            .push(EnvelopeSignature { key_id, signature });
        Ok(())
    }
}
