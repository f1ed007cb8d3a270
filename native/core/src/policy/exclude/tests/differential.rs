//! Thousands of patterns, most of them strange, against Python.

use super::generator::{Dice, name, pattern};
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

fn questions(seed: u64, count: usize) -> Vec<Question> {
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

#[test]
fn patterns_mean_what_python_makes_of_them() {
    let questions = questions(seed(), 400);
    let Some(answers) = ask(&questions) else { return };
    let mut wrong = Vec::new();
    let mut tally = Tally::default();
    for (question, verdicts) in questions.iter().zip(&answers) {
        for (pattern, verdict) in question.patterns.iter().zip(verdicts) {
            compare(pattern, &question.names, verdict, &mut tally, &mut wrong);
        }
        compare_set(question, verdicts, &mut wrong);
    }
    println!("{tally:?}");
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(40)].join("\n")
    );
    assert!(tally.refused > 300 && tally.matched > 10_000 && tally.unmatched > 10_000);
    assert!(tally.undecided * 1000 < tally.matched + tally.unmatched);
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
                let both = (set.find(name).map(|found| found.is_some()), set.is_match(0, name));
                match both {
                    (Ok(automatic), Ok(tried)) if automatic == *expected && tried == *expected => {
                        let count = if *expected {
                            &mut tally.matched
                        } else {
                            &mut tally.unmatched
                        };
                        *count += 1;
                    }
                    (Err(ExcludeError::Undecided { .. }), _) => tally.undecided += 1,
                    _ => wrong.push(format!(
                        "{pattern:?} on {:?}: {both:?}, Python: {expected}",
                        String::from_utf8_lossy(name)
                    )),
                }
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
    let mut questions = Vec::new();
    for question in self::questions(seed() + 2000, 60) {
        for _ in 0..16 {
            let len = 1 + dice.roll(4);
            let list: Vec<String> = (0..len)
                .map(|_| match dice.roll(12) {
                    0 => ["a)|(b", "a)(b", "(?P<n>a)", "(a", "b)", "(?i)a", "\\1", "\\2"][dice.roll(8)]
                        .to_owned(),
                    _ => question.patterns[dice.roll(16)].clone(),
                })
                .collect();
            questions.push(Question {
                patterns: vec![format!("({})", list.join(")|("))],
                names: question.names.clone(),
            });
            lists.push(list);
        }
    }
    let Some(answers) = ask(&questions) else { return };
    let (mut ignored, mut used, mut wrong) = (0, 0, Vec::new());
    for ((list, question), answer) in lists.iter().zip(&questions).zip(&answers) {
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
    assert!(ignored > 50 && used > 5_000);
}
