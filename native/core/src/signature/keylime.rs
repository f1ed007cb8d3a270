//! Keyrings in Keylime's JSON.
//!
//! ```json
//! {"meta": {"version": 1}, "pubkeys": ["BASE64(SubjectPublicKeyInfo)"], "keyids": [4081397027]}
//! ```

use base64ct::{Base64, Encoding as _};
use serde_json::Value;

use super::SignatureError;
use crate::public_key::{LoadedKey, read_keys};

/// Keys and the ids that were given for them. An id of 0 or null stands for the computed one, as one beyond the
/// end of `keyids` does.
pub(super) fn parse(json: &str) -> Result<Vec<(LoadedKey, Option<u32>)>, SignatureError> {
    let malformed = |problem| SignatureError::KeyringMalformed { problem };
    if json.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut keyring: Value = serde_json::from_str(json).map_err(|_| malformed("no JSON"))?;
    if let Value::String(inner) = &keyring {
        if inner.trim().is_empty() {
            return Ok(Vec::new());
        }
        keyring = serde_json::from_str(inner).map_err(|_| malformed("no JSON in the text"))?;
    }
    let array = |member: &str, problem| {
        keyring
            .get(member)
            .and_then(Value::as_array)
            .ok_or(malformed(problem))
    };
    let keys = array("pubkeys", "no array `pubkeys`")?;
    let ids = array("keyids", "no array `keyids`")?;
    if ids.len() > keys.len() {
        return Err(malformed("more ids than keys"));
    }
    if let Some(version) = keyring.get("meta").and_then(|meta| meta.get("version"))
        && version.as_u64().is_none_or(|version| version < 1)
    {
        return Err(malformed("the version is no number from 1 on"));
    }
    let ids = ids
        .iter()
        .map(|id| match id {
            Value::Null => Ok(None),
            id => id
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .map(|id| Some(id).filter(|&id| id != 0))
                .ok_or(malformed("an id is no number of 32 bits")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let ids = ids.into_iter().chain(std::iter::repeat(None));
    (1..)
        .zip(keys.iter().zip(ids))
        .map(|(number, (key, id))| Ok((load(key, number)?, id)))
        .collect()
}

fn load(key: &Value, number: usize) -> Result<LoadedKey, SignatureError> {
    let der = key
        .as_str()
        .and_then(|text| Base64::decode_vec(text).ok())
        .ok_or(SignatureError::KeyringMalformed {
            problem: "a key is no Base64",
        })?;
    match read_keys(&der).map(|mut keys| (keys.pop(), keys.len())) {
        Ok((Some(key), 0)) => Ok(key),
        Ok(_) => Err(SignatureError::KeyringMalformed {
            problem: "a key is several",
        }),
        Err(error) => Err(SignatureError::KeyringKey { number, error }),
    }
}
