//! Every construct in which Python's `re` and other engines differ, row by row.

use super::python::{Question, Verdict, ask};
use crate::policy::exclude::{Construct, ExcludeError, ExcludeLimits, ExcludeSet, Fault, PatternError};

/// What becomes of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    /// Taken: matches the first names, and not the others.
    Takes(&'static [&'static str], &'static [&'static str]),
    /// Refused, as Python does.
    Refuses(Fault),
    /// Refused, though Python takes it.
    Unsupported(Construct),
}

use Row::{Refuses, Takes, Unsupported};

const ROWS: &[(&str, &str, Row)] = &[
    ("look-ahead", "a(?=b)", Takes(&["ab"], &["ac", "a"])),
    ("negative look-ahead", "a(?!b)", Takes(&["ac", "a"], &["ab"])),
    ("look-behind", "..(?<=ab)c", Takes(&["abc"], &["bbc"])),
    ("negative look-behind", "..(?<!ab)c", Takes(&["bbc"], &["abc"])),
    ("back reference", r"(a|b)\1", Takes(&["aa", "bb"], &["ab"])),
    ("named group", "(?P<n>a)b", Takes(&["ab"], &["a"])),
    (
        "named back reference",
        "(?P<n>a|b)(?P=n)",
        Takes(&["aa"], &["ab"]),
    ),
    (
        "group named as elsewhere",
        "(?<n>a)",
        Refuses(Fault::ExtensionUnknown),
    ),
    ("atomic group", "(?>ab|a)b", Takes(&["abb"], &["ab"])),
    ("conditional", "(a)?(?(1)b|c)", Takes(&["ab", "c"], &["ac", "b"])),
    ("end of text", r"a\Z", Takes(&["a"], &["a\n", "ab"])),
    ("end of text elsewhere", r"a\z", Refuses(Fault::EscapeBad)),
    ("comment", "a(?#text)b", Takes(&["ab"], &["a"])),
    (
        "count without a start",
        "a{,3}b",
        Takes(&["b", "aaab"], &["aaaab"]),
    ),
    ("brace alone", "a{", Takes(&["a{"], &["a"])),
    ("brace unclosed", "a{1,2", Takes(&["a{1,2"], &["aa"])),
    ("brace around a letter", "a{x}", Takes(&["a{x}"], &["ax"])),
    ("empty braces", "a{}", Takes(&["a{}"], &["a"])),
    ("bracket in a set", "[[]a", Takes(&["[a"], &["a"])),
    ("NUL", r"a\0", Takes(&["a\0"], &["a0", "a"])),
    ("octal", r"\101", Takes(&["A"], &["\\101"])),
    ("octal in a set", r"[\101\0]", Takes(&["A", "\0"], &["1"])),
    ("octal too large", r"\400", Refuses(Fault::OctalOutOfRange)),
    (
        "escaped signs",
        r#"\/\%\'\"\@\_\!\=\,\:\;\ \`\&\~\#\<\>"#,
        Takes(&["/%'\"@_!=,:; `&~#<>"], &["/"]),
    ),
    ("no start of a word", r"\<a", Takes(&["<a"], &["a"])),
    ("hex digit elsewhere", r"\h", Refuses(Fault::EscapeBad)),
    ("Unicode property", r"\p{L}", Refuses(Fault::EscapeBad)),
    (
        "ungreedy flag elsewhere",
        "(?U)a",
        Refuses(Fault::ExtensionUnknown),
    ),
    ("possessive", "a++b", Takes(&["ab", "aab"], &["b"])),
    ("possessive keeps", "a*+a", Takes(&[], &["a", "aa"])),
    (
        "possessive keeps each round",
        "(?:aab|a){2}+",
        Takes(&["aa"], &["aab"]),
    ),
    ("two repeats", "a**", Refuses(Fault::MultipleRepeat)),
    (
        "no class of POSIX",
        "[[:alpha:]]",
        Takes(&["a]", ":]", "[]", "h]"], &["a", "b]", "]"]),
    ),
    ("no intersection", "[a&&b]", Takes(&["a", "&", "b"], &["c"])),
    (
        "no symmetric difference",
        "[a~~b]",
        Takes(&["a", "~", "b"], &["c"]),
    ),
    ("no difference", "[a--b]", Refuses(Fault::RangeBad)),
    ("flag at the start", "(?i)ab", Takes(&["AB", "ab"], &["a"])),
    ("flag later", "a(?i)b", Refuses(Fault::GlobalFlagsNotFirst)),
    ("flag in a group", "(?i:a)b", Takes(&["Ab", "ab"], &["AB"])),
    ("flag cleared", "(?i:a(?-i:b))", Takes(&["Ab"], &["AB"])),
    ("dot matches line feeds", "(?s:.)b", Takes(&["\nb"], &["b"])),
    ("verbose", "(?x: a b ) c", Takes(&["ab c"], &["a b c", "abc"])),
    ("Unicode flag", "(?u:\\w)", Takes(&["\u{e9}"], &["-"])),
    ("ASCII flag", "(?a:\\w)", Takes(&["e"], &["\u{e9}"])),
    ("locale flag", "(?L:a)", Refuses(Fault::FlagsBad)),
    (
        "character by name",
        r"\N{EM DASH}",
        Unsupported(Construct::NamedCharacter),
    ),
    ("template flag", "(?t)a", Unsupported(Construct::TemplateFlag)),
    (
        "group name beyond ASCII",
        "(?P<\u{e9}>a)",
        Unsupported(Construct::GroupNameNotAscii),
    ),
    (
        "group number with a sign",
        "(a)(?(+1)b)",
        Unsupported(Construct::GroupNumberSpelling),
    ),
    (
        "word boundary",
        r"\ba\b.",
        Takes(&["a-"], &["ab", "a\u{e9}", "a"]),
    ),
    (
        "no word boundary",
        r"a\B",
        Takes(&["ab", "a\u{e9}"], &["a", "a-"]),
    ),
    ("no boundary in nothing", r"\B", Takes(&["-"], &["", "a"])),
    ("start of text", r"\Aa", Takes(&["a"], &["ba"])),
    (
        "digits of all scripts",
        r"\d",
        Takes(&["1", "\u{663}"], &["\u{b2}", "a"]),
    ),
    (
        "white space",
        r"\s",
        Takes(&[" ", "\u{1c}", "\u{a0}", "\u{3000}"], &["\u{200b}"]),
    ),
    (
        "word characters",
        r"\w",
        Takes(
            &["\u{e9}", "\u{b2}", "\u{bd}", "_"],
            &["\u{301}", "\u{203f}", "\u{24b6}", "\u{200d}"],
        ),
    ),
    (
        "what is newer than Python",
        r"\w",
        Takes(&[], &["\u{10d50}", "\u{1e4d0}"]),
    ),
    (
        "hex",
        r"\x41\u00e9\U0001F600",
        Takes(&["A\u{e9}\u{1f600}"], &["A"]),
    ),
    ("hex cut short", r"\x4", Refuses(Fault::EscapeIncomplete)),
    ("no such character", r"\U00110000", Refuses(Fault::EscapeBad)),
    ("bracket first in a set", "[]a]b", Takes(&["]b", "ab"], &["b"])),
    (
        "bracket first in a negated set",
        "[^]a]b",
        Takes(&["bb"], &["]b", "ab"]),
    ),
    ("anchors twice", "^^a$$", Takes(&["a", "a\n"], &["ab", "a\n\n"])),
    (
        "end before a line feed",
        "a$",
        Takes(&["a", "a\n"], &["a\nb", "a\n\n", "ab"]),
    ),
    ("end, then a line feed", "a$\\n", Takes(&["a\n"], &["a", "a\n\n"])),
    ("end of a line", "(?m:a$)", Takes(&["a", "a\n", "a\nb"], &["ab"])),
    ("start of a line", "a\\n(?m:^)b", Takes(&["a\nb"], &["ab"])),
    ("class and dash", r"[\w-]", Takes(&["a", "-"], &["."])),
    ("range from a class", r"[\w-.]", Refuses(Fault::RangeBad)),
    ("range to a class", r"[a-\d]", Refuses(Fault::RangeBad)),
    ("range backwards", "[z-a]", Refuses(Fault::RangeBad)),
    ("counts backwards", "a{2,1}", Refuses(Fault::RepeatBoundsSwapped)),
    ("count too large", "a{4294967295}", Refuses(Fault::RepeatTooLarge)),
    ("repeat at the start", "*a", Refuses(Fault::NothingToRepeat)),
    ("repeat of an anchor", "^*", Refuses(Fault::NothingToRepeat)),
    ("group open", "(a", Refuses(Fault::GroupUnterminated)),
    ("group closed twice", "a)", Refuses(Fault::ParenthesisUnbalanced)),
    ("set open", "[a", Refuses(Fault::SetUnterminated)),
    ("backslash at the end", "a\\", Refuses(Fault::EscapeBad)),
    ("comment open", "(?#a", Refuses(Fault::CommentUnterminated)),
    ("extension cut short", "(?", Refuses(Fault::UnexpectedEnd)),
    ("unknown group", r"(a)\2", Refuses(Fault::GroupReferenceInvalid)),
    ("unknown name", "(?P=n)", Refuses(Fault::GroupNameUnknown)),
    ("group 0", "(?(0)a)", Refuses(Fault::GroupNumberBad)),
    ("open group", r"(a\1)", Refuses(Fault::GroupOpen)),
    ("same name", "(?P<n>a)(?P<n>b)", Refuses(Fault::GroupNameTaken)),
    (
        "look-behind of any width",
        "(?<=a+)b",
        Refuses(Fault::LookBehindWidth),
    ),
    (
        "look-behind out of sight",
        "(?<=(?:a{65536}){65536})b",
        Refuses(Fault::LookBehindTooFar),
    ),
    (
        "look-behind at itself",
        r"(?<=(a)\1)b",
        Refuses(Fault::GroupInSameLookBehind),
    ),
    (
        "third branch",
        "(a)(?(1)b|c|d)",
        Refuses(Fault::ConditionalBranches),
    ),
    (
        "dot and line feed",
        "a.b",
        Takes(&["a-b", "a\u{1f600}b"], &["a\nb"]),
    ),
    (
        "case of all scripts",
        "(?i:\u{e9}k\u{df})",
        Takes(&["\u{c9}\u{212a}\u{1e9e}"], &["ek\u{df}"]),
    ),
    (
        "case with two twins",
        "(?i:s)",
        Takes(&["S", "\u{17f}"], &["\u{df}"]),
    ),
    ("case of ASCII", "(?ai:k)", Takes(&["K", "k"], &["\u{212a}"])),
    (
        "case in a negated set",
        "(?i:[^k])",
        Takes(&["a"], &["K", "\u{212a}"]),
    ),
    ("nothing", "", Takes(&["", "a"], &[])),
    ("nothing or something", "|x", Takes(&["", "a"], &[])),
    (
        "the start is enough",
        "/ev",
        Takes(&["/evil", "/event/x"], &["/e", "ev"]),
    ),
];

