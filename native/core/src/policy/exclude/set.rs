//! Exclude patterns as a set that is asked for each name.

use std::panic::{RefUnwindSafe, UnwindSafe};

use regex_automata::util::pool::Pool;

use super::automaton::{Automaton, Cache, NoAnswer};
use super::machine::{Buffers, Undecided};
use super::pattern::{Compiled, Understood, read, understand};
use super::{ExcludeError, ExcludeLimits, ExcludePattern, PatternError};

/// Exclude patterns, each with the meaning of Python's `re.match` (Python 3.11, `str`): it fits the start of a name.
///
/// All patterns that are regular in the strict sense are one automaton, which reads a name once and no further
/// than it has to. The others are tried one by one, with a limit of steps, once a second automaton finds that they
/// may match.
///
/// Names are bytes. A byte that is not UTF-8 is a character of its own, from U+DC80 on, as Python has it for names
/// decoded with `surrogateescape`: `.`, `\W`, `\D`, `\S` and negated sets match it, and hardly anything else does.
///
/// A set can be used by several threads at once.
#[derive(Debug)]
pub struct ExcludeSet {
    patterns: Vec<Compiled>,
    automata: Automata,
    limits: ExcludeLimits,
    scratch: Pool<Scratch, MakeScratch>,
}

#[derive(Debug, Clone, Default)]
struct Automata {
    /// Patterns that need no backtracking.
    exact: Option<Automaton>,
    /// The others, each in a form that matches more than it does.
    looser: Option<Automaton>,
}

type MakeScratch = Box<dyn Fn() -> Scratch + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// What a thread needs for matching.
#[derive(Debug)]
struct Scratch {
    exact: Cache,
    looser: Cache,
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
        let mut total = Total::default();
        for (index, pattern) in patterns.into_iter().enumerate() {
            match read(&pattern.text, limits)
                .and_then(|parsed| understand(&parsed.node, parsed.flags, limits))
            {
                Ok(meaning) => {
                    if let Err(error) = total.add(&meaning, limits) {
                        errors.push(error);
                        break;
                    }
                    understood.push((pattern, meaning));
                }
                Err(error) => errors.push(pattern.error(index, error)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self::of(understood, limits))
    }

    /// A set of patterns that were read before, and are not too large together.
    pub(super) fn of(patterns: Vec<(ExcludePattern, Understood)>, limits: &ExcludeLimits) -> Self {
        let mut compiled = Vec::with_capacity(patterns.len());
        let mut exact = Vec::new();
        let mut looser = Vec::new();
        for (index, (source, understood)) in patterns.into_iter().enumerate() {
            let linear = understood.linear();
            let pattern = Compiled::new(source, &understood, linear.is_none());
            match linear {
                Some(linear) => exact.push((index, linear)),
                None => looser.push((index, understood.looser())),
            }
            compiled.push(pattern);
        }
        let automata = Automata {
            exact: Automaton::new(exact, limits),
            looser: Automaton::new(looser, limits),
        };
        let for_scratch = automata.clone();
        Self {
            patterns: compiled,
            automata,
            limits: limits.clone(),
            scratch: Pool::new(Box::new(move || Scratch {
                exact: Cache::new(for_scratch.exact.as_ref()),
                looser: Cache::new(for_scratch.looser.as_ref()),
                text: Vec::new(),
                buffers: Buffers::default(),
            })),
        }
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
        let Scratch {
            exact,
            looser,
            text,
            buffers,
        } = &mut *self.scratch.get();
        // Automata know neither bytes that are not UTF-8 nor what Python says of the empty name.
        if name.is_empty() || (!name.is_ascii() && std::str::from_utf8(name).is_err()) {
            return self.first_match(0..self.patterns.len(), name, text, buffers);
        }
        match (
            Automaton::find(self.automata.exact.as_ref(), exact, name),
            Automaton::find(self.automata.looser.as_ref(), looser, name),
        ) {
            (Ok(found), Ok(None)) => Ok(found),
            (Ok(found), Ok(Some(candidate))) => {
                let end = found.unwrap_or(self.patterns.len());
                let may_match = |index: &usize| {
                    self.patterns
                        .get(*index)
                        .is_some_and(|pattern| pattern.backtracks)
                };
                let others = (candidate..end).filter(may_match);
                Ok(self.first_match(others, name, text, buffers)?.or(found))
            }
            (Err(NoAnswer), _) | (_, Err(NoAnswer)) => {
                self.first_match(0..self.patterns.len(), name, text, buffers)
            }
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

/// The size of the patterns so far.
#[derive(Default)]
pub(super) struct Total(u64);

impl Total {
    pub(super) fn add(&mut self, pattern: &Understood, limits: &ExcludeLimits) -> Result<(), ExcludeError> {
        self.0 = self.0.saturating_add(pattern.size);
        if self.0 > limits.max_total_size {
            return Err(ExcludeError::TooLargeTogether {
                size: self.0,
                max: limits.max_total_size,
            });
        }
        Ok(())
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

/// The characters of a name; bytes that are not UTF-8 as Python's `surrogateescape` has them.
fn decode(name: &[u8], text: &mut Vec<u32>) {
    text.clear();
    for chunk in name.utf8_chunks() {
        text.extend(chunk.valid().chars().map(u32::from));
        text.extend(chunk.invalid().iter().map(|&byte| u32::from(byte) | 0xdc00));
    }
}
