//! Wanting too much.

use std::hint::black_box;

use kubephase_sdk::prelude::*;

use super::{Attack, Call};

pub const ATTACKS: &[(&str, Attack)] =
    &[("memory-bomb", bomb), ("memory-reserved", reserved), ("gigabyte", gigabyte), ("large-answer", large_answer)];

/// Until there is no more.
fn bomb(_: &Call<'_>) -> Result<Proposal, Failure> {
    let mut all = Vec::new();
    loop {
        all.push(black_box(vec![0x5a_u8; 1 << 20]));
    }
}

/// All at once, and not touched.
fn reserved(_: &Call<'_>) -> Result<Proposal, Failure> {
    let all: Vec<u8> = black_box(Vec::with_capacity(1 << 30));
    Ok(Proposal::new().finding(Finding::info("Done", format!("has {} bytes", all.capacity()))))
}

/// A gigabyte as an answer, if it gets that far.
fn gigabyte(_: &Call<'_>) -> Result<Proposal, Failure> {
    Ok(large(1 << 30))
}

/// As much as fits into the usual limit of memory.
fn large_answer(_: &Call<'_>) -> Result<Proposal, Failure> {
    Ok(large(24 << 20))
}

fn large(size: usize) -> Proposal {
    let text = "x".repeat(size);
    Proposal::new().image(text.clone()).finding(Finding::info("Large", text))
}
