//! Lists that are cut off, packed, and handed over in small pieces.

use std::io::{self, Write as _};

use super::made::{Made, Random, list};
use super::*;

fn small() -> Vec<Made> {
    let digest = Made::file(b"/x").fields[0].1.clone();
    let mut violation = Made::file(b"/v");
    violation.is_violation = true;
    vec![
        Made::file(b"boot_aggregate"),
        Made::new("ima", &[(FieldId::D, &[3; 20]), (FieldId::N, b"/legacy\0")]),
        violation,
        Made::new(
            "ima-sig",
            &[
                (FieldId::DNg, &digest),
                (FieldId::NNg, b"/s\0"),
                (FieldId::Sig, b"\x03\x02sig"),
            ],
        ),
        Made::file(b"/two\nlines"),
        Made::file(b"/last"),
    ]
}

/// Everything a list gives, or why it cannot be read.
fn try_read(list: impl io::Read + Send) -> Result<Read, ListError> {
    let mut reader = Reader::new(list, Limits::default())?;
    let mut read = Read::default();
    while let Some(item) = reader.next()? {
        match item {
            Item::Entry(entry) => read.entries.push(owned(&entry)),
            Item::Fault(fault) => read.faults.push(fault),
        }
    }
    Ok(read)
}

#[test]
fn a_list_cut_off_anywhere_is_never_taken_for_a_shorter_one() {
    for form in [Form::Ascii, Form::Binary] {
        let entries = small();
        let ends: Vec<usize> = (0..=entries.len())
            .map(|count| list(form, &entries[..count]).len())
            .collect();
        let whole = list(form, &entries);
        let full = read(&whole);
        assert_eq!(full.faults, []);
        for cut in 1..whole.len() {
            let Ok(read) = try_read(&whole[..cut]) else {
                assert!(cut < 28, "{form:?} {cut}");
                continue;
            };
            let before = ends.iter().filter(|end| **end <= cut).count() - 1;
            assert!(
                read.entries[..before.min(read.entries.len())] == full.entries[..before],
                "{form:?} {cut}"
            );
            if ends.contains(&cut) {
                assert_eq!(
                    (read.entries.len(), read.faults.len()),
                    (before, 0),
                    "{form:?} {cut}"
                );
            } else if form == Form::Ascii && ends.contains(&(cut + 1)) {
                // Only the last line end is gone: a hash shows it, or the entry says so.
                let last = read.entries.last().unwrap();
                assert!(
                    last.check == Check::Matches || last.fault == Some(Problem::LineTruncated),
                    "{cut}"
                );
            } else if form == Form::Binary && cut == 1 {
                // One line feed is an empty ASCII list, and never a pass.
                assert_eq!(read.entries.len(), 0);
            } else {
                let faulty = read
                    .entries
                    .iter()
                    .any(|entry| entry.fault.is_some() || entry.check == Check::Differs);
                assert!(faulty || !read.faults.is_empty(), "{form:?} {cut}");
            }
        }
    }
}

/// Gives a few bytes at a time, and is interrupted in between.
struct Dribble<'a>(&'a [u8], usize, bool);

impl io::Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.2 = !self.2;
        if self.2 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = self.1.min(buffer.len()).min(self.0.len());
        buffer[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        Ok(len)
    }
}

