use super::*;
use crate::many::hash_in_lanes;
use crate::tests::noise;
use crate::{Algorithm, hash};

const IN_LANES: [Algorithm; 3] = [Algorithm::Sha1, Algorithm::Sha224, Algorithm::Sha256];

/// Every way this machine has; one that has no two lanes is told apart, or the tests would pass on nothing.
fn ways(algorithm: Algorithm) -> Vec<Lanes> {
    let detected = Lanes::detect(algorithm).unwrap();
    if detected.two.is_none() {
        println!("skipped: no SHA instructions for two lanes on this machine");
    }
    vec![Lanes::portable(algorithm).unwrap(), detected]
}

#[test]
fn only_three_algorithms_have_lanes() {
    for &algorithm in Algorithm::ALL {
        assert_eq!(
            Lanes::detect(algorithm).is_some(),
            IN_LANES.contains(&algorithm),
            "{algorithm}"
        );
    }
}

#[test]
fn two_messages_of_any_lengths_do_not_touch_each_other() {
    const MAX: usize = 130;
    let (left, right) = (noise(MAX, 1), noise(MAX, 2));
    for algorithm in IN_LANES {
        let expected = |message: &[u8]| -> Vec<Digest> {
            (0..=MAX).map(|len| hash(algorithm, &message[..len])).collect()
        };
        let (left_digests, right_digests) = (expected(&left), expected(&right));
        for lanes in ways(algorithm) {
            for (left_len, left_digest) in left_digests.iter().enumerate() {
                for (right_len, right_digest) in right_digests.iter().enumerate() {
                    let digests = hash_in_lanes(lanes, &[&left[..left_len], &right[..right_len]]);
                    assert_eq!(
                        digests,
                        [*left_digest, *right_digest],
                        "{left_len} and {right_len} bytes"
                    );
                }
            }
        }
    }
}

#[test]
fn any_number_of_messages_gets_its_digests_in_order() {
    let messages: Vec<Vec<u8>> = (0..200)
        .map(|seed| noise(seed * seed * 7 % 9000, seed as u64))
        .collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    for algorithm in IN_LANES {
        let expected: Vec<Digest> = messages.iter().map(|message| hash(algorithm, message)).collect();
        for lanes in ways(algorithm) {
            for count in [0, 1, 2, 3, 199, 200] {
                assert_eq!(hash_in_lanes(lanes, &messages[..count]), expected[..count]);
            }
        }
    }
}

#[test]
fn the_padding_tells_the_length_in_bits_beyond_four_gibibytes() {
    let (kib, gib) = (1_u64 << 10, 1_u64 << 30);
    let lengths = [
        0,
        55,
        56,
        63,
        64,
        kib,
        gib / 2 - 1,
        gib / 2,
        4 * gib - 1,
        4 * gib,
        4 * gib + 56,
        (1 << 61) - 1,
    ];
    for size_bytes in lengths {
        let rest = usize::try_from(size_bytes % 64).unwrap();
        let mut room = [[0xff; 64]; 2];
        let count = pad(&mut room, size_bytes);
        let end = &room.as_flattened()[..count * 64];
        assert_eq!(count, if rest < 56 { 1 } else { 2 });
        assert!(
            end[..rest].iter().all(|byte| *byte == 0xff),
            "the message itself is changed"
        );
        assert_eq!(end[rest], 0x80);
        let (zeros, bits) = end[rest + 1..].split_last_chunk().unwrap();
        assert!(zeros.iter().all(|byte| *byte == 0));
        assert_eq!(u128::from(u64::from_be_bytes(*bits)), u128::from(size_bytes) * 8);
    }
}
