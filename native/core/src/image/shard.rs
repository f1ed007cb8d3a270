//! A part of an extraction, for machines that share the work.

/// Which files of an image are wanted: of `count` parts the one with this index. Every file is in one part,
/// whatever the machine and the order of its directories, since its path alone decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// The part `index`, counted from 1, of `count`; none if there is no such part.
    #[must_use]
    pub fn new(index: u32, count: u32) -> Option<Self> {
        (1..=count).contains(&index).then_some(Self { index, count })
    }

    /// Whether a file is in this part.
    #[must_use]
    pub fn has(&self, path: &[u8]) -> bool {
        let hash = mixed(fnv_1a(path));
        hash.checked_rem(u64::from(self.count)) == self.index.checked_sub(1).map(u64::from)
    }
}

/// FNV-1a of 64 bits: the same everywhere, and no secret is needed where nobody is harmed by uneven parts.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Spreads the bits: the low ones of FNV depend on the low ones of the bytes alone.
fn mixed(hash: u64) -> u64 {
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_one_part_and_parts_are_about_even() {
        for count in [1, 2, 3, 7, 64] {
            let shards: Vec<Shard> = (1..=count)
                .map(|index| Shard::new(index, count).unwrap())
                .collect();
            let mut sizes = vec![0_u32; shards.len()];
            for number in 0..20_000 {
                let path = format!("/usr/share/doc/package-{number}/copyright");
                let holders: Vec<usize> = (0..shards.len())
                    .filter(|&index| shards[index].has(path.as_bytes()))
                    .collect();
                assert_eq!(holders.len(), 1, "{path}");
                sizes[holders[0]] += 1;
            }
            let mean = 20_000 / count;
            for size in sizes {
                assert!(size > mean / 2 && size < mean * 2, "{size} of {mean}");
            }
        }
        assert_eq!(Shard::new(0, 3), None);
        assert_eq!(Shard::new(4, 3), None);
        assert_eq!(Shard::new(1, 0), None);
    }

    #[test]
    fn the_parts_of_a_path_never_change() {
        // Machines with different versions may share the work.
        // Expected values: the same arithmetic in Python.
        let part = |path: &[u8]| (1..=8).find(|&index| Shard::new(index, 8).unwrap().has(path));
        let rows: [(&[u8], u32); 3] = [(b"/usr/bin/hello", 5), (b"/", 4), (b"/\xff", 2)];
        for (path, expected) in rows {
            assert_eq!(part(path), Some(expected));
        }
    }
}