#[test]
fn however_a_list_is_handed_over_it_is_the_same() {
    for form in [Form::Ascii, Form::Binary] {
        let entries: Vec<Made> = small().into_iter().cycle().take(3000).collect();
        let list = list(form, &entries);
        let expected = read(&list);
        assert_eq!(expected.faults, []);
        for step in [1, 7, 4096, 300_000] {
            let read = try_read(Dribble(&list, step, false)).unwrap();
            assert!(
                read.entries == expected.entries && read.faults.is_empty(),
                "{form:?} {step}"
            );
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

type Pack = fn(&[u8]) -> Vec<u8>;

const PACKERS: [(Compression, Pack); 3] = [
    (Compression::Gzip, gzip),
    (Compression::Xz, xz),
    (Compression::Zstd, zstd),
];

#[test]
fn packed_lists_are_read_as_they_are() {
    for form in [Form::Ascii, Form::Binary] {
        let (first, second) = (list(form, &small()), list(form, &small()[..2]));
        let expected = read(&[&first[..], &second].concat());
        for (compression, pack) in PACKERS {
            // Members, streams and frames in a row are one list.
            let packed = [pack(&first), pack(&second)].concat();
            let found = read(&packed);
            assert!(found.entries == expected.entries && found.faults.is_empty());
            assert_eq!(found.format.unwrap().compression, Some(compression));
        }
    }
}

#[test]
fn a_packed_list_cut_off_anywhere_is_an_error() {
    let whole = list(Form::Ascii, &small());
    for (compression, pack) in PACKERS {
        let packed = pack(&whole);
        for cut in 6..packed.len() {
            match try_read(&packed[..cut]) {
                Err(ListError::CompressionTruncated { .. } | ListError::CompressionCorrupt { .. }) => {}
                other => panic!("{} {cut}: {other:?}", compression.name()),
            }
        }
        let mut damaged = packed.clone();
        damaged[packed.len() / 2] ^= 0x55;
        // Without a checksum, which zstd can leave out, what is unpacked is merely wrong.
        let is_sound = try_read(&*damaged).is_ok_and(|read| {
            read.faults.is_empty() && read.entries.iter().all(|entry| entry.check != Check::Differs)
        });
        assert!(!is_sound, "{}", compression.name());
    }
}

#[test]
fn a_packed_list_that_grows_beyond_all_measure_is_refused() {
    let mut line = list(Form::Ascii, &[Made::file(b"/x")]);
    line.resize(100 << 20, b'x');
    let packed = zstd(&line);
    assert!(line.len() / packed.len() > 2000);
    let mut reader = Reader::new(&packed[..], Limits::default()).unwrap();
    let error = loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("read to its end"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ListError::UnpackedTooLarge { .. }), "{error}");
    let limits = Limits {
        max_unpacked_bytes: 1000,
        ..Limits::default()
    };
    let small = zstd(&line[..5000]);
    assert!(matches!(
        Reader::new(&small[..], limits),
        Err(ListError::UnpackedTooLarge { .. })
    ));
}

#[test]
fn a_source_that_fails_is_an_error_and_not_the_end() {
    struct Failing;
    impl io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    let list = list(Form::Ascii, &small());
    let source = io::Read::chain(&list[..], Failing);
    assert!(matches!(
        Reader::new(source, Limits::default()),
        Err(ListError::Io(_))
    ));
}

#[test]
fn noise_is_read_to_its_end_whatever_it_is() {
    let mut random = Random::new(11);
    let seeds = [list(Form::Ascii, &small()), list(Form::Binary, &small())];
    for round in 0..1500 {
        let mut bytes = seeds[round % 2].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => {
                    let to = at + random.below(bytes.len() - at);
                    bytes.drain(at..to);
                }
                _ => {
                    let len = random.below(40);
                    let noise = random.bytes(len);
                    bytes.splice(at..at, noise);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        if let Ok(mut reader) = Reader::new(&bytes[..], Limits::default()) {
            let mut replay = Replay::new(ReplayOptions::default()).unwrap();
            let mut stats = Stats::default();
            let mut out = Vec::new();
            while let Ok(Some(item)) = reader.next() {
                stats.add(&item);
                if let Item::Entry(entry) = item {
                    assert_eq!(replay.extend(&entry), entry.check());
                    entry.print_json(&mut out);
                    entry.print_text(&mut out);
                    let _ = entry.print(Form::Ascii, None, &mut out);
                    let _ = entry.print(Form::Binary, None, &mut out);
                }
            }
            let _ = replay.finish();
        }
    }
}
