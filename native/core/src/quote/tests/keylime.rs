//! Quotes as Keylime's agents give them.

use super::*;

fn quote_string(parts: [&[u8]; 3]) -> String {
    format!("r{}", parts.map(Base64::encode_string).join(":"))
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn keylimes_quotes_are_unpacked() {
    let (message, signature, pcrs) = (unhex(MESSAGE), unhex(SIGNATURE), serialized_pcrs());
    let expected = KeylimeQuote {
        message: message.clone(),
        signature: signature.clone(),
        pcrs: pcrs.clone(),
    };
    let plain = quote_string([&message, &signature, &pcrs]);
    assert_eq!(KeylimeQuote::parse(&plain), Ok(expected.clone()));
    assert_eq!(KeylimeQuote::parse(&format!("{plain}\n")), Ok(expected.clone()));
    let packed = quote_string([&zlib(&message), &zlib(&signature), &zlib(&pcrs)]);
    assert_eq!(KeylimeQuote::parse(&packed), Ok(expected.clone()));

    let answer = serde_json::json!({
        "code": 200, "status": "Success",
        "results": {
            "quote": plain, "hash_alg": "sha256", "enc_alg": "ecc", "sign_alg": "ecdsa",
            "pubkey": "-----BEGIN PUBLIC KEY-----", "ima_measurement_list": "10 …\n",
            "ima_measurement_list_entry": 7, "mb_measurement_list": null, "boottime": 1,
        },
    });
    for answer in [&answer, &answer["results"]] {
        let answer = KeylimeAnswer::parse(answer.to_string().as_bytes()).unwrap();
        assert_eq!(answer.quote, expected);
        assert_eq!(answer.signing_algorithm.as_deref(), Some("ecdsa"));
        assert_eq!(answer.measurement_list.as_deref(), Some("10 …\n"));
        assert_eq!((answer.first_entry, answer.boot_event_log), (7, None));
    }
}

#[test]
fn what_is_no_quote_of_keylime_says_why() {
    let (message, signature, pcrs) = (unhex(MESSAGE), unhex(SIGNATURE), serialized_pcrs());
    let good = quote_string([&message, &signature, &pcrs]);
    let mut cut = zlib(&pcrs);
    cut.pop();
    let longer = [zlib(&pcrs), vec![0]].concat();
    let bomb = zlib(&vec![0; 64 << 20]);
    let third = |part: &[u8]| quote_string([&message, &signature, part]);
    let rows = [
        (String::new(), "KEYLIME_QUOTE_MALFORMED"),
        ("r".to_owned(), "KEYLIME_QUOTE_MALFORMED"),
        (good.replacen('r', "d", 1), "KEYLIME_QUOTE_MALFORMED"),
        (good.replacen('r', "", 1), "KEYLIME_QUOTE_MALFORMED"),
        (
            good.rsplit_once(':').unwrap().0.to_owned(),
            "KEYLIME_QUOTE_MALFORMED",
        ),
        (format!("{good}:"), "KEYLIME_QUOTE_MALFORMED"),
        (good.replacen(':', "*:", 1), "KEYLIME_QUOTE_PART_MALFORMED"),
        (third(&cut), "KEYLIME_QUOTE_PART_MALFORMED"),
        (third(&longer), "KEYLIME_QUOTE_PART_MALFORMED"),
        (third(&bomb), "KEYLIME_QUOTE_PART_MALFORMED"),
        (third(&[0; MAX_PART_BYTES + 1]), "KEYLIME_QUOTE_PART_TOO_LARGE"),
        (third(&vec![0; 1 << 20]), "KEYLIME_QUOTE_PART_TOO_LARGE"),
    ];
    for (text, code) in rows {
        let error = KeylimeQuote::parse(&text).unwrap_err();
        assert_eq!(error.code(), code, "{}", &text[..text.len().min(40)]);
        assert!(error.hint().is_some());
    }
    assert!(KeylimeQuote::parse(&third(&zlib(&[0; MAX_PART_BYTES]))).is_ok());
    let answers = [
        "",
        "[]",
        "{}",
        "{\"results\":{\"quote\":1}}",
        "{\"quote\":\"r::\",\"enc_alg\":[]}",
    ];
    for answer in answers {
        let error = KeylimeAnswer::parse(answer.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "KEYLIME_ANSWER_MALFORMED", "{answer}");
    }
    let entry = format!("{{\"quote\":\"{good}\",\"ima_measurement_list_entry\":-1}}");
    let error = KeylimeAnswer::parse(entry.as_bytes()).unwrap_err();
    assert_eq!(error.code(), "KEYLIME_ANSWER_MALFORMED");
}
