//! Lines of every template, whose template hashes were computed by others.

use ima_assay_digest::Algorithm;

use super::*;

const A: &str = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
const SHA1_A: &str = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8";
const SIGNATURE: &str = "030204ba209c7e0048304602210090a51dca8f1169865891f35b0cf492fd1415f526bb91d9210326f741ba4c31ca\
                         022100fedd85886b0c29b7fe239a080566a68dba1eba2d6502957d4828c185027fe8c6";

/// Template hash, and what stands behind it.
fn lines() -> Vec<(&'static str, String)> {
    vec![
        ("0e141f6d43cd16f5828b2cb733ce63c9443e81cb", format!("ima {SHA1_A} /init")),
        ("9dc9aecd13d7bfb7ce2e30ef2f01af56ab8b4bc8", format!("ima-ng {A} /usr/bin/true")),
        ("048117913a80683774c2a1193313f98faeebbe82", format!("ima-ng sha1:{SHA1_A} /usr/bin/true")),
        ("dd192f2619fb1d7126514ee5f40d6582241150be", format!("ima-ng sha1:{SHA1_A} /a_b")),
        ("1eac840f2afe55d9209c1822b32933f1feee74f4", format!("ima-ng {SHA1_A} /a")),
        (
            "1d8d532d463c9f8c205d0df7787669a85f93e260",
            format!("ima-ng sha1:{} boot_aggregate", "0".repeat(40)),
        ),
        ("cd258b7994658b2082abe0ee3fe7df16ccca714f", format!("ima-sig {A} /bin/a ")),
        ("cedc6b5f1515e5977ea63964822cc5ac616b82b9", format!("ima-sig {A} /bin/a {SIGNATURE}")),
        ("943dbcfc2cf5a32a04ef7142161d4c69056030cf", format!("ima-ngv2 ima:{A} /bin/a")),
        ("49f6540c9e36d89d9e88b027d600e4895cd96d04", format!("ima-ngv2 verity:{A} /bin/a")),
        ("106eb869fcdf5cd6c751b1923ddc9eac1ce538a9", format!("ima-sigv2 verity:{A} /bin/a ")),
        (
            "95d88a74dd83f63becb6517fdf330901b83fab9f",
            "ima-buf sha256:ef371752225262b34c15e7c8a9610467ac8bf9d4f97577e585dcbe18c5032855 kexec-cmdline 726f207175696574"
                .to_owned(),
        ),
        ("a6adb5b86f6f5e32f13294682d3f94a065a60813", format!("ima-modsig {A} /x.ko   ")),
        (
            "eb9c7745a1a3b048173ee2f91c52d285e24b98a8",
            format!(
                "ima-modsig {A} /x.ko  sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d 3003020101"
            ),
        ),
        (
            "8b04c2cf4b706bdbdb4e67c920cb50aa456adbbd",
            format!("evm-sig {A} /bin/a  security.ima 22000000 0404{} 1000 27 33261", &A[7..]),
        ),
        ("b55b27514e035a99573c3d99df6943a5857822a9", format!("evm-sig {A} boot_aggregate       ")),
        (
            "8fa2ebd06f8b0c2bc41133afbc8137dbb00a2fab",
            format!("d-ng|n-ng|iuid|imode {A} /bin/a 1000 33261"),
        ),
        ("427ea0e7a9066fcff217f2925b0ea7f508c338a7", format!("d|n {SHA1_A} /init")),
    ]
}

/// The same entry on a little-endian and on a big-endian machine.
const LITTLE: &str = "45d5d50121634688267bddd5fd5808b7e67d20a6";
const BIG: &str = "acda73f4da71938bc28296a23e694abfd4f5514f";

fn whole_list() -> Vec<u8> {
    let mut list = String::new();
    for (hash, columns) in lines() {
        list += &format!("10 {hash} {columns}\n");
    }
    list.into_bytes()
}

#[test]
fn every_template_has_the_template_hash_that_the_kernel_gives_it() {
    let read = read(&whole_list());
    assert_eq!(read.faults, []);
    for (entry, (hash, columns)) in read.entries.iter().zip(lines()) {
        assert_eq!((entry.check, entry.fault), (Check::Matches, None), "{columns}");
        assert_eq!(entry.hash, hash);
        assert_eq!(entry.notes, Notes::default());
    }
    assert_eq!(read.entries.len(), lines().len());
}

