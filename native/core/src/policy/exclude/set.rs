//! Exclude patterns as a set that is asked for each name.

use std::panic::{RefUnwindSafe, UnwindSafe};

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input, MatchKind};

use super::linear::Linear;
use super::machine::{Buffers, Undecided};
use super::pattern::{Compiled, Understood, automatic, read, understand};
use super::{ExcludeError, ExcludeLimits, ExcludePattern, PatternError};

/// Exclude patterns, each with the meaning of Python's `re.match` (Python 3.11, `str`): it fits the start of a name.
///
/// All patterns that are regular in the strict sense are one automaton, which reads a name once and no further
/// than it has to. The others are tried one by one, with a limit of steps.
///
/// Names are bytes. Where they are not UTF-8, a byte is a character of its own that `.`, `\W`, `\D`, `\S` and
/// negated sets match and nothing else does: as Python has it for names decoded with `surrogateescape`.
///
/// A set can be used by several threads at once.
#[derive(Debug)]
pub struct ExcludeSet {
    patterns: Vec<Compiled>,
    automaton: Option<Automaton>,
    /// Patterns that the automaton does not have, in order.
    others: Vec<usize>,
    limits: ExcludeLimits,
    scratch: Pool<Scratch, MakeScratch>,
}

type MakeScratch = Box<dyn Fn() -> Scratch + Send + Sync + UnwindSafe + RefUnwindSafe>;

#[derive(Debug)]
struct Automaton {
    dfa: DFA,
    /// Index of each of its patterns in the set.
    indices: Vec<usize>,
}

/// What a thread needs for matching.
#[derive(Debug)]
struct Scratch {
    cache: Option<Cache>,
    text: Vec<u32>,
    buffers: Buffers,
}

