use std::num::NonZeroUsize;

use super::*;
use crate::hash;
use crate::tests::noise;

/// Contents of the tests: bytes handed out `step` at a time, and what happens after them.
struct Bytes {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    End,
    Fail(u32),
    Panic,
}

impl Bytes {
    fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            at: 0,
            step: usize::MAX,
            then: Then::End,
        }
    }

    fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

impl Content for Bytes {
    type Error = u32;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, u32> {
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(buffer.len()).min(self.step);
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        match self.then {
            Then::Fail(error) if count == 0 => Err(error),
            Then::Panic if count == 0 => panic!("a content gave up"),
            _ => Ok(count),
        }
    }
}

const SHA256: &[Algorithm] = &[Algorithm::Sha256];

fn options<'a>(algorithms: &'a [Algorithm], threads: usize, control: &'a Control) -> PoolOptions<'a> {
    PoolOptions {
        algorithms,
        threads: NonZeroUsize::new(threads).unwrap(),
        fail_fast: false,
        control,
    }
}

/// The outcome that `bytes` are to have.
fn hashed(algorithms: &[Algorithm], bytes: &[u8]) -> Outcome<u32> {
    Outcome::Hashed(Hashed {
        size_bytes: bytes.len() as u64,
        digests: algorithms
            .iter()
            .map(|algorithm| hash(*algorithm, bytes))
            .collect(),
    })
}

#[test]
fn outcomes_come_in_order_of_submission() {
    let portable = Lanes::portable(Algorithm::Sha256);
    let rows: [(&str, Option<Lanes>, &[Algorithm]); 6] = [
        (
            "the fastest lanes of this machine",
            Lanes::detect(Algorithm::Sha256),
            SHA256,
        ),
        ("lanes of every machine", portable, SHA256),
        ("no lanes", None, SHA256),
        ("an algorithm that has none", None, &[Algorithm::Sm3]),
        ("two algorithms", None, &[Algorithm::Sha512, Algorithm::Sha1]),
        ("only the sizes", None, &[]),
    ];
    for (why, lanes, algorithms) in rows {
        for threads in 1..=8 {
            let control = Control::default();
            let ((), outcomes) = hash_all_with(lanes, &options(algorithms, threads, &control), |pool| {
                for number in 0..500_usize {
                    let content = Bytes {
                        step: number % 70 + 1,
                        ..Bytes::new(noise(number, 1))
                    };
                    assert_eq!(pool.submit(content), Ok(number));
                }
            });
            for (number, outcome) in outcomes.iter().enumerate() {
                let expected = hashed(algorithms, &noise(number, 1));
                assert_eq!(*outcome, expected, "{why}, {threads} threads, content {number}");
            }
            assert_eq!(outcomes.len(), 500);
            assert_eq!(control.progress().files, 500);
            assert_eq!(control.progress().hashed_bytes, 499 * 500 / 2);
        }
    }
}

#[test]
fn contents_around_the_size_of_the_buffer_are_hashed_whole() {
    let mut sizes = vec![0, 1];
    for buffers in 1..=3 {
        sizes.extend(buffers * READ_BYTES - 65..=buffers * READ_BYTES + 65);
    }
    let bytes = noise(3 * READ_BYTES + 65, 2);
    let control = Control::default();
    let ((), outcomes) = hash_all(&options(SHA256, 1, &control), |pool| {
        for size in &sizes {
            pool.submit(Bytes::new(&bytes[..*size])).unwrap();
        }
    });
    assert_eq!(outcomes.len(), sizes.len());
    for (outcome, size) in outcomes.iter().zip(sizes) {
        assert_eq!(*outcome, hashed(SHA256, &bytes[..size]), "{size} bytes");
    }
}

#[test]
fn a_content_that_fails_leaves_the_others_alone() {
    for algorithms in [SHA256, &[Algorithm::Md5]] {
        let control = Control::default();
        let (_, outcomes) = hash_all(&options(algorithms, 2, &control), |pool| {
            for number in 0..1000 {
                let then = if number % 3 == 0 {
                    Then::Fail(number)
                } else {
                    Then::End
                };
                pool.submit(Bytes::new("abc").then(then)).unwrap();
            }
        });
        assert_eq!(outcomes.len(), 1000);
        for (number, outcome) in (0..).zip(outcomes) {
            match outcome {
                Outcome::Failed(error) => assert_eq!((error, number % 3), (number, 0)),
                Outcome::Hashed(hashed) => {
                    assert_eq!(*hashed.digests, [hash(algorithms[0], b"abc")]);
                    assert_ne!(number % 3, 0);
                }
                Outcome::NotReached => panic!("content {number} was not reached"),
            }
        }
    }
}

