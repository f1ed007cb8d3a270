//! The automaton for patterns that need no backtracking. Its states are made while names are read, and forgotten
//! when there are too many: memory is bounded, and so is the time for each byte of a name.

use regex_automata::hybrid::dfa::{self, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::{Anchored, Input, MatchKind};

use super::ExcludeLimits;
use super::linear::Linear;

/// Patterns as one automaton.
#[derive(Debug, Clone)]
pub(super) struct Automaton {
    /// None if it cannot be built.
    dfa: Option<DFA>,
    /// Index of each of its patterns in the set.
    indices: Vec<usize>,
}

/// The states that a thread has made.
#[derive(Debug)]
pub(super) struct Cache(Option<dfa::Cache>);

impl Cache {
    pub(super) fn new(automaton: Option<&Automaton>) -> Self {
        Self(
            automaton
                .and_then(|automaton| automaton.dfa.as_ref())
                .map(DFA::create_cache),
        )
    }
}

/// The automaton met a byte that it cannot judge.
pub(super) struct NoAnswer;

impl Automaton {
    /// None for no patterns.
    pub(super) fn new(patterns: Vec<(usize, Linear)>, limits: &ExcludeLimits) -> Option<Self> {
        if patterns.is_empty() {
            return None;
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
            .build_many_from_hir(&hirs);
        let mut config = DFA::config()
            // Of patterns that start together the one that comes first wins.
            .match_kind(MatchKind::LeftmostFirst)
            .cache_capacity(limits.cache_bytes)
            .skip_cache_capacity_check(true);
        if needs_ascii {
            for byte in 0x80..=0xff {
                config = config.quit(byte, true);
            }
        }
        // Sizes were checked before, so that neither fails. If one does, the other engine has to do it all.
        let dfa = nfa
            .ok()
            .and_then(|nfa| DFA::builder().configure(config).build_from_nfa(nfa).ok());
        Some(Self { dfa, indices })
    }

    /// The index of the first of its patterns that matches. The name is UTF-8, and not empty.
    pub(super) fn find(
        automaton: Option<&Self>,
        Cache(cache): &mut Cache,
        name: &[u8],
    ) -> Result<Option<usize>, NoAnswer> {
        let Some(Self { dfa, indices }) = automaton else {
            return Ok(None);
        };
        let (Some(dfa), Some(cache)) = (dfa, cache) else {
            return Err(NoAnswer);
        };
        let input = Input::new(name).anchored(Anchored::Yes);
        let found = dfa.try_search_fwd(cache, &input).map_err(|_| NoAnswer)?;
        Ok(found.and_then(|found| indices.get(found.pattern().as_usize()).copied()))
    }
}
