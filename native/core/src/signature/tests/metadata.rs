//! The fields of `evm-sig`.

use super::*;
use crate::signature::samples::{EVM_SIGNATURE, IMA_SIGNATURE};
use crate::testing::shared;

/// The metadata that the sample was signed over.
struct Signed {
    signature: Vec<u8>,
    names: Vec<u8>,
    lengths: Vec<u8>,
    values: Vec<u8>,
    digest: Vec<u8>,
}

impl Signed {
    fn new() -> Self {
        let digest = digest_of_a(Algorithm::Sha256);
        Self {
            signature: unhex(EVM_SIGNATURE),
            names: b"security.selinux|security.ima|security.capability\0".to_vec(),
            lengths: unhex("1b000000 22000000 00000000"),
            values: [b"system_u:object_r:bin_t:s0\0\x04\x04", &digest[..]].concat(),
            digest,
        }
    }

    fn metadata(&self) -> Metadata<'_> {
        Metadata {
            signature: &self.signature,
            xattr_names: &self.names,
            xattr_lengths: &self.lengths,
            xattr_values: &self.values,
            uid: 1000,
            gid: 27,
            mode: 33261,
            byte_order: ByteOrder::Little,
            digest: file_digest(DigestKind::Untyped, Algorithm::Sha256, &self.digest),
        }
    }
}

#[test]
fn a_portable_signature_covers_owner_mode_and_xattrs() {
    let keyring = samples_keyring();
    let signed = Signed::new();
    let metadata = signed.metadata();
    assert!(keyring.verify_metadata(&metadata).is_valid());
    let rows = [
        Metadata {
            uid: 1001,
            ..metadata
        },
        Metadata { gid: 28, ..metadata },
        Metadata {
            mode: 0o100_777,
            ..metadata
        },
    ];
    for changed in rows {
        assert_eq!(word(&keyring.verify_metadata(&changed)), "invalid");
    }
    let mut changed = Signed::new();
    changed.values[0] ^= 1;
    assert_eq!(word(&keyring.verify_metadata(&changed.metadata())), "invalid");
    let empty = Keyring::new();
    assert_eq!(word(&empty.verify_metadata(&metadata)), "unknown");
}

#[test]
fn the_byte_order_of_the_list_is_that_of_the_lengths_and_any_may_be_signed() {
    let signed = Signed {
        lengths: unhex("0000001b 00000022 00000000"),
        ..Signed::new()
    };
    let metadata = Metadata {
        byte_order: ByteOrder::Big,
        ..signed.metadata()
    };
    assert!(samples_keyring().verify_metadata(&metadata).is_valid());
    let little = signed.metadata();
    assert_eq!(word(&samples_keyring().verify_metadata(&little)), "metadata");
}

#[test]
fn metadata_that_contradict_each_other_say_how() {
    let keyring = samples_keyring();
    let fault = |change: &dyn Fn(&mut Signed)| {
        let mut signed = Signed::new();
        change(&mut signed);
        match keyring.verify_metadata(&signed.metadata()) {
            SignatureOutcome::MetadataMismatch(fault) => fault,
            outcome => panic!("{outcome}"),
        }
    };
    assert_eq!(fault(&|signed| signed.names.clear()), MetadataFault::ImaMissing);
    assert_eq!(
        fault(&|signed| {
            signed.names.pop();
        }),
        MetadataFault::NamesUnterminated
    );
    assert_eq!(
        fault(&|signed| signed.lengths.truncate(8)),
        MetadataFault::LengthsWrong { names: 3, lengths: 8 }
    );
    assert_eq!(
        fault(&|signed| signed.lengths.truncate(11)),
        MetadataFault::LengthsWrong {
            names: 3,
            lengths: 11
        }
    );
    assert_eq!(
        fault(&|signed| signed.names[17..].copy_from_slice(b"security.imb|security.capability\0")),
        MetadataFault::ImaMissing
    );
    let wrong = |values| MetadataFault::ValuesWrong { values };
    assert_eq!(fault(&|signed| signed.values.push(0)), wrong(62));
    assert_eq!(
        fault(&|signed| {
            signed.values.pop();
        }),
        wrong(60)
    );
    assert_eq!(fault(&|signed| signed.lengths[8..].fill(0xff)), wrong(61));
    assert_eq!(fault(&|signed| signed.digest[0] ^= 1), MetadataFault::ImaDiffers);
    assert_eq!(fault(&|signed| signed.values[28] = 17), MetadataFault::ImaDiffers);
    assert_eq!(
        fault(&|signed| signed.values[27] = 9),
        MetadataFault::ImaMalformed
    );
    assert_eq!(fault(&|signed| signed.values[27] = 1), MetadataFault::ImaDiffers);
}

#[test]
fn what_is_no_portable_signature_is_none() {
    let keyring = samples_keyring();
    let outcome = |signature: &[u8]| {
        let signed = Signed {
            signature: signature.to_vec(),
            ..Signed::new()
        };
        word(&keyring.verify_metadata(&signed.metadata()))
    };
    assert_eq!(outcome(&[]), "malformed");
    assert_eq!(outcome(&[2; 21]), "malformed");
    assert_eq!(outcome(&unhex(IMA_SIGNATURE)), "kind");
    let good = unhex(EVM_SIGNATURE);
    for len in 0..good.len() {
        assert_eq!(outcome(&good[..len]), "malformed");
    }
}

#[test]
fn a_signature_as_security_ima_must_verify_too() {
    let keyring = samples_keyring();
    let ima = unhex(IMA_SIGNATURE);
    let mut signed = Signed::new();
    signed.values.truncate(27);
    signed.values.extend_from_slice(&ima);
    signed.lengths[4] = u8::try_from(ima.len()).unwrap();
    // These xattrs were never signed: it is the last step that fails.
    assert_eq!(word(&keyring.verify_metadata(&signed.metadata())), "invalid");
    signed.digest[0] ^= 1;
    assert_eq!(word(&keyring.verify_metadata(&signed.metadata())), "invalid");
    signed.values[28] = 4;
    assert_eq!(word(&keyring.verify_metadata(&signed.metadata())), "unsupported");
}

#[test]
fn the_vector_verifies_or_fails_as_it_says() {
    let Some(root) = shared("vectors/ima-log/evm-sig") else {
        return;
    };
    let keyring = keyring(&[&read(&root.join("keys/evm.cert.der"))]);
    let mut said = Vec::new();
    for entry in vector(&root) {
        let at = |id| field(&entry, id);
        let (signature, names, lengths) = (at("evmsig"), at("xattrnames"), at("xattrlengths"));
        if signature.is_empty() {
            continue;
        }
        let (values, digest) = (at("xattrvalues"), at("d-ng"));
        let number = |id| u32::from_le_bytes(at(id).try_into().unwrap());
        let outcome = keyring.verify_metadata(&Metadata {
            signature: &signature,
            xattr_names: &names,
            xattr_lengths: &lengths,
            xattr_values: &values,
            uid: number("iuid"),
            gid: number("igid"),
            mode: u16::from_le_bytes(at("imode").try_into().unwrap()),
            byte_order: ByteOrder::Little,
            digest: digest_field(&digest),
        });
        let expected = entry["evmSignature"].as_str().unwrap();
        assert_eq!(outcome.is_valid(), expected == "good", "{outcome}");
        said.push(word(&outcome));
    }
    assert_eq!(said, ["valid", "valid", "invalid"]);
}
