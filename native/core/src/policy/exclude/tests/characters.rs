//! The tables of characters against Python's answers for all of Unicode.

use super::python::python;
use crate::policy::exclude::unicode;

const PROGRAM: &str = r"
import _sre, json, re, sys
print(json.dumps(list(sys.version_info[:3])))
everything = [chr(code) for code in range(0x110000)]
for pattern in (r'\w', r'\d', r'\s'):
    match = re.compile(pattern).match
    print(json.dumps([ord(c) for c in everything if match(c)]))
print(json.dumps([[ord(c), _sre.unicode_tolower(ord(c))] for c in everything if _sre.unicode_tolower(ord(c)) != ord(c)]))
cased = [c for c in everything if _sre.unicode_iscased(ord(c))]
text = ''.join(cased)
print(json.dumps([[ord(c), [ord(found) for found in re.findall(c, text, re.I)]] for c in cased]))
";

fn members(runs: &[[u32; 2]]) -> Vec<u32> {
    runs.iter().flat_map(|&[first, last]| first..=last).collect()
}

#[test]
fn characters_are_what_python_takes_them_for() {
    let Some((_, answer)) = python(PROGRAM, "") else {
        return;
    };
    let mut lines = answer.lines();
    let mut numbers = || -> Vec<u32> { serde_json::from_str(lines.next().unwrap()).unwrap() };
    let words = numbers();
    assert_eq!(members(unicode::word_runs()), words);
    assert_eq!(members(unicode::digit_runs()), numbers());
    let spaces = numbers();
    assert_eq!(members(unicode::space_runs()), spaces);
    let alone: Vec<u32> = (0..0x11_0000).filter(|&code| unicode::is_word(code)).collect();
    assert_eq!(alone, words);

    let lower: Vec<(u32, u32)> = serde_json::from_str(lines.next().unwrap()).unwrap();
    let ours: Vec<(u32, u32)> = (0..0x11_0000)
        .map(|code| (code, unicode::lower(code)))
        .filter(|(code, lower)| code != lower)
        .collect();
    assert_eq!(ours, lower);

    let families: Vec<(u32, Vec<u32>)> = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert!(families.len() > 2_500);
    for (code, family) in families {
        let mut ours = unicode::same_but_case(code).to_vec();
        ours.sort_unstable();
        // Some letters have only an upper case of several characters, and so no twin.
        if family != [code] || !ours.is_empty() {
            assert_eq!(ours, family, "U+{code:04X}");
        }
    }
}
