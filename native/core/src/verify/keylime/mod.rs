//! The rules of a Keylime 7.14 verifier, quirks and all: what it would say of the same list.
//!
//! Most entries are as the kernel prints them, and Keylime sees in them what we see. The others are printed as
//! text and read again as Keylime reads text.

mod event;
mod keys;
mod line;
mod print;
mod running;
mod why;

use ima_assay_digest::{Algorithm, Digest, hash};

pub(super) use event::{Exception, PCR_MISMATCH, QUOTE_VALIDATION};
pub(super) use running::Goal;
pub(super) use why::{Facts, why};

use super::boot::BOOT_AGGREGATE;
use super::context::Context;
use super::evidence::Options;
use super::finding::{Finding, FindingCode, shown, tagged};
use super::listing::Wanted;
use super::subject::Seen;
use crate::measurement::{ByteOrder, Check, Fault, ListHash, Notes, Problem, Text};
use crate::policy::{KeylimeAnswer, PolicySet, Section};
use crate::signature::Keyring;
use keys::{Buffer, Keys};
use line::{Line, MAX_LEGACY_NAME_BYTES, Mode, NoLine, Scratch, is_signature};
use running::{Contribution, Running};

/// What Keylime needs and keeps from entry to entry.
pub(super) struct Keylime<'e> {
    policies: &'e PolicySet,
    reports_violations: bool,
    /// The algorithm of template hashes, by the policy.
    log_algorithm: Algorithm,
    keys: Keys,
    /// Whether there are keyrings at all, be they empty. A verifier has them always, but one without a policy is
    /// not asked about signatures unless it has keys.
    has_keyrings: bool,
    /// From a boot event log.
    boot_aggregates: Vec<Digest>,
    running: Option<Running>,
    /// Nothing is looked at any more.
    is_over: bool,
    scratch: Scratch,
    text: Vec<u8>,
}

/// Where a line stands: the entry that it is or belongs to, if it is one.
#[derive(Clone, Copy)]
struct Place<'s, 'a> {
    number: u64,
    seen: Option<Seen<'s, 'a>>,
}

impl<'a> Place<'_, 'a> {
    fn name(&self) -> Option<&'a [u8]> {
        self.seen?.subject.name
    }
}

/// An entry as Keylime has it, and what is known of it already.
struct Reading<'l> {
    line: Line<'l>,
    /// Whether the template hash is right, if it is known.
    is_hash_right: Option<bool>,
    /// Whether it is the entry that the strict rules saw, so that their lookups can be used.
    is_same: bool,
}

impl<'e> Keylime<'e> {
    pub(super) fn new(
        policies: &'e PolicySet,
        options: &Options,
        keys: &Keyring,
        boot_aggregates: &[Digest],
        goal: Option<(Algorithm, Goal)>,
        start: Option<&Digest>,
    ) -> Self {
        let first = policies.policies().first();
        Self {
            policies,
            reports_violations: options.keylime_reports_violations,
            log_algorithm: first.map_or(Algorithm::Sha1, |policy| policy.keylime().log_hash_algorithm()),
            keys: Keys::given(keys),
            has_keyrings: !policies.is_empty() || !keys.is_empty(),
            boot_aggregates: boot_aggregates.to_vec(),
            running: goal.map(|(bank, goal)| Running::new(bank, goal, start)),
            is_over: false,
            scratch: Scratch::default(),
            text: Vec::new(),
        }
    }

    /// Looks at nothing any more: an exception, or a quote that does not hold.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The bank whose value is compared, if there is one.
    pub(super) fn bank(&self) -> Option<Algorithm> {
        self.running.as_ref().map(Running::bank)
    }

    /// The replay's value of PCR 10, before an entry or at the end of the list.
    pub(super) fn follow(&mut self, value: Option<&[u8]>) {
        if let Some(running) = &mut self.running {
            running.follow(value);
        }
    }

