//! A line of the ASCII form, read exactly as Keylime reads it.
//!
//! ```text
//! 10 9dc9…4bc8 ima-ng sha256:ca97…48bb /usr/bin/true
//! │  │         │      └ all the rest; split at most once or twice, by template
//! └──┴─────────┴ split at the first three blanks
//! ```

use super::event::Exception;

/// The templates that Keylime knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Ima,
    ImaNg,
    ImaSig,
    ImaBuf,
}

impl Mode {
    pub(super) fn of(template: &[u8]) -> Option<Self> {
        Some(match template {
            b"ima-ng" => Self::ImaNg,
            b"ima-sig" => Self::ImaSig,
            b"ima-buf" => Self::ImaBuf,
            b"ima" => Self::Ima,
            _ => return None,
        })
    }
}

/// An entry as Keylime has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'l> {
    pub(super) is_pcr_10: bool,
    /// The template hash of the line.
    pub(super) recorded: &'l [u8],
    pub(super) mode: Mode,
    /// The text before the digest's colon.
    pub(super) algorithm: &'l [u8],
    pub(super) digest: &'l [u8],
    pub(super) name: &'l [u8],
    /// The signature, if there is a well-formed one, or the buffer.
    pub(super) extra: Option<&'l [u8]>,
    /// What Keylime hashes.
    pub(super) bytes: &'l [u8],
}

/// Why a line is no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoLine {
    /// `ParserError`: the next line comes.
    Unparsable,
    /// The verification ends.
    Raised(Exception),
}

/// The parts of a line that do not stand in it as they are used.
#[derive(Default)]
pub(super) struct Scratch {
    recorded: Vec<u8>,
    digest: Vec<u8>,
    extra: Vec<u8>,
    bytes: Vec<u8>,
}

/// Longest name of the template `ima` (`TCG_EVENT_NAME_LEN_MAX`).
pub(super) const MAX_LEGACY_NAME_BYTES: usize = 255;

impl Scratch {
    /// Reads a line without its line end.
    pub(super) fn read<'l>(&'l mut self, text: &'l [u8]) -> Result<Line<'l>, NoLine> {
        let [pcr, recorded, template, data] = split(text).ok_or(NoLine::Unparsable)?;
        from_hex(recorded, &mut self.recorded)?;
        let mode = Mode::of(template).ok_or(NoLine::Unparsable)?;
        let is_legacy = mode == Mode::Ima;
        let (digest, name, extra) = match mode {
            Mode::Ima | Mode::ImaNg => {
                let [digest, name] = split(data).ok_or(NoLine::Unparsable)?;
                (digest, name, None)
            }
            Mode::ImaSig | Mode::ImaBuf => {
                let [digest, name, extra] = split(data).ok_or(NoLine::Unparsable)?;
                (digest, name, Some(extra))
            }
        };
        let algorithm = self.read_digest(digest)?;
        let extra = match (mode, extra) {
            (Mode::ImaSig, Some(text)) => {
                // What is no signature is dropped, and missing where the template hash is computed.
                let is_signature = from_hex(text, &mut self.extra).is_ok() && is_signature(&self.extra);
                if !is_signature {
                    self.extra.clear();
                }
                is_signature
            }
            (_, Some(text)) => {
                from_hex(text, &mut self.extra)?;
                true
            }
            (_, None) => {
                self.extra.clear();
                false
            }
        };
        self.bytes.clear();
        if is_legacy {
            self.bytes.extend_from_slice(&self.digest);
        } else {
            let len = algorithm
                .len()
                .saturating_add(2)
                .saturating_add(self.digest.len());
            self.push_len(len);
            self.bytes.extend_from_slice(encodable(algorithm)?);
            self.bytes.extend_from_slice(b":\0");
            self.bytes.extend_from_slice(&self.digest);
        }
        let name = encodable(name)?;
        if is_legacy {
            let padding = MAX_LEGACY_NAME_BYTES
                .checked_sub(name.len())
                .ok_or(NoLine::Raised(Exception::ValueError))?;
            self.bytes.extend_from_slice(name);
            self.bytes
                .resize(self.bytes.len().saturating_add(padding).saturating_add(1), 0);
        } else {
            self.push_len(name.len().saturating_add(1));
            self.bytes.extend_from_slice(name);
            self.bytes.push(0);
        }
        if matches!(mode, Mode::ImaSig | Mode::ImaBuf) {
            self.push_len(self.extra.len());
            self.bytes.extend_from_slice(&self.extra);
        }
        Ok(Line {
            is_pcr_10: pcr == b"10",
            recorded: &self.recorded,
            mode,
            algorithm,
            digest: &self.digest,
            name,
            extra: extra.then_some(&self.extra),
            bytes: &self.bytes,
        })
    }

    /// The algorithm of a digest column; its bytes are kept.
    fn read_digest<'l>(&mut self, text: &'l [u8]) -> Result<&'l [u8], NoLine> {
        let mut tokens = text.split(|&byte| byte == b':');
        match (tokens.next(), tokens.next(), tokens.next()) {
            (Some(digest), None, _) => {
                from_hex(digest, &mut self.digest)?;
                match self.digest.len() {
                    20 => Ok(b"sha1"),
                    16 => Ok(b"md5"),
                    _ => Err(NoLine::Unparsable),
                }
            }
            (Some(algorithm), Some(digest), None) => {
                from_hex(digest, &mut self.digest)?;
                Ok(algorithm)
            }
            _ => Err(NoLine::Unparsable),
        }
    }

    fn push_len(&mut self, len: usize) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&len.to_le_bytes());
    }
}

/// Python's `split(" ", maxsplit=N - 1)`, if it gives N parts.
fn split<const N: usize>(text: &[u8]) -> Option<[&[u8]; N]> {
    let mut parts = text.splitn(N, |&byte| byte == b' ');
    let mut found = [&[][..]; N];
    for part in &mut found {
        *part = parts.next()?;
    }
    Some(found)
}

/// Python's `bytes.fromhex`: white space may stand before and between bytes.
fn from_hex(text: &[u8], out: &mut Vec<u8>) -> Result<(), NoLine> {
    out.clear();
    if ima_assay_digest::decode_hex_into(text, out).is_ok() {
        return Ok(());
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let mut rest = text;
    loop {
        let spaces = rest.iter().take_while(|byte| is_space(byte)).count();
        rest = rest.get(spaces..).unwrap_or_default();
        match rest.split_at_checked(2) {
            Some((pair, after)) => {
                ima_assay_digest::decode_hex_into(pair, out).map_err(|_| NoLine::Unparsable)?;
                rest = after;
            }
            None if rest.is_empty() => return Ok(()),
            None => return Err(NoLine::Unparsable),
        }
    }
}

/// Whether the header of a signature is there, and gives the size of what follows.
pub(super) fn is_signature(bytes: &[u8]) -> bool {
    match bytes {
        [_, _, _, _, _, _, _, high, low, rest @ ..] => {
            usize::from(u16::from_be_bytes([*high, *low])) == rest.len()
        }
        _ => false,
    }
}

fn encodable(text: &[u8]) -> Result<&[u8], NoLine> {
    match std::str::from_utf8(text) {
        Ok(_) => Ok(text),
        Err(_) => Err(NoLine::Raised(Exception::UnicodeEncodeError)),
    }
}