#[test]
fn with_fail_fast_submission_ends_after_the_first_failure() {
    for algorithms in [SHA256, &[Algorithm::Md5]] {
        let control = Control::default();
        let options = PoolOptions {
            fail_fast: true,
            ..options(algorithms, 2, &control)
        };
        let (submitted, outcomes) = hash_all(&options, |pool| {
            pool.submit(Bytes::new("abc").then(Then::Fail(7))).unwrap();
            (1..).find(|_| pool.submit(Bytes::new("abc")).is_err()).unwrap()
        });
        assert_eq!(outcomes.len(), submitted);
        assert_eq!(outcomes[0], Outcome::Failed(7));
        assert!(
            !outcomes[1..]
                .iter()
                .any(|outcome| matches!(outcome, Outcome::Failed(_)))
        );
    }
}

/// Bytes that never end.
struct Endless;

impl Content for Endless {
    type Error = u32;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, u32> {
        buffer.fill(0);
        Ok(buffer.len())
    }
}

#[test]
fn cancelling_ends_contents_in_flight_and_those_that_wait() {
    for algorithms in [SHA256, &[Algorithm::Md5]] {
        let control = Control::default();
        let (last, outcomes) = hash_all(&options(algorithms, 3, &control), |pool| {
            for _ in 0..100 {
                pool.submit(Endless).unwrap();
            }
            while control.progress().hashed_bytes == 0 {
                thread::yield_now();
            }
            control.cancel();
            pool.submit(Endless)
        });
        assert_eq!(last, Err(Stopped));
        assert_eq!(outcomes, vec![Outcome::NotReached; 100]);
    }
}

#[test]
fn a_cancelled_pool_frees_a_producer_that_waits_for_room() {
    let control = Control::default();
    let (_, outcomes) = hash_all(&options(SHA256, 1, &control), |pool| {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(std::time::Duration::from_millis(20));
                control.cancel();
            });
            while pool.submit(Endless).is_ok() {}
        });
    });
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::NotReached));
}

#[test]
fn a_panic_of_a_content_reaches_the_caller() {
    for algorithms in [SHA256, &[Algorithm::Md5]] {
        for threads in 1..=3 {
            let panic = catch_unwind(|| {
                let control = Control::default();
                hash_all(&options(algorithms, threads, &control), |pool| {
                    pool.submit(Bytes::new("abc").then(Then::Panic)).unwrap();
                    while pool.submit(Bytes::new("abc")).is_ok() {}
                })
            })
            .unwrap_err();
            assert_eq!(panic.downcast_ref(), Some(&"a content gave up"));
        }
    }
}

#[test]
fn a_panic_of_the_producer_ends_the_workers() {
    for algorithms in [SHA256, &[Algorithm::Md5]] {
        let panic = catch_unwind(|| {
            let control = Control::default();
            hash_all(&options(algorithms, 3, &control), |pool| {
                for _ in 0..10 {
                    pool.submit(Endless).unwrap();
                }
                panic!("the producer gave up");
            })
        })
        .unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the producer gave up"));
    }
}

#[test]
#[should_panic(expected = "a content claims to have read more")]
fn a_content_that_claims_too_many_bytes_is_a_panic() {
    struct Liar;
    impl Content for Liar {
        type Error = u32;
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, u32> {
            Ok(buffer.len() + 1)
        }
    }
    let control = Control::default();
    let _ = hash_all(&options(SHA256, 1, &control), |pool| pool.submit(Liar));
}

/// Bytes that the producer sends while the content is being hashed.
struct Stream {
    chunks: crossbeam_channel::Receiver<Vec<u8>>,
    current: Vec<u8>,
}

impl Content for Stream {
    type Error = u32;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, u32> {
        if self.current.is_empty() {
            self.current = self.chunks.recv().unwrap_or_default();
        }
        let count = self.current.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.current[..count]);
        self.current.drain(..count);
        Ok(count)
    }
}

type Shared = Box<dyn Content<Error = u32>>;