#[test]
fn lists_go_from_one_form_to_the_other_and_back() {
    let ascii = whole_list();
    let binary = print(&ascii, Form::Binary, None).unwrap();
    assert!(print(&ascii, Form::Ascii, None).unwrap() == ascii);
    assert!(print(&binary, Form::Ascii, None).unwrap() == ascii);
    assert!(print(&binary, Form::Binary, None).unwrap() == binary);
    let sha512 = print(&binary, Form::Binary, Some(Algorithm::Sha512)).unwrap();
    assert_eq!(
        read(&sha512).format.unwrap().hash,
        ListHash::Of(Algorithm::Sha512)
    );
    assert!(print(&sha512, Form::Ascii, Some(Algorithm::Sha1)).unwrap() == ascii);
    // The records of an entry of each layout, byte for byte.
    let rows = [
        (
            0,
            "0a0000000e141f6d43cd16f5828b2cb733ce63c9443e81cb03000000696d61\
             86f7e437faa5a7fce15d1ddcb9eaeaea377667b8050000002f696e6974",
        ),
        (
            1,
            "0a0000009dc9aecd13d7bfb7ce2e30ef2f01af56ab8b4bc806000000696d612d6e673e000000\
             280000007368613235363a00ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\
             0e0000002f7573722f62696e2f7472756500",
        ),
    ];
    for (line, record) in rows {
        let (hash, columns) = &lines()[line];
        let ascii = format!("10 {hash} {columns}\n");
        assert_eq!(hex(&print(ascii.as_bytes(), Form::Binary, None).unwrap()), record);
    }
}

#[test]
fn the_byte_order_is_told_by_the_template_hash() {
    for (hash, order) in [(LITTLE, ByteOrder::Little), (BIG, ByteOrder::Big)] {
        // Violations and the template `ima` say nothing of it.
        let (legacy_hash, legacy) = &lines()[0];
        let list = format!(
            "10 {} ima-ng sha1:{} /v\n10 {legacy_hash} {legacy}\n 9 {hash} ima-ng sha1:{SHA1_A} /a\n",
            "0".repeat(40),
            "0".repeat(40)
        );
        let read = read(list.as_bytes());
        let checks: Vec<Check> = read.entries.iter().map(|entry| entry.check).collect();
        assert_eq!(checks, [Check::Violation, Check::Matches, Check::Matches]);
        let format = read.format.unwrap();
        assert_eq!((format.byte_order, format.is_proven), (order, true));
        assert_eq!(read.entries[2].pcr, 9);
        let binary = print(list.as_bytes(), Form::Binary, None).unwrap();
        assert!(print(&binary, Form::Ascii, None).unwrap() == list.as_bytes());
    }
}

#[test]
fn violations_are_entries_whose_template_hash_is_zero() {
    for digest in [
        format!("sha1:{}", "0".repeat(40)),
        format!("sha256:{}", "0".repeat(64)),
    ] {
        let line = format!("10 {} ima-ng {digest} /var/log/x\n", "0".repeat(40));
        let entry = &read(line.as_bytes()).entries[0];
        assert!(entry.is_violation);
        assert_eq!(entry.check, Check::Violation);
        assert!(print(line.as_bytes(), Form::Ascii, None).unwrap() == line.as_bytes());
        let sha256 = print(line.as_bytes(), Form::Ascii, Some(Algorithm::Sha256)).unwrap();
        assert_eq!(
            String::from_utf8(sha256).unwrap(),
            line.replacen(&"0".repeat(40), &"0".repeat(64), 1)
        );
    }
}

