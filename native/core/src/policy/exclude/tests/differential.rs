//! Thousands of patterns, most of them strange, against Python.

use super::generator::{Dice, name, narrow_name, narrow_pattern, pattern};
use super::python::{Question, Verdict, ask};
use crate::policy::exclude::{
    Construct, ExcludeError, ExcludeLimits, ExcludePattern, ExcludeSet, Fault, KeylimeExcludes, PatternError,
};

/// What Python takes and we refuse, and nothing else.
fn is_deliberate(error: &PatternError) -> bool {
    matches!(
        error,
        PatternError::Unsupported {
            construct: Construct::NamedCharacter
                | Construct::GroupNameNotAscii
                | Construct::GroupNumberSpelling
                | Construct::TemplateFlag,
            ..
        } | PatternError::CaseUnsupported { .. }
            | PatternError::TooLarge { .. }
    )
}

/// The family of a message of Python.
fn family(message: &str) -> Fault {
    const FAMILIES: [(&str, Fault); 36] = [
        ("unterminated character set", Fault::SetUnterminated),
        ("bad character range", Fault::RangeBad),
        ("nothing to repeat", Fault::NothingToRepeat),
        ("multiple repeat", Fault::MultipleRepeat),
        ("min repeat greater than max repeat", Fault::RepeatBoundsSwapped),
        ("the repetition number is too large", Fault::RepeatTooLarge),
        ("missing ), unterminated subpattern", Fault::GroupUnterminated),
        ("missing ), unterminated comment", Fault::CommentUnterminated),
        ("unbalanced parenthesis", Fault::ParenthesisUnbalanced),
        ("bad escape", Fault::EscapeBad),
        ("incomplete escape", Fault::EscapeIncomplete),
        ("octal escape value", Fault::OctalOutOfRange),
        ("missing {", Fault::CharacterNameMissing),
        ("missing character name", Fault::CharacterNameMissing),
        ("unknown extension", Fault::ExtensionUnknown),
        ("unexpected end of pattern", Fault::UnexpectedEnd),
        ("global flags not at the start", Fault::GlobalFlagsNotFirst),
        ("bad inline flags", Fault::FlagsBad),
        ("ASCII and UNICODE flags", Fault::FlagsBad),
        ("unknown flag", Fault::FlagUnknown),
        ("missing flag", Fault::FlagsUnterminated),
        ("missing -, : or )", Fault::FlagsUnterminated),
        ("missing :", Fault::FlagsUnterminated),
        ("missing group name", Fault::GroupNameMissing),
        ("missing >, unterminated name", Fault::NameUnterminated),
        ("missing ), unterminated name", Fault::NameUnterminated),
        ("missing }, unterminated name", Fault::NameUnterminated),
        ("bad character in group name", Fault::GroupNameBad),
        ("unknown group name", Fault::GroupNameUnknown),
        ("redefinition of group name", Fault::GroupNameTaken),
        ("invalid group reference", Fault::GroupReferenceInvalid),
        ("bad group number", Fault::GroupNumberBad),
        ("cannot refer to an open group", Fault::GroupOpen),
        (
            "cannot refer to group defined in the same",
            Fault::GroupInSameLookBehind,
        ),
        ("conditional backref with more", Fault::ConditionalBranches),
        ("look-behind requires fixed-width", Fault::LookBehindWidth),
    ];
    let found = FAMILIES.iter().find(|(start, _)| message.starts_with(start));
    found
        .unwrap_or_else(|| panic!("a message without a family: {message}"))
        .1
}

/// One pattern by itself, or why not.
fn compile(pattern: &str) -> Result<ExcludeSet, PatternError> {
    ExcludeSet::new(vec![pattern.into()], &ExcludeLimits::default()).map_err(|errors| match &errors[..] {
        [ExcludeError::Pattern { error, .. }] => *error,
        other => panic!("{pattern:?}: {other:?}"),
    })
}

fn questions(
    seed: u64,
    count: usize,
    pattern: fn(&mut Dice) -> String,
    name: fn(&mut Dice) -> Vec<u8>,
) -> Vec<Question> {
    let mut dice = Dice::new(seed);
    let mut question = || Question {
        patterns: (0..16).map(|_| pattern(&mut dice)).collect(),
        names: (0..24).map(|_| name(&mut dice)).collect(),
    };
    (0..count).map(|_| question()).collect()
}

