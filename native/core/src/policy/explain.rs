//! Why a path or a digest passes, or does not: who lists it, what excludes it, what is nearly it.

use ima_assay_digest::{Algorithm, decode_hex, hex};
use serde_json::{Value, json};

use super::exclude::{ExcludePattern, ExcludeSet};
use super::index::PolicySet;
use super::loaded::Section;
use super::map::ListedDigest;
use super::near::NearKind;
use crate::allowlist::{Allowlist, Listed};
use crate::path::{Escaped, ima_spelling};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A path, as IMA spells it; also a keyring or a buffer.
    Path(Vec<u8>),
    /// A digest, perhaps of a named algorithm.
    Digest {
        /// The algorithm, if it is named.
        algorithm: Option<Algorithm>,
        /// The value.
        bytes: Vec<u8>,
    },
}

impl Question {
    /// Reads a question: hex digits as long as a digest, perhaps with `ALGORITHM:` before them, are one; all else
    /// is a path.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let (name, digits) = match text.iter().position(|&byte| byte == b':') {
            Some(colon) => (
                text.get(..colon),
                text.get(colon.saturating_add(1)..).unwrap_or_default(),
            ),
            None => (None, text),
        };
        let algorithm = name.map(|name| {
            std::str::from_utf8(name)
                .ok()
                .and_then(|name| name.parse::<Algorithm>().ok())
        });
        let bytes = decode_hex(digits).unwrap_or_default();
        let is_digest = match algorithm {
            None => Algorithm::ALL
                .iter()
                .any(|algorithm| algorithm.len() == bytes.len()),
            Some(algorithm) => algorithm.is_some_and(|algorithm| algorithm.len() == bytes.len()),
        };
        if is_digest && !bytes.is_empty() {
            return Self::Digest {
                algorithm: algorithm.flatten(),
                bytes,
            };
        }
        Self::Path(ima_spelling(text).into_owned())
    }
}

/// Patterns of one source.
pub struct ExcludeSource {
    /// The policy or list they are from.
    pub name: Vec<u8>,
    /// The patterns.
    pub patterns: Vec<ExcludePattern>,
    /// The same, compiled.
    pub set: ExcludeSet,
}

/// Rows and near misses that an answer holds.
const MAX_SHOWN: usize = 100;

/// Near misses that an answer holds.
const MAX_NEAR: usize = 10;

/// Answers a question, as JSON:
///
/// ```text
/// {"question":{"kind":"path","path":"…"} | {"kind":"digest","digest":"…"},
///  "answer":"listed"|"excluded"|"not-listed",
///  "listed":[{"section":"digests","name":"…","digest":"sha256:…","policy":"…","line":N|null}],"listedCount":N,
///  "excludedBy":[{"source":"…","index":N,"line":N|null,"pattern":"…"}],
///  "inImages":[{"image":"…","path":"…","digest":"sha256:…","isListed":true}],
///  "near":[{"kind":"usr-merge","path":"…","digest":"sha256:…"|null,"policy":"…"}]}
/// ```
#[must_use]
pub fn explain(
    question: &Question,
    policies: &PolicySet,
    excludes: &[ExcludeSource],
    images: &[&Allowlist],
) -> Value {
    match question {
        Question::Path(path) => explain_path(path, policies, excludes, images),
        Question::Digest { algorithm, bytes } => explain_digest(*algorithm, bytes, policies, images),
    }
}

fn explain_path(
    path: &[u8],
    policies: &PolicySet,
    excludes: &[ExcludeSource],
    images: &[&Allowlist],
) -> Value {
    let mut listed = Vec::new();
    for section in Section::ALL {
        for candidate in policies.listed(section, path) {
            let origin = policies.policies().get(candidate.origin);
            let policy = origin.map_or(&b""[..], |policy| policy.origin());
            listed.push(row(section, path, &candidate.digest, policy));
        }
    }
    let excluded_by = excluded_by(path, excludes);
    let in_images: Vec<Value> = images
        .iter()
        .flat_map(|image| image.rows_of(path).map(|row| in_image(image, &row, policies)))
        .collect();
    let mut near = near_of(path, policies, images);
    if near.is_empty() && listed.is_empty() {
        near = same_name(path, policies);
    }
    let answer = match (excluded_by.is_empty(), listed.is_empty()) {
        (false, _) => "excluded",
        (true, false) => "listed",
        (true, true) => "not-listed",
    };
    json!({
        "question": {"kind": "path", "path": Escaped(path).to_string()},
        "answer": answer,
        "listedCount": listed.len(),
        "listed": listed.into_iter().take(MAX_SHOWN).collect::<Vec<_>>(),
        "excludedBy": excluded_by,
        "inImages": in_images,
        "near": near,
    })
}

