//! Keylime's rules: its matrix, row by row, and its quirks. With real signatures in `vectors` and `corpus`.

use super::*;

#[test]
fn entries_that_keylime_cannot_read_are_not_extended() {
    let list = List::booted()
        .entry(
            "ima-ngv2",
            &[
                list::digest("ima:sha256", hello().bytes()),
                list::name(b"/usr/bin/hello"),
            ],
        )
        .ng("/usr/bin/hello", &hello());
    let pcrs = pcr_10(&list, Algorithm::Sha256, 3);
    for list in [list.ascii(), list.binary()] {
        let [strict, keylime] = verify_both(&list, &usual(), |evidence, _| evidence.pcrs = pcrs.clone());
        assert_eq!(strict.verdict(), Verdict::Pass);
        assert_eq!(
            events(&keylime),
            [(0, "ima.pcr_mismatch"), (2, "ima.parser.entry")]
        );
        assert_eq!(strict.differences.len(), 2);
    }
}

#[test]
fn a_malformed_signature_is_a_wrong_template_hash() {
    let list = List::booted().sig("/usr/bin/hello", &hello(), b"\x03\x02\x04");
    for list in [list.ascii(), list.binary()] {
        for members in [
            json!({"digests": {"boot_aggregate": [list::boot().to_string()], "/usr/bin/hello": [hello().to_string()]}}),
            json!({"digests": {"boot_aggregate": [list::boot().to_string()]}, "excludes": ["/usr"]}),
        ] {
            let [_, keylime] = verify_both(&list, &policies(&members), |_, _| {});
            assert_eq!(events(&keylime), [(2, "ima.validation.ima_hash")]);
        }
    }
}

#[test]
fn names_that_are_no_text_end_keylime() {
    let list = List::booted()
        .entry(
            "ima-ng",
            &[list::digest("sha256", hello().bytes()), list::name(b"/\xff")],
        )
        .ng("/nowhere", &hello());
    let [_, keylime] = verify_both(&list.ascii(), &usual(), |_, _| {});
    assert_eq!(events(&keylime), [(2, "exception.UnicodeEncodeError")]);
}

#[test]
fn a_name_with_a_line_end_is_two_lines_to_keylime() {
    let list = List::booted().ng("/usr/bin/hello\nx", &hello());
    let policies = policies(&json!({"digests": {
        "boot_aggregate": [list::boot().to_string()],
        "/usr/bin/hello\nx": [hello().to_string()],
    }}));
    for list in [list.ascii(), list.binary()] {
        let [strict, keylime] = verify_both(&list, &policies, |_, _| {});
        assert_eq!(strict.verdict(), Verdict::Pass);
        assert_eq!(
            events(&keylime),
            [(2, "ima.validation.ima_hash"), (2, "ima.parser.entry")]
        );
    }
}

#[test]
fn a_list_of_another_bank_fails_as_a_whole() {
    let list = List::booted().ng("/usr/bin/hello", &hello());
    let mut ascii = String::new();
    for (line, hash) in String::from_utf8(list.ascii())
        .unwrap()
        .lines()
        .zip(list.extensions(Algorithm::Sha256))
    {
        let (_, rest) = line[3..].split_once(' ').unwrap();
        ascii += &format!("10 {} {rest}\n", crate::testing::hex(&hash));
    }
    let [strict, keylime] = verify_both(ascii.as_bytes(), &usual(), |_, _| {});
    assert_eq!(strict.verdict(), Verdict::Pass);
    assert_eq!(
        events(&keylime),
        [(1, "ima.validation.ima_hash"), (2, "ima.validation.ima_hash")]
    );
    let mut members = json!({"digests": {
        "boot_aggregate": [list::boot().to_string()],
        "/usr/bin/hello": [hello().to_string()],
    }});
    members["ima"] = json!({"ignored_keyrings": [], "log_hash_alg": "sha256", "dm_policy": null});
    let [_, keylime] = verify_both(ascii.as_bytes(), &policies(&members), |_, _| {});
    assert_eq!(keylime.verdict(), Verdict::Pass);
}

#[test]
fn upper_case_digests_of_a_policy_are_never_found() {
    let policies = policies(&json!({"digests": {
        "boot_aggregate": [list::boot().to_string()],
        "/usr/bin/hello": [hello().to_string().to_uppercase()],
    }}));
    let list = List::booted().ng("/usr/bin/hello", &hello());
    let [strict, keylime] = verify_both(&list.ascii(), &policies, |_, _| {});
    assert_eq!(strict.verdict(), Verdict::Pass);
    assert_eq!(
        events(&keylime),
        [(2, "ima.validation.ima-ng.runtime_policy_hash")]
    );
    assert!(strict.unchecked.iter().any(|line| line.contains("would refuse")));
}

#[test]
fn exceptions_and_policies_without_sections() {
    let bare = read(
        json!({"digests": {"boot_aggregate": [list::boot().to_string()]}})
            .to_string()
            .as_bytes(),
        b"policy.json",
        &ReadOptions::default(),
    );
    let policies = PolicySet::new(vec![bare.unwrap()]);
    let [strict, keylime] = verify_both(&List::booted().ascii(), &policies, |_, _| {});
    assert_eq!(strict.verdict(), Verdict::Pass);
    assert_eq!(events(&keylime), [(0, "exception.KeyError")]);
}