fn seed() -> u64 {
    std::env::var("IMA_ASSAY_SEED").map_or(1, |seed| seed.parse().unwrap())
}

#[derive(Default, Debug)]
struct Tally {
    refused: usize,
    unsupported: usize,
    matched: usize,
    unmatched: usize,
    undecided: usize,
}

/// Compares all answers, and prints how many there are of each kind.
fn check(questions: &[Question]) -> Option<Tally> {
    let answers = ask(questions)?;
    let mut wrong = Vec::new();
    let mut tally = Tally::default();
    for (question, verdicts) in questions.iter().zip(&answers) {
        for (pattern, verdict) in question.patterns.iter().zip(verdicts) {
            compare(pattern, &question.names, verdict, &mut tally, &mut wrong);
        }
        compare_set(question, verdicts, &mut wrong);
    }
    println!("{tally:?}");
    let shown = wrong[..wrong.len().min(40)].join("\n");
    assert!(wrong.is_empty(), "{} differ:\n{shown}", wrong.len());
    Some(tally)
}

#[test]
fn patterns_mean_what_python_makes_of_them() {
    let Some(tally) = check(&questions(seed(), 400, pattern, name)) else {
        return;
    };
    assert!(tally.refused > 300 && tally.matched > 10_000 && tally.unmatched > 10_000);
    assert!(tally.unsupported > 10 && tally.undecided < 10);
}

#[test]
fn tries_are_made_in_pythons_order() {
    let Some(tally) = check(&questions(seed(), 400, narrow_pattern, narrow_name)) else {
        return;
    };
    assert!(tally.matched > 10_000 && tally.unmatched > 10_000 && tally.undecided < 100);
}

#[test]
fn every_start_of_a_pattern_is_refused_or_taken_as_python_does() {
    let whole = [
        "(?P<name>a[b-d\\]]{2,3}?)(?:x|y)*+(?P=name)\\1(?(name)p|q)(?(1)r)(?<=ab)(?<!c)(?=d)(?!e)(?>f)(?#no)$",
        "(?ims)(?x) a # b\n [^]\\w\\x41-\\x5a] (?i-s:\\u00e9|\\U0001f600) \\101\\0 (?a:\\b\\B) a{1,2}{ \\Z",
        "/var/(?:log|cache)/[^/]+\\.(?:gz|xz){,2}(.*)?|^/tmp/.*\\.so(?:\\.[0-9]+){0,3}$|\\N{DIGIT ONE}",
    ];
    let mut starts = Vec::new();
    for pattern in whole {
        starts.extend(pattern.char_indices().map(|(at, _)| pattern[..at].to_owned()));
    }
    let names: Vec<Vec<u8>> = ["", "/tmp/x.so.1", "/var/log/x.gz", "abbx", "A"]
        .map(Vec::from)
        .into();
    let questions: Vec<Question> = starts
        .into_iter()
        .map(|start| Question {
            patterns: vec![start],
            names: names.clone(),
        })
        .collect();
    check(&questions);
}

fn compare(pattern: &str, names: &[Vec<u8>], verdict: &Verdict, tally: &mut Tally, wrong: &mut Vec<String>) {
    let set = compile(pattern);
    match (&set, verdict) {
        (Err(error), _) if is_deliberate(error) => tally.unsupported += 1,
        (Err(PatternError::Invalid { fault, position }), Verdict::Refused(message, place)) => {
            tally.refused += 1;
            let same_place = place.is_none_or(|place| place == *position);
            if *fault != family(message) || !same_place {
                wrong.push(format!(
                    "{pattern:?}: {fault:?} at {position}, Python: {message} at {place:?}"
                ));
            }
        }
        (Ok(set), Verdict::Compiled(matches)) => {
            for (name, expected) in names.iter().zip(matches) {
                let Some(expected) = expected else { continue };
                let both = [set.find(name).map(|found| found.is_some()), set.is_match(0, name)];
                if both.iter().any(Result::is_err) {
                    tally.undecided += 1;
                }
                if both.iter().flatten().any(|found| found != expected) {
                    wrong.push(format!(
                        "{pattern:?} on {:?}: {both:?}, Python: {expected}",
                        String::from_utf8_lossy(name)
                    ));
                }
                let count = if *expected {
                    &mut tally.matched
                } else {
                    &mut tally.unmatched
                };
                *count += 1;
            }
        }
        _ => wrong.push(format!("{pattern:?}: {:?}, Python: {verdict:?}", set.map(drop))),
    }
}