    /// An entry that the replay has extended.
    pub(super) fn entry(&mut self, seen: Seen<'_, '_>, cx: &mut Context) {
        if self.is_over {
            return;
        }
        let text = match seen.entry.text() {
            Text::Known(text) => Some(text),
            Text::Binary | Text::Lost => None,
        };
        let place = Place {
            number: seen.entry.number(),
            seen: Some(seen),
        };
        if seen.entry.text() == Text::Lost {
            unparsable(place, cx);
        }
        let mode = Mode::of(seen.entry.template());
        // A line that starts like this is the whole text: the others have nothing before their entry.
        let is_plain = text.is_none_or(|text| text.starts_with(b"10 "));
        let line = mode.filter(|_| is_plain).and_then(|mode| plain(mode, seen));
        let is_replayed = line.as_ref().is_some_and(|line| self.is_replayed(line, seen));
        if let Some(running) = self.running.as_mut().filter(|_| !is_replayed) {
            running.leave();
        }
        if let Some(line) = line {
            let is_of_log = seen.entry.list_hash() == ListHash::Of(self.log_algorithm);
            let reading = Reading {
                line,
                is_hash_right: is_of_log.then_some(seen.check == Check::Matches),
                is_same: true,
            };
            self.judge(&reading, place, cx);
        } else if let Some(text) = text {
            self.lines(text, place, cx);
        } else if mode.is_none() {
            unparsable(place, cx);
        } else {
            let mut text = std::mem::take(&mut self.text);
            if print::print(seen.entry, &mut text) {
                self.lines(&text, place, cx);
            } else {
                self.unreadable(seen, place, cx);
            }
            self.text = text;
        }
    }

    /// Something that is no entry to the reader.
    pub(super) fn fault(&mut self, fault: Fault, text: Text<'_>, cx: &mut Context) {
        if self.is_over {
            return;
        }
        let place = Place {
            number: fault.at.entry,
            seen: None,
        };
        match (text, fault.problem) {
            (Text::Known(text), _) => self.lines(text, place, cx),
            // The end: nothing that Keylime gets to see.
            (_, Problem::KexecTruncated { .. } | Problem::KexecCount { .. } | Problem::Truncated { .. }) => {}
            (_, Problem::PcrOutOfRange { .. }) => self.lost(event::IMA_PCR, place, cx),
            (_, Problem::HashLength { .. }) => self.lost(event::IMA_HASH, place, cx),
            (_, _) => unparsable(place, cx),
        }
    }

    /// Text that belongs to no entry.
    pub(super) fn rest(&mut self, text: &[u8], number: u64, cx: &mut Context) {
        self.lines(text, Place { number, seen: None }, cx);
    }

    /// Fields that cannot be told.
    fn unreadable(&mut self, seen: Seen<'_, '_>, place: Place<'_, '_>, cx: &mut Context) {
        match seen.entry.fault().map(|fault| fault.problem) {
            Some(Problem::FieldNotHex { field }) if field.name() == "sig" => {
                self.lost(event::IMA_HASH, place, cx);
            }
            _ => unparsable(place, cx),
        }
    }

    /// A failure after which the running hash is not known.
    fn lost(&mut self, event: &'static str, place: Place<'_, '_>, cx: &mut Context) {
        if let Some(running) = &mut self.running {
            running.lose();
        }
        report(event, place.number, place.name(), cx);
    }

