//! Our rules: nothing passes that was not checked.
//!
//! Of an entry with a right template hash:
//!
//! ```text
//! listed with this digest and algorithm      accepted, and its signature must hold if keys were given
//! excluded                                   accepted
//! listed with other digests                  a finding, whatever the signature: a policy that names a path
//!                                            means the content, and an old version is signed as well
//! signed by a known key over this digest     accepted
//! anything else                              a finding
//! ```

use ima_assay_digest::hex;

use super::boot::{Boot, BootJudgement};
use super::context::Context;
use super::evidence::Options;
use super::finding::{Finding, FindingCode, tagged};
use super::listing::Wanted;
use super::report::Accepted;
use super::subject::Seen;
use crate::measurement::{Check, Fault, FileDigest};
use crate::policy::{Judgement, PolicySet, Section};
use crate::signature::Keyring;

/// What the strict rules need and keep from entry to entry.
pub(super) struct Strict<'e> {
    pub(super) policies: &'e PolicySet,
    pub(super) options: &'e Options,
    /// The keys that were given, and those that were measured and listed.
    pub(super) keys: Keyring,
    /// Whether keys were given, so that every signature has to hold.
    pub(super) requires_signatures: bool,
    pub(super) boot: Boot,
    pub(super) entries_before: u64,
    pub(super) accepted: Accepted,
    /// The first boot aggregate, if it is not that of the boot PCRs. After a kexec it need not be.
    pub(super) early_boot: Option<Finding>,
    /// Whether the first entry is none.
    pub(super) is_boot_missing: bool,
}