/// All patterns of a question that both take as one set: the first that Python matches is found.
fn compare_set(question: &Question, verdicts: &[Verdict], wrong: &mut Vec<String>) {
    let mut patterns: Vec<ExcludePattern> = Vec::new();
    let mut columns = Vec::new();
    for (pattern, verdict) in question.patterns.iter().zip(verdicts) {
        if let (Ok(_), Verdict::Compiled(matches)) = (compile(pattern), verdict) {
            patterns.push(pattern.as_str().into());
            columns.push(matches);
        }
    }
    let set = ExcludeSet::new(patterns, &ExcludeLimits::default()).unwrap();
    for (at, name) in question.names.iter().enumerate() {
        if columns.iter().any(|matches| matches[at].is_none()) {
            continue;
        }
        let expected = columns.iter().position(|matches| matches[at] == Some(true));
        let found = set.find(name);
        if found != Ok(expected) && !matches!(found, Err(ExcludeError::Undecided { .. })) {
            let pattern = |index: Option<usize>| index.and_then(|index| set.pattern(index));
            wrong.push(format!(
                "set on {:?}: {found:?}, Python: {expected:?} {:?}",
                String::from_utf8_lossy(name),
                pattern(expected)
            ));
        }
    }
}

#[test]
fn joined_patterns_mean_what_python_makes_of_the_join() {
    let mut dice = Dice::new(seed() + 1000);
    let mut lists = Vec::new();
    let mut joined = Vec::new();
    for question in questions(seed() + 2000, 60, pattern, name) {
        let sound: Vec<&String> = question
            .patterns
            .iter()
            .filter(|text| compile(text).is_ok())
            .collect();
        for _ in 0..16 {
            let len = 1 + dice.roll(4);
            let list: Vec<String> = (0..len)
                .map(|_| match dice.roll(12) {
                    0 => ["a)|(b", "a)(b", "(?P<n>a)", "(a", "b)", "(?i)a", "\\1", "\\2"][dice.roll(8)]
                        .to_owned(),
                    _ => sound[dice.roll(sound.len())].clone(),
                })
                .collect();
            joined.push(Question {
                patterns: vec![format!("({})", list.join(")|("))],
                names: question.names.clone(),
            });
            lists.push(list);
        }
    }
    let Some(answers) = ask(&joined) else { return };
    let (mut ignored, mut used, mut wrong) = (0, 0, Vec::new());
    for ((list, question), answer) in lists.iter().zip(&joined).zip(&answers) {
        let patterns: Vec<ExcludePattern> = list.iter().map(|text| text.as_str().into()).collect();
        let excludes = match KeylimeExcludes::new(&patterns, &ExcludeLimits::default()) {
            Ok(excludes) => excludes,
            Err(errors) => {
                for error in errors {
                    let ExcludeError::Pattern { error, .. } = error else {
                        panic!("{error}")
                    };
                    assert!(is_deliberate(&error), "{list:?}: {error}");
                }
                continue;
            }
        };
        match (excludes.ignored(), &answer[0]) {
            (Some(why), Verdict::Refused(message, _)) if why.fault == family(message) => ignored += 1,
            (None, Verdict::Compiled(matches)) => {
                for (name, expected) in question.names.iter().zip(matches) {
                    let Some(expected) = expected else { continue };
                    match excludes.is_excluded(name) {
                        Ok(found) if found == *expected => used += 1,
                        Err(ExcludeError::Undecided { .. }) => {}
                        found => wrong.push(format!("{list:?} on {name:?}: {found:?}, Python: {expected}")),
                    }
                }
            }
            (ours, python) => wrong.push(format!("{list:?}: {ours:?}, Python: {python:?}")),
        }
    }
    println!("{ignored} lists ignored, {used} names agree");
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(40)].join("\n")
    );
    assert!(ignored > 50 && used > 10_000);
}