#[test]
fn a_stream_fed_by_the_producer_never_waits_for_a_second_content() {
    const CHUNK: [u8; 1000] = [7; 1000];
    for algorithms in [SHA256, &[Algorithm::Md5]] {
        for threads in 1..=2 {
            let control = Control::default();
            let ((), outcomes) = hash_all(&options(algorithms, threads, &control), |pool| {
                for number in 0..50_usize {
                    for _ in 0..number % 4 {
                        pool.submit(Box::new(Bytes::new("abc")) as Shared).unwrap();
                    }
                    let (sender, chunks) = crossbeam_channel::bounded(1);
                    let current = Vec::new();
                    pool.submit(Box::new(Stream { chunks, current })).unwrap();
                    for _ in 0..number * 10 {
                        sender.send(CHUNK.to_vec()).unwrap();
                    }
                }
            });
            let expected = (0..50_usize).flat_map(|number| {
                let stream = CHUNK.repeat(number * 10);
                std::iter::repeat_n(b"abc".to_vec(), number % 4).chain([stream])
            });
            assert!(
                outcomes
                    .into_iter()
                    .eq(expected.map(|bytes| hashed(algorithms, &bytes)))
            );
        }
    }
}

#[test]
fn a_failure_elsewhere_frees_a_producer_that_feeds_a_stream() {
    for algorithms in [SHA256, &[Algorithm::Md5]] {
        let control = Control::default();
        let options = PoolOptions {
            fail_fast: true,
            ..options(algorithms, 2, &control)
        };
        let (sent, outcomes) = hash_all(&options, |pool| {
            let (sender, chunks) = crossbeam_channel::bounded(1);
            let current = Vec::new();
            pool.submit(Box::new(Stream { chunks, current }) as Shared)
                .unwrap();
            sender.send(vec![0; 1000]).unwrap();
            pool.submit(Box::new(Bytes::new("abc").then(Then::Fail(1))))
                .unwrap();
            let mut sent = 0;
            while sender.send(vec![0; 1000]).is_ok() {
                sent += 1;
            }
            sent
        });
        assert!(sent < 100_000);
        assert_eq!(outcomes, [Outcome::NotReached, Outcome::Failed(1)]);
    }
}

#[test]
fn a_panic_frees_a_producer_that_feeds_a_stream() {
    for threads in 1..=2 {
        let panic = catch_unwind(|| {
            let control = Control::default();
            hash_all(&options(SHA256, threads, &control), |pool| {
                pool.submit(Box::new(Bytes::new("abc").then(Then::Panic)) as Shared)
                    .unwrap();
                let (sender, chunks) = crossbeam_channel::bounded(1);
                let current = Vec::new();
                let _ = pool.submit(Box::new(Stream { chunks, current }));
                while sender.send(vec![0; 1000]).is_ok() {}
            })
        })
        .unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"a content gave up"));
    }
}

#[test]
fn a_hundred_thousand_tiny_contents_are_all_hashed() {
    let control = Control::default();
    let ((), outcomes) = hash_all(&options(SHA256, 2, &control), |pool| {
        for number in 0..100_000_u32 {
            pool.submit(Bytes::new(number.to_le_bytes())).unwrap();
        }
    });
    assert_eq!(outcomes.len(), 100_000);
    for (number, outcome) in (0..100_000_u32).zip(outcomes) {
        assert_eq!(outcome, hashed(SHA256, &number.to_le_bytes()), "content {number}");
    }
    assert_eq!(control.progress().files, 100_000);
}

/// Zeros, `left` of them.
struct Zeros {
    left: u64,
}

impl Content for Zeros {
    type Error = u32;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, u32> {
        let count = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buffer[..count].fill(0);
        self.left -= count as u64;
        Ok(count)
    }
}

#[test]
fn contents_beyond_four_gibibytes_have_the_digests_of_coreutils() {
    if std::env::var_os("IMA_ASSAY_SLOW_TESTS").is_none() {
        println!("skipped: takes a minute; set IMA_ASSAY_SLOW_TESTS=1");
        return;
    }
    const SIZE_BYTES: u64 = (4 << 30) + 1;
    // head -c 4294967297 /dev/zero | sha256sum, and sha1sum; coreutils 9.1.
    let rows = [
        (
            Algorithm::Sha256,
            "fbb82f7b353676bb562eb82157fcf0ea42c36492ca13ee56dbf82c08b6802c5c",
        ),
        (Algorithm::Sha1, "e7d747b75f76e0e41e83b75bce4642816136304f"),
    ];
    for (algorithm, digest) in rows {
        for lanes in [Lanes::detect(algorithm), Lanes::portable(algorithm), None] {
            let control = Control::default();
            let ((), outcomes) = hash_all_with(lanes, &options(&[algorithm], 1, &control), |pool| {
                for _ in 0..2 {
                    pool.submit(Zeros { left: SIZE_BYTES }).unwrap();
                }
            });
            let digests = Box::new([Digest::from_hex(algorithm, digest).unwrap()]);
            let expected = Outcome::Hashed(Hashed {
                size_bytes: SIZE_BYTES,
                digests,
            });
            assert_eq!(outcomes, [expected.clone(), expected]);
        }
    }
}