impl Strict<'_> {
    pub(super) fn entry(&mut self, seen: Seen<'_, '_>, cx: &mut Context) {
        let Seen { entry, check, .. } = seen;
        if !self.options.pcrs.iter().any(|&pcr| u32::from(pcr) == entry.pcr()) {
            cx.find(FindingCode::UnexpectedPcr, || unexpected_pcr(self.options, seen));
        }
        let fault = entry.fault();
        match check {
            Check::Violation => {
                if let Some(fault) = fault.filter(|fault| fault.problem.code() == "LIST_TRUNCATED") {
                    Self::fault(fault, cx);
                }
                self.violation(seen, cx);
            }
            Check::Differs => {
                cx.find(FindingCode::TemplateHashMismatch, || template_hash_mismatch(seen));
                if let Some(fault) = fault {
                    Self::fault(fault, cx);
                }
            }
            Check::Unknown => match fault {
                Some(fault) => Self::fault(fault, cx),
                None => cx.find(FindingCode::EntryMalformed, || unknown_data(seen)),
            },
            Check::Matches => match (fault, seen.subject.buffer) {
                (Some(fault), _) => Self::fault(fault, cx),
                (None, Some(buffer)) => self.buffer(seen, buffer, cx),
                (None, None) => self.file(seen, cx),
            },
        }
    }

    /// Something that the reader found, in an entry or in place of one.
    pub(super) fn fault(fault: Fault, cx: &mut Context) {
        let code = FindingCode::from_name(fault.problem.code()).unwrap_or(FindingCode::EntryMalformed);
        cx.find(code, || {
            let hint = crate::error::Explain::hint(&fault)
                .unwrap_or("take the list again from securityfs, in the binary form");
            Finding::new(code, fault.problem.to_string(), hint).at(fault.at.entry, None)
        });
    }

    fn violation(&mut self, seen: Seen<'_, '_>, cx: &mut Context) {
        let is_disguised = seen.subject.digest.is_some_and(|digest| !digest.is_zero());
        if !is_disguised && !self.options.violations_fail {
            cx.unchecked.counts.violations = cx.unchecked.counts.violations.saturating_add(1);
            return;
        }
        cx.find(FindingCode::Violation, || {
            let finding = if is_disguised {
                Finding::new(
                    FindingCode::Violation,
                    "the template hash is zero as in a violation, but the entry has a file digest: the kernel writes no such entry",
                    "take the list again; if it stays so, the list was altered",
                )
            } else {
                Finding::new(
                    FindingCode::Violation,
                    "the file was open for writing while it was measured or used, so its content was not measured",
                    "find out what writes to the file; only a matching PCR value shows that the kernel made this entry",
                )
            };
            let finding = finding.at(seen.entry.number(), seen.subject.name);
            match seen.subject.digest_text() {
                Some(text) => finding.found(text),
                None => finding,
            }
        });
    }

    fn file(&mut self, seen: Seen<'_, '_>, cx: &mut Context) {
        let (Some(name), Some(digest)) = (seen.subject.name, seen.subject.digest) else {
            if self.is_appraising() {
                cx.find(FindingCode::TemplateUnknown, || nothing_to_judge(seen));
            } else {
                cx.unchecked.counts.files = cx.unchecked.counts.files.saturating_add(1);
            }
            return;
        };
        // Most names are paths, and need no second look.
        let is_boot = !name.starts_with(b"/") && seen.entry.is_named_boot_aggregate();
        if is_boot && self.boot_aggregate(seen, name, &digest, cx) {
            return;
        }
        let wanted = Wanted::new(seen, Section::Digests, name, digest.digest);
        self.appraise(&wanted, cx);
    }

    /// Whether anything is held against files.
    pub(super) fn is_appraising(&self) -> bool {
        !self.policies.is_empty() || self.requires_signatures
    }

    fn appraise(&mut self, wanted: &Wanted<'_, '_>, cx: &mut Context) {
        let subject = wanted.seen.subject;
        let judgement = wanted.judge(self.policies);
        if let Judgement::Listed(candidate) = judgement {
            cx.note_listed(self.policies, &candidate);
            if !subject.is_signed() {
                self.accepted.listed = self.accepted.listed.saturating_add(1);
            } else if !self.requires_signatures {
                cx.unchecked.counts.signatures = cx.unchecked.counts.signatures.saturating_add(1);
                self.accepted.listed = self.accepted.listed.saturating_add(1);
            } else if self.refute_signature(wanted.seen, cx) {
                self.accepted.listed = self.accepted.listed.saturating_add(1);
            }
            return;
        }
        if self.exclude(wanted.name, cx) {
            return;
        }
        if !self.is_appraising() {
            cx.unchecked.counts.files = cx.unchecked.counts.files.saturating_add(1);
            return;
        }
        let is_valid = self.is_validly_signed(wanted.seen.subject);
        if is_valid && matches!(judgement, Judgement::NotListed) {
            self.accepted.signed = self.accepted.signed.saturating_add(1);
            return;
        }
        let code = wanted.code(&judgement, self.policies);
        cx.find(code, || wanted.finding(code, self.policies, &judgement, is_valid));
        if !is_valid && subject.is_signed() {
            self.refute_signature(wanted.seen, cx);
        }
    }

    /// Accepts what a pattern excludes.
    pub(super) fn exclude(&mut self, name: &[u8], cx: &mut Context) -> bool {
        let found = cx.excludes.find(name, &mut cx.unchecked);
        cx.excluded = Some(found.is_some());
        if let Some(index) = found {
            cx.excludes.count(index);
            self.accepted.excluded = self.accepted.excluded.saturating_add(1);
        }
        found.is_some()
    }

    /// Judges a boot aggregate; false if it is to be judged as any other path.
    ///
    /// The kernel makes one as the first entry, and one more after each kexec. A file can have the name too,
    /// so that a later entry is only special if it has the right digest, which no file can have.
    fn boot_aggregate(
        &mut self,
        seen: Seen<'_, '_>,
        name: &[u8],
        digest: &FileDigest<'_>,
        cx: &mut Context,
    ) -> bool {
        let is_first = seen.entry.number() == 1 && self.entries_before == 0;
        let judgement = self.boot.judge(seen.subject.algorithm, digest.digest);
        match judgement {
            BootJudgement::Matches => {
                if self.early_boot.take().is_some() {
                    cx.unchecked
                        .add("boot_aggregate of entry 1: it is from before a kexec, after which PCR 8 and 9 may differ");
                }
                self.accepted.listed = self.accepted.listed.saturating_add(1);
                true
            }
            BootJudgement::Differs(expected) if is_first => {
                let is_zero = digest.is_zero();
                let problem = if is_zero {
                    "the boot aggregate is zero: the kernel found no TPM when it started"
                } else {
                    "the boot aggregate does not follow from PCR 0 to 9"
                };
                let expected = expected.iter().map(|digest| format!("{digest:?}"));
                self.early_boot = Some(
                    Finding::new(
                        FindingCode::BootAggregateMismatch,
                        problem,
                        "the list and the PCR values are of different boots, or the list does not start where it should",
                    )
                    .at(1, Some(name))
                    .found(seen.subject.digest_text().unwrap_or_default())
                    .expected(expected),
                );
                cx.is_open = true;
                true
            }
            BootJudgement::Unknown if is_first => {
                self.first_boot_aggregate(seen, name, digest, cx);
                true
            }
            BootJudgement::Differs(_) | BootJudgement::Unknown => false,
        }
    }

    /// The first boot aggregate, without anything to compute it from.
    fn first_boot_aggregate(
        &mut self,
        seen: Seen<'_, '_>,
        name: &[u8],
        digest: &FileDigest<'_>,
        cx: &mut Context,
    ) {
        let wanted = Wanted::new(seen, Section::Digests, name, digest.digest);
        let judgement = wanted.judge(self.policies);
        match judgement {
            Judgement::Listed(candidate) => {
                cx.note_listed(self.policies, &candidate);
                self.accepted.listed = self.accepted.listed.saturating_add(1);
            }
            _ if self.exclude(name, cx) => {}
            Judgement::NotListed => {
                cx.unchecked
                    .add("boot_aggregate: neither the values of PCR 0 to 9 nor a listed digest given");
            }
            _ => cx.find(FindingCode::BootAggregateMismatch, || {
                wanted.finding(
                    FindingCode::BootAggregateMismatch,
                    self.policies,
                    &judgement,
                    false,
                )
            }),
        }
    }
}

