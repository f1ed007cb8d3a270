//! The strict rules, one by one.

use super::*;
use crate::policy::exclude::parse_exclude_list;

#[test]
fn what_is_listed_passes_and_is_counted() {
    let list = List::booted()
        .ng("/usr/bin/hello", &hello())
        .sig("/usr/bin/hello", &hello(), b"");
    for list in [list.ascii(), list.binary()] {
        let [strict, keylime] = verify_both(&list, &usual(), |_, _| {});
        assert_eq!(strict.verdict(), Verdict::Pass);
        assert_eq!(keylime.verdict(), Verdict::Pass);
        assert_eq!(
            (
                strict.accepted.listed,
                strict.accepted.excluded,
                strict.accepted.signed
            ),
            (3, 0, 0)
        );
        assert_eq!(strict.list.entries, 3);
        assert_eq!(
            strict.list.templates,
            [("ima-ng".to_owned(), 2), ("ima-sig".to_owned(), 1)]
        );
        assert_eq!(strict.differences, []);
    }
}

#[test]
fn each_reason_not_to_be_listed_has_its_code() {
    let sha1 = hash(Algorithm::Sha1, b"hello\n");
    let policies = policies(&json!({"digests": {
        "boot_aggregate": [list::boot().to_string()],
        "/usr/bin/hello": [hello().to_string()],
        "/bin/old": [sha1.to_string()],
    }}));
    let other = hash(Algorithm::Sha256, b"other");
    let list = List::booted()
        .ng("/usr/bin/hello", &other)
        .ng("/bin/hello", &hello())
        .ng("/bin/old", &hello())
        .ng("/bin/nowhere", &other);
    let [strict, keylime] = verify_both(&list.ascii(), &policies, |_, _| {});
    assert_eq!(
        codes(&strict),
        [
            (2, FindingCode::DigestMismatch),
            (3, FindingCode::NotListed),
            (4, FindingCode::DigestMissing),
            (5, FindingCode::NotListed),
        ]
    );
    assert_eq!(
        events(&keylime),
        [
            (2, "ima.validation.ima-ng.runtime_policy_hash"),
            (3, "ima.validation.ima-ng.not_in_allowlist"),
            (4, "ima.validation.ima-ng.runtime_policy_hash"),
            (5, "ima.validation.ima-ng.not_in_allowlist"),
        ]
    );
    let first = &strict.findings[0];
    assert_eq!(first.path.as_deref(), Some("/usr/bin/hello"));
    assert_eq!(first.found, Some(format!("sha256:{other}")));
    assert_eq!(first.expected, [format!("sha256:{}", hello())]);
    let near = &strict.findings[1].near[0];
    assert_eq!((near.kind, near.path.as_str()), ("usr-merge", "/usr/bin/hello"));
    assert_eq!(near.origin.as_deref(), Some("policy.json"));
    assert_eq!(strict.differences, []);
}

#[test]
fn excluded_paths_pass_and_the_pattern_is_named() {
    let other = hash(Algorithm::Sha256, b"other");
    let list = List::booted().ng("/tmp/x", &other).ng("/usr/bin/hello", &hello());
    let patterns = parse_exclude_list(b"/var/.*\n/tmp/.*\n/usr/bin/hello\n").unwrap();
    let [strict, keylime] = verify_both(&list.ascii(), &usual(), |evidence, _| {
        evidence.excludes = vec![ExcludeList {
            origin: b"excludes.txt".to_vec(),
            patterns: patterns.clone(),
        }];
    });
    assert_eq!(
        (strict.verdict(), keylime.verdict()),
        (Verdict::Pass, Verdict::Pass)
    );
    // Listed and excluded: listed counts.
    assert_eq!((strict.accepted.listed, strict.accepted.excluded), (2, 1));
    assert_eq!(
        strict.excluded,
        [Excluded {
            pattern: "/tmp/.*".to_owned(),
            origin: "excludes.txt".to_owned(),
            entries: 1
        }]
    );
}

