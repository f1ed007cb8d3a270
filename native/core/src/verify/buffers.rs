//! Entries that hold what was measured: keys, command lines, critical data, device-mapper events.

use ima_assay_digest::hash;

use super::context::Context;
use super::finding::{Finding, FindingCode};
use super::listing::Wanted;
use super::strict::Strict;
use super::subject::Seen;
use crate::policy::{Judgement, Section};
use crate::public_key::{KeyError, read_certificate};

/// Events of the device mapper (Linux, `drivers/md/dm-ima.h`).
const DEVICE_MAPPER: [&[u8]; 6] = [
    b"dm_table_load",
    b"dm_device_resume",
    b"dm_device_remove",
    b"dm_table_clear",
    b"dm_device_rename",
    b"dm_target_update",
];

impl Strict<'_> {
    pub(super) fn buffer(&mut self, seen: Seen<'_, '_>, buffer: &[u8], cx: &mut Context) {
        let subject = seen.subject;
        let (Some(name), Some(digest)) = (subject.name, subject.digest) else {
            cx.find(FindingCode::TemplateUnknown, || {
                Finding::new(
                    FindingCode::TemplateUnknown,
                    "the template has a buffer, but no name or no digest for it",
                    "boot with a template that has both, as ima-buf",
                )
                .at(seen.entry.number(), subject.name)
            });
            return;
        };
        // The policy lists digests, so the buffer means nothing unless it has the digest.
        let computed = subject.algorithm.map(|algorithm| hash(algorithm, buffer));
        if computed.is_none_or(|computed| computed.bytes() != digest.digest) {
            cx.find(FindingCode::BufferDigestMismatch, || {
                let problem = match computed {
                    Some(_) => "the digest is not that of the buffer",
                    None => {
                        "the hash algorithm is unknown, so that the buffer cannot be compared with its digest"
                    }
                };
                Finding::new(
                    FindingCode::BufferDigestMismatch,
                    problem,
                    "the kernel writes no such entry: the list was altered",
                )
                .at(seen.entry.number(), Some(name))
                .found(subject.digest_text().unwrap_or_default())
                .expected(computed.map(|digest| format!("{digest:?}")))
            });
            return;
        }
        if self.policies.is_empty() {
            if !self.exclude(name, cx) {
                cx.unchecked.counts.buffers = cx.unchecked.counts.buffers.saturating_add(1);
            }
        } else if is_key(buffer) || self.policies.knows(Section::Keyrings, name) {
            self.key(
                &Wanted::new(seen, Section::Keyrings, name, digest.digest),
                buffer,
                cx,
            );
        } else {
            self.other(&Wanted::new(seen, Section::Buffers, name, digest.digest), cx);
        }
    }

    /// A key that was loaded. Only a listed one is trusted from then on: an exclude says that nobody looked.
    fn key(&mut self, wanted: &Wanted<'_, '_>, buffer: &[u8], cx: &mut Context) {
        let judgement = wanted.judge(self.policies);
        if let Judgement::Listed(candidate) = judgement {
            cx.note_listed(self.policies, &candidate);
            self.accepted.listed = self.accepted.listed.saturating_add(1);
            let number = wanted.seen.entry.number();
            if let Err(error) = self.keys.learn(buffer, number, wanted.name) {
                cx.unchecked
                    .add(format!("signatures by the key of entry {number}: {error}"));
            }
        } else if self.policies.ignores_keyring(wanted.name).is_some() {
            self.accepted.excluded = self.accepted.excluded.saturating_add(1);
        } else if !self.exclude(wanted.name, cx) {
            let code = wanted.code(&judgement, self.policies);
            cx.find(code, || wanted.finding(code, self.policies, &judgement, false));
        }
    }

    fn other(&mut self, wanted: &Wanted<'_, '_>, cx: &mut Context) {
        let judgement = wanted.judge(self.policies);
        if let Judgement::Listed(candidate) = judgement {
            cx.note_listed(self.policies, &candidate);
            self.accepted.listed = self.accepted.listed.saturating_add(1);
            return;
        }
        if self.exclude(wanted.name, cx) {
            return;
        }
        let is_device_mapper = DEVICE_MAPPER.contains(&wanted.name);
        let counts = &mut cx.unchecked.counts;
        let (fails, allowed) = if is_device_mapper {
            (
                self.options.device_mapper_fails,
                &mut counts.allowed_device_mapper,
            )
        } else {
            (self.options.buffers_fail, &mut counts.allowed_buffers)
        };
        // A name that the policy lists is not one that it knows nothing of.
        if !fails && judgement == Judgement::NotListed {
            *allowed = allowed.saturating_add(1);
            return;
        }
        let code = if is_device_mapper {
            FindingCode::DeviceMapper
        } else {
            FindingCode::BufferNotListed
        };
        cx.find(code, || wanted.finding(code, self.policies, &judgement, false));
    }
}

/// Whether a buffer is a certificate, be it one that nothing here can use.
fn is_key(buffer: &[u8]) -> bool {
    !matches!(
        read_certificate(buffer),
        Err(KeyError::FormUnknown | KeyError::Der { .. } | KeyError::TooLarge { .. })
    )
}