fn unexpected_pcr(options: &Options, seen: Seen<'_, '_>) -> Finding {
    Finding::new(
        FindingCode::UnexpectedPcr,
        format!(
            "the entry was extended into PCR {}, which was not asked for",
            seen.entry.pcr()
        ),
        "ask for this PCR as well if the kernel's IMA policy has pcr= rules",
    )
    .at(seen.entry.number(), seen.subject.name)
    .found(seen.entry.pcr().to_string())
    .expected(options.pcrs.iter().map(ToString::to_string))
}

fn template_hash_mismatch(seen: Seen<'_, '_>) -> Finding {
    let entry = seen.entry;
    let algorithm = entry.list_hash().algorithm();
    let is_ones = entry.recorded_hash().iter().all(|&byte| byte == 0xff);
    let problem = if is_ones {
        "the template hash is all ones, which the kernel extends for violations and never writes into a list"
    } else {
        "the template hash is not that of the entry's fields"
    };
    Finding::new(
        FindingCode::TemplateHashMismatch,
        problem,
        "the list was altered, or the copy was damaged; compare it with the binary form",
    )
    .at(entry.number(), seen.subject.name)
    .found(tagged(Some(algorithm.name()), entry.recorded_hash()))
    .expected(entry.template_hash(algorithm).map(|digest| format!("{digest:?}")))
}

fn unknown_data(seen: Seen<'_, '_>) -> Finding {
    Finding::new(
        FindingCode::EntryMalformed,
        "the template data is not known, so that the template hash cannot be checked",
        "take the binary form of the list",
    )
    .at(seen.entry.number(), seen.subject.name)
    .found(hex(seen.entry.recorded_hash()))
}

fn nothing_to_judge(seen: Seen<'_, '_>) -> Finding {
    Finding::new(
        FindingCode::TemplateUnknown,
        "the template has no file name or no file digest, so that no policy can judge the entry",
        "boot with a template that has both, as ima-ng or ima-sig",
    )
    .at(seen.entry.number(), seen.subject.name)
    .found(super::finding::shown(seen.entry.template()))
}