fn explain_digest(
    algorithm: Option<Algorithm>,
    bytes: &[u8],
    policies: &PolicySet,
    images: &[&Allowlist],
) -> Value {
    let is_same = |digest: &ListedDigest<'_>| {
        digest.bytes == bytes && (algorithm.is_none() || digest.algorithm == algorithm)
    };
    let mut listed = Vec::new();
    for policy in policies.policies() {
        for section in Section::ALL {
            for listing in policy.section(section).iter() {
                for digest in listing.digests().filter(is_same) {
                    listed.push(row(section, listing.name(), &digest, policy.origin()));
                }
            }
        }
    }
    let in_images: Vec<Value> = images
        .iter()
        .flat_map(|image| {
            image
                .rows()
                .filter(|row| row.digest == bytes && algorithm.is_none_or(|named| named == row.algorithm))
                .map(|row| in_image(image, &row, policies))
        })
        .take(MAX_SHOWN)
        .collect();
    let name = algorithm.map_or_else(String::new, |algorithm| format!("{}:", algorithm.name()));
    json!({
        "question": {"kind": "digest", "digest": format!("{name}{}", hex(bytes))},
        "answer": if listed.is_empty() { "not-listed" } else { "listed" },
        "listedCount": listed.len(),
        "listed": listed.into_iter().take(MAX_SHOWN).collect::<Vec<_>>(),
        "excludedBy": [],
        "inImages": in_images,
        "near": [],
    })
}

fn row(section: Section, name: &[u8], digest: &ListedDigest<'_>, policy: &[u8]) -> Value {
    json!({
        "section": section.key(),
        "name": Escaped(name).to_string(),
        "digest": digest_text(digest.algorithm, digest.bytes),
        "policy": String::from_utf8_lossy(policy),
        "line": Some(digest.line).filter(|&line| line > 0),
    })
}

fn in_image(image: &Allowlist, row: &Listed<'_>, policies: &PolicySet) -> Value {
    let mut candidates = policies.listed(Section::Digests, row.path);
    let is_listed = candidates.any(|candidate| candidate.digest.bytes == row.digest);
    let name = image.origins().get(row.origin).cloned().unwrap_or_default();
    json!({
        "image": String::from_utf8_lossy(&name),
        "path": Escaped(row.path).to_string(),
        "digest": digest_text(Some(row.algorithm), row.digest),
        "isListed": is_listed,
    })
}

fn digest_text(algorithm: Option<Algorithm>, bytes: &[u8]) -> String {
    algorithm.map_or_else(
        || hex(bytes),
        |algorithm| format!("{}:{}", algorithm.name(), hex(bytes)),
    )
}

/// Every pattern that matches, since removing the first may change nothing.
fn excluded_by(path: &[u8], excludes: &[ExcludeSource]) -> Vec<Value> {
    let mut found = Vec::new();
    for source in excludes {
        for (index, pattern) in source.patterns.iter().enumerate() {
            // What takes too long to decide may match.
            if source.set.is_match(index, path).unwrap_or(true) {
                found.push(json!({
                    "source": String::from_utf8_lossy(&source.name),
                    "index": index,
                    "line": pattern.line,
                    "pattern": Escaped(pattern.text.as_bytes()).to_string(),
                }));
            }
        }
    }
    found
}

/// What is nearly the path, with the digest that an image has for it, if one does.
fn near_of(path: &[u8], policies: &PolicySet, images: &[&Allowlist]) -> Vec<Value> {
    let known = images.iter().find_map(|image| image.rows_of(path).next());
    let (algorithm, digest) = known.map_or((Algorithm::Sha256, &[][..]), |row| (row.algorithm, row.digest));
    policies
        .near(Section::Digests, path, algorithm, digest, MAX_NEAR)
        .into_iter()
        .filter(|near| !matches!(near.kind, NearKind::SamePath | NearKind::OtherAlgorithm))
        .map(|near| {
            let policy = policies.policies().get(near.origin);
            json!({
                "kind": near.kind.name(),
                "path": Escaped(near.path).to_string(),
                "digest": near.digest.map(|digest| digest_text(digest.algorithm, digest.bytes)),
                "policy": policy.map(|policy| String::from_utf8_lossy(policy.origin()).into_owned()),
            })
        })
        .collect()
}

