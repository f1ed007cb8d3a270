//! Which line something is in.

/// Which line a part of the text is in. Asked in the order of the text, it looks at each byte once.
pub(super) struct Lines<'de> {
    text: &'de [u8],
    /// Up to where line feeds are counted.
    counted: usize,
    /// Counted from 1.
    pub(super) line: u32,
}

impl<'de> Lines<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self {
            text: text.as_bytes(),
            counted: 0,
            line: 1,
        }
    }

    /// Goes on to where `part`, a piece of the text, begins.
    pub(super) fn advance(&mut self, part: &'de [u8]) {
        let offset = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr());
        let passed = offset.and_then(|offset| Some((offset, self.text.get(self.counted..offset)?)));
        if let Some((offset, passed)) = passed {
            let lines = u32::try_from(count_lines(passed)).unwrap_or(u32::MAX);
            self.line = self.line.saturating_add(lines);
            self.counted = offset;
        }
    }
}

/// Line feeds in a text.
pub(super) fn count_lines(text: &[u8]) -> u64 {
    u64::try_from(text.iter().filter(|&&byte| byte == b'\n').count()).unwrap_or(u64::MAX)
}