#[test]
fn a_bad_pattern_is_an_error_and_keylime_ignores_the_list() {
    let other = hash(Algorithm::Sha256, b"other");
    let list = List::booted().ng("/tmp/x", &other).ascii();
    let policies = policies(&json!({
        "digests": {"boot_aggregate": [list::boot().to_string()]},
        "excludes": ["/tmp/.*", "[a"],
    }));
    let error = verify(Evidence::new(source(&list), &policies), &Options::default()).unwrap_err();
    assert_eq!(crate::error::Explain::code(&error), "PATTERN_INVALID");
    let options = Options {
        rules: Rules::Keylime,
        ..Options::default()
    };
    let report = verify(Evidence::new(source(&list), &policies), &options).unwrap();
    assert_eq!(events(&report), [(2, "ima.validation.ima-ng.not_in_allowlist")]);
    assert_eq!(report.strict_verdict, Verdict::Pass);
    assert!(report.unchecked.iter().any(|line| line.contains("[a")));
}

#[test]
fn findings_are_counted_beyond_the_limit() {
    let other = hash(Algorithm::Sha256, b"other");
    let mut list = List::booted();
    for number in 0..10 {
        list = list.ng(&format!("/tmp/{number}"), &other).violation("/x");
    }
    let pcrs = pcr_10(&List::booted(), Algorithm::Sha1, 0);
    let [strict, _] = verify_both(&list.ascii(), &usual(), |evidence, options| {
        evidence.pcrs = pcrs.clone();
        options.max_findings = 3;
    });
    assert_eq!(strict.finding_count, 21);
    // What concerns the whole list is never left out.
    let expected = [
        (0, FindingCode::PcrMismatch),
        (2, FindingCode::NotListed),
        (3, FindingCode::Violation),
    ];
    assert_eq!(codes(&strict), expected);
    assert_eq!(strict.differences.len(), 3);
    assert!(
        strict
            .unchecked
            .contains(&"differences: 8 more are not listed".to_owned())
    );
}

#[test]
fn entries_of_other_pcrs_are_findings_unless_asked_for() {
    let list = List::booted().ng("/usr/bin/hello", &hello()).in_pcr(11).ascii();
    let [strict, keylime] = verify_both(&list, &usual(), |_, _| {});
    assert_eq!(codes(&strict), [(2, FindingCode::UnexpectedPcr)]);
    assert_eq!(events(&keylime), [(2, "ima.validation.ima_pcr")]);
    let [strict, keylime] = verify_both(&list, &usual(), |_, options| options.pcrs = vec![10, 11]);
    assert_eq!(strict.verdict(), Verdict::Pass);
    assert_eq!(events(&keylime), [(2, "ima.validation.ima_pcr")]);
    assert_eq!(strict.differences.len(), 1);
}

