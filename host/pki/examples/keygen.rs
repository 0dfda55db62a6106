//! How long the keys and certificates of `init phase certs all` take, files and start-up aside:
//! `cargo run --release -p kubephase-pki --example keygen [KIND]`.
#![expect(clippy::print_stdout, reason = "an example that prints timings")]
#![expect(clippy::disallowed_methods, reason = "an example that looks at the clock")]

use std::time::{Instant, SystemTime};

use kubephase_model::KeyAlgorithm;
use kubephase_model::config::duration::GoDuration;
use kubephase_pki::{AltNames, KeyPool, Request, Serial, Usage, Validity, issue, self_signed};

/// Three authorities with seven certificates, and one bare key, as `init` needs them.
fn everything(algorithm: KeyAlgorithm) -> usize {
    let pool = KeyPool::start(11, algorithm);
    let key = || pool.take().expect("a key");
    let request = Request {
        common_name: "kube-apiserver".into(),
        organizations: Vec::new(),
        usages: vec![Usage::ServerAuth],
        names: AltNames::new(["node".into(), "kubernetes.default.svc".into()], [[10, 96, 0, 1].into()]),
        validity: Validity::backdated(SystemTime::now(), GoDuration::hours(8760)).expect("a time"),
        serial: Serial::from_random([1; 8]),
        marked: true,
    };
    let mut written = 0;
    for leaves in [2, 1, 4] {
        let ca = self_signed(&request, key()).expect("an authority");
        written += ca.cert().pem().expect("PEM").len() + ca.key().to_pem().expect("PEM").len();
        for _ in 0..leaves {
            let key = key();
            let cert = issue(&request, &key, &ca).expect("a certificate");
            written += cert.pem().expect("PEM").len() + key.to_pem().expect("PEM").len();
        }
    }
    written + key().to_pem().expect("PEM").len()
}

fn main() {
    let wanted = std::env::args().nth(1);
    for algorithm in KeyAlgorithm::ALL.into_iter().filter(|a| wanted.as_deref().is_none_or(|name| name == a.name())) {
        let rounds = if algorithm == KeyAlgorithm::Rsa4096 { 3 } else { 15 };
        let mut times: Vec<u128> = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                assert!(everything(algorithm) > 5_000);
                start.elapsed().as_micros()
            })
            .collect();
        times.sort_unstable();
        println!(
            "{algorithm}: median of {rounds} {} µs, best {} µs, worst {} µs",
            times[rounds / 2],
            times[0],
            times[rounds - 1]
        );
    }
}
