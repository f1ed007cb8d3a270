//! What can be wrong with a pattern.

/// What Python's `re` refuses a pattern for, by its families of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A set without its closing bracket.
    #[error("unterminated character set")]
    SetUnterminated,
    /// A range that ends before it starts, or that has a class for an end.
    #[error("bad character range")]
    RangeBad,
    /// A repeat at a start, or after an anchor.
    #[error("nothing to repeat")]
    NothingToRepeat,
    /// A repeat right after a repeat.
    #[error("multiple repeat")]
    MultipleRepeat,
    /// Such as `a{2,1}`.
    #[error("min repeat greater than max repeat")]
    RepeatBoundsSwapped,
    /// A count of 4 294 967 295 or more.
    #[error("the repetition number is too large")]
    RepeatTooLarge,
    /// A group without its closing parenthesis.
    #[error("missing ), unterminated subpattern")]
    GroupUnterminated,
    /// A comment without its closing parenthesis.
    #[error("missing ), unterminated comment")]
    CommentUnterminated,
    /// A closing parenthesis too many.
    #[error("unbalanced parenthesis")]
    ParenthesisUnbalanced,
    /// An escape that Python does not know, or a backslash at the end.
    #[error("bad escape")]
    EscapeBad,
    /// `\x`, `\u` or `\U` with too few hex digits.
    #[error("incomplete escape")]
    EscapeIncomplete,
    /// An octal escape above `\377`.
    #[error("octal escape outside of range 0-0o377")]
    OctalOutOfRange,
    /// `\N` without a name in braces.
    #[error("missing character name")]
    CharacterNameMissing,
    /// `(?` with something after it that Python does not know.
    #[error("unknown extension")]
    ExtensionUnknown,
    /// The pattern ends after `(?`.
    #[error("unexpected end of pattern")]
    UnexpectedEnd,
    /// `(?i)` and its kin anywhere but at the start.
    #[error("global flags not at the start of the expression")]
    GlobalFlagsNotFirst,
    /// Flags that exclude one another, or that cannot be set or cleared there.
    #[error("bad inline flags")]
    FlagsBad,
    /// A letter that is no flag.
    #[error("unknown flag")]
    FlagUnknown,
    /// Flags without the sign or letter that should follow.
    #[error("inline flags cut short")]
    FlagsUnterminated,
    /// A group name of no characters.
    #[error("missing group name")]
    GroupNameMissing,
    /// A name without the sign that ends it.
    #[error("unterminated name")]
    NameUnterminated,
    /// A group name that is no identifier.
    #[error("bad character in group name")]
    GroupNameBad,
    /// The name of a group that there is not.
    #[error("unknown group name")]
    GroupNameUnknown,
    /// Two groups of one name.
    #[error("redefinition of group name")]
    GroupNameTaken,
    /// The number of a group that there is not.
    #[error("invalid group reference")]
    GroupReferenceInvalid,
    /// `(?(0)…)`.
    #[error("bad group number")]
    GroupNumberBad,
    /// A reference to a group from inside it.
    #[error("cannot refer to an open group")]
    GroupOpen,
    /// A reference inside a look-behind to a group that starts there.
    #[error("cannot refer to group defined in the same lookbehind subpattern")]
    GroupInSameLookBehind,
    /// `(?(1)a|b|c)`.
    #[error("conditional backref with more than two branches")]
    ConditionalBranches,
    /// A look-behind that can match texts of different lengths.
    #[error("look-behind requires fixed-width pattern")]
    LookBehindWidth,
    /// A look-behind over more characters than Python can count.
    #[error("looks too much behind")]
    LookBehindTooFar,
}

/// What Python takes and this engine does not: its meaning depends on the version of Python, or on tables
/// that are not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Construct {
    /// `\N{EM DASH}`: needs the names of all characters.
    #[error("characters by name are not supported")]
    NamedCharacter,
    /// A group name with characters beyond ASCII: needs Unicode's tables of identifiers.
    #[error("group names beyond ASCII are not supported")]
    GroupNameNotAscii,
    /// `(?(+1)…)`, `(?( 1)…)`, `(?(1_0)…)`: taken up to Python 3.11 only.
    #[error("group numbers are written with ASCII digits alone")]
    GroupNumberSpelling,
    /// `(?t)`: taken up to Python 3.12 only, and never documented.
    #[error("the flag `t` is not supported")]
    TemplateFlag,
}
