//! What is refused as too large.

/// Upper bounds on what exclude patterns may make us do. Patterns come from policies, and these from anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludeLimits {
    /// Bytes of one pattern. Default 16 KiB.
    pub max_pattern_bytes: usize,
    /// Groups inside one another. Default 100; Python gives up at some 300.
    pub max_depth: usize,
    /// Size of one pattern with its counted repeats written out: 1 for a character, 8 and 4 for each run of
    /// characters of a set with others than ASCII (`\w` has 734). Default 200 000.
    pub max_size: u64,
    /// Size of all patterns together. Default 1 000 000, which takes less than 100 MiB.
    pub max_total_size: u64,
    /// Steps for one name and one pattern that needs backtracking: an upper bound on the time that a name and a
    /// pattern made for each other can take. Default 250 000, a few milliseconds.
    pub max_steps: u64,
    /// Memory of the automaton that remembers what it has seen, for each thread, in bytes. Default 4 MiB.
    pub cache_bytes: usize,
}

impl ExcludeLimits {
    /// So many times [`ExcludeLimits::max_steps`] are allowed where no names and patterns can be made for each
    /// other: for patterns that need no backtracking, on names that are not UTF-8.
    pub const STEADY_FACTOR: u64 = 40;
}

impl Default for ExcludeLimits {
    fn default() -> Self {
        Self {
            max_pattern_bytes: 16 << 10,
            max_depth: 100,
            max_size: 200_000,
            max_total_size: 1_000_000,
            max_steps: 250_000,
            cache_bytes: 4 << 20,
        }
    }
}
