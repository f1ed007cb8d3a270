//! Patterns and names made at random, from a seed.

/// Pseudo-random numbers (xorshift64*).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % sides
    }

    fn pick<'a>(&mut self, options: &[&'a str]) -> &'a str {
        options[self.roll(options.len())]
    }
}

const CHARACTERS: &[&str] = &[
    "a", "a", "b", "b", "A", "/", "/", "1", "_", "-", "k", "s", "\u{e9}", "\u{131}", "#", " ", ",", "}", "]",
    ":",
];
const ESCAPES: &[&str] = &[
    "\\.",
    "\\/",
    "\\-",
    "\\#",
    "\\&",
    "\\~",
    "\\_",
    "\\ ",
    "\\<",
    "\\>",
    "\\%",
    "\\\"",
    "\\`",
    "\\{",
    "\\]",
    "\\n",
    "\\t",
    "\\x61",
    "\\x4",
    "\\u00e9",
    "\\u212a",
    "\\U0001f600",
    "\\U00110000",
    "\\0",
    "\\01",
    "\\101",
    "\\141",
    "\\400",
    "\\8",
    "\\h",
    "\\z",
    "\\p{L}",
    "\\N{DIGIT ONE}",
    "\\e",
    "\\ud800",
    "\\udcff",
    "\\x0A",
    "\\\u{e9}",
    "\\\\",
];
const CLASSES: &[&str] = &["\\d", "\\D", "\\s", "\\S", "\\w", "\\W"];
const PLACES: &[&str] = &["^", "$", "\\A", "\\Z", "\\b", "\\B", "$$", "^^"];
const REPEATS: &[&str] = &[
    "*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "{0}", "{,}", "{0,1}", "{2,1}", "{}", "{", "{1", "{a}",
    "{1, 2}",
];
const SETS: &[&str] = &[
    "[ab]",
    "[^a]",
    "[^ab/]",
    "[a-c]",
    "[]a]",
    "[^]a]",
    "[[]",
    "[[:alpha:]]",
    "[a&&b]",
    "[a~~b]",
    "[a||b]",
    "[--/]",
    "[a--b]",
    "[a-]",
    "[-a]",
    "[\\w-]",
    "[\\w-.]",
    "[a-\\d]",
    "[z-a]",
    "[\\d/]",
    "[\\W_]",
    "[^\\S\\n]",
    "[\\x61-\\x63]",
    "[\\b]",
    "[\\141]",
    "[\\8]",
    "[\\A]",
    "[A-Z\u{e0}-\u{ef}]",
    "[k\u{17f}]",
    "[^\u{e9}]",
    "[\\u2000-\\u3000]",
    "[.$^]",
    "[a",
    "[^\\D]",
    "[\\s\\S]",
    "[\u{10400}a]",
    "[]",
    "[^]",
    "[\\udc80-\\udcff]",
    "[^\\u0000-\\uffff]",
];
const GROUPS: &[&str] = &[
    "(", "(", "(", "(?:", "(?:", "(?P<n>", "(?P<m>", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?i:",
    "(?s:", "(?m:", "(?x:", "(?a:", "(?u:", "(?ai:", "(?-i:", "(?i-s:", "(?s-i:", "(?(1)", "(?(2)", "(?(n)",
    "(?L:", "(?<n>", "(?P>n", "(?au:", "(?i-i:", "(?t:", "(?U:", "(?", "(?P", "(?(0)", "(?i-:", "(?im",
];
const BACK_REFERENCES: &[&str] = &["\\1", "\\1", "\\2", "(?P=n)", "(?P=m)", "\\3", "\\12"];
const WHOLE_FLAGS: &[&str] = &[
    "(?i)", "(?s)", "(?m)", "(?x)", "(?a)", "(?u)", "(?im)", "(?a)(?u)", "(?t)",
];

/// A pattern. Most are valid; some are broken on purpose, and more by chance.
pub(super) fn pattern(dice: &mut Dice) -> String {
    let mut out = String::new();
    if dice.roll(25) == 0 {
        out += dice.pick(WHOLE_FLAGS);
    }
    // Nothing rare at first, so that there are enough patterns without anything rare.
    let is_plain = dice.roll(3) == 0;
    alternation(dice, 3, is_plain, &mut out);
    if dice.roll(12) == 0 {
        break_it(dice, &mut out);
    }
    out
}

/// A pattern of few characters and many groups, repeats and references, where the order of tries shows.
pub(super) fn narrow_pattern(dice: &mut Dice) -> String {
    let mut out = [
        "(a|b)",
        "(a*|b)?",
        "((?:ab)?)",
        "(?:(a)|b)",
        "(?:(a)|(b))*",
        "(a)?(b)?",
    ][dice.roll(6)]
    .to_owned();
    narrow(dice, 4, &mut out);
    out
}

fn narrow(dice: &mut Dice, depth: usize, out: &mut String) {
    const OPENINGS: [&str; 11] = [
        "(", "(", "(?:", "(?:", "(?>", "(?>", "(?=", "(?!", "(?(1)", "(?(2)", "(?i:",
    ];
    const ATOMS: [&str; 14] = [
        "a",
        "a",
        "a",
        "b",
        "b",
        ".",
        "[ab]",
        "[^a]",
        "\\1",
        "\\1",
        "\\1",
        "(?<=a)",
        "(?<!(?=b)a)",
        "A",
    ];
    const COUNTS: [&str; 9] = ["*", "*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "{2,}"];
    for _ in 0..1 + dice.roll(3) {
        if depth > 0 && dice.roll(2) == 0 {
            out.push_str(dice.pick(&OPENINGS));
            narrow(dice, depth - 1, out);
            out.push(')');
        } else {
            out.push_str(dice.pick(&ATOMS));
        }
        if dice.roll(2) == 0 {
            out.push_str(dice.pick(&COUNTS));
            out.push_str(["", "", "?", "+"][dice.roll(4)]);
        }
    }
    match dice.roll(8) {
        0 => out.push('|'),
        1 if depth > 0 => {
            out.push('|');
            narrow(dice, depth - 1, out);
        }
        2 => out.push_str(dice.pick(&["$", "\\b", "\\Z", "\\B"])),
        _ => {}
    }
}

/// A name for such a pattern.
pub(super) fn narrow_name(dice: &mut Dice) -> Vec<u8> {
    let len = dice.roll(9);
    (0..len).map(|_| b"aaaabbbA"[dice.roll(8)]).collect()
}

fn alternation(dice: &mut Dice, depth: usize, is_plain: bool, out: &mut String) {
    sequence(dice, depth, is_plain, out);
    while dice.roll(4) == 0 {
        out.push('|');
        sequence(dice, depth, is_plain, out);
    }
}

fn sequence(dice: &mut Dice, depth: usize, is_plain: bool, out: &mut String) {
    for _ in 0..dice.roll(5) {
        atom(dice, depth, is_plain, out);
        if dice.roll(3) == 0 {
            let common = if is_plain { 6 } else { REPEATS.len() };
            out.push_str(dice.pick(&REPEATS[..common]));
            match dice.roll(8) {
                0 => out.push('?'),
                1 if !is_plain => out.push('+'),
                _ => {}
            }
        }
    }
}

fn atom(dice: &mut Dice, depth: usize, is_plain: bool, out: &mut String) {
    match dice.roll(if is_plain { 16 } else { 22 }) {
        0..=6 => out.push_str(dice.pick(CHARACTERS)),
        7 | 8 => out.push('.'),
        9 => out.push_str(dice.pick(CLASSES)),
        10 => out.push_str(dice.pick(PLACES)),
        11 | 12 => {
            let common = if is_plain { 5 } else { SETS.len() };
            out.push_str(dice.pick(&SETS[..common]));
        }
        13..=15 => group(dice, depth, is_plain, out),
        16 | 17 => group(dice, depth, false, out),
        18 => out.push_str(dice.pick(BACK_REFERENCES)),
        19 => out.push_str(if dice.roll(4) == 0 { "(?i)" } else { "(?#a\\)b)" }),
        _ => out.push_str(dice.pick(ESCAPES)),
    }
}

fn group(dice: &mut Dice, depth: usize, is_plain: bool, out: &mut String) {
    if depth == 0 {
        out.push('a');
        return;
    }
    let common = match dice.roll(4) {
        _ if is_plain => 5,
        0 => GROUPS.len(),
        _ => 26,
    };
    let opening = dice.pick(&GROUPS[..common]);
    out.push_str(opening);
    alternation(dice, depth - 1, is_plain, out);
    out.push(')');
    if opening == "(" && !is_plain && dice.roll(3) == 0 {
        out.push_str(dice.pick(BACK_REFERENCES));
    }
}

fn break_it(dice: &mut Dice, pattern: &mut String) {
    let mut characters: Vec<char> = pattern.chars().collect();
    let at = dice.roll(characters.len() + 1);
    match dice.roll(3) {
        0 if at < characters.len() => {
            characters.remove(at);
        }
        1 => characters.truncate(at),
        _ => characters.insert(
            at,
            *b"()[]{}*+?|\\^$-<>=!:#P0 "
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<Vec<_>>()
                .get(dice.roll(23))
                .unwrap(),
        ),
    }
    *pattern = characters.into_iter().collect();
}

/// A name: short, of characters that patterns have, at times with bytes that are no text.
pub(super) fn name(dice: &mut Dice) -> Vec<u8> {
    const COMMON: [&str; 8] = ["a", "a", "b", "b", "/", "A", "1", "_"];
    const RARE: [&str; 22] = [
        "\n",
        " ",
        "-",
        ".",
        "k",
        "K",
        "\u{212a}",
        "s",
        "S",
        "\u{17f}",
        "\u{e9}",
        "\u{c9}",
        "i",
        "I",
        "\u{131}",
        "\u{130}",
        "[",
        ":",
        "]",
        "\u{1f600}",
        "{",
        "\u{10428}",
    ];
    const NO_TEXT: [&[u8]; 4] = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xe2\x82"];
    let kind = dice.roll(10);
    let mut name = Vec::new();
    for _ in 0..dice.roll(9) {
        match kind {
            0 if dice.roll(4) == 0 => name.extend_from_slice(NO_TEXT[dice.roll(NO_TEXT.len())]),
            0..=3 if dice.roll(3) == 0 => name.extend_from_slice(dice.pick(&RARE).as_bytes()),
            _ => name.extend_from_slice(dice.pick(&COMMON).as_bytes()),
        }
    }
    if dice.roll(12) == 0 {
        name.push(b'\n');
    }
    name
}