#[test]
fn each_construct_is_taken_or_refused_as_it_should_be() {
    for &(why, pattern, row) in ROWS {
        let set = ExcludeSet::new(vec![pattern.into()], &ExcludeLimits::default());
        let error = match (&set, row) {
            (Ok(set), Takes(matched, unmatched)) => {
                for (names, expected) in [(matched, true), (unmatched, false)] {
                    for name in names {
                        let found = set.find(name.as_bytes()).unwrap().is_some();
                        assert_eq!(found, expected, "{why}: {pattern:?} on {name:?}");
                        assert_eq!(
                            set.is_match(0, name.as_bytes()).unwrap(),
                            expected,
                            "{why}: {name:?}"
                        );
                    }
                }
                continue;
            }
            (Err(errors), _) => match &errors[..] {
                [ExcludeError::Pattern { error, .. }] => *error,
                _ => panic!("{why}: {errors:?}"),
            },
            (Ok(_), _) => panic!("{why}: {pattern:?} is taken"),
        };
        match (error, row) {
            (PatternError::Invalid { fault, .. }, Refuses(expected)) if fault == expected => {}
            (PatternError::Unsupported { construct, .. }, Unsupported(expected)) if construct == expected => {
            }
            _ => panic!("{why}: {pattern:?} gives {error:?}"),
        }
    }
}

#[test]
fn the_table_is_right_about_python() {
    let question = |&(_, pattern, row): &(&str, &str, Row)| Question {
        patterns: vec![pattern.to_owned()],
        names: match row {
            Takes(matched, unmatched) => [matched, unmatched].concat().into_iter().map(Vec::from).collect(),
            _ => Vec::new(),
        },
    };
    let Some(answers) = ask(&ROWS.iter().map(question).collect::<Vec<_>>()) else {
        return;
    };
    for (&(why, pattern, row), answer) in ROWS.iter().zip(&answers) {
        match (row, &answer[0]) {
            (Refuses(_), Verdict::Refused(..)) | (Unsupported(_), Verdict::Compiled(_)) => {}
            (Takes(matched, unmatched), Verdict::Compiled(found)) => {
                let expected = matched
                    .iter()
                    .map(|_| true)
                    .chain(unmatched.iter().map(|_| false));
                for (found, expected) in found.iter().zip(expected) {
                    assert!(found.is_none_or(|found| found == expected), "{why}: {pattern:?}");
                }
            }
            (_, verdict) => panic!("{why}: {pattern:?}: Python says {verdict:?}"),
        }
    }
}