    /// Lines as Keylime splits them: at line feeds alone, and blank ones left out.
    fn lines(&mut self, text: &[u8], place: Place<'_, '_>, cx: &mut Context) {
        let mut scratch = std::mem::take(&mut self.scratch);
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            if self.is_over {
                break;
            }
            match scratch.read(line) {
                Ok(line) => {
                    if let Some(running) = &mut self.running {
                        running.leave();
                    }
                    let reading = Reading {
                        line,
                        is_hash_right: None,
                        is_same: false,
                    };
                    self.judge(&reading, place, cx);
                }
                Err(NoLine::Unparsable) => unparsable(place, cx),
                Err(NoLine::Raised(exception)) => self.raise(exception, place, cx),
            }
        }
        self.scratch = scratch;
    }

    fn raise(&mut self, exception: Exception, place: Place<'_, '_>, cx: &mut Context) {
        report(exception.event(), place.number, place.name(), cx);
        self.is_over = true;
    }

    /// Whether the template hash is this byte again and again, and as long as Keylime expects it.
    fn is_filled_with(&self, byte: u8, line: &Line<'_>) -> bool {
        line.recorded.len() == self.log_algorithm.len() && line.recorded.iter().all(|&found| found == byte)
    }

    /// Whether Keylime extends the same as the replay does into PCR 10.
    fn is_replayed(&self, line: &Line<'_>, seen: Seen<'_, '_>) -> bool {
        line.is_pcr_10 && self.is_filled_with(0, line) == seen.entry.is_violation()
    }

    fn judge(&mut self, reading: &Reading<'_>, place: Place<'_, '_>, cx: &mut Context) {
        let line = &reading.line;
        let is_violation = self.is_filled_with(0, line);
        if let Some(running) = self.running.as_mut().filter(|running| !running.is_done()) {
            running.extend(&if is_violation {
                Contribution::Violation
            } else {
                Contribution::Of(line.bytes)
            });
        }
        let (number, name) = (place.number, Some(line.name));
        if !line.is_pcr_10 {
            report(event::IMA_PCR, number, name, cx);
        }
        if is_violation || self.is_filled_with(0xff, line) {
            if self.reports_violations {
                report(event::TOMTOU, number, name, cx);
            }
            return;
        }
        let is_hash_right = reading
            .is_hash_right
            .unwrap_or_else(|| hash(self.log_algorithm, line.bytes).bytes() == line.recorded);
        if !is_hash_right {
            report(event::IMA_HASH, number, name, cx);
            return;
        }
        let outcome = match line.mode {
            Mode::Ima | Mode::ImaNg => self.listed(Section::Digests, reading, cx),
            Mode::ImaSig => self.signed(reading, cx),
            Mode::ImaBuf => self.buffer(reading, cx),
        };
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err((section, event))) => self.report_listing(section, event, reading, place, cx),
            Err(exception) => self.raise(exception, place, cx),
        }
    }

    /// `_validate_ima_ng`: excluded or listed. The order makes no difference, and lookups are faster.
    fn listed(
        &self,
        section: Section,
        reading: &Reading<'_>,
        cx: &mut Context,
    ) -> Result<Outcome, Exception> {
        if self.policies.is_empty() {
            return Ok(Ok(()));
        }
        let is_same = reading.is_same && section == Section::Digests;
        if is_same && cx.is_listed_for_keylime {
            return Ok(Ok(()));
        }
        let line = &reading.line;
        let event = match self.answer(section, line.name, line.digest) {
            KeylimeAnswer::Listed => return Ok(Ok(())),
            KeylimeAnswer::Exception => {
                return if self.is_excluded(reading, cx) {
                    Ok(Ok(()))
                } else {
                    Err(Exception::KeyError)
                };
            }
            KeylimeAnswer::NotListed => event::NOT_IN_ALLOWLIST,
            KeylimeAnswer::OtherDigest => event::RUNTIME_POLICY_HASH,
        };
        if self.is_excluded(reading, cx) {
            return Ok(Ok(()));
        }
        Ok(Err((section, event)))
    }

    /// What the policies say together.
    fn answer(&self, section: Section, name: &[u8], digest: &[u8]) -> KeylimeAnswer {
        let mut found = KeylimeAnswer::NotListed;
        for policy in self.policies.policies() {
            match (policy.keylime().answer(section, name, digest), found) {
                (answer @ (KeylimeAnswer::Listed | KeylimeAnswer::Exception), _) => return answer,
                (KeylimeAnswer::OtherDigest, _) => found = KeylimeAnswer::OtherDigest,
                (KeylimeAnswer::NotListed, _) => {}
            }
        }
        if section == Section::Digests && name == BOOT_AGGREGATE && !self.boot_aggregates.is_empty() {
            let is_listed = self
                .boot_aggregates
                .iter()
                .any(|aggregate| aggregate.bytes() == digest);
            return if is_listed {
                KeylimeAnswer::Listed
            } else {
                KeylimeAnswer::OtherDigest
            };
        }
        found
    }

    fn is_excluded(&self, reading: &Reading<'_>, cx: &mut Context) -> bool {
        let known = cx.excluded.filter(|_| reading.is_same);
        cx.excludes.keylime(reading.line.name, known, &mut cx.unchecked)
    }

    /// `_validate_ima_sig`: a valid signature is enough, and so is the policy.
    fn signed(&self, reading: &Reading<'_>, cx: &mut Context) -> Result<Outcome, Exception> {
        let line = &reading.line;
        let signature = line.extra.filter(|_| self.has_keyrings);
        if let Some(signature) = signature {
            // Streebog raises an exception, whatever the policy says.
            let is_harmless = !matches!(signature.get(2), Some(18 | 19));
            if reading.is_same && cx.is_listed_for_keylime && is_harmless {
                return Ok(Ok(()));
            }
            if !self.policies.is_empty() && self.is_excluded(reading, cx) {
                return Ok(Ok(()));
            }
            if self.keys.verify(signature, line.algorithm, line.digest)? {
                return Ok(Ok(()));
            }
        }
        if !self.policies.is_empty() {
            return self.listed(Section::Digests, reading, cx);
        }
        Ok(match self.has_keyrings {
            true => Err((Section::Digests, event::INVALID_SIGNATURE)),
            false => Ok(()),
        })
    }

    /// `_validate_ima_buf`: a key is learned if its entry passes, for whatever reason.
    fn buffer(&mut self, reading: &Reading<'_>, cx: &mut Context) -> Result<Outcome, Exception> {
        let line = &reading.line;
        let key = match keys::read(line.extra.unwrap_or_default()) {
            Buffer::Other => return self.listed(Section::Buffers, reading, cx),
            Buffer::Unsupported => return Ok(Err((Section::Keyrings, event::INVALID_KEY))),
            Buffer::Key(key) => key,
        };
        let mut policies = self.policies.policies().iter();
        if policies.any(|policy| policy.keylime().ignores_keyring(line.name)) {
            return Ok(Ok(()));
        }
        let outcome = self.listed(Section::Keyrings, reading, cx)?;
        if let (Ok(()), true, Some((id, key))) = (&outcome, self.has_keyrings, key) {
            self.keys.add(line.name, id, key);
        }
        Ok(outcome)
    }

    fn report_listing(
        &self,
        section: Section,
        event: &'static str,
        reading: &Reading<'_>,
        place: Place<'_, '_>,
        cx: &mut Context,
    ) {
        let line = &reading.line;
        cx.event(event, || {
            let (code, problem, hint) = event::words(event);
            let mut finding = match place.seen.filter(|_| reading.is_same) {
                Some(seen) => {
                    let wanted = Wanted::new(seen, section, line.name, line.digest);
                    wanted.finding(code, self.policies, &wanted.judge(self.policies), false)
                }
                None => {
                    let text = tagged(Some(&shown(line.algorithm)), line.digest);
                    Finding::new(code, "", "")
                        .at(place.number, Some(line.name))
                        .found(text)
                }
            };
            finding.code = match (section, code) {
                (Section::Keyrings, _) => FindingCode::KeyNotListed,
                (Section::Buffers, _) => FindingCode::BufferNotListed,
                (Section::Digests, code) => code,
            };
            finding.problem = format!("{event}: {problem}");
            hint.clone_into(&mut finding.hint);
            finding
        });
    }

    /// Whether the list leads to the value of PCR 10; none if no value is known.
    pub(super) fn finish(self) -> Option<bool> {
        self.running.map(Running::finish)
    }
}

