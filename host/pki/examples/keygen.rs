//! How long the keys of `init phase certs all` take: `cargo run --release -p kubephase-pki --example keygen`.
#![expect(clippy::print_stdout, reason = "an example that prints timings")]

use std::time::Instant;

use kubephase_model::KeyAlgorithm;
use kubephase_pki::{KeyPool, generate_key};

fn main() {
    for algorithm in KeyAlgorithm::ALL {
        let rounds = if algorithm == KeyAlgorithm::Rsa4096 { 2 } else { 7 };
        let mut pooled: Vec<u128> = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                let pool = KeyPool::start(11, algorithm);
                for _ in 0..11 {
                    pool.take().expect("a key");
                }
                start.elapsed().as_micros()
            })
            .collect();
        pooled.sort_unstable();
        let start = Instant::now();
        for _ in 0..rounds {
            generate_key(algorithm).expect("a key");
        }
        let one = start.elapsed().as_micros() / rounds;
        println!(
            "{algorithm}: 11 keys in a pool {} µs (median of {rounds}), one key {one} µs",
            pooled[pooled.len() / 2]
        );
    }
}