#[test]
fn boot_aggregates_are_held_against_pcr_values_then_the_policy() {
    let mut pcrs = PcrValues::default();
    let mut bytes = Vec::new();
    for index in 0..10 {
        let value = hash(Algorithm::Sha256, &[index]);
        bytes.extend_from_slice(value.bytes());
        pcrs.insert(index, value).unwrap();
    }
    let right = hash(Algorithm::Sha256, &bytes);
    let early = hash(Algorithm::Sha256, &bytes[..256]);
    let wrong = hash(Algorithm::Sha256, b"wrong");
    let none = PcrValues::default();
    let unchecked = FindingCode::Violation; // Stands for none, with a line in `unchecked`.
    let rows = [
        ("PCR 0 to 9", right, &pcrs, None),
        ("PCR 0 to 7", early, &pcrs, None),
        (
            "listed, but not that of the PCRs",
            list::boot(),
            &pcrs,
            Some(FindingCode::BootAggregateMismatch),
        ),
        ("another", wrong, &pcrs, Some(FindingCode::BootAggregateMismatch)),
        ("listed", list::boot(), &none, None),
        (
            "not listed",
            wrong,
            &none,
            Some(FindingCode::BootAggregateMismatch),
        ),
        (
            "nothing of its algorithm",
            hash(Algorithm::Sha384, b"x"),
            &pcrs,
            Some(FindingCode::BootAggregateMismatch),
        ),
    ];
    for (why, digest, pcrs, expected) in rows {
        let list = List::default().ng("boot_aggregate", &digest).ascii();
        let [strict, _] = verify_both(&list, &usual(), |evidence, _| evidence.pcrs = pcrs.clone());
        let expected: Vec<_> = expected.into_iter().map(|code| (1, code)).collect();
        assert_eq!(codes(&strict), expected, "{why}");
    }
    let _ = unchecked;
    let nothing = policies(&json!({}));
    let list = List::default().ng("boot_aggregate", &right).ascii();
    let [strict, keylime] = verify_both(&list, &nothing, |_, _| {});
    assert_eq!(strict.verdict(), Verdict::Pass);
    assert!(
        strict
            .unchecked
            .iter()
            .any(|line| line.starts_with("boot_aggregate: neither"))
    );
    assert_eq!(events(&keylime), [(1, "ima.validation.ima-ng.not_in_allowlist")]);
    // After a kexec only the last one has to fit.
    let list = List::default()
        .ng("boot_aggregate", &wrong)
        .ng("boot_aggregate", &right)
        .ascii();
    let [strict, _] = verify_both(&list, &nothing, |evidence, _| evidence.pcrs = pcrs.clone());
    assert_eq!(codes(&strict), []);
    assert!(
        strict
            .unchecked
            .iter()
            .any(|line| line.contains("before a kexec"))
    );
    let list = List::default()
        .ng("boot_aggregate", &right)
        .ng("boot_aggregate", &wrong)
        .ascii();
    let [strict, _] = verify_both(&list, &nothing, |evidence, _| evidence.pcrs = pcrs.clone());
    assert_eq!(codes(&strict), [(2, FindingCode::NotListed)]);
    // An event log is as good.
    let list = List::default().ng("boot_aggregate", &right).ascii();
    let [strict, keylime] = verify_both(&list, &nothing, |evidence, _| {
        evidence.boot_aggregates = vec![right]
    });
    assert_eq!(
        (strict.verdict(), keylime.verdict()),
        (Verdict::Pass, Verdict::Pass)
    );
    let [strict, keylime] = verify_both(&list, &nothing, |evidence, _| {
        evidence.boot_aggregates = vec![wrong]
    });
    assert_eq!(codes(&strict), [(1, FindingCode::BootAggregateMismatch)]);
    assert_eq!(
        events(&keylime),
        [(1, "ima.validation.ima-ng.runtime_policy_hash")]
    );
}

#[test]
fn a_prefix_that_is_covered_passes_and_the_rest_is_named() {
    let list = List::booted()
        .ng("/usr/bin/hello", &hello())
        .ng("/usr/bin/hello", &hello());
    let pcrs = pcr_10(&list, Algorithm::Sha256, 2);
    let [strict, keylime] = verify_both(&list.ascii(), &usual(), |evidence, _| {
        evidence.pcrs = pcrs.clone()
    });
    assert_eq!(
        (strict.verdict(), keylime.verdict()),
        (Verdict::Pass, Verdict::Pass)
    );
    assert_eq!(strict.pcrs[0].matched_entries, Some(2));
    assert_eq!(Some(strict.pcrs[0].replayed), strict.pcrs[0].expected);
    assert!(
        strict
            .unchecked
            .iter()
            .any(|line| line.starts_with("entries 3 to 3:"))
    );
}

#[test]
fn without_a_policy_the_verdict_is_about_the_rest() {
    let list = List::booted().ng("/usr/bin/hello", &hello());
    let nothing = PolicySet::default();
    let error = verify(
        Evidence::new(source(&list.ascii()), &nothing),
        &Options::default(),
    )
    .unwrap_err();
    assert!(matches!(error, VerifyError::NothingToVerifyWith));
    let pcrs = pcr_10(&list, Algorithm::Sha256, 2);
    let [strict, keylime] = verify_both(&list.ascii(), &nothing, |evidence, _| {
        evidence.pcrs = pcrs.clone()
    });
    assert_eq!(
        (strict.verdict(), keylime.verdict()),
        (Verdict::Pass, Verdict::Pass)
    );
    assert_eq!(strict.accepted, Accepted::default());
    assert!(
        strict
            .unchecked
            .contains(&"file digests: no policy or allowlist given (1 entries)".to_owned())
    );
}

