//! Tests of reading, checking and asking policies.

mod corpus;
mod hostile;
mod lookups;
mod oracle;
mod problems;
mod round_trip;
mod shapes;

use super::{Policy, PolicyError, ReadOptions, read};

/// SHA-256 of `hello\n`.
pub(in crate::policy) const HELLO: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
/// SHA-1 of `hello\n`.
pub(in crate::policy) const HELLO_SHA1: &str = "f572d396fae9206628714fb2ce00f72e94f2258f";
/// SHA-256 of `world\n`.
pub(in crate::policy) const WORLD: &str = "e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317";

pub(in crate::policy) fn load(text: impl AsRef<[u8]>) -> Result<Policy, PolicyError> {
    read(text.as_ref(), b"file", &ReadOptions::default())
}

/// A policy that Keylime takes, with this value of one of its keys.
pub(in crate::policy) fn policy_with(key: &str, value: &str) -> String {
    let of = |name: &str, default: &str| {
        if name == key {
            value.to_owned()
        } else {
            default.to_owned()
        }
    };
    let members = [
        (
            "meta",
            format!(
                "{{\"version\": {}, \"generator\": {}}}",
                of("meta.version", "1"),
                of("meta.generator", "3")
            ),
        ),
        ("release", "0".to_owned()),
        ("digests", format!("{{\"/a\": [\"{HELLO}\"]}}")),
        ("excludes", "[]".to_owned()),
        ("keyrings", "{}".to_owned()),
        (
            "ima",
            format!(
                "{{\"ignored_keyrings\": {}, \"log_hash_alg\": {}, \"dm_policy\": {}}}",
                of("ima.ignored_keyrings", "[]"),
                of("ima.log_hash_alg", "\"sha1\""),
                of("ima.dm_policy", "null")
            ),
        ),
        ("ima-buf", "{}".to_owned()),
        ("verification-keys", "\"\"".to_owned()),
    ];
    let members: Vec<String> = members
        .iter()
        .map(|(name, default)| format!("\"{name}\": {}", of(name, default)))
        .collect();
    format!("{{{}}}", members.join(", "))
}

/// Numbers that are the same in every run.
pub(in crate::policy) struct Random(pub(in crate::policy) u64);

impl Random {
    pub(in crate::policy) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    pub(in crate::policy) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
