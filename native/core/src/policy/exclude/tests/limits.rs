//! Patterns and names that are made to hurt. What is not bounded here does not end while anybody waits.

use crate::error::Explain;
use crate::policy::exclude::{ExcludeError, ExcludeLimits, ExcludePattern, ExcludeSet, PatternError};

fn set(pattern: &str) -> Result<ExcludeSet, Vec<ExcludeError>> {
    ExcludeSet::new(vec![pattern.into()], &ExcludeLimits::default())
}

#[test]
fn patterns_that_explode_elsewhere_are_decided_at_once() {
    let name = format!("{}!", "a".repeat(1_000));
    let no_text = [name.as_bytes(), b"\xff"].concat();
    for pattern in [
        "(a+)+$",
        "(a*)*$",
        "(a|aa)+$",
        "(a|a?)+$",
        "(.*a){12}$",
        "(?:a?){40}a{40}$",
        "([a-z]+)*\\b$",
        "(?:(?:a*)*)*$\\n",
    ] {
        let set = set(pattern).unwrap();
        assert_eq!(set.find(name.as_bytes()), Ok(None), "{pattern}");
        assert_eq!(set.find(&no_text), Ok(None), "{pattern}");
    }
}

#[test]
fn look_around_explodes_no_more_than_the_rest() {
    let name = format!("{}!", "a".repeat(250));
    for pattern in [
        "(?=(a+)+$)b",
        "(?:(?!b)a+)+$",
        "(?>(?:a|aa)+)+$",
        "(?:a|aa)++$",
        "(?!(a|a?)+$)b",
    ] {
        assert_eq!(set(pattern).unwrap().find(name.as_bytes()), Ok(None), "{pattern}");
    }
}

#[test]
fn back_references_that_explode_are_not_decided() {
    let name = format!("{}!bx", "a".repeat(60));
    for pattern in [
        "(a+)+\\1$",
        "(a*)*\\1b",
        "((a|aa)+)+\\2$",
        "(.*)(.*)(.*)(.*)(.*)\\1\\2\\3\\4\\5bb?x$",
    ] {
        let error = set(pattern).unwrap().find(name.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "PATTERN_UNDECIDED");
        assert_eq!(error.place().path.as_deref(), Some(name.as_bytes()));
        assert!(error.to_string().contains(&name), "{error}");
    }
}

#[test]
fn an_undecided_pattern_is_no_matter_where_an_earlier_one_matches() {
    let patterns = ["/tmp", "/(a+)+\\1$", "/"].map(ExcludePattern::from).into();
    let set = ExcludeSet::new(patterns, &ExcludeLimits::default()).unwrap();
    assert_eq!(set.find(b"/tmp/x"), Ok(Some(0)));
    assert_eq!(set.find(b"/usr"), Ok(Some(2)));
    let bomb = format!("/{}!", "a".repeat(60));
    assert!(matches!(
        set.find(bomb.as_bytes()),
        Err(ExcludeError::Undecided { index: 1, .. })
    ));
}

#[test]
fn patterns_that_are_too_large_are_refused_before_anything_is_built() {
    for pattern in [
        r"\w{1000}$",
        "((a{100}){100}){100}",
        "(?:a{4294967294}){4294967294}b",
        "(?:){1000000}x",
        r"(?<=a{100000})\w{100}$",
        r"(a)(?:\w{99}\1){99}b",
    ] {
        let errors = set(pattern).unwrap_err();
        assert!(
            matches!(
                errors[..],
                [ExcludeError::Pattern {
                    error: PatternError::TooLarge { .. },
                    ..
                }]
            ),
            "{pattern}: {errors:?}"
        );
        assert_eq!(errors[0].code(), "PATTERN_TOO_LARGE");
    }
    // What may be left out at the end costs nothing.
    assert!(set(r"/a\w{0,100000}").is_ok());
    assert!(set(r"/\w{1,64}/x").is_ok());
}

#[test]
fn nesting_length_and_sum_have_limits() {
    let deep = format!("{}a{}", "(".repeat(101), ")".repeat(101));
    assert_eq!(set(&deep).unwrap_err()[0].code(), "PATTERN_TOO_DEEP");
    assert!(set(&deep[1..deep.len() - 1]).is_ok());
    let long = "a".repeat((16 << 10) + 1);
    assert_eq!(set(&long).unwrap_err()[0].code(), "PATTERN_TOO_LONG");
    let many =
        (0..30_000).map(|number| ExcludePattern::from(format!("{number}{}", "/a".repeat(50)).as_str()));
    let errors = ExcludeSet::new(many.collect(), &ExcludeLimits::default()).unwrap_err();
    assert_eq!(errors[0].code(), "EXCLUDES_TOO_LARGE");
}

#[test]
fn ten_thousand_paths_are_a_usable_list() {
    let patterns =
        (0..10_000).map(|number| ExcludePattern::from(format!("/opt/vendor/file{number}$").as_str()));
    let set = ExcludeSet::new(patterns.collect(), &ExcludeLimits::default()).unwrap();
    assert_eq!(set.find(b"/opt/vendor/file9999"), Ok(Some(9_999)));
    assert_eq!(set.find(b"/opt/vendor/file99990"), Ok(None));
}

#[test]
fn a_small_cache_changes_nothing_but_speed() {
    let limits = ExcludeLimits {
        cache_bytes: 1,
        ..ExcludeLimits::default()
    };
    let patterns = [r"/\w+/x", "/.*b.{9}c", "/[^/]*/[^/]*/y"].map(ExcludePattern::from);
    let small = ExcludeSet::new(patterns.to_vec(), &limits).unwrap();
    let large = ExcludeSet::new(patterns.to_vec(), &ExcludeLimits::default()).unwrap();
    for name in super::speed::realistic_names(2_000) {
        assert_eq!(small.find(&name), large.find(&name));
    }
}

#[test]
fn threads_share_a_set() {
    let set = ExcludeSet::new(super::speed::realistic_patterns(50), &ExcludeLimits::default()).unwrap();
    let names = super::speed::realistic_names(5_000);
    let find = || {
        names
            .iter()
            .map(|name| set.find(name).unwrap())
            .collect::<Vec<_>>()
    };
    let expected = find();
    std::thread::scope(|scope| {
        for handle in [scope.spawn(find), scope.spawn(find), scope.spawn(find)] {
            assert_eq!(handle.join().unwrap(), expected);
        }
    });
}