impl ExcludeSet {
    /// Compiles patterns, each by itself.
    ///
    /// # Errors
    /// Every pattern that is not taken, as [`ExcludeError::Pattern`]; [`ExcludeError::TooLargeTogether`].
    pub fn new(patterns: Vec<ExcludePattern>, limits: &ExcludeLimits) -> Result<Self, Vec<ExcludeError>> {
        let mut understood = Vec::with_capacity(patterns.len());
        let mut errors = Vec::new();
        for (index, pattern) in patterns.into_iter().enumerate() {
            match read(&pattern.text, limits)
                .and_then(|parsed| understand(&parsed.node, parsed.flags, parsed.groups, limits))
            {
                Ok(meaning) => understood.push((pattern, meaning)),
                Err(error) => errors.push(pattern.error(index, error)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Self::of(understood, limits).map_err(|error| vec![error])
    }

    /// A set of patterns that were read before.
    pub(super) fn of(
        patterns: Vec<(ExcludePattern, Understood)>,
        limits: &ExcludeLimits,
    ) -> Result<Self, ExcludeError> {
        let mut compiled = Vec::with_capacity(patterns.len());
        let mut linear = Vec::new();
        let mut others = Vec::new();
        let mut total: u64 = 0;
        for (index, (source, understood)) in patterns.into_iter().enumerate() {
            let pattern = Compiled::new(source, &understood);
            total = total.saturating_add(pattern.size);
            if total > limits.max_total_size {
                return Err(ExcludeError::TooLargeTogether {
                    size: total,
                    max: limits.max_total_size,
                });
            }
            match automatic(&understood) {
                Some(pattern) => linear.push((index, pattern)),
                None => others.push(index),
            }
            compiled.push(pattern);
        }
        let automaton = match Automaton::new(linear, limits) {
            Ok(automaton) => automaton,
            // What the automaton cannot have is left to the other engine, which is slower and finds the same.
            Err(_) => {
                others = (0..compiled.len()).collect();
                None
            }
        };
        let dfa = automaton.as_ref().map(|automaton| automaton.dfa.clone());
        Ok(Self {
            patterns: compiled,
            automaton,
            others,
            limits: limits.clone(),
            scratch: Pool::new(Box::new(move || Scratch {
                cache: dfa.as_ref().map(DFA::create_cache),
                text: Vec::new(),
                buffers: Buffers::default(),
            })),
        })
    }

    /// Number of patterns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there are no patterns, so that nothing is excluded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The pattern of this index.
    #[must_use]
    pub fn pattern(&self, index: usize) -> Option<&ExcludePattern> {
        self.patterns.get(index).map(|pattern| &pattern.source)
    }

    /// The index of the first pattern that matches the name; none if it is not excluded.
    ///
    /// # Errors
    /// [`ExcludeError::Undecided`].
    pub fn find(&self, name: &[u8]) -> Result<Option<usize>, ExcludeError> {
        if self.patterns.is_empty() {
            return Ok(None);
        }
        let scratch = &mut *self.scratch.get();
        // The automaton knows neither bytes that are not UTF-8 nor what Python says of the empty name.
        let is_text = !name.is_empty() && (name.is_ascii() || std::str::from_utf8(name).is_ok());
        let found = match (&self.automaton, &mut scratch.cache) {
            (Some(automaton), Some(cache)) if is_text => automaton.find(cache, name),
            _ => Err(NoAnswer),
        };
        let Scratch { text, buffers, .. } = scratch;
        match found {
            Ok(found) if self.others.is_empty() => Ok(found),
            Ok(found) => {
                let before = |&&other: &&usize| found.is_none_or(|found| other < found);
                let others = self.others.iter().copied().take_while(|other| before(&other));
                Ok(self.first_match(others, name, text, buffers)?.or(found))
            }
            Err(NoAnswer) => self.first_match(0..self.patterns.len(), name, text, buffers),
        }
    }

    /// Whether the pattern of this index matches the name, whatever others do.
    ///
    /// # Errors
    /// [`ExcludeError::Undecided`].
    pub fn is_match(&self, index: usize, name: &[u8]) -> Result<bool, ExcludeError> {
        let Scratch { text, buffers, .. } = &mut *self.scratch.get();
        let range = index..index.saturating_add(1).min(self.patterns.len());
        Ok(self.first_match(range, name, text, buffers)?.is_some())
    }

    /// Tries patterns one by one.
    fn first_match(
        &self,
        indices: impl Iterator<Item = usize>,
        name: &[u8],
        text: &mut Vec<u32>,
        buffers: &mut Buffers,
    ) -> Result<Option<usize>, ExcludeError> {
        decode(name, text);
        for index in indices {
            let Some(pattern) = self.patterns.get(index) else {
                break;
            };
            match pattern.is_match(name, text, &self.limits, buffers) {
                Ok(true) => return Ok(Some(index)),
                Ok(false) => {}
                Err(Undecided) => {
                    return Err(ExcludeError::Undecided {
                        index,
                        line: pattern.source.line,
                        pattern: pattern.source.text.clone(),
                        path: name.to_vec(),
                    });
                }
            }
        }
        Ok(None)
    }

    pub(super) fn compiled(&self) -> &[Compiled] {
        &self.patterns
    }
}

impl ExcludePattern {
    pub(super) fn error(self, index: usize, error: PatternError) -> ExcludeError {
        ExcludeError::Pattern {
            index,
            line: self.line,
            pattern: self.text,
            error,
        }
    }
}

/// The automaton met a byte that it cannot judge.
struct NoAnswer;

impl Automaton {
    fn new(
        patterns: Vec<(usize, Linear)>,
        limits: &ExcludeLimits,
    ) -> Result<Option<Self>, Box<dyn std::error::Error>> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let needs_ascii = patterns.iter().any(|(_, pattern)| pattern.needs_ascii);
        let (indices, hirs): (Vec<_>, Vec<_>) = patterns
            .into_iter()
            .map(|(index, pattern)| (index, pattern.hir))
            .unzip();
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .utf8(false)
                    .which_captures(WhichCaptures::None),
            )
            .build_many_from_hir(&hirs)?;
        let mut config = DFA::config()
            // Of patterns that start together the one that comes first in the set wins.
            .match_kind(MatchKind::LeftmostFirst)
            .cache_capacity(limits.cache_bytes)
            .skip_cache_capacity_check(true);
        if needs_ascii {
            for byte in 0x80..=0xff {
                config = config.quit(byte, true);
            }
        }
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa)?;
        Ok(Some(Self { dfa, indices }))
    }

    fn find(&self, cache: &mut Cache, name: &[u8]) -> Result<Option<usize>, NoAnswer> {
        let input = Input::new(name).anchored(Anchored::Yes);
        let found = self.dfa.try_search_fwd(cache, &input).map_err(|_| NoAnswer)?;
        Ok(found.and_then(|found| self.indices.get(found.pattern().as_usize()).copied()))
    }
}

/// The characters of a name; bytes that are not UTF-8 as Python's `surrogateescape` has them.
fn decode(name: &[u8], text: &mut Vec<u32>) {
    text.clear();
    for chunk in name.utf8_chunks() {
        text.extend(chunk.valid().chars().map(u32::from));
        text.extend(chunk.invalid().iter().map(|&byte| u32::from(byte) | 0xdc00));
    }
}
