//! A quote of swtpm 0.7.1, made and accepted by tpm2-tools 5.4:
//!
//! ```sh
//! tpm2_createek -c 0x81010001 -G ecc -u ek.pub
//! tpm2_createak -C 0x81010001 -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -f tss -n ak.name
//! tpm2_pcrextend 10:sha1=00…01,sha256=00…01
//! tpm2_quote -c ak.ctx -l sha256:10,0+sha1:10 -q 6e6f6e6365 -m message -s signature -o pcrs -g sha256 > output
//! ```

use crate::testing::unhex;

/// `ak.pub`, TPM2B_PUBLIC.
pub(crate) const KEY: &str = "00580023000b00050072000000100018000b00030010002054b18427e063a1aa35167a4f5e44a6b018ee31da97b2e0b9e398 \
     375c025a40b80020970da2487a8869aed60ed3fee222da56abb730d0d25e1333e6a20aec478321d2";

/// `ak.name`.
pub(crate) const KEY_NAME: &str = "000b54912e6c8f183a8e94ba5f04f7c324b486463e15bd5733d08d0594c280667789";

/// `message`.
pub(crate) const MESSAGE: &str = "ff54434780180022000b14ed52d581e6b937c07f525a859bdd40d4adc43b2822749e77418a55af02e1b600056e6f6e636500 \
     00000000000cbe000000010000000001201910230016363600000002000b030104000004030004000020a734335954f0a82c \
     ab2edeafc91a177b610bcd529f38497b2456ff80b3d27355";

/// `signature`.
pub(crate) const SIGNATURE: &str = "0018000b00208e06673def95a90bf2004b5a35222605685b48f6c4dae79a201b572ceb38264b0020db81a3ef63a0fb634b23 \
     ad95fad61d82a688c36866c316f77c56d6396f03ddeb";

/// `output`.
pub(crate) const OUTPUT: &str = "\
quoted: ff54434780180022000b14ed52d581e6b937c07f525a859bdd40d4adc43b2822749e77418a55af02e1b600056e6f6e63650000000000000cbe000000010000000001201910230016363600000002000b030104000004030004000020a734335954f0a82cab2edeafc91a177b610bcd529f38497b2456ff80b3d27355
signature:
  alg: ecdsa
  sig: 30460221008e06673def95a90bf2004b5a35222605685b48f6c4dae79a201b572ceb38264b022100db81a3ef63a0fb634b23ad95fad61d82a688c36866c316f77c56d6396f03ddeb
pcrs:
  sha256:
    0 : 0x0000000000000000000000000000000000000000000000000000000000000000
    10: 0x90F4B39548DF55AD6187A1D20D731ECEE78C545B94AFD16F42EF7592D99CD365
  sha1:
    10: 0x1E3FDF7FBEC4C6991F3D54E91A0EB8F661ACAFF0
calcDigest: a734335954f0a82cab2edeafc91a177b610bcd529f38497b2456ff80b3d27355
";

/// `-q`.
pub(crate) const NONCE: &[u8] = b"nonce";

/// `pcrs`: the serialized form, 668 bytes of which most are zero.
pub(crate) fn serialized_pcrs() -> Vec<u8> {
    let mut bytes = vec![0; 668];
    let mut put = |offset: usize, hex: &str| {
        let part = unhex(hex);
        bytes[offset..offset + part.len()].copy_from_slice(&part);
    };
    put(0, "02000000 0b00 03 01040000 00 0400 03 00040000 00");
    put(132, "01000000 03000000");
    put(140, "2000");
    put(
        206,
        "2000 90f4b39548df55ad6187a1d20d731ecee78c545b94afd16f42ef7592d99cd365",
    );
    put(272, "1400 1e3fdf7fbec4c6991f3d54e91a0eb8f661acaff0");
    bytes
}
