//! `many_buffers BUFFER_BYTES BUFFERS ROUNDS`: SHA-256 of many buffers on one core, as `bench/peers/evp.c` does
//! with OpenSSL. Prints the sum of all digests, so that both can be seen to have done the same.

use std::env;
use std::process::ExitCode;

use ima_assay_digest::{Algorithm, hash_many};

fn main() -> ExitCode {
    let numbers: Option<Vec<usize>> = env::args().skip(1).map(|arg| arg.parse().ok()).collect();
    let Some([size, count, rounds]) = numbers.as_deref() else {
        eprintln!("usage: many_buffers BUFFER_BYTES BUFFERS ROUNDS");
        return ExitCode::from(2);
    };
    let all: Vec<u8> = (0..size.saturating_mul(*count)).map(byte_at).collect();
    let buffers: Vec<&[u8]> = all.chunks(*size).collect();
    let mut sum = [0_u8; 32];
    for _ in 0..*rounds {
        for digest in hash_many(Algorithm::Sha256, &buffers) {
            for (sum, byte) in sum.iter_mut().zip(digest.bytes()) {
                *sum = sum.wrapping_add(*byte);
            }
        }
    }
    let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{hex}");
    ExitCode::SUCCESS
}

/// Noise, the same in both programs.
fn byte_at(index: usize) -> u8 {
    let [_, _, byte, _, ..] = index.wrapping_mul(2_654_435_761).to_le_bytes();
    byte
}
