//! A worker with one content in flight: several algorithms, or one that is not hashed in lanes.

use super::queue::{Numbered, Tally, Worker};
use super::{Content, Hashed, Outcome, READ_BYTES, read_into};
use crate::{Algorithm, Hasher};

/// Hashes contents until the queue ends.
pub(super) fn work<C: Content>(
    worker: &Worker<'_, C>,
    algorithms: &[Algorithm],
) -> Vec<Numbered<Outcome<C::Error>>> {
    let mut tally = worker.tally();
    let mut buffer = vec![0; READ_BYTES];
    let mut outcomes = Vec::new();
    loop {
        let next = worker.poll().or_else(|| {
            tally.flush();
            worker.wait()
        });
        let Some(Numbered { number, value }) = next else {
            break outcomes;
        };
        let value = match hash_one(worker, value, algorithms, &mut buffer, &mut tally) {
            Ok(Some(hashed)) => {
                tally.file();
                Outcome::Hashed(hashed)
            }
            Ok(None) => continue,
            Err(error) => {
                worker.failed();
                Outcome::Failed(error)
            }
        };
        outcomes.push(Numbered { number, value });
    }
}

/// None if the work is to stop.
fn hash_one<C: Content>(
    worker: &Worker<'_, C>,
    mut content: C,
    algorithms: &[Algorithm],
    buffer: &mut [u8],
    tally: &mut Tally<'_>,
) -> Result<Option<Hashed>, C::Error> {
    let mut hashers: Vec<Hasher> = algorithms.iter().copied().map(Hasher::new).collect();
    let mut size_bytes = 0_u64;
    loop {
        if worker.stop.is_set() {
            return Ok(None);
        }
        let bytes = read_into(&mut content, buffer)?;
        if bytes.is_empty() {
            break;
        }
        for hasher in &mut hashers {
            hasher.update(bytes);
        }
        size_bytes = size_bytes.saturating_add(tally.bytes(bytes.len()));
    }
    Ok(Some(Hashed {
        size_bytes,
        digests: hashers.into_iter().map(Hasher::finish).collect(),
    }))
}
