//! What a program knows of where it runs, and what it leaves there.

use kubephase_sdk::prelude::*;
use wasip2::cli::{environment, exit, stdin, stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::random::{insecure, insecure_seed, random};

use crate::attempt;

/// All that must be the same in every run, and nothing of this machine in it.
pub fn same() -> Vec<Finding> {
    let arguments = environment::get_arguments();
    let variables = environment::get_environment();
    let now = wall_clock::now();
    let seed = insecure_seed::insecure_seed();
    let message = format!(
        "{arguments:?} {variables:?} {:?} {}.{:09} {:016x} {:016x} {seed:x?}",
        environment::initial_cwd(),
        now.seconds,
        now.nanoseconds,
        random::get_random_u64(),
        insecure::get_insecure_random_u64(),
    );
    let input = stdin::get_stdin().blocking_read(1);
    vec![Finding::info("Same", message), attempt("standard input", input)]
}

/// What differs from run to run.
pub fn clock() -> Finding {
    Finding::info("Clock", monotonic_clock::now().to_string())
}

/// Sleeps for an hour.
pub fn sleep() -> Vec<Finding> {
    monotonic_clock::subscribe_duration(3_600_000_000_000).block();
    vec![Finding::error("Leaked", "slept for an hour")]
}

/// Says much, and commands to the terminal.
pub fn flood() -> Vec<Finding> {
    let line = "\u{1b}[2Jall work and no play ".repeat(100);
    let out = stdout::get_stdout();
    for _ in 0..20_000 {
        if out.blocking_write_and_flush(line.as_bytes()).is_err() {
            break;
        }
    }
    Vec::new()
}

/// Ends the program that it believes to be.
pub fn exit() -> Vec<Finding> {
    exit::exit(Ok(()));
    vec![Finding::error("Leaked", "outlived its end")]
}
