//! Exclude list files, what is said of their patterns, and what a verifier makes of them.

use crate::error::Explain;
use crate::policy::exclude::{
    ExcludeError, ExcludeLimits, ExcludePattern, ExcludeSet, Fault, KeylimeDifference, KeylimeExcludes,
    LintKind, ListIgnored, parse_exclude_list,
};

fn patterns(texts: &[&str]) -> Vec<ExcludePattern> {
    texts.iter().map(|&text| text.into()).collect()
}

#[test]
fn a_list_has_one_pattern_a_line() {
    let text = b"# caches\r\n/var/cache/.*\r\n\n \t/tmp \xc2\xa0\n\\#x\n  # indented\n/a[ ]\n#";
    let read: Vec<(u64, String)> = parse_exclude_list(text)
        .unwrap()
        .into_iter()
        .map(|pattern| (pattern.line.unwrap(), pattern.text))
        .collect();
    let expected = [(2, "/var/cache/.*"), (4, "/tmp"), (5, "\\#x"), (7, "/a[ ]")];
    assert_eq!(read, expected.map(|(line, text)| (line, text.to_owned())));
    let set = ExcludeSet::parse(text, &ExcludeLimits::default()).unwrap();
    assert_eq!(set.find(b"#x"), Ok(Some(2)));
    assert_eq!(set.pattern(2).unwrap().line, Some(5));
    assert!(parse_exclude_list(b"").unwrap().is_empty());
}

#[test]
fn all_bad_lines_are_told_at_once() {
    let text = b"\xef\xbb\xbf/a\n/b\xff\n(c\n# d\x0b/e\n/f\r/g\n[h\n/i\\";
    let errors = ExcludeSet::parse(text, &ExcludeLimits::default()).unwrap_err();
    let found: Vec<_> = errors
        .iter()
        .map(|error| (error.place().line.unwrap(), error.code()))
        .collect();
    assert_eq!(
        found,
        [
            (1, "EXCLUDE_LIST_BYTE_ORDER_MARK"),
            (2, "EXCLUDE_LIST_NOT_TEXT"),
            (4, "EXCLUDE_LIST_LINE_BREAK"),
            (5, "EXCLUDE_LIST_LINE_BREAK"),
            (3, "PATTERN_INVALID"),
            (6, "PATTERN_INVALID"),
            (7, "PATTERN_INVALID"),
        ]
    );
    assert!(errors.iter().all(|error| error.hint().is_some()));
    assert_eq!(
        errors[4].to_string(),
        "exclude pattern 2 ((c): missing ), unterminated subpattern at position 0"
    );
}

#[test]
fn a_pattern_for_every_path_is_refused_together_with_all_else() {
    let limits = ExcludeLimits::default();
    let text = b"/tmp/.*\n(a\n.*\n[z\n/b\xff\n/?\n";
    let errors = ExcludeSet::parse_limited(text, &limits).unwrap_err();
    let found: Vec<_> = errors
        .iter()
        .map(|error| (error.place().line.unwrap(), error.code()))
        .collect();
    assert_eq!(
        found,
        [
            (2, "PATTERN_INVALID"),
            (3, "EXCLUDES_EVERYTHING"),
            (4, "PATTERN_INVALID"),
            (5, "EXCLUDE_LIST_NOT_TEXT"),
            (6, "EXCLUDES_EVERYTHING"),
        ]
    );
    assert!(errors.iter().all(|error| error.hint().is_some()));
    assert!(ExcludeSet::parse_limited(b"/tmp/.*\n", &limits).is_ok());
    for pattern in [".*", "/", "/?", "x|", "(/.*)"] {
        let errors = ExcludeSet::new_limited(patterns(&[pattern]), &limits).unwrap_err();
        assert_eq!(errors[0].code(), "EXCLUDES_EVERYTHING", "{pattern}");
    }
}

#[test]
fn likely_mistakes_are_told() {
    let rows: [(&str, &[LintKind]); 16] = [
        ("/var/log/.*", &[]),
        ("", &[LintKind::MatchesEverything]),
        (".*", &[LintKind::MatchesEverything]),
        ("x|", &[LintKind::MatchesEverything]),
        ("/", &[LintKind::MatchesEveryPath]),
        ("^/.*$", &[LintKind::MatchesEveryPath]),
        (
            ".+",
            &[
                LintKind::MatchesEveryPath,
                LintKind::MatchesBootAggregate,
                LintKind::MatchesName {
                    name: b".ima".to_vec(),
                },
            ],
        ),
        ("$", &[LintKind::MatchesEmptyName]),
        (
            "boot.aggreg*$",
            &[
                LintKind::NeverMatchesPath,
                LintKind::DotUnescaped { positions: vec![4] },
            ],
        ),
        (
            "boot_aggregate",
            &[LintKind::MatchesBootAggregate, LintKind::NeverMatchesPath],
        ),
        ("ev", &[LintKind::NeverMatchesPath]),
        (r"\bmemfd:", &[LintKind::NeverMatchesPath]),
        ("(?:a|/)x", &[]),
        (
            r"\.ima",
            &[
                LintKind::MatchesName {
                    name: b".ima".to_vec(),
                },
                LintKind::NeverMatchesPath,
            ],
        ),
        ("/tmp/a.txt", &[LintKind::DotUnescaped { positions: vec![6] }]),
        (r"/foobar\.so(.*)?", &[]),
    ];
    for (pattern, expected) in rows {
        let set = ExcludeSet::new(patterns(&[pattern]), &ExcludeLimits::default()).unwrap();
        let kinds: Vec<LintKind> = set
            .lint(&[b".ima"])
            .unwrap()
            .into_iter()
            .map(|lint| lint.kind)
            .collect();
        assert_eq!(kinds, expected, "{pattern}");
    }
}