/// Nothing, or the part of the policy that was asked and the event.
type Outcome = Result<(), (Section, &'static str)>;

/// A line that Keylime reports and does not extend.
fn unparsable(place: Place<'_, '_>, cx: &mut Context) {
    report(event::PARSER_ENTRY, place.number, place.name(), cx);
}

/// Reports an event that needs no more words than its own.
pub(super) fn report(event: &'static str, number: u64, name: Option<&[u8]>, cx: &mut Context) {
    cx.event(event, || finding(event).at(number, name));
}

/// The finding that an event makes.
pub(super) fn finding(event: &'static str) -> Finding {
    let (code, problem, hint) = event::words(event);
    Finding::new(code, format!("{event}: {problem}"), hint)
}

/// An entry that Keylime reads as we do: as the kernel prints it, and without anything that text cannot tell.
fn plain<'a>(mode: Mode, seen: Seen<'_, 'a>) -> Option<Line<'a>> {
    let Seen { entry, subject, .. } = seen;
    let (name, digest) = (subject.name?, subject.digest?);
    let is_as_printed = entry.fault().is_none()
        && entry.notes() == Notes::default()
        && entry.pcr() >= 10
        && (entry.byte_order() == ByteOrder::Little || mode == Mode::Ima)
        && digest.digest_type.is_none()
        && memchr::memchr(b'\n', name).is_none()
        && std::str::from_utf8(name).is_ok();
    if !is_as_printed {
        return None;
    }
    let algorithm = match (mode, digest.algorithm_name, digest.digest.len()) {
        (Mode::Ima, None, 20) => b"sha1",
        (Mode::Ima, None, 16) => &b"md5"[..],
        (Mode::Ima, ..) | (_, None, _) => return None,
        (_, Some(name), _) => name,
    };
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b':';
    let is_readable = algorithm.iter().all(is_plain)
        && match mode {
            Mode::Ima => name.len() <= MAX_LEGACY_NAME_BYTES,
            Mode::ImaNg => true,
            Mode::ImaSig | Mode::ImaBuf => memchr::memchr(b' ', name).is_none(),
        };
    let extra = match mode {
        Mode::Ima | Mode::ImaNg => None,
        Mode::ImaSig if subject.signature.is_empty() => None,
        Mode::ImaSig => Some(Some(subject.signature).filter(|signature| is_signature(signature))?),
        Mode::ImaBuf => Some(subject.buffer?),
    };
    is_readable.then_some(Line {
        is_pcr_10: entry.pcr() == 10,
        recorded: entry.recorded_hash(),
        mode,
        algorithm,
        digest: digest.digest,
        name,
        extra,
        bytes: entry.data()?,
    })
}
