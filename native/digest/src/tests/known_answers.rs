//! Digests that others made, so that every algorithm is tested without any tool at hand.
//!
//! Made with OpenSSL 3.0.22; Streebog and Tiger with RHash 1.4.3, the RIPEMD forms OpenSSL lacks with
//! PHP 8.2.36. Tiger is written as the kernel does (`crypto/tgr192.c`, until 5.14) and as its authors
//! print it: three big-endian words, where RHash has them little-endian.

use crate::Algorithm::{self, *};
use crate::{Hasher, hash, hash_many};

const MESSAGES: [(&[u8], usize); 4] = [
    (b"", 1),
    (b"abc", 1),
    (b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1),
    (b"a", 1_000_000),
];

#[rustfmt::skip]
const DIGESTS: &[(Algorithm, [&str; 4])] = &[
    (Md4, [
        "31d6cfe0d16ae931b73c59d7e0c089c0",
        "a448017aaf21d8525fc10ae87aa6729d",
        "4691a9ec81b1a6bd1ab8557240b245c5",
        "bbce80cc6bb65e5c6745e30d4eeca9a4",
    ]),
    (Md5, [
        "d41d8cd98f00b204e9800998ecf8427e",
        "900150983cd24fb0d6963f7d28e17f72",
        "8215ef0796a20bcaaae116d3876c664a",
        "7707d6ae4e027c70eea2a935c2296f21",
    ]),
    (Sha1, [
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
    ]),
    (Rmd160, [
        "9c1185a5c5e9fc54612808977ee8f548b2258d31",
        "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc",
        "12a053384a9c0c88e405a06c27dcf49ada62eb2b",
        "52783243c1697bdbe16d37f97f68f08325dc1528",
    ]),
    (Sha256, [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ]),
    (Sha384, [
        "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        "3391fdddfc8dc7393707a65b1b4709397cf8b1d162af05abfe8f450de5f36bc6b0455a8520bc4e6f5fe95b1fe3c8452b",
        "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985",
    ]),
    (Sha512, [
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c33596fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445",
        "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
    ]),
    (Sha224, [
        "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
        "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
        "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525",
        "20794655980c91d8bbb4c1ea97618a4bf03f42581948b2ee4ee7ad67",
    ]),
    (Rmd128, [
        "cdf26213a150dc3ecb610f18f6b38b46",
        "c14a12199c66e4ba84636b0f69144c77",
        "a1aa0689d0fafa2ddc22e88b49133a06",
        "4a7f5723f954eba1216c9d8f6320431f",
    ]),
    (Rmd256, [
        "02ba4c4e5f8ecd1877fc52d64d30e37a2d9774fb1e5d026380ae0168e3c5522d",
        "afbd6e228b9d8cbbcef5ca2d03e6dba10ac0bc7dcbe4680e1e42d2e975459b65",
        "3843045583aac6c8c8d9128573e7a9809afb2a0f34ccc36ea9e72f16f6368e3f",
        "ac953744e10e31514c150d4d8d7b677342e33399788296e43ae4850ce4f97978",
    ]),
    (Rmd320, [
        "22d65d5661536cdc75c1fdf5c6de7b41b9f27325ebc61e8557177d705a0ec880151c3a32a00899b8",
        "de4c01b3054f8930a79d09ae738e92301e5a17085beffdc1b8d116713e74f82fa942d64cdbc4682d",
        "d034a7950cf722021ba4b84df769a5de2060e259df4c9bb4a4268c0e935bbc7470a969c9d072a1ac",
        "bdee37f4371e20646b8b0d862dda16292ae36f40965e8c8509e63d1dbddecc503e2b63eb9245bb66",
    ]),
    (Wp256, [
        "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a7",
        "4e2448a4c6f486bb16b6562c73b4020bf3043e3a731bce721ae1b303d97e6d4c",
        "526b2394d85683e24b29acd0fd37f7d5027f61366a1407262dc2a6a345d9e240",
        "0c99005beb57eff50a7cf005560ddf5d29057fd86b20bfd62deca0f1ccea4af5",
    ]),
    (Wp384, [
        "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a73e83be698b288febcf88e3e03c4f0757",
        "4e2448a4c6f486bb16b6562c73b4020bf3043e3a731bce721ae1b303d97e6d4c7181eebdb6c57e277d0e34957114cbd6",
        "526b2394d85683e24b29acd0fd37f7d5027f61366a1407262dc2a6a345d9e240c017c1833db1e6db6a46bd444b0c6952",
        "0c99005beb57eff50a7cf005560ddf5d29057fd86b20bfd62deca0f1ccea4af51fc15490eddc47af32bb2b66c34ff9ad",
    ]),
    (Wp512, [
        "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a73e83be698b288febcf88e3e03c4f0757ea8964e59b63d93708b138cc42a66eb3",
        "4e2448a4c6f486bb16b6562c73b4020bf3043e3a731bce721ae1b303d97e6d4c7181eebdb6c57e277d0e34957114cbd6c797fc9d95d8b582d225292076d4eef5",
        "526b2394d85683e24b29acd0fd37f7d5027f61366a1407262dc2a6a345d9e240c017c1833db1e6db6a46bd444b0c69520c856e7c6e9c366d150a7da3aeb160d1",
        "0c99005beb57eff50a7cf005560ddf5d29057fd86b20bfd62deca0f1ccea4af51fc15490eddc47af32bb2b66c34ff9ad8c6008ad677f77126953b226e4ed8b01",
    ]),
    (Tgr128, [
        "24f0130c63ac933216166e76b1bb925f",
        "f258c1e88414ab2a527ab541ffc5b8bf",
        "f2589c9ba1f97b0fc30a4fe8f70d61b7",
        "93adbe9c72e2b06de90263d3a7c615d7",
    ]),
    (Tgr160, [
        "24f0130c63ac933216166e76b1bb925ff373de2d",
        "f258c1e88414ab2a527ab541ffc5b8bf935f7b95",
        "f2589c9ba1f97b0fc30a4fe8f70d61b78ef7537b",
        "93adbe9c72e2b06de90263d3a7c615d7414b31bc",
    ]),
    (Tgr192, [
        "24f0130c63ac933216166e76b1bb925ff373de2d49584e7a",
        "f258c1e88414ab2a527ab541ffc5b8bf935f7b951c132951",
        "f2589c9ba1f97b0fc30a4fe8f70d61b78ef7537b1e631ca7",
        "93adbe9c72e2b06de90263d3a7c615d7414b31bcd2e0ceb3",
    ]),
    (Sm3, [
        "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
        "639b6cc5e64d9e37a390b192df4fa1ea0720ab747ff692b9f38c4e66ad7b8c05",
        "c8aaf89429554029e231941a2acc0ad61ff2a5acd8fadd25847a3a732b3b02c3",
    ]),
    (Streebog256, [
        "3f539a213e97c802cc229d474c6aa32a825a360b2a933a949fd925208d9ce1bb",
        "4e2919cf137ed41ec4fb6270c61826cc4fffb660341e0af3688cd0626d23b481",
        "47440b6ca733f24c7b80dada8055796a2742cb729f92cb7fedf5188f5f3f1cfc",
        "841af1a0b2f92a800fb1b7e4aabc8e48763153c448a0fc57c90ba830e130f152",
    ]),
    (Streebog512, [
        "8e945da209aa869f0455928529bcae4679e9873ab707b55315f56ceb98bef0a7362f715528356ee83cda5f2aac4c6ad2ba3a715c1bcd81cb8e9f90bf4c1c1a8a",
        "28156e28317da7c98f4fe2bed6b542d0dab85bb224445fcedaf75d46e26d7eb8d5997f3e0915dd6b7f0aab08d9c8beb0d8c64bae2ab8b3c8c6bc53b3bf0db728",
        "859190f728250159b34a08b1d3262279a19668c571fc7a7e724c0910318fd4a251974e67592dbc96919d282de2da875488d59dc37a2876296f633f451a488e24",
        "d396a40b126b1f324465bfa7aa159859ab33fac02dcdd4515ad231206396a266d0102367e4c544ef47d2294064e1a25342d0cd25ae3d904b45abb1425ae41095",
    ]),
    (Sha3_256, [
        "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
        "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
        "41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376",
        "5c8875ae474a3634ba4fd55ec85bffd661f32aca75c6d699d0cdcb6c115891c1",
    ]),
    (Sha3_384, [
        "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004",
        "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
        "991c665755eb3a4b6bbdfb75c78a492e8c56a22c5c4d7e429bfdbc32b9d4ad5aa04a1f076e62fea19eef51acd0657c22",
        "eee9e24d78c1855337983451df97c8ad9eedf256c6334f8e948d252d5e0e76847aa0774ddb90a842190d2c558b4b8340",
    ]),
    (Sha3_512, [
        "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
        "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
        "04a371e84ecfb5b8b77cb48610fca8182dd457ce6f326a0fd3d7ec2f1e91636dee691fbe0c985302ba1b0d8dc78c086346b533b49c030d99a27daf1139d6e75e",
        "3c3a876da14034ab60627c077bb98f7e120a2a5370212dffb3385a18d4f38859ed311d0a9d5141ce9cc5c66ee689b266a8aa18ace8282a0e0db596c90b0a7b87",
    ]),
];

#[test]
fn every_algorithm_gives_the_digests_others_give() {
    let listed: Vec<Algorithm> = DIGESTS.iter().map(|row| row.0).collect();
    assert_eq!(listed, Algorithm::ALL);
    for (algorithm, digests) in DIGESTS {
        let messages = MESSAGES.map(|(part, times)| part.repeat(times));
        let many = hash_many(*algorithm, &messages.each_ref().map(Vec::as_slice));
        for ((message, many), digest) in messages.iter().zip(many).zip(digests) {
            assert_eq!(hash(*algorithm, message).to_string(), *digest, "{algorithm}");
            assert_eq!(many.to_string(), *digest, "{algorithm}");
            let mut hasher = Hasher::new(*algorithm);
            message.chunks(997).for_each(|part| hasher.update(part));
            assert_eq!(hasher.finish().to_string(), *digest, "{algorithm}");
        }
    }
}