#[test]
fn buffers_have_to_be_listed() {
    let policies = policies(&json!({
        "digests": {"boot_aggregate": [list::boot().to_string()]},
        "ima-buf": {"kernel_version": [hash(Algorithm::Sha256, b"6.1").to_string()]},
        "excludes": ["dm_table_clear"],
    }));
    let list = List::booted()
        .buffer("kernel_version", b"6.1")
        .buffer("kernel_version", b"6.2")
        .buffer("kexec-cmdline", b"ro quiet")
        .buffer("dm_table_load", b"dm_version=4;")
        .buffer("dm_table_clear", b"dm_version=4;");
    let [strict, keylime] = verify_both(&list.ascii(), &policies, |_, _| {});
    assert_eq!(
        codes(&strict),
        [
            (3, FindingCode::BufferNotListed),
            (4, FindingCode::BufferNotListed),
            (5, FindingCode::DeviceMapper),
        ]
    );
    assert_eq!(events(&keylime).len(), 3);
    assert_eq!((strict.accepted.listed, strict.accepted.excluded), (2, 1));
    let [strict, _] = verify_both(&list.ascii(), &policies, |_, options| {
        options.buffers_fail = false;
        options.device_mapper_fails = false;
    });
    // A buffer that the policy knows has to be as the policy says.
    assert_eq!(codes(&strict), [(3, FindingCode::BufferNotListed)]);
}

#[test]
fn an_old_kernel_pads_sha1() {
    let list = List::booted().ng("/usr/bin/hello", &hello());
    let mut value = vec![0; 32];
    for extension in list.extensions(Algorithm::Sha1) {
        value.extend(extension);
        value.resize(64, 0);
        value = hash(Algorithm::Sha256, &value).bytes().to_vec();
    }
    let mut pcrs = PcrValues::default();
    pcrs.insert(10, Digest::new(Algorithm::Sha256, &value).unwrap())
        .unwrap();
    let [strict, keylime] = verify_both(&list.ascii(), &usual(), |evidence, _| {
        evidence.pcrs = pcrs.clone()
    });
    assert_eq!(strict.verdict(), Verdict::Pass);
    assert_eq!(strict.pcrs[0].rule, crate::measurement::Rule::PaddedSha1);
    assert_eq!(events(&keylime), [(0, "ima.pcr_mismatch")]);
    assert_eq!(strict.differences.len(), 1);
}

#[test]
fn faults_of_the_list_are_findings() {
    let good = List::booted().ng("/usr/bin/hello", &hello());
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 5].to_vec();
    for list in [cut(good.ascii()), cut(good.binary())] {
        let [strict, _] = verify_both(&list, &usual(), |_, _| {});
        assert_eq!(codes(&strict), [(2, FindingCode::ListTruncated)]);
    }
    let unknown = [
        &good.ascii()[..],
        b"10 c8acbfa06c0d5bf7696db445ba8489fa2393c0d5 ima-zz x y\n",
    ]
    .concat();
    let [strict, keylime] = verify_both(&unknown, &usual(), |_, _| {});
    assert_eq!(codes(&strict), [(3, FindingCode::TemplateUnknown)]);
    assert_eq!(events(&keylime), [(3, "ima.parser.entry")]);
    let [strict, keylime] = verify_both(&[&good.ascii()[..], b"nonsense\n"].concat(), &usual(), |_, _| {});
    assert_eq!(codes(&strict), [(3, FindingCode::EntryMalformed)]);
    assert_eq!(events(&keylime), [(3, "ima.parser.entry")]);
}

#[test]
fn neighbouring_pcrs_are_named_together() {
    let (sha1, sha256) = (Algorithm::Sha1, Algorithm::Sha256);
    let names = |pcrs: &[(Algorithm, u8)]| goals::name_ranges(pcrs.iter().copied());
    assert_eq!(names(&[]), "");
    assert_eq!(names(&[(sha1, 10)]), "sha1:10");
    assert_eq!(
        names(&[
            (sha1, 0),
            (sha1, 1),
            (sha1, 2),
            (sha256, 3),
            (sha256, 5),
            (sha256, 6)
        ]),
        "sha1:0-2 sha256:3 sha256:5-6"
    );
    assert_eq!(names(&[(sha1, 255), (sha256, 0)]), "sha1:255 sha256:0");
}
