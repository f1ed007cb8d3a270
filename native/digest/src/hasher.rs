//! Streaming hashers: one algorithm, or several in one pass over the data.

use digest::Digest as _;

use crate::{Algorithm, Digest};

macro_rules! hashers {
    ($($variant:ident: $state:ty;)*) => {
        /// The running state of each algorithm's implementation.
        #[derive(Clone)]
        enum State {
            $($variant($state),)*
        }

        impl State {
            fn new(algorithm: Algorithm) -> Self {
                match algorithm {
                    $(Algorithm::$variant => Self::$variant(<$state>::new()),)*
                }
            }

            fn update(&mut self, data: &[u8]) {
                match self {
                    $(Self::$variant(state) => state.update(data),)*
                }
            }

            /// Hands the full digest of the implementation to `take`.
            fn finish<T>(self, take: impl FnOnce(&[u8]) -> T) -> T {
                match self {
                    $(Self::$variant(state) => take(&state.finalize()),)*
                }
            }
        }
    };
}

// The shorter forms of Whirlpool and Tiger are the kernel's: the long digest, cut.
// Linux, crypto/wp512.c; crypto/tgr192.c until 5.14.
hashers! {
    Md4: md4::Md4;
    Md5: md5::Md5;
    Sha1: sha1::Sha1;
    Rmd128: ripemd::Ripemd128;
    Rmd160: ripemd::Ripemd160;
    Rmd256: ripemd::Ripemd256;
    Rmd320: ripemd::Ripemd320;
    Sha224: sha2::Sha224;
    Sha256: sha2::Sha256;
    Sha384: sha2::Sha384;
    Sha512: sha2::Sha512;
    Sha3_256: sha3::Sha3_256;
    Sha3_384: sha3::Sha3_384;
    Sha3_512: sha3::Sha3_512;
    Sm3: sm3::Sm3;
    Streebog256: streebog::Streebog256;
    Streebog512: streebog::Streebog512;
    Tgr128: tiger::Tiger;
    Tgr160: tiger::Tiger;
    Tgr192: tiger::Tiger;
    Wp256: whirlpool::Whirlpool;
    Wp384: whirlpool::Whirlpool;
    Wp512: whirlpool::Whirlpool;
}

/// Hashes one stream of bytes with one algorithm.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
}

impl Hasher {
    /// A hasher that has seen nothing yet.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            state: State::new(algorithm),
        }
    }

    /// Takes the next bytes; how they are cut up does not matter.
    pub fn update(&mut self, data: &[u8]) {
        self.state.update(data);
    }

    /// The digest of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Digest {
        let Self { algorithm, state } = self;
        state.finish(|full| match algorithm {
            Algorithm::Tgr128 | Algorithm::Tgr160 | Algorithm::Tgr192 => {
                Digest::truncated(algorithm, &big_endian_words(full))
            }
            _ => Digest::truncated(algorithm, full),
        })
    }
}

/// Tiger as the kernel writes it: the same three words as everyone's, each the other way round.
fn big_endian_words(little_endian: &[u8]) -> Vec<u8> {
    let words = little_endian.chunks(8);
    words.flat_map(|word| word.iter().rev()).copied().collect()
}

/// The digest of `data`, all of it at hand.
#[must_use]
pub fn hash(algorithm: Algorithm, data: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(data);
    hasher.finish()
}
