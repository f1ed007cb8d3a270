//! Ways past a Keylime verifier, which must not be ways past us.

use super::*;

/// What the strict rules find, and whether Keylime's pass.
fn check(list: &List, policies: &PolicySet, expected: &[(u64, FindingCode)]) -> [Report; 2] {
    for list in [list.ascii(), list.binary()] {
        let [strict, keylime] = verify_both(&list, policies, |_, _| {});
        assert_eq!(codes(&strict), expected);
        assert_eq!(keylime.verdict(), Verdict::Pass);
        assert_eq!(events(&keylime), []);
        let differences: Vec<_> = strict
            .differences
            .iter()
            .map(|difference| {
                (
                    difference.entry.unwrap(),
                    difference.strict.unwrap(),
                    difference.keylime,
                )
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(entry, code)| (entry, code, None))
            .collect();
        assert_eq!(differences, expected);
    }
    verify_both(&list.ascii(), policies, |_, _| {})
}

#[test]
fn a_template_hash_of_ones_is_a_wrong_template_hash() {
    let evil = hash(Algorithm::Sha256, b"evil");
    let list = List::booted()
        .ng("/usr/bin/evil", &evil)
        .recorded(&"ff".repeat(20));
    check(&list, &usual(), &[(2, FindingCode::TemplateHashMismatch)]);
    // As it happens on a machine: the entry was extended, so that the PCR value fits.
    let pcrs = pcr_10(&list, Algorithm::Sha256, 2);
    let [strict, keylime] = verify_both(&list.ascii(), &usual(), |evidence, _| {
        evidence.pcrs = pcrs.clone()
    });
    assert_eq!(codes(&strict), [(2, FindingCode::TemplateHashMismatch)]);
    assert_eq!(strict.pcrs[0].matched_entries, Some(2));
    assert_eq!(keylime.verdict(), Verdict::Pass);
}

#[test]
fn violations_are_findings() {
    check(
        &List::booted().violation("/var/log/x"),
        &usual(),
        &[(2, FindingCode::Violation)],
    );
    let list = List::booted().violation("/var/log/x").ascii();
    let [strict, _] = verify_both(&list, &usual(), |_, options| options.violations_fail = false);
    assert_eq!(strict.verdict(), Verdict::Pass);
    assert!(
        strict
            .unchecked
            .contains(&"violations: allowed (1 entries that prove nothing)".to_owned())
    );
    // The option whose name says the opposite.
    let [_, keylime] = verify_both(&list, &usual(), |_, options| {
        options.keylime_reports_violations = true
    });
    assert_eq!(events(&keylime), [(2, "ima.validation.tomtou")]);
}

#[test]
fn an_entry_disguised_as_a_violation_is_one_finding_even_where_violations_are_allowed() {
    let evil = hash(Algorithm::Sha256, b"evil");
    let list = List::booted()
        .ng("/usr/bin/evil", &evil)
        .recorded(&"00".repeat(20));
    check(&list, &usual(), &[(2, FindingCode::Violation)]);
    let [strict, _] = verify_both(&list.ascii(), &usual(), |_, options| {
        options.violations_fail = false
    });
    assert_eq!(codes(&strict), [(2, FindingCode::Violation)]);
    // It was extended as what it is, which the violation does not lead to.
    let pcrs = pcr_10(&List::booted().ng("/usr/bin/evil", &evil), Algorithm::Sha256, 2);
    let [strict, keylime] = verify_both(&list.ascii(), &usual(), |evidence, _| {
        evidence.pcrs = pcrs.clone()
    });
    assert_eq!(
        codes(&strict),
        [(0, FindingCode::PcrMismatch), (2, FindingCode::Violation)]
    );
    assert_eq!(events(&keylime), [(0, "ima.pcr_mismatch")]);
}

#[test]
fn a_buffer_that_does_not_have_its_digest_is_found() {
    let policies = policies(&json!({
        "digests": {"boot_aggregate": [list::boot().to_string()]},
        "ima-buf": {"kernel_version": [hello().to_string()]},
    }));
    let list = List::booted().buffer_with("kernel_version", b"6.1.0-evil", &hello());
    check(&list, &policies, &[(2, FindingCode::BufferDigestMismatch)]);
}

#[test]
fn a_pcr_value_from_before_the_list_proves_nothing() {
    let list = List::booted().ng("/usr/bin/hello", &hello());
    let pcrs = pcr_10(&list, Algorithm::Sha256, 0);
    let [strict, keylime] = verify_both(&list.ascii(), &usual(), |evidence, _| {
        evidence.pcrs = pcrs.clone()
    });
    assert_eq!(codes(&strict), [(0, FindingCode::PcrMismatch)]);
    assert_eq!(keylime.verdict(), Verdict::Pass);
    assert_eq!(strict.differences[0].strict, Some(FindingCode::PcrMismatch));
    assert_eq!(strict.differences[0].keylime, None);
}

#[test]
fn an_empty_list_never_passes() {
    for list in [&b""[..], b"\n\n"] {
        let [strict, keylime] = verify_both(list, &usual(), |_, _| {});
        assert_eq!(codes(&strict), [(0, FindingCode::ListTruncated)]);
        assert_eq!(keylime.verdict(), Verdict::Pass);
        let pcrs = pcr_10(&List::default(), Algorithm::Sha256, 0);
        let [strict, _] = verify_both(list, &usual(), |evidence, _| evidence.pcrs = pcrs.clone());
        assert_eq!(codes(&strict), [(0, FindingCode::ListTruncated)]);
    }
}

#[test]
fn an_algorithm_is_a_part_of_the_digest() {
    let list = List::booted().entry(
        "ima-ng",
        &[
            list::digest("sm3", hello().bytes()),
            list::name(b"/usr/bin/hello"),
        ],
    );
    check(&list, &usual(), &[(2, FindingCode::AlgorithmMismatch)]);
    let list = List::booted().entry(
        "ima-ng",
        &[
            list::digest("md5", hello().bytes()),
            list::name(b"/usr/bin/hello"),
        ],
    );
    check(&list, &usual(), &[(2, FindingCode::EntryMalformed)]);
    let list = List::booted().entry(
        "ima-ng",
        &[
            list::digest("foo", hello().bytes()),
            list::name(b"/usr/bin/hello"),
        ],
    );
    check(&list, &usual(), &[(2, FindingCode::DigestMissing)]);
}

#[test]
fn a_file_called_boot_aggregate_is_a_file() {
    let evil = hash(Algorithm::Sha256, b"evil");
    let list = List::booted().ng("boot_aggregate", &evil);
    for list in [list.ascii(), list.binary()] {
        let [strict, keylime] = verify_both(&list, &usual(), |_, _| {});
        assert_eq!(codes(&strict), [(2, FindingCode::DigestMismatch)]);
        assert_eq!(
            events(&keylime),
            [(2, "ima.validation.ima-ng.runtime_policy_hash")]
        );
    }
    // Nor does it help to come after a boot aggregate that could not be checked.
    let policies = policies(&json!({"digests": {"/usr/bin/hello": [hello().to_string()]}}));
    let [strict, _] = verify_both(&list.ascii(), &policies, |_, _| {});
    assert_eq!(codes(&strict), [(2, FindingCode::NotListed)]);
}