/// What `print` appends for the only entry of a list.
fn shown(list: &[u8], print: impl Fn(&Entry<'_>, &mut Vec<u8>)) -> String {
    let mut reader = Reader::new(list, Limits::default()).unwrap();
    let Some(Item::Entry(entry)) = reader.next().unwrap() else {
        panic!()
    };
    let mut out = Vec::new();
    print(&entry, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn json_lines_have_the_fields_by_the_kernels_ids() {
    let digest = &A[7..];
    let rows = [
        (
            0,
            format!(
                r#""template":"ima","templateHash":"{}","violation":false,"fields":{{"d":{{"digest":"{SHA1_A}"}},"n":"/init"}}"#,
                lines()[0].0
            ),
        ),
        (
            7,
            format!(
                r#""template":"ima-sig","templateHash":"{}","violation":false,"fields":{{"d-ng":{{"algorithm":"sha256","digest":"{digest}"}},"n-ng":"/bin/a","sig":"{SIGNATURE}"}}"#,
                lines()[7].0
            ),
        ),
        (
            9,
            format!(
                r#""template":"ima-ngv2","templateHash":"{}","violation":false,"fields":{{"d-ngv2":{{"type":"verity","algorithm":"sha256","digest":"{digest}"}},"n-ng":"/bin/a"}}"#,
                lines()[9].0
            ),
        ),
        (
            12,
            format!(
                r#""template":"ima-modsig","templateHash":"{}","violation":false,"fields":{{"d-ng":{{"algorithm":"sha256","digest":"{digest}"}},"n-ng":"/x.ko","sig":"","d-modsig":null,"modsig":""}}"#,
                lines()[12].0
            ),
        ),
        (
            16,
            format!(
                r#""template":"d-ng|n-ng|iuid|imode","templateHash":"{}","violation":false,"fields":{{"d-ng":{{"algorithm":"sha256","digest":"{digest}"}},"n-ng":"/bin/a","iuid":1000,"imode":33261}}"#,
                lines()[16].0
            ),
        ),
    ];
    for (line, expected) in rows {
        let (hash, columns) = &lines()[line];
        let json = shown(format!("10 {hash} {columns}\n").as_bytes(), |entry, out| {
            entry.print_json(out)
        });
        assert_eq!(json, format!("{{\"entry\":1,\"pcr\":10,{expected}}}\n"));
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
    }
}

#[test]
fn names_that_are_no_utf8_have_their_bytes_beside_them() {
    let rows: [(&[u8], &str); 3] = [
        (b"/\xe9\"\n\\", r#""n-ng":"/�\"\n\\","n-ng:bytes":"2fe9220a5c""#),
        ("/caf\u{e9}\t".as_bytes(), r#""n-ng":"/café\t""#),
        // A name that has the mark of bytes that are no UTF-8 in it is UTF-8.
        ("/\u{fffd}".as_bytes(), r#""n-ng":"/�""#),
    ];
    for (name, member) in rows {
        let list = made::list(Form::Binary, &[made::Made::file(name)]);
        let json = shown(&list, |entry, out| entry.print_json(out));
        assert!(json.contains(&format!("{member}}}")), "{json}");
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
    }
}

#[test]
fn json_tells_what_is_wrong_with_an_entry_and_leaves_nothing_out() {
    let mut made = made::Made::file(b"/x");
    made.template = "ima-new".to_owned();
    let list = made::list(Form::Binary, &[made.clone()]);
    let json: serde_json::Value =
        serde_json::from_str(&shown(&list, |entry, out| entry.print_json(out))).unwrap();
    assert_eq!(json["fault"]["code"], "TEMPLATE_UNKNOWN");
    assert_eq!(json["templateData"], hex(&made.data(ByteOrder::Little)));
    assert_eq!(json["fields"], serde_json::json!({}));

    // A name without its NUL byte, and a digest without an algorithm.
    let odd = made::Made::new("ima-ng", &[(FieldId::DNg, b"sha256"), (FieldId::NNg, b"/x\0y")]);
    let json: serde_json::Value =
        serde_json::from_str(&shown(&made::list(Form::Binary, &[odd]), |entry, out| {
            entry.print_json(out)
        }))
        .unwrap();
    assert_eq!(
        json["fields"],
        serde_json::json!({"d-ng": "736861323536", "n-ng": "/x", "n-ng:bytes": "2f780079"})
    );
    assert_eq!(json["fault"]["code"], "ENTRY_MALFORMED");
}

#[test]
fn text_lines_cannot_drive_a_terminal() {
    let list = made::list(Form::Binary, &[made::Made::file(b"/a\x1b[2J\n\xff")]);
    let text = shown(&list, |entry, out| entry.print_text(out));
    assert!(text.starts_with("     1  10  ima-ng  sha256:"), "{text}");
    assert!(text.ends_with("  /a\\u{1b}[2J\\n\\xff\n"), "{text}");
    let (hash, columns) = &lines()[11];
    let text = shown(format!("10 {hash} {columns}\n").as_bytes(), |entry, out| {
        entry.print_text(out)
    });
    assert!(text.ends_with("  kexec-cmdline  buf=\"ro quiet\"\n"), "{text}");
    let line = format!("10 {} ima-ng sha1:{} /v\n", "0".repeat(40), "0".repeat(40));
    let text = shown(line.as_bytes(), |entry, out| entry.print_text(out));
    assert!(text.contains("  ima-ng  violation  sha1:0000"), "{text}");
}