#[test]
fn patterns_behind_wider_ones_are_told() {
    let list = [
        "/tmp/x",
        "/var/.*",
        "/var/log/.*\\.gz$",
        "/tmp/x",
        "/tmp$",
        "/tmp/xy",
        "/tmp",
        "/a$",
        "/a$",
    ];
    let set = ExcludeSet::new(patterns(&list), &ExcludeLimits::default()).unwrap();
    let shadowed: Vec<(usize, LintKind)> = set
        .lint(&[])
        .unwrap()
        .into_iter()
        .map(|lint| (lint.index, lint.kind))
        .collect();
    let by = |index| LintKind::ShadowedBy { index };
    assert_eq!(shadowed, [(2, by(1)), (3, by(0)), (5, by(0)), (8, by(7))]);
}

#[test]
fn a_verifier_joins_all_patterns() {
    let rows: [(&[&str], Option<ListIgnored>, &[KeylimeDifference]); 9] = [
        (&["/tmp/.*", "(a|b)"], None, &[]),
        (&[], None, &[]),
        (
            &["a)|(b"],
            None,
            &[KeylimeDifference::ValidOnlyJoined { index: 0 }],
        ),
        (
            &["/x", "(a)\\1"],
            None,
            &[KeylimeDifference::NumbersShifted { index: 1 }],
        ),
        (
            &["(a)\\1"],
            Some(ListIgnored {
                index: 0,
                fault: Fault::GroupOpen,
                position: 3,
            }),
            &[KeylimeDifference::NumbersShifted { index: 0 }],
        ),
        (
            &["(?P<n>a)", "x", "(?P<n>b)"],
            Some(ListIgnored {
                index: 2,
                fault: Fault::GroupNameTaken,
                position: 4,
            }),
            &[KeylimeDifference::NameRepeated {
                index: 2,
                earlier: 0,
                name: "n".to_owned(),
            }],
        ),
        (
            &["/a", "(?i)x"],
            Some(ListIgnored {
                index: 1,
                fault: Fault::GlobalFlagsNotFirst,
                position: 0,
            }),
            &[KeylimeDifference::GlobalFlags { index: 1 }],
        ),
        (
            &["/a", "(b", "c"],
            Some(ListIgnored {
                index: 1,
                fault: Fault::GroupUnterminated,
                position: 0,
            }),
            &[],
        ),
        (
            &["/a", "b)"],
            Some(ListIgnored {
                index: 1,
                fault: Fault::ParenthesisUnbalanced,
                position: 2,
            }),
            &[],
        ),
    ];
    for (list, ignored, differences) in rows {
        let excludes = KeylimeExcludes::new(&patterns(list), &ExcludeLimits::default()).unwrap();
        assert_eq!(excludes.ignored(), ignored, "{list:?}");
        assert_eq!(excludes.differences(), differences, "{list:?}");
    }
}

#[test]
fn what_a_verifier_excludes_is_predicted() {
    let excludes = |list: &[&str]| KeylimeExcludes::new(&patterns(list), &ExcludeLimits::default()).unwrap();
    assert_eq!(excludes(&["/tmp", "/var"]).is_excluded(b"/var/x"), Ok(true));
    assert_eq!(excludes(&[]).is_excluded(b"/var/x"), Ok(false));
    assert_eq!(excludes(&["/tmp", "(a"]).is_excluded(b"/tmp"), Ok(false));
    assert_eq!(excludes(&["a)|(b"]).is_excluded(b"b"), Ok(true));
    // Group 1 is the first pattern, which has not matched where the second is tried.
    assert_eq!(excludes(&["/x", "(a)\\1"]).is_excluded(b"aa"), Ok(false));
    assert_eq!(excludes(&["/x", "(a)\\3"]).is_excluded(b"aa"), Ok(true));
}

#[test]
fn a_verifier_that_cannot_be_predicted_is_an_error() {
    let list = patterns(&["/a", "(?P<\u{e9}>b)"]);
    let errors = KeylimeExcludes::new(&list, &ExcludeLimits::default()).unwrap_err();
    assert!(
        matches!(errors[..], [ExcludeError::Pattern { index: 1, .. }]),
        "{errors:?}"
    );
    assert_eq!(errors[0].code(), "PATTERN_UNSUPPORTED");
}

#[test]
fn names_that_are_no_text_are_matched_byte_by_byte() {
    let rows: [(&str, &[u8], bool); 9] = [
        ("/tmp/.*/x", b"/tmp/\xff\xfe/x", true),
        ("/tmp/..$", b"/tmp/\xff\xfe", true),
        ("/tmp/.$", b"/tmp/\xff\xfe", false),
        ("/[^/]*/y", b"/\xc3/y", true),
        (r"/\W", b"/\xff", true),
        (r"/\w", b"/\xff", false),
        (r"/\udcff", b"/\xff", true),
        (r"/\udcff", b"/\xed\xb3\xbf", false),
        ("/\u{e9}.x", b"/\xc3\xa9\xa9x", true),
    ];
    for (pattern, name, expected) in rows {
        let set = ExcludeSet::new(patterns(&[pattern]), &ExcludeLimits::default()).unwrap();
        assert_eq!(
            set.find(name).unwrap().is_some(),
            expected,
            "{pattern} on {name:?}"
        );
    }
}