/// Paths with the same last name.
fn same_name(path: &[u8], policies: &PolicySet) -> Vec<Value> {
    let last = |path: &[u8]| path.rsplit(|&byte| byte == b'/').next().map(<[u8]>::to_vec);
    let Some(wanted) = last(path).filter(|name| !name.is_empty()) else {
        return Vec::new();
    };
    policies
        .policies()
        .iter()
        .flat_map(|policy| {
            policy
                .section(Section::Digests)
                .iter()
                .map(move |listing| (policy, listing))
        })
        .filter(|(_, listing)| {
            let name = listing.name();
            name.ends_with(&wanted) && last(name).is_some_and(|name| name == wanted)
        })
        .take(MAX_NEAR)
        .map(|(policy, listing)| {
            let digest = listing.digests().next();
            json!({
                "kind": "same-name",
                "path": Escaped(listing.name()).to_string(),
                "digest": digest.map(|digest| digest_text(digest.algorithm, digest.bytes)),
                "policy": String::from_utf8_lossy(policy.origin()),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{HELLO, HELLO_SHA1, WORLD, load};

    #[test]
    fn a_question_is_a_digest_or_a_path() {
        let digest = |algorithm| Question::Digest {
            algorithm,
            bytes: decode_hex(HELLO.as_bytes()).unwrap(),
        };
        assert_eq!(Question::parse(HELLO.as_bytes()), digest(None));
        let named = format!("sha256:{}", HELLO.to_uppercase());
        assert_eq!(Question::parse(named.as_bytes()), digest(Some(Algorithm::Sha256)));
        for path in ["/usr/bin/a", "abcd", &format!("sha1:{HELLO}"), "x:00", ""] {
            assert_eq!(
                Question::parse(path.as_bytes()),
                Question::Path(path.as_bytes().to_vec())
            );
        }
        assert_eq!(Question::parse(b"/a b"), Question::Path(b"/a_b".to_vec()));
    }

    fn ask(question: &str, policy: &str) -> Value {
        let policy = load(policy).unwrap();
        let patterns = policy.exclude_patterns();
        let excludes = [ExcludeSource {
            name: b"policy".to_vec(),
            set: ExcludeSet::new(patterns.clone(), &Default::default()).unwrap(),
            patterns,
        }];
        let set = PolicySet::new(vec![policy]);
        explain(&Question::parse(question.as_bytes()), &set, &excludes, &[])
    }

    #[test]
    fn a_path_is_listed_excluded_or_nearly_there() {
        let policy = format!(
            "{{\"digests\": {{\"/usr/bin/a\": [\"{HELLO}\"], \"/opt/tool\": [\"{WORLD}\"]}}, \
             \"keyrings\": {{\".ima\": [\"{HELLO_SHA1}\"]}}, \"excludes\": [\"/tmp\", \"/tm.*\", \"/var\"]}}"
        );
        let listed = ask("/usr/bin/a", &policy);
        assert_eq!(listed["answer"], "listed");
        assert_eq!(listed["listed"][0]["digest"], format!("sha256:{HELLO}"));
        assert_eq!(ask(".ima", &policy)["listed"][0]["section"], "keyrings");
        let excluded = ask("/tmp/x", &policy);
        assert_eq!(excluded["answer"], "excluded");
        let indices: Vec<_> = excluded["excludedBy"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pattern| pattern["index"].clone())
            .collect();
        assert_eq!(indices, [0, 1]);
        let near = ask("/bin/a", &policy);
        assert_eq!(near["answer"], "not-listed");
        assert_eq!(near["near"][0]["kind"], "usr-merge");
        assert_eq!(near["near"][0]["path"], "/usr/bin/a");
        let same = ask("/usr/local/bin/tool", &policy);
        assert_eq!(same["near"][0]["kind"], "same-name");
        assert_eq!(same["near"][0]["path"], "/opt/tool");
    }

    #[test]
    fn a_digest_is_listed_for_these_names() {
        let policy = format!("{HELLO}  /a\n{WORLD}  /b\n{HELLO}  %keyring:.ima\n");
        let answer = ask(HELLO, &policy);
        assert_eq!(answer["listedCount"], 2);
        assert_eq!(answer["listed"][0]["name"], "/a");
        assert_eq!(answer["listed"][0]["line"], 1);
        assert_eq!(ask(&format!("sha3-256:{HELLO}"), &policy)["answer"], "not-listed");
    }
}
