//! The hash algorithms IMA can name: one table, from which names, lengths and numbers are read.

use std::fmt;
use std::str::FromStr;

/// One row of the table: everything about an algorithm that is not arithmetic.
struct Row {
    algorithm: Algorithm,
    /// The kernel's spelling (`crypto/hash_info.c`), as it stands in measurement lists.
    name: &'static str,
    /// Other spellings in use: TPM tools, Keylime, OpenSSL, older kernels.
    aliases: &'static [&'static str],
    /// Digest length in bytes.
    len: usize,
    /// `enum hash_algo` of the kernel, the number in a signature header.
    kernel_id: u8,
}

macro_rules! table {
    ($($variant:ident $name:literal $aliases:expr, $len:literal, $id:literal;)*) => {
        /// A hash algorithm that the kernel can name in a measurement list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Algorithm {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Algorithm {
            /// Every algorithm, in the kernel's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }

        const TABLE: &[Row] = &[$(Row {
            algorithm: Algorithm::$variant,
            name: $name,
            aliases: &$aliases,
            len: $len,
            kernel_id: $id,
        },)*];
    };
}

// Linux, include/uapi/linux/hash_info.h and crypto/hash_info.c.
table! {
    Md4         "md4"         [], 16, 0;
    Md5         "md5"         [], 16, 1;
    Sha1        "sha1"        ["sha-1"], 20, 2;
    Rmd160      "rmd160"      ["ripemd160", "rmd-160"], 20, 3;
    Sha256      "sha256"      ["sha-256", "sha2-256"], 32, 4;
    Sha384      "sha384"      ["sha-384", "sha2-384"], 48, 5;
    Sha512      "sha512"      ["sha-512", "sha2-512"], 64, 6;
    Sha224      "sha224"      ["sha-224", "sha2-224"], 28, 7;
    Rmd128      "rmd128"      ["ripemd128", "rmd-128"], 16, 8;
    Rmd256      "rmd256"      ["ripemd256", "rmd-256"], 32, 9;
    Rmd320      "rmd320"      ["ripemd320", "rmd-320"], 40, 10;
    Wp256       "wp256"       ["whirlpool-256"], 32, 11;
    Wp384       "wp384"       ["whirlpool-384"], 48, 12;
    Wp512       "wp512"       ["whirlpool", "whirlpool-512"], 64, 13;
    Tgr128      "tgr128"      ["tiger-128"], 16, 14;
    Tgr160      "tgr160"      ["tiger-160"], 20, 15;
    Tgr192      "tgr192"      ["tiger", "tiger-192"], 24, 16;
    Sm3         "sm3"         ["sm3-256", "sm3_256"], 32, 17;
    Streebog256 "streebog256" ["streebog-256", "md_gost12_256"], 32, 18;
    Streebog512 "streebog512" ["streebog-512", "md_gost12_512"], 64, 19;
    Sha3_256    "sha3-256"    ["sha3_256"], 32, 20;
    Sha3_384    "sha3-384"    ["sha3_384"], 48, 21;
    Sha3_512    "sha3-512"    ["sha3_512"], 64, 22;
}

impl Algorithm {
    #[expect(
        clippy::indexing_slicing,
        clippy::as_conversions,
        reason = "the table is generated from the enum: row and variant have the same index"
    )]
    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The kernel's spelling, as measurement lists have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Other spellings that [`FromStr`] accepts.
    #[must_use]
    pub fn aliases(self) -> &'static [&'static str] {
        self.row().aliases
    }

    /// Length of a digest in bytes: 16 to 64.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a digest is never empty")]
    pub fn len(self) -> usize {
        self.row().len
    }

    /// The kernel's number (`enum hash_algo`), as signature headers have it.
    #[must_use]
    pub fn kernel_id(self) -> u8 {
        self.row().kernel_id
    }

    /// The algorithm with this number in the kernel's `enum hash_algo`.
    #[must_use]
    pub fn from_kernel_id(id: u8) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.kernel_id == id)
            .map(|row| row.algorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no hash algorithm of the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown hash algorithm \"{}\"", .name.escape_debug())]
pub struct UnknownAlgorithm {
    /// The name as it was given.
    pub name: String,
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Reads the kernel's name or an alias, in any case.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        TABLE
            .iter()
            .find(|row| {
                row.name.eq_ignore_ascii_case(name)
                    || row.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
            })
            .map(|row| row.algorithm)
            .ok_or_else(|| UnknownAlgorithm {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_names_and_number() {
        for &algorithm in Algorithm::ALL {
            assert_eq!(algorithm.row().algorithm, algorithm);
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            assert_eq!(algorithm.name().to_uppercase().parse(), Ok(algorithm));
            assert_eq!(Algorithm::from_kernel_id(algorithm.kernel_id()), Some(algorithm));
            for alias in algorithm.aliases() {
                assert_eq!(alias.parse(), Ok(algorithm));
            }
        }
        assert_eq!(Algorithm::from_kernel_id(200), None);
    }

    #[test]
    fn an_unknown_name_is_an_error_that_shows_it_escaped() {
        let error = "sha\u{1b}[2J".parse::<Algorithm>().unwrap_err();
        assert_eq!(error.to_string(), "unknown hash algorithm \"sha\\u{1b}[2J\"");
    }
}
