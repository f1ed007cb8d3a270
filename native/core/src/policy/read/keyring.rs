//! Whether text is an IMA keyring as Keylime's schema has it.
//!
//! ```text
//! {"pubkeys": ["base64 of a SubjectPublicKeyInfo"], "keyids": [4081397027], "meta": {"version": 1}}
//! ```

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::Scalar;

/// Checks `verification-keys`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let keyring: &RawValue = serde_json::from_str(text).map_err(|_| "it is no JSON")?;
    let [keyids, pubkeys, meta] = members(keyring, ["keyids", "pubkeys", "meta"])
        .ok_or("it is no object with \"pubkeys\" and \"keyids\"")?;
    let is_integer = |item: &RawValue| matches!(Scalar::of(item.get()), Scalar::Integer(_));
    if !keyids.is_some_and(|keyids| is_array_of(keyids, is_integer)) {
        return Err("it has no \"keyids\", an array of whole numbers");
    }
    let is_text = |item: &RawValue| matches!(Scalar::of(item.get()), Scalar::Text(_));
    if !pubkeys.is_some_and(|pubkeys| is_array_of(pubkeys, is_text)) {
        return Err("it has no \"pubkeys\", an array of texts");
    }
    let is_versioned = |meta| {
        members(meta, ["version"]).is_some_and(|[version]| {
            version.is_some_and(
                |version| matches!(Scalar::of(version.get()), Scalar::Integer(version) if version >= 1),
            )
        })
    };
    if !meta.is_none_or(is_versioned) {
        return Err("its \"meta\" has no \"version\" of 1 or more");
    }
    Ok(())
}

/// The members of an object that have these names; none if it is no object. Of equal names the last counts.
fn members<'a, const N: usize>(
    object: &'a RawValue,
    names: [&'static str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    struct Members<const N: usize>([&'static str; N]);

    impl<'de, const N: usize> Visitor<'de> for Members<N> {
        type Value = [Option<&'de RawValue>; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            while let Some(key) = map.next_key::<String>()? {
                let value = map.next_value()?;
                for (name, place) in self.0.iter().zip(&mut found) {
                    if *name == key {
                        *place = Some(value);
                    }
                }
            }
            Ok(found)
        }
    }

    serde_json::Deserializer::from_str(object.get())
        .deserialize_map(Members(names))
        .ok()
}

fn is_array_of(array: &RawValue, is_right: impl Fn(&RawValue) -> bool) -> bool {
    struct Items<F>(F);

    impl<'de, F: Fn(&RawValue) -> bool> Visitor<'de> for Items<F> {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
            let mut is_right = true;
            while let Some(item) = items.next_element()? {
                is_right &= (self.0)(item);
            }
            Ok(is_right)
        }
    }

    serde_json::Deserializer::from_str(array.get())
        .deserialize_seq(Items(is_right))
        .unwrap_or(false)
}
