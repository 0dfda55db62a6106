//! The fuzz target's entry point on a stable compiler: every configuration of the fixtures, and simple mutations of
//! them, the same in every run.

use std::fs;
use std::path::Path;

use fastrand::Rng;

use crate::config_loader;
use crate::support::fixtures;

/// Mutants per seed file.
const MUTANTS: usize = 12;

/// What breaks readers of YAML.
const TOKENS: &[&[u8]] = &[
    b"---\n",
    b"...\n",
    b"\t",
    b"&a ",
    b"*a",
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"? ",
    b"!!str ",
    b"!<x> ",
    b"|\n",
    b">-\n",
    b"\"",
    b"'",
    b"#",
    b"%",
    b"@",
    b"<<: ",
    b"\r",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\n\n",
    b"  ",
    b"null",
    b"1e999",
    b"-9223372036854775809",
    b"0x",
    b"kind: ",
    b"apiVersion: kubeadm.k8s.io/v1beta3\n",
];

/// Every YAML file of the fixtures.
fn seeds() -> Vec<(String, Vec<u8>)> {
    fn walk(directory: &Path, seeds: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, seeds);
            } else if path.extension().is_some_and(|e| e == "yaml")
                && !path.components().any(|c| c.as_os_str() == "files")
            {
                seeds.push((path.display().to_string(), fs::read(&path).expect("a file")));
            }
        }
    }
    let mut seeds = Vec::new();
    walk(&fixtures(), &mut seeds);
    seeds.sort();
    assert!(seeds.len() > 250, "only {} seeds", seeds.len());
    seeds
}

#[test]
fn seeds_are_read() {
    for (name, bytes) in seeds() {
        guarded(&name, &bytes);
    }
}

#[test]
fn mutants_are_read() {
    let seeds = seeds();
    let rng = &mut Rng::with_seed(1);
    for (name, bytes) in &seeds {
        for number in 0..MUTANTS {
            let other = &seeds[rng.usize(..seeds.len())].1;
            guarded(&format!("mutant {number} of {name}"), &mutate(bytes, other, rng));
        }
    }
}

/// Says which input it was, and keeps it.
fn guarded(name: &str, bytes: &[u8]) {
    if std::panic::catch_unwind(|| config_loader::run(bytes)).is_err() {
        let kept = std::env::temp_dir().join("config_loader-failure.yaml");
        fs::write(&kept, bytes).expect("the input can be kept");
        panic!("{name}: the loader panicked, see above; the input is kept as {}", kept.display());
    }
}

fn mutate(bytes: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..=bytes.len());
        let to = rng.usize(at..=bytes.len().min(at + 40));
        match rng.u8(..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            1 => drop(bytes.drain(at..to)),
            2 => drop(bytes.splice(at..at, TOKENS[rng.usize(..TOKENS.len())].iter().copied())),
            3 => {
                let copy = bytes[at..to].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => bytes.truncate(at),
            _ => {
                let from = rng.usize(..=other.len());
                let piece = other[from..other.len().min(from + 200)].to_vec();
                bytes.splice(at..to, piece);
            }
        }
    }
    bytes
}
